"""Runs of several processes for the tests of the launcher: started, watched, and looked for when they have ended."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
import uuid
from pathlib import Path
from typing import NamedTuple

import psutil

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 120  # seconds until a process that waits counts as one that waits for ever, on a machine that has much to do
_MARK = "D2L_CLUSTER_TEST"

# Several workers that wait for each other, without MXNet.
WAITING = """
    import d2lhelpers as dh
    from d2lhelpers.cluster import current
    current().add("", [1])
    print("waits", flush=True)
    import time
    time.sleep(600)
"""
MEETING = """
    import d2lhelpers as dh
    from d2lhelpers.cluster import current
    print(dh.rank(), "of", dh.num_workers(), current().add("", [dh.rank() + 0.5]))
"""
TRAINING = """
    import d2lhelpers as dh
    from mxnet import gluon, nd
    net = gluon.nn.Dense(1)
    net.initialize()
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.01})
    dh.seed(0)
    train_iter = dh.load_array(dh.synthetic_data([2, -3.4], 4.2, 100), 10)
    EPOCHS = 1000000
    dh.train(net, train_iter, gluon.loss.L2Loss(), trainer, EPOCHS)
"""


def _in_foreground():
    # What a shell runs in the background ignores interrupts, and so would all that it starts.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _in_background():
    # As `nohup ... &` has it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


class Started:
    """A process, and all that it starts.

    Attributes
    ----------
    status : int
    out, err : str
    """

    def __init__(self, command, folder, environ=None, in_background=False):
        self.mark, self.folder = uuid.uuid4().hex, folder
        folder.mkdir(parents=True, exist_ok=True)
        variables = {name: value for name, value in os.environ.items() if not name.startswith(("DMLC_", "D2L_CLUSTER"))}
        variables |= {_MARK: self.mark, "D2L_LANGUAGE": "en", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        self._out, self._err = ((folder / f"{name}-{self.mark}").open("w+b") for name in ("out", "err"))
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env=variables | (environ or {}),
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=self._err,
            preexec_fn=_in_background if in_background else _in_foreground,
        )

    @property
    def out(self):
        return Path(self._out.name).read_text(encoding="utf-8")

    @property
    def err(self):
        return Path(self._err.name).read_text(encoding="utf-8")

    def wait_for(self, text, where="out", times=1):
        """Wait until it has printed a text so many times."""
        limit = time.monotonic() + LIMIT
        while getattr(self, where).count(text) < times:
            assert self.process.poll() is None, f"it has ended with {self.process.returncode}:\n{self.out}\n{self.err}"
            assert time.monotonic() < limit, f"it never printed {text!r}:\n{self.out}\n{self.err}"
            time.sleep(0.05)

    def wait(self):
        """Wait until it has ended, with all that it started; return its status."""
        try:
            self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it did not end:\n{self.out}\n{self.err}") from None
        limit = time.monotonic() + LIMIT
        while self.members():
            assert time.monotonic() < limit, f"processes are left: {[member.cmdline() for member in self.members()]}"
            time.sleep(0.05)
        return self.process.returncode

    def members(self, role=None, rank=None):
        """Return the processes that it has started, directly or not."""
        found = []
        for process in psutil.process_iter():
            try:
                variables = process.environ()
                is_dead = process.status() == psutil.STATUS_ZOMBIE
            except psutil.Error:
                continue
            if is_dead or variables.get(_MARK) != self.mark or process.pid == self.process.pid:
                continue
            if role is not None and variables.get("DMLC_ROLE") != role:
                continue
            if rank is not None and variables.get("DMLC_WORKER_ID") != str(rank):
                continue
            found.append(process)
        return found

    def close(self):
        for process in self.members():
            try:
                process.kill()
            except psutil.Error:
                pass
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._out.close()
        self._err.close()


class Machine(NamedTuple):
    """Where launchers are started: an address, and what stands before their commands."""

    address: str = "127.0.0.1"
    before: tuple = ()


HERE = Machine()


class Runs:
    """What a test has started, on one machine or two; none of it outlives the test."""

    def __init__(self, folder, machines=(HERE, HERE)):
        self._folder, self._started = folder, []
        self.machines = machines

    def script(self, text, name="script.py", folder=None):
        path = (folder or self._folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    def start(self, command, environ=None, in_background=False):
        started = Started(command, self._folder / f"run{len(self._started)}", environ, in_background)
        self._started.append(started)
        return started

    def launch(self, *arguments, environ=None, before=(), in_background=False):
        command = [*before, sys.executable, "-m", "d2lhelpers.launch", *map(str, arguments)]
        return self.start(command, environ, in_background)

    def close(self):
        for started in self._started:
            started.close()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def is_free(port):
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def kill(process):
    process.send_signal(signal.SIGKILL)
