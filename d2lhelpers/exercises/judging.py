"""How an answer is run, within a time limit, whatever it does.

An exercise has a function that is given the answer and raises `Wrong` if it is not right. The other rooms of this
package: ``kinds.py`` makes the usual kinds of exercises, ``calling.py`` calls what a learner has written,
``comparing.py`` and ``describing.py`` tell whether and how a result is off, ``recipes.py`` looks at whole recipes of
training, ``variants.py`` draws the random inputs, and ``advice.py`` says what errors mean.
"""

import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from mxnet import autograd

from ..language import N_, Text, _
from .advice import advise, describe_error
from .variants import VARIANT
from .watching import restore

TIME_LIMIT = 20  # seconds of work for a check, on a machine that does `_work` in WORK_SECONDS
WORK_SECONDS = 0.02  # a server of 2024 with CPython 3.11 needs 0.012, an emulated ARM 0.18
MOST_LINES = 50  # of an answer that catches the exception, between this and the next time
PATIENCE = 5  # times the limit that may pass altogether, while others keep the processor busy, or an answer sleeps


# Whole verdicts, since it depends on the language how its labels are aligned.
_LINES = {  # by whether something was tried, and whether there is a hint
    (True, True): N_("  tried:    {tried}\n  came out: {came_out}\n  expected: {expected}\n  hint:     {hint}"),
    (True, False): N_("  tried:    {tried}\n  came out: {came_out}\n  expected: {expected}"),
    (False, True): N_("  you gave: {came_out}\n  expected: {expected}\n  hint:     {hint}"),
    (False, False): N_("  you gave: {came_out}\n  expected: {expected}"),
}


class Wrong(Exception):
    """An answer is not right.

    Attributes
    ----------
    tried, came_out, expected, hint : str
        What was done with the answer, what it gave, what it should have given (without giving the answer away), and
        what may help. Where nothing was done with it, `tried` is empty, and `came_out` is the answer itself.
    """

    def __init__(self, tried, came_out, expected, hint=""):
        self.tried, self.came_out, self.expected, self.hint = tried, came_out, expected, hint
        super().__init__(tried, came_out, expected, hint)

    def __str__(self):
        return self.text

    @property
    def text(self):
        """The same in lines, as a text that follows the language."""
        fields = {"came_out": self.came_out, "expected": self.expected}
        if self.tried:
            fields["tried"] = self.tried
        if self.hint:
            fields["hint"] = self.hint
        return Text(_LINES[bool(self.tried), bool(self.hint)], **fields)


class Unanswered(Exception):
    """There is no answer yet."""


class OutOfTime(BaseException):
    """The answer ran for too long. Not an Exception, so that an answer's own ``except Exception`` lets it through."""


@dataclass(frozen=True)
class Exercise:
    """A question and its check.

    Attributes
    ----------
    number, title : str
        As in the notebook's heading.
    why : str
        One sentence on why it matters, for a right answer.
    examine : callable
        Given the answer, raises `Wrong` or `Unanswered` if it is not right.
    seconds : float, optional
        Of work that the answer has, on a machine of the usual speed; `TIME_LIMIT` unless it is said.
    reference : callable, optional
        The right function, on NumPy arrays, where the exercise asks for one.
    mistakes : tuple of (object, str)
        Usual mistakes and their hints, where the kind of exercise has them.
    """

    number: str
    title: str
    why: str
    examine: Callable
    seconds: float | None = None
    reference: Callable | None = None
    mistakes: tuple = ()


@dataclass(frozen=True)
class Verdict:
    """What came of a check.

    Attributes
    ----------
    outcome : str
        "right", "not right yet" or "not answered yet".
    reason : str
        Why the exercise matters, or what is wrong with the answer.
    """

    outcome: str
    reason: str = ""

    @property
    def right(self):
        """Whether the answer is right."""
        return self.outcome == "right"

    @property
    def text(self):
        """What to print, without the exercise's number, in the language that is chosen now."""
        if self.right:
            return _("right. {reason}").format(reason=_(self.reason))
        return "\n".join(_(text) for text in (self.outcome, self.reason) if text)


