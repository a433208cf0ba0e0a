"""How an answer is run and judged.

An exercise has a function that is given the answer and raises `Wrong` if it is not right. Most exercises are of one of
three kinds, and made by `function_exercise`, `number_exercise` or `choice_exercise`; a usual mistake is written down
as the function or the number that somebody who makes it would hand in, with a hint.
"""

import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from mxnet import nd

TIME_LIMIT = 20  # seconds of work for a check, on a machine that does `_work` in WORK_SECONDS
WORK_SECONDS = 0.02  # a server of 2024 with CPython 3.11 needs 0.012, an emulated ARM 0.18
PATIENCE = 5  # times the limit that may pass altogether, while others keep the processor busy, or an answer sleeps


class Wrong(Exception):
    """An answer is not right.

    Attributes
    ----------
    tried, came_out, expected, hint : str
        What was done with the answer, what it gave, what it should have given (without giving the answer away), and
        what may help.
    """

    def __init__(self, tried, came_out, expected, hint=""):
        self.tried, self.came_out, self.expected, self.hint = tried, came_out, expected, hint
        super().__init__(tried, came_out, expected, hint)

    def __str__(self):
        lines = [("tried", self.tried), ("came out", self.came_out), ("expected", self.expected), ("hint", self.hint)]
        return "\n".join(f"  {name + ':':9} {text}" for name, text in lines if text)


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
    """

    number: str
    title: str
    why: str
    examine: Callable


@dataclass(frozen=True)
class Verdict:
    """What came of a check.

    Attributes
    ----------
    right : bool
    text : str
        What to print, without the exercise's number.
    """

    right: bool
    text: str


def judge(exercise, answer):
    """Examine an answer to an exercise, whatever it does, within `TIME_LIMIT` seconds, or more on a slow machine.

    The random numbers of Python and NumPy are left as they were; MXNet's cannot be.

    Parameters
    ----------
    exercise : Exercise
    answer : object

    Returns
    -------
    Verdict

    Examples
    --------
    >>> judge(number_exercise("00.1", "Two", lambda: 2, why="It is even."), 2)
    Verdict(right=True, text='right. It is even.')
    """
    python_state, numpy_state = random.getstate(), np.random.get_state()
    try:
        alarm = Alarm(TIME_LIMIT)
        try:
            if answer is None or answer is ...:
                raise Unanswered
            exercise.examine(answer)
        finally:
            alarm.active = False
            alarm.stop()
    except Unanswered:
        return Verdict(False, "not answered yet")
    except Wrong as wrong:
        return Verdict(False, f"not right yet\n{wrong}")
    except OutOfTime:
        came_out = f"nothing within {alarm.limit:.3g} seconds of work"
        wrong = Wrong("your answer", came_out, "an end", "is there a loop that never ends?")
        return Verdict(False, f"not right yet\n{wrong}")
    except (Exception, SystemExit) as error:
        wrong = Wrong("your answer", describe_error(error), "no error", "run your code on an example of your own first")
        return Verdict(False, f"not right yet\n{wrong}")
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
    return Verdict(True, f"right. {exercise.why}")


def _work():
    """Return how many seconds of the processor's time a certain amount of work takes."""
    start = time.thread_time()
    for _ in range(1_000_000):
        pass
    return time.thread_time() - start


