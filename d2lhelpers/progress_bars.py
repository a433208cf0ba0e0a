"""Progress bars, where they can be seen: on a terminal and in a notebook, but not in a file or for another program."""

import os
import sys

from tqdm import tqdm

from .kernel import kernel_shell

LAUNCHED_AT_TERMINAL = "D2L_CLUSTER_TERMINAL"  # what the launcher, which reads all that its workers print, tells them


def progress_bar(*args, **options):
    """Return tqdm's progress bar, on standard output; it stays away when it has ended.

    It draws each of its states over the one before. In what is not looked at but kept, or read by another program, all
    of them would stand one after the other; there it draws nothing.

    Parameters
    ----------
    *args, **options
        Those of ``tqdm.tqdm``.

    Returns
    -------
    Bar

    Examples
    --------
    >>> with progress_bar(total=3) as bar:
    ...     bar.disable
    True
    """
    # On standard output, since Jupyter shows standard error as if it were an error.
    disable = options.pop("disable", False) or not _is_looked_at()
    return Bar(*args, **options, leave=False, disable=disable, file=sys.stdout)


class Bar(tqdm):
    """A bar over a generator that can be gone on with when the bar is left, whether it draws or not.

    Examples
    --------
    >>> minibatches = (n for n in range(4))
    >>> for n in progress_bar(minibatches):
    ...     break
    >>> next(minibatches)
    1
    """

    def __iter__(self):
        # Where tqdm draws nothing, it hands on that it is left: the generator ends, and what it had left is lost.
        return iter(self.iterable) if self.disable else super().__iter__()


def _is_looked_at():
    is_terminal = getattr(sys.stdout, "isatty", bool)  # a program without a console has no output, and bool() is False
    return is_terminal() or kernel_shell() is not None or os.environ.get(LAUNCHED_AT_TERMINAL) == "1"
