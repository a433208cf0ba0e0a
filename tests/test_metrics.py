import d2lhelpers as dh
from d2lhelpers import metrics

import mxnet as mx
import numpy as np
import pytest
from d2l import mxnet as d2l
from mxnet import autograd, gluon

NAN = float("nan")


def array(xp, values, dtype="float32"):
    return xp.array(np.asarray(values), dtype=dtype)


def dense(outputs, features=3):
    net = gluon.nn.Dense(outputs, in_units=features)
    net.initialize(mx.init.Normal(1))
    return net


def batches(xp, rng, classes=4, sizes=(5, 5, 3)):
    """Minibatches of different sizes, of three features and class ids."""
    return [(array(xp, rng.normal(size=(n, 3))), array(xp, rng.integers(0, classes, n))) for n in sizes]


# accuracy


def test_accuracy_equals_numpy_and_d2l(any_xp, rng):
    y_hat, y = rng.normal(size=(50, 4)).astype("float32"), rng.integers(0, 4, 50)
    result = dh.accuracy(array(any_xp, y_hat), array(any_xp, y))
    assert type(result) is float
    assert result == (y_hat.argmax(axis=1) == y).mean()
    with mx.util.np_shape(), mx.util.np_array():
        assert result == d2l.accuracy(array(mx.np, y_hat), array(mx.np, y)) / 50


@pytest.mark.parametrize("y_hat_type", ["float32", "int32"])
@pytest.mark.parametrize("y_type", ["float32", "int32", "int64", "uint8"])
def test_accuracy_of_class_ids(any_xp, y_hat_type, y_type):
    assert dh.accuracy(array(any_xp, [0, 1, 2, 2], y_hat_type), array(any_xp, [0, 1, 2, 1], y_type)) == 0.75
    assert dh.accuracy(array(any_xp, [[1, 0], [0, 1]], y_hat_type), array(any_xp, [0, 0], y_type)) == 0.5


def test_first_of_several_largest_scores_counts(any_xp):
    assert dh.accuracy(array(any_xp, [[1, 1], [2, 2]]), array(any_xp, [0, 1])) == 0.5


@pytest.mark.parametrize(("y", "expected"), [([0, 1], 1.0), ([1, 0], 0.0)])
def test_accuracy_is_one_or_zero(any_xp, y, expected):
    assert dh.accuracy(array(any_xp, [[0.9, 0.1], [-5, 3]]), array(any_xp, y)) == expected


def test_accuracy_of_mixed_kinds():
    assert dh.accuracy(mx.nd.array([[0, 1]]), mx.np.array([1])) == 1
    assert dh.accuracy(mx.np.array([[0, 1]]), mx.nd.array([0])) == 0


@pytest.mark.parametrize(
    ("y_hat", "y", "message"),
    [
        ([[0, 1], [1, 0]], [[0], [1]], r"y must have 1 axis, but has the shape \(2, 1\); .*y\.reshape\(\(-1,\)\)"),
        ([0, 1], [[0], [1]], r"y must have 1 axis, but has the shape \(2, 1\)"),
        ([[[0, 1]]], [0], r"y_hat must have 1 or 2 axes, but has the shape \(1, 1, 2\); reshape"),
        ([[0], [1]], [0, 1], r"y_hat has the shape \(2, 1\), scores of a single class; hand in"),
        ([[0], [1]], [0, 1, 1], r"y_hat has 2 and y has 3; take both of the same examples"),
        ([0, 1], [0], r"y_hat has 2 and y has 1"),
        ([[0, 1]], [2], r"y must hold class ids from 0 to 1, but holds 2 at index 0; number the classes from 0"),
        ([[0, 1]], [-1], r"y must hold class ids from 0 to 1, but holds -1 at index 0"),
        ([[0, 1]], [0.5], r"y must hold class ids from 0 to 1, but holds 0.5"),
        ([[0, 1]], [NAN], r"y must hold class ids from 0 to 1, but holds nan"),
        ([0.9], [1], r"y_hat must hold class ids .*, but holds 0.9"),
        ([1], [-1], r"\by must hold class ids .*, but holds -1"),
        ([[0, NAN]], [1], r"y_hat holds 1 value that is NaN or infinite, the first at index \(0, 1\)"),
        ([[0, float("inf")]], [1], r"y_hat holds 1 value that is NaN or infinite"),
    ],
)
def test_accuracy_refuses_bad_values(xp, y_hat, y, message):
    with pytest.raises(ValueError, match=message):
        dh.accuracy(array(xp, y_hat), array(xp, y))


