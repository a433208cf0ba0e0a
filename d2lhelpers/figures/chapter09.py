"""The figures of chapter 09: a parameter server, gradients in parts, and when more machines pay."""

import math

import matplotlib.pyplot as plt
import numpy as np

from ..language import _

_STYLES = ("o-", "s--", "^-.", "D:")  # told apart in greyscale, too


def parameter_server(num_workers):
    """Draw the processes of a run, and what they send to each other.

    Parameters
    ----------
    num_workers : int

    Returns
    -------
    matplotlib.figure.Figure
        A box for each process and arrows between them, without axes.

    Examples
    --------
    >>> figure = parameter_server(3)
    >>> len(figure.axes[0].patches)  # three workers, a server, a scheduler
    5
    >>> plt.close(figure)
    """
    figure, ax = plt.subplots(figsize=(8, 3.4), layout="constrained")
    places, top = 2.8 * np.arange(num_workers), 2.2
    middle, scheduler = places.mean(), (places[-1] + 3, top / 2)
    for rank, x in enumerate(places):
        _draw_box(ax, (x, 0), 2.4, _("worker {rank}").format(rank=rank), _("its part of the minibatch"), "0.9")
        _draw_arrow(ax, (x - 0.3, 0.45), (x - 0.3, top - 0.45), arrowstyle="-|>", color="black")
        _draw_arrow(ax, (x + 0.3, top - 0.45), (x + 0.3, 0.45), arrowstyle="-|>", color="black", linestyle="--")
        ax.text(x - 0.4, top / 2, _("push:\ngradients"), ha="right", va="center", fontsize=8)
        ax.text(x + 0.4, top / 2, _("pull:\ntheir sum"), ha="left", va="center", fontsize=8)
    _draw_box(ax, (middle, top), places[-1] - places[0] + 2.4, _("server"), _("adds up"), "white")
    _draw_box(ax, scheduler, 2.4, _("scheduler"), _("knows who is there"), "white")
    for y, shift in ((0, -0.45), (top, 0.45)):
        end = (places[-1] + 1.2, y)
        _draw_arrow(ax, (scheduler[0], scheduler[1] + shift), end, arrowstyle="-", color="0.4", linestyle=":")
    ax.set(xlim=(places[0] - 1.4, scheduler[0] + 1.4), ylim=(-0.6, top + 0.6))
    ax.set_axis_off()
    ax.set_title(_("Each worker sends its gradients, and gets the sum of all"), fontsize=11)
    return figure


def _draw_box(ax, place, width, name, what, color):
    x, y = place
    ax.add_patch(plt.Rectangle((x - width / 2, y - 0.45), width, 0.9, facecolor=color, edgecolor="black"))
    ax.text(x, y + 0.15, name, ha="center", va="center", fontsize=10)
    ax.text(x, y - 0.2, what, ha="center", va="center", fontsize=8)


def _draw_arrow(ax, start, end, **style):
    ax.annotate("", end, start, arrowprops={"shrinkA": 0, "shrinkB": 0, **style})


def sum_of_parts(parts, whole):
    """Draw the gradients of the parts of a minibatch as images, and that of the whole.

    Parameters
    ----------
    parts : list of numpy.ndarray of shape (8, 8)
    whole : numpy.ndarray of shape (8, 8)

    Returns
    -------
    matplotlib.figure.Figure
        A panel for each gradient, all on the same scale.
    """
    images = [*parts, whole]
    limit = max(np.abs(image).max() for image in images)
    figure, axes = plt.subplots(1, len(images), figsize=(7, 2.9), layout="constrained")
    for i, (ax, image) in enumerate(zip(axes, images, strict=True)):
        shown = ax.imshow(image, cmap="gray_r", vmin=-limit, vmax=limit)
        ax.set(xticks=[], yticks=[])
        name = _("worker {rank}").format(rank=i) if i < len(parts) else _("whole minibatch")
        sign = "" if i == 0 else "+  " if i < len(parts) else "=  "
        ax.set_title(sign + name, fontsize=10)
    figure.colorbar(shown, ax=axes, shrink=0.8, label=_("gradient"))
    figure.suptitle(_("The gradients of the parts add up to that of the whole"))
    return figure


