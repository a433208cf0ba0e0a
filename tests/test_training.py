import re
import signal
import sys
import threading
import time

import d2lhelpers as dh
from d2lhelpers import training

import matplotlib.pyplot as plt
import mxnet as mx
import numpy as np
import pytest
from d2l import mxnet as d2l
from mxnet import autograd, gluon

NAN = float("nan")
L2 = gluon.loss.L2Loss()
CROSS_ENTROPY = gluon.loss.SoftmaxCrossEntropyLoss()


def batches(xp, classes=None, sizes=(5, 5, 3)):
    """Minibatches of different sizes, of three features and a label each."""
    rng = np.random.default_rng(0)
    labels = (lambda n: rng.normal(size=n)) if classes is None else (lambda n: rng.integers(0, classes, n))
    return [(xp.array(rng.normal(size=(n, 3)), dtype="float32"), xp.array(labels(n), dtype="float32")) for n in sizes]


def network(outputs=1, in_units=3):
    """A linear network with the same parameters each time, and a trainer for it."""
    mx.random.seed(1)
    net = gluon.nn.Dense(outputs, in_units=in_units)
    net.initialize(mx.init.Normal(1))
    return net, gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})


def parameters(net):
    return np.concatenate([param.data().asnumpy().ravel() for param in (net.weight, net.bias)])


def plain_loop(net, trainer, steps, loss):
    """What `train` is compared with: step by step, and with every result waited for."""
    means = []
    for X, y in steps:
        with autograd.record():
            losses = loss(net(X), y)
        losses.backward()
        trainer.step(X.shape[0])
        means.append((losses.asnumpy().mean(dtype="float64"), X.shape[0]))
    return means


def train(net, train_iter, loss, trainer, num_epochs=1, **options):
    return dh.train(net, train_iter, loss, trainer, num_epochs, **{"verbose": False} | options)


# the result of training


@pytest.mark.parametrize(("outputs", "classes", "loss"), [(1, None, L2), (4, 4, CROSS_ENTROPY)])
@pytest.mark.parametrize("sizes", [(5, 5, 3), (4, 1), (1,)])
def test_train_equals_a_plain_loop(xp, outputs, classes, loss, sizes):
    data = batches(xp, classes, sizes)
    (net, trainer), (plain_net, plain_trainer) = network(outputs), network(outputs)
    history = train(net, data, loss, trainer, 3)
    means = plain_loop(plain_net, plain_trainer, data * 3, loss)
    np.testing.assert_allclose(parameters(net), parameters(plain_net), rtol=0, atol=1e-6)
    epochs = [means[i : i + len(data)] for i in range(0, len(means), len(data))]
    expected = [sum(mean * n for mean, n in epoch) / sum(sizes) for epoch in epochs]
    np.testing.assert_allclose(history.loss, expected, rtol=1e-6)
    assert history.num_examples == [sum(sizes)] * 3


def test_train_from_scratch_equals_gluon(xp):
    data, (net, trainer) = batches(xp), network()
    w, b = (xp.array(param.data().asnumpy()) for param in (net.weight, net.bias))
    w = w.reshape((-1,))
    for param in (w, b):
        param.attach_grad()
    ours = train(lambda X: dh.linreg(X, w, b), data, dh.squared_loss, lambda n: dh.sgd([w, b], 0.1, n), 3)
    theirs = train(net, data, L2, trainer, 3)
    np.testing.assert_allclose(np.append(w.asnumpy(), b.asnumpy()), parameters(net), rtol=0, atol=1e-6)
    np.testing.assert_allclose(ours.loss, theirs.loss, rtol=1e-6)


def test_train_without_set_np_takes_np_arrays():
    data = batches(mx.np)
    w, b = mx.np.zeros((3,)), mx.np.zeros((1,))
    for param in (w, b):
        param.attach_grad()
    train(lambda X: dh.linreg(X, w, b), data, dh.squared_loss, lambda n: dh.sgd([w, b], 0.1, n), 2)
    X, y = (np.concatenate([batch[i].asnumpy() for batch in data]) for i in (0, 1))
    assert ((X @ w.asnumpy() + b.asnumpy() - y) ** 2).mean() < (y**2).mean()