class Alarm:
    """Raises `OutOfTime` in the main thread when an answer has had its time; elsewhere it does nothing.

    What counts is the processor's time. When the seconds have passed on the clock, the alarm measures how fast this
    machine is: a slower one gets more of them, and so does a process that has not had the processor for itself, but no
    more than `PATIENCE` times as many.

    An answer could catch the exception. So it is raised again and again then, at short and irregular intervals, until
    one falls outside of the answer's own ``try``. It is never raised in the function that has set the alarm, only in
    what that function calls: its ``finally``, which must set `active` to False and call `stop`, is not cut short.

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
        if self.active:
            self._pause = random.Random(0)
            self._began = time.monotonic(), time.process_time()
            self._code = sys._getframe(1).f_code
            self._before = signal.signal(signal.SIGALRM, self._ring)
            signal.setitimer(signal.ITIMER_REAL, seconds)

    def _ring(self, signum, frame):
        if not self.active:
            return
        rest = self.limit if frame.f_code is self._code else self._rest()
        if rest > 0:
            signal.setitimer(signal.ITIMER_REAL, rest)
            return
        signal.setitimer(signal.ITIMER_REAL, self._pause.uniform(1e-5, 2e-4))
        raise OutOfTime

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


def call(function, *args, tried=None):
    """Call the learner's function with copies of `args`, and return its result as NumPy arrays and plain numbers.

    Parameters
    ----------
    function : object
        What the learner handed in; `Wrong` if it cannot be called.
    *args
        NumPy arrays are handed on as ``nd`` arrays (float32, whole numbers as int32), all else as it is.
    tried : str, optional
        What to say was tried; by default the arguments are described.

    Returns
    -------
    numpy.ndarray, float, or tuple of them

    Raises
    ------
    Wrong
        If the function raises an error, or returns something else.
    Unanswered
        If it returns nothing: its body is still to be written.
    """

    def convert(result):
        return tuple(plain(part) for part in result) if isinstance(result, tuple | list) else plain(result)

    return _run(function, args, tried, convert)


def call_for_net(function, *args, tried):
    """Call the learner's function with copies of `args`, and return the network that it returns.

    Parameters
    ----------
    function, *args, tried
        As in `call`.

    Returns
    -------
    callable

    Raises
    ------
    Wrong
        If the function raises an error, or returns something else.
    Unanswered
        If it returns nothing.
    """

    def convert(result):
        if result is None or result is ...:
            raise Unanswered
        if not callable(result) or isinstance(result, type):
            raise Wrong(tried, f"a {type(result).__name__}", "a network of Gluon", "end with return net")
        return result

    return _run(function, args, tried, convert)


def _run(function, args, tried, convert):
    if not callable(function):
        raise Wrong("your answer", f"a {type(function).__name__}", "a function", "hand in its name, without brackets")
    try:
        return convert(function(*(as_nd(arg) for arg in args)))
    except (Unanswered, Wrong):
        raise
    except (Exception, SystemExit) as error:
        tried = tried or describe_call(function, args)
        raise Wrong(tried, describe_error(error), "no error", "print the shapes just before that line") from None


def as_nd(value):
    """Return a NumPy array as a new ``nd`` array, and all else as it is.

    Examples
    --------
    >>> as_nd(np.array([1.0])).dtype, as_nd(3)
    (<class 'numpy.float32'>, 3)
    """
    if not isinstance(value, np.ndarray):
        return value
    return nd.array(value, dtype="int32" if value.dtype.kind in "iu" else "float32")


def plain(value):
    """Return what a learner's function has returned as a NumPy array or a float.

    Raises
    ------
    Unanswered
        If it is None or ``...``.
    TypeError
        If it is neither an array nor a number.

    Examples
    --------
    >>> plain(nd.array([1, 2])), plain(3)
    (array([1., 2.]), 3.0)
    """
    if value is None or value is ...:
        raise Unanswered
    if isinstance(value, nd.NDArray):
        return value.asnumpy().astype("float64")
    if isinstance(value, np.ndarray):
        return value.astype("float64")
    if isinstance(value, int | float | np.number):
        return float(value)
    raise TypeError(f"a {type(value).__name__} was returned, not an array or a number")


def describe_error(error):
    """Describe an error in one line.

    Examples
    --------
    >>> describe_error(ZeroDivisionError("division by zero"))
    'ZeroDivisionError: division by zero'
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [""]
    named = [line for line in lines if line.startswith("MXNetError: ")] or lines[:1]
    return f"{type(error).__name__}: {named[-1].removeprefix('MXNetError: ')}"[:200].rstrip(": ")


def describe(value):
    """Describe an argument or a result in a few words: small ones by their values, large ones by their shape.

    Examples
    --------
    >>> describe(np.array([[1.0, 2.0]])), describe(np.zeros((20, 3))), describe((1.0, 2.0))
    ('[[1. 2.]]', 'an array of shape (20, 3)', '1.0 and 2.0')
    """
    if isinstance(value, tuple):
        return " and ".join(describe(part) for part in value)
    if isinstance(value, np.ndarray):
        if value.size > 8:
            return f"an array of shape {value.shape}"
        return np.array2string(value, precision=4, suppress_small=False).replace("\n", "")
    return f"{value:.6g}" if isinstance(value, float) and value != int_or_none(value) else str(value)


def int_or_none(value):
    """Return a finite whole float as an int, else None.

    Examples
    --------
    >>> int_or_none(2.0), int_or_none(2.5), int_or_none(float("nan"))
    (2, None, None)
    """
    return int(value) if np.isfinite(value) and value == int(value) else None


def describe_call(function, args):
    """Describe a call.

    Examples
    --------
    >>> describe_call(describe, (np.array([1.0, 2.0]), 3))
    'describe([1. 2.], 3)'
    """
    return f"{getattr(function, '__name__', 'your answer')}({', '.join(describe(arg) for arg in args)})"


