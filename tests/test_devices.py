import d2lhelpers as dh
from d2lhelpers.compat import import_d2l

import mxnet as mx
import pytest


@pytest.mark.parametrize("num_gpus", [0, 1, 2])
@pytest.mark.parametrize("i", [0, 1, 5])
def test_try_gpu_agrees_with_d2l(monkeypatch, num_gpus, i):
    monkeypatch.setattr(mx.context, "num_gpus", lambda: num_gpus)
    monkeypatch.setattr("mxnet.numpy_extension.num_gpus", lambda: num_gpus)
    assert dh.try_gpu(i) == import_d2l().try_gpu(i) == (mx.gpu(i) if i < num_gpus else mx.cpu())


def test_try_gpu_without_an_argument(monkeypatch):
    monkeypatch.setattr(mx.context, "num_gpus", lambda: 1)
    assert dh.try_gpu() == mx.gpu(0)


@pytest.mark.parametrize(("i", "error"), [(-1, ValueError), ("gpu", TypeError), (0.5, TypeError)])
def test_try_gpu_refuses_what_is_no_number_of_a_gpu(i, error):
    with pytest.raises(error, match=r"^i must be"):
        dh.try_gpu(i)