def test_train_equals_d2l(xp):
    if xp is mx.nd:
        pytest.skip("d2l is for mx.np only")
    data, (net, trainer), (d2l_net, d2l_trainer) = batches(xp, 4), network(4), network(4)
    history = train(net, data, CROSS_ENTROPY, trainer, 3, test_iter=data, metric=dh.accuracy)
    for epoch in range(3):
        loss, accuracy = d2l.train_epoch_ch3(d2l_net, data, CROSS_ENTROPY, d2l_trainer)
        assert history.loss[epoch] == pytest.approx(loss, rel=1e-6)
        assert history.metric[epoch] == pytest.approx(accuracy, rel=1e-12)
        assert history.test_metric[epoch] == pytest.approx(d2l.evaluate_accuracy(d2l_net, data), rel=1e-12)
        assert history.test_loss[epoch] == pytest.approx(d2l.evaluate_loss(d2l_net, data, CROSS_ENTROPY), rel=1e-6)
    np.testing.assert_array_equal(parameters(net), parameters(d2l_net))


def test_gluon_data_loader_gives_the_same_run(xp):
    X, y = batches(xp, sizes=(13,))[0]
    results = []
    for loader in (
        dh.load_array((X, y), 5),
        gluon.data.DataLoader(gluon.data.ArrayDataset(X, y), 5, shuffle=True),
    ):
        net, trainer = network()
        dh.seed(3)
        results.append([*train(net, loader, L2, trainer, 2).loss, *parameters(net)])
    np.testing.assert_allclose(results[0], results[1], rtol=0, atol=1e-6)


def test_training_is_in_train_mode_and_testing_in_predict_mode(xp):
    modes = []

    def net(X):
        modes.append((autograd.is_training(), autograd.is_recording()))
        return dense(X)

    dense, trainer = network()
    data = batches(xp)
    train(net, data, L2, trainer, test_iter=data[:1])
    assert modes == [(True, True)] * 3 + [(False, False)]


def test_history_without_test_set_and_metric(xp):
    net, trainer = network()
    history = train(net, batches(xp), L2, trainer, 2)
    assert (history.metric, history.test_loss, history.test_metric) == ([], [], [])
    assert list(history.curves) == ["loss"]


def test_history_of_losses_metrics_and_times(xp):
    data, (net, trainer) = batches(xp, 4), network(4)
    history = train(net, data, CROSS_ENTROPY, trainer, 2, test_iter=data[:2], metric=dh.accuracy)
    assert list(history.curves) == ["loss", "accuracy", "test loss", "test accuracy"]
    assert {len(values) for values in history.curves.values()} == {len(history)} == {2}
    assert history.test_loss[-1] == pytest.approx(dh.evaluate_loss(net, data[:2], CROSS_ENTROPY), rel=1e-12)
    assert history.test_metric[-1] == dh.evaluate_accuracy(net, data[:2])
    assert all(type(value) is float for values in history.curves.values() for value in values)
    assert len(history.seconds) == 2
    assert min(history.seconds) > 0
    assert history.examples_per_second == pytest.approx(26 / sum(history.seconds))


def test_training_metric_is_taken_before_each_step(xp):
    data, (net, trainer), (plain_net, plain_trainer) = batches(xp, 4), network(4), network(4)
    history = train(net, data, CROSS_ENTROPY, trainer, metric=dh.accuracy)
    hits = 0
    for X, y in data:
        hits += (plain_net(X).asnumpy().argmax(axis=1) == y.asnumpy()).sum()
        plain_loop(plain_net, plain_trainer, [(X, y)], CROSS_ENTROPY)
    assert history.metric == [pytest.approx(hits / 13, rel=1e-12)]


def test_seconds_leave_out_the_evaluation(xp):
    class Slow(list):
        def __iter__(self):
            time.sleep(0.2)
            return super().__iter__()

    data, (net, trainer) = batches(xp), network()
    start = time.perf_counter()
    history = train(net, data, L2, trainer, test_iter=Slow(data))
    assert history.seconds[0] <= time.perf_counter() - start - 0.2