@pytest.mark.parametrize(
    ("y_hat", "y", "name"),
    [
        (np.ones((1, 2)), 0, "y_hat"),
        ([[0, 1]], 0, "y_hat"),
        (mx.nd.ones((1, 2)), np.ones(1), "y"),
        (mx.nd.ones((1, 2)), 1, "y"),
    ],
)
def test_accuracy_refuses_what_is_no_mxnet_array(y_hat, y, name):
    with pytest.raises(TypeError, match=rf"{name} must be an MXNet array, but is of the type .*; convert it with"):
        dh.accuracy(y_hat, y)


def test_accuracies_are_those_of_each_minibatch(rng):
    sizes = [1, 4, 2, 5, 1]
    y_hat, y = rng.normal(size=(13, 3)), rng.integers(0, 3, 13)
    y_hat[np.arange(6), y[:6]] += 9  # right in the first ones, most of the time
    parts = [slice(stop - size, stop) for size, stop in zip(sizes, np.cumsum(sizes), strict=True)]
    expected = [dh.accuracy(mx.nd.array(y_hat[part]), mx.nd.array(y[part])) for part in parts]
    assert metrics.accuracies(y_hat, y, sizes) == metrics.accuracies(y_hat.argmax(axis=1), y, sizes) == expected
    assert len(set(expected)) > 2


def test_accuracy_refuses_empty_arrays():
    with mx.util.np_shape(), mx.util.np_array(), pytest.raises(ValueError, match=r"y_hat is empty: .* \(0, 2\)"):
        dh.accuracy(mx.np.zeros((0, 2)), mx.np.zeros((0,)))


# evaluate_accuracy and evaluate_loss


def test_evaluate_accuracy_weighs_minibatches_by_size(xp, rng):
    net, data = dense(4), batches(xp, rng)
    hits = np.concatenate([net(X).asnumpy().argmax(axis=1) == y.asnumpy() for X, y in data])
    assert dh.evaluate_accuracy(net, data) == pytest.approx(hits.mean(), rel=1e-12)
    if xp is mx.np:
        assert dh.evaluate_accuracy(net, data) == pytest.approx(d2l.evaluate_accuracy(net, data), rel=1e-12)


def test_evaluate_loss_weighs_minibatches_by_size(xp, rng):
    net, data, loss = dense(4), batches(xp, rng), gluon.loss.SoftmaxCrossEntropyLoss()
    losses = np.concatenate([loss(net(X), y).asnumpy() for X, y in data])
    assert dh.evaluate_loss(net, data, loss) == pytest.approx(losses.mean(dtype="float64"), rel=1e-6)
    if xp is mx.np:
        assert dh.evaluate_loss(net, data, loss) == pytest.approx(d2l.evaluate_loss(net, data, loss), rel=1e-6)


def test_evaluation_from_scratch(any_xp, rng):
    data = batches(any_xp, rng)
    w, b = array(any_xp, rng.normal(size=(3, 4))), array(any_xp, rng.normal(size=(4,)))
    p = [dh.softmax(dh.linreg(X, w, b)).asnumpy() for X, _ in data]
    labels = np.concatenate([y.asnumpy() for _, y in data]).astype(int)
    probability = np.concatenate(p)[np.arange(len(labels)), labels]
    result = dh.evaluate_loss(lambda X: dh.softmax(dh.linreg(X, w, b)), data, dh.cross_entropy)
    assert result == pytest.approx(-np.log(probability, dtype="float64").mean(), rel=1e-6)


@pytest.mark.parametrize("convert", [list, iter, lambda data: (batch for batch in data)])
def test_evaluation_takes_any_iterable(xp, rng, convert):
    net, data = dense(4), batches(xp, rng)
    assert dh.evaluate_accuracy(net, convert(data)) == dh.evaluate_accuracy(net, data)


def test_evaluation_takes_gluon_data_loaders(xp, rng):
    net, data = dense(4), batches(xp, rng, sizes=(7,))
    loader = gluon.data.DataLoader(gluon.data.ArrayDataset(*data[0]), 3)
    assert dh.evaluate_accuracy(net, loader) == pytest.approx(dh.evaluate_accuracy(net, data), rel=1e-12)


