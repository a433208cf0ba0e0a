"""Faults in a run of several processes: nothing hangs or is left, and one message says who, where, why, what to do."""

import contextlib
import os
import re
import signal
import socket
import struct
import sys
import textwrap
import threading
import time

import pytest
from cluster_runs import LIMIT, MEETING, ROOT, TRAINING, WAITING, Runs, free_port, is_free, kill


@pytest.fixture
def runs(tmp_path):
    runs = Runs(tmp_path)
    yield runs
    runs.close()


def test_a_server_that_is_killed_in_training(runs):
    run = runs.launch("--workers", 2, runs.script(TRAINING))
    run.wait_for("epoch 2")
    (server,) = run.members("server")
    kill(server)
    assert run.wait() == 1
    assert run.err.count("server 0 on 127.0.0.1 was ended by the signal SIGKILL. Look at that machine") == 1
    assert run.err.count("\n") == 1


def test_what_another_run_has_left_cannot_hold_up_this_one_for_ever(runs):
    # MXNet's processes connect again and again to one that has gone. Here the server of another run finds, in the
    # place of its own worker, one of this run, before this run's server does, whose name is the same.
    script = """
    import threading
    import time
    from pathlib import Path
    import d2lhelpers as dh
    import zmq
    from cluster_runs import free_port
    from d2lhelpers.cluster import current, joining
    from mxnet import nd

    connected = Path("connected")

    def wait_for_stranger():
        monitor.recv_multipart()
        connected.touch()

    def environment(settings, place, node_host):
        variables, hidden = environment_for_mxnet(settings, place, node_host)
        if dh.rank() == 0:
            port = free_port()
            stranger.connect(f"tcp://{node_host}:{port}")
            variables["PORT"] = str(port)
            hidden = [name for name in hidden if name != "PORT"]
            threading.Thread(target=wait_for_stranger, daemon=True).start()
        while dh.rank() == 1 and not connected.exists():  # MXNet's part begins when all are there
            time.sleep(0.01)
        return variables, hidden

    stranger = zmq.Context().socket(zmq.DEALER)
    stranger.linger = 0
    stranger.setsockopt(zmq.IDENTITY, b"ps8")
    monitor = stranger.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
    environment_for_mxnet, joining.environment_for_mxnet = joining.environment_for_mxnet, environment
    current().add_up("", nd.ones(3))
    nd.waitall()
    """
    environ = {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    run = runs.launch("--workers", 2, "--wait", 15, runs.script(script), environ=environ)
    assert run.wait() == 1
    # Where it is not MXNet's first one, the other worker gets its sums all the same.
    assert re.fullmatch(
        r"MXNet's own part did not begin within 15 s on worker 0 on 127\.0\.0\.1(, worker 1 on 127\.0\.0\.1)?\. Let "
        r"all ports between these machines be open, and start the run again, or wait longer with --wait\.\n",
        run.err,
    )


def test_mxnets_part_has_some_seconds_to_begin_however_short_the_wait(runs):
    script = """
    import time
    import d2lhelpers as dh
    from d2lhelpers.cluster import current, joining
    from mxnet import nd

    def environment(*arguments):
        if dh.rank() == 0:
            time.sleep(3)
        return environment_for_mxnet(*arguments)

    environment_for_mxnet, joining.environment_for_mxnet = joining.environment_for_mxnet, environment
    current().add_up("", nd.ones(3))
    nd.waitall()
    """
    run = runs.launch("--workers", 2, "--wait", 1, runs.script(script))
    assert run.wait() == 0, run.err
    assert run.err == ""


def test_a_worker_that_stops_in_training_is_named_until_it_is_killed(runs):
    run = runs.launch("--workers", 2, runs.script(TRAINING), environ={"D2L_CLUSTER_PATIENCE": "1"})
    run.wait_for("epoch 2")
    (worker,) = run.members("worker", 1)
    worker.send_signal(signal.SIGSTOP)
    # On a machine that has much to do, it may have been named before, when it was slow.
    message = "[scheduler] worker 0 on 127.0.0.1 has been waiting for worker 1 on 127.0.0.1 for 1 s."
    run.wait_for(message, "err", run.err.count(message) + 1)
    kill(worker)
    assert run.wait() == 1
    assert run.err.count("worker 1 on 127.0.0.1 was ended by the signal SIGKILL. Look at that machine") == 1


def test_a_worker_that_stops_within_a_call_is_named(runs):
    """The scheduler has heard that it has come to the call, and of the others the same."""
    script = """
    import os, time
    import d2lhelpers as dh
    member = dh.cluster.current()
    if dh.rank() == 1:
        member._num_calls += 1
        time.sleep(2.5)  # it says so each second
        print("ready", flush=True)
        while not os.path.exists("go"):
            time.sleep(0.05)
        member._num_calls -= 1
    print(member.add("", [1]))
    """
    run = runs.launch("--workers", 2, runs.script(script), environ={"D2L_CLUSTER_PATIENCE": "1"})
    run.wait_for("ready")
    (worker,) = run.members("worker", 1)
    worker.send_signal(signal.SIGSTOP)
    message = "worker 0 on 127.0.0.1 has been waiting for worker 1 on 127.0.0.1 for 1 s. If that one is stuck, end it"
    count = run.err.count(message) + 1  # on a machine that has much to do, it may have been named before
    run.wait_for(message, "err", count)
    (run.folder / "go").touch()
    worker.send_signal(signal.SIGCONT)
    assert run.wait() == 0
    assert run.err.count(message) == count
    assert sorted(run.out.splitlines()) == ["[0] [2]", "[1] [2]", "[1] ready"]


def test_workers_that_all_compute_by_themselves_wait_for_nobody(runs):
    script = """
    import time
    import d2lhelpers as dh
    dh.cluster.current().add("", [1])
    time.sleep(3)  # they tell how far they are each second
    print(dh.cluster.current().add("", [1]))
    """
    run = runs.launch("--workers", 2, runs.script(script), environ={"D2L_CLUSTER_PATIENCE": "1"})
    assert run.wait() == 0
    assert run.err == ""


def test_a_worker_that_is_late_is_named_and_may_go_on(runs):
    script = """
    import os, time
    import d2lhelpers as dh
    while dh.rank() == 1 and not os.path.exists("go"):
        time.sleep(0.05)
    print(dh.cluster.current().add("", [1]))
    """
    run = runs.launch("--workers", 2, runs.script(script), environ={"D2L_CLUSTER_PATIENCE": "1"})
    message = "worker 0 on 127.0.0.1 has been waiting for worker 1 on 127.0.0.1 for 1 s. If that one is stuck, end it"
    run.wait_for(message, "err")
    (run.folder / "go").touch()
    assert run.wait() == 0
    assert run.err.count(message) == 1
    assert sorted(run.out.splitlines()) == ["[0] [2]", "[1] [2]"]


def test_scheduler_killed(runs):
    run = runs.launch("--workers", 2, runs.script(WAITING))
    run.wait_for("waits")
    (scheduler,) = run.members("scheduler")
    kill(scheduler)
    assert run.wait() not in (0, None)
    assert run.err.count("the scheduler on 127.0.0.1") == 1
    assert run.err.count("\n") == 1


def test_launcher_killed(runs):
    run = runs.launch("--workers", 2, runs.script(WAITING))
    run.wait_for("waits")
    run.process.kill()
    assert run.wait() == -signal.SIGKILL  # and nothing is left


def test_exception_in_one_worker(runs):
    script = WAITING.replace(
        "    import time", '    if dh.rank() == 1:\n        raise LookupError("nothing here")\n    import time'
    )
    run = runs.launch("--workers", 2, runs.script(script))
    assert run.wait() == 1
    assert run.err.count("worker 1 on 127.0.0.1 has failed: LookupError: nothing here. Mend that") == 1
    assert run.err.count("[1] Traceback") == 1
    assert "[0] Traceback" not in run.err


def test_exception_in_training_that_the_script_survives(runs):
    script = """
    import time
    calls = []
    def fails(y_hat, y):
        calls.append(y)
        if dh.rank() == 1 and len(calls) > 100:
            raise LookupError("nothing here")
        return 1.0
    try:
        dh.train(net, train_iter, gluon.loss.L2Loss(), trainer, 1000000, metric=fails)
    except LookupError:
        time.sleep(600)
    """
    start = TRAINING[: TRAINING.index("    EPOCHS")]
    run = runs.launch("--workers", 2, runs.script(start + script))
    assert run.wait() == 1
    assert run.err.count("worker 1 on 127.0.0.1 has failed: LookupError: nothing here. Mend that") == 1
    assert run.err.count("\n") == 1


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(runs, signum):
    run = runs.launch("--workers", 2, runs.script(WAITING), in_background=signum == signal.SIGTERM)
    run.wait_for("waits")
    run.process.send_signal(signum)
    assert run.wait() == 130
    assert run.err.count("was interrupted. Start the run again") == 1
    assert run.err.count("\n") == 1


def test_a_worker_that_never_comes(runs):
    port = free_port()
    run = runs.launch("--listen", f"127.0.0.1:{port}", "--workers", 2, "--here", 1, "--wait", 3, runs.script(MEETING))
    assert run.wait() == 1
    assert run.err == (
        "worker 1 did not come within 3 s. Start the missing ones, with the same address and number of workers, or "
        "wait longer with --wait.\n"
    )
    assert is_free(port)


def test_a_scheduler_that_never_comes(runs):
    run = runs.launch("--join", f"127.0.0.1:{free_port()}", "--workers", 2, "--wait", 2, runs.script(MEETING))
    assert run.wait() == 1
    assert "no scheduler answered at 127.0.0.1" in run.err
    assert run.err.count("\n") == 1


def test_a_script_that_ends_early(runs):
    script = "import d2lhelpers as dh\nif dh.rank() == 0:\n    dh.cluster.current().add('', [1])\n"
    run = runs.launch("--workers", 2, runs.script(script))
    assert run.wait() == 1
    assert (
        run.err.count("worker 1 on 127.0.0.1 is through with its script, but worker 0 on 127.0.0.1 waits for it") == 1
    )


def test_a_script_that_does_not_begin(runs):
    run = runs.launch("--workers", 2, runs.script("import sys\nsys.exit(3)"))
    assert run.wait() == 3
    assert "has ended with the status 3. Its own output says why" in run.err


def test_a_script_that_ends_while_the_engine_works(runs):
    script = """
    import d2lhelpers as dh
    from d2lhelpers.cluster import current
    from mxnet import nd
    a = nd.ones((400, 400))
    for _ in range(100):
        a = nd.dot(a, a) / 400
    current().add_up("a", a)
    """
    run = runs.launch("--workers", 2, runs.script(script))
    assert run.wait() == 0


def test_what_workers_have_started_ends_with_them(runs):
    script = "import subprocess\nsubprocess.Popen(['sleep', '600'])\n"
    run = runs.launch("--workers", 2, runs.script(script + textwrap.dedent(MEETING)))
    assert run.wait() == 0  # and nothing is left


def test_the_status_of_a_script_stays(runs):
    run = runs.launch("--workers", 2, runs.script(MEETING + "\n    raise SystemExit(4 * dh.rank())"))
    assert run.wait() == 4


def test_port_in_use(runs):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        run = runs.launch("--listen", f"127.0.0.1:{port}", "--workers", 2, runs.script(MEETING))
        assert run.wait() == 1
    assert run.err.startswith(f"127.0.0.1:{port} cannot be listened on (Address already in use).")
    assert run.err.count("\n") == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "what answers at {} is no run of d2lhelpers"),
        (b"", "what answers at {} is no run of d2lhelpers"),
        (None, "what answered at {} has closed the connection at once. If a run was just ending there"),
    ],
    ids=["HTTP", "silent", "closed"],
)
def test_foreign_service(runs, answer, words):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        address = f"127.0.0.1:{listener.getsockname()[1]}"

        def serve():
            connection, _ = listener.accept()
            if answer is not None:
                connection.sendall(answer)
                connection.recv(2**16)
            connection.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        run = runs.launch("--join", address, "--workers", 2, "--wait", 2, runs.script(MEETING))
        assert run.wait() == 1
        thread.join()
    assert run.err.startswith(words.format(address))
    assert run.err.count("\n") == 1