def test_a_metric_called_loss_is_refused(xp):
    def loss(y_hat, y):
        return 5.0

    net, trainer = network()
    with pytest.raises(ValueError, match=r"metric must not be called loss, .*; rename it\."):
        train(net, batches(xp), L2, trainer, metric=loss)


@pytest.mark.parametrize("verbose", [True, False])
def test_no_epochs(xp, capsys, verbose):
    net, trainer = network()
    before = parameters(net)
    history = train(net, batches(xp), L2, trainer, 0, verbose=verbose)
    assert len(history) == 0
    assert history.examples_per_second == 0
    assert str(history) == "no epochs"
    np.testing.assert_array_equal(parameters(net), before)
    assert capsys.readouterr() == ("", "")


# what is printed and drawn


def test_a_line_an_epoch(xp, capsys):
    data, (net, trainer) = batches(xp, 4), network(4)
    history = dh.train(net, data, CROSS_ENTROPY, trainer, 2, test_iter=data, metric=dh.accuracy)
    out, err = capsys.readouterr()
    assert err == ""
    assert out.splitlines() == [
        f"epoch {i + 1}: loss {history.loss[i]:#.3g}, accuracy {history.metric[i]:#.3g}, "
        f"test loss {history.test_loss[i]:#.3g}, test accuracy {history.test_metric[i]:#.3g} "
        f"({history.seconds[i]:.3f} s)"
        for i in range(2)
    ]


def test_not_verbose_prints_nothing(xp, capfd):
    net, trainer = network()
    train(net, batches(xp), L2, trainer, 2)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("verbose", "is_terminal"), [(True, True), (False, True), (True, False)])
def test_progress_bar_of_a_long_epoch(capsys, monkeypatch, verbose, is_terminal):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: is_terminal)

    def slowly():
        for batch in batches(mx.nd, sizes=(2, 2)):
            time.sleep(0.51)
            yield batch

    net, trainer = network()
    train(net, slowly(), L2, trainer, verbose=verbose)
    out, err = capsys.readouterr()
    assert err == ""
    assert ("it/s" in out, "epoch 1: loss" in out) == (verbose and is_terminal, verbose)
    assert verbose or not out


def test_history_prints_as_a_table():
    history = dh.History(
        loss=[2.0, 0.05], metric=[0.5, 1.0], test_loss=[3.0, 0.00001234], test_metric=[0.25, 0.75],
        seconds=[1.0, 3.0], num_examples=[4000, 4000], metric_name="accuracy",
    )  # fmt: skip
    assert str(history).splitlines() == [
        "epoch    loss  accuracy  test loss  test accuracy  seconds",
        "    1    2.00     0.500       3.00          0.250  1.000 s",
        "    2  0.0500      1.00  0.0000123          0.750  3.000 s",
        "2,000 examples/s",
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0.00"), (1, "1.00"), (0.04059, "0.0406"), (5.12e-5, "0.0000512"), (123.456, "123."), (-0.5, "-0.500"),
     (1234.5, "1.23e+03"), (NAN, "nan")],
)  # fmt: skip
def test_format_value(value, text):
    assert training.format_value(value) == text


def test_legend_names_a_metric_of_the_readers_own():
    plt.close("all")
    dh.History(loss=[2.0], metric=[0.5], test_loss=[3.0], test_metric=[0.25], metric_name="hits").plot()
    legend = plt.gcf().axes[1].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["training hits", "test hits"]
    plt.close("all")


def test_history_plots_losses_and_metrics():
    plt.close("all")
    history = dh.History(
        loss=[2.0, 0.5, 0.4], metric=[0.5, 1.0, 0.9], test_loss=[3.0, 0.25, 1], test_metric=[0.25, 0.75, 0.5],
        seconds=[1.0, 3.0, 2.0], num_examples=[1, 1, 1], metric_name="accuracy",
    )  # fmt: skip
    history.plot()
    left, right = plt.gcf().axes
    for ax, curves, label in (
        (left, [history.loss, history.test_loss], "loss"),
        (right, [history.metric, history.test_metric], "accuracy"),
    ):
        assert [line.get_ydata().tolist() for line in ax.lines] == curves
        assert [line.get_xdata().tolist() for line in ax.lines] == [[1, 2, 3]] * 2
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", label)
        assert [text.get_text() for text in ax.get_legend().get_texts()] == [f"training {label}", f"test {label}"]
        assert len({line.get_linestyle() for line in ax.lines}) == 2
    plt.close("all")