def close(got, expected, tolerance):
    """Tell whether two results have the same form and, up to the tolerance, the same values (NaN equals NaN).

    Examples
    --------
    >>> close(1.0, np.array([1.0]), 1e-4), close((1.0, 2.0), (1.0, 2.0), 1e-4)
    (False, True)
    """
    if isinstance(expected, tuple) or isinstance(got, tuple):
        if not (isinstance(expected, tuple) and isinstance(got, tuple) and len(got) == len(expected)):
            return False
        return all(close(g, e, tolerance) for g, e in zip(got, expected, strict=True))
    if np.shape(got) != np.shape(expected):
        return False
    return bool(np.allclose(got, expected, rtol=tolerance, atol=tolerance, equal_nan=True))


def form(value):
    """Describe the form that a result should have.

    Examples
    --------
    >>> form(np.zeros((3, 2))), form((np.zeros(3), 1.0))
    ('an array of shape (3, 2)', '2 results: an array of shape (3,); a single number')
    """
    if isinstance(value, tuple):
        return f"{len(value)} results: " + "; ".join(form(part) for part in value)
    return "a single number" if np.ndim(value) == 0 else f"an array of shape {np.shape(value)}"


def squeeze(value):
    """Return an array of a single element as a float, as MXNet's sums and means are arrays of shape (1,).

    Examples
    --------
    >>> squeeze(np.array([2.0]))
    2.0
    """
    return float(value.reshape(())) if isinstance(value, np.ndarray) and value.size == 1 else value


def compare(tried, got, expected, mistakes=(), tolerance=1e-4):
    """Compare a result with the right one.

    Parameters
    ----------
    tried : str
        What was tried.
    got, expected : numpy.ndarray, float, or tuple of them
        A right result that is a single number may also come as an array of one element.
    mistakes : iterable of (value, str)
        What usual mistakes would have given, and the hints.
    tolerance : float
        Relative and absolute.

    Raises
    ------
    Wrong
        If they differ; with the hint of the first mistake that gives just what was got.

    Examples
    --------
    >>> compare("twice 3", 5.0, 6.0, [(5.0, "that was a sum")])
    Traceback (most recent call last):
        ...
    d2lhelpers.exercises.judging.Wrong:   tried:    twice 3
      came out: 5.0
      expected: 6.0
      hint:     that was a sum
    """

    def unwrap(value, like):
        if isinstance(like, tuple) or isinstance(value, tuple):
            if isinstance(like, tuple) and isinstance(value, tuple) and len(like) == len(value):
                return tuple(unwrap(v, part) for v, part in zip(value, like, strict=True))
            return value
        return squeeze(value) if np.ndim(like) == 0 else value

    got = unwrap(got, expected)
    if close(got, expected, tolerance):
        return
    for value, hint in mistakes:
        value = unwrap(value, got)
        if close(got, value, tolerance):
            raise Wrong(tried, describe(got), describe(expected), hint)
    if form(got) != form(expected):
        raise Wrong(tried, form(got), form(expected), "print the shape after each step")
    raise Wrong(tried, describe_difference(got, expected), describe(expected), "")


def describe_difference(got, expected):
    """Describe a result by its values, or if it is large, by the place where it is off most.

    Examples
    --------
    >>> describe_difference(np.zeros(20), np.arange(20.0))
    'an array of shape (20,), off by 19 at index (19,)'
    """
    if isinstance(got, np.ndarray) and got.size > 8:
        difference = np.where(np.isfinite(got), np.abs(got - expected), np.inf)
        worst = np.unravel_index(difference.argmax(), got.shape)
        place = tuple(int(i) for i in worst)
        if not np.isfinite(got[worst]):
            return f"{describe(got)}, with {got[worst]} at index {place}"
        return f"{describe(got)}, off by {difference[worst]:.3g} at index {place}"
    return describe(got)


def function_exercise(number, title, reference, inputs, why, mistakes=(), tolerance=1e-4):
    """Make an exercise that asks for a function.

    Parameters
    ----------
    number, title, why : str
        As in `Exercise`.
    reference : callable
        An independent implementation, on NumPy arrays of type float64.
    inputs : callable
        Given a NumPy random generator, returns a list of argument tuples to try, the most telling first.
    mistakes : iterable of (callable, str)
        Implementations with a usual mistake, on NumPy arrays, and hints.
    tolerance : float
        Relative and absolute.

    Returns
    -------
    Exercise

    Examples
    --------
    >>> double = function_exercise("00.1", "Double", lambda x: 2 * x, lambda rng: [(np.ones(3),)], "It is more.")
    >>> judge(double, lambda x: x + x).right
    True
    """

    def examine(answer):
        # The generator is the same each time, so that the learner can compare two tries.
        for args in inputs(np.random.default_rng(int(number.replace(".", "")))):
            args = tuple(arg.astype("float32") if is_float(arg) else arg for arg in args)
            exact = tuple(arg.astype("float64") if is_float(arg) else arg for arg in args)
            got = call(answer, *args)
            with np.errstate(all="ignore"):
                expected = reference(*exact)
                slips = [(mistake(*exact), hint) for mistake, hint in mistakes]
            compare(describe_call(answer, args), got, expected, slips, tolerance)

    return Exercise(number, title, why, examine)


