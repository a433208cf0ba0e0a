"""What the processes of a run print, line by line, with the rank of the worker in front."""

import os
import re
import threading
from contextlib import suppress


class Output:
    r"""A stream that several processes write to, a whole line at a time.

    A progress bar begins with a carriage return and has no end of a line. It is wiped out by the line of another
    process, and drawn anew by its own next state.

    Parameters
    ----------
    stream : binary stream

    Examples
    --------
    >>> import io
    >>> stream = io.BytesIO()
    >>> output = Output(stream)
    >>> output.write(0, b"[0] ", b"\repoch 1: 10%")
    >>> output.write(1, b"[1] ", b"hello\n")
    >>> stream.getvalue()
    b'\r[0] epoch 1: 10%\r                \r[1] hello\n'
    """

    def __init__(self, stream):
        self._stream, self._lock = stream, threading.Lock()
        self._owner, self._width = None, 0  # of the line that has no end yet

    def write(self, source, prefix, part):
        """Write a line, or the state of a progress bar, of one of the processes."""
        with self._lock:
            if self._owner not in (None, source):
                self._write(b"\r" + b" " * self._width + b"\r")
                self._owner = None
            if part.startswith(b"\r"):
                self._write(b"\r" + (prefix if part != b"\r" else b"") + part[1:])
            else:
                self._write((prefix if self._owner is None else b"") + part)
            self._owner = None if part.endswith(b"\n") else source
            self._width = max(self._width if self._owner is not None else 0, len(prefix + part.strip(b"\r\n")))
            self._stream.flush()

    def _write(self, data):
        with suppress(OSError, ValueError):  # whoever reads it may have gone
            self._stream.write(data)


def copy(descriptor, output, source, prefix):
    """Copy what a process writes, until it ends.

    Parameters
    ----------
    descriptor : int
        What to read from.
    output : Output
    source : hashable
        The process.
    prefix : bytes
    """
    rest = b""
    while chunk := os.read(descriptor, 2**16):
        rest += chunk
        # A carriage return begins the next state of a bar; what comes after the last end of a line may not be whole.
        *parts, rest = re.split(rb"(?<=\n)|(?=\r(?!\n))", rest)
        for part in filter(None, parts):
            output.write(source, prefix, part)
        if rest.startswith(b"\r") and rest != b"\r":  # what comes after one by itself belongs to it
            output.write(source, prefix, rest)
            rest = b""
    if rest:
        output.write(source, prefix, rest if rest == b"\r" else rest + b"\n")
