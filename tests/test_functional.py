import d2lhelpers as dh

import mxnet as mx
import numpy as np
import pytest
import scipy.special
import scipy.stats
from d2l import mxnet as d2l
from mxnet import autograd, gluon

# float32 has 24 bits, a relative rounding error of 6e-8; a handful of roundings stays below 1e-6.
CLOSE = {"rtol": 1e-6, "atol": 1e-6}
NAN = float("nan")


def array(xp, values, dtype="float32"):
    return xp.array(np.asarray(values), dtype=dtype)


def with_gradient(xp, values):
    param = array(xp, values)
    param.attach_grad()
    return param


def scores(rng):
    return rng.normal(0, 3, (20, 5)).astype("float32")


# linreg


@pytest.mark.parametrize(("w_shape", "b_shape"), [((3,), (1,)), ((3, 1), (1,)), ((3, 4), (4,)), ((3, 4), (1,))])
def test_linreg_equals_numpy(any_xp, rng, w_shape, b_shape):
    X, w, b = (rng.normal(size=shape).astype("float32") for shape in ((7, 3), w_shape, b_shape))
    result = dh.linreg(*(array(any_xp, values) for values in (X, w, b)))
    assert result.shape == (X @ w).shape
    assert type(result) is type(array(any_xp, X))
    np.testing.assert_allclose(result.asnumpy(), X @ w + b, **CLOSE)


@pytest.mark.parametrize("b", [2, 2.0, np.float32(2)])
def test_linreg_takes_a_number_as_bias(any_xp, b):
    result = dh.linreg(array(any_xp, [[1, 2], [3, 4]]), array(any_xp, [10, 1]), b)
    assert result.asnumpy().tolist() == [14, 36]


def test_linreg_takes_a_bias_without_axes(rng):
    with mx.util.np_shape(), mx.util.np_array():
        result = dh.linreg(array(mx.np, [[1, 2]]), array(mx.np, [1, 1]), mx.np.array(2.0))
    assert result.asnumpy().tolist() == [5]


def test_linreg_equals_gluon_and_d2l(xp, rng):
    X = array(xp, rng.normal(size=(7, 3)))
    net = gluon.nn.Dense(4, in_units=3)
    net.initialize(mx.init.Normal(1))
    w, b = net.weight.data().T, net.bias.data()
    np.testing.assert_allclose(dh.linreg(X, w, b).asnumpy(), net(X).asnumpy(), **CLOSE)
    if xp is mx.np:
        np.testing.assert_allclose(dh.linreg(X, w, b).asnumpy(), d2l.linreg(X, w, b).asnumpy(), **CLOSE)


@pytest.mark.parametrize(
    ("X", "w", "b", "error", "message"),
    [
        ([[1, 2]], [1, 2, 3], 0.0, ValueError, r"X has 2 features.*w has 3 weights.*give w the shape \(2,\)"),
        ([1, 2], [1, 2], 0.0, ValueError, r"X must have 2 axes.*\(2,\).*reshape it"),
        ([[1, 2]], [[[1], [2]]], 0.0, ValueError, r"w must have 1 or 2 axes.*\(1, 2, 1\).*reshape it"),
        ([[1, 2]], [1, 2], [1, 2], ValueError, r"b must have the shape.*has \(2,\)"),
        ([[1, 2]], [[1, 1, 1], [2, 2, 2]], [1, 2], ValueError, r"b must have the shape.*\(3,\).*has \(2,\)"),
        ([[1, 2]], [1, 2], [[1]], ValueError, r"b must have the shape.*has \(1, 1\)"),
    ],
)
def test_linreg_refuses_shapes_that_do_not_fit(xp, X, w, b, error, message):
    b = b if isinstance(b, float) else array(xp, b)
    with pytest.raises(error, match=message):
        dh.linreg(array(xp, X), array(xp, w), b)