def is_float(value):
    """Tell whether a value is a NumPy array of floats.

    Examples
    --------
    >>> is_float(np.zeros(2)), is_float(np.arange(2)), is_float(1.0)
    (True, False, False)
    """
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def number_exercise(number, title, value, why, mistakes=(), tolerance=0.01):
    """Make an exercise that asks for a number.

    Parameters
    ----------
    number, title, why : str
        As in `Exercise`.
    value : callable
        Computes the right number.
    mistakes : iterable of (float, str)
        Numbers that usual mistakes lead to, and hints.
    tolerance : float
        Relative (absolute for a right number of 0).

    Returns
    -------
    Exercise

    Examples
    --------
    >>> judge(number_exercise("00.1", "Two", lambda: 2, why="It is even."), "two").text.splitlines()[1:3]
    ['  tried:    your number', "  came out: 'two', a str"]
    """

    def examine(answer):
        if isinstance(answer, nd.NDArray | np.ndarray) and answer.size == 1:
            answer = plain(answer).item()
        if isinstance(answer, bool) or not isinstance(answer, int | float | np.number):
            raise Wrong("your number", f"{describe(answer)!r}, a {type(answer).__name__}", "a number")
        right = float(value())
        if near(answer, right, tolerance):
            return
        hint = next((hint for slip, hint in mistakes if near(answer, slip, tolerance)), "")
        comparison = "a finite number"
        if np.isfinite(answer):
            comparison = "a larger number" if right > answer else "a smaller number"
        raise Wrong("your number", str(answer), comparison, hint)

    return Exercise(number, title, why, examine)


def near(number, other, tolerance):
    """Tell whether a number is another one, up to the relative tolerance (absolute for 0).

    Examples
    --------
    >>> near(2.01, 2, 0.01), near(float("inf"), 2, 0.01)
    (True, False)
    """
    return abs(number - other) <= tolerance * (abs(other) or 1)


def choice_exercise(number, title, statements, why):
    """Make an exercise that asks which statements are true, all of them and no other.

    Parameters
    ----------
    number, title, why : str
        As in `Exercise`.
    statements : dict of (bool, str)
        By letter: whether the statement, which stands in the notebook, is true, and a hint for those who think
        otherwise.

    Returns
    -------
    Exercise

    Examples
    --------
    >>> sky = choice_exercise("00.1", "Sky", {"a": (True, "look up"), "b": (False, "at night?")}, "It is so.")
    >>> print(judge(sky, "ab").text)
    not right yet
      tried:    the statements a, b
      came out: 1 right, 1 wrong, 0 missing
      expected: all true ones and no other
      hint:     at night?
    """

    def examine(answer):
        if not isinstance(answer, str | list | tuple | set | frozenset):
            raise Wrong("your choice", f"a {type(answer).__name__}", 'letters, for example "ac"')
        letters = {str(letter).strip().lower() for letter in answer} - {"", ",", "."}
        if not letters:
            raise Unanswered
        unknown = sorted(letters - set(statements))
        if unknown:
            raise Wrong("your choice", f"the letters {', '.join(unknown)}", f"letters of {', '.join(statements)}")
        true = {letter for letter, (is_true, _) in statements.items() if is_true}
        if letters == true:
            return
        wrong, missing = sorted(letters - true), sorted(true - letters)
        raise Wrong(
            f"the statements {', '.join(sorted(letters))}",
            f"{len(letters & true)} right, {len(wrong)} wrong, {len(missing)} missing",
            "all true ones and no other",
            statements[(wrong or missing)[0]][1],
        )

    return Exercise(number, title, why, examine)


def by_number(*exercises):
    """Return exercises as a dictionary by their numbers.

    Raises
    ------
    ValueError
        If two have the same number.

    Examples
    --------
    >>> list(by_number(number_exercise("00.1", "Two", lambda: 2, "Even.")))
    ['00.1']
    """
    numbered = {exercise.number: exercise for exercise in exercises}
    if len(numbered) != len(exercises):
        raise ValueError("two exercises have the same number.")
    return numbered
