"""Training with several workers: the same result as one process with the same batch size."""

import json
import sys

import d2lhelpers as dh
from d2lhelpers.training.machines import Together

import numpy as np
import pytest
from cluster_runs import Runs
from mxnet import nd

# One script for all cases, since it is the start of processes that takes the time.
SCRIPT = """
    import json, os, sys
    import d2lhelpers as dh
    import mxnet as mx
    import numpy as np
    from mxnet import autograd, gluon, init, nd

    found, refused = {}, []

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
    case("a single parameter", gluon.nn.Dense(3, use_bias=False))
    frozen = network(deferred=False)
    frozen[0].collect_params().setattr("grad_req", "null")
    case("frozen, uneven", frozen, uneven=True)
    case("uneven", network(), uneven=True)
    # A parameter that is frozen or thawed has other arrays from then on.
    thawed, passes = network(deferred=False), []
    def freeze_and_thaw(block, inputs):
        if autograd.is_training():
            passes.append(block)
            thawed[0].collect_params().setattr("grad_req", "null" if len(passes) == 3 else "write")
    thawed.register_forward_pre_hook(freeze_and_thaw)
    case("frozen and thawed on the way", thawed)
    case("large", network(wide=True))
    dh.data._LARGE, usual = 1, dh.data._LARGE
    case("minibatches that are gathered one by one", network(), batch_size=33)
    dh.data._LARGE = usual
    hybrid = network()
    hybrid.hybridize()
    case("hybridized", hybrid)
    double = network(deferred=False)
    double.cast("float64")
    case("float64", double, dtype="float64")

    # What it notes of minibatches is of each worker's part, and the same for all after an epoch.
    normed = gluon.nn.HybridSequential()
    normed.add(gluon.nn.Dense(6), gluon.nn.BatchNorm(), gluon.nn.Dense(3))
    case("batch norm", normed, verbose=False)

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

    mx.npx.reset_np()

    # What cannot be shared.
    X, y = nd.ones((10, 2)), nd.ones((10, 1))
    net, loss, w = gluon.nn.Dense(1), gluon.loss.L2Loss(), nd.ones((2, 1))
    net.initialize()
    w.attach_grad()

    def trainer(**options):
        return gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1}, **options)

    def attempt(*arguments):
        try:
            dh.train(*arguments, 1)
        except (TypeError, ValueError) as error:
            refused.append(f"{type(error).__name__}: {error}")

    if dh.num_workers() > 1:
        attempt(net, dh.load_array((X, y), 2), loss, trainer(kvstore="dist_sync"))
        attempt(lambda X: nd.dot(X, w), dh.load_array((X, y), 2), loss, lambda n: dh.sgd([w], 0.1, n))
        net.collect_params().setattr("grad_req", "add")
        attempt(net, dh.load_array((X, y), 2), loss, trainer())
        net.collect_params().setattr("grad_req", "write")
        attempt(net, dh.load_array((X, y), 1), loss, trainer())

    with open(os.path.join(sys.argv[1], f"found-{dh.rank()}"), "w") as file:
        json.dump([found, refused], file)
"""


def alone(runs):
    """Return what one process finds, and prints."""
    run = runs.start([sys.executable, runs.script(SCRIPT), "."])
    assert run.wait() == 0, run.err
    return json.loads((run.folder / "found-0").read_text())[0], run.out


def together(runs, num_workers):
    """Return what each of several workers finds and is refused, and what they print."""
    run = runs.launch("--workers", num_workers, runs.script(SCRIPT), ".")
    assert run.wait() == 0, run.err
    assert run.err == ""
    return [json.loads((run.folder / f"found-{rank}").read_text()) for rank in range(num_workers)], run.out


def check_found(found, expected):
    """Check that all workers have found the same, and what one process has."""
    for worker in found:
        assert {*expected} - {*worker} <= {"unequal numbers of minibatches"}
        for name, values in worker.items():
            first = found[0][name]["params"]
            for i, param in values["params"].items():
                assert param == first[i], f"{name} {i}"
                if name != "batch norm":
                    np.testing.assert_allclose(
                        param, expected[name]["params"][i], rtol=0, atol=1e-6, err_msg=f"{name} {i}"
                    )
            for curve, numbers in values["curves"].items():
                tolerance = 0.2 if name == "batch norm" else 1e-6
                np.testing.assert_allclose(
                    numbers, expected[name]["curves"][curve], rtol=tolerance, err_msg=f"{name} {curve}"
                )


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    runs = Runs(tmp_path_factory.mktemp("training"))
    try:
        return alone(runs), together(runs, 2)
    finally:
        runs.close()


def test_two_workers_find_what_one_process_does(outcomes):
    (expected, _), (found, _) = outcomes
    check_found([worker for worker, _ in found], expected)


def test_only_the_first_worker_prints(outcomes):
    alone, together = ([line.split(" (")[0] for line in out.splitlines()] for _, out in outcomes)
    assert len(together) > 20
    assert together == [f"[0] {line}" for line in alone]


def test_what_cannot_be_shared_is_refused(outcomes):
    _, (found, _) = outcomes
    for _, lines in found:
        assert [line.split(":")[0] for line in lines] == ["ValueError", "TypeError", "ValueError", "ValueError"]
        assert lines[0].endswith('leave it out: gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.03}).')
        assert "net and trainer are functions; hand in a Gluon network" in lines[1]
        assert 'grad_req "add"' in lines[2]
        assert "a minibatch of 1 examples is too small for 2 workers" in lines[3]


class Noting:
    """A worker of a run that only notes what all must have the same."""

    rank, num_workers = 0, 2

    def __init__(self):
        self.noted = []

    def agree(self, about, value):
        self.noted.append((about, value))


@pytest.mark.parametrize(
    ("change", "is_same"),
    [({}, True), ({"X": 1}, False), ({"y": 1}, False), ({"batch_size": 3}, False), ({"shuffle": False}, False)],
)
def test_workers_agree_on_examples(change, is_same):
    noted = []
    for more in ({}, change):
        X, y = nd.zeros((8, 2)), nd.zeros((8,))
        X[3, 1], y[5] = more.get("X", 0), more.get("y", 0)
        worker = Noting()
        loader = dh.load_array((X, y), more.get("batch_size", 4), more.get("shuffle", True))
        together = Together(worker)
        for _ in range(2):  # they are compared once
            assert len(together.share(loader)) == len(loader)
        noted.append(worker.noted)
    assert len(noted[0]) == 1
    assert (noted[0] == noted[1]) is is_same
