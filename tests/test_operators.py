"""MXNet's operators beside NumPy's: on no pair of versions may a wrong answer hide behind an import that works."""

import mxnet as mx
import numpy as np
import pytest
from mxnet import autograd, gluon, init, npx
from mxnet.gluon import nn
from numpy.testing import assert_allclose, assert_array_equal

DTYPES = ["float32", "float64", "uint8", "int8", "int32", "int64"]
A = np.array([[0.5, -1.25, 2.0], [3.5, 0.25, -0.75]], dtype="float32")
B = np.array([[1.5, 2.0, -0.5], [0.125, 4.0, 1.0]], dtype="float32")


def compare(result, expected, dtype="float32"):
    """Compare type, shape and values; NumPy computes in float64 what MXNet computes in float32."""
    assert isinstance(result, mx.nd.NDArray)
    assert np.dtype(result.dtype) == np.dtype(dtype)
    result = result.asnumpy()
    assert result.dtype == np.dtype(dtype)
    expected = np.asarray(expected)
    # The old interface has no arrays without axes; it has one element instead.
    assert result.shape == expected.shape or (result.shape == (1,) and expected.shape == ())
    assert_allclose(result.reshape(expected.shape), expected, rtol=1e-5, atol=1e-5)


def each(cases):
    """One test for each of the named cases."""
    return pytest.mark.parametrize("case", cases.values(), ids=list(cases))


def extension(xp):
    """What NumPy does not have is in mx.nd itself, or in mx.npx."""
    return mx.nd if xp is mx.nd else npx


# creation


@pytest.mark.parametrize("dtype", DTYPES)
def test_array_of_each_type(xp, dtype):
    values = np.array([[0, 1, 100], [3, 4, 127]], dtype=dtype)
    compare(xp.array(values, dtype=dtype), values, dtype)
    compare(xp.array(values.tolist(), dtype=dtype), values, dtype)
    compare(xp.array(values).astype(dtype), values, dtype)
    compare(xp.array(values, dtype="float32").astype(np.dtype(dtype)), values, dtype)
    assert_array_equal(xp.array(values, dtype=dtype).asnumpy(), values)


@each(
    {
        "list": [1.5, 2.5],
        "tuple": (1.5, 2.5),
        "integers": [1, 2],
        "NumPy's scalars": [np.float64(1.5), np.float32(2.5), np.int64(3)],
        "columns": A.T,
        "every other": A[:, ::2],
        "backwards": A[::-1],
    }
)
def test_array_is_float32_by_itself(xp, case):
    compare(xp.array(case, dtype="float32"), case)
    if not isinstance(case, np.ndarray):  # of an array, the old interface takes the type over
        compare(xp.array(case), case)


def test_array_owns_its_memory(xp):
    values = A.copy()
    array = xp.array(values)
    values[:] = 0
    compare(array, A)
    copy = array.asnumpy()
    copy[:] = 0
    compare(array, A)


@each(
    {
        "zeros": (lambda xp: xp.zeros((2, 3)), np.zeros((2, 3))),
        "ones": (lambda xp: xp.ones((2, 3)), np.ones((2, 3))),
        "full": (lambda xp: xp.full((2, 3), 1.5), np.full((2, 3), 1.5)),
        "arange": (lambda xp: xp.arange(2, 8, 2), np.arange(2, 8, 2)),
        "eye": (lambda xp: xp.eye(3), np.eye(3)),
        "zeros_like": (lambda xp: xp.zeros_like(xp.array(A)), np.zeros_like(A)),
        "ones_like": (lambda xp: xp.ones_like(xp.array(A)), np.ones_like(A)),
        "linspace": (lambda xp: xp.linspace(-1, 1, 5), np.linspace(-1, 1, 5)),
        "one_hot": (lambda xp: extension(xp).one_hot(xp.array([2, 0]), 3), np.eye(3)[[2, 0]]),
    }
)
def test_creation(xp, case):
    function, expected = case
    compare(function(xp), expected)