def join(runs, script=MEETING, other=MEETING, num_workers=(2, 2), environ=None):
    """Return two launchers that were to be one run."""
    first, second = runs.machines
    address = f"{first.address}:{free_port()}"
    one, two = runs.script(script, "one.py"), runs.script(other, "two.py")
    return (
        runs.launch("--listen", address, "--workers", num_workers[0], "--here", 1, one, before=first.before),
        runs.launch(
            "--join", address, "--workers", num_workers[1], "--here", 1, two, before=second.before, environ=environ
        ),
    )


def test_two_launchers_are_one_run(runs):
    first, second = join(runs)
    assert (first.wait(), second.wait()) == (0, 0)
    assert first.out + second.out == "[0] 0 of 2 [2.0]\n[1] 1 of 2 [2.0]\n"


def test_killed_on_another_machine(runs):
    first, second = join(runs, WAITING, WAITING)
    second.wait_for("waits")
    (worker,) = second.members("worker")
    kill(worker)
    for run in (first, second):
        assert run.wait() == 1
        assert run.err.startswith(f"worker 1 on {runs.machines[1].address} was ended by the signal SIGKILL.")
        assert run.err.count("\n") == 1


def test_strangers_do_not_disturb_a_run_that_has_not_begun(runs):
    port = free_port()
    script = runs.script(MEETING)
    first = runs.launch("--listen", f"127.0.0.1:{port}", "--workers", 2, "--here", 1, script)
    strangers = (
        b"",
        b"{}\n",
        b'{"role": "launcher", "num_workers": 2, "num_servers": 1, "launched": true}\n',
        b"x\n" * 9,
    )
    for data in strangers * 5:
        limit = time.monotonic() + LIMIT
        while True:
            try:
                connection = socket.create_connection(("127.0.0.1", port))
                break
            except ConnectionRefusedError:
                assert time.monotonic() < limit
        with connection:
            # Closing it will be a reset, which the other side may notice before it has looked at the connection.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            with contextlib.suppress(OSError):
                connection.sendall(data)
    second = runs.launch("--join", f"127.0.0.1:{port}", "--workers", 2, "--here", 1, script)
    assert (first.wait(), second.wait()) == (0, 0)
    assert first.err == second.err == ""


