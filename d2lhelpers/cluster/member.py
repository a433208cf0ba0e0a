"""The part of a worker, of a server and of a launcher in a run: it is admitted, listens, and ends when the run ends."""

import hashlib
import os
import queue
import socket
import sys
import threading
import time
from contextlib import suppress
from importlib import metadata
from ipaddress import IPv4Address

from .coordinator import ENDED
from .reasons import name, say
from .wire import GREETING, SILENCE, Wire, WireError

_ANSWER = 10  # seconds at most that what listens at the scheduler's port has to say what it is


class RunEnded(Exception):
    """The run has ended, or has not begun.

    Attributes
    ----------
    reason : dict
        See ``reasons.py``.
    """

    def __init__(self, reason):
        self.reason = reason
        super().__init__(say(reason))


def facts():
    """Return what must be the same for all members of a run: the version of MXNet; importing it is not needed.

    Examples
    --------
    >>> facts()
    {'mxnet': '1.9.1'}
    """
    return {"mxnet": metadata.version("mxnet")}


def script_digest():
    """Return a digest of the script that this process runs, or None if it runs none."""
    path = getattr(sys.modules["__main__"], "__file__", None)
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()[:16]
    except (OSError, TypeError):
        return None


class Member:
    """The connection of a process to the scheduler of its run.

    Parameters
    ----------
    host : str
    port : int
        The scheduler's.
    hello : dict
        Who comes; see `Coordinator`.
    wait : float
        Seconds to try for, where nothing answers.
    on_end : callable
        Called with a reason, in a thread of its own, when the run has ended.

    Attributes
    ----------
    welcome : dict
        What the scheduler has answered: the rank of a worker or server, and the number of workers.
    address : str
        The address of this machine from which the scheduler is reached.
    over : threading.Event
        Set when all workers are through.

    Raises
    ------
    RunEnded
        If no scheduler answers, or it refuses this process.
    """

    def __init__(self, host, port, hello, wait, on_end, node_host=None):
        self.over, self._on_end = threading.Event(), on_end
        self._answers, self._start = queue.SimpleQueue(), queue.SimpleQueue()
        self._host, self._node_host = host, node_host
        self._closed = {"why": "closed", "address": f"{host}:{port}"}
        self._answer = min(_ANSWER, wait)
        self._wire = self._connect(host, port, time.monotonic() + wait, wait)
        self.address = self._wire.address
        os.register_at_fork(after_in_child=self._wire.forget)
        self.welcome = self._introduce(hello)
        threading.Thread(target=self._listen, daemon=True).start()

    def _connect(self, host, port, limit, wait):
        address = f"{host}:{port}"
        source = (self._node_host, 0) if self._node_host else None
        while True:
            try:
                wire = Wire(socket.create_connection((host, port), self._answer, source))
                break
            except OSError as error:
                if time.monotonic() > limit:
                    raise RunEnded(
                        {
                            "why": "no scheduler",
                            "address": address,
                            "seconds": round(wait),
                            "error": error.strerror or str(error),
                        }
                    ) from None
                time.sleep(0.1)
        try:
            greeting = wire.receive(self._answer)
        except ConnectionResetError:
            greeting = None
        except OSError as error:  # it is no message, or none came in time
            greeting = error
        if greeting != GREETING:
            wire.close()
            raise RunEnded(self._closed if greeting is None else {"why": "foreign", "address": address})
        return wire

    def _introduce(self, hello):
        try:
            self._wire.send(hello)
            answer = self._wire.receive(self._answer)
        except TimeoutError:
            raise RunEnded(self._killed()) from None
        except OSError:
            answer = None
        if answer is None:
            raise RunEnded(self._closed)
        if "welcome" not in answer:
            self._wire.close()
            raise RunEnded(answer.get("refused") or answer.get("end") or self._killed())
        return answer["welcome"]

    def _killed(self):
        return {"why": "killed", "who": name("scheduler", self._host)}

    def _listen(self):
        reason = None
        try:
            while reason is None:
                message = self._wire.receive()
                if message is None:
                    break
                if "start" in message:
                    self._start.put(message["start"])
                elif "done" in message:
                    self._answers.put(message["done"])
                elif "over" in message:
                    self.over.set()
                reason = message.get("end")
                if reason:
                    self.send({"heard": True})
        except (ConnectionResetError, WireError):
            pass
        except OSError:
            reason = {"why": "lost", "who": name("scheduler", self._host), "seconds": SILENCE}
        if not self.over.is_set():
            self._on_end(reason or self._killed())

    def wait_for_start(self):
        """Wait until all members have come; return the place of MXNet's scheduler, and the address for this process."""
        host, port = self._start.get()
        if IPv4Address(host).is_loopback:
            return (host, port), self._node_host or host
        return (self._host, port), self._node_host or self.address  # it may be known by another address

    def send(self, message):
        """Tell the scheduler something; if it cannot be told, the run ends anyway."""
        with suppress(OSError):
            self._wire.send(message)

    def do(self, kind, about, value):
        """Do something together with all workers: wait until each of them has come to the same call.

        Parameters
        ----------
        kind : str
            "agree" (on a value, or the run ends), "share" (the first worker's value), or "add" (lists of numbers).
        about : str
        value : object
            What JSON can carry.

        Returns
        -------
        object
            The value that all workers have now.
        """
        self.send({"do": kind, "about": about, "value": value})
        return self._answers.get()

    def close(self):
        """Close the connection."""
        self.over.set()
        self._wire.close()


def end_process(is_launched):
    """Return a function that says why a run has ended, unless a launcher does, and ends this process."""

    def on_end(reason):
        if not is_launched:
            print(say(reason), file=sys.stderr, flush=True)
        sys.stdout.flush()
        os._exit(ENDED)

    return on_end
