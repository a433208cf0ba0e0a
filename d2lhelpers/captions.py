"""What a figure says: its title, in words, for readers and pages that have no pictures.

In a notebook the plain text of a figure's output has it in the second line. The book takes its captions from there.
"""

from matplotlib.figure import Figure

from .language import N_, _, joined


def takeaway(figure):
    r"""Return what the title of a figure says; of one without a title, what the titles of its panels say.

    Parameters
    ----------
    figure : matplotlib.figure.Figure

    Returns
    -------
    str
        Sentences, in one line; empty if there is no title.

    Examples
    --------
    >>> figure = Figure()
    >>> left, right = figure.subplots(1, 2)
    >>> titles = left.set_title("The loss falls"), right.set_title("The weights\narrive")
    >>> takeaway(figure)
    'The loss falls. The weights arrive.'
    >>> title = figure.suptitle("All is well!")
    >>> takeaway(figure)
    'All is well!'
    """
    titles = [figure.get_suptitle()]
    if not titles[0].strip():
        titles = [ax.get_title() for ax in figure.axes]
    titles = [" ".join(title.split()) for title in titles if title.strip()]
    if not titles:
        return ""
    sentences = [title if title.endswith(tuple(".!?。！？")) else N_("{title}.", title=title) for title in titles]
    text = joined(N_("{first} {second}"), sentences)
    return _(text)


def _print_figure(figure, printer, cycle):
    printer.text(f"{figure!r}\n{takeaway(figure)}".rstrip())


# IPython asks for this method. A printer that is registered for figures would not last: whenever the format of figures
# is chosen, as `set_figsize` does, IPython forgets it.
Figure._repr_pretty_ = _print_figure
