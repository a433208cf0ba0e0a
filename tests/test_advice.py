"""What is handed in and does not fit: the error names it, and its advice works when it is followed."""

import copy
import re
from types import SimpleNamespace

import d2lhelpers as dh
from d2lhelpers import functional
from d2lhelpers.training import results

import mxnet as mx
import numpy as np
import pytest
from d2l import mxnet as d2l
from mxnet import gluon
from mxnet.gluon import nn

L2, CROSS_ENTROPY = gluon.loss.L2Loss(), gluon.loss.SoftmaxCrossEntropyLoss()


class Case(SimpleNamespace):
    """The arguments of a run; `train` starts it."""

    def train(self, **changes):
        vars(self).update(changes)
        batches = getattr(self, "train_iter", None) or [(self.X, self.y)] * 3
        metric = getattr(self, "metric", None)
        return dh.train(self.net, batches, self.loss, self.trainer, 1, metric=metric, verbose=False)

    def refused(self, message, error=ValueError, **changes):
        """Return what the pattern `message` finds in the error of a run."""
        with pytest.raises(error, match=message) as caught:
            self.train(**changes)
        assert "src/" not in str(caught.value)
        return re.search(message, str(caught.value))

    def follow(self, advice):
        """Execute a line of advice, with the names of the arguments."""
        names = {"dh": dh, "gluon": gluon, "mx": mx, **vars(self)}
        exec(advice, names)
        vars(self).update({name: names[name] for name in vars(self)})


def new_trainer(net):
    return gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})


def case(xp, outputs=1, loss=L2, net=None):
    mx.random.seed(1)
    if net is None:
        net = nn.Dense(outputs, in_units=3)
    net.initialize(mx.init.Normal(1))
    X = xp.array(np.random.default_rng(0).normal(size=(4, 3)), dtype="float32")
    return Case(net=net, X=X, y=xp.array([0, 1, 1, 0], dtype="float32"), loss=loss, trainer=new_trainer(net))


# truth values as labels, and types that MXNet does not compute with


def truth(y):
    labels = y > 0.5
    return labels if labels.dtype == np.bool_ else labels.astype("bool")


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize(("outputs", "loss"), [(1, L2), (1, dh.squared_loss), (2, CROSS_ENTROPY)])
def test_truth_values_are_labels_of_0_and_1(xp, fused, outputs, loss):
    metric = dh.accuracy if outputs == 2 else None
    histories = []
    for convert in (lambda y: y, truth):
        run = case(xp, outputs, loss)
        net = run.net
        history = run.train(net=net if fused else lambda X, net=net: net(X), y=convert(run.y), metric=metric)
        batches = [(run.X, run.y)]
        histories.append([history.loss, history.metric, dh.evaluate_loss(net, batches, loss)])
    assert histories[0] == histories[1]


def test_truth_values_in_every_function(any_xp):
    p = any_xp.array([[0.75, 0.25], [0.25, 0.75]])
    y = any_xp.array([0, 1])
    labels = truth(y)
    assert labels.dtype == np.bool_
    assert dh.accuracy(p, labels) == 1
    assert dh.accuracy(truth(y), labels) == 1
    np.testing.assert_array_equal(dh.cross_entropy(p, labels).asnumpy(), dh.cross_entropy(p, y).asnumpy())
    np.testing.assert_array_equal(dh.squared_loss(p[0], labels).asnumpy(), dh.squared_loss(p[0], y).asnumpy())
    assert dh.evaluate_accuracy(lambda X: X, [(p, labels)]) == 1
    (batch,) = dh.load_array((p, labels), 2, shuffle=False)
    assert batch[1].dtype == np.bool_
    assert dh.evaluate_loss(lambda X: X, [batch], dh.cross_entropy) == pytest.approx(-np.log(0.75), rel=1e-6)


def test_truth_values_are_of_the_features_type(xp):
    run = case(xp)
    run.net.cast("float64")
    run.train(X=run.X.astype("float64"), y=truth(run.y), trainer=new_trainer(run.net))


