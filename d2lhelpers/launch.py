"""Train with several processes, on this machine or on several: ``python -m d2lhelpers.launch --workers 2 train.py``.

On one machine, that is all. On several, one of them listens, and the others join it:

    python -m d2lhelpers.launch --listen 10.0.0.1:9091 --workers 4 --here 2 train.py
    python -m d2lhelpers.launch --join 10.0.0.1:9091 --workers 4 --here 2 train.py

Whoever can reach these machines' ports can take part, so use it in networks that you trust only, and never as root.
"""

import argparse
import os
import signal
import sys
import threading
from pathlib import Path

from .cluster.coordinator import ENDED
from .cluster.member import Member, RunEnded
from .cluster.processes import Processes
from .cluster.reasons import name, say
from .cluster.settings import WAIT, SettingsError, resolve
from .cluster.wire import listen
from .language import _
from .progress_bars import LAUNCHED_AT_TERMINAL

_POLL = 0.05  # seconds between looks at the processes
_LAST_WORDS = 5  # seconds that processes have to end by themselves, when the run has ended
_LAST_WORDS_WITHOUT_SCHEDULER = 0.5  # seconds; those that never came to it look for it in vain


def main(arguments=None):
    """Start the processes, and return the status of the run."""
    options = _parser().parse_args(arguments)
    try:
        launcher = _Launcher(_checked(options))
        signal.signal(signal.SIGTERM, _interrupt)
        return launcher.run()
    except SettingsError as error:
        print(f"d2lhelpers.launch: {error}", file=sys.stderr)
        return 2


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m d2lhelpers.launch",
        description=_("Train with several processes, on this machine or on several."),
        allow_abbrev=False,
    )
    parser.add_argument("--workers", type=int, required=True, metavar="N", help=_("workers of the whole run"))
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--listen", metavar="ADDRESS:PORT", help=_("where the other machines find this one"))
    where.add_argument("--join", metavar="ADDRESS:PORT", help=_("where the machine is that listens"))
    parser.add_argument("--here", type=int, metavar="N", help=_("workers on this machine"))
    parser.add_argument(
        "--wait", type=int, default=int(WAIT), metavar="SECONDS", help=_("how long to wait for all workers to come")
    )
    parser.add_argument("script", help=_("the Python script that each worker runs"))
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help=_("what the script is handed"))
    return parser