def test_from_numpy_shares_the_memory():
    values = A.copy()
    shared = mx.nd.from_numpy(values, zero_copy=True)
    compare(shared, A)
    shared[0] = 7
    shared.wait_to_read()
    assert_array_equal(values[0], [7, 7, 7])


def test_dlpack_there_and_back():
    compare(mx.nd.from_dlpack(mx.nd.array(A).to_dlpack_for_read()), A)


# arithmetic and broadcasting

BINARY = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "%": lambda a, b: a % b,
    "**": lambda a, b: abs(a) ** b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


def result_type(xp, name):
    return "bool" if xp is mx.np and name[0] in "<>=!" else "float32"


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("other", [B, A, B[:1]], ids=["other", "same", "row"])
def test_arithmetic_of_arrays(xp, name, other):
    compare(BINARY[name](xp.array(A), xp.array(other)), BINARY[name](A, other), result_type(xp, name))


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize(
    "scalar", [2, 0.1, np.float32(0.1), np.float64(0.1), np.int64(2), np.int32(2)], ids=lambda s: f"{type(s).__name__}"
)
def test_arithmetic_with_a_scalar(xp, name, scalar):
    """The type of a scalar, be it NumPy's, never changes the type of the result."""
    compare(BINARY[name](xp.array(A), scalar), BINARY[name](A, float(scalar)), result_type(xp, name))
    if not isinstance(scalar, np.generic):  # that one would be asked first
        compare(BINARY[name](scalar, xp.array(B)), BINARY[name](float(scalar), B), result_type(xp, name))


@each({"add": "add", "subtract": "sub", "multiply": "mul", "divide": "div", "maximum": "maximum", "minimum": "minimum"})
@pytest.mark.parametrize("shapes", [((2, 3), (1, 3)), ((2, 1), (1, 3)), ((2, 3), (2, 1)), ((4, 1, 2), (1, 3, 2))])
def test_broadcasting(xp, case, shapes, rng):
    a, b = (rng.uniform(1, 2, size=shape).astype("float32") for shape in shapes)
    (name,) = [n for n in ("add", "subtract", "multiply", "divide", "maximum", "minimum") if n.startswith(case)]
    function = getattr(mx.nd, f"broadcast_{case}") if xp is mx.nd else getattr(mx.np, name)
    compare(function(xp.array(a), xp.array(b)), getattr(np, name)(a, b))
    compare(xp.broadcast_to(xp.array(A[:1]), (2, 3)), np.broadcast_to(A[:1], (2, 3)))


def test_arithmetic_in_place(xp):
    a, expected = xp.array(A), A.copy()
    same = a
    for number in (2, np.float32(0.5), np.float64(3), np.int64(2)):
        a += number
        a *= number
        a -= 1
        a /= 4
        expected = ((expected + number) * number - 1) / 4
    a[:] = a - xp.array(B)
    assert a is same
    compare(a, expected - B)


UNARY = {
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "square": np.square,
    "abs": np.abs,
    "tanh": np.tanh,
    "sign": np.sign,
    "floor": np.floor,
    "cos": np.cos,
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "softmax": lambda x: np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True),
    "log_softmax": lambda x: x - np.log(np.exp(x).sum(axis=-1, keepdims=True)),
}


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_functions_of_each_element_or_row(xp, name, dtype):
    values = (np.abs(A) if name in ("log", "sqrt") else A).astype(dtype)
    function = getattr(xp if hasattr(xp, name) else npx, name)
    compare(function(xp.array(values, dtype=dtype)), UNARY[name](values.astype("float64")), dtype)


def test_clip_where_and_negative(xp):
    compare(xp.array(A).clip(-1, 1), A.clip(-1, 1))
    compare(xp.where(xp.array(A) > 0, xp.array(A), xp.array(B)), np.where(A > 0, A, B))
    compare(-xp.array(A), -A)


# reductions


