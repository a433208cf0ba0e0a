"""The figures of chapter 01: house prices, the bowl of the loss, the path through it, and the model as a network."""

import matplotlib.pyplot as plt
import numpy as np

from ..language import _
from ..validation import check_array


def prices(area, age, labels):
    """Draw the prices of houses against their areas and against their ages.

    Parameters
    ----------
    area, age : numpy.ndarray of shape (n,)
        In square metres and in years.
    labels : mx.nd array of shape (n,)
        The prices, in 100,000.

    Returns
    -------
    matplotlib.figure.Figure
        Two clouds of points, side by side.

    Raises
    ------
    TypeError
        If `labels` is no MXNet array.
    ValueError
        If it has not one axis.

    Examples
    --------
    >>> from mxnet import nd
    >>> figure = prices(np.array([80, 120]), np.array([10, 30]), nd.array([3.5, 5]))
    >>> [ax.get_xlabel() for ax in figure.axes]
    ['area (m²)', 'age (years)']
    >>> plt.close(figure)
    """
    check_array("labels", labels, ndim=(1,))
    figure, axes = plt.subplots(1, 2, figsize=(8, 3), sharey=True, layout="constrained")
    for ax, values, name in [(axes[0], area, _("area (m²)")), (axes[1], age, _("age (years)"))]:
        ax.scatter(values, labels.asnumpy(), s=6, alpha=0.5, color="tab:blue")
        ax.set_xlabel(name)
        ax.grid(alpha=0.3)
    axes[0].set_ylabel(_("price (100,000)"))
    figure.suptitle(_("Prices rise with the area and fall with the age: roughly along straight lines"))
    return figure


def loss_bowl(features, labels, path, solution):
    """Draw the mean loss over the two weights as a bowl, and the path of a training on it.

    The bias is held at its best value, which the training reaches only at its end.

    Parameters
    ----------
    features : mx.nd array of shape (n, 2)
    labels : mx.nd array of shape (n,)
    path : numpy.ndarray of shape (steps + 1, 2) or (steps + 1, 3)
        The two weights, and perhaps the bias, at the start and after each step.
    solution : sequence of three float
        The weights and the bias with the smallest mean loss.

    Returns
    -------
    matplotlib.figure.Figure
        The bowl from the side, and from above.

    Raises
    ------
    TypeError
        If `features` or `labels` is no MXNet array.
    ValueError
        If they have other numbers of axes.
    """
    check_array("features", features, ndim=(2,))
    check_array("labels", labels, ndim=(1,))
    *best, bias = solution
    X, y = features.asnumpy(), labels.asnumpy()[:, None]

    def mean_loss(weights):  # of shape (2, m): one loss for each column
        return ((X @ weights + bias - y) ** 2 / 2).mean(axis=0)

    w1, w2 = np.meshgrid(np.linspace(-0.4, 2.0, 60), np.linspace(-1.6, 0.4, 60))
    bowl = mean_loss(np.stack([w1.ravel(), w2.ravel()])).reshape(w1.shape)
    walked = path[:, :2].T

    figure = plt.figure(figsize=(9, 3.6), layout="constrained")
    left = figure.add_subplot(1, 2, 1, projection="3d")
    left.plot_surface(w1, w2, bowl, cmap="viridis", alpha=0.5, linewidth=0)
    left.plot(*walked, mean_loss(walked), "k-", linewidth=1.5, zorder=10)
    left.set_xlabel(_("$w_1$ (area)"), labelpad=6)
    left.set_ylabel(_("$w_2$ (age)"), labelpad=8)
    left.set_zlabel(_("mean loss"))
    left.zaxis.set_rotate_label(True)  # short ones, too
    left.set_yticks([-1.5, -1.0, -0.5, 0.0])

    right = figure.add_subplot(1, 2, 2)
    contours = right.contour(w1, w2, bowl, levels=[0.06, 0.1, 0.2, 0.4, 0.7, 1.1], colors="0.55")
    right.clabel(contours, fontsize=8)
    steps = _("path, {steps} steps").format(steps=len(path) - 1)
    right.plot(*walked, "k.-", markersize=3, linewidth=0.8, label=steps)
    right.plot(*best, "r*", markersize=13, markerfacecolor="none", label=_("analytical solution"))
    right.set(xlabel=_("$w_1$ (area)"), ylabel=_("$w_2$ (age)"))
    right.legend(loc="lower left", framealpha=1)
    figure.suptitle(_("The loss is a bowl, and gradient descent walks to its bottom"))
    return figure


def learning_rates(curves, floor):
    """Draw the mean loss by step for several learning rates, and say of each what its curve shows.

    Parameters
    ----------
    curves : dict of list of float by float
        For each learning rate the mean loss before each step, the same number of steps for all.
    floor : float
        The loss below which no training gets by much; a curve that is at twice as much at its end is still falling.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> figure = learning_rates({0.1: [9, 8, 7], 1.0: [9, 1, 0.05], 3.0: [9, 90, 900]}, floor=0.045)
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['0.1 (too small: slow)', '1.0 (about right)', '3.0 (too large: diverges)']
    >>> plt.close(figure)
    """
    figure, ax = plt.subplots(figsize=(6.5, 3.2), layout="constrained")
    for lr, curve in curves.items():
        if not curve[-1] <= curve[0]:
            remark, style = _("{rate} (too large: diverges)"), ":"
        elif curve[-1] > 2 * floor:
            remark, style = _("{rate} (too small: slow)"), "--"
        else:
            remark, style = _("{rate} (about right)"), "-"
        ax.plot(curve, style, linewidth=2, label=remark.format(rate=lr))
    ax.axhline(floor, color="grey", linewidth=1)
    steps = max(len(curve) for curve in curves.values())
    ax.text(0.6 * steps, floor * 4 / 3, _("half the noise's variance"), color="grey", fontsize=9)
    ax.set(
        xlabel=_("step"),
        ylabel=_("mean loss (log scale)"),
        yscale="log",
        ylim=(0.02, 1e6),
        title=_("The learning rate decides between crawling, arriving and exploding"),
    )
    ax.legend(title=_("learning rate"), loc="upper right")
    ax.grid(alpha=0.3)
    return figure


