"""A notebook shows its figures, whatever MPLBACKEND says; each case is a kernel of its own."""

import os
from types import SimpleNamespace

from d2lhelpers import kernel

import pytest
from jupyter_client.manager import run_kernel


def figures(cells, backend, tmp_path):
    """Execute cells in a kernel; return how many PNGs were shown, and the text that was printed."""
    shown, printed = [], []

    def hear(message):
        content = message["content"]
        if message["msg_type"] in ("display_data", "execute_result"):
            shown.extend(kind for kind in content["data"] if kind == "image/png")
        elif message["msg_type"] == "stream":
            printed.append(content["text"])
        elif message["msg_type"] == "error":
            printed.extend(content["traceback"])

    env = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    env["MPLBACKEND"] = backend
    with run_kernel(kernel_name="python3", env=env, cwd=str(tmp_path), startup_timeout=60) as client:
        for cell in cells:
            client.execute_interactive(cell, timeout=60, output_hook=hear)
    return len(shown), "".join(printed)


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
