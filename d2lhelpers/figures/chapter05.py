"""The figures of chapter 05: underfitting, overfitting, and what weight decay does about them."""

from functools import cache

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter

from ..language import _


def degrees(truth, points, curves):
    """Draw polynomials of three degrees that were fitted to the same points, a panel for each.

    Parameters
    ----------
    truth : pair of numpy.ndarray of shape (m,)
        Places x and values y of the true relation.
    points : pair of numpy.ndarray of shape (n,)
        Features x and labels y of the training examples.
    curves : dict of numpy.ndarray of shape (m,)
        By degree, a low, a right and a high one: what was fitted, at the places of `truth`.

    Returns
    -------
    matplotlib.figure.Figure
        Three panels, from underfitting to overfitting.

    Examples
    --------
    >>> x = np.linspace(-1, 1, 5)
    >>> figure = degrees((x, x**3), (x[:2], x[:2]), {1: x, 3: x**3, 12: x**12})
    >>> figure.axes[2].get_title()
    'degree 12, too free: overfits'
    >>> plt.close(figure)
    """
    titles = (
        _("degree {degree}, too stiff: underfits"),
        _("degree {degree}, about right"),
        _("degree {degree}, too free: overfits"),
    )
    figure, axes = plt.subplots(1, 3, figsize=(9, 3.1), sharey=True, layout="constrained")
    for ax, title, (degree, curve) in zip(axes, titles, curves.items(), strict=True):
        ax.plot(*truth, "--", color="grey", label=_("true relation"))
        ax.plot(truth[0], curve, color="tab:blue", linewidth=2, label=_("fit"))
        ax.plot(*points, "ko", markersize=5, label=_("training example"))
        ax.set(xlabel="$x$", ylim=(-4, 4), title=title.format(degree=degree))
        ax.grid(alpha=0.3)
    axes[0].set_ylabel("$y$")
    axes[2].legend(fontsize=9, loc="lower center")
    figure.suptitle(_("The best fit to the points is not the best fit to the truth"))
    return figure


