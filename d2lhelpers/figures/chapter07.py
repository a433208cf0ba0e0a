"""The figures of chapter 07: a computational graph, and what happens to gradients on their way back."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import LogLocator

from ..language import _

# The graph of the network with one hidden layer. Names are ours; places and labels are those of the drawing.
_VARIABLES = {
    "x": (0, 1, r"$\mathbf{x}$"),
    "W1": (1, 0, r"$\mathbf{W}^{(1)}$"),
    "z": (2, 1, r"$\mathbf{z}$"),
    "h": (4, 1, r"$\mathbf{h}$"),
    "W2": (5, 0, r"$\mathbf{W}^{(2)}$"),
    "o": (6, 1, r"$\mathbf{o}$"),
    "y": (7, 2, r"$\mathbf{y}$"),
    "L": (8, 1, "$L$"),
    "s": (7, -1, "$s$"),
    "J": (10, 1, "$J$"),
}
_OPERATIONS = {
    "times 1": (1, 1, r"$\times$"),
    "tanh": (3, 1, "tanh"),
    "times 2": (5, 1, r"$\times$"),
    "loss": (7, 1, r"$\ell$"),
    "penalty": (3, -1, r"$\frac{\lambda}{2}\|\cdot\|^2$"),
    "plus": (9, 1, "+"),
}
_ARROWS = [
    arrow
    for operation, inputs, result in [
        ("times 1", ("x", "W1"), "z"),
        ("tanh", ("z",), "h"),
        ("times 2", ("h", "W2"), "o"),
        ("loss", ("o", "y"), "L"),
        ("penalty", ("W1", "W2"), "s"),
        ("plus", ("L", "s"), "J"),
    ]
    for arrow in [*((name, operation) for name in inputs), (operation, result)]
]
_DATA = ("x", "y")  # are given: nobody needs their gradient
_GRADIENTS = [
    (8, 1.6, r"$\frac{\partial J}{\partial L}$"),
    (6, 1.6, r"$\frac{\partial J}{\partial \mathbf{o}}$"),
    (4, 1.6, r"$\frac{\partial J}{\partial \mathbf{h}}$"),
    (2, 1.6, r"$\frac{\partial J}{\partial \mathbf{z}}$"),
    (7.7, -1.1, r"$\frac{\partial J}{\partial s}$"),
    (5.95, -0.1, r"$\frac{\partial J}{\partial \mathbf{W}^{(2)}}$"),
    (0.05, -0.1, r"$\frac{\partial J}{\partial \mathbf{W}^{(1)}}$"),
]


def forward_graph():
    """Draw the computational graph of a network with one hidden layer: boxes are variables, circles operations.

    Returns
    -------
    matplotlib.figure.Figure
        The graph, without axes.

    Examples
    --------
    >>> figure = forward_graph()
    >>> len(figure.axes[0].patches)  # the operations
    6
    >>> plt.close(figure)
    """
    figure, ax = _empty_graph(_("Forward: from the data and the parameters (grey) to the objective"))
    for start, end in _ARROWS:
        _draw_arrow(ax, start, end, color="black")
    _draw_nodes(ax)
    return figure


def backward_graph():
    """Draw the same graph with the gradients: a dashed arrow back for each arrow that does not start at the data.

    Returns
    -------
    matplotlib.figure.Figure
        The graph, without axes.
    """
    figure, ax = _empty_graph(_("Backward: each gradient comes from the one after it (dashed)"))
    for start, end in _ARROWS:
        _draw_arrow(ax, start, end, color="silver")
        if start not in _DATA:
            bend = -0.4 if start == "W2" else 0.4
            _draw_arrow(ax, end, start, bend, color="tab:blue", linewidth=1.5, linestyle="--")
    _draw_nodes(ax)
    for x, y, label in _GRADIENTS:
        ax.text(x, y, label, ha="center", va="center", fontsize=12, color="tab:blue")
    return figure


def _empty_graph(title):
    figure = plt.figure(figsize=(10, 4))
    ax = figure.add_axes((0, 0, 1, 0.92))
    ax.set(xlim=(-0.6, 10.6), ylim=(-1.6, 2.5), aspect="equal", title=title)
    ax.axis("off")
    return figure, ax


def _draw_arrow(ax, start, end, bend=0.0, **style):
    places = {**_VARIABLES, **_OPERATIONS}
    (x1, y1), (x2, y2) = places[start][:2], places[end][:2]
    gaps = [24 if name in _OPERATIONS else 18 for name in (start, end)]  # points, from the centre
    style["connectionstyle"] = f"arc3,rad={bend / np.hypot(x2 - x1, y2 - y1)}"
    ax.annotate(
        "", (x2, y2), (x1, y1), arrowprops={"arrowstyle": "-|>", "shrinkA": gaps[0], "shrinkB": gaps[1], **style}
    )


def _draw_nodes(ax):
    for name, (x, y, label) in _VARIABLES.items():
        color = "0.85" if name in ("W1", "W2") else "white"
        box = {"boxstyle": "square,pad=0.45", "facecolor": color, "edgecolor": "black"}
        ax.text(x, y, label, ha="center", va="center", bbox=box)
    for x, y, label in _OPERATIONS.values():
        ax.add_patch(plt.Circle((x, y), 0.33, facecolor="white", edgecolor="black", zorder=3))
        ax.text(x, y, label, ha="center", va="center", fontsize=9, zorder=4)


def step_sizes(steps, central, one_sided, in_float32):
    """Draw the error of a gradient by finite differences against the step.

    Parameters
    ----------
    steps : numpy.ndarray of shape (n,)
        Steps, the largest one first.
    central, one_sided : list of float, length n
        Relative errors of central and of one-sided differences in float64.
    in_float32 : list of float, length n at most
        Relative errors of central differences in float32, for the largest steps.

    Returns
    -------
    matplotlib.figure.Figure
        One panel.
    """
    figure, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
    ax.loglog(steps, central, "o-", markersize=4, label=_("central"))
    ax.loglog(steps, one_sided, "s--", markersize=4, label=_("one-sided"))
    ax.loglog(steps[: len(in_float32)], in_float32, "^:", markersize=4, label=_("central, float32"))
    ax.annotate(_("truncation:\nstep too large"), (2e-2, 2e-9), ha="center", fontsize=9)
    ax.annotate(_("rounding:\nstep too small"), (1e-11, 2e-9), ha="center", fontsize=9)
    ax.set(xlabel=_(r"step $\epsilon$"), ylabel=_("relative error of the gradient"), ylim=(1e-12, 1e3))
    ax.set_title(_("A step can be too small as well as too large"))
    ax.xaxis.set_major_locator(LogLocator(100))  # which powers are named is else up to matplotlib's version
    ax.legend(loc="upper center", ncols=3, fontsize=9)
    ax.grid(alpha=0.3)
    return figure


def memory(by_depth, by_batch):
    """Draw the memory that a forward pass needs, against the number of layers and against the size of the batch.

    Parameters
    ----------
    by_depth, by_batch : tuple of four lists of float, length n
        Numbers of layers, or of examples; then megabytes for each of them: kept for the backward pass by the formula,
        measured while recording, and measured without recording.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels.
    """
    labels = (_("hidden layers (1,024 examples)"), _("examples in the batch (20 layers)"))
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.3), sharey=True, layout="constrained")
    for ax, label, (sizes, kept, recording, not_recording) in zip(axes, labels, (by_depth, by_batch), strict=True):
        ax.plot(sizes, kept, "k-", label=_("kept, by the formula"))
        ax.plot(sizes, recording, "o", color="tab:blue", markersize=8, label=_("measured, recording"))
        ax.plot(sizes, not_recording, "s--", color="tab:orange", label=_("measured, not recording"))
        ax.set(xlabel=label, xticks=sizes)
        ax.grid(alpha=0.3)
    axes[0].set_ylabel(_("peak memory (MB)"))
    axes[0].legend(fontsize=9)
    figure.suptitle(_("Backward needs the results of every layer; prediction needs only the latest"))
    return figure


def gradient_sizes(norms):
    """Draw the size of the gradient at each layer of a deep network, a panel for each activation.

    Parameters
    ----------
    norms : dict of lists of numpy.ndarray of shape (num_layers + 1,)
        By the name of the activation, three of them: norms from the input to the output, in units of the last one, for
        each of four standard deviations of the weights: 1/16, Xavier's, He's and 1/2.

    Returns
    -------
    matplotlib.figure.Figure
        Three panels.
    """
    labels = (
        _("too small: 1/16"),
        _(r"Xavier: $\sqrt{1/64}$"),
        _(r"He: $\sqrt{2/64}$"),
        _("too large: 1/2"),
    )
    figure, axes = plt.subplots(1, 3, figsize=(10, 3.6), sharey=True, layout="constrained")
    for ax, (name, by_sigma) in zip(axes, norms.items(), strict=True):
        for values, label, style in zip(by_sigma, labels, (":", "-", "--", "-."), strict=True):
            ax.semilogy(values, style, linewidth=2, label=label)
        ax.axhline(1, color="grey", linewidth=0.8)
        ax.set(xlabel=_("layer (gradient flows from right to left)"), title=name)
        ax.set_yticks([1e-24, 1e-16, 1e-8, 1, 1e8, 1e16])
        ax.grid(alpha=0.3)
    axes[0].set_ylabel(_("gradient's size\n(at the output = 1)"))
    handles, names = axes[0].get_legend_handles_labels()
    name = _(r"standard deviation $\sigma$")
    figure.legend(handles, names, loc="outside lower center", ncols=4, title=name)
    figure.suptitle(_("With most values of $\\sigma$, gradients vanish or explode"))
    return figure


def equal_and_random_weights(both_equal, second_random, both_random):
    """Draw the training loss by step for three ways to start the weights.

    Parameters
    ----------
    both_equal, second_random, both_random : list of float, length n
        Losses of a run in which all weights of each matrix start equal, of one in which the second matrix starts at
        random numbers, and of one in which both do.

    Returns
    -------
    matplotlib.figure.Figure
        One panel.
    """
    figure, ax = plt.subplots(figsize=(6.5, 3.3), layout="constrained")
    ax.plot(both_equal, ":", linewidth=2, label=_("both equal"))
    ax.plot(second_random, "--", linewidth=2, label=_("only the second random"))
    ax.plot(both_random, "-", linewidth=2, label=_("both random"))
    ax.text(len(both_equal), np.log(10) + 0.03, _("blind guess, ln 10"), color="grey", fontsize=9, ha="right")
    ax.set(xlabel=_("step"), ylabel=_("training loss (cross-entropy)"))
    ax.set_title(_("Equal weights stay equal: 32 hidden units do the work of one"))
    ax.legend(title=_("initial weights"))
    ax.grid(alpha=0.3)
    return figure
