"""Chromium, as a reader's browser: a new profile each time, nothing but this machine to talk to."""

import contextlib
import functools
import http.server
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import TimeoutError as NotInTime
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[2]
SCREENSHOTS = ROOT / "build" / "screenshots"
PATIENCE = 120  # seconds after which what was waited for counts as missing, on a machine that has much else to do
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find_chromium():
    """Return the path of the browser, or end the whole run: without one nothing has been tested."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    pytest.exit(
        "no Chromium on PATH, so nothing was tested. On Debian and Ubuntu: apt-get install chromium; "
        "elsewhere: install Chromium or Google Chrome and put chromium or google-chrome on PATH.",
        returncode=1,
    )


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        yield browser
        browser.close()


@contextlib.contextmanager
def browser_with_fonts(browser, tmp_path, *folders):
    """Start another browser, whose system has these fonts and those of matplotlib, none of which is Chinese."""
    folders = [*ROOT.glob(".venv/lib/python*/site-packages/matplotlib/mpl-data/fonts/ttf"), *folders]
    (tmp_path / "fonts.conf").write_text(
        f"<fontconfig>{''.join(f'<dir>{folder}</dir>' for folder in folders)}<cachedir>{tmp_path}/cache</cachedir>"
        "</fontconfig>",
        encoding="utf-8",
    )
    environment = {**os.environ, "FONTCONFIG_FILE": str(tmp_path / "fonts.conf")}
    other = browser.browser_type.launch(executable_path=find_chromium(), args=FLAGS, env=environment)
    yield other
    other.close()


@pytest.fixture
def browser_without_chinese(browser, tmp_path):
    """A browser on a system without Chinese characters."""
    with browser_with_fonts(browser, tmp_path) as other:
        yield other


@pytest.fixture
def browser_with_chinese(browser, tmp_path):
    """A browser on a system with Chinese characters, in one of the fonts that the pages ask for by name."""
    with browser_with_fonts(browser, tmp_path, ROOT / "d2lhelpers" / "language" / "zh") as other:
        yield other


def eventually(ask, expected):
    """Ask until the answer is the expected one; what a page draws is there a little later than what it knows."""
    deadline = time.monotonic() + PATIENCE
    while (answer := ask()) != expected and time.monotonic() < deadline:
        time.sleep(0.1)
    assert answer == expected


class Watched:
    """A page, with all that went wrong in it: errors in the console, failed answers, requests to other machines."""

    def __init__(self, page, origin):
        self.page, self.origin = page, origin
        self.wrong = []
        page.on("console", lambda message: message.type == "error" and self.wrong.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: self.wrong.append(f"uncaught: {error}"))
        page.on("response", lambda answer: answer.status >= 400 and self.wrong.append(f"{answer.status} {answer.url}"))
        page.on(
            "request", lambda request: self._is_outside(request.url) and self.wrong.append(f"left for {request.url}")
        )

    def _is_outside(self, url):
        return not url.startswith((self.origin, "data:", "blob:"))


def visit(browser, url, origin, size=(1280, 900), scheme="light"):
    """Open an address in a new profile, on a screen of the size of a desk's or a phone's, which knows no mouse."""
    viewport = dict(zip(("width", "height"), size, strict=True))
    phone = size[0] < 500
    context = browser.new_context(
        viewport=viewport, color_scheme=scheme, reduced_motion="reduce", is_mobile=phone, has_touch=phone
    )
    context.set_default_timeout(1000 * PATIENCE)
    watched = Watched(context.new_page(), origin)
    watched.page.goto(url)
    return watched


def assert_it_stands_still(page, scheme):
    """Nothing moves, nothing can begin to, and the colours are those of the reader's choice."""
    assert page.evaluate("() => matchMedia('(prefers-reduced-motion: reduce)').matches")
    moving = """() => [...document.querySelectorAll("*")].filter(element => {
        const style = getComputedStyle(element);
        return style.transitionDuration != "0s" || style.animationName != "none";
    }).map(element => element.outerHTML.slice(0, 100))"""
    assert page.evaluate(moving) == []
    assert page.evaluate("() => document.getAnimations().length") == 0
    assert page.evaluate("() => document.documentElement.dataset.theme") == scheme