@pytest.mark.parametrize("recording", [True, False])
def test_evaluation_is_in_predict_mode_and_records_nothing(xp, recording):
    modes = []

    def net(X):
        modes.append((autograd.is_training(), autograd.is_recording()))
        return X

    with autograd.record() if recording else autograd.pause():
        dh.evaluate_accuracy(net, [(xp.ones((2, 3)), xp.zeros((2,)))])
        dh.evaluate_loss(net, [(xp.ones((2,)), xp.zeros((2,)))], gluon.loss.L2Loss())
        assert autograd.is_recording() is recording
    assert modes == [(False, False)] * 2


EVALUATIONS = [
    pytest.param(dh.evaluate_accuracy, id="accuracy"),
    pytest.param(lambda net, data: dh.evaluate_loss(net, data, gluon.loss.SoftmaxCrossEntropyLoss()), id="loss"),
]


@pytest.mark.parametrize("evaluate", EVALUATIONS)
@pytest.mark.parametrize("in_units", [0, 3])
def test_evaluation_refuses_a_network_without_parameters(xp, evaluate, in_units):
    net = gluon.nn.Dense(4, in_units=in_units)
    with pytest.raises(ValueError, match=r"parameters of net were never initialised; call net\.initialize\(\) first"):
        evaluate(net, [(xp.ones((2, 3)), xp.zeros((2,)))])


@pytest.mark.parametrize("evaluate", EVALUATIONS)
def test_evaluation_refuses_features_of_another_number(xp, evaluate):
    with pytest.raises(ValueError, match=r"net cannot take features of the shape \(2, 5\): ") as caught:
        evaluate(dense(4, features=3), [(xp.ones((2, 5)), xp.zeros((2,)))])
    assert "src/" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("evaluate", EVALUATIONS)
def test_errors_of_the_engine_are_cut_to_their_reason(xp, evaluate):
    with pytest.raises(ValueError, match=r"shape \(2, 3\): .*could not be broadcast.*\[2,3\] \[9,2\]") as caught:
        evaluate(lambda X: X + xp.ones((9, 2)), [(xp.ones((2, 3)), xp.zeros((2,)))])
    assert "src/" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("evaluate", EVALUATIONS)
def test_errors_of_the_engine_keep_their_reason(evaluate):
    b = mx.np.array(1.0)  # without axes, which the engine does not know as long as NumPy semantics are off
    with pytest.raises(ValueError, match=r"inferring shapes failed"):
        evaluate(lambda X: X[:, 0] + b, [(mx.np.ones((2, 3)), mx.np.zeros((2,)))])


@pytest.mark.parametrize("evaluate", EVALUATIONS)
@pytest.mark.parametrize("data", [[], iter([])])
def test_evaluation_refuses_no_data(evaluate, data):
    with pytest.raises(ValueError, match=r"yielded no minibatch; is it a generator that has been used up\?"):
        evaluate(lambda X: X, data)


@pytest.mark.parametrize("evaluate", EVALUATIONS)
@pytest.mark.parametrize(
    ("batch", "got"),
    [
        ((1, 2, 3), "a tuple of length 3"),
        ([1], "a list of length 1"),
        (mx.nd.ones((2,)), "a NDArray"),
        ({1: 2, 3: 4}, "a dict"),
    ],
)
def test_evaluation_refuses_minibatches_that_are_no_pairs(evaluate, batch, got):
    with pytest.raises(TypeError, match=rf"data_iter must yield pairs \(features, labels\), but yielded {got}; see"):
        evaluate(lambda X: X, [batch])


@pytest.mark.parametrize("evaluate", EVALUATIONS)
@pytest.mark.parametrize("bad_id", [4, -1, 1.5])
def test_evaluation_refuses_class_ids_that_do_not_exist(xp, evaluate, bad_id):
    with pytest.raises(ValueError, match=rf"class ids from 0 to 3, but holds {bad_id}"):
        evaluate(dense(4), [(xp.ones((2, 3)), array(xp, [0, bad_id]))])


@pytest.mark.parametrize("evaluate", EVALUATIONS)
def test_evaluation_refuses_class_ids_of_two_axes(xp, evaluate):
    with pytest.raises(ValueError, match=r"\by must "):
        evaluate(dense(4), [(xp.ones((2, 3)), array(xp, [[0], [4]]))])


