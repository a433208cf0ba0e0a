"""What an interrupt, the stop button, does to a run: it ends between two steps."""

import signal
import threading
from contextlib import contextmanager

from ..language import _


@contextmanager
def note_interrupts(interrupts):
    """Note the first interrupt in the list, to be looked at between two steps; let a second one through.

    Examples
    --------
    >>> interrupts = []
    >>> with note_interrupts(interrupts):
    ...     signal.raise_signal(signal.SIGINT)
    >>> interrupts == [signal.SIGINT]
    True
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread is ever interrupted
        return

    def note(signum, frame):
        interrupts.append(signum)
        if len(interrupts) > 1:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        if before is not None:  # None: it was not set by Python, and cannot be set back by it
            signal.signal(signal.SIGINT, before)


def explain_interrupt(num_epochs, is_whole):
    """Return what is said about an interrupted run; whether its last step is a whole one decides what to do.

    Examples
    --------
    >>> print(explain_interrupt(3, is_whole=True))
    interrupted after 3 whole epochs; the parameters are those of the last whole step
    """
    text = _("interrupted after {n} whole epochs; the last step may not be whole: initialise the parameters anew")
    if is_whole:
        text = _("interrupted after {n} whole epochs; the parameters are those of the last whole step")
    return text.format(n=num_epochs)
