"""The figures of chapter 08: a table of cars, and how far the error of a model can be believed."""

import matplotlib.pyplot as plt
import numpy as np

from ..language import _


def cars(columns):
    """Draw how far cars go by their weight and by their year.

    Parameters
    ----------
    columns : dict of numpy.ndarray of shape (n,)
        The columns "mpg", "weight", "origin" and "year", as `d2lhelpers.load_auto_mpg` names them.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels: miles per gallon against weight, and by year.
    """
    mpg = columns["mpg"]
    origins = (("USA", _("USA"), "o"), ("Europe", _("Europe"), "^"), ("Japan", _("Japan"), "s"))
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), sharey=True, layout="constrained")
    for origin, name, marker in origins:
        chosen = columns["origin"] == origin
        left.plot(columns["weight"][chosen], mpg[chosen], marker, markersize=4, alpha=0.6, label=name)
    left.set(xscale="log", yscale="log", xlabel=_("weight in pounds (log scale)"))
    left.set(ylabel=_("miles per gallon (log scale)"), title=_("Heavy cars go less far"))
    left.set_xticks([2000, 3000, 4000, 5000], ["2000", "3000", "4000", "5000"])
    left.set_yticks([10, 20, 30, 40], ["10", "20", "30", "40"])
    years = np.unique(columns["year"])
    medians = [np.median(mpg[columns["year"] == year]) for year in years]
    right.plot(columns["year"], mpg, "k.", alpha=0.3, label=_("a car"))
    right.plot(years, medians, "-", color="tab:red", linewidth=2, label=_("median of the year"))
    right.set(xlabel=_("model year"), title=_("Newer cars go further"))
    for ax, corner in ((left, "upper right"), (right, "lower right")):  # where there are no cars
        ax.minorticks_off()
        ax.legend(fontsize=9, loc=corner)
        ax.grid(alpha=0.3)
    figure.suptitle(_("How far a car goes depends on its weight, and on its year"))
    return figure


def luck_of_a_split(single, means):
    """Draw two histograms of estimates of the same error.

    Parameters
    ----------
    single, means : numpy.ndarray of shape (n,)
        Errors of one fold, and means of all folds.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels, one above the other.
    """
    figure, axes = plt.subplots(2, 1, figsize=(6.5, 3.6), sharex=True, layout="constrained")
    edges = np.linspace(min(single.min(), means.min()), max(single.max(), means.max()), 21)
    titles = _("a single fold"), _("the mean of five folds")
    for ax, title, values, color in zip(axes, titles, (single, means), ("tab:orange", "tab:blue"), strict=True):
        ax.hist(values, bins=edges, color=color)
        ax.set(ylabel=_("number"), title=title)
        ax.grid(alpha=0.3)
    axes[1].set_xlabel(_("log RMSE"))
    figure.suptitle(_("The same model and data: one split is a matter of luck"))
    return figure


def shift(years, random_errors, old_errors, last):
    """Draw the mean error by year, of models that know all years and of one that knows the old ones only.

    Parameters
    ----------
    years : numpy.ndarray of shape (n,)
        Model year of each car.
    random_errors, old_errors : numpy.ndarray of shape (n,)
        Log error of each car, predicted in a random fold, and by the model that knows old cars only.
    last : int
        The last year that this model knows.

    Returns
    -------
    matplotlib.figure.Figure
        One panel.
    """
    figure, ax = plt.subplots(figsize=(6.5, 3.4), layout="constrained")
    unique = np.unique(years)
    labels = _("trained on cars of all years"), _("trained on cars up to {year}").format(year=last)
    for errors, label, style in zip((random_errors, old_errors), labels, ("o-", "s--"), strict=True):
        ax.plot(unique, [errors[years == year].mean() for year in unique], style, label=label)
    ax.axvspan(last + 0.5, unique[-1] + 0.3, color="0.9")
    ax.axhline(0, color="grey", linewidth=1)
    ax.set(xlabel=_("model year"), ylabel=_("mean log error"))
    ax.set_title(_("New cars go further than the model of the old ones says"))
    ax.legend(fontsize=9, loc="lower left")
    ax.grid(alpha=0.3)
    return figure