def test_types_that_the_engine_does_not_read_are_refused():
    y = mx.nd.array([0, 1], dtype=np.dtype([("bfloat16", np.uint16)]))
    p = mx.nd.array([[0.75, 0.25], [0.25, 0.75]])
    for use in (
        lambda: dh.accuracy(p, y),
        lambda: dh.cross_entropy(p, y),
        lambda: dh.squared_loss(p[0], y),
        lambda: dh.load_array((p, y), 2),
        lambda: dh.evaluate_loss(lambda X: X, [(y, p[0])], L2),
        lambda: dh.evaluate_loss(lambda X: X, [(p, y)], dh.cross_entropy),
    ):
        message = r"(y|labels|features|arrays\[\d\]) must be numbers or truth values, .*bfloat16.* (mx\..*\))\.$"
        with pytest.raises(TypeError, match=message) as caught:
            use()
        name, advice = re.search(message, str(caught.value)).groups()
        assert eval(advice.replace(f"({name}.", "(y."), {"mx": mx, "y": y}).dtype == np.float32


@pytest.mark.parametrize("function", ["train", "evaluate_loss", "evaluate_accuracy"])
def test_what_the_engine_could_not_compute_stays_in_no_later_run(xp, function):
    """The loss hands the engine what it cannot read; it notices long after the call."""
    pick = mx.npx.pick if xp is mx.np else mx.nd.pick
    run = case(xp, 2, CROSS_ENTROPY)
    data = [(run.X, run.y)] * 3

    def loss(y_hat, y):
        return pick(y_hat, truth(y))

    use = {
        "train": lambda: run.train(loss=loss),
        "evaluate_loss": lambda: dh.evaluate_loss(run.net, data, loss),
        "evaluate_accuracy": lambda: dh.evaluate_accuracy(lambda X: loss(run.net(X), run.y), data),
    }
    with pytest.raises(ValueError, match=r"^MXNet could not compute this: Unknown type enum 7$"):
        use[function]()
    mx.nd.waitall()
    expected = case(xp, 2, CROSS_ENTROPY).train()
    assert run.train(loss=CROSS_ENTROPY).loss == expected.loss


def test_after_a_refused_run_nothing_waits_in_the_engine(xp):
    """The metric is refused while the loss's error still waits to be raised."""
    pick = mx.npx.pick if xp is mx.np else mx.nd.pick

    def metric(y_hat, y):
        pick(y_hat, truth(y))
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        case(xp, 2, CROSS_ENTROPY).train(metric=metric)
    mx.nd.waitall()


@pytest.mark.parametrize("dtype", ["float64", "float16", "uint8", "int32", "bool"])
@pytest.mark.parametrize("kind", [nn.Sequential, nn.HybridSequential])
def test_features_of_another_type_than_the_parameters(xp, dtype, kind):
    net = kind()
    net.add(nn.Dense(2), nn.Dense(1))
    run = case(xp, net=net)
    message = rf'features are {dtype}, but the parameters of net are float32; .*(X = X\.astype\("float32"\)), before'
    run.follow(run.refused(message, X=(run.X**2).astype(dtype)).group(1))
    run.train()


def test_features_float64_from_the_second_shape_on_and_after_float32(xp):
    run = case(xp)
    good, bad = (run.X, run.y), (run.X.astype("float64"), run.y.astype("float64"))
    run.refused(r"features are float64, but the parameters of net are float32", train_iter=[good] * 3 + [bad])
    run.train(train_iter=[good])


def test_features_of_another_type_in_a_function(xp):
    w = mx.nd.ones((3, 1)) if xp is mx.nd else mx.np.ones((3, 1))
    w.attach_grad()
    dot = mx.nd.dot if xp is mx.nd else mx.np.dot
    run = case(xp)
    options = {"net": lambda X: dot(X, w), "trainer": lambda n: dh.sgd([w], 0.1, n)}
    message = r'the features are float64; .*(X = X\.astype\("float32"\))'
    run.follow(run.refused(message, X=run.X.astype("float64"), **options).group(1))
    run.train()


