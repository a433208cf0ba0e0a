"""The figures of chapter 03: softmax and its temperature, cross-entropy, what a layer has learnt, and likelihood."""

import matplotlib.pyplot as plt
import numpy as np
from mxnet import nd

from ..language import _
from ..plotting import show_images
from ..validation import check_array


def softmax_bars(scores, probabilities, probabilities_of_twice):
    """Draw three scores, their softmax, and the softmax of twice the scores.

    Parameters
    ----------
    scores, probabilities, probabilities_of_twice : mx.nd array of shape (3,)

    Returns
    -------
    matplotlib.figure.Figure
        Three bar charts, side by side.

    Raises
    ------
    TypeError
        If an argument is no MXNet array.
    ValueError
        If it has not one axis.

    Examples
    --------
    >>> scores = nd.array([1, 3, 0.5])
    >>> figure = softmax_bars(scores, nd.softmax(scores), nd.softmax(2 * scores))
    >>> [ax.get_title() for ax in figure.axes]
    ['scores', 'softmax of the scores', 'softmax of twice the scores']
    >>> plt.close(figure)
    """
    check_array("scores", scores, ndim=(1,))
    check_array("probabilities", probabilities, ndim=(1,))
    check_array("probabilities_of_twice", probabilities_of_twice, ndim=(1,))
    panels = [
        (_("scores"), scores, "0.75", 3.5),
        (_("softmax of the scores"), probabilities, "tab:blue", 1.15),
        (_("softmax of twice the scores"), probabilities_of_twice, "tab:blue", 1.15),
    ]
    figure, axes = plt.subplots(1, 3, figsize=(9, 2.7), layout="constrained")
    for ax, (title, values, color, top) in zip(axes, panels, strict=True):
        bars = ax.bar(["0", "1", "2"], values.asnumpy(), color=color, edgecolor="black")
        ax.bar_label(bars, fmt="%.2f")
        ax.set(xlabel=_("class"), title=title, ylim=(0, top))
    axes[0].set_ylabel(_("score"))
    axes[1].set_ylabel(_("probability"))
    figure.suptitle(_("Softmax keeps the order and makes the sum one"))
    return figure


def tempered_softmax(softmax):
    """Draw the probabilities of three classes at one temperature and at all of them.

    Parameters
    ----------
    softmax : callable
        Turns scores, an mx.nd array of shape (n, 3), into probabilities.

    Returns
    -------
    figure : matplotlib.figure.Figure
        Bars on the left, curves on the right.
    update : callable
        Called with `temperature`, a float above 0, and with the scores `score_of_class_0`, `score_of_class_1` and
        `score_of_class_2`. It draws their probabilities and returns the list of all artists that can move, as
        `d2lhelpers.explore` needs it.
    """
    temperatures = np.logspace(-1, 1, 81)
    names = [_("class {k}").format(k=k) for k in range(3)]
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), width_ratios=[1, 1.4], layout="constrained")
    columns = left.bar(names, [1, 1, 1], color=["0.9", "0.6", "0.25"], edgecolor="black")
    heights = left.bar_label(columns)
    title = left.set_title(" ")
    left.set(ylim=(0, 1.3), yticks=[0, 0.5, 1], ylabel=_("probability"))

    curves = []
    for name, style, color in zip(names, (":", "--", "-"), ("0.6", "0.45", "0.25"), strict=True):
        curves += right.plot(temperatures, temperatures, style, color=color, linewidth=2, label=name)
    cursor = right.axvline(1, color="black", linewidth=1)
    right.set(xscale="log", ylim=(-0.03, 1.03), xlabel=_("temperature $T$ (log scale)"), title=_("at all temperatures"))
    right.set_xticks([0.1, 1, 10], labels=["0.1", "1", "10"])
    right.minorticks_off()
    right.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    figure.suptitle(_("Cold: the largest score takes all. Hot: all classes become alike"))

    at_height, at_temperature = _("{p:.2f}\n(score {score:.1f})"), _("at the temperature {temperature:.2g}")

    def update(temperature, score_of_class_0, score_of_class_1, score_of_class_2):
        scores = np.array([score_of_class_0, score_of_class_1, score_of_class_2])
        now = softmax(nd.array([scores / temperature])).asnumpy()[0]
        for column, height, score, p in zip(columns, heights, scores, now, strict=True):
            column.set_height(p)
            height.xy = (height.xy[0], p)
            height.set_text(at_height.format(p=p, score=score))
        title.set_text(at_temperature.format(temperature=temperature))
        everywhere = softmax(nd.array(scores / temperatures[:, None])).asnumpy()
        for curve, values in zip(curves, everywhere.T, strict=True):
            curve.set_ydata(values)
        cursor.set_xdata([temperature, temperature])
        return [*columns, *heights, title, *curves, cursor]

    return figure, update