def test_history_plots_one_panel_without_metrics():
    plt.close("all")
    dh.History(loss=[2.0, 0.5], seconds=[1, 1], num_examples=[1, 1]).plot()
    assert len(plt.gcf().axes) == 1
    assert [line.get_ydata().tolist() for line in plt.gca().lines] == [[2.0, 0.5]]
    plt.close("all")


def test_an_empty_history_says_why_it_plots_nothing():
    with pytest.raises(ValueError, match=r"nothing to plot: the history holds no epochs\."):
        dh.History().plot()
    assert not plt.get_fignums()


# results are not waited for within an epoch


@pytest.mark.parametrize("scratch", [False, True])
def test_no_result_is_waited_for_within_an_epoch(xp, monkeypatch, scratch):
    events = []

    def recorded(name, function):
        def call(*args, **kwargs):
            events.append(name)
            return function(*args, **kwargs)

        return call

    for name in ("asnumpy", "asscalar", "wait_to_read", "item", "__float__", "__bool__"):
        for kind in (mx.nd.NDArray, mx.np.ndarray):
            if name in vars(kind):
                monkeypatch.setattr(kind, name, recorded("wait", getattr(kind, name)))
    monkeypatch.setattr(mx.nd, "waitall", recorded("wait", mx.nd.waitall))

    data, (net, trainer) = batches(xp, None if scratch else 4), network(4)
    options = {"test_iter": data, "metric": dh.accuracy}
    loss, step = CROSS_ENTROPY, trainer.step
    if scratch:
        w, b = xp.zeros((3,)), xp.zeros((1,))
        for param in (w, b):
            param.attach_grad()
        net, loss, options = lambda X: dh.linreg(X, w, b), dh.squared_loss, {"test_iter": data}
        step = lambda n: dh.sgd([w, b], 0.1, n)  # noqa: E731
    train(net, data, loss, recorded("step", step), 3, **options)
    text = " ".join(events)
    assert text.count("step step step") == 3
    assert events[-1] == "wait"  # so that the recording itself is known to work


# divergence


class Epochs:
    """An iterable whose epochs are given one by one."""

    def __init__(self, *epochs):
        self.epochs = list(epochs)

    def __iter__(self):
        return iter(self.epochs.pop(0))


@pytest.mark.parametrize("bad", [NAN, float("inf")])
def test_divergence_error(xp, bad):
    data, (net, trainer), (plain_net, plain_trainer) = batches(xp, sizes=(5, 4, 3)), network(), network()
    broken = [data[0], data[1], (data[2][0] * bad, data[2][1])]
    expected = plain_loop(plain_net, plain_trainer, [*data, *data[:2]], L2)
    message = r"the loss stopped being finite in epoch 2; the last finite one .* was [\d.e-]+\..*learning rate.*divide"
    with pytest.raises(dh.DivergenceError, match=message) as caught:
        train(net, Epochs(data, broken), L2, trainer, 5)
    error = caught.value
    assert error.epoch == 2
    assert error.last_finite_loss == pytest.approx(expected[-1][0], rel=1e-6)
    assert f"was {error.last_finite_loss:.3g}." in str(error)
    assert len(error.history) == 1
    assert error.history.loss == [pytest.approx(sum(mean * n for mean, n in expected[:3]) / 12, rel=1e-6)]


def test_divergence_at_the_very_first_minibatch(xp):
    net, trainer = network()
    with pytest.raises(dh.DivergenceError, match="epoch 1; no minibatch before had a finite one") as caught:
        train(net, [(xp.ones((2, 3)) * NAN, xp.zeros((2,)))], L2, trainer)
    assert caught.value.last_finite_loss is None
    assert len(caught.value.history) == 0