@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "prod"])
def test_reductions(xp, name, axis, keepdims):
    options = {"keepdims": keepdims} if axis is None else {"axis": axis, "keepdims": keepdims}
    expected = getattr(A, name)(**options)
    if axis is None and keepdims and xp is mx.nd:
        expected = expected.reshape(1, 1)
    compare(getattr(xp.array(A), name)(**options), expected)
    compare(getattr(xp, name)(xp.array(A), **options), expected)


def test_reductions_of_many_elements(xp, rng):
    values = rng.normal(size=(1000, 100)).astype("float32")
    assert_allclose(xp.array(values).sum().asnumpy().item(), values.astype("float64").sum(), rtol=1e-4)
    assert_allclose(xp.array(values).mean().asnumpy().item(), values.astype("float64").mean(), atol=1e-6)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_argmax(xp, name, axis):
    # The old interface returns float32, the new one int64.
    compare(getattr(xp.array(A), name)(axis=axis), getattr(A, name)(axis=axis), "float32" if xp is mx.nd else "int64")


def test_norm(xp):
    compare(xp.array(A).norm() if xp is mx.nd else mx.np.linalg.norm(xp.array(A)), np.linalg.norm(A))


# products, shapes, indices


@pytest.mark.parametrize(
    "shapes", [((2, 3), (3, 4)), ((2, 3), (3,)), ((3,), (3,)), ((1, 3), (3, 1)), ((9, 64), (64, 8))]
)
def test_dot(xp, shapes, rng):
    a, b = (rng.uniform(-0.5, 0.5, size=shape).astype("float32") for shape in shapes)
    compare(xp.dot(xp.array(a), xp.array(b)), np.dot(a.astype("float64"), b))


@each(
    {
        "reshape": lambda xp, a: a.reshape((3, 2)),
        "reshape with -1": lambda xp, a: a.reshape((-1,)),
        "T": lambda xp, a: a.T,
        "transpose": lambda xp, a: xp.transpose(a),
        "expand_dims": lambda xp, a: xp.expand_dims(a, axis=1),
        "squeeze": lambda xp, a: a[:1].squeeze(),
        "stack": lambda xp, a: xp.stack(a, a) if xp is mx.nd else xp.stack([a, a]),
        "concat": lambda xp, a: xp.concat(a, a, dim=0) if xp is mx.nd else xp.concatenate([a, a]),
        "flip": lambda xp, a: xp.flip(a, axis=0),
        "tile": lambda xp, a: xp.tile(a, (2, 1)),
        "repeat": lambda xp, a: xp.repeat(a, 2, axis=1),
    }
)
def test_shapes(xp, case):
    compare(case(xp, xp.array(A)), case(np, A))


INDICES = {
    "row": 1,
    "NumPy's integer": np.int64(1),
    "NumPy's short integer": np.int32(1),
    "last": -1,
    "element": (1, 2),
    "element, NumPy's": (np.int64(1), np.int64(2)),
    "slice": slice(0, 1),
    "slice to the end": slice(1, None),
    "all": slice(None),
    "column": (slice(None), 1),
    "columns": (slice(None), slice(1, 3)),
    "steps": (slice(None), slice(None, None, 2)),
    "backwards": slice(None, None, -1),
    "ellipsis": (..., 0),
    "new axis": (None, 0),
    "list": [1, 0, 1],
    "NumPy's array": np.array([1, 0, 1]),
    "pairs": ([0, 1], [2, 0]),
}


@each(INDICES)
def test_indexing(xp, case):
    compare(xp.array(A)[case], A[case])


@each({name: key for name, key in INDICES.items() if name not in ("list", "NumPy's array")})
def test_assignment(xp, case):
    for value in (7, 0.5, np.float32(0.5), np.float64(0.25), np.int64(3)):
        array, expected = xp.array(A), A.copy()
        array[case] = value
        expected[case] = value
        compare(array, expected)
    array, expected = xp.array(A), A.copy()
    array[case] = xp.array(B)[case]
    expected[case] = B[case]
    compare(array, expected)


