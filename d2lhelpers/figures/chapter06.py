"""The figures of chapter 06: hidden layers, curved borders, what a hidden layer gains and sees, and dropout."""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator

from ..language import _


def activations(x, curves):
    """Draw activation functions, and their gradients beside them.

    Parameters
    ----------
    x : numpy.ndarray of shape (n,)
        Places.
    curves : dict of pairs of numpy.ndarray of shape (n,)
        By name, three of them: values of the function, and its gradients.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels: the functions, and their gradients.

    Examples
    --------
    >>> x = np.array([-1, 0, 1])
    >>> figure = activations(x, {"identity": (x, x**0), "square": (x**2, 2 * x), "cube": (x**3, 3 * x**2)})
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['identity', 'square', 'cube']
    >>> plt.close(figure)
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
    for (name, (values, gradients)), style in zip(curves.items(), ("-", "--", ":"), strict=True):
        left.plot(x, values, style, linewidth=2, label=name)
        right.plot(x, gradients, style, linewidth=2, label=name)
    left.set(xlabel="$x$", ylabel=_("activation"), title=_("the functions"), ylim=(-1.2, 3))
    right.set(xlabel="$x$", ylabel=_("gradient"), title=_("their gradients"))
    for ax in (left, right):
        ax.legend()
        ax.grid(alpha=0.3)
    figure.suptitle(_("ReLU keeps its full gradient wherever it is active; the others level off"))
    return figure


def network(sizes):
    """Draw a network with a hidden layer: a circle for each neuron, a line for each weight.

    Parameters
    ----------
    sizes : list of int, length 3
        Numbers of features, hidden neurons and scores, 5 at most.

    Returns
    -------
    matplotlib.figure.Figure
        Three columns of circles, without axes.

    Examples
    --------
    >>> figure = network([3, 5, 2])
    >>> len(figure.axes[0].patches), len(figure.axes[0].lines)
    (10, 25)
    >>> plt.close(figure)
    """
    figure, ax = plt.subplots(figsize=(5, 3.4), layout="constrained")
    _draw_network(ax, sizes)
    for i, name in enumerate([_("features"), _("hidden layer"), _("scores")]):
        ax.text(2 * i, -2.8, name, ha="center", fontsize=9)
    ax.set_title(_("Two layers that compute, the first one hidden"), fontsize=11)
    return figure


def dropped_neurons(sizes, first, second):
    """Draw the same network for two examples, without the hidden neurons that are dropped for each of them.

    Parameters
    ----------
    sizes : list of int, length 3
        Numbers of features, hidden neurons and scores, 5 at most.
    first, second : collection of int
        Hidden neurons that are dropped for the one example and for the other, counted from 1.

    Returns
    -------
    matplotlib.figure.Figure
        The two networks, side by side.

    Examples
    --------
    >>> figure = dropped_neurons([3, 5, 2], first={2, 4}, second={1, 4, 5})
    >>> [len(ax.lines) for ax in figure.axes]
    [15, 10]
    >>> plt.close(figure)
    """
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    titles = _("for one example"), _("for another one")
    for ax, dropped, title in zip(axes, (first, second), titles, strict=True):
        _draw_network(ax, sizes, dropped)
        ax.set_title(title, fontsize=10)
    figure.suptitle(_("With dropout, no neuron can count on its neighbours"))
    return figure


def _draw_network(ax, sizes, dropped=()):
    layers = [[(2 * i, (n - 1) / 2 - j) for j in range(n)] for i, n in enumerate(sizes)]
    off = {layers[1][j - 1] for j in dropped}
    for layer, following in pairwise(layers):
        for start in layer:
            for end in following:
                if not {start, end} & off:
                    ax.plot(*zip(start, end, strict=True), color="grey", linewidth=0.8, zorder=0)
    for layer, letter in zip(layers, "xho", strict=True):
        for j, place in enumerate(layer, 1):
            face = "white" if letter == "x" or place in off else "lightgrey"
            edge = "grey" if place in off else "black"
            ax.add_patch(plt.Circle(place, 0.3, facecolor=face, edgecolor=edge))
            ax.text(*place, "×" if place in off else f"${letter}_{j}$", ha="center", va="center")
    ax.set(xlim=(-0.8, 4.8), ylim=(-2.9, 2.5), aspect="equal")
    ax.axis("off")


def borders(points, ring, places, surfaces):
    """Draw two rings of points, and how two models divide the plane between them.

    Parameters
    ----------
    points : numpy.ndarray of shape (n, 2)
        Features of the examples.
    ring : numpy.ndarray of shape (n,)
        Their classes: 0 for the inner ring, 1 for the outer one.
    places : pair of numpy.ndarray of shape (m, m)
        Both coordinates of a grid, as ``np.meshgrid`` makes them.
    surfaces : pair of numpy.ndarray of shape (m, m)
        Probability of the outer ring at these places, by softmax regression and by a multilayer perceptron.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels, and the scale of the probability.
    """
    titles = (_("softmax regression"), _("MLP, 16 hidden neurons"))
    classes = [(0, "o", "tab:orange", _("inner ring")), (1, "^", "tab:blue", _("outer ring"))]
    figure, axes = plt.subplots(1, 2, figsize=(8.5, 3.7), sharey=True, layout="compressed")
    for ax, title, p in zip(axes, titles, surfaces, strict=True):
        shades = ax.contourf(*places, p, levels=np.linspace(0, 1, 11), cmap="Greys", alpha=0.7)
        ax.contour(*places, p, levels=[0.5], colors="black", linewidths=1.5)
        for k, marker, color, name in classes:
            look = {"s": 18, "marker": marker, "color": color, "edgecolor": "white", "linewidth": 0.4}
            ax.scatter(*points[ring == k].T, label=name, **look)
        ax.set(xlabel="$x_1$", title=title, aspect="equal")
    axes[0].set_ylabel("$x_2$")
    figure.colorbar(shades, ax=axes, label=_("probability of the outer ring"))
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=2, fontsize=9)
    figure.suptitle(_("One hidden layer bends the border (black) into a ring"))
    return figure


def by_model(runs):
    """Draw losses and accuracies by epoch for two models, each trained several times.

    Parameters
    ----------
    runs : dict of lists of d2lhelpers.History
        By model, two of them: its runs, with losses and accuracies on a test set. Thick lines are the means of the
        runs, thin ones their single test losses and test accuracies.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels: losses, and accuracies.
    """
    test_label, train_label = _("{model}: test"), _("{model}: training")
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.6), layout="constrained")
    for (model, histories), color in zip(runs.items(), ("black", "tab:blue"), strict=True):
        epochs = np.arange(1, len(histories[0]) + 1)
        for ax, train_name, test_name in ((left, "loss", "test_loss"), (right, "metric", "test_metric")):
            train, test = (np.array([getattr(run, name) for run in histories]) for name in (train_name, test_name))
            ax.plot(epochs, test.mean(axis=0), color=color, linewidth=2.5, label=test_label.format(model=model))
            ax.plot(epochs, train.mean(axis=0), "--", color=color, label=train_label.format(model=model))
            for single in test:
                ax.plot(epochs, single, color=color, linewidth=0.6, alpha=0.6)
    left.set(xlabel=_("epoch"), ylabel=_("cross-entropy"), title=_("loss"), ylim=(0, None))
    right.set(xlabel=_("epoch"), ylabel=_("accuracy"), title=_("accuracy"), ylim=(0.6, 1))
    for ax in (left, right):
        ax.grid(alpha=0.3)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    handles, names = left.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=4, fontsize=9)
    figure.suptitle(_("With a hidden layer the training starts more slowly, and gets further"))
    return figure


def won_and_lost(images, readings, won, lost):
    r"""Draw images that one model reads right and another one wrong, and images for which it is the other way round.

    Parameters
    ----------
    images : numpy.ndarray of shape (n, 1, h, w)
    readings : dict of sequences of n int or str
        What each image is, and what the two models read, by what these are called.
    won, lost : sequence of int
        The numbers of at most eight images each.

    Returns
    -------
    matplotlib.figure.Figure
        Two rows, of the images that are won and of those that are lost.

    Examples
    --------
    >>> readings = {"true": ["cat", "dog"], "linear": ["dog", "dog"], "MLP": ["cat", "cat"]}
    >>> figure = won_and_lost(np.ones((2, 1, 3, 3)), readings, won=[0], lost=[1])
    >>> [ax.get_title() for ax in figure.axes]
    ['true: cat\nlinear: dog\nMLP: cat', 'true: dog\nlinear: dog\nMLP: cat']
    >>> plt.close(figure)
    """
    line = _("{name}: {reading}")
    num_columns = max(6, len(won), len(lost))
    figure, axes = plt.subplots(2, num_columns, figsize=(1.4 * num_columns, 4), layout="constrained")
    for row, chosen in zip(axes, (won, lost), strict=True):
        for ax, i in zip(row, chosen, strict=False):
            lines = [line.format(name=name, reading=values[i]) for name, values in readings.items()]
            _draw_image(ax, images[i, 0], "\n".join(lines))
        for ax in row[len(chosen) :]:
            ax.remove()
    figure.suptitle(_("Above: images that the hidden layer wins. Below: images that it loses"))
    return figure


def hidden_neurons(weights, images, labels):
    """Draw the weights of hidden neurons as images, and beside each the images that excite it most.

    Parameters
    ----------
    weights : numpy.ndarray of shape (m, h, w)
        The weights of m neurons, dark where they are positive; white and black are the largest absolute value of each.
    images : numpy.ndarray of shape (m, k, h, w)
        For each neuron, the images that excite it most.
    labels : sequence of m sequences of k int or str
        What is to be seen on these.

    Returns
    -------
    matplotlib.figure.Figure
        A row for each neuron, with its weights at the left.

    Examples
    --------
    >>> figure = hidden_neurons(np.ones((2, 3, 3)), np.zeros((2, 4, 3, 3)), [[7, 7, 1, 9], [0, 0, 0, 6]])
    >>> [ax.get_title() for ax in figure.axes[1:5]]
    ['7', '7', '1', '9']
    >>> plt.close(figure)
    """
    num_neurons, num_images = images.shape[:2]
    size = (0.95 * (num_images + 1), 1.05 * num_neurons + 0.7)
    figure, axes = plt.subplots(num_neurons, num_images + 1, figsize=size, layout="constrained")
    for row, own, excited, names in zip(axes, weights, images, labels, strict=True):
        limit = np.abs(own).max()
        _draw_image(row[0], own, _("weights"), vmin=-limit, vmax=limit)
        for ax, image, name in zip(row[1:], excited, names, strict=True):
            _draw_image(ax, image, str(name))
    figure.suptitle(_("Dark where a hidden neuron wants ink; beside it, the test images that excite it most"))
    return figure


def _draw_image(ax, pixels, title, **limits):
    ax.imshow(pixels, cmap="gray_r", **limits)
    ax.set_title(title, fontsize=9)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


def approximations(x, truth, by_hand, trained, interval):
    """Draw a curve, what networks with ever more hidden neurons make of it, and what training finds for the widest.

    Parameters
    ----------
    x : numpy.ndarray of shape (n,)
        Places, some of them outside of the interval.
    truth : numpy.ndarray of shape (n,)
        The curve.
    by_hand : dict of numpy.ndarray of shape (n,)
        By number of hidden neurons, three of them: the outputs of a network with the weights that were chosen by hand.
    trained : numpy.ndarray of shape (n,)
        The outputs of the widest network with the weights that were found by training.
    interval : pair of float
        Ends of the interval in which the curve was to be met.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for each number of neurons; what lies outside of the interval is shaded.
    """
    figure, axes = plt.subplots(1, 3, figsize=(10, 3.4), sharey=True, layout="constrained")
    for ax, (num_neurons, outputs) in zip(axes, by_hand.items(), strict=True):
        ax.plot(x, truth, color="0.7", linewidth=5, label=_("the curve"))
        ax.plot(x, outputs, "k--", linewidth=1.5, label=_("weights chosen by hand"))
        for outside in ((x[0], interval[0]), (interval[1], x[-1])):
            ax.axvspan(*outside, color="0.92", zorder=0)
        ax.set(xlabel="$x$", title=_("hidden neurons: {n}").format(n=num_neurons), xlim=(x[0], x[-1]), ylim=(-3.4, 3.4))
    axes[0].set_ylabel(_("output"))
    axes[2].plot(x, trained, color="tab:red", linewidth=1.8, label=_("weights found by training"))
    handles, names = axes[2].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=3, fontsize=9)
    figure.suptitle(
        _("Enough hidden neurons can follow the curve. Training finds worse weights, and outside nothing holds")
    )
    return figure


def thinned_layer(h, mask, thinned):
    """Draw activations, the mask of a dropout rate of 0.5, and what is left of the activations.

    Parameters
    ----------
    h : numpy.ndarray of shape (n, k)
        Activations from -1 to 1, an image a row, a neuron a column.
    mask : numpy.ndarray of shape (n, k)
        True or 1 where an activation is kept.
    thinned : numpy.ndarray of shape (n, k)
        Activations with dropout.

    Returns
    -------
    matplotlib.figure.Figure
        Three panels, one below the other.
    """
    panels = [
        (h, -2, 2, _("$h$, the activations, from -1 to 1")),
        (mask, 0, 1, _("the mask: black kept, white dropped")),
        (thinned, -2, 2, _("$h'$: half of them zero (grey), the others doubled")),
    ]
    figure, axes = plt.subplots(3, 1, figsize=(8, 4.6), sharex=True, layout="constrained")
    for ax, (values, low, high, title) in zip(axes, panels, strict=True):
        shown = ax.imshow(values, cmap="Greys", vmin=low, vmax=high, aspect="auto")
        ax.set_title(title, fontsize=10)
        ax.set_ylabel(_("image"))
        if high == 2:
            figure.colorbar(shown, ax=ax, label=_("activation"))
    axes[2].set_xlabel(_("neuron"))
    figure.suptitle(_("Dropout thins out the hidden layer, with a new pattern for every image"))
    return figure


def dropout_noise(thinned_with, sums_with, undropped):
    """Make a figure for a slider: activations with dropout, and a histogram of what a neuron of the next layer gets.

    Parameters
    ----------
    thinned_with : callable
        Called with a rate from 0 to below 1, it returns activations with dropout, shape (n, k): an image a row, a
        neuron a column.
    sums_with : callable
        Called with a rate, it returns the neuron's sum for one image under each of many masks, shape (num_masks,).
    undropped : float
        That sum without dropout.

    Returns
    -------
    figure : matplotlib.figure.Figure
    update : callable
        For `d2lhelpers.explore`; it takes ``rate``.

    Examples
    --------
    >>> figure, update = dropout_noise(lambda rate: np.eye(3), lambda rate: np.array([-rate, rate]), 0)
    >>> len(update(rate=0.5))
    5
    >>> figure.axes[1].get_title()
    'mean 0.00, standard deviation 0.50'
    >>> plt.close(figure)
    """
    setting = _("rate {rate:.2f}: those kept times {factor:.3g}")
    result = _("mean {mean:.2f}, standard deviation {deviation:.2f}")
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    layer = left.imshow(thinned_with(0), cmap="Greys", vmin=-3, vmax=3, aspect="auto")
    left.set(xlabel=_("neuron"), ylabel=_("image"))
    left_title = left.set_title(" ")
    figure.colorbar(layer, ax=left, label=_("activation $h'$"))
    edges = undropped + np.linspace(-10, 10, 51)
    histogram = right.stairs(np.zeros(50), edges, fill=True, color="0.7")
    right.axvline(undropped, color="black", label=_("without dropout"))
    mean_line = right.axvline(0, color="tab:red", linestyle="--", label=_("mean of all masks"))
    right.set(xlabel=_("what the neuron gets"), ylabel=_("masks"), ylim=(0, 1000))
    right.legend(fontsize=9, loc="upper left")
    right_title = right.set_title(" ")
    figure.suptitle(_("Dropout keeps the mean and adds noise, the more the higher the rate"))

    def update(rate):
        sums = sums_with(rate)
        layer.set_data(thinned_with(rate))
        histogram.set_data(np.histogram(sums, edges)[0])
        mean_line.set_xdata([sums.mean(), sums.mean()])
        left_title.set_text(setting.format(rate=rate, factor=1 / (1 - rate)))
        right_title.set_text(result.format(mean=sums.mean(), deviation=sums.std()))
        return [layer, left_title, histogram, mean_line, right_title]

    return figure, update


def dropout_by_labels(wrong, right, scratch):
    """Draw training and test losses by epoch, without dropout and with it, for wrong labels and for right ones.

    Parameters
    ----------
    wrong, right : dict of lists of numpy.ndarray of shape (m, 5)
        By dropout rate, 0 and another: the curves of several runs, with 30 labels wrong and with all labels right. The
        columns are epoch, training loss, training accuracy, test loss and test accuracy. Thick lines are the means of
        the runs, thin ones their single test losses.
    scratch : numpy.ndarray of shape (k, 5)
        The curves of the network from scratch, with wrong labels.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels: wrong labels, and right ones.
    """
    titles = (_("150 digits, 30 labels wrong"), _("150 digits, all labels right"))
    test_label, train_label = _("rate {rate}: test"), _("rate {rate}: training")
    figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.8), sharex=True, sharey=True, layout="constrained")
    for ax, title, runs in zip(axes, titles, (wrong, right), strict=True):
        for (rate, curves), color in zip(runs.items(), ("black", "tab:blue"), strict=True):
            epochs, train, test = np.mean(curves, axis=0).T[[0, 1, 3]]
            ax.plot(epochs, test, color=color, linewidth=2.5, label=test_label.format(rate=rate))
            ax.plot(epochs, train, "--", color=color, label=train_label.format(rate=rate))
            for single in curves:
                ax.plot(epochs, single[:, 3], color=color, linewidth=0.6, alpha=0.6)
        ax.set(xlabel=_("epoch"), ylim=(0, 1), title=title)
        ax.grid(alpha=0.3)
    label = _("rate {rate}: test, from scratch").format(rate=0.5)
    axes[0].plot(scratch[:, 0], scratch[:, 3], "^", color="tab:orange", label=label)
    axes[0].set_ylabel(_("cross-entropy"))
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=5, fontsize=9)
    figure.suptitle(_("Dropout slows down the learning of wrong labels; without them it gains nothing"))
    return figure


def rates(rates, test_losses, train_losses):
    """Draw losses against the dropout rate.

    Parameters
    ----------
    rates : list of float, length n
        Dropout rates, from 0 to below 1.
    test_losses : dict of lists of float, length n
        By the number of epochs, two of them: the test loss for each rate.
    train_losses : list of float, length n
        Training loss for each rate, after the larger number of epochs.

    Returns
    -------
    matplotlib.figure.Figure
        One panel.
    """
    test_label, train_label = _("test, after {epochs} epochs"), _("training, after {epochs} epochs")
    figure, ax = plt.subplots(figsize=(6.5, 3.4), layout="constrained")
    for (epochs, losses), style in zip(test_losses.items(), ("o-", "s-"), strict=True):
        ax.plot(rates, losses, style, label=test_label.format(epochs=epochs))
    ax.plot(rates, train_losses, "^--", label=train_label.format(epochs=max(test_losses)))
    ax.axhline(np.log(10), color="grey", linewidth=1)
    ax.text(0.45, np.log(10) - 0.06, _("blind guess, ln 10"), color="grey", fontsize=9, va="top")
    ax.set(xlabel=_("dropout rate $p$"), ylabel=_("loss, mean of 3 runs"), ylim=(0, 2.9))
    ax.set_title(_("A higher rate takes longer, and too high a rate learns nothing"))
    ax.legend(fontsize=9, loc="upper left")
    ax.grid(alpha=0.3)
    return figure