def two_knobs(walk, losses_at, solution):
    """Draw a path of gradient descent over the bowl of the two weights, which follows two knobs.

    Parameters
    ----------
    walk : callable
        Called with learning rates, a numpy.ndarray of shape (r,), and a batch size; returns a path for each rate, of
        shape (steps + 1, r, 2).
    losses_at : callable
        Called with weights of shape (..., 2); returns the mean loss of all sales, of shape (...).
    solution : sequence of two float
        The weights with the smallest mean loss.

    Returns
    -------
    figure : matplotlib.figure.Figure
        The path from above, and the mean loss by step.
    update : callable
        Called with `learning_rate`, a float, and `batch_size`, an int. It draws their path and returns the list of
        all artists that can move, as `d2lhelpers.explore` needs it.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), width_ratios=[1.2, 1], layout="constrained")
    center, reach = np.array([1.2, -0.6]), np.array([1.8, 1.2])  # of the picture
    w1, w2 = np.linspace(center - reach, center + reach, 61).T
    bowl = losses_at(np.stack(np.meshgrid(w1, w2), axis=-1))
    levels = [0.06, 0.1, 0.2, 0.4, 0.7, 1.1, 1.6]
    contours = left.contour(w1, w2, bowl, levels=levels, colors="0.55", linewidths=1)
    # Left to itself, matplotlib writes them where a contour is straightest; of a circle, the last digit decides that.
    outwards = np.linspace(0, 1, 200)[:, None] * reach * [1, -1]
    places = [np.interp(levels, losses_at(solution + outwards), w) for w in (solution + outwards).T]
    left.clabel(contours, fontsize=8, manual=[*zip(*places, strict=True)])
    (trail,) = left.plot([0], [0], "k.-", markersize=4, linewidth=0.8, label=_("path"))
    (minimum,) = left.plot(*solution, "r*", markersize=13, markeredgecolor="white", label=_("minimum"))
    left.set(xlabel=_("$w_1$ (area)"), ylabel=_("$w_2$ (age)"))
    left.legend(loc="upper right", framealpha=1)
    whereabouts = _("mean loss {first:.2g} at the start, {last:.2g} after {steps} steps")
    where_to = left.set_title(" ", fontsize=11)

    steps = range(len(walk(np.zeros(1), 1)))
    (descent,) = right.plot(steps, steps, "k-", linewidth=1.5, label=_("mean loss of all sales"))
    best = losses_at(np.array([solution]))[0]
    right.axhline(best, color="grey", linestyle="--", linewidth=1, label=_("smallest possible"))
    right.set(xlabel=_("step"), ylabel=_("mean loss (log scale)"), yscale="log", ylim=(0.03, 100))
    right.legend(loc="upper right")
    figure.suptitle(_("Small steps arrive, larger ones wander around the bottom, too large ones diverge"))

    def update(learning_rate, batch_size):
        path = walk(np.array([learning_rate]), batch_size)[:, 0]
        losses = losses_at(path)
        descent.set_ydata(np.minimum(losses, 1e6))
        trail.set_data(path.clip(-1e3, 1e3).T)
        where_to.set_text(whereabouts.format(first=losses[0], last=losses[-1], steps=len(path) - 1))
        return [trail, minimum, descent, where_to]

    return figure, update


def one_neuron(w1, w2, b):
    """Draw linear regression as a neural network, as is usual and with a parameter on each arrow.

    Parameters
    ----------
    w1, w2, b : float
        The weights and the bias.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> figure = one_neuron(1.2, -0.6, 5.0)
    >>> [ax.get_title() for ax in figure.axes]
    ['as networks are drawn', 'with what the drawing hides']
    >>> plt.close(figure)
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 2.9), layout="constrained")
    _draw_network(left)
    left.set_title(_("as networks are drawn"), fontsize=10)
    _draw_network(right, [f"$w_1$ = {w1:.2f}", f"$w_2$ = {w2:.2f}"], f"$b$ = {b:.2f}")
    right.set_title(_("with what the drawing hides"), fontsize=10)
    figure.suptitle(_("One neuron, one fully connected layer; each arrow has a parameter"))
    return figure


def _draw_network(ax, weights=(), bias=None):
    ax.set(xlim=(-0.8, 2.9), ylim=(-0.7, 1.7), aspect="equal")
    ax.axis("off")
    inputs, output = {"$x_1$": (0, 1), "$x_2$": (0, 0)}, (2, 0.5)
    for place in inputs.values():
        ax.annotate("", output, place, arrowprops={"arrowstyle": "->", "shrinkA": 15, "shrinkB": 15})
    for y, weight in zip((0.98, 0.02), weights, strict=False):
        ax.text(1, y, weight, ha="center", va="center")
    if bias:
        ax.annotate("", output, (2, 1.55), arrowprops={"arrowstyle": "->", "shrinkA": 2, "shrinkB": 15})
        ax.text(2.08, 1.35, bias)
    for name, place in {**inputs, "$o$": output}.items():
        color = "lightgrey" if name == "$o$" else "white"
        ax.add_patch(plt.Circle(place, 0.22, facecolor=color, edgecolor="black"))
        ax.text(*place, name, ha="center", va="center")
    ax.text(0, -0.6, _("input layer"), ha="center", fontsize=9)
    ax.text(2, -0.6, _("output layer"), ha="center", fontsize=9)
