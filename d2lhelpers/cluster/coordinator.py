"""The scheduler's part that is ours: who belongs to a run, what its workers agree on, and why it ends."""

import os
import signal
import sys
import threading
import time
from collections import deque
from contextlib import suppress

from .reasons import name, say
from .wire import GREETING, SILENCE, Wire, WireError, free_place

ENDED = 75  # the status of a process that ends because of another one
_HANDSHAKE = 10  # seconds that a newcomer has to say who it is
_OPENING = 10  # seconds at least that workers have to open MXNet's part, once all of them are about to
_LAST_WORDS = 3  # seconds that members have to end by themselves
_UNHEARD = 2  # seconds after which a worker, which says each second how far it is, counts as silent
_EXPLANATION = 1  # seconds that a launcher has to say how a process of its own has ended


class _Member:
    def __init__(self, wire, hello, rank):
        self.wire, self.rank, self.role = wire, rank, hello["role"]
        self.hello, self.asked = hello, deque()
        self.has_left = self.is_gone = False
        self.is_opening = self.is_open = False  # MXNet's part, of a worker
        self.num_calls, self.since = 0, time.monotonic()  # how far a worker is, and since when
        self.heard = self.since  # when it last said how far it is
        self.name = name(self.role, wire.peer, rank)


def _waited_for(workers, patience):
    """Return workers that another one has been waiting for, so many seconds, each with this other one."""
    now = time.monotonic()
    first = max(workers, key=lambda worker: worker.num_calls, default=None)
    awake = [worker for worker in workers if now - worker.heard <= _UNHEARD]
    pairs = []
    for worker in workers:
        is_behind = worker.num_calls < first.num_calls and now - max(worker.since, first.since) > patience
        # It may have been stopped when it had made the call, but sent nothing of it yet.
        is_silent = now - worker.heard > patience + _UNHEARD
        waiting = [other for other in awake if now - other.since > patience]
        if is_behind:
            pairs.append((worker, first))
        elif is_silent and waiting:
            pairs.append((worker, waiting[0]))
    return pairs


