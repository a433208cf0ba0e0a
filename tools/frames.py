"""Pictures of a figure with sliders, for readers where no kernel is running: `make store` draws them for the book.

Each slider has a few, from its one end to its other, while the others stand where they begin; where all begin is the
picture in the notebook itself. Frames are lossy and half as wide, since there are many: they show how a figure changes.
"""

import io
import json
import shutil
from pathlib import Path

import ipywidgets as widgets
import numpy as np
from ipywidgets.widgets.widget import _instances  # the widgets of a kernel by the names that outputs give them
from nbformat.v4 import new_code_cell
from PIL import Image

WIDGET = "application/vnd.jupyter.widget-view+json"
NUMBER = 5  # evenly spaced ones of a slider; where it begins is one more, if it is not among them


def positions(slider, number=NUMBER):
    """Return values from one end of a slider to the other, as they are set and as they are read.

    Examples
    --------
    >>> positions(widgets.FloatSlider(0.5, min=0, max=0.9, step=0.05), 3)
    [(0.0, '0.00'), (0.45, '0.45'), (0.5, '0.50'), (0.9, '0.90')]
    >>> positions(widgets.IntSlider(12, min=1, max=12), 3)
    [(1, '1'), (6, '6'), (12, '12')]
    >>> positions(widgets.FloatLogSlider(1, min=-1, max=1, step=0.05), 3)
    [(0.1, '0.1'), (1.0, '1'), (10.0, '10')]
    >>> positions(widgets.SelectionSlider(value=2, options=[1, 2, 5, 10, 50]), 3)
    [(1, '1'), (2, '2'), (5, '5'), (50, '50')]
    """
    if isinstance(slider, widgets.SelectionSlider):
        places = np.linspace(0, len(slider.options) - 1, number).round().astype(int)
        values = [slider.options[place] for place in places]
        text = str
    else:
        steps = ((slider.max - slider.min) / slider.step + 1e-9) * np.linspace(0, 1, number)
        values = slider.min + slider.step * np.floor(steps)
        if isinstance(slider, widgets.FloatLogSlider):
            values = slider.base**values
        values = [type(slider.value)(round(value, 9)) for value in values.tolist()]
        text = ("{:" + slider.readout_format + "}").format
    if not np.isclose(values, slider.value).any():
        values = sorted([*values, slider.value])
    return [(value, text(value)) for value in values]


def draw(model_id, folder):
    """Draw, in the kernel that holds it, the frames of a figure with sliders into a folder; print what they are."""
    *sliders, picture = _instances[model_id].children
    if not all(hasattr(slider, "readout") for slider in sliders):
        return  # paper to draw on has no ends
    Path(folder).mkdir(parents=True)
    described = []
    for number, slider in enumerate(sliders):
        start, values = slider.value, positions(slider)
        begins = [place for place, (value, _text) in enumerate(values) if np.isclose(value, start)]
        for place, (value, _text) in enumerate(values):
            if place not in begins:
                slider.value = value
                image = Image.open(io.BytesIO(picture.value))
                image.reduce(2).save(Path(folder, f"{number}-{place}.webp"), quality=75, method=6)
        slider.value = start
        described.append({"label": slider.description, "values": [text for _, text in values], "start": begins[0]})
    print(json.dumps(described, ensure_ascii=False))


def store(client, notebook, folder):
    """Draw the frames of all figures with sliders of a notebook that a client has just run, into a folder for each."""
    shutil.rmtree(folder, ignore_errors=True)
    for cell in list(notebook.cells):
        for output in cell.get("outputs", []):
            if WIDGET in output.get("data", {}):
                described = draw_in(client, notebook, output["data"][WIDGET]["model_id"], folder / cell["id"])
                if described:
                    (folder / cell["id"] / "sliders.json").write_text(described, encoding="utf-8")


def draw_in(client, notebook, model_id, folder):
    """Have the kernel of a client draw frames; return what it says of them."""
    lines = [
        f"import sys; sys.path.append({str(Path(__file__).parent)!r})",
        "import frames",
        f"frames.draw({model_id!r}, {str(folder)!r})",
    ]
    cell = new_code_cell("\n".join(lines))
    notebook.cells.append(cell)  # where the client looks for it
    try:
        client.execute_cell(cell, len(notebook.cells) - 1)
    finally:
        notebook.cells.pop()
    return "".join(output.get("text", "") for output in cell.outputs)