def test_one_example_that_is_not_finite_is_enough(xp):
    net, trainer = network()
    y = xp.array([0, NAN, 0])
    with pytest.raises(dh.DivergenceError):
        train(net, [(xp.ones((3, 3)), y)], L2, trainer)


def test_too_large_a_learning_rate_diverges(xp):
    net, trainer = network()
    trainer.set_learning_rate(1e6)
    with pytest.raises(dh.DivergenceError) as caught:
        train(net, batches(xp), L2, trainer, 50)
    assert caught.value.epoch == len(caught.value.history) + 1
    assert np.isfinite(caught.value.last_finite_loss)


def test_test_loss_that_is_not_finite(xp):
    data, (net, trainer) = batches(xp), network()
    with pytest.raises(dh.DivergenceError, match=r"test") as caught:
        train(net, data, L2, trainer, test_iter=[(data[0][0] * NAN, data[0][1])])
    assert caught.value.epoch == 1


# interrupts


def interrupt():
    signal.raise_signal(signal.SIGINT)


class Interrupting(list):
    """Minibatches; the kernel is interrupted before one of them is handed out, in one of the epochs."""

    def __init__(self, data, epoch, position):
        super().__init__(data)
        self.epoch, self.position = epoch, position

    def __iter__(self):
        self.epoch -= 1
        for i, batch in enumerate(super().__iter__()):
            if (self.epoch, i) == (0, self.position):
                interrupt()
            yield batch


def counted(trainer, calls, interrupt_at=None):
    def step(n):
        calls.append(n)
        if len(calls) == interrupt_at:
            interrupt()
        trainer.step(n)

    return step


def assert_parameters_after(net, data, num_steps):
    plain_net, plain_trainer = network()
    plain_loop(plain_net, plain_trainer, (data * num_steps)[:num_steps], L2)
    np.testing.assert_allclose(parameters(net), parameters(plain_net), rtol=0, atol=1e-6)


@pytest.mark.parametrize(("interrupt_at", "epochs"), [(1, 0), (2, 0), (4, 1), (5, 1), (8, 2)])
def test_interrupt_during_a_step(xp, capsys, interrupt_at, epochs):
    data, (net, trainer), steps = batches(xp), network(), []
    before = signal.getsignal(signal.SIGINT)
    history = train(net, data, L2, counted(trainer, steps, interrupt_at), 10)
    assert len(history) == len(history.seconds) == epochs
    assert len(steps) == interrupt_at
    assert_parameters_after(net, data, interrupt_at)
    assert signal.getsignal(signal.SIGINT) is before
    assert f"interrupted after {epochs} whole epochs" in capsys.readouterr().out


def test_interrupt_while_a_minibatch_is_fetched(xp):
    data, (net, trainer), steps = batches(xp), network(), []
    history = train(net, Interrupting(data, epoch=2, position=1), L2, counted(trainer, steps), 10)
    assert len(history) == 1
    assert len(steps) in (4, 5)  # without or with the minibatch that was being fetched
    assert_parameters_after(net, data, len(steps))


def test_interrupt_during_evaluation(xp):
    data, (net, trainer), steps = batches(xp), network(), []
    test_iter = Interrupting(data, epoch=2, position=1)
    history = train(net, data, L2, counted(trainer, steps), 10, test_iter=test_iter)
    assert len(history) in (1, 2)
    assert len({len(values) for values in history.curves.values()}) == 1
    assert_parameters_after(net, data, len(steps))
    assert len(steps) == 6, "a step was begun after the interrupt"


@pytest.mark.parametrize("plain", [False, True])
def test_interrupt_when_all_steps_are_handed_to_the_engine(xp, capsys, plain):
    """There is no minibatch any more, before which it could be looked for."""
    data, (net, trainer), calls = batches(xp), network(), []

    def metric(y_hat, y):
        calls.append(len(y))
        if len(calls) == 2:
            interrupt()
        return 0

    history = train(net, data, L2, trainer, 1, metric=metric, plain=plain)
    assert (len(history), len(calls)) == (1, len(data))
    assert_parameters_after(net, data, len(data))
    assert "interrupted after 1 whole epochs; the parameters are those" in capsys.readouterr().out


