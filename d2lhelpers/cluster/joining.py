"""How a process becomes part of a run: when it imports d2lhelpers, and its environment has the variables ``DMLC_*``."""

import atexit
import os
import sys
import threading

from .coordinator import ENDED
from .member import Member, RunEnded, end_process, facts, script_digest
from .reasons import describe, say
from .serving import serve
from .settings import Settings, SettingsError, environment_for_mxnet

_worker = None  # what this process is in its run, if it is a worker of one
_CLOSING = 10  # seconds that leaving MXNet's part may take


def current():
    """Return this process's part in its run of several workers, or None if there is no such run.

    Returns
    -------
    Worker or None

    Examples
    --------
    >>> current() is None
    True
    """
    return _worker


def take_part():
    """Become what ``DMLC_ROLE`` says: a worker goes on with its script, a scheduler or a server serves and ends."""
    global _worker
    if _worker is not None:
        return
    try:
        settings = Settings.from_environment()
        if settings.role != "worker":
            serve(settings)
        _worker = Worker(settings)
    except SettingsError as error:
        _give_up({"why": "settings", "error": str(error)})
    except RunEnded as error:
        _give_up(error.reason, settings.is_launched and error.reason["why"] not in ("no scheduler", "foreign"))


def _give_up(reason, is_silent=False):
    if not is_silent:
        print(say(reason), file=sys.stderr, flush=True)
    sys.exit(ENDED)


class Worker:
    """One of the workers of a run.

    Parameters
    ----------
    settings : Settings

    Attributes
    ----------
    rank : int
    num_workers : int
    """

    def __init__(self, settings):
        self._settings, self._store, self._keys = settings, None, {}
        self._has_failed, self._process = False, os.getpid()
        self._num_calls = 0  # of those that all workers make
        self._is_closing, self._is_closed = threading.Event(), threading.Event()
        self._end = end_process(settings.is_launched)
        hello = {
            "role": "worker",
            "num_workers": settings.num_workers,
            "num_servers": settings.num_servers,
            "launched": settings.is_launched,
            "rank": settings.rank,
            "script": script_digest(),
            **facts(),
        }
        host, port = settings.host, settings.port
        self._member = Member(host, port, hello, settings.wait, self._on_end, settings.node_host)
        self.rank, self.num_workers = self._member.welcome["rank"], self._member.welcome["num_workers"]
        if "mxnet" in sys.modules:
            self.expect_servers()
        # Processes that the script starts are no workers of this run.
        os.environ.pop("DMLC_ROLE", None)
        threading.Thread(target=self._report, daemon=True).start()
        self._excepthook, sys.excepthook = sys.excepthook, self._note_exception
        atexit.register(self._leave)

    # What is done together

    def expect_servers(self):
        """Have MXNet's scheduler and servers begin, since this worker imports MXNet, and may have use for them soon."""
        self._member.send({"mxnet": True})

    def agree(self, about, value):
        """Check that all workers have the same value; else the run ends, and `about` says what it is about."""
        self._do("agree", about, value)

    def share(self, about, value):
        """Return the first worker's value."""
        return self._do("share", about, value)

    def add(self, about, values):
        """Return the sums of the workers' numbers, added in float64 in the order of their ranks.

        Parameters
        ----------
        about : str
        values : list of float

        Returns
        -------
        list of float
        """
        return self._do("add", about, values)

    def _do(self, kind, about, value):
        self._num_calls += 1
        return self._member.do(kind, about, value)

    def add_up(self, slot, array):
        """Put into an array the sum of those of all workers, in the engine's own time.

        Parameters
        ----------
        slot : hashable
            Tells apart arrays of the same shape that are added up one after the other.
        array : mx.nd array, dense
        """
        key = (slot, array.shape, array.dtype)
        if key not in self._keys:
            if self._store is None:
                self._open()
            self._store.begin(len(self._keys), array)
            self._keys[key] = len(self._keys)
        self._store.add_up(self._keys[key], array)
        self._num_calls += 1

    def _report(self):
        """Say each second how far this worker is, so that the scheduler knows for whom others wait, if it does not."""
        while not self._member.over.wait(1):
            self._member.send({"calls": self._num_calls})

    def _open(self):
        from mxnet import nd

        from .engine import Store

        place, node_host = self._member.wait_for_start()
        self._member.send({"opens": True})
        self._store = Store(*environment_for_mxnet(self._settings, place, node_host))
        # MXNet was imported after this worker began, and so would stop its engine before this worker leaves. What the
        # engine has not done by then it leaves out, and other workers would wait for it for ever.
        atexit.unregister(self._leave)
        atexit.register(self._leave)
        # From CPython 3.12 on, no thread can be started any more when this worker leaves.
        threading.Thread(target=self._limit_closing, daemon=True).start()
        first = nd.zeros((1,))
        self.add_up("first", first)
        first.wait_to_read()
        self._member.send({"has opened": True})

    def _limit_closing(self):
        self._is_closing.wait()
        if not self._is_closed.wait(_CLOSING):
            os._exit(ENDED)

    # How it ends

    def fail(self, error):
        """Say that this worker cannot go on, and why; the run ends for all others.

        Parameters
        ----------
        error : BaseException
        """
        if self._has_failed:
            return
        self._has_failed = True
        text = describe(error)
        self._member.send({"failed": text, "interrupted": isinstance(error, KeyboardInterrupt)})

    def _on_end(self, reason):
        if self._has_failed:  # it says why in its own words, and ends by itself; if it does not, it is ended
            threading.Event().wait(5)
            os._exit(1)
        self._end(reason)

    def _note_exception(self, kind, error, traceback):
        if os.getpid() == self._process:
            self.fail(error)
        self._excepthook(kind, error, traceback)

    def _leave(self):
        """Leave at the end of the script, when all workers have come to theirs."""
        if os.getpid() != self._process:
            return
        if self._has_failed:
            # The others have ended: nothing in here may wait for them.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(1)
        if self._store is not None:
            from mxnet import nd

            nd.waitall()
        self._member.send({"bye": True})
        self._member.over.wait()
        self._is_closing.set()
        if self._store is not None:
            self._store.close()
        self._member.close()
        self._is_closed.set()