def test_masks():
    npx.set_np()
    try:
        a = mx.np.array(A)
        compare(a[a > 0], A[A > 0])
        compare(a[mx.np.array([True, False], dtype=bool)], A[:1])
        compare(a[np.array([True, False])], A[:1])
        a[a < 0] = 0
        compare(a, np.maximum(A, 0))
        compare(mx.np.full((2,), True), [True, True], "bool")
    finally:
        npx.reset_np()


@pytest.mark.parametrize("dtype", ["float32", "int32", "int64"])
def test_take_and_pick(xp, dtype):
    rows, columns = np.array([1, 0, 1]), np.array([2, 0])
    compare(xp.array(A).take(xp.array(rows, dtype=dtype), axis=0), A.take(rows, axis=0))
    compare(xp.take(xp.array(A), xp.array(columns, dtype=dtype), axis=1), A.take(columns, axis=1))
    compare(extension(xp).pick(xp.array(A), xp.array(columns, dtype=dtype)), A[[0, 1], columns])


def test_length_and_loop(xp):
    a = xp.array(A)
    assert len(a) == 2
    assert a.shape == (2, 3)
    assert a.size == 6
    for row, expected in zip(a, A, strict=True):
        compare(row, expected)


def test_numbers_and_text(xp):
    """A scalar prints as a number whatever NumPy prints scalars like; an array prints the same everywhere."""
    two = xp.array([1.5, 0.5]).sum()
    number = two.asscalar() if xp is mx.nd else two.item()
    assert number == float(number) == two.asnumpy().item() == 2
    assert f"{number} {number:.2f} {number!s}" == "2.0 2.00 2.0"
    assert two
    assert not two - 2
    assert xp.array([[1, 2], [3, 4]]).asnumpy().tolist() == [[1.0, 2.0], [3.0, 4.0]]
    text = repr(xp.array([[1, 2.5], [3, -4]]))
    assert (
        text
        == {
            mx.nd: "\n[[ 1.   2.5]\n [ 3.  -4. ]]\n<NDArray 2x2 @cpu(0)>",
            mx.np: "array([[ 1. ,  2.5],\n       [ 3. , -4. ]])",
        }[xp]
    )


@pytest.mark.parametrize("name", ["sum", "mean", "max", "argmax", "exp", "sqrt", "add", "dot", "concatenate", "where"])
def test_numpys_own_functions_of_mxnets_arrays(name):
    """NumPy hands its functions over to mx.np."""
    positive = np.abs(A)
    arguments = {
        "add": lambda a: (a, a),
        "dot": lambda a: (a, a.T),
        "concatenate": lambda a: ([a, a],),
        "where": lambda a: (a > 1, a, a),
    }.get(name, lambda a: (a,))
    npx.set_np()
    try:
        result = getattr(np, name)(*arguments(mx.np.array(positive)))
    finally:
        npx.reset_np()
    assert isinstance(result, mx.np.ndarray)
    compare(result, getattr(np, name)(*arguments(positive)), "int64" if name == "argmax" else "float32")


# random numbers

N = 100_000


def check_moments(sample, mean, std):
    """Check mean and standard deviation; chance alone gets there less than once in ten million times."""
    sample = sample.asnumpy().astype("float64").ravel()
    assert abs(sample.mean() - mean) < 5.5 * std / np.sqrt(sample.size)
    assert abs(sample.std() - std) < 5.5 * std / np.sqrt(sample.size)


