"""Figures with sliders, and paper to draw digits on.

A figure that follows a hand must be fast: it is drawn once, and a change draws only what has moved, as in
``matplotlib.animation``, and is sent as a JPEG, which is made in a quarter of a PNG's time. As a PNG it is part of
the cell's output, too, beside the sliders, for readers where no kernel is running: a stored notebook, or a web page.
"""

import base64
import io
from pathlib import Path

import anywidget
import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
import traitlets
from IPython.display import display
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from .captions import takeaway
from .language import N_, _, joined, width

# A picture beside paper to draw on shrinks with the page down to this width, and then goes below the paper.
_NARROWEST = "560px"

# What sliders of the notebooks are called that have only the name of an argument.
_NAMES = [
    N_("learning rate"),
    N_("batch size"),
    N_("temperature"),
    N_("score of class 0"),
    N_("score of class 1"),
    N_("score of class 2"),
]

# The bitmaps behind the digits of `load_digits`: of the 1,024 pixels of each, 312 are ink on average, whatever the
# digit; it fills the height, and all but a few pixels at both sides.
_SIDE, _HEIGHT, _WIDTH, _INK = 32, 28, 16, 312


def explore(figure, update, **controls):
    """Show a figure with controls, such as sliders, that change it.

    Sliders stand above the figure. Paper to draw on stands beside it where the page is wide enough, so that both can
    be seen at once.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        What is shown. All that does not move is drawn once, for the controls' first values.
    update : callable
        Called with the controls' values, by their names. It moves what has to be moved in the figure and returns a
        list of all artists that can move, always the same ones. It is called long after its cell: names that it
        uses should not mean something else further down in the notebook.
    **controls : ipywidgets.Widget
        Controls by name, each with a ``value``: sliders of `ipywidgets`, or a `DrawingPad`.

    Raises
    ------
    TypeError
        If an argument is of another kind.
    ValueError
        If there is no control.

    Examples
    --------
    >>> figure, ax = plt.subplots()
    >>> (line,) = ax.plot([0, 1], [0, 1])
    >>> def tilt(slope):
    ...     line.set_ydata([0, slope])
    ...     return [line]
    >>> explore(figure, tilt, slope=widgets.FloatSlider(value=1, min=0, max=2, description="slope"))
    figure that changes with: slope
    """
    if not isinstance(figure, Figure):
        raise TypeError(f"figure must be a matplotlib figure, but is of the type {type(figure).__name__}.")
    if not callable(update):
        raise TypeError(f"update must be a function, but is of the type {type(update).__name__}.")
    if not controls:
        raise ValueError("controls are missing: hand in at least one, for example rate=ipywidgets.FloatSlider().")
    for name, control in controls.items():
        if not (isinstance(control, widgets.DOMWidget) and control.has_trait("value")):
            raise TypeError(
                f"{name} must be a widget with a value, but is of the type {type(control).__name__}; "
                f"take for example ipywidgets.FloatSlider()."
            )
    display(_Panel(figure, update, controls))


class _Panel(widgets.VBox):
    """The controls in a column, and the picture below them or, if one is paper to draw on, beside them.

    It is displayed as one output in two forms: a page shows the widgets if it can, and the picture if not.
    """

    def __init__(self, figure, update, controls):
        plt.close(figure)  # or the notebook would show it a second time
        across, down = (round(side * figure.dpi) for side in figure.get_size_inches())
        for name, control in controls.items():
            control.description = control.description or _(name.replace("_", " "))
        self._size = {"width": across, "height": down}
        self._update, self._controls = update, controls
        self._picture = widgets.Image(format="jpeg", layout={"width": f"{across}px", "max_width": "100%"})

        figure.set_dpi(2 * figure.dpi)  # sharp on fine screens, as all figures are
        self._canvas = FigureCanvasAgg(figure)
        moving = self._move()
        self._canvas.draw()  # finds the layout, with all that moves
        figure.set_layout_engine("none")
        for artist in moving:
            artist.set_animated(True)
        self._canvas.draw()  # leaves out all that moves
        self._still = self._canvas.copy_from_bbox(figure.bbox)
        self._refresh()
        if any(isinstance(control, DrawingPad) for control in controls.values()):
            column = widgets.VBox([*controls.values()])
            self._picture.layout = {"flex": f"1 1 {_NARROWEST}", "min_width": "0", "max_width": f"{across}px"}
            super().__init__([column, self._picture], layout={"flex_flow": "row wrap", "align_items": "flex-start"})
        else:
            super().__init__([*controls.values(), self._picture])

        longest = max(width(control.description) for control in controls.values())
        for control in controls.values():
            if not isinstance(control, DrawingPad):
                control.style.description_width = f"{longest + 1}ch"
                control.layout.width = f"{longest + 60}ch"
                control.layout.max_width = "100%"
                control.layout.margin = "0 2px"  # close to each other, for the sake of small screens
            control.observe(self._refresh, "value")

    def _move(self):
        moving = self._update(**{name: control.value for name, control in self._controls.items()})
        if not (isinstance(moving, list) and all(isinstance(artist, Artist) for artist in moving)):
            raise TypeError(
                f"update must return a list of all artists of the figure that can move, for example [line], "
                f"but returned {moving!r}."
            )
        return moving

    def _refresh(self, _change=None):
        moving = self._move()
        self._canvas.restore_region(self._still)
        for artist in sorted(moving, key=Artist.get_zorder):
            self._canvas.figure.draw_artist(artist)
        self._picture.value = self._encode("jpeg", quality=92, subsampling=0)

    def _encode(self, image_format, **options):
        buffer = io.BytesIO()
        plt.imsave(buffer, np.asarray(self._canvas.buffer_rgba()), format=image_format, pil_kwargs=options)
        return buffer.getvalue()

    def __repr__(self):
        names = joined(N_("{first}, {second}"), [control.description for control in self._controls.values()])
        controls = _(N_("figure that changes with: {names}", names=names))
        return f"{controls}\n{takeaway(self._canvas.figure)}".rstrip()

    def _repr_mimebundle_(self, **kwargs):
        data = super()._repr_mimebundle_(**kwargs)
        data["text/plain"] = repr(self)  # a widget's would be cut off
        return {**data, "image/png": base64.b64encode(self._encode("png")).decode()}, {"image/png": self._size}


