"""Compare what MXNet's BLAS and LAPACK compute with what is known to be right.

OpenBLAS chooses its routines by the processor, and on a new one a choice can be wrong: some of its versions returned
wrong products on ARM's SME. So a little is checked whenever MXNet is imported on ARM, and much more by `doctor`.

Products are of small whole numbers, so that every rounding is exact; NumPy multiplies these without a BLAS.
"""

import numpy as np

SIZES = ((17, 33, 9),)  # rows, inner, columns
MORE_SIZES = (
    (1, 1, 1),
    (1, 7, 3),
    (5, 1, 8),
    (64, 64, 64),
    (2, 200, 1),
    (3, 4, 129),
    (31, 16, 47),
    (100, 784, 10),
    (128, 20, 256),
    (255, 257, 130),
)
TOLERANCE = {"float32": 1e-5, "float64": 1e-13}  # of factors, whose rounding is not exact, for a matrix of one row


def check(thorough=False):
    """Compute products, and solve and factor a few matrices, as MXNet's operators do.

    Parameters
    ----------
    thorough : bool
        Whether more sizes, and LAPACK's routines, are tried, too; that takes about a second instead of milliseconds.

    Raises
    ------
    ArithmeticError
        If a result is wrong; the message names it, and says what to do.

    Examples
    --------
    >>> check()
    """
    rng = np.random.default_rng(0)  # not the random numbers of the learner
    for dtype in TOLERANCE:
        for size in SIZES + MORE_SIZES * thorough:
            for name, result, expected in _products(rng, dtype, *size):
                _compare(f"{name} of {dtype}, {' × '.join(map(str, size))}", result, expected, 0)
        if thorough:
            for n in (1, 2, 5, 16, 40):
                for name, result, expected in _layers_and_factors(rng, dtype, n):
                    _compare(f"{name} of {dtype}, {n} × {n}", result, expected, TOLERANCE[dtype] * n)


def _compare(name, result, expected, tolerance):
    result = result.asnumpy()
    if result.shape != expected.shape or not np.abs(result - expected).max() <= tolerance * np.abs(expected).max():
        raise ArithmeticError(
            f"On this processor MXNet's matrix routines compute wrongly ({name}). Set the environment variable "
            "OPENBLAS_CORETYPE to ARMV8, whose routines are slower and suit each ARM processor, and start Python again."
        )


def _products(rng, dtype, m, k, n):
    from mxnet import nd

    def draw(*shape):
        values = rng.integers(-4, 5, size=shape)
        return nd.array(values, dtype=dtype), values

    def times(a, b):
        return np.einsum("...ik,...kj->...ij", a, b)

    (a, a_true), (b, b_true), (s, s_true) = draw(m, k), draw(k, n), draw(k, k)
    (batch_a, batch_a_true), (batch_b, batch_b_true) = draw(2, m, k), draw(2, k, n)
    product = times(a_true, b_true)
    yield "dot", nd.dot(a, b), product
    yield "dot, left transposed", nd.dot(a.T, b, transpose_a=True), product
    yield "dot, right transposed", nd.dot(a, b.T, transpose_b=True), product
    yield "dot, both transposed", nd.dot(a.T, b.T, transpose_a=True, transpose_b=True), product
    yield "dot with a vector", nd.dot(a, b[:, 0]), product[:, 0]
    yield "batch_dot", nd.batch_dot(batch_a, batch_b), times(batch_a_true, batch_b_true)
    yield "linalg.syrk", nd.linalg.syrk(a), times(a_true, a_true.T)
    yield "linalg.trmm", nd.linalg.trmm(s, b), times(np.tril(s_true), b_true)


def _layers_and_factors(rng, dtype, n):
    import mxnet as mx
    from mxnet import nd

    def array(values):
        return nd.array(values, dtype=dtype)

    def times(*factors):
        return nd.array(_times(*(factor.asnumpy().astype("float64") for factor in factors)), dtype="float64")

    x, weight, bias = rng.integers(-4, 5, size=(30, n)), rng.integers(-4, 5, size=(7, n)), np.arange(7)
    dense = nd.FullyConnected(array(x), array(weight), array(bias), num_hidden=7)
    yield "FullyConnected", dense, _times(x, weight.T) + bias

    square = rng.normal(size=(n, n)) + n * np.eye(n)
    symmetric = square + square.T
    positive = _times(square, square.T)
    wide = rng.normal(size=(n, 2 * n))
    right = rng.normal(size=(n, 3))
    lower = np.tril(square)

    factor = nd.linalg.potrf(array(positive))
    yield "linalg.potrf", times(factor, factor.T), positive
    yield "linalg.potri", times(nd.linalg.potri(factor), array(positive)), np.eye(n)
    yield "linalg.inverse", times(nd.linalg.inverse(array(square)), array(square)), np.eye(n)
    yield "linalg.trsm", times(array(lower), nd.linalg.trsm(array(lower), array(right))), right
    vectors, values = nd.linalg.syevd(array(symmetric))
    yield "linalg.syevd", times(vectors.T, nd.diag(values), vectors), symmetric
    orthogonal, triangle = nd.linalg.gelqf(array(wide))
    yield "linalg.gelqf", times(triangle, orthogonal), wide
    a = mx.np.array(wide, dtype=dtype)
    u, s, v = mx.np.linalg.svd(a)
    yield "np.linalg.svd", times(u, mx.np.diag(s), v), wide
    solved = mx.np.linalg.solve(mx.np.array(square, dtype=dtype), mx.np.array(right, dtype=dtype))
    yield "np.linalg.solve", times(array(square), solved), right


def _times(*factors):
    product = factors[0]
    for factor in factors[1:]:
        product = np.einsum("ik,kj->ij", product, factor)
    return product