def loss_by_probability(p, cross_entropy, squared_error):
    """Draw the cross-entropy against the probability of the right class, and its share of the squared error.

    Parameters
    ----------
    p : numpy.ndarray of shape (n,)
        Probabilities above 0.
    cross_entropy, squared_error : numpy.ndarray of shape (n,)

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = plt.subplots(figsize=(6, 3.1), layout="constrained")
    ax.plot(p, cross_entropy, linewidth=2, label=_(r"cross-entropy, $-\ln p$"))
    comparison = _("for comparison: {formula}").format(formula=r"$\frac{1}{2}(1 - p)^2$")
    ax.plot(p, squared_error, "--", linewidth=2, label=comparison)
    for at in (0.01, 0.1, 0.6, 1.0):
        loss = -np.log(at) + 0  # without the sign of -0
        ax.plot(at, loss, "ko", markersize=4)
        ax.annotate(f"{loss:.2f}", (at, loss), textcoords="offset points", xytext=(7, 3))
    ax.set(
        xlabel=_("probability $p$ given to the right class"),
        ylabel=_("loss"),
        title=_("Cross-entropy is largest where a model is sure and wrong"),
    )
    ax.margins(x=0.1)
    ax.legend()
    ax.grid(alpha=0.3)
    return figure


def readings(images, true, predicted, chosen):
    """Show images with their digits and with what a model has read.

    Parameters
    ----------
    images : mx.nd array of shape (n, 1, h, w)
    true, predicted : numpy.ndarray of int, shape (n,)
    chosen : list of int
        The numbers of 16 images: the first eight, and eight mistakes.

    Returns
    -------
    matplotlib.figure.Figure
        Two rows of eight images.
    """
    title = _("true {true}\npred. {predicted}")
    titles = [title.format(true=true[i], predicted=predicted[i]) for i in chosen]
    axes = show_images(images.take(nd.array(chosen, dtype="int64")), num_rows=2, num_cols=8, titles=titles, scale=1.2)
    figure = axes[0].figure
    figure.suptitle(_("Above: the first eight. Below: eight of the mistakes, some of which you might make too"))
    return figure


def confusion_matrix(confusion):
    """Draw how often each class is taken for each.

    Parameters
    ----------
    confusion : numpy.ndarray of int, shape (q, q)
        Counts, a row for each true class and a column for each predicted one.

    Returns
    -------
    matplotlib.figure.Figure
        The counts, on a grey that is the darker the more examples are mistaken; the diagonal stays white.

    Examples
    --------
    >>> figure = confusion_matrix(np.array([[5, 1], [0, 7]]))
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['5', '1', '7']
    >>> plt.close(figure)
    """
    classes, right = range(len(confusion)), np.eye(len(confusion), dtype=bool)
    figure, ax = plt.subplots(figsize=(4.6, 4.2), layout="constrained")
    mistakes = np.where(right, 0, confusion)
    darkest = max(6, mistakes.max())
    ax.imshow(mistakes, cmap="Greys", vmax=darkest)
    for i, j in np.argwhere(confusion):
        color = "white" if mistakes[i, j] > darkest / 2 else "black"
        weight = "bold" if i == j else None
        look = {"fontsize": 9, "fontfamily": "sans-serif", "fontweight": weight}  # a language's own font has no bold
        ax.text(j, i, confusion[i, j], ha="center", va="center", color=color, **look)
    ax.set(
        xlabel=_("predicted class"),
        ylabel=_("true class"),
        xticks=classes,
        yticks=classes,
        title=_("Off the diagonal: what is mistaken for what"),
    )
    return figure


def templates(weights):
    """Draw the weights of ten classes as images, dark where a weight is positive.

    Parameters
    ----------
    weights : numpy.ndarray of shape (10, h, w)

    Returns
    -------
    matplotlib.figure.Figure
        Ten images, with white and black for the largest absolute value, and the scale of the weights.
    """
    limit = np.abs(weights).max()
    figure, axes = plt.subplots(2, 5, figsize=(7, 3.3), layout="constrained")
    for digit, ax in enumerate(axes.flat):
        shown = ax.imshow(weights[digit], cmap="gray_r", vmin=-limit, vmax=limit)
        ax.set_title(str(digit))
        ax.axis("off")
    figure.colorbar(shown, ax=axes, label=_("weight"), shrink=0.9)
    figure.suptitle(_("Where the layer wants ink (dark) and where it does not (bright)"))
    return figure


def cross_entropy_by_belief(q, cross_entropy, truth, entropy):
    """Draw the mean surprise of somebody who believes in a probability, and that of somebody who knows it.

    Parameters
    ----------
    q : numpy.ndarray of shape (n,)
        Probabilities of an event that one may believe in.
    cross_entropy : sequence of n float
        The mean surprise for each belief.
    truth : float
        The true probability of the event.
    entropy : float
        The mean surprise of somebody who knows it.

    Returns
    -------
    matplotlib.figure.Figure
        The height between the two, which is shaded, is their difference, the KL divergence.
    """
    figure, ax = plt.subplots(figsize=(6, 3.1), layout="constrained")
    ax.plot(q, cross_entropy, linewidth=2, label=_("cross-entropy $H(p, q)$"))
    ax.axhline(
        entropy, linestyle="--", color="black", label=_("entropy $H(p)$ = {entropy:.2f}").format(entropy=entropy)
    )
    difference = _("difference: {formula}").format(formula=r"$D_{\mathrm{KL}}(p\,\|\,q)$")
    ax.fill_between(q, entropy, cross_entropy, color="tab:blue", alpha=0.2, label=difference)
    true = _("the truth, {truth}").format(truth=truth)
    ax.axvline(truth, color="grey", linewidth=0.8, linestyle=":", label=true)
    ax.set(
        xlabel=_("believed probability $q$ of an event of probability {truth}").format(truth=truth),
        ylabel=_("mean surprise"),
        ylim=(0.4, 2),
        title=_("Cross-entropy is smallest where the belief is the truth"),
    )
    ax.legend(loc="upper center")
    return figure


def likelihood(theta, scaled, plausible, loss, cross_entropy):
    """Draw the likelihood of a share of 0.7, for ever more data, and its logarithm beside the cross-entropy.

    Parameters
    ----------
    theta : numpy.ndarray of shape (n,)
        Values of the parameter, from 0 to 1.
    scaled : dict of numpy.ndarray of shape (n,) by int
        For three numbers of mails, the likelihood of each value, over the largest one.
    plausible : float
        How large it must be for the value to count as plausible.
    loss : numpy.ndarray of shape (n,)
        The negative log-likelihood for each mail.
    cross_entropy : sequence of n float
        Between the observed share and each value; every 60th is drawn, as a dot.

    Returns
    -------
    matplotlib.figure.Figure
        The likelihoods on the left, the two losses on the right.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
    for (n, values), style in zip(scaled.items(), ("-", "--", ":"), strict=True):
        left.plot(theta, values, style, linewidth=2, label=_("{spam} of {mails}").format(spam=n * 7 // 10, mails=n))
    left.axhline(plausible, color="grey", linewidth=1)
    left.set(xlabel=r"$\theta$", ylabel=_("likelihood (largest = 1)"), title=_("More data, a sharper estimate"))
    left.legend(title=_("spam mails"))
    right.plot(theta, loss, linewidth=2, label=r"$-\frac{1}{n} \ln L(\theta)$")
    dots = _(r"cross-entropy $H(p, \theta)$, $p$ = 0.7")
    right.plot(theta[::60], cross_entropy[::60], "ko", markersize=4, label=dots)
    right.set(xlabel=r"$\theta$", ylim=(0.5, 2.5), ylabel=_("per mail"), title=_("Per mail, it is the cross-entropy"))
    right.legend(loc="upper center")
    return figure