def test_another_script(runs):
    both = join(runs, other=MEETING + "    # another one")
    for run in both:
        assert run.wait() == 1
        assert run.err.count("runs another script than worker") == 1
        assert run.err.count("\n") == 1


def test_another_number_of_workers(runs):
    both = join(runs, num_workers=(2, 3))
    for run in both:
        assert run.wait() == 1
        assert run.err == (
            f"the launcher on {runs.machines[1].address} was started for 3 workers, but the scheduler for 2. Give the "
            "same number everywhere.\n"
        )


def test_another_version_of_mxnet(runs, tmp_path):
    info = tmp_path / "other" / "mxnet-1.8.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mxnet\nVersion: 1.8.0\n")
    both = join(runs, environ={"PYTHONPATH": f"{info.parent}:{ROOT}"})
    for run in both:
        assert run.wait() == 1
        assert "has MXNet 1.8.0, but the scheduler has 1.9.1. Install the same version everywhere." in run.err
        assert run.err.count("\n") == 1


def test_other_shapes(runs):
    script = TRAINING.replace("Dense(1)", "Dense(1, use_bias=dh.rank() == 0)")
    for run in join(runs, script, script):
        assert run.wait() == 1
        message = f"worker 1 on {runs.machines[1].address} has parameters of the shapes [(1, 2)], but worker 0"
        assert message in run.err
        assert run.err.count("\n") == 1


