"""A notebook shows its figures, whatever MPLBACKEND says; each case is a kernel of its own."""

import os
from types import SimpleNamespace

from d2lhelpers import kernel

import pytest
from jupyter_client.manager import run_kernel


def outputs(cells, backend, tmp_path):
    """Execute cells in a kernel; return the plain texts of the PNGs that were shown, and the text that was printed."""
    shown, printed = [], []

    def hear(message):
        content = message["content"]
        if message["msg_type"] in ("display_data", "execute_result"):
            shown.extend([content["data"]["text/plain"]] if "image/png" in content["data"] else [])
        elif message["msg_type"] == "stream":
            printed.append(content["text"])
        elif message["msg_type"] == "error":
            printed.extend(content["traceback"])

    env = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    env["MPLBACKEND"] = backend
    with run_kernel(kernel_name="python3", env=env, cwd=str(tmp_path), startup_timeout=60) as client:
        for cell in cells:
            client.execute_interactive(cell, timeout=60, output_hook=hear)
    return shown, "".join(printed)


def figures(cells, backend, tmp_path):
    """Execute cells in a kernel; return how many PNGs were shown, and the text that was printed."""
    shown, printed = outputs(cells, backend, tmp_path)
    return len(shown), printed


DRAW = ["dh.plot([1, 2], [3, 4])", "import matplotlib.pyplot as plt; plt.plot([1, 2]);"]


@pytest.mark.parametrize("first", ["import d2lhelpers as dh", "import matplotlib.pyplot as plt, d2lhelpers as dh"])
def test_figures_are_shown(first, tmp_path):
    assert figures([first, *DRAW], "Agg", tmp_path) == (2, "")


@pytest.mark.parametrize(
    ("backend", "expected"),
    [("svg", kernel.INLINE), ("module://ipympl.backend_nbagg", "module://ipympl.backend_nbagg")],
)
def test_another_way_to_show_figures_is_left_alone(monkeypatch, backend, expected):
    shell = SimpleNamespace(kernel="a kernel", run_line_magic=lambda *_: None)
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    monkeypatch.setenv("MPLBACKEND", backend)
    kernel.show_figures()
    assert os.environ["MPLBACKEND"] == expected


def test_plain_text_of_a_figure_says_what_its_title_says(tmp_path):
    cells = [
        "import d2lhelpers as dh, ipywidgets as widgets, matplotlib.pyplot as plt; dh.set_figsize()",
        "figure, ax = plt.subplots(figsize=(2, 1)); ax.set_title('Colds are caught'); plt.show()",
        "plt.subplots(figsize=(2, 1)); plt.show()",
        "figure, ax = plt.subplots(figsize=(2, 1)); figure.suptitle('A cold\\ngoes.'); ax.set_title('it does')\n"
        "dh.explore(figure, lambda rate: [], rate=widgets.FloatSlider())",
    ]
    shown, printed = outputs(cells, "", tmp_path)
    assert printed == ""
    assert shown == [
        "<Figure size 200x100 with 1 Axes>\nColds are caught.",
        "<Figure size 200x100 with 1 Axes>",
        "figure that changes with: rate\nA cold goes.",
    ]


def test_outside_of_a_kernel_nothing_is_changed(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    kernel.show_figures()
    assert os.environ["MPLBACKEND"] == "agg"


@pytest.mark.parametrize(
    ("backend", "screen", "expected"),
    [("Agg", ":0", True), ("QtAgg", ":0", False), ("QtAgg", "", True), ("inline", "", False), ("", "", False)],
)
def test_which_ways_show_nothing(monkeypatch, backend, screen, expected):
    monkeypatch.setattr(kernel.sys, "platform", "linux")
    monkeypatch.setenv("DISPLAY", screen)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert kernel.shows_nothing(backend) is expected
