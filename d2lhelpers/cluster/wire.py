"""How the members of a run speak with its scheduler: a line of JSON for each message, over one connection.

Whether the other side is there is the operating systems' business: they ask each other when nothing was said for a
second (TCP keepalive), also while a process is busy. The end of a process closes its connections.
"""

import json
import random
import socket
import sys
import threading
from contextlib import suppress
from ipaddress import IPv4Address

SILENCE = 8  # seconds without an answer of the other machine after which a connection counts as cut
GREETING = {"d2lhelpers": "a run of several workers", "protocol": 2}
_LONGEST = 2**20  # bytes of a message


class WireError(ConnectionError):
    """What was received is no message."""


class Wire:
    """A connection that carries messages.

    Parameters
    ----------
    connection : socket.socket

    Examples
    --------
    >>> here, there = map(Wire, socket.socketpair())
    >>> here.send({"do": "add", "value": [0.1]})
    >>> there.receive()
    {'do': 'add', 'value': [0.1]}
    >>> here.close(), there.receive(), there.close()
    (None, None, None)
    """

    def __init__(self, connection):
        self._socket = connection
        self._received = b""
        self._lock = threading.Lock()
        connection.settimeout(None)
        if connection.family == socket.AF_INET:
            _ask_when_silent(connection)
            self.address, self.peer = connection.getsockname()[0], connection.getpeername()[0]

    def send(self, message):
        """Send a message.

        Raises
        ------
        OSError
            If the connection is gone.
        """
        with self._lock:
            self._socket.sendall(json.dumps(message).encode() + b"\n")

    def receive(self, timeout=None):
        """Wait for a message, and return it; None at the end of the connection.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait at most.

        Raises
        ------
        WireError
            If what comes is no message.
        OSError
            If the connection is gone.
        """
        self._socket.settimeout(timeout)
        while b"\n" not in self._received:
            if len(self._received) > _LONGEST:
                raise WireError("a message is too long.")
            received = self._socket.recv(2**16)
            if not received:
                return None
            self._received += received
        line, self._received = self._received.split(b"\n", 1)
        return _message(line)

    def close(self):
        """Close the connection, also for a thread that waits for a message."""
        with suppress(OSError):  # the other side was first
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def forget(self):
        """Close this process's copy, after a fork: the connection stays its parent's."""
        self._socket.close()


def _message(line):
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        raise WireError("what was received is no message.") from None
    if not isinstance(message, dict):
        raise WireError("what was received is no message.")
    return message


def _ask_when_silent(connection):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    idle = socket.TCP_KEEPALIVE if sys.platform == "darwin" else socket.TCP_KEEPIDLE
    connection.setsockopt(socket.IPPROTO_TCP, idle, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, SILENCE)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux: the limit also for what was sent and not confirmed
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENCE * 1000)


def listen(host, port):
    """Return a socket that listens on one address.

    Parameters
    ----------
    host : str
        An address in numbers.
    port : int
        0 for one of the system's choice.

    Raises
    ------
    OSError
        If the address is not of this machine, or the port is in use.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # no wait for the last run's connections
        listener.bind((host, port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


def free_place(host):
    """Return an address of this machine, and a port on which nothing listens there.

    The processes of all runs bear the same names in MXNet's own part, and look again and again for others that have
    gone. Where one of another run has taken the place of such another, it would not hear those of its own run. So on
    one machine each run has an address of its own, of the 16 million that stand for this machine on Linux.

    Parameters
    ----------
    host : str
        The address at which the scheduler listens.

    Returns
    -------
    tuple of str and int
        The same address, but for one that only this machine has.

    Examples
    --------
    >>> address, port = free_place("127.0.0.1")
    >>> address.startswith("127.")
    True
    """
    own = str(IPv4Address(random.randint(int(IPv4Address("127.0.0.2")), int(IPv4Address("127.255.255.254")))))
    for address in (own, host) if IPv4Address(host).is_loopback else (host,):
        try:
            with listen(address, 0) as free:
                return free.getsockname()
        except OSError:  # macOS has no more than one
            if address == host:
                raise