def test_two_runs_at_once(runs):
    script = runs.script(MEETING)
    both = [runs.launch("--workers", 2, script) for _ in range(2)]
    for run in both:
        assert run.wait() == 0
        assert sorted(run.out.splitlines()) == ["[0] 0 of 2 [2.0]", "[1] 1 of 2 [2.0]"]


def test_a_run_at_the_port_of_another_one(runs):
    port = free_port()
    script = runs.script(WAITING)
    first = runs.launch("--listen", f"127.0.0.1:{port}", "--workers", 1, script)
    first.wait_for("waits")
    second = runs.launch("--listen", f"127.0.0.1:{port}", "--workers", 1, script)
    assert second.wait() == 1
    assert "Another run or service may have the port" in second.err
    third = runs.launch("--join", f"127.0.0.1:{port}", "--workers", 1, script)
    assert third.wait() == 1
    assert "--here is 1 for the launcher on 127.0.0.1, but only 0 workers are missing" in third.err
    assert first.process.poll() is None  # it was not disturbed
    first.process.send_signal(signal.SIGINT)
    assert first.wait() == 130
    assert is_free(port)


def test_without_a_launcher(runs):
    port = free_port()
    variables = {"DMLC_PS_ROOT_URI": "127.0.0.1", "DMLC_PS_ROOT_PORT": str(port), "DMLC_NUM_WORKER": "2"}
    script = runs.script(MEETING)
    started = [
        runs.start([sys.executable, script], variables | {"DMLC_ROLE": role})
        for role in ("worker", "server", "scheduler", "worker")
    ]
    assert [process.wait() for process in started] == [0, 0, 0, 0]
    lines = sorted(process.out for process in started)
    assert lines == ["", "", "0 of 2 [2.0]\n", "1 of 2 [2.0]\n"]