class Coordinator:
    """Admits the members of a run, waits with what the workers do together until all do it, and ends all when one ends.

    Parameters
    ----------
    settings : Settings
    listener : socket.socket
        What members connect to.
    facts : dict
        The scheduler's own versions, which every member's must be.
    exit : callable
        Ends the process with a status.

    Attributes
    ----------
    begun : threading.Event
        Set when all members have come, and one of the workers has imported MXNet: its scheduler and servers are needed.
    place : tuple of str and int
        The address and the port where MXNet's own scheduler is to listen.
    """

    def __init__(self, settings, listener, facts, exit=os._exit):
        self.settings, self.begun, self.place = settings, threading.Event(), None
        self._is_complete = self._is_needed = False
        self._listener, self._facts, self._exit = listener, facts, exit
        self._lock = threading.RLock()
        self._members, self._reserved = [], set(range(settings.reserved))
        self._script = self._reason = None
        self._is_over = self._has_own_launcher = False
        self._host = listener.getsockname()[0]

    def start(self):
        """Begin to admit members."""
        threading.Thread(target=self._accept, daemon=True).start()
        self._later(self.settings.wait, self._look_for_missing)
        threading.Thread(target=self._look_for_stuck, daemon=True).start()

    def _later(self, seconds, look):
        limit = threading.Timer(seconds, look, (seconds,))
        limit.daemon = True
        limit.start()

    def end(self, reason):
        """End the run: tell all members why, and end this process."""
        with self._lock:
            if self._reason or self._is_over:
                return
            self._reason = reason
        # In a thread of its own: whoever has found the reason may hold the lock, which others need to end.
        threading.Thread(target=self._end, args=(reason,), daemon=True).start()

    def _end(self, reason):
        if not self.settings.is_launched:
            print(say(reason), file=sys.stderr, flush=True)
        self._tell(self._members, {"end": reason})
        # Newcomers are told, too; the launcher that has started this process may be one of them.
        limit = time.monotonic() + _LAST_WORDS
        while self.settings.is_launched and not self._has_own_launcher and time.monotonic() < limit:
            time.sleep(0.02)
        self._wait_for_ends(self._members, _LAST_WORDS)
        self._exit(ENDED)

    def fail(self, error):
        """End the run since MXNet's scheduler could not do its part."""
        self.end({"why": "engine", "who": name("scheduler", self._host), "error": error})

    # Who belongs to the run

    def _accept(self):
        while True:
            try:
                connection, _address = self._listener.accept()
            except OSError:  # of one that has gone already, or no file is left for it
                time.sleep(0.1)
                continue
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        member = None
        try:
            wire = Wire(connection)
            wire.send(GREETING)
            hello = wire.receive(_HANDSHAKE)
            if hello is not None:
                member = self._admit(wire, hello)
            if member is None:
                return
            while (message := wire.receive()) is not None:
                self._take(member, message)
            self._lose(member, {"why": "killed"})
        except TimeoutError:
            self._lose(member, {"why": "lost", "seconds": SILENCE})
        except (WireError, KeyError, TypeError, ValueError):  # it does not speak as a member does
            self._lose(member, {"why": "killed"})
        except OSError as error:
            reason = {"why": "killed"}
            if not isinstance(error, ConnectionResetError | BrokenPipeError):  # these are of a process that has ended
                reason = {"why": "lost", "seconds": SILENCE}
            self._lose(member, reason)
        finally:
            if member is None:
                connection.close()

    def _admit(self, wire, hello):
        """Return the new member, or None if it was refused."""
        with self._lock:
            problem = self._reason or self._find_problem(wire, hello)
            self._has_own_launcher |= bool(hello.get("role") == "launcher" and hello.get("ranks"))
            if problem:
                self._tell_one(wire, {"refused": problem})
                if not self._is_complete and problem["why"] not in ("foreign", "full"):
                    self.end(problem)  # who was refused is missing: the run could not begin
                return None
            if hello["role"] == "launcher":
                ranks = hello["ranks"] or self._free_ranks()[: hello["here"]]
                self._reserved.update(ranks)
                member = _Member(wire, hello, None)
                welcome = {"ranks": ranks}
            else:
                rank = self._rank_for(hello)
                member = _Member(wire, hello, rank)
                welcome = {"rank": rank}
            if hello["role"] == "worker":
                self._script = self._script or (hello.get("script"), member.name)
            self._members.append(member)
            self._tell_one(wire, {"welcome": welcome | {"num_workers": self.settings.num_workers}})
            if not self._is_complete and not self._absent():
                self._is_complete = True
                self.place = free_place(self._host)
                self._tell([member for member in self._members if member.role == "worker"], {"start": self.place})
                self._begin_if_needed()
                self._finish_if_done()
            return member

    def _begin_if_needed(self):
        if self._is_complete and self._is_needed and not self.begun.is_set():
            self._tell([member for member in self._members if member.role == "server"], {"start": self.place})
            self.begun.set()

    def _find_problem(self, wire, hello):
        expected = {"role": str, "num_workers": int, "num_servers": int, "launched": bool}
        if not all(type(hello.get(key)) is kind for key, kind in expected.items()):
            return {"why": "foreign", "address": wire.peer}
        role = hello["role"]
        who = name(role if role == "launcher" else "newcomer", wire.peer)
        settings = self.settings
        for key, value in (("num_workers", settings.num_workers), ("num_servers", settings.num_servers)):
            if hello[key] != value:
                return {"why": key, "who": who, "value": hello[key], "other_value": value}
        if role == "launcher":
            num_free = len(self._free_ranks())
            if not hello["ranks"] and hello["here"] > num_free:
                return {"why": "too many here", "who": who, "value": hello["here"], "other_value": num_free}
            return None
        if role not in ("worker", "server"):
            return {"why": "foreign", "address": wire.peer}
        if hello.get("mxnet") != self._facts["mxnet"]:
            return {"why": "mxnet", "who": who, "value": hello.get("mxnet"), "other_value": self._facts["mxnet"]}
        rank = self._rank_for(hello)
        if rank is None:
            return {"why": "full", "who": who, "value": self.settings.num_workers}
        named = name(role, wire.peer, rank)
        if rank in self._ranks(role):
            return {"why": "taken", "who": named}
        if rank >= (settings.num_workers if role == "worker" else settings.num_servers):
            return {"why": "full", "who": named, "value": settings.num_workers}
        if role == "worker" and self._script and hello.get("script") != self._script[0]:
            return {"why": "script", "who": named, "other": self._script[1]}
        return None

    def _ranks(self, role):
        return {member.rank for member in self._members if member.role == role}

    def _free_ranks(self):
        return sorted({*range(self.settings.num_workers)} - self._ranks("worker") - self._reserved)

    def _rank_for(self, hello):
        if hello["role"] == "server":
            free = {*range(self.settings.num_servers)} - self._ranks("server")
            return min(free, default=None)
        wanted = hello.get("rank")
        return wanted if type(wanted) is int and wanted >= 0 else next(iter(self._free_ranks()), None)

    def _absent(self):
        workers = {*range(self.settings.num_workers)} - self._ranks("worker")
        servers = {*range(self.settings.num_servers)} - self._ranks("server")
        return [name("absent worker", None, rank) for rank in sorted(workers)] + [
            name("absent server", None, rank) for rank in sorted(servers)
        ]

    def _look_for_missing(self, seconds):
        with self._lock:
            absent = self._absent() if not self._is_complete else []
        if absent:
            self.end({"why": "missing", "missing": absent, "seconds": round(seconds)})

    def _note_opening(self, member):
        with self._lock:
            member.is_opening = True
            if sum(member.is_opening for member in self._members) == self.settings.num_workers:
                self._later(max(self.settings.wait, _OPENING), self._look_for_unopened)

    def _look_for_unopened(self, seconds):
        """End a run in which MXNet's part waits for what never comes: it has no limit of its own."""
        with self._lock:
            waiting = [member for member in self._members if member.role == "worker" and not member.is_open]
        if waiting:
            names = [member.name for member in sorted(waiting, key=lambda member: member.rank)]
            self.end({"why": "unopened", "waiting": names, "seconds": round(seconds)})

    # How members end

    def _lose(self, member, reason):
        if member is None:
            return
        with self._lock:
            member.is_gone = True
            if member.has_left or self._is_over or self._reason:
                return
        if member.hello["launched"] and reason["why"] == "killed":
            time.sleep(_EXPLANATION)  # its launcher knows better
        self.end(reason | {"who": member.name})

    def _note(self, member, died):
        """Take from a launcher how one of its processes has ended."""
        if died["role"] not in ("worker", "server"):
            return
        who = name(died["role"], member.wire.peer, died["rank"])
        for other in self._members:
            if (other.role, other.rank) == (died["role"], died["rank"]) and other.has_left and died["status"] == 0:
                return
        if died["status"] < 0:
            self.end({"why": "signal", "who": who, "signal": signal.Signals(-died["status"]).name})
        elif died["status"] > 0:
            self.end({"why": "status", "who": who, "status": died["status"]})
        else:
            self.end({"why": "killed", "who": who})

    def _leave(self, member):
        with self._lock:
            member.has_left = True
            self._look_for_deserted()
            self._finish_if_done()

    def _finish_if_done(self):
        workers = [member for member in self._members if member.role == "worker"]
        # A server that has not come yet would look for this scheduler in vain.
        if self._is_complete and all(worker.has_left for worker in workers) and not self._is_over:
            self._is_over = True
            threading.Thread(target=self._finish, args=(workers,), daemon=True).start()

    def _finish(self, workers):
        # Workers close what they have with the servers before these end.
        self._tell(workers, {"over": True})
        self._wait_for_ends(workers, 10)
        others = [member for member in self._members if member.role != "worker"]
        self._tell(others, {"over": True})
        self._wait_for_ends([member for member in others if member.role == "server"], _LAST_WORDS)
        self._exit(0)

    def _wait_for_ends(self, members, seconds):
        """Wait until these have gone, or have heard of the end: what is sent to them may get lost with this process."""
        limit = time.monotonic() + seconds
        while time.monotonic() < limit and not all(member.is_gone for member in list(members)):
            time.sleep(0.02)

    # What the workers do together

    def _take(self, member, message):
        if "do" in message and member.role == "worker":
            with self._lock:
                member.asked.append(message)
                self._look_for_deserted()
                self._do_together()
        elif "calls" in message:
            with self._lock:
                member.heard = time.monotonic()
                if member.num_calls != message["calls"]:
                    member.num_calls, member.since = message["calls"], member.heard
        elif "opens" in message:
            self._note_opening(member)
        elif "has opened" in message:
            member.is_open = True
        elif "mxnet" in message:
            with self._lock:
                self._is_needed = True
                self._begin_if_needed()
        elif "bye" in message:
            self._leave(member)
        elif "heard" in message and member.role == "launcher":  # it stays until this process has ended
            member.is_gone = True
        elif "failed" in message:
            reason = {"why": "failed", "error": message["failed"]}
            if message.get("interrupted"):
                reason = {"why": "interrupted"}
            self.end(reason | {"who": member.name})
        elif "died" in message and member.role == "launcher":
            self._note(member, message["died"])

    def _look_for_deserted(self):
        left = [member for member in self._members if member.role == "worker" and member.has_left and not member.asked]
        waiting = [member for member in self._members if member.role == "worker" and member.asked]
        if left and waiting:
            self.end({"why": "left", "who": left[0].name, "other": waiting[0].name})

    def _look_for_stuck(self):
        """Name workers for whom others wait, once each time: they may be stopped, or go on after all."""
        named, patience = {}, self.settings.patience
        while not (self._is_over or self._reason):
            time.sleep(0.2)
            with self._lock:
                workers = [member for member in self._members if member.role == "worker" and not member.has_left]
                if not self._is_complete:
                    continue
                stuck = [pair for pair in _waited_for(workers, patience) if named.get(pair[0]) != pair[0].num_calls]
                named |= {member: member.num_calls for member, _ in stuck}
            for member, other in stuck:
                reason = {"why": "waits", "who": member.name, "other": other.name, "seconds": round(patience)}
                print(say(reason), file=sys.stderr, flush=True)

    def _do_together(self):
        workers = sorted((m for m in self._members if m.role == "worker"), key=lambda member: member.rank)
        if len(workers) < self.settings.num_workers or not all(worker.asked for worker in workers):
            return
        asked = [worker.asked.popleft() for worker in workers]
        first = asked[0]
        for worker, message in zip(workers[1:], asked[1:], strict=True):
            fields = {"who": worker.name, "other": workers[0].name}
            if (message["do"], message["about"]) != (first["do"], first["about"]):
                self.end({"why": "calls"} | fields)
                return
            if first["do"] == "agree" and message["value"] != first["value"]:
                values = {"value": message["value"], "other_value": first["value"]}
                self.end({"why": first["about"]} | fields | values)
                return
        done = first["value"]
        if first["do"] == "add":
            done = [sum(values) for values in zip(*(message["value"] for message in asked), strict=True)]
        self._tell(workers, {"done": done})

    def _tell(self, members, message):
        for member in list(members):
            self._tell_one(member.wire, message)

    def _tell_one(self, wire, message):
        with suppress(OSError):  # its own thread notices
            wire.send(message)