def complexity_and_data(degrees, errors, sizes, medians, floor):
    """Draw losses against the degree of a polynomial, and against the number of training examples.

    Parameters
    ----------
    degrees : list of int, length k
        Degrees of the left panel.
    errors : pair of lists of float, length k
        Training error and test loss of each degree.
    sizes : list of int, length m
        Numbers of training examples of the right panel.
    medians : dict of lists of float, length m
        By degree, three of them: the test loss for each number of examples.
    floor : float
        Half the noise's variance, which is about the smallest loss that one can reach.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    for values, style, label in zip(errors, ("o-", "s--"), (_("training error"), _("test loss")), strict=True):
        left.plot(degrees, values, style, label=label)
    left.set(xlabel=_("degree of the polynomial"), title=_("15 examples: too complex is worse than simple"))
    label = _("test loss, degree {degree}")
    for (degree, values), style in zip(medians.items(), ("^:", "s--", "o-"), strict=True):
        right.plot(sizes, values, style, label=label.format(degree=degree))
    right.set(xscale="log", xlabel=_("training examples (log scale)"))
    right.set_title(_("More data cures overfitting, not underfitting"))
    right.set_xticks(sizes, [str(n) for n in sizes])
    right.minorticks_off()
    for ax in (left, right):
        ax.axhline(floor, color="grey", linewidth=1, label=_("half the noise's variance"))
        ax.set(yscale="log", ylabel=_("loss (log scale)"))
        ax.legend(fontsize=9)
        ax.grid(alpha=0.3)
    return figure


def losses_by_epoch(histories):
    """Draw training loss and test loss of polynomials by epoch, a panel for each degree.

    Parameters
    ----------
    histories : dict of d2lhelpers.History
        By degree, three of them: what `d2lhelpers.train` returned, with test losses.

    Returns
    -------
    matplotlib.figure.Figure
        Three panels.
    """
    title = _("degree {degree}")
    figure, axes = plt.subplots(1, 3, figsize=(9, 3), sharey=True, layout="constrained")
    for ax, (degree, history) in zip(axes, histories.items(), strict=True):
        epochs = np.arange(1, len(history.loss) + 1)
        ax.plot(epochs, history.loss, linewidth=2, label=_("training loss"))
        ax.plot(epochs, history.test_loss, "--", linewidth=2, label=_("test loss"))
        ax.set(xscale="log", yscale="log", xlabel=_("epoch (log scale)"), title=title.format(degree=degree))
        ax.grid(alpha=0.3)
    axes[0].set_ylabel(_("loss (log scale)"))
    axes[0].set_yticks([0.02, 0.05, 0.1, 0.2, 0.5], ["0.02", "0.05", "0.1", "0.2", "0.5"])
    axes[0].yaxis.set_minor_formatter(NullFormatter())  # from matplotlib 3.11 on, it would write between them
    axes[0].legend(fontsize=9, loc="lower left")
    figure.suptitle(_("Degree 12 learns the relation first, and more and more of the noise afterwards"))
    return figure


def without_and_with_decay(losses):
    r"""Draw training loss and test loss by epoch, without decay and with it.

    Parameters
    ----------
    losses : dict of pairs of numpy.ndarray of shape (num_epochs,)
        By the strength of the decay, first 0 and then another: training loss and test loss of each epoch.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels.

    Examples
    --------
    >>> figure = without_and_with_decay({0: ([0.1, 0.01], [70, 70]), 3: ([0.1, 0.01], [70, 7])})
    >>> figure.axes[1].get_title()
    'Decay: the test loss comes down ($\\lambda$ = 3)'
    >>> plt.close(figure)
    """
    titles = (
        _("No decay: learnt by heart ($\\lambda$ = {strength})"),
        _("Decay: the test loss comes down ($\\lambda$ = {strength})"),
    )
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), sharey=True, layout="constrained")
    for ax, title, (lambd, (train, test)) in zip(axes, titles, losses.items(), strict=True):
        epochs = np.arange(1, len(train) + 1)
        ax.plot(epochs, train, linewidth=2, label=_("training loss"))
        ax.plot(epochs, test, "--", linewidth=2, label=_("test loss"))
        ax.set(xlabel=_("epoch"), yscale="log", ylim=(1e-8, 1e3), title=title.format(strength=lambd))
        ax.grid(alpha=0.3)
    axes[0].set_ylabel(_("loss (log scale)"))
    axes[0].legend(loc="center right")
    return figure


def strengths(lambdas, losses, norms, true_norm):
    """Draw losses, and the norm of the weights, against the strength of the decay.

    Parameters
    ----------
    lambdas : numpy.ndarray of shape (n,)
        Strengths, all above 0.
    losses : pair of lists of float, length n
        Training loss and test loss for each strength.
    norms : list of float, length n
        Norm of the weights after training, for each strength.
    true_norm : float
        Norm of the true weights.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels: the losses, and the norms.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    for values, style, label in zip(losses, ("o-", "s--"), (_("training loss"), _("test loss")), strict=True):
        left.plot(lambdas, values, style, markersize=4, label=label)
    left.set(ylabel=_("loss (log scale)"), title=_("Decay lowers the test loss, not the training loss"))
    trained = _("{norm} after training").format(norm=r"$\|\mathbf{w}\|$")
    right.plot(lambdas, norms, "k^-", markersize=4, label=trained)
    right.axhline(true_norm, color="grey", linestyle="--", label=_("norm of the true weights"))
    norm = _("norm of {weights} (log scale)").format(weights=r"$\mathbf{w}$")
    right.set(ylabel=norm, title=_("Decay makes the weights small"))
    for ax in (left, right):
        ax.set(xscale="log", yscale="log", xlabel=_(r"strength of the decay $\lambda$ (log scale)"))
        ax.legend()
        ax.grid(alpha=0.3)
    left.yaxis.set_major_locator(LogLocator(100))  # which powers are named is else up to matplotlib's version
    return figure