@pytest.mark.parametrize("position", [0, 1])
@pytest.mark.parametrize("convert", [np.asarray, list])
def test_linreg_refuses_what_is_no_mxnet_array(xp, position, convert):
    arguments = [array(xp, [[1, 2]]), array(xp, [1, 2]), 0.0]
    arguments[position] = convert([1.0, 2.0])
    with pytest.raises(TypeError, match=r"(X|w) must be an MXNet array, but.*(ndarray|list).*convert it"):
        dh.linreg(*arguments)


@pytest.mark.parametrize("b", ["one", None, [1.0, 2.0], np.ones(1), NAN])
def test_linreg_refuses_a_bias_that_is_no_number(xp, b):
    with pytest.raises((TypeError, ValueError), match=r"\bb must be"):
        dh.linreg(array(xp, [[1, 2]]), array(xp, [1, 2]), b)


# squared_loss


@pytest.mark.parametrize("y_hat_shape", [(9,), (9, 1)])
@pytest.mark.parametrize("y_shape", [(9,), (9, 1)])
def test_squared_loss_equals_numpy(any_xp, rng, y_hat_shape, y_shape):
    y_hat, y = rng.normal(size=(2, 9)).astype("float32")
    result = dh.squared_loss(array(any_xp, y_hat.reshape(y_hat_shape)), array(any_xp, y.reshape(y_shape)))
    assert result.shape == (9,)
    assert type(result) is type(array(any_xp, y))
    np.testing.assert_allclose(result.asnumpy(), (y_hat - y) ** 2 / 2, **CLOSE)


def test_squared_loss_equals_gluon_and_d2l(xp, rng):
    y_hat, y = (array(xp, values) for values in rng.normal(size=(2, 9)))
    ours = dh.squared_loss(y_hat, y).asnumpy()
    np.testing.assert_allclose(ours, gluon.loss.L2Loss()(y_hat, y).asnumpy(), **CLOSE)
    if xp is mx.np:
        np.testing.assert_allclose(ours, d2l.squared_loss(y_hat, y).asnumpy(), **CLOSE)


def test_squared_loss_of_integer_labels(any_xp):
    loss = dh.squared_loss(array(any_xp, [0.5, 2]), array(any_xp, [1, 5], "int32"))
    assert loss.asnumpy().tolist() == [0.125, 4.5]


def test_gradient_of_squared_loss(any_xp, rng):
    values, y = rng.normal(size=(2, 9)).astype("float32")
    y_hat = with_gradient(any_xp, values)
    with autograd.record():
        loss = dh.squared_loss(y_hat, array(any_xp, y))
    loss.backward()
    np.testing.assert_allclose(y_hat.grad.asnumpy(), values - y, **CLOSE)


@pytest.mark.parametrize(
    ("y_hat", "y", "message"),
    [
        ([[1], [2], [3]], [1, 2], r"y_hat has 3 and y has 2; take both of the same examples"),
        ([1, 2], [[1], [2], [3]], r"y_hat has 2 and y has 3"),
        ([1], [1, 2, 3], r"y_hat has 1 and y has 3"),
        ([[1, 2], [3, 4]], [1, 2], r"y_hat must hold one number an example.*\(2, 2\).*reshape"),
        ([1, 2], [[1, 2], [3, 4]], r"y must hold one number an example.*\(2, 2\).*reshape"),
        ([[[1]]], [1], r"y_hat must have 1 or 2 axes.*\(1, 1, 1\).*reshape"),
    ],
)
def test_squared_loss_refuses_shapes_that_do_not_fit(xp, y_hat, y, message):
    with pytest.raises(ValueError, match=message):
        dh.squared_loss(array(xp, y_hat), array(xp, y))


@pytest.mark.parametrize("dtype", ["int32", "uint8"])
def test_squared_loss_refuses_integer_predictions(any_xp, dtype):
    with pytest.raises(
        TypeError, match=rf'y_hat must be float32 or float64, but is {dtype}; .*y_hat\.astype\("float32"\)'
    ):
        dh.squared_loss(array(any_xp, [1, 2], dtype), array(any_xp, [1.5, 4.5]))