def test_float32_features_and_float64_parameters(xp):
    run = case(xp)
    run.net.cast("float64")
    run.refused(r'features are float32, but the parameters of net are float64; .*X\.astype\("float64"\)')


@pytest.mark.parametrize(("dtype", "message"), [("float16", "on a GPU only"), ("uint8", "have no gradient")])
def test_parameters_of_a_type_that_is_not_computed_with(xp, dtype, message):
    run = case(xp)
    run.net.cast(dtype)
    X = run.X.astype(dtype)
    message = rf"the parameters of net are {dtype}, which .*{message}; write (net\.cast\(.float32.\))"
    advice = run.refused(message, TypeError, X=X, y=run.y.astype(dtype))
    for evaluate in (dh.evaluate_accuracy, lambda net, data: dh.evaluate_loss(net, data, L2)):
        with pytest.raises(TypeError, match=message):
            evaluate(run.net, [(X, run.y)])
    run.follow(advice.group(1))
    run.train(X=X.astype("float32"), y=run.y.astype("float32"), trainer=new_trainer(run.net))


def test_outputs_of_a_type_that_has_no_gradient(xp):
    run = case(xp)
    net = run.net
    run.refused(r'output of net must be float32 or float64, but is float16; .*astype\("float32"\)', TypeError,
                net=lambda X: net(X).astype("float16"))  # fmt: skip


# one-hot labels


def one_hot(xp):
    return xp.array([[1, 0], [0, 1], [0, 1], [1, 0]], dtype="float32")


@pytest.mark.parametrize("advice", ["y = y.argmax(axis=1)", "loss = "])
def test_one_hot_labels(xp, advice):
    run = case(xp, 2, CROSS_ENTROPY)
    message = r"y has the shape \(4, 2\), .*one-hot labels, take (y\.argmax\(axis=1\)), or (loss = .*\))\.$"
    found = run.refused(message, y=one_hot(xp))
    run.follow(f"y = {found.group(1)}" if advice.startswith("y") else found.group(2))
    expected = case(xp, 2, CROSS_ENTROPY).train()
    np.testing.assert_allclose(run.train().loss, expected.loss, rtol=1e-6)


def test_class_ids_where_one_hot_labels_are_wanted(xp):
    run = case(xp, 2, gluon.loss.SoftmaxCrossEntropyLoss(sparse_label=False))
    run.follow(run.refused(r"y has the shape \(4,\), class ids, .*one-hot.* (loss = gluon.*\))\.$").group(1))
    run.train()


@pytest.mark.parametrize("function", [dh.accuracy, dh.cross_entropy])
def test_one_hot_labels_of_a_function(any_xp, function):
    p = y = any_xp.array([[1, 0], [0, 1]])
    with pytest.raises(ValueError, match=r"y must have 1 axis, class ids, .*\(2, 2\); .*take y\.argmax\(axis=1\)\.$"):
        function(p, y)
    function(p, y.argmax(axis=1))


# losses


def test_losses_of_two_axes_are_taken(xp):
    if xp is mx.nd:

        def loss(y_hat, y):
            return (y_hat - y.reshape(y_hat.shape)) ** 2 / 2
    else:
        loss = d2l.squared_loss
    run = case(xp, loss=loss)
    history = run.train()
    np.testing.assert_allclose(history.loss, case(xp, loss=dh.squared_loss).train().loss, rtol=1e-6)
    batches = [(run.X, run.y)]
    assert dh.evaluate_loss(run.net, batches, loss) == pytest.approx(dh.evaluate_loss(run.net, batches, L2), rel=1e-6)