def wait_for_mathematics(page):
    page.wait_for_function("() => !document.querySelector('.math') || document.querySelector('mjx-container')")
    page.evaluate("() => Promise.all([window.MathJax?.startup.promise, document.fonts.ready])")


@pytest.fixture
def open_page(browser):
    """Return `visit` for this browser; what it opens is closed after the test."""
    opened = []

    def open_page(*args):
        opened.append(visit(browser, *args))
        return opened[-1]

    yield open_page
    for watched in opened:
        watched.page.context.close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="session")
def book():
    """Serve build/book, and return its address."""
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=ROOT / "build" / "book")
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@pytest.fixture
def screenshot():
    """Return a function that keeps a picture of a page for a person to look at."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    return lambda page, name: page.screenshot(path=SCREENSHOTS / f"{name}.jpeg", quality=70, full_page=True)


class Lab:
    """JupyterLab as `make lab` starts it, on copies of the notebooks, for a user who has just arrived."""

    def __init__(self, folder):
        self.folder = folder / "notebooks"
        self.progress = folder / "progress.txt"
        self._log = folder / "lab.txt"
        shutil.copytree(ROOT / "notebooks", self.folder, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
        shutil.copy(ROOT / "pyproject.toml", folder)
        (folder / "home" / ".jupyter").mkdir(parents=True)
        # JupyterLab tells a test what it knows: which cells have run, and whether all is saved.
        (folder / "home" / ".jupyter" / "jupyter_lab_config.py").write_text("c.LabApp.expose_app_in_browser = True\n")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "XDG_"))}
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        environment |= {
            "HOME": str(folder / "home"),
            "D2L_PROGRESS": str(self.progress),
            "JUPYTER_PORT": str(port),
            "BROWSER": "true",  # a command that does nothing: the tests open their own browser
        }
        # The environment has been built already, and is in another folder than the copies.
        command = [
            "make",
            "--file",
            ROOT / "Makefile",
            "--old-file",
            ROOT / ".venv/.ready",
            f"VENV={ROOT}/.venv",
            "lab",
        ]
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        self.origin, self.token = self._wait_for_address()

    def _wait_for_address(self):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self._process.poll() is None:
            if found := re.search(r"(http://127\.0\.0\.1:\d+/)\S*\?token=(\w+)", self._log.read_text()):
                return found.groups()
            time.sleep(0.2)
        raise RuntimeError(f"make lab has printed no address:\n{self._log.read_text()}")

    def stop(self):
        os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait(60)

    def ask(self, path, method="GET", token=None):
        """Return the status of the server's answer, and its text."""
        headers = {"Authorization": f"token {token}"} if token else {}
        request = urllib.request.Request(self.origin + path, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def stop_kernels(self):
        for kernel in json.loads(self.ask("api/kernels", token=self.token)[1]):
            self.ask(f"api/kernels/{kernel['id']}", "DELETE", self.token)


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    lab = Lab(tmp_path_factory.mktemp("lab"))
    yield lab
    lab.stop()


class Notebook:
    """A notebook that is open in JupyterLab, and the hands of its reader."""

    def __init__(self, watched, name, path):
        self.page, self.name, self.path, self._watched = watched.page, name, path, watched
        self.page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()
        self.page.get_by_text("| Idle").wait_for()
        self.page.add_style_tag(
            content="*, ::before, ::after {animation: none !important; transition: none !important}"
        )

    @property
    def wrong(self):
        return self._watched.wrong

    def menu(self, name, item):
        self.page.get_by_role("menuitem", name=name, exact=True).click()
        self.page.locator(".lm-Menu-itemLabel", has_text=re.compile(f"^{item}$")).click()

    @contextlib.contextmanager
    def running(self):
        """Wait at the end until all cells that were made to run, marked by a star, have run."""
        # textContent, since what is not on the screen has no innerText.
        self.page.evaluate(
            """() => {
                let started = false;
                window.cellsHaveRun = false;
                new MutationObserver((_, observer) => {
                    const prompts = [...document.querySelectorAll(".jp-InputPrompt")];
                    const waiting = prompts.some(prompt => prompt.textContent.includes("*"));
                    started ||= waiting;
                    if (started && !waiting) {
                        window.cellsHaveRun = true;
                        observer.disconnect();
                    }
                }).observe(document.querySelector(".jp-Notebook"), {subtree: true, childList: true});
            }"""
        )
        yield
        self.page.wait_for_function("() => window.cellsHaveRun", timeout=600_000)

    @contextlib.contextmanager
    def running_all(self):
        """Wait at the end until all cells have run, those included that are folded and show no star."""
        with self.running():
            yield
        # A cell gets its number when it begins; the kernel is idle when the last one has ended.
        self.page.wait_for_function(
            """() => {
                const panel = jupyterapp.shell.currentWidget;
                const cells = panel.content.widgets.map(cell => cell.model).filter(cell => cell.type == "code");
                return cells.every(cell => cell.executionCount) && panel.sessionContext.session.kernel.status == "idle";
            }""",
            timeout=600_000,
        )

    def run_all(self):
        with self.running_all():
            self.menu("Run", "Run All Cells")

    def restart_and_run_all(self):
        self.menu("Kernel", "Restart Kernel and Run All Cells…")
        with self.running_all():
            self.page.get_by_role("button", name="Confirm Kernel Restart").click()

    def save(self):
        """Save the notebook, and return its cells of code as they are in the file now."""
        self.menu("File", "Save Notebook")
        self.page.wait_for_function("() => !jupyterapp.shell.currentWidget.context.model.dirty")
        cells = json.loads(self.path.read_text(encoding="utf-8"))["cells"]
        return [cell for cell in cells if cell["cell_type"] == "code"]

    def cell(self, code):
        """Return the first cell of code that contains `code` in the file."""
        cells = json.loads(self.path.read_text(encoding="utf-8"))["cells"]
        (cell, *_) = [cell["id"] for cell in cells if cell["cell_type"] == "code" and code in "".join(cell["source"])]
        # JupyterLab knows where it is now: others may have been added.
        place = self.page.evaluate(
            """id => {
                const cells = jupyterapp.shell.currentWidget.content.widgets.map(cell => cell.model);
                return cells.filter(cell => cell.type == "code").findIndex(cell => cell.id == id);
            }""",
            cell,
        )
        assert place >= 0, f"{self.name} has lost the cell {cell}"
        return self.page.locator(".jp-CodeCell").nth(place)

    def rewrite(self, cell, code):
        """Type new code in place of the old one, and run it."""
        self.show(cell.locator(".cm-content"))
        cell.locator(".cm-content").click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.type(code)
        self.run(cell)

    def run(self, cell):
        self.show(cell.locator(".cm-content"))
        cell.locator(".cm-content").click()
        with self.running():
            self.page.keyboard.press("Control+Enter")

    def drag(self, slider, share):
        """Drag the handle of a slider to a share of its length."""
        self.show(slider.locator(".noUi-handle"))
        track, handle = slider.locator(".noUi-base").bounding_box(), slider.locator(".noUi-handle").bounding_box()
        self.page.mouse.move(handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2)
        self.page.mouse.down()
        self.page.mouse.move(track["x"] + share * track["width"], track["y"] + track["height"] / 2, steps=10)
        self.page.mouse.up()

    def draw(self, paper, strokes):
        """Draw strokes, lists of points from 0 to 1, on an element of the page."""
        for places in self._places(paper, strokes):
            self.page.mouse.move(*places[0])
            self.page.mouse.down()
            for place in places[1:]:
                self.page.mouse.move(*place, steps=8)
            self.page.mouse.up()

    def draw_with_a_finger(self, paper, strokes):
        """Draw strokes on a screen that is touched."""
        touch = self.page.context.new_cdp_session(self.page)
        for places in self._places(paper, strokes):
            for event, (x, y) in zip(["touchStart", *["touchMove"] * len(places)], places, strict=False):
                touch.send("Input.dispatchTouchEvent", {"type": event, "touchPoints": [{"x": x, "y": y}]})
            touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        touch.detach()

    def _places(self, paper, strokes):
        self.show(paper)
        box = paper.bounding_box()
        return [[(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke] for stroke in strokes]

    @contextlib.contextmanager
    def window(self, width, height):
        """Make the window of another size, and give the height of what it shows of the notebook."""
        size = self.page.viewport_size
        self.page.set_viewport_size({"width": width, "height": height})
        yield self.page.locator(".jp-WindowedPanel-outer").bounding_box()["height"]
        self.page.set_viewport_size(size)

    def show(self, element):
        """Scroll until an element of a cell is in view and stands still.

        JupyterLab draws what is on the screen; of what is not, only the cell can be scrolled to. When the window has
        got another size, it lays out its cells anew, and what was scrolled to before may be elsewhere then, and hidden.
        """
        deadline = time.monotonic() + PATIENCE
        while True:
            element.evaluate("element => element.closest('.jp-Cell').scrollIntoView({block: 'nearest'})")
            try:
                return element.hover(trial=True, timeout=2000)
            except NotInTime:
                if time.monotonic() > deadline:
                    raise

    def screenshot_of(self, cell, name):
        """Keep a picture of the window with the output of a cell in it."""
        self.show(cell.locator(".jp-OutputArea"))
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png")

    @contextlib.contextmanager
    def on_a_high_screen(self):
        """Have the whole notebook on the screen at once; JupyterLab draws what is there."""
        size = self.page.viewport_size
        outer = self.page.locator(".jp-WindowedPanel-outer")
        self.page.set_viewport_size({**size, "height": outer.evaluate("outer => outer.scrollHeight") + 150})
        outer.evaluate("outer => outer.scrollTo(0, 0)")
        self.page.wait_for_function("() => !document.querySelector('.jp-Cell-Placeholder')")
        self.page.wait_for_function("() => [...document.images].every(image => image.complete)")
        yield
        self.page.set_viewport_size(size)

    def screenshot(self, name):
        """Keep a picture of the whole notebook."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        with self.on_a_high_screen():
            self.page.screenshot(path=SCREENSHOTS / f"{name}.png")


@contextlib.contextmanager
def opened(name, browser, lab):
    """Open the notebook of a name in JupyterLab, in a new profile; those of the Chinese edition are called zh/NAME."""
    # The server keeps what was open last; a reset is what makes a new profile new for it, too.
    url = f"{lab.origin}lab/tree/{name}.ipynb?reset&token={lab.token}"
    notebook = Notebook(visit(browser, url, lab.origin, (1400, 1000)), name, lab.folder / f"{name}.ipynb")
    yield notebook
    notebook.page.context.close()
    lab.stop_kernels()


@pytest.fixture(scope="module")
def notebook(request, browser, lab):
    """Open a notebook of the repository for all tests of a module that name it."""
    with opened(request.param, browser, lab) as notebook:
        yield notebook


@pytest.fixture
def new_notebook(browser, lab):
    """Open a notebook with one empty cell, as a learner makes one beside ours."""
    cell = {"cell_type": "code", "id": "first", "execution_count": None, "metadata": {}, "outputs": [], "source": ""}
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    content = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": [cell]}
    (lab.folder / "mine.ipynb").write_text(json.dumps(content))
    with opened("mine", browser, lab) as notebook:
        yield notebook
    (lab.folder / "mine.ipynb").unlink()