def rates(losses):
    """Draw the losses of runs whose learning rate grows with the number of workers.

    Parameters
    ----------
    losses : dict of list of float
        By the number of workers, the loss after each epoch.

    Returns
    -------
    matplotlib.figure.Figure
        One panel.
    """
    figure, ax = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
    for (num_workers, curve), style in zip(losses.items(), _STYLES, strict=False):
        label = _("1 worker") if num_workers == 1 else _("{n} workers").format(n=num_workers)
        ax.plot(range(1, len(curve) + 1), curve, style, markersize=5, label=label)
    ax.axhline(math.log(10), color="grey", linewidth=1, label=_("guessing among ten classes"))
    ax.set(xlabel=_("epoch"), ylabel=_("training loss"), ylim=(0, None))
    ax.set_xticks(range(1, len(curve) + 1))
    ax.set_title(_("The rate grows with the number of workers, until nothing is learnt"))
    ax.legend(fontsize=9)
    ax.grid(alpha=0.3)
    return figure


def timelines(synchronous, asynchronous, until):
    """Draw when each worker computes, if they wait for each other and if they do not.

    Parameters
    ----------
    synchronous, asynchronous : list of (int, float, float)
        Of each part of a minibatch: its worker, when it begins and when it ends, in seconds.
    until : float
        Where the drawing ends.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels, one above the other, with a row for each worker.
    """
    figure, axes = plt.subplots(2, 1, figsize=(7, 3.9), sharex=True, layout="constrained")
    titles = _("synchronous: all wait for the slowest"), _("asynchronous: nobody waits")
    for ax, title, jobs in zip(axes, titles, (synchronous, asynchronous), strict=True):
        for worker, start, end in jobs:
            if start < until:
                ax.barh(worker, end - start, left=start, height=0.6, color="0.8", edgecolor="black")
        workers = sorted({worker for worker, *times in jobs})
        ax.set_yticks(workers)
        ax.invert_yaxis()
        ax.set(xlim=(0, until), ylabel=_("worker"), title=title)
    axes[1].set_xlabel(_("time in seconds"))
    figure.suptitle(_("A slow worker holds up the others, unless they do not wait"))
    return figure


def stale(losses):
    """Draw the losses of runs whose gradients are late.

    Parameters
    ----------
    losses : dict of list of float
        By the number of steps that a gradient is late, the loss after each step.

    Returns
    -------
    matplotlib.figure.Figure
        One panel.
    """
    figure, ax = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
    for (delay, curve), style in zip(losses.items(), ("-", "--", "-.", ":"), strict=False):
        ax.plot(range(1, len(curve) + 1), curve, style, linewidth=2, label=str(delay))
    ax.set(xlabel=_("step"), ylabel=_("training loss (log scale)"), yscale="log")
    ax.set_title(_("Gradients may be a little late, but not by many steps"))
    ax.legend(fontsize=9, title=_("steps late"))
    ax.grid(alpha=0.3)
    return figure


def step_times(machines, times):
    """Draw the time of a step by the number of machines, and where it is the shortest.

    Parameters
    ----------
    machines : list of int, length k
    times : dict of list of float, length k
        By what is assumed, the seconds of a step.

    Returns
    -------
    matplotlib.figure.Figure
        One panel.
    """
    figure, ax = plt.subplots(figsize=(6.8, 4.4), layout="constrained")
    for (name, seconds), style in zip(times.items(), _STYLES, strict=False):
        ax.plot(machines, seconds, style, markersize=4, label=name)
        best = int(np.argmin(seconds))
        ax.plot(machines[best], seconds[best], "k*", markersize=13, zorder=5)
    ax.plot([], [], "k*", markersize=11, label=_("shortest"))
    ax.set(xscale="log", yscale="log", xlabel=_("machines (log scale)"), ylabel=_("seconds per step (log scale)"))
    ax.set_xticks(machines, [str(n) for n in machines])
    ax.minorticks_off()
    ax.set_title(_("More machines pay until the network takes longer than they save"))
    figure.legend(fontsize=9, loc="outside lower center", ncols=2, frameon=False)
    ax.grid(alpha=0.3)
    return figure