def test_a_broadcast_of_predictions_against_labels(xp):
    message = r"shape \(4, 4\); it compared each of y_hat, shape \(4, 1\), .* y, shape \(4,\); .*in (y_hat.*\))\.$"
    run = case(xp, loss=lambda y_hat, y: (y_hat - y) ** 2)
    assert run.refused(message).group(1) == "y_hat.reshape(y.shape)"
    run.train(loss=lambda y_hat, y: (y_hat.reshape(y.shape) - y) ** 2)


@pytest.mark.parametrize(
    ("name", "value", "advice"),
    [
        ("loss", gluon.loss.L2Loss, r"loss = gluon\.loss\.L2Loss\(\)"),
        ("net", nn.Dense, r"net = gluon\.nn\.Dense\(1\)"),
        ("metric", mx.metric.Accuracy, r"metric = dh\.accuracy"),
    ],
)
def test_a_class_in_place_of_an_object(xp, name, value, advice):
    run = case(xp)
    message = rf"{name} must be a function or an object, but is the class {value.__name__}; .* \(\), .*({advice})\.$"
    run.metric = None
    run.follow(run.refused(message, TypeError, **{name: value}).group(1))
    if name == "net":
        run.net.initialize()
        run.trainer = new_trainer(run.net)
    if name == "metric":
        run = case(xp, 2, CROSS_ENTROPY)
        run.metric = dh.accuracy
    run.train()


def test_a_class_of_trainers(xp):
    case(xp).refused(r"trainer must be .*, but is the class Trainer; for example", TypeError, trainer=gluon.Trainer)


@pytest.mark.parametrize(
    ("loss", "advice"),
    [
        (lambda y_hat, y: (L2(y_hat, y), 0), r"tuple: .*lambda y_hat, y: loss\(y_hat, y\)\[0\]"),
        (lambda y_hat, y: L2(y_hat, y).asnumpy(), r"ndarray: .*leave out asnumpy\(\)"),
        (lambda y_hat, y: None, r"NoneType: .*return"),
        (lambda y_hat, y: 1.5, r"float: .*functions of MXNet only"),
    ],
)
def test_a_loss_that_returns_something_else(xp, loss, advice):
    run = case(xp, loss=loss)
    run.refused(rf"the value of loss must be an MXNet array, but is of the type {advice}", TypeError)


# networks


class Two(gluon.Block):
    """Two layers, of which one is used; it returns an array, or more than that."""

    def __init__(self, in_units=3, returns=lambda outputs: outputs):
        super().__init__()
        self.first, self.second = nn.Dense(1, in_units=3), nn.Dense(2, in_units=in_units)
        self.returns = returns

    def forward(self, X):
        return self.returns(self.first(X))


@pytest.mark.parametrize("returns", [lambda outputs: (outputs, 1), lambda outputs: [outputs]])
def test_a_network_that_returns_several_things(xp, returns):
    run = case(xp, net=Two(returns=returns))
    message = r"net must return an MXNet array, but returned a (tuple of 2|list of 1); .*(lambda X: net\(X\)\[0\])\.$"
    run.net.second.collect_params().setattr("grad_req", "null")
    advice = run.refused(message, TypeError).group(2)
    run.train(net=eval(advice, {"net": run.net}))


def test_a_network_that_returns_what_has_no_gradient(xp):
    run = case(xp)
    net = run.net
    run.refused(r"returned a numpy\.ndarray, .*asnumpy\(\) in net\(X\)", TypeError, net=lambda X: net(X).asnumpy())


@pytest.mark.parametrize("in_units", [0, 3])
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_layer_that_takes_no_part(xp, in_units, wrapped):
    run = case(xp, net=Two(in_units))
    net, second = run.net, run.net.second
    before = [param.data().asnumpy() for param in net.first.collect_params().values()]
    if wrapped:
        names = rf"{second.bias.name}, {second.weight.name}"
        run.refused(rf"^{names} took no part .*a gluon\.Trainer for the other", net=lambda X: net(X))
        run.train(trainer=new_trainer(net.first))
        return
    names = rf"net\.second \({second.bias.name}, {second.weight.name}\)"
    advice = run.refused(rf"^{names} took no part in the forward pass.*out of training: (.*)\.$")
    for param, values in zip(net.first.collect_params().values(), before, strict=True):
        np.testing.assert_array_equal(param.data().asnumpy(), values)
    run.follow(advice.group(1))
    run.train()


