"""A progress bar is drawn where it can be seen, and nowhere else."""

import os
import subprocess
import sys

from d2lhelpers.progress_bars import progress_bar

import pytest
from jupyter_client.manager import run_kernel

SCRIPT = """\
from d2lhelpers.progress_bars import progress_bar
with progress_bar(range(3), "a bar") as bar:
    for _ in bar:
        pass
print("a line")
"""


def test_no_bar_in_what_is_kept(capsys):
    with progress_bar(total=2) as bar:
        bar.update()
    assert capsys.readouterr() == ("", "")


def test_no_bar_without_an_output(capfd, monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    with progress_bar(total=2) as bar:
        bar.update()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("disable", [False, True])
def test_a_bar_on_a_terminal_that_goes_away(capsys, monkeypatch, disable):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    with progress_bar(total=2, desc="a bar", disable=disable) as bar:
        bar.update()
    out, err = capsys.readouterr()
    assert (err, "a bar: " in out) == ("", not disable)
    assert out.rsplit("\r", 1)[-1] == ""


def test_a_bar_in_a_notebook():
    heard = []
    with run_kernel(kernel_name="python3", startup_timeout=120) as client:
        client.execute_interactive(SCRIPT, timeout=120, output_hook=heard.append)
    printed = "".join(message["content"]["text"] for message in heard if message["msg_type"] == "stream")
    assert "\ra bar: " in printed
    assert printed.endswith("\ra line\n")


def on_a_terminal(command, folder):
    """Run a command in a terminal of its own, and return what it shows there."""
    ours, its = os.openpty()
    process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=its)
    os.close(its)
    shown = b""
    try:
        while part := os.read(ours, 2**16):
            shown += part
    except OSError:  # how Linux says that nobody writes any more
        pass
    os.close(ours)
    assert process.wait() == 0
    return shown.decode("utf-8")


def test_workers_draw_bars_where_their_launcher_is_looked_at(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "d2lhelpers.launch", "--workers", "1", "script.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("[0] a line\n", "")
    shown = on_a_terminal(command, tmp_path)
    assert "\r[0] a bar: " in shown
    assert shown.endswith("[0] a line\r\n")
