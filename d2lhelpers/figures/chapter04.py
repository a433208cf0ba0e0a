"""The figures of chapter 04: what the model reads, a hand's digits too; the three forms of the loss; and the sweep."""

import matplotlib.pyplot as plt
import numpy as np

from ..interactive import rasterize
from ..language import _
from ..validation import check_array

# A 3 as a hand draws it: a list of strokes, here a single one, each a list of points [x, y].
THREE = [
    [
        [0.3, 0.24],
        [0.42, 0.15],
        [0.58, 0.17],
        [0.65, 0.29],
        [0.58, 0.41],
        [0.45, 0.47],
        [0.62, 0.53],
        [0.69, 0.66],
        [0.6, 0.8],
        [0.45, 0.85],
        [0.3, 0.78],
    ]
]


def probabilities(images, p, true, chosen):
    """Draw three images, each with its ten probabilities.

    Parameters
    ----------
    images : mx.nd array of shape (n, 1, h, w)
    p : numpy.ndarray of shape (n, 10)
        The probabilities that the model gives to the classes.
    true : numpy.ndarray of int, shape (n,)
        The right classes, whose bars are black.
    chosen : dict of int by str
        The numbers of three images, by what is to stand above them.

    Returns
    -------
    matplotlib.figure.Figure
        Images and bar charts by turns, side by side.

    Raises
    ------
    TypeError
        If `images` is no MXNet array.
    ValueError
        If it has not four axes.
    """
    check_array("images", images, ndim=(4,))
    title = _("{name}\ntrue {true}")
    figure, axes = plt.subplots(1, 6, figsize=(10, 2.6), width_ratios=[1.15, 1.7] * 3, layout="constrained")
    for (name, i), picture, bars in zip(chosen.items(), axes[::2], axes[1::2], strict=True):
        picture.imshow(images[int(i), 0].asnumpy(), cmap="gray_r")
        picture.set_title(title.format(name=name, true=true[i]), fontsize=10)
        picture.axis("off")
        colors = ["black" if digit == true[i] else "silver" for digit in range(10)]
        bars.bar(range(10), p[i], color=colors, edgecolor="black", linewidth=0.6)
        bars.set(xlabel=_("class"), xticks=range(10), ylim=(0, 1.05))
        bars.tick_params(labelsize=8)
    axes[1].set_ylabel(_("probability"))
    figure.suptitle(_("Softmax after the model: ten probabilities an image (black: right class, grey: others)"))
    return figure


def handwriting(pixels_of, chances_of):
    """Draw how a digit that a hand has drawn is read.

    Parameters
    ----------
    pixels_of : callable
        Turns strokes, as the value of a `d2lhelpers.DrawingPad` holds them, into pixels of shape (8, 8), from 0 to 1.
    chances_of : callable
        Turns such strokes into the ten probabilities of a model.

    Returns
    -------
    figure : matplotlib.figure.Figure
        The drawing as a bitmap, the pixels, and the probabilities as bars.
    update : callable
        Called with `drawing`, the strokes. It draws how they are read and returns the list of all artists that can
        change, as `d2lhelpers.explore` needs it.
    """
    figure, (fine, coarse, chart) = plt.subplots(1, 3, figsize=(9, 3), width_ratios=[1, 1, 1.7], layout="constrained")
    ink = fine.imshow(np.zeros((32, 32)), cmap="gray_r", vmin=0, vmax=1)
    pixels = coarse.imshow(np.zeros((8, 8)), cmap="gray_r", vmin=0, vmax=1)
    bars = chart.bar(range(10), np.ones(10), edgecolor="black", linewidth=0.6)
    verdict = chart.set_title(" ")
    fine.set(xlim=(-2, 33), ylim=(33, -2), title=_("the drawing, scaled"), xlabel=_("32×32 pixels"))
    coarse.set(xlim=(-0.9, 7.9), ylim=(7.9, -0.9), title=_("what the model gets"), xlabel=_("8×8 pixels"))
    for ax in (fine, coarse):
        ax.set(xticks=[], yticks=[])
    chart.set(xlabel=_("class"), xticks=range(10), ylim=(0, 1.05), ylabel=_("probability"))
    read, unread = _("read as {digit}, probability {p:.2f}"), _("nothing drawn yet")
    figure.suptitle(_("The model sees nothing but pixels, and must choose one of ten classes (blue: its choice)"))

    def update(drawing):
        ink.set_data(rasterize(drawing))
        pixels.set_data(pixels_of(drawing))
        chances = chances_of(drawing) if drawing else np.zeros(10)
        for bar, chance in zip(bars, chances, strict=True):
            bar.set_height(chance)
            bar.set_facecolor("tab:blue" if chance == chances.max() else "silver")
        verdict.set_text(read.format(digit=chances.argmax(), p=chances.max()) if drawing else unread)
        return [ink, pixels, *bars, verdict]

    return figure, update