def test_a_port_that_is_in_use_without_a_launcher(runs):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        variables = {"DMLC_PS_ROOT_URI": "127.0.0.1", "DMLC_PS_ROOT_PORT": str(port), "DMLC_NUM_WORKER": "1"}
        scheduler = runs.start([sys.executable, runs.script(MEETING)], variables | {"DMLC_ROLE": "scheduler"})
        assert scheduler.wait() == 75
    assert scheduler.err == (
        f"127.0.0.1:{port} cannot be listened on (Address already in use). Another run or service may have the port: "
        "choose another one. The address must be one of this machine.\n"
    )


def test_a_server_that_comes_when_the_script_is_through(runs):
    variables = {"DMLC_PS_ROOT_URI": "127.0.0.1", "DMLC_PS_ROOT_PORT": str(free_port()), "DMLC_NUM_WORKER": "1"}
    script = runs.script("import d2lhelpers as dh\nprint(dh.rank(), flush=True)")
    scheduler, worker = (
        runs.start([sys.executable, script], variables | {"DMLC_ROLE": role}) for role in ("scheduler", "worker")
    )
    worker.wait_for("0")
    server = runs.start([sys.executable, script], variables | {"DMLC_ROLE": "server"})
    assert [process.wait() for process in (scheduler, worker, server)] == [0, 0, 0]


def test_killed_without_a_launcher(runs):
    port = free_port()
    variables = {"DMLC_PS_ROOT_URI": "127.0.0.1", "DMLC_PS_ROOT_PORT": str(port), "DMLC_NUM_WORKER": "2"}
    script = runs.script(WAITING)
    started = [
        runs.start([sys.executable, script], variables | {"DMLC_ROLE": role, "DMLC_WORKER_ID": worker})
        for role, worker in (("worker", "0"), ("worker", "1"), ("server", ""), ("scheduler", ""))
    ]
    victim, *others = started
    victim.wait_for("waits")
    victim.process.kill()
    victim.wait()
    ended = (
        "worker 0 on 127.0.0.1 has ended without a word (killed, or out of memory). Look at that machine, and start "
    )
    for process in others:
        assert process.wait() == 75
        # A server on a busy machine may come when the scheduler is ending, or has ended.
        late = r"has closed the connection at once\. If a run was just ending there|no scheduler answered at"
        assert process.err.startswith(ended) or (process is others[1] and re.search(late, process.err))
        assert process.err.count("\n") == 1


def test_a_quick_worker_does_not_add_to_its_own_array(runs):
    """It asks for the next sum, into another array, while the others have not begun with the one before."""
    script = """
    import d2lhelpers as dh
    from d2lhelpers.cluster import current
    from mxnet import nd

    current().add_up("slot", nd.ones((3,)))
    first, second = nd.ones((3,)) * (dh.rank() + 1), nd.ones((3,)) * 10 * (dh.rank() + 1)
    if dh.rank() == 0:
        late = nd.zeros((1000, 1000))
        for _ in range(50):
            late = nd.dot(late, late)
        first += late[0, :3]
    current().add_up("slot", first)
    current().add_up("slot", second)
    print(first.asnumpy().tolist(), second.asnumpy().tolist())
    """
    run = runs.launch("--workers", 2, runs.script(script))
    assert run.wait() == 0, run.err
    assert run.out.count("[3.0, 3.0, 3.0] [30.0, 30.0, 30.0]") == 2
