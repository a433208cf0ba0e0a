"""Training with several workers: the same result as one process with the same batch size."""

import json
import sys

import numpy as np
import pytest
from cluster_runs import Runs

# One script for all cases, since it is the start of processes that takes the time.
SCRIPT = """
    import json
    import d2lhelpers as dh
    import mxnet as mx
    import numpy as np
    from mxnet import gluon, init, nd

    found = {}

    def examples(n):
        dh.seed(3)
        return nd.random.normal(shape=(n, 5)), nd.random.randint(0, 3, shape=(n,)).astype("float32")

    def network(tied=False, wide=False, deferred=True):
        net = gluon.nn.HybridSequential()
        net.add(gluon.nn.Dense(3000 if wide else 6, activation="relu", in_units=0 if deferred else 5))
        if tied:
            net.add(gluon.nn.Dense(6, in_units=6))
            net.add(gluon.nn.Dense(6, in_units=6, params=net[1].params))
        net.add(gluon.nn.Dense(3))
        return net

    def case(name, net, optimizer="sgd", options=None, batch_size=24, rates=(0.1, 0.1), uneven=False, data=None,
             dtype="float32", **more):
        net.initialize(init.Normal(0.3))
        trainer = gluon.Trainer(net.collect_params(), optimizer, options)
        X, y = examples(100)
        X, (X_test, y_test) = X.astype(dtype), examples(37)
        train_iter = dh.load_array((X, y), batch_size) if data is None else data(X, y)
        test_iter = dh.load_array((X_test.astype(dtype), y_test), 10, shuffle=False)
        mx.random.seed(5)
        if uneven:
            mx.random.seed(5 + dh.rank())
            np.random.seed(dh.rank())
        curves = {}
        for rate in rates:
            trainer.set_learning_rate(rate)
            history = dh.train(
                net, train_iter, gluon.loss.SoftmaxCrossEntropyLoss(), trainer, 1, test_iter, dh.accuracy, **more
            )
            for key, values in (history.curves | {"n": history.num_examples}).items():
                curves.setdefault(key, []).extend(values)
        params = {i: p.data().asnumpy().tolist() for i, p in enumerate(net.collect_params().values())}
        found[name] = {"curves": curves, "params": params}

    case("last smaller batch", network())
    case("last batch for some of the workers only", network(), batch_size=33)
    case("plain", network(), plain=True)
    case("momentum, weight decay", network(), options={"momentum": 0.9, "wd": 0.01}, rates=(0.1, 0.05, 0.01))
    case("adam", network(), "adam", rates=(0.01, 0.001))
    case("ftrl", network(), "ftrl")
    case("tied", network(tied=True, deferred=False))
    frozen = network(deferred=False)
    frozen[0].collect_params().setattr("grad_req", "null")
    case("frozen, uneven", frozen, uneven=True)
    case("uneven", network(), uneven=True)
    case("large", network(wide=True))
    hybrid = network()
    hybrid.hybridize()
    case("hybridized", hybrid)
    double = network(deferred=False)
    double.cast("float64")
    case("float64", double, dtype="float64")

    # Iterables of others yield each worker's own part; 3 minibatches of one worker, 2 of another one.
    def parts(X, y):
        rank, n = dh.rank(), dh.num_workers()
        if n == 1:
            def both(array, i):
                return nd.concat(array[i : i + 10], array[50 + i : 60 + i], dim=0)
            return [(both(X, i), both(y, i)) for i in (0, 10)] + [(X[20:30], y[20:30])]
        if rank == 0:
            return [(X[i : i + 10], y[i : i + 10]) for i in (0, 10, 20)]
        return [(X[i : i + 10], y[i : i + 10]) for i in (50, 60)]

    if dh.num_workers() < 3:
        case("unequal numbers of minibatches", network(), data=parts)

    # A network of a learner's own, with mx.np arrays, and a step of a learner's own.
    mx.npx.set_np()
    own = gluon.nn.Dense(3)
    own.initialize(init.Normal(0.3))
    X, y = examples(50)
    train_iter = dh.load_array((X.as_np_ndarray(), y.as_np_ndarray()), 8)
    def step(batch_size):
        for param in own.collect_params().values():
            param.data()[:] = param.data() - 0.1 * param.grad() / batch_size
    mx.random.seed(7)
    dh.train(own, train_iter, gluon.loss.SoftmaxCrossEntropyLoss(), step, 2)
    params = {i: p.data().asnumpy().tolist() for i, p in enumerate(own.collect_params().values())}
    found["own step"] = {"curves": {}, "params": params}

    with open(f"found-{dh.num_workers()}-{dh.rank()}", "w") as file:
        json.dump(found, file)
"""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """Return what one process found, and what each of several workers did."""
    folder = tmp_path_factory.mktemp("training")
    runs = Runs(folder)
    script = runs.script(SCRIPT)
    found = {}
    try:
        for n in (1, 2, 3):
            run = runs.launch("--workers", n, script) if n > 1 else runs.start([sys.executable, script])
            assert run.wait() == 0, run.err
            found[n] = [json.loads((run.folder / f"found-{n}-{rank}").read_text()) for rank in range(n)]
            found["out", n] = run.out
    finally:
        runs.close()
    return found