def test_interrupt_between_minibatches_of_the_test_set(xp, capsys):
    data, (net, trainer), tested = batches(xp), network(), []

    def tests():
        for i, batch in enumerate(data):
            tested.append(i)
            if i == 1:
                interrupt()
            yield batch

    history = train(net, data, L2, trainer, 1, test_iter=tests())
    assert (len(history), tested) == (0, [0, 1])
    assert_parameters_after(net, data, len(data))
    assert "interrupted after 0 whole epochs" in capsys.readouterr().out


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("verbose", [False, True])
def test_generator_can_be_gone_on_with_after_an_interrupt(xp, monkeypatch, plain, verbose):
    monkeypatch.setattr("d2lhelpers.progress_bars._is_looked_at", lambda: True)
    (net, trainer), steps = network(), []
    minibatches = (batch for batch in batches(xp))
    train(net, minibatches, L2, counted(trainer, steps, interrupt_at=1), 1, verbose=verbose, plain=plain)
    assert len(steps) == 1
    history = train(net, minibatches, L2, counted(trainer, steps), 1, verbose=verbose, plain=plain)
    assert history.num_examples == [len(batches(xp)[2][1])]  # the second one had been handed out


@pytest.mark.parametrize(("name", "value"), [("verbose", "no"), ("verbose", mx.gpu(0)), ("plain", 1), ("plain", None)])
def test_switches_are_truth_values(name, value):
    net, trainer = network()
    with pytest.raises(TypeError, match=rf"^{name} must be True or False, but is .*{re.escape(str(value))}"):
        train(net, batches(mx.nd), L2, trainer, 1, **{name: value})


def test_interrupt_of_one_worker_of_several_ends_its_script(monkeypatch):
    monkeypatch.setattr("d2lhelpers.training.training.num_workers", lambda: 2)
    data, (net, trainer) = batches(mx.nd), network()
    with pytest.raises(KeyboardInterrupt):
        train(net, data, L2, counted(trainer, [], interrupt_at=2), 10)


def test_second_interrupt_ends_at_once(xp):
    data, (net, _), steps = batches(xp), network(), []
    before = signal.getsignal(signal.SIGINT)

    def step(n):
        steps.append("begun")
        if len(steps) == 7:
            interrupt()
            interrupt()
        steps.append("ended")

    history = train(net, data, L2, step, 10)
    assert steps[-1] == "begun"
    assert len(history) == 1
    assert signal.getsignal(signal.SIGINT) is before


def test_second_interrupt_does_not_claim_that_the_step_was_whole(xp, capsys):
    net, _ = network()

    def step(n):
        interrupt()
        interrupt()

    train(net, batches(xp), L2, step, 10)
    assert "last whole step" not in capsys.readouterr().out


def raise_error(n):
    raise RuntimeError("mine")


@pytest.mark.parametrize("step", [lambda n: None, raise_error])
def test_handler_of_interrupts_is_restored(step):
    def handler(signum, frame):
        pass

    net, _ = network()
    before = signal.signal(signal.SIGINT, handler)
    try:
        if step is raise_error:
            with pytest.raises(RuntimeError, match="mine"):
                train(net, batches(mx.nd), L2, step)
        else:
            train(net, batches(mx.nd), L2, step)
        assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_train_works_in_another_thread(xp):
    histories, (net, trainer), data = [], network(), batches(xp)

    def run():
        with mx.util.np_shape(xp is mx.np), mx.util.np_array(xp is mx.np):  # a thread has semantics of its own
            histories.append(train(net, data, L2, trainer, 2))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(timeout=20)
    assert len(histories[0]) == 2
    assert_parameters_after(net, data, 6)


# bad input


