"""What a run does with the network: where it listens, what it makes of garbage, and of a link that is cut."""

import os
import pickle
import shutil
import socket
import subprocess
import sys
import time
import uuid

import psutil
import pytest
import zmq
from cluster_runs import TRAINING, Runs, free_port

LISTENS = """
    import os, pickle, signal, time
    import d2lhelpers as dh
    from d2lhelpers.cluster import current
    from mxnet import nd
    a = nd.ones((3,))
    current().add_up("a", a)
    a.wait_to_read()
    print("ready", flush=True)
    while not os.path.exists("go"):
        time.sleep(0.05)
    current().add("", [1])
    COMMAND
    b = nd.ones((3,))
    current().add_up("a", b)
    print(b.asnumpy().tolist())
"""
SEND = """
    import ctypes
    from mxnet.base import _LIB, check_call
    class Evil:
        def __reduce__(self):
            return open, ("unpickled", "w")
    check_call(_LIB.MXKVStoreSendCommmandToServers(current()._store._handle, 0, pickle.dumps(Evil(), protocol=0)))
"""


class Evil:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self._path = path

    def __reduce__(self):
        return open, (self._path, "w")


@pytest.fixture
def runs(tmp_path):
    runs = Runs(tmp_path)
    yield runs
    runs.close()


def listening(run):
    """Return the addresses that the processes of a run listen on."""
    return {
        (member.environ()["DMLC_ROLE"], connection.laddr.ip, connection.laddr.port)
        for member in [run.process, *run.members()]
        for connection in psutil.Process(member.pid).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }


def listens(command):
    """Return a script that is listening until it finds a file, and then does something."""
    return LISTENS.replace("COMMAND", command)


def garbage(path):
    """Return what is no message of anybody's; unpickling some of it makes a file."""
    evil = pickle.dumps(Evil(str(path)), protocol=0)
    return evil, evil + b"\n", b"\xff" * 1000, b'{"role": 5}\n', b"[" * 100000 + b"\n", b"GET / HTTP/1.1\r\n\r\n", b""


def send(data, place):
    with socket.create_connection(place) as connection:
        try:
            connection.sendall(data)
        except OSError:
            pass  # it was refused at once


def test_it_listens_on_the_named_interface_only_and_refuses_garbage_and_pickles(runs):
    port = free_port()
    run = runs.launch("--listen", f"127.0.0.1:{port}", "--workers", 1, runs.script(listens(SEND.strip())))
    run.wait_for("ready")
    found = listening(run)
    assert {role for role, _, _ in found} == {"scheduler", "server", "worker"}
    assert ("scheduler", "127.0.0.1", port) in found
    # MXNet's own part is on an address that no other run on this machine has.
    (own,) = {address for _, address, number in found if number != port}
    assert own.startswith("127.")
    assert (own == "127.0.0.1") == (sys.platform != "linux")
    for data in garbage(run.folder / "unpickled"):
        send(data, ("127.0.0.1", port))
    (run.folder / "go").touch()
    assert run.wait() == 0, run.err
    assert run.out.splitlines()[-1] == "[0] [1.0, 1.0, 1.0]"
    # This one came from a worker of the run, to where MXNet's own server unpickles.
    assert run.err == (
        "[server] server 0 on 127.0.0.1 has refused a command (number 0): this run's servers only add up arrays.\n"
    )
    assert not (run.folder / "unpickled").exists()