@pytest.mark.parametrize("evaluate", EVALUATIONS)
def test_evaluation_refuses_features_and_labels_of_unequal_length(xp, evaluate):
    with pytest.raises(ValueError, match=r"\b3\b.*\b2\b|\b2\b.*\b3\b") as caught:
        evaluate(dense(4), [(xp.ones((3, 3)), xp.zeros((2,)))])
    assert "src/" not in str(caught.value)


@pytest.mark.parametrize("evaluate", EVALUATIONS)
@pytest.mark.parametrize(
    ("X", "y", "name"),
    [
        (np.ones((2, 3)), None, "features|X"),
        ([[1, 2, 3]] * 2, None, "features|X"),
        (None, np.zeros(2), "labels|y"),
        (None, [0, 1], "labels|y"),
    ],
)
def test_evaluation_refuses_what_is_no_mxnet_array(xp, evaluate, X, y, name):
    batch = (xp.ones((2, 3)) if X is None else X, xp.zeros((2,)) if y is None else y)
    with pytest.raises(TypeError, match=rf"({name}).* must (be|yield).* MXNet array"):
        evaluate(dense(4), [batch])


@pytest.mark.parametrize("evaluate", EVALUATIONS)
def test_evaluation_refuses_a_network_that_returns_nothing(xp, evaluate):
    with pytest.raises(TypeError, match=r"(net|y_hat).*MXNet array.*NoneType"):
        evaluate(lambda X: None, [(xp.ones((2, 3)), xp.zeros((2,)))])


@pytest.mark.parametrize("evaluate", EVALUATIONS)
def test_evaluation_refuses_a_network_that_is_not_callable(xp, evaluate):
    with pytest.raises(TypeError, match=r"net must be callable"):
        evaluate("net", [(xp.ones((2, 3)), xp.zeros((2,)))])


@pytest.mark.parametrize("evaluate", EVALUATIONS)
@pytest.mark.parametrize("data", [None, 5])
def test_evaluation_refuses_data_that_is_not_iterable(evaluate, data):
    with pytest.raises(TypeError, match=r"data_iter must"):
        evaluate(lambda X: X, data)


def test_evaluate_loss_refuses_a_loss_that_is_not_callable(xp):
    with pytest.raises(TypeError, match="loss must be callable"):
        dh.evaluate_loss(lambda X: X, [(xp.ones((2,)), xp.zeros((2,)))], "L2")


@pytest.mark.parametrize(
    ("loss", "error", "message"),
    [
        (lambda y_hat, y: (y_hat - y).mean(), ValueError, r"one loss an example, shape \(2,\), .*\((1,)?\); leave out"),
        (lambda y_hat, y: y_hat.reshape((1, 2)), ValueError, r"shape \(2,\), but returned the shape \(1, 2\)"),
        (lambda y_hat, y: y_hat[:1] - y[:1], ValueError, r"shape \(2,\), but returned the shape \(1,\)"),
        (lambda y_hat, y: 1.0, TypeError, r"value of loss must be an MXNet array, but is of the type float"),
        (lambda y_hat, y: None, TypeError, r"value of loss must be an MXNet array, but is of the type NoneType"),
    ],
)
def test_evaluate_loss_refuses_other_than_one_loss_an_example(xp, loss, error, message):
    with pytest.raises(error, match=message):
        dh.evaluate_loss(lambda X: X, [(xp.ones((2,)), xp.zeros((2,)))], loss)


def test_errors_of_the_network_itself_are_passed_on():
    def net(X):
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match=r"^mine$"):
        dh.evaluate_accuracy(net, [(mx.nd.ones((2, 3)), mx.nd.zeros((2,)))])


# the pieces that training uses too


def test_mean_metric_weighs_by_examples(any_xp):
    outputs = [(any_xp.zeros((3,)), any_xp.zeros((3,))), (any_xp.zeros((1,)), any_xp.zeros((1,)))]
    assert metrics.mean_metric(lambda y_hat, y: len(y), outputs) == (3 * 3 + 1) / 4