def test_a_generator_lasts_one_epoch_only(xp):
    data, (net, trainer) = batches(xp), network()
    assert len(train(net, iter(data), L2, trainer, 1)) == 1
    with pytest.raises(ValueError, match=r"train_iter yielded no minibatch in epoch 2; a generator .* only once: "):
        train(net, iter(data), L2, trainer, 2)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"net": "net"}, TypeError, r"net must be callable, but is of the type str"),
        ({"loss": None}, TypeError, r"loss must be callable, but is of the type NoneType"),
        ({"metric": "accuracy"}, TypeError, r"metric must be callable, but is of the type str"),
        ({"metric": mx.metric.Accuracy()}, TypeError, r"metric must be callable, but is of the type Accuracy"),
        ({"metric": lambda y_hat, y: y_hat}, TypeError, r"metric must"),
        ({"metric": lambda y_hat, y: None}, TypeError, r"metric must"),
        ({"trainer": "sgd"}, TypeError, r"trainer must be a gluon\.Trainer or a function.*str; for example lambda"),
        ({"trainer": None}, TypeError, r"trainer must be a gluon\.Trainer .* NoneType"),
        ({"trainer": mx.optimizer.SGD()}, TypeError, r"trainer must be a gluon\.Trainer .* SGD"),
        ({"num_epochs": -1}, ValueError, r"num_epochs must be at least 0, but is -1"),
        ({"num_epochs": 2.0}, TypeError, r"num_epochs must be a whole number, but is 2.0 \(float\)"),
        ({"num_epochs": True}, TypeError, r"num_epochs must be a whole number, but is True"),
        ({"train_iter": []}, ValueError, r"train_iter yielded no minibatch in epoch 1"),
        ({"train_iter": None}, TypeError, r"train_iter must"),
        ({"train_iter": 5}, TypeError, r"train_iter must"),
        ({"train_iter": [(1, 2, 3)]}, TypeError, r"train_iter must yield pairs .*, but yielded a tuple of length 3"),
        ({"train_iter": "ab"}, TypeError, r"train_iter must yield pairs .*, but yielded a str"),
        ({"train_iter": mx.nd.ones((4, 2))}, TypeError, r"train_iter must yield pairs .*, but yielded a NDArray"),
        ({"test_iter": []}, ValueError, r"test_iter yielded no minibatch"),
        ({"test_iter": 5}, TypeError, r"test_iter must"),
        ({"test_iter": [(1, 2, 3)]}, TypeError, r"test_iter must yield pairs"),
    ],
)
def test_train_refuses_bad_arguments(change, error, message):
    net, trainer = network()
    arguments = {"net": net, "train_iter": batches(mx.nd), "loss": L2, "trainer": trainer, "num_epochs": 1}
    with pytest.raises(error, match=message):
        dh.train(**arguments | change, verbose=False)


def test_train_refuses_before_the_first_step_what_it_needs_after_the_last():
    net, steps = network()[0], []
    with pytest.raises(TypeError, match="test_iter must be an iterable of minibatches, but is of the type int"):
        dh.train(net, batches(mx.nd), L2, steps.append, 1, test_iter=5, verbose=False)
    assert steps == []


@pytest.mark.parametrize("in_units", [0, 3])
def test_train_refuses_a_network_without_parameters(xp, in_units):
    net = gluon.nn.Dense(1, in_units=in_units)
    with pytest.raises(ValueError, match=r"parameters of net were never initialised; call net\.initialize\(\) first"):
        train(net, batches(xp), L2, lambda n: None)


def test_train_refuses_features_of_another_number(xp):
    net, trainer = network(in_units=5)
    with pytest.raises(ValueError, match=r"net cannot take features of the shape \(5, 3\): ") as caught:
        train(net, batches(xp), L2, trainer)
    assert "src/" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_train_refuses_parameters_without_gradients(xp):
    w, b = xp.zeros((3,)), xp.zeros((1,))
    with pytest.raises(ValueError, match=r"gradient|attach_grad") as caught:
        train(lambda X: dh.linreg(X, w, b), batches(xp), dh.squared_loss, lambda n: dh.sgd([w, b], 0.1, n))
    assert "src/" not in str(caught.value)


def test_other_errors_of_the_engine_say_what_they_are(monkeypatch):
    def backward(losses):
        raise mx.MXNetError("Check failed: the gradient of this operator is not there")

    data, (net, trainer) = batches(mx.nd), network()
    monkeypatch.setattr(mx.nd.NDArray, "backward", backward)
    with pytest.raises(ValueError, match=r"could not compute this: .* the gradient of this operator is not there"):
        train(net, data, L2, trainer, plain=True)


