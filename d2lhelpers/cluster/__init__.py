"""A run of several processes, on one machine or on several, on MXNet's own parameter server.

``joining.py`` makes a process part of a run, which ``settings.py`` reads from its environment. The scheduler of a run
(``coordinator.py``) knows all members (``member.py``), which speak with it by ``wire.py``; it tells them when to begin,
and why the run has ended (``reasons.py``). Arrays are added up by MXNet's servers, which ``serving.py`` runs with
nothing but MXNet's ``library.py``; workers speak with them through ``engine.py``. ``processes.py`` starts and ends the
processes of ``d2lhelpers.launch``.
"""

from .joining import current


def rank():
    """Return the number of this worker in its run, from 0; outside of a run it is 0.

    Returns
    -------
    int

    Examples
    --------
    >>> rank()
    0
    """
    worker = current()
    return worker.rank if worker else 0


def num_workers():
    """Return how many workers this run has; outside of a run it is 1.

    Returns
    -------
    int

    Examples
    --------
    >>> num_workers()
    1
    """
    worker = current()
    return worker.num_workers if worker else 1
