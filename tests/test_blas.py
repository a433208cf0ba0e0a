"""Wrong products must not reach a learner."""

from d2lhelpers import blas

import mxnet as mx
import numpy as np
import pytest
from mxnet import nd


@pytest.mark.parametrize("thorough", [False, True])
def test_this_machine_computes_right(thorough):
    blas.check(thorough)


@pytest.mark.parametrize(
    ("module", "name"),
    [(nd, name) for name in ("dot", "batch_dot", "FullyConnected")]
    + [(nd.linalg, name) for name in ("syrk", "trmm", "trsm", "potrf", "potri", "inverse", "syevd", "gelqf")]
    + [(mx.np.linalg, "svd"), (mx.np.linalg, "solve")],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_wrong_result_is_noticed(monkeypatch, module, name, dtype):
    """One number is wrong, by a thousandth, in one routine and for one type."""
    right = getattr(module, name)

    def wrong(*args, **kwargs):
        result = right(*args, **kwargs)
        first = result[0] if isinstance(result, list | tuple) else result
        if np.dtype(first.dtype) == dtype and first.size > 6:
            first[(0,) * first.ndim] += 1e-3 * float(abs(first.asnumpy()).max())
        return result

    monkeypatch.setattr(module, name, wrong)
    with pytest.raises(ArithmeticError, match=rf"{name}.* of {dtype}.*OPENBLAS_CORETYPE to ARMV8"):
        blas.check(thorough=True)


def test_what_is_not_a_number_is_noticed(monkeypatch):
    right = nd.dot
    monkeypatch.setattr(nd, "dot", lambda *args, **kwargs: right(*args, **kwargs) * float("nan"))
    with pytest.raises(ArithmeticError, match="dot of float32"):
        blas.check()


def test_the_learners_random_numbers_are_left_alone():
    np.random.seed(0)
    expected = np.random.rand()
    np.random.seed(0)
    blas.check(thorough=True)
    assert np.random.rand() == expected
