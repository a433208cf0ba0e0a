"""The processes that a launcher has started on its machine: they are watched, and none is left behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress

from .output import Output, copy

_POLL = 0.05  # seconds


class Processes:
    """Processes of one run on this machine.

    Parameters
    ----------
    stdout, stderr : binary streams
        Where their output is copied to.

    Attributes
    ----------
    statuses : dict of tuple to int
        How those have ended that have ended, by role and rank; negative for a signal.
    """

    def __init__(self, stdout=None, stderr=None):
        self._outputs = [Output(stdout or sys.stdout.buffer), Output(stderr or sys.stderr.buffer)]
        self._running, self._threads, self.statuses = {}, [], {}

    def start(self, role, rank, command, environ, descriptors=()):
        """Start a process in a session of its own, so that an interrupt reaches the launcher alone."""
        process = subprocess.Popen(
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=descriptors,
            start_new_session=True,
        )
        self._running[role, rank] = process
        prefix = f"[{rank}] " if role == "worker" else f"[{role}] "
        for pipe, output in zip((process.stdout, process.stderr), self._outputs, strict=True):
            source = (role, rank, pipe)
            thread = threading.Thread(target=copy, args=(pipe.fileno(), output, source, prefix.encode()), daemon=True)
            thread.start()
            self._threads.append(thread)

    def poll(self):
        """Return the processes that have ended since the last time, with their statuses."""
        ended = {key: process.poll() for key, process in self._running.items()}
        ended = {key: status for key, status in ended.items() if status is not None}
        for key in ended:
            self._kill_group(self._running[key])  # what it has left behind
            del self._running[key]
        self.statuses |= ended
        return ended

    def are_running(self):
        """Tell whether one of them is running."""
        return bool(self._running)

    def wait(self, seconds, until=lambda: False):
        """Wait until all have ended, or a condition holds, but not longer than so many seconds."""
        limit = time.monotonic() + seconds
        while self._running and time.monotonic() < limit and not until():
            self.poll()
            time.sleep(_POLL)

    def end(self):
        """End those that are left, and all that they have started."""
        for process in self._running.values():
            self._kill_group(process)
        for process in self._running.values():
            process.wait()
        self.poll()
        for thread in self._threads:
            thread.join(2)

    def _kill_group(self, process):
        with suppress(ProcessLookupError, PermissionError):  # none of it may be left
            os.killpg(process.pid, signal.SIGKILL)