@pytest.mark.parametrize("bad_id", [4, -1, 1.5, NAN])
@pytest.mark.parametrize("position", [0, 2])
def test_train_refuses_class_ids_that_do_not_exist(xp, bad_id, position):
    data, (net, trainer) = batches(xp, 4), network(4)
    data[position][1][1] = bad_id
    with pytest.raises(ValueError, match=rf"y must hold class ids from 0 to 3, but holds {bad_id}.* number the"):
        train(net, data, CROSS_ENTROPY, trainer)


def test_train_refuses_class_ids_that_do_not_exist_in_the_test_set(xp):
    data, (net, trainer) = batches(xp, 4), network(4)
    with pytest.raises(ValueError, match=r"class ids from 0 to 3, but holds 4"):
        train(net, data, CROSS_ENTROPY, trainer, test_iter=[(xp.ones((2, 3)), xp.array([0, 4]))])


def test_train_refuses_class_ids_of_two_axes_that_do_not_exist(xp):
    net, trainer = network(4)
    with pytest.raises(ValueError, match=r"\by must "):
        train(net, [(xp.ones((2, 3)), xp.array([[0], [4]]))], CROSS_ENTROPY, trainer)


@pytest.mark.parametrize(
    ("loss", "error", "message"),
    [
        (lambda y_hat, y: L2(y_hat, y).mean(), ValueError, r"one loss an example, shape \(5,\), .*\((1,)?\); leave"),
        (lambda y_hat, y: L2(y_hat, y).sum(), ValueError, r"one loss an example, shape \(5,\)"),
        (lambda y_hat, y: (y_hat - y)[:, :2], ValueError, r"shape \(5,\), .* the shape \(5, 2\); .*mean\(axis=1\)"),
        (lambda y_hat, y: (y_hat - y) ** 2, ValueError, r"the shape \(5, 5\); it compared each .*y_hat\.reshape\(y"),
        (lambda y_hat, y: 1.0, TypeError, r"value of loss must be an MXNet array, but is of the type float"),
        (lambda y_hat, y: None, TypeError, r"value of loss must be an MXNet array, but is of the type NoneType"),
    ],
)
def test_train_refuses_other_than_one_loss_an_example(xp, loss, error, message):
    net, trainer = network()
    with pytest.raises(error, match=message):
        train(net, batches(xp), loss, trainer)


@pytest.mark.parametrize(("outputs", "loss"), [(1, L2), (4, CROSS_ENTROPY), (1, dh.squared_loss)])
def test_train_refuses_features_and_labels_of_unequal_length(xp, outputs, loss):
    net, trainer = network(outputs)
    with pytest.raises(ValueError, match=r"\b3\b.*\b2\b|\b2\b.*\b3\b") as caught:
        train(net, [(xp.ones((3, 3)), xp.zeros((2,)))], loss, trainer)
    assert "src/" not in str(caught.value)


@pytest.mark.parametrize("part", ["features", "labels"])
@pytest.mark.parametrize("convert", [lambda array: array.asnumpy(), lambda array: array.asnumpy().tolist()])
def test_train_refuses_what_is_no_mxnet_array(xp, part, convert):
    (X, y), (net, trainer) = batches(xp)[0], network()
    batch = (convert(X), y) if part == "features" else (X, convert(y))
    with pytest.raises(TypeError, match=r"(X|y|features|labels).* MXNet array.*(ndarray|list)"):
        train(net, [batch], L2, trainer)


def test_train_refuses_mixed_kinds_of_arrays():
    (X, y), (net, trainer) = batches(mx.nd)[0], network()
    with pytest.raises(TypeError, match=r"as_nd_ndarray|set_np"):
        train(net, [(X.as_np_ndarray(), y)], L2, trainer)


def test_train_refuses_a_network_that_returns_nothing(xp):
    with pytest.raises(TypeError, match=r"(net|y_hat).*MXNet array.*NoneType"):
        train(lambda X: None, batches(xp), L2, lambda n: None)
