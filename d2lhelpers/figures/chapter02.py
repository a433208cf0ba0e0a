"""The figures of chapter 02: a training that arrives, three ways to write a step, and two losses of the same run."""

import matplotlib.pyplot as plt

from ..language import _


def arrival(parameters, losses, true_parameters, true_loss, steps_per_epoch):
    """Draw how the loss falls to that of the true parameters, and how the parameters come to the true ones.

    Parameters
    ----------
    parameters : numpy.ndarray of shape (steps + 1, 3)
        Two weights and the bias, at the start and after each step.
    losses : sequence of steps + 1 float
        The mean loss over all examples, at the start and after each step.
    true_parameters : sequence of three float
    true_loss : float
        The mean loss of the true parameters.
    steps_per_epoch : int
        Dotted lines mark the ends of the epochs.

    Returns
    -------
    matplotlib.figure.Figure
        The losses on the left, the parameters on the right.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    left.plot(losses, color="black", linewidth=1.5, label=_("mean loss over all examples"))
    left.axhline(true_loss, color="tab:red", linestyle="--", label=_("loss of the true parameters"))
    left.set(
        xlabel=_("steps taken"),
        ylabel=_("loss (log scale)"),
        yscale="log",
        title=_("The loss falls to the noise, and no further"),
    )
    looks = [("$w_1$", "-"), ("$w_2$", "--"), ("$b$", "-.")]
    for (name, style), values, true in zip(looks, parameters.T, true_parameters, strict=True):
        right.plot(values, style, linewidth=1.8, label=name)
        right.axhline(true, color="grey", linewidth=0.8)
    right.set(xlabel=_("steps taken"), ylabel=_("value"), title=_("The parameters arrive at the truth (grey)"))
    for ax in (left, right):
        ax.grid(alpha=0.3)
        for end in range(steps_per_epoch, len(parameters) - 1, steps_per_epoch):
            ax.axvline(end, color="grey", linewidth=0.6, linestyle=":")
    left.legend(fontsize=9)
    right.legend(fontsize=9, loc="center right")
    return figure


def divisions(curves):
    """Draw the loss by step for three ways to write a step of training.

    Parameters
    ----------
    curves : dict of list of float by str
        For each of the three ways, by what was written, the loss before each step.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> figure = divisions({"right": [9, 3, 1], "not divided": [9, 1, 1], "divided twice": [9, 8.9, 8.8]})
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['right', 'not divided', 'divided twice']
    >>> plt.close(figure)
    """
    figure, ax = plt.subplots(figsize=(6.5, 3.2), layout="constrained")
    for (name, curve), style in zip(curves.items(), ("-", "--", ":"), strict=True):
        ax.plot(curve, style, linewidth=2, label=name)
    ax.set(
        xlabel=_("step"),
        ylabel=_("loss (log scale)"),
        yscale="log",
        title=_("Forgetting to divide, or dividing twice, changes the learning rate"),
    )
    name = _("what was written: the rate it amounts to")
    ax.legend(title=name, fontsize=9, loc="lower right", bbox_to_anchor=(1, 0.12))
    ax.grid(alpha=0.3)
    return figure


def two_losses(losses, history, steps_per_epoch):
    """Draw the loss after each step, the mean that is printed for each epoch, and the loss after each epoch.

    Parameters
    ----------
    losses : sequence of float
        The mean loss over all examples, at the start and after each step.
    history : d2lhelpers.History
        Of the same run, with the loss on all examples as its test loss.
    steps_per_epoch : int

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = plt.subplots(figsize=(6.5, 3.2), layout="constrained")
    starts = [epoch * steps_per_epoch for epoch in range(len(history))]
    ends = [start + steps_per_epoch for start in starts]
    ax.plot(losses, color="silver", linewidth=3, label=_("loss after so many steps"))
    ax.hlines(history.loss, starts, ends, color="tab:blue", linewidth=2, label=_("printed: mean on the way"))
    ax.plot(ends, history.test_loss, "k^", markersize=8, label=_("after the epoch"))
    ax.set(
        xlabel=_("steps taken"),
        ylabel=_("loss (log scale)"),
        yscale="log",
        title=_("Two honest losses of the same run"),
    )
    ax.legend(fontsize=9)
    ax.grid(alpha=0.3)
    return figure
