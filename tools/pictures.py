"""Compare two pictures of a figure, as they are stored in a notebook, with a tolerance.

Another processor, another number of threads or another NumPy moves a curve by a tiny part of a pixel, and matplotlib
may then round a marker to the next pixel. So both pictures are blurred a little, by Pillow, and no colour may differ
by more than a limit from those that the other picture has near the place, anywhere. A mean over the whole picture, as
`matplotlib.testing.compare` takes it, would not see a thin curve that has moved.

Another version of matplotlib sets text otherwise, and all that stands around it gives way. Pictures that say they are
from different ones are compared coarsely.
"""

import base64
import functools
import io
import re
from dataclasses import dataclass
from typing import NamedTuple

from PIL import Image, ImageChops, ImageFilter

FORMATS = ("image/png", "image/jpeg")


class Tolerance(NamedTuple):
    """What may differ: a picture is made smaller and blurred, then its colours may differ by a limit, of 255."""

    reduction: int  # so many pixels become one, across and down
    blur: int  # the mean is taken over so many pixels in each direction
    reach: int  # and the colours are looked for so many pixels away
    limit: int
    margin: int  # by so many pixels the size may differ


# On all that was tried, the same figure differs by 2 at most. A curve that moves by 2 % of its axis, another colour, a
# missing legend or another letter in the title make 45 or more. The line of a curve is about four pixels wide.
FINE = Tolerance(reduction=1, blur=2, reach=1, limit=25, margin=0)
# Drawn by matplotlib 3.10 and by 3.11, the figures differ by 19 at most; what each processor draws otherwise, by 25. A
# missing legend makes 37 or more.
COARSE = Tolerance(reduction=8, blur=2, reach=3, limit=28, margin=16)


@dataclass
class Difference:
    """How a picture differs from the one that is stored, in words, and as a picture where red marks the places."""

    words: str
    picture: Image.Image


def decode(picture):
    """Return the picture that a notebook holds as text, in the coding base64."""
    return Image.open(io.BytesIO(base64.b64decode(picture)))


def of_outputs(outputs):
    """Return the pictures among a cell's outputs: for each, the forms of its output, and which of them is a picture."""
    return [(output["data"], form) for output in outputs for form in FORMATS if form in output.get("data", {})]


def are_the_same(stored, drawn):
    """Say whether two pictures, as a notebook holds them, are the same, and drawn by the same matplotlib."""
    if stored == drawn:
        return True
    one, other = decode(stored), decode(drawn)
    return drawn_by(one) == drawn_by(other) and compare(one, other) is None


def drawn_by(picture):
    """Return which matplotlib drew a picture, as the picture says: its version, without the last number."""
    found = re.search(r"Matplotlib version ?(\d+\.\d+)", picture.info.get("Software", ""))
    return found and found.group(1)


def compare(stored, drawn, coarse=False):
    """Compare a picture with the one that is stored.

    Parameters
    ----------
    stored, drawn : PIL.Image.Image
        The pictures.
    coarse : bool
        Whether to compare them coarsely, even if the same matplotlib drew them.

    Returns
    -------
    Difference or None
        None if they are the same, but for the tolerance.
    """
    versions = {drawn_by(stored), drawn_by(drawn)} - {None}
    tolerance = COARSE if coarse or len(versions) == 2 else FINE
    one, other = (picture.convert("RGB") for picture in (stored, drawn))
    size = tuple(map(max, one.size, other.size))
    sizes_differ = any(abs(a - b) > tolerance.margin for a, b in zip(one.size, other.size, strict=True))
    one, other = _centred(one, size), _centred(other, size)
    if not sizes_differ and _highest(ImageChops.difference(one, other)) <= tolerance.limit:
        return None  # the usual case, and the fast way
    distance = _distance(one, other, tolerance)
    too_far = distance.point(lambda value: 255 * (value > tolerance.limit))
    if sizes_differ:
        words = "{} × {} pixels large, where the stored one has {} × {}".format(*drawn.size, *stored.size)
    elif box := too_far.getbbox():
        left, top, right, bottom = box
        words = (
            f"different by {_highest(distance)} of 255, where {tolerance.limit} is allowed, on "
            f"{too_far.histogram()[255] / (size[0] * size[1]):.2%} of its pixels: in columns {left} to {right - 1} and "
            f"rows {top} to {bottom - 1}"
        )
    else:
        return None
    picture = Image.blend(one, Image.new("RGB", size, "white"), 0.75)
    picture.paste("red", (0, 0), too_far)
    return Difference(words, picture)


def _centred(picture, size):
    paper = Image.new("RGB", size, "white")
    paper.paste(picture, tuple((large - small) // 2 for large, small in zip(size, picture.size, strict=True)))
    return paper


def _highest(picture):
    """Return the highest value of all colours."""
    extrema = picture.getextrema()
    return extrema[1] if picture.mode == "L" else max(highest for _, highest in extrema)


def _distance(one, other, tolerance):
    """Return a grey picture: by how much, at each place, the colour that differs most does so."""
    size = one.size
    blur = ImageFilter.BoxBlur(tolerance.blur)
    one, other = (picture.reduce(tolerance.reduction).filter(blur) for picture in (one, other))
    distances = [
        channel
        for near, here in ((one, other), (other, one))
        for distance in (
            ImageChops.subtract(_extreme(near, ImageChops.darker, tolerance.reach), here),
            ImageChops.subtract(here, _extreme(near, ImageChops.lighter, tolerance.reach)),
        )
        for channel in distance.split()
    ]
    return functools.reduce(ImageChops.lighter, distances).resize(size, Image.Resampling.NEAREST)


def _extreme(picture, choose, reach):
    """Return the darkest or lightest colour near each place, as Pillow's rank filters do in ten times the time.

    What is shifted out of the picture comes in at the other side: both are margins of the same paper.
    """
    for across, down in ((1, 0), (0, 1)):
        shifted = [ImageChops.offset(picture, across * step, down * step) for step in range(-reach, reach + 1)]
        picture = functools.reduce(choose, shifted)
    return picture