# softmax


def test_softmax_equals_scipy_and_mxnet(any_xp, rng):
    X = scores(rng)
    result = dh.softmax(array(any_xp, X))
    assert type(result) is type(array(any_xp, X))
    np.testing.assert_allclose(result.asnumpy(), scipy.special.softmax(X.astype("float64"), axis=1), **CLOSE)
    np.testing.assert_allclose(result.asnumpy(), mx.nd.softmax(mx.nd.array(X)).asnumpy(), **CLOSE)


@pytest.mark.parametrize("row", [[1000, 999], [-1000, -1001], [1000, -1000], [1000, 1000], [3e38, -3e38]])
def test_softmax_does_not_overflow(any_xp, row):
    result = dh.softmax(array(any_xp, [row])).asnumpy()
    np.testing.assert_allclose(result, scipy.special.softmax(np.array([row], "float64"), axis=1), **CLOSE)


def test_rows_of_softmax_sum_to_one_and_keep_their_order(any_xp, rng):
    X = scores(rng)
    p = dh.softmax(array(any_xp, X)).asnumpy()
    assert ((p >= 0) & (p <= 1)).all()
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(p.argmax(axis=1), X.argmax(axis=1))


def test_softmax_stays_the_same_when_a_constant_is_added(any_xp, rng):
    X = np.round(scores(rng) * 64) / 64  # so that adding 100 rounds nothing away
    result, shifted = (dh.softmax(array(any_xp, values)).asnumpy() for values in (X, X + 100))
    np.testing.assert_array_equal(result, shifted)


@pytest.mark.parametrize("shape", [(3,), (1, 2, 3)])
def test_softmax_refuses_other_than_two_axes(any_xp, shape):
    with pytest.raises(ValueError, match=r"X must have 2 axes, but has the shape \(.*\); reshape it"):
        dh.softmax(any_xp.ones(shape))


@pytest.mark.parametrize("X", [[[1.0, 2.0]], np.ones((1, 2))])
def test_softmax_refuses_what_is_no_mxnet_array(X):
    with pytest.raises(TypeError, match=r"X must be an MXNet array.*(list|ndarray).*convert it"):
        dh.softmax(X)


@pytest.mark.parametrize("dtype", ["int32", "uint8"])
def test_softmax_refuses_integer_scores(any_xp, dtype):
    with pytest.raises(TypeError, match=rf'X must be float32 or float64, but is {dtype}; .*X\.astype\("float32"\)'):
        dh.softmax(array(any_xp, [[1, 2]], dtype))


# cross_entropy


def test_cross_entropy_equals_scipy_and_gluon(xp, rng):
    X, y = scores(rng).astype("float64"), rng.integers(0, 5, 20)
    p = scipy.special.softmax(X, axis=1)
    result = dh.cross_entropy(array(xp, p), array(xp, y))
    assert result.shape == (20,)
    assert type(result) is type(array(xp, p))
    np.testing.assert_allclose(result.asnumpy(), -scipy.special.log_softmax(X, axis=1)[np.arange(20), y], **CLOSE)
    np.testing.assert_allclose(result.asnumpy(), scipy.stats.entropy(np.eye(5)[y], p, axis=1), **CLOSE)
    gluon_loss = gluon.loss.SoftmaxCrossEntropyLoss()(array(xp, X), array(xp, y))
    # MXNet's own log_softmax is off by 3e-6 here, ten times as much as the helpers.
    np.testing.assert_allclose(result.asnumpy(), gluon_loss.asnumpy(), rtol=1e-6, atol=5e-6)


