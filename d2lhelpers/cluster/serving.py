"""What a scheduler and a server do: no script of a learner runs there, and nothing that comes is unpickled."""

import os
import socket
import sys
import threading

from ..language import _
from . import library
from .coordinator import ENDED, Coordinator
from .member import Member, RunEnded, end_process, facts
from .reasons import describe, name, say_name
from .settings import environment_for_mxnet
from .wire import listen


def serve(settings):
    """Serve, and end the process when the run has ended.

    Parameters
    ----------
    settings : Settings
    """
    try:
        _schedule(settings) if settings.role == "scheduler" else _hold(settings)
    except RunEnded as error:
        end_process(settings.is_launched)(error.reason)
    except KeyboardInterrupt:
        os._exit(130)


def _schedule(settings):
    host = settings.node_host or settings.host
    if settings.listener is not None:
        listener = socket.socket(fileno=settings.listener)
    else:
        try:
            listener = listen(host, settings.port)
        except OSError as error:
            address = f"{host}:{settings.port}"
            raise RunEnded({"why": "in use", "address": address, "error": error.strerror}) from None
    coordinator = Coordinator(settings, listener, facts())
    coordinator.start()
    coordinator.begun.wait()
    _run(settings, coordinator.place, coordinator.place[0], coordinator.fail)
    threading.Event().wait()  # the coordinator ends this process


def _hold(settings):
    hello = {
        "role": "server",
        "num_workers": settings.num_workers,
        "num_servers": settings.num_servers,
        "launched": settings.is_launched,
        **facts(),
    }
    member = Member(
        settings.host, settings.port, hello, settings.wait, end_process(settings.is_launched), settings.node_host
    )
    who = name("server", member.address, member.welcome["rank"])

    def fail(error):
        member.send({"failed": error})
        threading.Event().wait(3)
        os._exit(ENDED)

    threading.Thread(target=lambda: member.over.wait() and os._exit(0), daemon=True).start()
    _run(settings, *member.wait_for_start(), fail, who)
    member.over.wait()  # that thread ends this process
    threading.Event().wait()


def _run(settings, place, node_host, fail, who=None):
    """Be MXNet's part of this role."""

    def refuse(command):
        text = _("{who} has refused a command (number {command}): this run's servers only add up arrays.")
        print(text.format(who=say_name(who), command=command), file=sys.stderr, flush=True)

    try:
        library.serve(*environment_for_mxnet(settings, place, node_host), refuse)
    except Exception as error:
        fail(describe(error))