@pytest.mark.parametrize("initialised", [False, True])
@pytest.mark.parametrize("advice", ["make it anew", "leave it"])
@pytest.mark.filterwarnings("ignore:.*is already initialized, ignoring:UserWarning")  # so it says in the advice
def test_a_layer_that_was_added_after_the_trainer_was_made(xp, initialised, advice):
    net = nn.Sequential()
    net.add(nn.Dense(3))
    run = case(xp, net=net)
    net.add(nn.Dense(1))
    added = [param.name for param in net[1].collect_params().values()]
    if initialised:
        net.initialize()
    message = (
        rf"trainer does not act on net\[1\] \({', '.join(added)}\); .* call (net\.initialize\(\)) and "
        r".*: (trainer = .*\))\. .*say so: (.*)\.$"
    )
    found = run.refused(message)
    run.follow(found.group(1))
    run.follow(found.group(2 if advice == "make it anew" else 3))
    run.train()
    assert (net[1].bias.grad_req == "null") == (advice == "leave it")


def test_a_layer_that_was_added_and_never_initialised(xp):
    net = nn.Sequential()
    net.add(nn.Dense(3))
    run = case(xp, net=net)
    net.add(nn.Dense(1, in_units=3))
    names = ", ".join(param.name for param in net[1].collect_params().values())
    run.refused(rf"parameters of net that were added last were never initialised \({names}\); call net\.initialize\(\)",
                trainer=lambda n: None)  # fmt: skip


def marked(net):
    net[1].weight.data().attach_grad()
    return net


@pytest.mark.parametrize("change", [marked, copy.deepcopy])
@pytest.mark.parametrize("grad_req", ["write", "add"])
def test_gradients_that_the_trainer_does_not_find(xp, change, grad_req):
    def prepared():
        net = nn.Sequential()
        net.add(nn.Dense(3, in_units=3), nn.Dense(1, in_units=3))
        run = case(xp, net=net)
        net[0].bias.grad_req = "null"
        net[1].weight.grad_req = grad_req
        return run

    expected, run = prepared(), prepared()
    run.net = change(run.net)
    run.trainer = new_trainer(run.net)
    names = r"net\[1\] \(\w+weight\)" if change is marked else r"net\[0\], net\[1\] \(\w+, \w+, \w+\)"
    advice = run.refused(rf"trainer does not find the gradients of {names}: .* anew: (for .*)$").group(1)
    run.follow(advice)
    assert [param.grad_req for param in run.net.collect_params().values()] == ["write", "null", grad_req, "write"]
    assert run.train().loss == expected.train().loss


def test_a_bias_that_is_not_trained(xp):
    run = case(xp)
    trainer = gluon.Trainer(run.net.collect_params(".*weight"), "sgd", {"learning_rate": 0.1})
    advice = run.refused(r"trainer does not act on net \(\w+bias\); .*say so: (.*)\.$", trainer=trainer).group(1)
    run.follow(advice)
    before = run.net.weight.data().asnumpy()
    run.train()
    assert (run.net.weight.data().asnumpy() != before).all()


class Halving(nn.Dense):
    def forward(self, X):
        y_hat = super().forward(X)
        y_hat /= 2
        return y_hat


def test_an_array_that_is_changed_in_place(xp):
    message = r"^net cannot take .*: an array was changed in place .*; write x = x / 2 .* \(in forward: y_hat /= 2\)$"
    case(xp, net=Halving(1)).refused(message)


# where it came up


