"""Runs of several processes that are rare, or take long: three workers, two servers, silent ones; minutes."""

import json
import signal
import sys
import time

import pytest
from cluster_runs import TRAINING, Runs, free_port, kill
from test_cluster_network import MISSING, Link, check_garbage_at_engine, start
from test_cluster_training import SCRIPT, alone, check_found, together

WAITS = "[scheduler] worker 0 on 127.0.0.1 has been waiting for worker 1 on 127.0.0.1 for 1 s."


@pytest.fixture
def runs(tmp_path):
    runs = Runs(tmp_path)
    yield runs
    runs.close()


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    runs = Runs(tmp_path_factory.mktemp("alone"))
    yield alone(runs)[0]
    runs.close()


@pytest.mark.parametrize("num_workers", [1, 3, 4])
def test_other_numbers_of_workers_find_what_one_process_does(runs, expected, num_workers):
    check_found([worker for worker, _ in together(runs, num_workers)[0]], expected)


def test_several_servers_share_arrays(runs, expected):
    variables = {
        "DMLC_PS_ROOT_URI": "127.0.0.1",
        "DMLC_PS_ROOT_PORT": str(free_port()),
        "DMLC_NUM_WORKER": "2",
        "DMLC_NUM_SERVER": "2",
        "MXNET_KVSTORE_BIGARRAY_BOUND": "50",  # larger arrays are cut, a part for each server
    }
    script = runs.script(SCRIPT)
    started = [
        runs.start([sys.executable, script, "."], variables | {"DMLC_ROLE": role})
        for role in ("scheduler", "server", "server", "worker", "worker")
    ]
    for run in started:
        assert run.wait() == 0, run.err
    found = [json.loads(path.read_text())[0] for run in started for path in run.folder.glob("found-*")]
    assert len(found) == 2
    check_found(found, expected)


@pytest.mark.parametrize("role", ["scheduler", "worker"])
def test_garbage_at_the_engine_ends_a_run_cleanly_or_not_at_all(runs, role):
    check_garbage_at_engine(runs, role)


def test_other_examples(runs):
    run = runs.launch("--workers", 2, runs.script(TRAINING.replace("dh.seed(0)", "dh.seed(dh.rank())")))
    assert run.wait() == 1
    assert "worker 1 on 127.0.0.1 has other examples, or another batch size, than worker 0" in run.err


def test_a_worker_that_stops_within_an_epoch_is_named(runs):
    script = TRAINING.replace("4.2, 100)", "4.2, 3000000)")
    run = runs.launch("--workers", 2, runs.script(script), environ={"D2L_CLUSTER_PATIENCE": "1"})
    run.wait_for("epoch 1:")  # the progress bar
    time.sleep(3)  # so that all have said that they have begun
    (worker,) = run.members("worker", 1)
    worker.send_signal(signal.SIGSTOP)
    run.wait_for(WAITS, "err", run.err.count(WAITS) + 1)
    kill(worker)
    assert run.wait() == 1


@pytest.mark.parametrize("role", ["scheduler", "server"])
def test_whoever_is_stopped_ends_the_run_when_it_is_ended(runs, role):
    run = runs.launch("--workers", 2, runs.script(TRAINING))
    run.wait_for("epoch 2")
    (victim,) = run.members(role)
    victim.send_signal(signal.SIGSTOP)
    time.sleep(3)
    assert run.process.poll() is None
    kill(victim)
    assert run.wait() == 1
    assert run.err.startswith("the scheduler on" if role == "scheduler" else "server 0 on")
    assert run.err.count("\n") == 1


@pytest.mark.skipif(bool(MISSING), reason=str(MISSING))
@pytest.mark.parametrize("role", ["worker", "server", "scheduler", "launcher"])
def test_killed_on_one_of_two_machines(runs, role):
    link = Link()
    try:
        both = start(runs, link, runs.script(TRAINING))
        victim = both[1].process if role == "launcher" else both[role == "worker"].members(role)[0]
        victim.kill()
        for run in both:
            assert run.wait() != 0
            if run.process is not victim:
                assert run.err.count("\n") == 1
    finally:
        link.close()
