"""Drawing. It is d2l's and matplotlib's work; here stands what they lack.

d2l switches figures to SVG whenever it draws. An SVG is text that differs between versions of matplotlib, so
that a stored notebook could not be compared with a new run; therefore each function here switches back to PNG,
at double resolution.
"""

import matplotlib.pyplot as plt
from d2l import mxnet as d2l
from matplotlib.ticker import MaxNLocator
from matplotlib_inline.backend_inline import set_matplotlib_formats
from mxnet import nd

from . import captions  # noqa: F401, figures are to say what they say
from .language import _
from .validation import check_array, check_integer, check_number


def set_figsize(figsize=(3.5, 2.5)):
    """Set the size of the figures to come, and their format to PNG at double resolution.

    Parameters
    ----------
    figsize : tuple of float
        Width and height in inches.

    Examples
    --------
    >>> set_figsize((4, 3))
    >>> plt.rcParams["figure.figsize"]
    [4.0, 3.0]
    """
    d2l.set_figsize(figsize)
    set_matplotlib_formats("retina")


def plot(X, Y=None, *args, **kwargs):
    """Draw curves with ``d2l.plot``, into a PNG.

    Parameters
    ----------
    X, Y : array or list, or list of them
        As in ``d2l.plot``: the points' coordinates; without `Y`, `X` holds the ordinates.
    *args, **kwargs
        As in ``d2l.plot``: xlabel, ylabel, legend, xlim, ylim, xscale, yscale, fmts, figsize, axes.

    Examples
    --------
    >>> plot([1, 2, 3], [[1, 4, 9], [1, 8, 27]], xlabel="x", legend=["square", "cube"])
    """
    d2l.plot(_as_numpy(X), _as_numpy(Y), *args, **kwargs)
    set_matplotlib_formats("retina")


def _as_numpy(values):
    if isinstance(values, nd.NDArray):
        return values.asnumpy()
    return [_as_numpy(v) for v in values] if isinstance(values, list | tuple) else values


def plot_epochs(panels):
    """Draw curves by epoch, in one panel or several.

    Parameters
    ----------
    panels : list of pairs
        What is to stand at the vertical axis, and a dictionary: lists of numbers, one an epoch, by the curve's name.

    Examples
    --------
    >>> plot_epochs([("loss", {"training loss": [0.9, 0.5, 0.4], "test loss": [1.0, 0.7, 0.6]})])
    """
    size = (4 * len(panels), 2.7)
    _figure, axes = plt.subplots(1, len(panels), figsize=size, squeeze=False, layout="constrained")
    for ax, (label, curves) in zip(axes[0], panels, strict=True):
        epochs = list(range(1, len(next(iter(curves.values()))) + 1))
        plot(epochs, list(curves.values()), _("epoch"), label, legend=list(curves), fmts=("o-", "s--"), axes=ax)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def show_images(images, num_rows, num_cols, titles=None, scale=1.5):
    """Show images in a grid with ``d2l.show_images``, dark ink on white paper.

    Parameters
    ----------
    images : mx.nd or mx.np array of shape (n, 1, h, w) or (n, h, w)
        Pixels from 0 (paper) to the largest value (ink).
    num_rows, num_cols : int
        Size of the grid, at least 1 each; it must have room for all n images. Cells left over stay blank.
    titles : list of str, optional
        A title for each image.
    scale : float
        Width and height of an image in inches.

    Returns
    -------
    numpy.ndarray of matplotlib.axes.Axes
        The n axes that hold images.

    Raises
    ------
    TypeError
        If `images` is no MXNet array.
    ValueError
        If shapes or numbers do not fit.

    Examples
    --------
    >>> from mxnet import nd
    >>> axes = show_images(nd.ones((3, 1, 8, 8)), num_rows=1, num_cols=3, titles=["a", "b", "c"])
    >>> len(axes)
    3
    """
    check_array("images", images, ndim=(3, 4))
    if len(images.shape) == 4:
        if images.shape[1] != 1:
            raise ValueError(f"images must have one channel, shape (n, 1, h, w), but have the shape {images.shape}.")
        images = images.reshape((images.shape[0], *images.shape[2:]))
    n = images.shape[0]
    num_rows = check_integer("num_rows", num_rows, minimum=1)
    num_cols = check_integer("num_cols", num_cols, minimum=1)
    scale = check_number("scale", scale, minimum=0, exclusive=True)
    if n > num_rows * num_cols:
        raise ValueError(f"{n} images do not fit into {num_rows} × {num_cols} cells; make the grid larger.")
    if titles is not None and len(titles) != n:
        raise ValueError(f"titles must hold one title an image, but there are {len(titles)} for {n} images.")
    # d2l cannot make a grid of a single cell: it gets a second one, which stays blank.
    axes = d2l.show_images(list(images), num_rows, max(num_cols, 2 if num_rows == 1 else 1), titles, scale)
    axes[0].figure.set_layout_engine("constrained")  # room for titles, which d2l draws over the row above
    for ax in axes[n:]:
        ax.axis("off")
    for ax in axes[:n]:
        ax.images[0].set_cmap("gray_r")
    return axes[:n]