@pytest.mark.parametrize("dtype", ["float32", "int32", "int64", "uint8"])
def test_cross_entropy_takes_class_ids_of_any_type(any_xp, dtype):
    loss = dh.cross_entropy(array(any_xp, [[0.5, 0.25, 0.25], [0, 0, 1]]), array(any_xp, [1, 2], dtype))
    np.testing.assert_allclose(loss.asnumpy(), [np.log(4), 0], **CLOSE)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cross_entropy_and_its_gradient_are_finite_for_a_probability_of_zero(any_xp, dtype):
    p = array(any_xp, [[0, 1], [1, 0]], dtype)
    p.attach_grad()
    with autograd.record():
        loss = dh.cross_entropy(p, array(any_xp, [0, 0]))
    loss.backward()
    assert loss.asnumpy()[0] > 10
    assert loss.asnumpy()[1] == 0
    assert np.isfinite(loss.asnumpy()).all()
    assert np.isfinite(p.grad.asnumpy()).all()


def test_cross_entropy_refuses_float16(any_xp):
    with pytest.raises(
        TypeError, match=r"y_hat must be float32 or float64, but is float16; convert it with y_hat.astype"
    ):
        dh.cross_entropy(array(any_xp, [[0, 1]], "float16"), array(any_xp, [0]))


def test_cross_entropy_of_zero_is_that_of_the_smallest_float(any_xp):
    loss = dh.cross_entropy(array(any_xp, [[0, 1]]), array(any_xp, [0]))
    np.testing.assert_allclose(loss.asnumpy(), [-np.log(np.finfo("float32").tiny)], rtol=1e-6)


def test_gradient_of_cross_entropy_of_softmax(any_xp, rng):
    values, y = scores(rng), rng.integers(0, 5, 20)
    X = with_gradient(any_xp, values)
    with autograd.record():
        loss = dh.cross_entropy(dh.softmax(X), array(any_xp, y))
    loss.backward()
    np.testing.assert_allclose(X.grad.asnumpy(), scipy.special.softmax(values, axis=1) - np.eye(5)[y], **CLOSE)


def test_gradient_stays_finite_when_softmax_underflows(any_xp):
    X = with_gradient(any_xp, [[1000, -1000]])
    with autograd.record():
        loss = dh.cross_entropy(dh.softmax(X), array(any_xp, [1]))
    loss.backward()
    assert np.isfinite(X.grad.asnumpy()).all()


@pytest.mark.parametrize(
    ("y_hat", "y", "message"),
    [
        ([[0.5, 0.5]], [[0]], r"y must have 1 axis, but has the shape \(1, 1\); reshape it"),
        ([0.5, 0.5], [0, 1], r"y_hat must have 2 axes, but has the shape \(2,\); reshape it"),
        ([[0.5, 0.5]], [0, 1], r"y_hat has 1 and y has 2; take both of the same examples"),
        ([[0.5, 0.5]], [2], r"y must hold class ids from 0 to 1, but holds 2 at index 0; number the classes from 0"),
        ([[0.5, 0.5]], [-1], r"y must hold class ids from 0 to 1, but holds -1 at index 0"),
        ([[0.5, 0.5], [1, 0]], [0, 0.5], r"y must hold class ids from 0 to 1, but holds 0.5 at index 1"),
        ([[0.5, 0.5]], [NAN], r"y must hold class ids from 0 to 1, but holds nan"),
        ([[3, -2]], [0], r"y_hat must hold probabilities from 0 to 1.*from -2 to 3.*softmax\(y_hat\)"),
        ([[NAN, 1]], [0], r"y_hat must hold probabilities.*nan"),
    ],
)
def test_cross_entropy_refuses_bad_values(xp, y_hat, y, message):
    with pytest.raises(ValueError, match=message):
        dh.cross_entropy(array(xp, y_hat), array(xp, y))


def test_cross_entropy_refuses_bad_class_ids_while_recording(xp):
    with autograd.record(), pytest.raises(ValueError, match=r"class ids from 0 to 1, but holds 2"):
        dh.cross_entropy(array(xp, [[0.5, 0.5]]), array(xp, [2]))