class DrawingPad(anywidget.AnyWidget):
    """Paper to draw on with the mouse, a pen or a finger, with a button that clears it.

    Parameters
    ----------
    value : list of lists of points, optional
        The strokes on the paper: each is a list of points ``[x, y]`` from 0 to 1, x to the right, y down.
        A stroke that is drawn is added when it ends. Strokes that are given here are an example: the first stroke
        that is drawn takes their place.
    description : str, optional
        What the paper is called.

    Examples
    --------
    >>> DrawingPad(value=[[[0.5, 0.1], [0.5, 0.9]]]).value
    [[[0.5, 0.1], [0.5, 0.9]]]
    """

    _esm = Path(__file__).with_name("drawing_pad.js")
    value = traitlets.List(traitlets.List(traitlets.List(traitlets.Float()))).tag(sync=True)
    description = traitlets.Unicode().tag(sync=True)
    clear = traitlets.Unicode().tag(sync=True)  # these two are what the page says
    label = traitlets.Unicode().tag(sync=True)
    example = traitlets.List().tag(sync=True)  # the page draws over no value that is still this one

    def __init__(self, value=(), description=None, **settings):
        if description is not None:
            settings["description"] = description
        super().__init__(value=value, **settings)

    @traitlets.default("description")
    def _what_it_is(self):
        return _("a drawing")

    @traitlets.default("clear")
    def _what_clears_it(self):
        return _("Clear")

    @traitlets.default("label")
    def _what_to_do(self):
        return _("Drawing area: draw a digit with the mouse, a pen or a finger")

    @traitlets.default("example")
    def _first_value(self):
        return self.value


def rasterize(strokes):
    """Turn strokes into a bitmap of ink and paper like those behind the digits of `load_digits`.

    As in that data set, the drawing fills the height of the bitmap, is centred and not wider than 20 pixels, and has
    312 pixels of ink: those that are nearest to the strokes. So neither the place nor the size of the drawing
    matters.

    Parameters
    ----------
    strokes : list of lists of points
        The value of a `DrawingPad`. Where y is down, a point of a stroke is ``[x, y]``, in any unit.

    Returns
    -------
    numpy.ndarray of bool, shape (32, 32)
        True where there is ink; nowhere if there are no strokes.

    Raises
    ------
    ValueError
        If `strokes` does not hold points of two finite numbers.

    Examples
    --------
    >>> one = rasterize([[[0.5, 0.1], [0.5, 0.9]]])
    >>> one.shape, int(one.sum())
    ((32, 32), 312)
    >>> one[16].astype(int)
    array([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0,
           0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    """
    strokes = [np.asarray(stroke, dtype="float64") for stroke in strokes]
    for stroke in strokes:
        if stroke.ndim != 2 or stroke.shape[1] != 2 or not len(stroke) or not np.isfinite(stroke).all():
            raise ValueError(
                f"strokes must be a list of strokes, each a list of points [x, y], but one has the shape "
                f"{stroke.shape} or numbers that are not finite."
            )
    if not strokes:
        return np.zeros((_SIDE, _SIDE), dtype=bool)

    points = np.concatenate(strokes)
    low, high = points.min(axis=0), points.max(axis=0)
    width, height = np.maximum(high - low, 1e-3 * max(*(high - low), 1e-9))
    scale_y = _HEIGHT / height
    scale = np.array([min(scale_y, _WIDTH / width), scale_y])
    strokes = [(stroke - (low + high) / 2) * scale + _SIDE / 2 for stroke in strokes]

    # How far is each pixel from the nearest piece of a stroke? A stroke of a single point is a piece of length 0.
    start = np.concatenate([stroke[:-1] if len(stroke) > 1 else stroke for stroke in strokes])
    step = np.concatenate([np.diff(stroke, axis=0) if len(stroke) > 1 else 0 * stroke for stroke in strokes])
    center = np.arange(_SIDE) + 0.5
    pixel = np.stack(np.meshgrid(center, center), axis=-1).reshape(-1, 1, 2)
    along = ((pixel - start) * step).sum(axis=2) / np.maximum((step**2).sum(axis=1), 1e-12)
    nearest = start + along.clip(0, 1)[:, :, None] * step
    distance = np.linalg.norm(pixel - nearest, axis=2).min(axis=1)
    ink = np.argsort(distance, kind="stable")[:_INK]
    bitmap = np.zeros(_SIDE * _SIDE, dtype=bool)
    bitmap[ink] = True
    return bitmap.reshape(_SIDE, _SIDE)