def candidates(errors, standard_errors):
    """Draw the errors of several models in several folds, with their means.

    Parameters
    ----------
    errors : dict of numpy.ndarray of shape (n,)
        By the model's name, its error in each fold.
    standard_errors : dict of float
        By the model's name, the standard error of the mean.

    Returns
    -------
    matplotlib.figure.Figure
        One panel, with a row for each model.
    """
    names = {
        "linear": _("linear"),
        "products": _("products"),
        "products, decay": _("products, decay"),
        "network": _("network"),
        "network, decay": _("network, decay"),
        "network, dropout": _("network, dropout"),
    }
    figure, ax = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
    for row, (name, values) in enumerate(errors.items()):
        ax.plot(values, np.full(len(values), row), ".", color="0.6", label=_("a fold") if row == 0 else None)
        label = _("mean and standard error") if row == 0 else None
        bar = standard_errors[name]
        ax.errorbar(values.mean(), row, xerr=bar, fmt="D", color="tab:blue", capsize=4, label=label)
    ax.set_yticks(range(len(errors)), [names.get(name, name) for name in errors])
    ax.invert_yaxis()
    ax.set(xlabel=_("log RMSE"), ylabel=_("candidate"))
    ax.set_title(_("The best candidates are not told apart"))
    ax.legend(fontsize=9)
    ax.grid(alpha=0.3)
    return figure


def winners_curse(counts, promised, kept):
    """Draw the errors of the best of several models, where it was chosen and elsewhere.

    Parameters
    ----------
    counts : list of int, length k
        From how many models it was chosen.
    promised, kept : list of float, length k
        Its error on the validation set, and on fresh examples.

    Returns
    -------
    matplotlib.figure.Figure
        One panel.
    """
    figure, ax = plt.subplots(figsize=(6.5, 3.4), layout="constrained")
    ax.plot(counts, kept, "s--", label=_("on fresh cars"))
    ax.plot(counts, promised, "o-", label=_("on the validation cars, by which it was chosen"))
    ax.set(xscale="log", xlabel=_("models to choose from (log scale)"), ylabel=_("log RMSE of the best one"))
    ax.set_xticks(counts, [str(n) for n in counts])
    ax.minorticks_off()
    ax.set_title(_("The winner looks better and better, and hardly is"))
    ax.legend(fontsize=9)
    ax.grid(alpha=0.3)
    return figure


def opened(true, predicted):
    """Draw predictions against what is true, on log scales.

    Parameters
    ----------
    true, predicted : numpy.ndarray of shape (n,)
        Miles per gallon.

    Returns
    -------
    matplotlib.figure.Figure
        One panel.
    """
    figure, ax = plt.subplots(figsize=(4.6, 4.2), layout="constrained")
    ends = np.array([8.0, 50.0])
    ax.plot(ends, ends, color="grey", linewidth=1, label=_("prediction = truth"))
    ax.fill_between(ends, ends / 1.2, ends * 1.2, color="0.9", label=_("within a factor of 1.2"))
    ax.plot(true, predicted, "o", markersize=4, alpha=0.7, label=_("a car of the test set"))
    ax.set(xscale="log", yscale="log", xlim=ends, ylim=ends, aspect="equal")
    ax.set(xlabel=_("true miles per gallon (log scale)"), ylabel=_("predicted miles per gallon (log scale)"))
    for ticks in (ax.set_xticks, ax.set_yticks):
        ticks([10, 20, 30, 40], ["10", "20", "30", "40"])
    ax.minorticks_off()
    ax.set_title(_("The test set, opened once"))
    ax.legend(fontsize=9, loc="upper left")
    ax.grid(alpha=0.3)
    return figure