def decay_of_degree_12(truth, points, curves, lambdas, losses, floor):
    """Draw fits of degree 12 with three strengths of the decay, and the losses against the strength.

    Parameters
    ----------
    truth : pair of numpy.ndarray of shape (m,)
        Places x and values y of the true relation.
    points : pair of numpy.ndarray of shape (n,)
        Features x and labels y of the training examples.
    curves : dict of numpy.ndarray of shape (m,)
        By the strength of the decay, three of them: what was fitted, at the places of `truth`.
    lambdas : numpy.ndarray of shape (k,)
        Strengths of the right panel, all above 0.
    losses : pair of numpy.ndarray of shape (k,)
        Training loss and test loss for each of these strengths.
    floor : float
        Half the noise's variance.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels: the fits, and the losses.
    """
    label = "$\\lambda$ = {}"
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    left.plot(*truth, color="0.6", linewidth=4, alpha=0.6, label=_("true relation"))
    for (lambd, curve), style in zip(curves.items(), (":", "-", "--"), strict=True):
        left.plot(truth[0], curve, style, label=label.format(lambd))
    left.plot(*points, "ko", markersize=5, label=_("training example"))
    left.set(xlabel="$x$", ylabel="$y$", ylim=(-4, 4), title=_("Degree 12, held back a little, is tame"))
    left.set_xticks([-1, -0.5, 0, 0.5, 1])
    for values, style, label in zip(losses, ("-", "--"), (_("training loss"), _("test loss")), strict=True):
        right.plot(lambdas, values, style, linewidth=2, label=label)
    right.axhline(floor, color="grey", linewidth=1, label=_("half the noise's variance"))
    right.set(
        xscale="log", yscale="log", ylabel=_("loss (log scale)"), title=_("Too little overfits, too much underfits")
    )
    right.set_xlabel(_(r"strength of the decay $\lambda$ (log scale)"))
    for ax in (left, right):
        ax.legend(fontsize=9)
        ax.grid(alpha=0.3)
    return figure


def degree_and_decay(truth, points, held_back, lambdas, floor):
    """Make a figure for sliders: the fit for a degree and a strength of the decay, and the losses of that degree.

    Parameters
    ----------
    truth : pair of numpy.ndarray of shape (m,)
        Places x and values y of the true relation.
    points : pair of numpy.ndarray of shape (n,)
        Features x and labels y of the training examples.
    held_back : callable
        Called with a degree and a strength, it returns what is fitted, at the places of `truth`, shape (m,), and a
        pair of numbers: training loss and test loss.
    lambdas : numpy.ndarray of shape (k,)
        Strengths for which the losses are drawn, all above 0.
    floor : float
        Half the noise's variance.

    Returns
    -------
    figure : matplotlib.figure.Figure
    update : callable
        For `d2lhelpers.explore`; it takes ``degree`` and ``strength``.

    Examples
    --------
    >>> x = np.linspace(-1, 1, 5)
    >>> line = lambda degree, strength: (x / (1 + strength), (strength, 2 * strength))
    >>> figure, update = degree_and_decay((x, x**3), (x, x), line, np.array([0.01, 0.1, 1]), 0.05)
    >>> len(update(degree=1, strength=0.1))
    6
    >>> figure.axes[1].get_title()
    'training loss 0.1, test loss 0.2'
    >>> plt.close(figure)
    """
    setting = _("degree {degree}, λ = {strength:.2g}")
    result = _("training loss {train:.2g}, test loss {test:.2g}")
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    left.plot(*truth, color="0.6", linewidth=4, alpha=0.6, label=_("true relation"))
    left.plot(*points, "ko", markersize=5, label=_("training example"))
    (fitted,) = left.plot(*truth, color="tab:blue", linewidth=2, label=_("fit"))
    left.set(xlabel="$x$", ylabel="$y$", ylim=(-4, 4), xticks=[-1, -0.5, 0, 0.5, 1])
    left.legend(fontsize=9, loc="upper left")
    left_title = left.set_title(" ")
    (train_curve,) = right.plot(lambdas, lambdas, linewidth=2, label=_("training loss"))
    (test_curve,) = right.plot(lambdas, lambdas, "--", linewidth=2, label=_("test loss"))
    right.axhline(floor, color="grey", linewidth=1, label=_("half the noise's variance"))
    here = right.axvline(1, color="black", linewidth=1)
    right.set(xscale="log", yscale="log", ylim=(0.005, 6), ylabel=_("loss (log scale)"))
    right.set_xlabel(_(r"strength of the decay $\lambda$ (log scale)"))
    right.legend(fontsize=9, loc="upper right")
    right_title = right.set_title(" ")
    figure.suptitle(_("Two knobs hold a polynomial back: its degree, and the decay of its weights"))

    @cache
    def losses_of(degree):
        return np.transpose([held_back(degree, lambd)[1] for lambd in lambdas])

    def update(degree, strength):
        curve, losses = held_back(degree, strength)
        fitted.set_ydata(curve)
        for line, values in zip((train_curve, test_curve), losses_of(degree), strict=True):
            line.set_ydata(values)
        here.set_xdata([strength, strength])
        left_title.set_text(setting.format(degree=degree, strength=strength))
        right_title.set_text(result.format(train=losses[0], test=losses[1]))
        return [fitted, train_curve, test_curve, here, left_title, right_title]

    return figure, update


