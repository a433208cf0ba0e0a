"""When an exercise that was solved is due again: after a day, and then at longer and longer intervals.

Each right answer to a review makes the next interval longer, and a wrong one starts anew with a day. Days are whole
ones: what was solved in the evening is due in the morning.
"""

from datetime import date, timedelta

INTERVALS = (1, 3, 7, 21, 60)  # days; from then on each is twice as long as the one before
A_DAY = timedelta(days=1)


def today():
    """Return the day that it is, by the clock of this machine.

    Examples
    --------
    >>> isinstance(today(), date)
    True
    """
    return date.today()


def interval(level):
    """Return after how many days an exercise is due that was answered rightly so many times after it was solved.

    Examples
    --------
    >>> [interval(level) for level in range(7)]
    [1, 3, 7, 21, 60, 120, 240]
    """
    longest = len(INTERVALS) - 1
    return INTERVALS[min(level, longest)] * 2 ** max(0, level - longest)


def due_on(answers, now):
    """Return the day from which on an exercise is due.

    Parameters
    ----------
    answers : list of Answer
        All that were noted for the exercise, in their order; at least one.
    now : datetime.date
        The day that it is.

    Returns
    -------
    datetime.date
        The earliest that there is, if it is unknown when the last answer was given: because its line in the file has no
        day, or one that is still to come, so that the clock must have been wrong then or is wrong now.

    Examples
    --------
    >>> from d2lhelpers.exercises.solved import Answer
    >>> solved, again = Answer(date(2026, 3, 1), True), Answer(date(2026, 3, 2), True)
    >>> [str(due_on(answers, date(2026, 3, 2))) for answers in ([solved], [solved, again])]
    ['2026-03-02', '2026-03-05']
    """
    level, last = 0, answers[0].day
    for answer in answers[1:]:
        if not answer.right:
            level = 0
        elif answer.day != last:  # two answers on a day, of two kernels or after a wrong one, count once
            level += 1
        last = answer.day
    # Who travels westwards may be a day behind what was noted.
    if last is None or last > now + A_DAY:
        return date.min
    return date.fromordinal(min(last.toordinal() + interval(level), date.max.toordinal()))