@pytest.mark.parametrize("num_workers", [2, 3])
def test_parameters_are_those_of_one_process(outcomes, num_workers):
    (alone,) = outcomes[1]
    for worker in outcomes[num_workers]:
        assert len(worker) >= len(alone) - 1
        for name, values in worker.items():
            for i, param in values["params"].items():
                np.testing.assert_allclose(param, alone[name]["params"][i], rtol=0, atol=1e-6, err_msg=f"{name} {i}")


@pytest.mark.parametrize("num_workers", [2, 3])
def test_workers_have_identical_parameters(outcomes, num_workers):
    first, *others = outcomes[num_workers]
    for worker in others:
        assert {name: values["params"] for name, values in worker.items()} == {
            name: values["params"] for name, values in first.items()
        }


@pytest.mark.parametrize("num_workers", [2, 3])
def test_history_is_of_all_examples(outcomes, num_workers):
    (alone,) = outcomes[1]
    for worker in outcomes[num_workers]:
        for name, values in worker.items():
            for curve, numbers in values["curves"].items():
                np.testing.assert_allclose(numbers, alone[name]["curves"][curve], rtol=1e-6, err_msg=f"{name} {curve}")


def test_only_the_first_worker_prints(outcomes):
    alone, together = ([line.split(" (")[0] for line in outcomes["out", n].splitlines()] for n in (1, 2))
    assert len(together) > 20
    assert together == [f"[0] {line}" for line in alone]


REFUSED = """
    import d2lhelpers as dh
    from mxnet import gluon, nd
    X, y = nd.ones((10, 2)), nd.ones((10, 1))
    net = gluon.nn.Dense(1)
    net.initialize()
    loss = gluon.loss.L2Loss()
    w = nd.ones((2, 1))
    w.attach_grad()

    def trainer(**options):
        return gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1}, **options)

    def attempt(*arguments):
        try:
            dh.train(*arguments, 1)
        except (TypeError, ValueError) as error:
            print(f"{type(error).__name__}: {error}")

    attempt(net, dh.load_array((X, y), 2), loss, trainer(kvstore="dist_sync"))
    attempt(lambda X: nd.dot(X, w), dh.load_array((X, y), 2), loss, lambda batch_size: dh.sgd([w], 0.1, batch_size))
    net.collect_params().setattr("grad_req", "add")
    attempt(net, dh.load_array((X, y), 2), loss, trainer())
    net.collect_params().setattr("grad_req", "write")
    attempt(net, dh.load_array((X, y), 1), loss, trainer())
"""


def test_what_cannot_be_shared_is_refused(tmp_path):
    runs = Runs(tmp_path)
    try:
        run = runs.launch("--workers", 2, runs.script(REFUSED))
        run.wait()
        lines = sorted(line[4:] for line in run.out.splitlines() if line.startswith("[0]"))
        message = run.err
    finally:
        runs.close()
    assert [line.split(":")[0] for line in lines] == ["TypeError", "ValueError", "ValueError", "ValueError"]
    assert 'leave it out: gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.03}).' in "\n".join(lines)
    assert "net and trainer are functions; hand in a Gluon network" in lines[0]
    assert 'grad_req "add"' in "\n".join(lines)
    assert "a minibatch of 1 examples is too small for 2 workers" in "\n".join(lines)
    assert message.count("\n") <= 1