def fits_not(*arrays):
    return mx.nd.dot(mx.nd.ones((2, 3)), mx.nd.ones((2, 3)))


def minibatches_that_do_not_fit():
    yield fits_not()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("metric", fits_not, "MXNet could not compute this"),
        ("trainer", fits_not, "MXNet could not compute this"),
        ("train_iter", minibatches_that_do_not_fit(), "MXNet could not compute this"),
        ("loss", fits_not, "loss cannot compare y_hat"),
        ("net", fits_not, "net cannot take features"),
    ],
)
def test_the_line_of_the_learner_is_named(name, value, message):
    place = r"\(in fits_not: return mx\.nd\.dot\(mx\.nd\.ones\(\(2, 3\)\), mx\.nd\.ones\(\(2, 3\)\)\)\)$"
    changes = {"trainer": lambda n: None} if name == "net" else {}
    case(mx.nd).refused(rf"^{message}.*: dot shape error: \[2,3\] X \[2,3\] {place}", **changes | {name: value})


def test_neither_the_time_nor_a_file_of_mxnets_is_told():
    message = r"^(?!.*\d\d:\d\d:\d\d)net cannot take features .*: Error in operator \w+: Check failed: param\.kernel"
    net = nn.MaxPool2D(5)
    net.hybridize()
    case(mx.nd).refused(message, net=net, X=mx.nd.ones((4, 1, 2, 2)), trainer=lambda n: None)


# minibatches and metrics


@pytest.mark.parametrize("argument", ["train_iter", "test_iter", "data_iter"])
def test_a_data_set_in_place_of_minibatches(xp, argument):
    run = case(xp)
    dataset = gluon.data.ArrayDataset(run.X, run.y)
    message = rf"{argument} must be .* of the type ArrayDataset, which holds single examples; .*: (gluon.*\))\.$"
    function = dh.evaluate_loss if argument == "data_iter" else dh.train
    arguments = {"net": run.net, "loss": L2}
    if function is dh.train:
        arguments |= {"train_iter": [(run.X, run.y)], "trainer": run.trainer, "num_epochs": 1}
    with pytest.raises(TypeError, match=message) as caught:
        function(**arguments | {argument: dataset})
    advice = re.search(message, str(caught.value)).group(1)
    run.train(train_iter=eval(advice, {"gluon": gluon, "dataset": dataset}))


def test_the_iterators_of_mxnet_io(xp):
    run = case(xp)
    iterator = mx.io.NDArrayIter(run.X.asnumpy(), run.y.asnumpy(), 2)
    message = r"train_iter must yield pairs .* NDArrayIter, .*take (dh\.load_array.*\))\.$"
    advice = run.refused(message, TypeError, train_iter=iterator).group(1)
    run.train(train_iter=eval(advice, {"dh": dh, "features": run.X, "labels": run.y}))


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
@pytest.mark.parametrize("convert", [lambda xp, a: xp.array(a), lambda xp, a: a])
def test_a_metric_may_return_an_array_of_one_element(xp, convert, shape):
    if xp is mx.nd and shape == ():
        shape = (1,)  # mx.nd has no arrays without axes
    value = convert(xp, np.full(shape, 0.5))
    assert case(xp).train(metric=lambda y_hat, y: value).metric == [0.5]


@pytest.mark.parametrize("value", [np.zeros(2), [0.5], "good"])
def test_a_metric_that_returns_something_else(xp, value):
    case(xp).refused("metric must return one number a minibatch, but returned a ", TypeError, metric=lambda *_: value)


# probabilities


@pytest.mark.parametrize("loss", [dh.cross_entropy, lambda y_hat, y: 2 * dh.cross_entropy(y_hat, y)])
@pytest.mark.parametrize("position", [0, 2])
def test_scores_for_probabilities(xp, loss, position):
    run = case(xp, 2, loss)
    net, steps = run.net, []

    def forward(X):
        if mx.autograd.is_recording():
            steps.append(1)
        return net(X) if len(steps) == position + 1 else dh.softmax(net(X))

    run.refused(r"y_hat must hold probabilities from 0 to 1, but holds .*softmax\(y_hat\) first\.$", net=forward)
    assert len(steps) == 3
    run.train(net=lambda X: dh.softmax(net(X)))


