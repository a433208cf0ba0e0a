"""Measure how fast the figures with sliders, and the paper for digits, follow the hand: in JupyterLab, in Chromium.

The time is the learner's: from the key that moves a slider, or from the end of a stroke, to the new picture on the
screen. Prints a table; run it after `make test-browser`, whose tools it uses, while the machine has nothing else to do.
"""

import functools
import statistics
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests" / "browser"))
from browser_lab import DRAWN, SLIDERS

from conftest import FLAGS, Lab, Notebook, find_chromium, visit

LIMIT = 200  # ms; longer than this, a hand feels that a picture lags behind
KEYS = ["Home", "ArrowRight", "End", "ArrowLeft"] * 6
DRAWING = "04_softmax_regression_gluon"
WATCH = """(image, event) => {
    window.reaction = 0;
    let start;
    document.addEventListener(event, () => { start = performance.now(); }, {capture: true, once: true});
    image.addEventListener("load", () => requestAnimationFrame(() => { window.reaction = performance.now() - start; }),
        {once: true});
}"""


def measure(picture, event, act):
    """Return the milliseconds from an event that `act` causes to the next picture."""
    picture.evaluate(WATCH, event)
    act()
    picture.page.wait_for_function("() => window.reaction", timeout=10_000)
    return picture.page.evaluate("() => window.reaction")


def look_at(element):
    """Have an element on the screen and in focus, and the page at rest, as before a hand touches it."""
    element.scroll_into_view_if_needed()
    element.focus()
    element.page.wait_for_timeout(1000)


def row(*cells):
    """Print a row of the table."""
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def report(notebook, name, times):
    """Print the row of a control, and return its slowest time."""
    row(notebook.path.stem, name, len(times), round(statistics.median(times)), round(max(times)))
    return max(times)


def main():
    """Measure every slider and the paper; return 0 if all were within the limit, else 1."""
    slowest = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        lab = Lab(Path(folder))
        row("notebook", "control", "times", "median, ms", "slowest, ms")
        row("---", "---", "---:", "---:", "---:")
        try:
            for name in [*SLIDERS, DRAWING]:
                url = f"{lab.origin}lab/tree/{name}.ipynb?reset&token={lab.token}"
                notebook = Notebook(visit(browser, url, lab.origin, (1400, 1000)), lab.folder / f"{name}.ipynb")
                notebook.run_all()
                cell = notebook.cell("dh.DrawingPad" if name == DRAWING else "dh.explore(")
                picture = cell.locator("img.widget-image")
                for label, slider in zip(SLIDERS.get(name, []), cell.locator(".widget-slider").all(), strict=True):
                    handle = slider.locator(".noUi-handle")
                    look_at(handle)
                    times = [measure(picture, "keydown", functools.partial(handle.press, key)) for key in KEYS]
                    slowest.append(report(notebook, label, times))
                if name == DRAWING:
                    paper = cell.locator("canvas")
                    look_at(paper)
                    draw = functools.partial(notebook.draw, paper)
                    strokes = [[stroke] for digit in DRAWN.values() for stroke in digit]
                    times = [measure(picture, "pointerup", functools.partial(draw, s)) for s in strokes]
                    slowest.append(report(notebook, "a stroke on the paper", times))
                notebook.page.context.close()
                lab.stop_kernels()
        finally:
            lab.stop()
            browser.close()
    print(f"\nslowest: {max(slowest):.0f} ms; the limit is {LIMIT} ms")
    return 0 if max(slowest) <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