def test_random_moments(xp):
    mx.random.seed(0)
    shape = {"shape" if xp is mx.nd else "size": (N // 10, 10)}
    check_moments(xp.random.normal(1.0, 2.0, **shape), 1, 2)
    check_moments(xp.random.normal(np.float64(1), np.float32(2), **shape), 1, 2)
    check_moments(xp.random.uniform(-1, 3, **shape), 1, 4 / np.sqrt(12))
    check_moments(xp.random.randint(0, 10, **shape), 4.5, np.sqrt(99 / 12))


def test_seed_repeats(xp):
    shape = {"shape" if xp is mx.nd else "size": (4,)}
    mx.random.seed(3)
    first = xp.random.normal(0, 1, **shape).asnumpy()
    mx.random.seed(3)
    assert_array_equal(xp.random.normal(0, 1, **shape).asnumpy(), first)
    assert len(set(first.tolist())) == 4


def test_shuffle_keeps_the_elements(xp):
    if xp is mx.nd:
        shuffled = mx.nd.random.shuffle(mx.nd.arange(100))
    else:
        shuffled = mx.np.arange(100)
        mx.np.random.shuffle(shuffled)
    assert sorted(shuffled.asnumpy().tolist()) == list(range(100))
    assert shuffled.asnumpy().tolist() != list(range(100))


# gradients


def softmax(x):
    x = np.exp(x - x.max(axis=-1, keepdims=True))
    return x / x.sum(axis=-1, keepdims=True)


@each(
    {
        "square": (lambda xp, x: x * x, lambda x: 2 * x),
        "power": (lambda xp, x: x**3, lambda x: 3 * x**2),
        "NumPy's scalar": (lambda xp, x: x * np.float64(3) + np.float32(1), lambda x: 3 + 0 * x),
        "division": (lambda xp, x: 1 / x, lambda x: -1 / x**2),
        "exp": (lambda xp, x: xp.exp(x), np.exp),
        "tanh": (lambda xp, x: xp.tanh(x), lambda x: 1 - np.tanh(x) ** 2),
        "relu": (lambda xp, x: extension(xp).relu(x), lambda x: x > 0),
        "maximum": (lambda xp, x: xp.maximum(x, xp.zeros_like(x)), lambda x: x > 0),
        "mean": (lambda xp, x: x.mean(), lambda x: np.full(x.shape, 1 / x.size)),
        "dot": (lambda xp, x: xp.dot(x, xp.array(B.T)), lambda x: np.ones((2, 2)) @ B),
        "slice": (lambda xp, x: x[1:] * 2, lambda x: np.array([[0, 0, 0], [2, 2, 2]])),
        "element": (lambda xp, x: x[1, 2] * 3, lambda x: np.array([[0, 0, 0], [0, 0, 3]])),
        "log_softmax": (lambda xp, x: extension(xp).log_softmax(x), lambda x: 1 - 3 * softmax(x)),
        "pick": (lambda xp, x: extension(xp).pick(x, xp.array([2, 0])), lambda x: np.eye(3)[[2, 0]]),
        "cross-entropy": (
            lambda xp, x: -extension(xp).pick(extension(xp).log_softmax(x), xp.array([2, 0])),
            lambda x: softmax(x) - np.eye(3)[[2, 0]],
        ),
    }
)
def test_gradients(xp, case):
    function, gradient = case
    x = xp.array(A)
    x.attach_grad()
    for _ in range(2):  # the second gradient replaces the first
        with autograd.record():
            y = function(xp, x)
        y.backward()
    compare(x.grad, gradient(A.astype("float64")))


def test_recording(xp):
    x = xp.array(A)
    x.attach_grad(grad_req="add")
    for _ in range(2):
        with autograd.record():
            assert autograd.is_recording()
            assert autograd.is_training()
            with autograd.pause():
                factor = (x * 2).sum()  # no part of the gradient
            y = x * factor + x.detach() * 5
        y.backward(xp.array(B))
    compare(x.grad, 2 * B * 2 * A.sum())
    assert not autograd.is_recording()


# layers, losses, trainers


def parameters(net):
    """The parameters' values as NumPy arrays, in order."""
    return [parameter.data().asnumpy() for parameter in net.collect_params().values()]


ACTIVATIONS = {None: lambda x: x, "relu": UNARY["relu"], "sigmoid": UNARY["sigmoid"], "tanh": np.tanh}


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("hybrid", [False, True])
def test_dense(xp, activation, hybrid, rng):
    net = nn.HybridSequential()
    net.add(nn.Flatten(), nn.Dense(4, activation=activation), nn.Dense(2))
    net.initialize(init.Normal(sigma=0.5))
    if hybrid:
        net.hybridize()
    images = rng.normal(size=(5, 2, 3)).astype("float32")
    X = xp.array(images)
    X.attach_grad()
    with autograd.record():
        result = net(X)
    result.backward()
    w1, b1, w2, b2 = parameters(net)
    assert w1.shape == (4, 6)
    flat = images.reshape(5, 6)
    hidden = ACTIVATIONS[activation](flat @ w1.T + b1)
    compare(result, hidden @ w2.T + b2)
    gradients = [parameter.grad() for parameter in net.collect_params().values()]
    compare(gradients[2], np.ones((5, 2)).T @ hidden)
    compare(gradients[3], [5, 5])
    if activation is None:
        compare(gradients[0], (np.ones((5, 2)) @ w2).T @ flat)
        compare(X.grad, (np.ones((5, 2)) @ w2 @ w1).reshape(5, 2, 3))


def test_dropout(xp):
    mx.random.seed(0)
    layer = nn.Dropout(0.3)
    layer.initialize()
    X = xp.ones((N // 10, 10))
    compare(layer(X), np.ones((N // 10, 10)))  # nothing is dropped when nothing is trained
    with autograd.train_mode():
        dropped = layer(X)
    values = np.unique(dropped.asnumpy())
    assert_allclose(values, [0, 1 / 0.7], rtol=1e-6)
    check_moments(dropped != 0, 0.7, np.sqrt(0.7 * 0.3))


def test_losses(xp, rng):
    scores, labels = rng.normal(size=(6, 4)).astype("float32"), np.array([0, 3, 2, 1, 1, 0])
    targets = rng.normal(size=(6, 4)).astype("float32")
    log_probabilities = np.log(softmax(scores.astype("float64")))
    cross_entropies = -log_probabilities[np.arange(6), labels]
    for dtype in ("float32", "int32"):
        loss = gluon.loss.SoftmaxCrossEntropyLoss()
        compare(loss(xp.array(scores), xp.array(labels, dtype=dtype)), cross_entropies)
    loss = gluon.loss.SoftmaxCrossEntropyLoss(sparse_label=False)
    compare(loss(xp.array(scores), xp.array(np.eye(4)[labels], dtype="float32")), cross_entropies)
    compare(gluon.loss.L2Loss()(xp.array(scores), xp.array(targets)), ((scores - targets) ** 2 / 2).mean(axis=1))
    compare(gluon.loss.L1Loss()(xp.array(scores), xp.array(targets)), np.abs(scores - targets).mean(axis=1))


def test_numpys_integers_as_sizes(xp):
    """NumPy 2 writes np.int64(2) in a tuple, which MXNet's engine cannot read."""
    two, three = np.int64(2), np.int32(3)
    size = {"shape" if xp is mx.nd else "size": (two, three)}
    assert xp.zeros((two, three)).shape == xp.random.normal(0, 1, **size).shape == (2, 3)
    compare(xp.array(A).reshape((three, two)), A.reshape(3, 2))
    compare(xp.broadcast_to(xp.array(A[:1]), (two, three)), A[[0, 0]])
    compare(xp.array(A).sum(axis=(np.int64(0), np.int64(1))), A.sum())
    net = nn.HybridSequential()
    net.add(nn.Dense(two, in_units=three), nn.Dropout(np.float32(0.5)))
    net.initialize(init.Normal(sigma=1))
    result = net(xp.array(A)).asnumpy()
    net.hybridize()
    compare(net(xp.array(A)), result)
    variable = mx.sym.var("x", shape=(two, three))
    assert variable.reshape(shape=(three, two)).infer_shape()[1] == [(3, 2)]


@each(
    {
        "number": {"learning_rate": 0.1},
        "NumPy's scalars": {"learning_rate": np.float64(0.1), "wd": np.float32(0.5)},
        "weight decay": {"learning_rate": 0.1, "wd": 0.5},
        "momentum": {"learning_rate": 0.1, "momentum": 0.9},
    }
)
def test_trainer(xp, case, rng):
    X, y = rng.normal(size=(8, 3)).astype("float32"), rng.normal(size=(8, 1)).astype("float32")
    net = nn.Dense(1)
    net.initialize(init.Normal(sigma=1))
    net(xp.array(X))
    w, b = parameters(net)
    velocities = [np.zeros_like(w), np.zeros_like(b)]
    trainer = gluon.Trainer(net.collect_params(), "sgd", case)
    for _ in range(5):
        with autograd.record():
            loss = gluon.loss.L2Loss()(net(xp.array(X)), xp.array(y))
        loss.backward()
        trainer.step(8)
        error = X @ w.T + b - y
        for i, (values, gradient) in enumerate(zip((w, b), (error.T @ X / 8, error.mean(axis=0)), strict=True)):
            step = gradient + case.get("wd", 0) * values
            velocities[i] = case.get("momentum", 0) * velocities[i] - 0.1 * step
            values += velocities[i]
    for result, expected in zip(parameters(net), (w, b), strict=True):
        assert_allclose(result, expected, rtol=1e-4, atol=1e-5)


def test_initializers(xp):
    mx.random.seed(0)
    np.random.seed(0)
    bound = np.sqrt(3 / 300)
    for initializer, mean, std in (
        (init.Normal(sigma=0.01), 0, 0.01),
        (init.Uniform(0.2), 0, 0.2 / np.sqrt(3)),
        (init.Xavier(), 0, bound / np.sqrt(3)),
        (init.MSRAPrelu(slope=0), 0, np.sqrt(2 / 300)),
    ):
        layer = nn.Dense(300, in_units=300)
        layer.initialize(initializer)
        check_moments(layer.weight.data(), mean, std)
        compare(layer.bias.data(), np.zeros(300))
    layer.initialize(init.Zero(), force_reinit=True)
    compare(layer.weight.data(), np.zeros((300, 300)))


def test_parameters_are_saved_and_loaded(xp, tmp_path, rng):
    def new_net():
        net = nn.Sequential()
        net.add(nn.Dense(4, activation="relu"), nn.Dropout(0.5), nn.Dense(2))
        return net

    net, copy = new_net(), new_net()
    net.initialize(init.Normal(sigma=1))
    X = xp.array(rng.normal(size=(3, 5)).astype("float32"))
    result = net(X)
    net.save_parameters(str(tmp_path / "net.params"))
    copy.load_parameters(str(tmp_path / "net.params"))
    for one, other in zip(parameters(net), parameters(copy), strict=True):
        assert_array_equal(one, other)
    compare(copy(X), result.asnumpy())


def test_arrays_are_saved_and_loaded(xp, tmp_path):
    place = str(tmp_path / "arrays")
    extension(xp).save(place, {dtype: xp.array([0, 1, 100], dtype=dtype) for dtype in DTYPES})
    loaded = extension(xp).load(place)
    assert set(loaded) == set(DTYPES)
    for dtype, array in loaded.items():
        compare(array, [0, 1, 100], dtype)


def test_minibatches(xp):
    features, labels = np.arange(20, dtype="float32").reshape(10, 2), np.arange(10, dtype="float32")
    dataset = gluon.data.ArrayDataset(xp.array(features), xp.array(labels))
    batches = list(gluon.data.DataLoader(dataset, batch_size=4))
    assert [len(y) for _, y in batches] == [4, 4, 2]
    for i, (X, y) in enumerate(batches):
        compare(X, features[4 * i : 4 * i + 4])
        compare(y, labels[4 * i : 4 * i + 4])
    shuffled = [y for _, y in gluon.data.DataLoader(dataset, batch_size=4, shuffle=True)]
    assert sorted(np.concatenate([y.asnumpy() for y in shuffled])) == list(range(10))


def test_metric():
    accuracy = mx.metric.Accuracy()
    accuracy.update([mx.nd.array([2, 1])], [mx.nd.array(A)])
    assert accuracy.get() == ("accuracy", 0.5)
