"""Faults of a run on two machines with a network between them, which are network namespaces of this one."""

import contextlib
import signal
import sys

import pytest
from cluster_runs import MEETING, WAITING, Machine, Runs
from test_cluster_faults import (  # noqa: F401 - they are tried once more, on the two machines of `runs` below
    join,
    test_another_number_of_workers,
    test_another_script,
    test_another_version_of_mxnet,
    test_killed_on_another_machine,
    test_other_shapes,
    test_two_launchers_are_one_run,
)
from test_cluster_network import MISSING, Link

ADDRESSES = "10.77.0.1", "10.77.0.2"


@pytest.fixture
def runs(tmp_path):
    if MISSING:
        pytest.skip(MISSING)
    with contextlib.closing(Link()) as link:
        spaces = link.first, link.second
        machines = [
            Machine(address, ("ip", "netns", "exec", space)) for address, space in zip(ADDRESSES, spaces, strict=True)
        ]
        with contextlib.closing(Runs(tmp_path, machines)) as runs:
            yield runs


def serve(runs, answer):
    """Have a service of somebody else's on the first machine; return its address."""
    script = f"""
        import socket
        with socket.create_server(("{ADDRESSES[0]}", 9091)) as server:
            print("listens", flush=True)
            while True:
                connection, _ = server.accept()
                connection.sendall({answer!r})
                connection.recv(2**16)
                connection.close()
    """
    service = runs.start([*runs.machines[0].before, sys.executable, runs.script(script, "service.py")])
    service.wait_for("listens")
    return f"{ADDRESSES[0]}:9091"


@pytest.mark.parametrize("rank", [0, 1])
def test_exception_in_one_worker(runs, rank):
    script = WAITING.replace("    import time", f"    assert dh.rank() != {rank}, 'nothing here'\n    import time", 1)
    for run in join(runs, script, script):
        assert run.wait() == 1
        message = f"worker {rank} on {ADDRESSES[rank]} has failed: AssertionError: nothing here. Mend that"
        assert run.err.count(message) == 1
        assert [line for line in run.err.splitlines() if not line.startswith(f"[{rank}] ")] == [
            line for line in run.err.splitlines() if message in line
        ]


@pytest.mark.parametrize("place", [0, 1])
def test_interrupted(runs, place):
    both = join(runs, WAITING, WAITING)
    for run in both:
        run.wait_for("waits")
    both[place].process.send_signal(signal.SIGINT)
    for run in both:
        assert run.wait() == 130
        assert run.err.count("was interrupted. Start the run again") == 1
        assert run.err.count("\n") == 1


def test_a_worker_that_never_comes(runs):
    address = f"{ADDRESSES[0]}:9091"
    script = runs.script(MEETING)
    run = runs.launch(
        "--listen", address, "--workers", 2, "--here", 1, "--wait", 3, script, before=runs.machines[0].before
    )
    assert run.wait() == 1
    assert run.err.startswith("worker 1 did not come within 3 s.")
    assert run.err.count("\n") == 1
    other = runs.launch("--join", address, "--workers", 2, "--wait", 2, script, before=runs.machines[1].before)
    assert other.wait() == 1
    assert f"no scheduler answered at {address}" in other.err
    assert other.err.count("\n") == 1


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b""], ids=["HTTP", "silent"])
def test_foreign_service(runs, answer):
    address = serve(runs, answer)
    script = runs.script(MEETING)
    run = runs.launch("--join", address, "--workers", 2, "--wait", 2, script, before=runs.machines[1].before)
    assert run.wait() == 1
    assert run.err.startswith(f"what answers at {address} is no run of d2lhelpers")
    assert run.err.count("\n") == 1


def test_port_in_use(runs):
    address = serve(runs, b"")
    run = runs.launch(
        "--listen", address, "--workers", 2, "--here", 1, runs.script(MEETING), before=runs.machines[0].before
    )
    assert run.wait() == 1
    assert run.err.startswith(f"{address} cannot be listened on (Address already in use).")
    assert run.err.count("\n") == 1


@pytest.mark.parametrize("place", [0, 1])
def test_a_script_that_ends_early(runs, place):
    script = f"""
        import d2lhelpers as dh
        if dh.rank() != {place}:
            dh.cluster.current().add("", [1])
    """
    for run in join(runs, script, script):
        assert run.wait() == 1
        early, other = (f"worker {rank} on {ADDRESSES[rank]}" for rank in (place, 1 - place))
        assert f"{early} is through with its script, but {other} waits for it" in run.err
        assert run.err.count("\n") == 1


def test_two_runs_at_once(runs):
    both = [join(runs) for _ in range(2)]
    for first, second in both:
        assert (first.wait(), second.wait()) == (0, 0)
        assert first.out + second.out == "[0] 0 of 2 [2.0]\n[1] 1 of 2 [2.0]\n"
