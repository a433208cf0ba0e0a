"""Which exercises a review has asked for in this process, so that `check` knows the answers to it.

A chapter that is run from the top once more, with the answers of long ago in it, is no review.
"""

from dataclasses import dataclass

ASKED = {}  # by number; `check` takes out what has been answered rightly


@dataclass
class Asked:
    """An exercise that a review waits for.

    Attributes
    ----------
    variant : int
        Which random inputs the answer is tried on.
    has_failed : bool
        Whether a wrong answer has been noted; those that follow it are tries to mend it.
    """

    variant: int
    has_failed: bool = False