def test_mean_loss_sums_in_double_precision(any_xp):
    n = 2**17
    losses = any_xp.ones((n,)) * 0.1
    result = metrics.mean_loss(lambda y_hat, y: y_hat, [(losses, losses)])
    assert result == pytest.approx(float(np.float32(0.1)), rel=1e-12)


def test_predictions_pair_outputs_with_labels(any_xp):
    data = [(any_xp.ones((2,)) * i, any_xp.zeros((2,)) + i) for i in range(3)]
    results = [(y_hat.asnumpy()[0], y.asnumpy()[0]) for y_hat, y in metrics.predictions(lambda X: 2 * X, data)]
    assert results == [(0, 0), (2, 1), (4, 2)]


class Result:
    """A result of the engine that tells when it was waited for."""

    def __init__(self, name, waits):
        self.name, self.waits = name, waits

    def wait_to_read(self):
        self.waits.append(self.name)


def test_the_backlog_waits_for_results_some_steps_before():
    backlog, waits = metrics.Backlog(), []
    for i in range(7):
        backlog.add(metrics.Backlog._MOST_NUMBERS // 4, Result(i, waits))
    assert waits == [0, 1, 2]


def test_a_minibatch_too_large_for_the_backlog_waits_for_the_one_before():
    backlog, waits = metrics.Backlog(), []
    for i in range(3):
        backlog.add(metrics.Backlog._MOST_NUMBERS + 1, Result(i, waits))
    assert waits == [0, 1]


def test_the_backlog_of_small_minibatches_is_not_long():
    backlog, waits = metrics.Backlog(), []
    for i in range(1100):
        backlog.add(2, Result(i, waits))
    assert len(waits) == 1100 - 1024


@pytest.mark.parametrize("numbers", [2, metrics.Backlog._MOST_NUMBERS // 100])
def test_the_backlog_asks_for_marks_and_waits_for_them(numbers):
    backlog, marks, waits = metrics.Backlog(), [], []

    def mark():
        marks.append(i)
        return Result(i, waits)

    counted = max(numbers, metrics.Backlog._AT_LEAST)
    for i in range(3000):
        backlog.count(numbers, mark)
        begun = i - (waits[-1] if waits else -1)
        assert begun * counted <= metrics.Backlog._MOST_NUMBERS * 9 / 8 + counted
    assert len(marks) < 3000 / 8


@pytest.mark.parametrize("numbers", [2, metrics.Backlog._AT_LEAST * 3])
def test_the_backlog_counts_several_at_once_up_to_the_next_mark(numbers):
    one, several, counted, marks, marks_of_several = metrics.Backlog(), metrics.Backlog(), [], [], []

    def mark(marks):
        marks.append(len(counted))
        return Result("mark", [])

    for _ in range(400):
        counted.append(1)
        one.count(numbers, lambda: mark(marks))
    counted.clear()
    while len(counted) < 400:
        room = several.room_for(numbers)
        for times in (room // 2, room - room // 2):
            counted.extend([1] * times)
            several.count(numbers, lambda: mark(marks_of_several), times)
    assert len(marks) > 2
    assert marks_of_several[: len(marks)] == marks


@pytest.mark.parametrize("use", ["train", "train fast", "evaluate"])
def test_no_data_set_piles_up_before_a_slow_engine(use, monkeypatch):
    """At most four minibatches are in memory at a time, though no result of an epoch is needed before its end."""
    monkeypatch.setattr(metrics.Backlog, "_MOST_NUMBERS", 3 * metrics.Backlog._AT_LEAST)
    waited = []
    wait = mx.nd.NDArray.wait_to_read
    monkeypatch.setattr(mx.nd.NDArray, "wait_to_read", lambda array: waited.append(1) or wait(array))
    w = mx.nd.ones((1,))
    w.attach_grad()
    data = [(mx.nd.ones((4,)), mx.nd.ones((4,)))] * 20
    if use == "train":
        dh.train(lambda X: X * w, data, dh.squared_loss, lambda n: None, 1, verbose=False)
    elif use == "train fast":
        net = mx.gluon.nn.Dense(1, in_units=1)
        net.initialize()
        trainer = mx.gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})
        data = [(X.reshape((4, 1)), y) for X, y in data]
        dh.train(net, data, mx.gluon.loss.L2Loss(), trainer, 1, verbose=False)
    else:
        dh.evaluate_loss(lambda X: X * w, data, dh.squared_loss)
    assert len(waited) >= 17