def test_cross_entropy_refuses_integers(any_xp):
    with pytest.raises(
        TypeError, match=r'y_hat must be float32 or float64, but is int32; .*y_hat\.astype\("float32"\)'
    ):
        dh.cross_entropy(array(any_xp, [[0, 1]], "int32"), array(any_xp, [0]))


# both kinds of arrays at once, and no elements at all


@pytest.mark.parametrize(
    ("function", "first", "second"),
    [
        (lambda X, w: dh.linreg(X, w, 0.0), [[1, 2]], [1, 2]),
        (dh.squared_loss, [1, 2], [1, 2]),
        (dh.cross_entropy, [[0, 1]], [1]),
    ],
)
@pytest.mark.parametrize("kinds", [(mx.nd, mx.np), (mx.np, mx.nd)])
def test_mixed_kinds_of_arrays_are_refused(function, first, second, kinds):
    with pytest.raises(TypeError, match=r"must be of one kind, but .* mx\.(np|nd) array.*; convert with as_nd_ndarray"):
        function(array(kinds[0], first), array(kinds[1], second))


def test_linreg_refuses_a_bias_of_another_kind():
    with pytest.raises(TypeError, match=r"b is an mx\.np array"):
        dh.linreg(mx.nd.ones((1, 2)), mx.nd.ones((2,)), mx.np.ones((1,)))


@pytest.mark.parametrize(
    "call",
    [
        lambda empty: dh.linreg(empty.reshape((0, 2)), mx.np.ones((2,)), 0.0),
        lambda empty: dh.squared_loss(empty, empty),
        lambda empty: dh.softmax(empty.reshape((0, 2))),
        lambda empty: dh.cross_entropy(empty.reshape((0, 2)), empty),
        lambda empty: dh.sgd([empty], 0.1, 1),
    ],
)
def test_empty_arrays_are_refused(call):
    with mx.util.np_shape(), mx.util.np_array(), pytest.raises(ValueError, match=r"is empty: its shape is \(0"):
        call(mx.np.zeros((0,)))


@pytest.mark.parametrize("b", [0.0, "array"])
def test_linreg_refuses_two_float_types(xp, b):
    X, w = array(xp, [[1, 2]], "float64"), array(xp, [1, 2])
    with pytest.raises(
        TypeError, match=r'of one type, but X is float64, w is float32.*; convert with astype\("float32"\)'
    ):
        dh.linreg(X, w, b if b == 0 else array(xp, [0]))


# sgd


def step_with(xp, values, update):
    """Take the step `update([w, b])` on the losses w² and 3b, and return the parameters."""
    w, b = (with_gradient(xp, v) for v in values)
    with autograd.record():
        losses = [w * w, 3 * b]
    autograd.backward(losses)
    update([w, b])
    return [w.asnumpy(), b.asnumpy()]


def test_sgd_equals_numpy_and_d2l(any_xp, rng):
    w, b = values = rng.normal(size=(4,)).astype("float32"), rng.normal(size=(1,)).astype("float32")
    ours = step_with(any_xp, values, lambda params: dh.sgd(params, 0.3, 10))
    d2ls = step_with(any_xp, values, lambda params: d2l.sgd(params, 0.3, 10))
    for result, expected in zip(ours, [w - 0.3 * 2 * w / 10, b - 0.3 * 3 / 10], strict=True):
        np.testing.assert_allclose(result, expected, **CLOSE)
    for result, expected in zip(ours, d2ls, strict=True):
        np.testing.assert_array_equal(result, expected)