def test_the_loss_may_make_probabilities_itself(xp):
    case(xp, 2, lambda y_hat, y: dh.cross_entropy(dh.softmax(y_hat), y)).train()


def test_probabilities_are_looked_at_once_and_in_the_first_epoch_only(xp, monkeypatch):
    looked = []
    monkeypatch.setattr(results, "check_probabilities", lambda array: looked.append(array))
    run = case(xp, 2, dh.cross_entropy)
    net = run.net
    dh.train(lambda X: dh.softmax(net(X)), [(run.X, run.y)] * 5, run.loss, run.trainer, 3, verbose=False)
    assert len(looked) == len({id(array) for array in looked}) == 5


def test_probabilities_are_not_noted_outside_of_a_run(xp):
    case(xp, 2, lambda y_hat, y: dh.cross_entropy(dh.softmax(y_hat), y)).train()
    assert functional._noted.arrays is None


def test_scores_that_make_the_loss_diverge_are_named_first(xp):
    run = case(xp, 2, dh.cross_entropy)
    run.trainer.set_learning_rate(1e30)
    run.refused("y_hat must hold probabilities", train_iter=[(run.X * 1e3, run.y)] * 30)


@pytest.mark.parametrize(("above", "fits"), [(1e-6, True), (5e-6, True), (1e-4, False)])
def test_probabilities_may_be_above_one_by_rounding_only(any_xp, above, fits):
    p, y = any_xp.array([[1 + above, 0]]), any_xp.array([0])
    if fits:
        assert abs(dh.cross_entropy(p, y).asnumpy()[0]) <= 1e-5
    else:
        with pytest.raises(ValueError, match="y_hat must hold probabilities from 0 to 1"):
            dh.cross_entropy(p, y)


# divergence


@pytest.mark.parametrize("epochs", [1, 4])
def test_the_last_finite_loss_is_that_of_an_epoch_before(xp, epochs):
    run = case(xp)
    good, bad = [(run.X, run.y)] * 3, [(run.X * float("nan"), run.y)]

    class Epochs:
        count = 0

        def __iter__(self):
            self.count += 1
            return iter(good if self.count <= epochs else bad)

    with pytest.raises(dh.DivergenceError, match="the last finite one of a minibatch was") as caught:
        dh.train(run.net, Epochs(), L2, run.trainer, epochs + 1, verbose=False)
    other = case(xp)
    losses = [dh.train(other.net, good[:1], L2, other.trainer, 1, verbose=False).loss[0] for _ in range(3 * epochs)]
    assert caught.value.last_finite_loss == pytest.approx(losses[-1], rel=1e-5)


# devices


@pytest.mark.parametrize("in_units", [0, 3])
def test_a_network_that_was_never_initialised_and_a_device(xp, in_units):
    run = case(xp)
    with pytest.raises(ValueError, match=r"parameters of net were never initialised; call net\.initialize\(\) first"):
        dh.train(nn.Dense(1, in_units=in_units), [(run.X, run.y)], L2, lambda n: None, 1, verbose=False, ctx=mx.cpu())


@pytest.mark.parametrize("in_units", [0, 3])
def test_a_network_on_several_devices(xp, in_units):
    run = case(xp)
    net = nn.Dense(1, in_units=in_units)
    net.initialize(ctx=[mx.cpu(0), mx.cpu(1)])
    message = r"parameters of net are on 2 devices, .*with (net\.collect_params\(\)\.reset_ctx\(dh\.try_gpu\(\)\)), and"
    run.follow(run.refused(message, net=net, trainer=new_trainer(net)).group(1))
    run.train(trainer=new_trainer(net))