def judge(exercise, answer, variant=0):
    """Examine an answer to an exercise, whatever it does, within `TIME_LIMIT` seconds, or more on a slow machine.

    The random numbers of Python and NumPy are left as they were, and so is whether MXNet records. MXNet's random
    numbers cannot be left so.

    Parameters
    ----------
    exercise : Exercise
    answer : object
    variant : int
        Which random inputs the answer is tried on: 0 for those of the first time, any larger number for others.

    Returns
    -------
    Verdict

    Examples
    --------
    >>> judge(Exercise("00.1", "Anything", "It is an answer.", examine=lambda answer: None), 2)
    Verdict(outcome='right', reason='It is an answer.')
    """
    python_state, numpy_state = random.getstate(), np.random.get_state()
    is_recording, is_training = autograd.is_recording(), autograd.is_training()
    VARIANT.set(variant)
    try:
        alarm = Alarm(exercise.seconds or TIME_LIMIT)
        try:
            if answer is ...:
                raise Unanswered
            if answer is None:
                hint = N_(
                    "print(...) gives None, and so does a call of a function without return: hand in the answer itself"
                )
                raise Wrong("", "None", N_("a function, a number or letters"), hint)
            exercise.examine(answer)
        finally:
            alarm.active = False
            alarm.stop()
            restore()
            autograd.set_recording(is_recording)  # the alarm may ring in the line that ends a record()
            autograd.set_training(is_training)
    except Unanswered:
        return Verdict(N_("not answered yet"))
    except Wrong as wrong:
        return Verdict(N_("not right yet"), wrong.text)
    except OutOfTime:
        came_out = N_("nothing within {limit:.3g} seconds of work", limit=alarm.limit)
        hint = N_("is there a loop that never ends? If it only takes long: fewer epochs, or larger minibatches")
        wrong = Wrong(N_("your answer"), came_out, N_("an end within this time"), hint)
        return Verdict(N_("not right yet"), wrong.text)
    except (Exception, SystemExit) as error:
        wrong = Wrong(N_("your answer"), describe_error(error), N_("no error"), advise(error))
        return Verdict(N_("not right yet"), wrong.text)
    finally:
        VARIANT.set(0)
        random.setstate(python_state)
        np.random.set_state(numpy_state)
    return Verdict("right", exercise.why)


def _work():
    """Return how many seconds of the processor's time a certain amount of work takes."""
    start = time.thread_time()
    for _i in range(1_000_000):
        pass
    return time.thread_time() - start


class Alarm:
    """Raises `OutOfTime` in the main thread when an answer has had its time; elsewhere it does nothing.

    What counts is the processor's time. When the seconds have passed on the clock, the alarm measures how fast this
    machine is: a slower one gets more of them, and so does a process that has not had the processor for itself, but no
    more than `PATIENCE` times as many.

    An answer could catch the exception. So it is raised again and again then, and each time once more, when a few lines
    have been run since: one line more from time to time. Python can be told to call us before each line (``settrace``),
    and one of them, be it only that of the word ``try``, is outside of whatever the answer has to catch exceptions. It
    is never raised in the function that has set the alarm, only in what that function calls: its ``finally``, which
    must set `active` to False and call `stop`, is not cut short.

    Attributes
    ----------
    active : bool
        Whether the alarm still raises.
    limit : float
        Seconds of the processor's time that an answer has.
    """

    def __init__(self, seconds):
        self.active = threading.current_thread() is threading.main_thread()
        self.limit, self._is_measured = seconds, False
        self._num_raised = self._num_lines = 0
        if self.active:
            self._pause = random.Random(0)
            self._began = time.monotonic(), time.process_time()
            self._code = sys._getframe(1).f_code
            self._trace_before = sys.gettrace()
            self._before = signal.signal(signal.SIGALRM, self._ring)
            signal.setitimer(signal.ITIMER_REAL, seconds)

    def _ring(self, signum, frame):
        if not self.active:
            return
        rest = self.limit if frame.f_code is self._code else self._rest()
        if rest > 0:
            signal.setitimer(signal.ITIMER_REAL, rest)
            return
        if frame.f_code is not Alarm._trace.__code__:
            if self._num_raised:  # it was caught
                self._watch(frame)
            self._num_raised += 1
        # From time to time longer, so that some lines are run however long it takes to have them looked at.
        signal.setitimer(signal.ITIMER_REAL, self._pause.uniform(1e-5, 2e-4) * 4 ** (self._num_raised % 6))
        raise OutOfTime

    def _watch(self, frame):
        """Have the next lines of all functions that are being called looked at, but of ours."""
        self._num_lines = self._num_raised % MOST_LINES
        sys.settrace(self._trace)
        while frame is not None and frame.f_code is not self._code:
            frame.f_trace = self._trace
            frame = frame.f_back

    def _trace(self, frame, event, argument):
        if not self.active:
            return None
        if event == "line":
            self._num_lines -= 1
            if self._num_lines < 0:
                raise OutOfTime  # after which Python looks at no more lines, until it is told again
        return self._trace

    def _rest(self):
        """Return in how many seconds to look again, or 0 if the time is up."""
        if not self._is_measured:
            self.limit *= max(1, _work() / WORK_SECONDS)
            self._is_measured = True
        passed, worked = time.monotonic() - self._began[0], time.process_time() - self._began[1]
        return max(0, min(self.limit - worked, PATIENCE * self.limit - passed))

    def stop(self):
        """Stop the clock, and give the signal back to whoever had it before."""
        if hasattr(self, "_before"):
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self._before)
            if self._num_raised:
                sys.settrace(self._trace_before)
