"""Fixtures for all test files: MXNet's two array interfaces, random numbers, and an empty drawing board."""

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")


def _interface(name):
    # Imported here, since this file is also read by the process that only hands out the tests.
    import mxnet as mx
    from mxnet import npx

    if name != "np":
        yield mx.nd if name == "nd" else mx.np
        return
    npx.set_np()
    try:
        yield mx.np
    finally:
        npx.reset_np()


@pytest.fixture(params=["nd", "np"])
def xp(request):
    """mx.nd, or mx.np with NumPy semantics switched on for the duration of the test."""
    yield from _interface(request.param)


@pytest.fixture(params=["nd", "np", "np without set_np"])
def any_xp(request):
    """As `xp`, and mx.np with NumPy semantics left off."""
    yield from _interface(request.param)


@pytest.fixture
def rng():
    return np.random.default_rng(0)