def test_it_listens_on_the_named_interface_without_a_launcher(runs):
    variables = {"DMLC_PS_ROOT_URI": "127.0.0.1", "DMLC_PS_ROOT_PORT": str(free_port()), "DMLC_NUM_WORKER": "1"}
    script = runs.script(listens("pass"))
    started = [
        # What MXNet would obey to, and listen on all interfaces.
        runs.start([sys.executable, script], variables | {"DMLC_ROLE": role, "DMLC_USE_KUBERNETES": "1"})
        for role in ("scheduler", "server", "worker")
    ]
    started[-1].wait_for("ready")
    addresses = [
        connection.laddr.ip
        for process in started
        for connection in psutil.Process(process.process.pid).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(addresses) >= 4
    assert "127.0.0.1" in addresses
    assert all(address.startswith("127.") for address in addresses)
    assert len(set(addresses)) == (2 if sys.platform == "linux" else 1)
    (started[-1].folder / "go").touch()
    assert [process.wait() for process in started] == [0, 0, 0]


def send_garbage_to_engine(context, address, port):
    """Send what looks like a message of MXNet's own protocol, and is none."""
    with context.socket(zmq.DEALER) as sender:
        sender.linger = 100
        sender.setsockopt(zmq.IDENTITY, b"ps9")
        sender.connect(f"tcp://{address}:{port}")
        sender.send_multipart([b"\xff" * 50, pickle.dumps(print)])
        sender.poll(200)


def check_garbage_at_engine(runs, role):
    """Check that garbage at the ports of MXNet's own part ends a run cleanly, or not at all."""
    port = free_port()
    run = runs.launch("--listen", f"127.0.0.1:{port}", "--workers", 1, runs.script(listens("pass")))
    run.wait_for("ready")
    places = {(address, number) for other, address, number in listening(run) if other == role and number != port}
    assert places
    for place in places:
        try:
            for data in garbage(run.folder / "unpickled"):
                send(data, place)
            with zmq.Context() as context:
                send_garbage_to_engine(context, *place)
        except ConnectionError:
            pass  # it has ended already
    (run.folder / "go").touch()
    if run.wait() == 0:  # with nothing left, as always
        assert run.out.splitlines()[-1] == "[0] [1.0, 1.0, 1.0]"
    else:
        who = "the scheduler" if role == "scheduler" else f"{role} 0"
        assert run.err.splitlines()[-1].startswith(f"{who} on 127.0.0.1")
    assert not (run.folder / "unpickled").exists()


def test_garbage_at_a_server_ends_a_run_cleanly_or_not_at_all(runs):
    check_garbage_at_engine(runs, "server")


@pytest.mark.parametrize("flag", ["--listen", "--join"])
def test_all_interfaces_are_refused(runs, flag):
    run = runs.launch(flag, "0.0.0.0:9091", "--workers", 2, runs.script(LISTENS))
    assert run.wait() == 2
    assert f"{flag} is 0.0.0.0, all interfaces of this machine" in run.err


# Links


def _missing():
    if os.geteuid() != 0 or not shutil.which("ip"):
        return "network namespaces need root and the command ip"
    name = f"d2l-{uuid.uuid4().hex[:8]}"
    if subprocess.run(["ip", "netns", "add", name], capture_output=True).returncode:
        return "no network namespace can be made here"
    subprocess.run(["ip", "netns", "del", name], check=True)
    return None


MISSING = _missing()


class Link:
    """Two machines with a cable between them: network namespaces, and what goes by the names of their ends."""

    def __init__(self):
        self.name = uuid.uuid4().hex[:6]
        self.first, self.second = f"d2l-{self.name}a", f"d2l-{self.name}b"
        ends = [f"v{self.name}a", f"v{self.name}b"]
        self._ends = ends
        for space in (self.first, self.second):
            self._ip("netns", "add", space)
        self._ip("link", "add", ends[0], "type", "veth", "peer", "name", ends[1])
        for space, end, address in ((self.first, ends[0], "10.77.0.1/24"), (self.second, ends[1], "10.77.0.2/24")):
            self._ip("link", "set", end, "netns", space)
            self._ip("-n", space, "address", "add", address, "dev", end)
            self._ip("-n", space, "link", "set", end, "up")
            self._ip("-n", space, "link", "set", "lo", "up")

    def set(self, state):
        """Plug the cable in ("up"), or pull it out ("down")."""
        # Packets go to a machine that is not there, while both ends stay up: nobody is told, as when a switch fails.
        for space, end, other in zip((self.first, self.second), self._ends, ("10.77.0.2", "10.77.0.1"), strict=True):
            if state == "down":
                self._ip(
                    "-n",
                    space,
                    "neigh",
                    "replace",
                    other,
                    "lladdr",
                    "02:00:00:00:00:99",
                    "nud",
                    "permanent",
                    "dev",
                    end,
                )
            else:
                self._ip("-n", space, "neigh", "del", other, "dev", end)

    def close(self):
        for space in (self.first, self.second):
            subprocess.run(["ip", "netns", "del", space], check=False)

    def _ip(self, *arguments):
        subprocess.run(["ip", *arguments], check=True)


@pytest.fixture
def link():
    link = Link()
    yield link
    link.close()


def start(runs, link, script):
    """Start a run of two machines, and wait until it trains."""
    address = "10.77.0.1:9091"
    first, second = (
        runs.launch(flag, address, "--workers", 2, script, before=["ip", "netns", "exec", space])
        for flag, space in (("--listen", link.first), ("--join", link.second))
    )
    first.wait_for("epoch 1")
    return first, second


@pytest.mark.skipif(bool(MISSING), reason=str(MISSING))
def test_a_link_that_is_cut_for_three_seconds_and_then_for_good(runs, link):
    both = start(runs, link, runs.script(TRAINING))
    link.set("down")
    time.sleep(3)
    link.set("up")
    num_lines = len(both[0].out.splitlines())
    both[0].wait_for(f"epoch {num_lines + 5}:")
    link.set("down")
    for run, other in zip(both, ("worker 1 on 10.77.0.2", "the scheduler on 10.77.0.1"), strict=True):
        assert run.wait() == 1
        assert "can no longer be reached: nothing was heard for 8 s." in run.err
        assert run.err.count("\n") == 1
        assert other in run.err or "the launcher on 10.77.0.2" in run.err