def _checked(options):
    """Check what argparse cannot."""
    options.is_alone = not (options.listen or options.join)
    if options.here is None:
        options.here = options.workers if options.is_alone else 1
    if options.workers < 1:
        raise SettingsError(f"--workers must be at least 1, but is {options.workers}.")
    if options.is_alone and options.here != options.workers:
        raise SettingsError(
            f"--here is {options.here} of {options.workers} workers: say where the others find this machine, with "
            "--listen ADDRESS:PORT, or leave out --here."
        )
    if not 1 <= options.here <= options.workers:
        raise SettingsError(
            f"--here must be from 1 to {options.workers}, the number of workers, but is {options.here}."
        )
    if options.wait < 1:
        raise SettingsError(f"--wait must be at least 1, but is {options.wait}.")
    if not Path(options.script).is_file():
        raise SettingsError(f"there is no script {options.script!r} here.")
    options.host, options.port = "127.0.0.1", 0
    for flag, value in (("--listen", options.listen), ("--join", options.join)):
        if value:
            host, _colon, port = value.rpartition(":")
            if not (host and port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
                raise SettingsError(f"{flag} must be an address and a port, such as 10.0.0.1:9091, but is {value!r}.")
            options.host, options.port = resolve(flag, host), int(port)
    return options


def _interrupt(signum, frame):
    raise KeyboardInterrupt


class _Launcher:
    def __init__(self, options):
        self._options = options
        self._processes = Processes()
        self._ended = threading.Event()
        self._reason = self._member = None

    def run(self):
        try:
            self._start()
            self._watch()
        except RunEnded as error:
            self._reason = error.reason
        except KeyboardInterrupt:
            self._reason = {"why": "interrupted", "who": name("launcher", self._options.host)}
            if self._member:
                self._member.send({"failed": "KeyboardInterrupt", "interrupted": True})
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # from here on nothing takes long
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if self._member:  # without it, processes may not have come to where they hear of the end
            self._processes.wait(_LAST_WORDS, until=self._is_scheduler_gone)
            self._processes.wait(_LAST_WORDS_WITHOUT_SCHEDULER)
        self._processes.end()
        if self._member:
            self._member.close()
        if self._reason:
            print(say(self._reason), file=sys.stderr, flush=True)
        return self._status()

    def _start(self):
        options = self._options
        environ = dict(os.environ) | {
            "DMLC_NUM_WORKER": str(options.workers),
            "DMLC_NUM_SERVER": "1",
            "D2L_CLUSTER_LAUNCHED": "1",
            "D2L_CLUSTER_WAIT": str(options.wait),
            "PYTHONUNBUFFERED": "1",
            LAUNCHED_AT_TERMINAL: str(int(sys.stdout.isatty())),
        }
        environ.setdefault("OMP_NUM_THREADS", str(max(1, _num_cores() // options.here)))
        port = options.port if options.join else self._start_serving(environ)
        environ |= {"DMLC_PS_ROOT_URI": options.host, "DMLC_PS_ROOT_PORT": str(port)}
        if not options.join:
            self._start_role("server", 0, ["-c", "import d2lhelpers"], environ)
        hello = {
            "role": "launcher",
            "num_workers": options.workers,
            "num_servers": 1,
            "launched": True,
            "here": options.here,
            "ranks": [] if options.join else list(range(options.here)),
        }
        self._member = Member(options.host, port, hello, options.wait, self._on_end)
        for rank in self._member.welcome["ranks"]:
            self._start_role(
                "worker", rank, [options.script, *options.arguments], environ | {"DMLC_WORKER_ID": str(rank)}
            )

    def _start_serving(self, environ):
        """Start the scheduler with a socket that listens already, so that nobody else can take the port."""
        options = self._options
        try:
            listener = listen(options.host, options.port)
        except OSError as error:
            address = f"{options.host}:{options.port}"
            raise RunEnded({"why": "in use", "address": address, "error": error.strerror}) from None
        with listener:
            port = listener.getsockname()[1]
            variables = {
                "DMLC_PS_ROOT_URI": options.host,
                "DMLC_PS_ROOT_PORT": str(port),
                "D2L_CLUSTER_LISTENER": str(listener.fileno()),
                "D2L_CLUSTER_RESERVED": str(options.here),
            }
            self._start_role("scheduler", 0, ["-c", "import d2lhelpers"], environ | variables, [listener.fileno()])
        return port

    def _start_role(self, role, rank, arguments, environ, descriptors=()):
        self._processes.start(role, rank, [sys.executable, *arguments], environ | {"DMLC_ROLE": role}, descriptors)

    def _is_scheduler_gone(self):
        return ("scheduler", 0) in self._processes.statuses

    def _on_end(self, reason):
        self._reason = self._reason or reason
        self._ended.set()

    def _watch(self):
        """Wait until all processes have ended, or the run has."""
        while self._processes.are_running() and not self._ended.wait(_POLL):
            for (role, rank), status in self._processes.poll().items():
                if role == "scheduler" and status not in (0, ENDED):
                    signum = signal.Signals(-status).name if status < 0 else None
                    reason = {"why": "signal", "signal": signum} if signum else {"why": "status", "status": status}
                    self._on_end(reason | {"who": name("scheduler", self._options.host)})
                elif role != "scheduler" and status != ENDED:
                    self._member.send({"died": {"role": role, "rank": rank, "status": status}})
        if any(self._processes.statuses.values()):
            self._ended.wait(_LAST_WORDS)  # why, the scheduler knows, also where all that ran here has ended already

    def _status(self):
        """Return the first worker's status that is not 0; where there is none, what says how the run has ended."""
        if self._reason and self._reason["why"] == "interrupted":
            return 130
        for _role, status in sorted(self._processes.statuses.items(), key=lambda item: item[0][0] != "worker"):
            if status > 0 and status != ENDED:
                return status
        return 1 if self._reason or any(self._processes.statuses.values()) else 0


def _num_cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


if __name__ == "__main__":
    sys.exit(main())