def two_weights(loss_at, path, without, penalised):
    """Draw the contours of a loss over two weights, and the circle that one of them touches.

    Parameters
    ----------
    loss_at : callable
        Called with weights, numpy.ndarray of shape (2, n), it returns the loss for each pair, shape (n,).
    path : numpy.ndarray of shape (m, 2)
        Minima of the loss with its penalty, as the strength grows.
    without : numpy.ndarray of shape (2,)
        Minimum without a penalty.
    penalised : numpy.ndarray of shape (2,)
        Minimum with a strength of 0.5.

    Returns
    -------
    matplotlib.figure.Figure
        The contours, the circle, and the path of the minimum.

    Examples
    --------
    >>> bowl = lambda w: (w[0] - 1) ** 2 + w[1] ** 2
    >>> figure = two_weights(bowl, np.array([[1, 0], [0, 0]]), np.array([1, 0]), np.array([0.5, 0]))
    >>> figure.axes[0].get_title()
    'The penalised minimum: a contour of the loss touches a circle'
    >>> plt.close(figure)
    """
    w1, w2 = np.meshgrid(np.linspace(-0.6, 2.6, 120), np.linspace(-1.0, 1.4, 120))
    bowl = loss_at(np.stack([w1.ravel(), w2.ravel()])).reshape(w1.shape)
    lowest, touching = (loss_at(minimum[:, None])[0] for minimum in (without, penalised))
    levels = lowest + (touching - lowest) * np.array([0.25, 2.5, 5, 9])

    figure, ax = plt.subplots(figsize=(5.6, 4), layout="constrained")
    ax.contour(w1, w2, bowl, levels=levels, colors="0.75", linewidths=0.8)
    ax.contour(w1, w2, bowl, levels=[touching], colors="tab:blue", linewidths=2)
    ax.add_patch(plt.Circle((0, 0), np.linalg.norm(penalised), fill=False, linestyle="--", linewidth=1.8))
    ax.plot(path[:, 0], path[:, 1], ":", color="black", label=_(r"minimum as $\lambda$ grows"))
    ax.plot(*without, "k*", markersize=12, label=_(r"$\lambda$ = 0: centre of the contours"))
    ax.plot(*penalised, "ko", markersize=8, label=_(r"$\lambda$ = 0.5: contour touches circle"))
    ax.plot(0, 0, "k+", markersize=10)
    ax.set(xlabel="$w_1$", ylabel="$w_2$", aspect="equal", xlim=(-0.6, 2.6), ylim=(-1, 1.4))
    ax.set_title(_("The penalised minimum: a contour of the loss touches a circle"))
    ax.legend(fontsize=8, loc="lower right")
    return figure