def loss_by_gap(gaps, curves):
    """Draw loss and gradient of three forms of the loss, and mark where the two steps give no number any more.

    Parameters
    ----------
    gaps : numpy.ndarray of shape (n,)
        By how much the score of the wrong class is larger than that of the right one.
    curves : dict of numpy.ndarray of shape (n, 2) by str
        Losses and gradients of the form in one step, in two steps and with a floor, in this order; nan where they are
        no numbers.

    Returns
    -------
    matplotlib.figure.Figure
        The losses on the left, the gradients on the right.
    """
    figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.4), layout="constrained")
    _one_step, two_steps, _with_floor = curves.values()
    looks = [("-", "silver", 6), ("-", "black", 1.6), ("--", "tab:red", 1.8)]
    for column, ax in enumerate(axes):
        for (name, curve), (style, color, width) in zip(curves.items(), looks, strict=True):
            ax.plot(gaps, curve[:, column], style, color=color, linewidth=width, label=name)
        values = two_steps[:, column]
        last = np.flatnonzero(np.isfinite(values))[-1]
        ax.plot(gaps[last], values[last], "kx", markersize=10, markeredgewidth=2)
        ax.set_xlabel(_("gap: wrong score minus right score"))
        ax.grid(alpha=0.3)
    loss, gradient = axes
    loss.annotate(_("then infinite"), (103, 103), (40, 118), arrowprops={"arrowstyle": "->"})
    gradient.annotate(_("then nan"), (88, -1), (28, -0.75), arrowprops={"arrowstyle": "->"})
    gradient.annotate(_("zero: nothing is learnt"), (110, 0), (14, -0.2), arrowprops={"arrowstyle": "->"})
    loss.set(ylabel=_("loss"), title=_("The loss"))
    gradient.set(ylabel=r"$\partial\, \ell \,/\, \partial\, o_y$", title=_("Its gradient in the right score $o_y$"))
    loss.legend(loc="lower right")
    figure.suptitle(_("Sure and wrong: only the loss in one step keeps its value and its gradient"))
    return figure


def sweep(grid, long_runs):
    """Draw the validation losses of a sweep over batch sizes and learning rates, and those of three longer runs.

    Parameters
    ----------
    grid : dict of float by (int, float)
        The validation loss after three epochs, for each batch size and learning rate that was tried; there are three
        batch sizes.
    long_runs : dict of list of float by float
        For three learning rates, the validation loss after each epoch.

    Returns
    -------
    matplotlib.figure.Figure
        Losses against the learning rate, against the rate divided by the batch size, and by epoch.
    """
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(11, 3.5), sharey=True, layout="constrained")
    batch_sizes = sorted({batch_size for batch_size, _ in grid})
    for batch_size, style in zip(batch_sizes, ("o-", "s--", "^:"), strict=True):
        rates = sorted(lr for size, lr in grid if size == batch_size)
        losses = [grid[batch_size, lr] for lr in rates]
        left.plot(rates, losses, style, label=f"{batch_size}", linewidth=1.8)
        middle.plot([lr / batch_size for lr in rates], losses, style, label=f"{batch_size}", linewidth=1.8)
    for (lr, losses), style in zip(long_runs.items(), (":", "--", "-"), strict=True):
        right.plot(range(1, len(losses) + 1), losses, style, label=f"{lr}", linewidth=1.8)
    left.set(xscale="log", yscale="log", xlabel=_("learning rate"), ylabel=_("validation loss (log scale)"))
    left.set_title(_("3 epochs: three curves ..."))
    middle.set(xscale="log", xlabel=_("learning rate / batch size"), title=_("... are nearly one"))
    right.set(xlabel=_("epoch"), title=_("Batch size 64: more epochs"))
    left.legend(title=_("batch size"), fontsize=9, loc="lower left")
    middle.legend(title=_("batch size"), fontsize=9, loc="lower left")
    right.legend(title=_("learning rate"), fontsize=9, loc="center right")
    for ax in (left, middle, right):
        ax.grid(alpha=0.3)
    left.set_yticks([0.1, 0.2, 0.5, 1, 2], labels=["0.1", "0.2", "0.5", "1", "2"])
    left.minorticks_off()
    figure.suptitle(_("What counts is learning rate / batch size, until the rate is too large"))
    return figure