def test_sgd_equals_gluon_trainer(xp, rng):
    net = gluon.nn.Dense(2, in_units=3)
    net.initialize(mx.init.Normal(1))
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.3})
    params = [with_gradient(xp, p.data().asnumpy()) for p in (net.weight, net.bias)]
    X = array(xp, rng.normal(size=(5, 3)))
    with autograd.record():
        theirs = (net(X) ** 2).sum()
        ours = (dh.linreg(X, params[0].T, params[1]) ** 2).sum()
    autograd.backward([theirs, ours])
    trainer.step(5)
    dh.sgd(params, 0.3, 5)
    for param, expected in zip(params, (net.weight, net.bias), strict=True):
        np.testing.assert_allclose(param.asnumpy(), expected.data().asnumpy(), rtol=1e-6, atol=2e-6)


def test_sgd_takes_tuples_and_numpy_numbers(any_xp):
    expected = step_with(any_xp, ([1.0], [2.0]), lambda params: dh.sgd(params, 0.5, 2))
    result = step_with(any_xp, ([1.0], [2.0]), lambda params: dh.sgd(tuple(params), np.float32(0.5), np.int64(2)))
    assert result == expected


@pytest.mark.parametrize(
    ("lr", "batch_size", "error", "message"),
    [
        (0, 1, ValueError, r"lr must be a finite number above 0, but is 0"),
        (-0.1, 1, ValueError, r"lr must be a finite number above 0, but is -0.1"),
        (NAN, 1, ValueError, r"lr must be a finite number above 0, but is nan"),
        (float("inf"), 1, ValueError, r"lr must be a finite number above 0, but is inf"),
        ("0.1", 1, TypeError, r"lr must be a number, but is '0.1' \(str\)"),
        (None, 1, TypeError, r"lr must be a number, but is None"),
        (True, 1, TypeError, r"lr must be a number, but is True \(bool\)"),
        (0.1, 0, ValueError, r"batch_size must be at least 1, but is 0; for example batch_size=10"),
        (0.1, -3, ValueError, r"batch_size must be at least 1, but is -3"),
        (0.1, 2.5, TypeError, r"batch_size must be a whole number, but is 2.5 \(float\); for example"),
        (0.1, 10.0, TypeError, r"batch_size must be a whole number, but is 10.0 \(float\)"),
        (0.1, True, TypeError, r"batch_size must be a whole number, but is True \(bool\)"),
    ],
)
def test_sgd_refuses_bad_numbers_and_changes_nothing(xp, lr, batch_size, error, message):
    w = with_gradient(xp, [1.0])
    with pytest.raises(error, match=message):
        dh.sgd([w], lr, batch_size)
    assert w.asnumpy() == 1


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ([], ValueError, r"params is empty; hand in the model's parameters"),
        (mx.nd.ones((2,)), TypeError, r"params must be a list of arrays.*NDArray; write \[w, b\]"),
        (iter([]), TypeError, r"params must be a list of arrays.*iterator"),
        ([np.ones(2)], TypeError, r"params\[0\] must be an MXNet array.*ndarray"),
        ([mx.nd.ones((2,))], ValueError, r"params\[0\] has no gradient; call its attach_grad\(\) once"),
    ],
)
def test_sgd_refuses_bad_parameters(params, error, message):
    with pytest.raises(error, match=message):
        dh.sgd(params, 0.1, 1)


def test_sgd_changes_no_parameter_if_one_has_no_gradient(xp):
    w = with_gradient(xp, [1.0])
    with autograd.record():
        loss = 2 * w
    loss.backward()
    with pytest.raises(ValueError, match=r"params\[1\] has no gradient"):
        dh.sgd([w, array(xp, [1.0])], 0.1, 1)
    assert w.asnumpy() == 1


def test_sgd_while_recording_gives_no_engine_error(xp):
    w = with_gradient(xp, [1.0])
    with autograd.record():
        loss = 2 * w
        loss.backward()
        try:
            dh.sgd([w], 0.1, 1)
        except (TypeError, ValueError, RuntimeError) as error:
            assert "record" in str(error)  # noqa: PT017
            assert "src/" not in str(error)  # noqa: PT017
