"""What the Makefile does before it installs anything: explain, refuse, mend. Its uv only notes what it is told."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14", "3.15")

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")


class Clone:
    """A copy of what make needs, and a uv beside it that notes its arguments and may fail."""

    def __init__(self, folder):
        self.folder = folder / "clone"
        self.folder.mkdir()
        for path in ROOT.glob("*"):
            if path.name == "Makefile" or path.suffix in (".lock", ".toml"):
                shutil.copy(path, self.folder)
        self.uv = folder / "path" / "uv"
        self.uv.parent.mkdir()
        self.let_uv("exit 0")

    def let_uv(self, script):
        self.uv.write_text(f'#!/bin/sh\necho "$@" >> {self.uv.parent}/said\n{script}\n')
        self.uv.chmod(0o755)

    def make(self, *arguments):
        env = {name: value for name, value in os.environ.items() if not name.startswith(("UV_", "MAKE"))}
        env["PATH"] = f"{self.uv.parent}:{env['PATH']}"
        return subprocess.run(
            ["make", *arguments], cwd=self.folder, env=env, capture_output=True, text=True, check=False
        )

    @property
    def said(self):
        path = self.uv.parent / "said"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def clone(tmp_path):
    return Clone(tmp_path)


def script(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return path


# help


def test_help_has_two_groups(clone):
    said = clone.make().stdout
    _, learners, authors = re.split(r"\n\n(?=For )", said)
    groups = [re.findall(r"^  make ([a-z-]+) +\S", group, re.MULTILINE) for group in (learners, authors)]
    assert learners.startswith("For learners")
    assert authors.startswith("For authors")
    assert set(groups[0]) == {"help", "lab", "doctor", "mend", "test", "run", "book", "clean"}
    assert {"store", "lint", "lock", "test-all", "bench"} <= set(groups[1])
    explained = groups[0] + groups[1]
    phony = re.search(r"^\.PHONY: (.*)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE).group(1).split()
    assert sorted(explained) == sorted(phony)
    assert not re.search(r"[#|]", said)


# PYTHON


@pytest.mark.parametrize(
    ("python", "words"),
    [
        ("3.9", "Python 3.9 is too old: the notebooks run on Python 3.10 to 3.15."),
        ("3.9.18", "Python 3.9.18 is too old"),
        ("2.7", "Python 2.7 is too old"),
        ("3.16", "Python 3.16 is too new: the notebooks run on Python 3.10 to 3.15."),
        ("4.0", "Python 4.0 is too new"),
        ("3", "Python 3 is not a CPython that is known here"),
        ("3.13t", "Python 3.13t is not a CPython that is known here"),
        (
            "/no/such/python",
            "/no/such/python is no Python that can be run: PYTHON is a version, as in PYTHON=3.15, or the path",
        ),
    ],
)
@pytest.mark.parametrize("target", ["lab", "test"])
def test_a_python_that_is_refused(clone, python, words, target):
    done = clone.make(target, f"PYTHON={python}")
    assert done.returncode == 2
    assert done.stderr.startswith(f"make: {words}")
    first, *others = done.stderr.splitlines()
    assert all(line.startswith("make: ***") for line in others)  # make's own
    assert "PYTHON=3.15" in first
    assert clone.said == []


@pytest.mark.parametrize(("version", "why"), [("3.9", "too old"), ("3.16", "too new"), ("PyPy3.10", "not a CPython")])
def test_an_interpreter_that_is_refused(clone, tmp_path, version, why):
    python = script(tmp_path / "bin" / "python", f"echo {version}")
    done = clone.make("lab", f"PYTHON={python}")
    assert done.returncode == 2
    assert done.stderr.startswith(f"make: Python {version} is {why}")
    assert clone.said == []


def test_a_path_with_a_space_is_refused(clone, tmp_path):
    python = script(tmp_path / "a folder" / "python", "echo 3.11")
    done = clone.make("lab", f"PYTHON={python}")
    assert done.returncode == 2
    assert f'PYTHON is "{python}", and may have no space in it: name a link to that interpreter' in done.stderr
    (tmp_path / "python3.11").symlink_to(python)
    clone.make("lab", f"PYTHON={tmp_path / 'python3.11'}")
    assert clone.said[0].startswith(f"venv --quiet --clear --python {tmp_path / 'python3.11'} ")


@pytest.mark.parametrize("python", [*PYTHONS, "3.12.4", sys.executable, "{name}"])
def test_a_python_that_is_taken(clone, python):
    python = python.format(name=f"python{sys.version_info[0]}.{sys.version_info[1]}")
    if "/" not in python and python.startswith("python") and shutil.which(python) is None:
        pytest.skip(f"there is no {python} on PATH")
    clone.let_uv("exit 1")
    done = clone.make("lab", f"PYTHON={python}")
    assert clone.said == [f"venv --quiet --clear --python {python} .venv-{Path(python).name}"]
    assert f"make: no CPython {python} here and uv could fetch none" in done.stderr


def test_the_python_of_make_is_taken(clone):
    clone.make("lab")
    assert clone.said[0].startswith("venv ")
    assert clone.said[1].startswith("pip sync ")


# mend


def test_there_is_nothing_to_mend(clone):
    done = clone.make("mend")
    assert done.returncode == 2
    assert done.stderr.startswith("make: there is no environment in .venv to mend: run make lab")
    assert clone.said == []


@pytest.mark.parametrize("arguments", [[], ["VENV=.venv-3.13"], ["PYTHON=3.13"]])
@pytest.mark.parametrize("all_is_kept", [True, False])
def test_mend_keeps_the_environment(clone, arguments, all_is_kept):
    """It asks uv to put packages back, without a network if uv has kept them all; nothing is removed."""
    name = ".venv-3.13" if arguments else ".venv"
    script(clone.folder / name / "bin" / "python")
    (clone.folder / name / ".ready").touch()
    clone.let_uv("exit 0" if all_is_kept else 'case "$*" in *--offline*) echo "not here" >&2; exit 1;; esac')
    done = clone.make("mend", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "All packages are in place again: make doctor looks once more."
    assert [" --offline" in line for line in clone.said] == [True, *[False] * (3 - all_is_kept)]
    assert all(line.startswith("pip install ") and f"--python {name}/bin/python" in line for line in clone.said)
    assert sum("--requirement requirements.lock" in line and "--require-hashes" in line for line in clone.said) in (
        1,
        2,
    )
    assert sum("--editable ." in line for line in clone.said) == 1
    assert (clone.folder / name / ".ready").exists()


def test_what_cannot_be_mended_is_said(clone):
    script(clone.folder / ".venv" / "bin" / "python")
    clone.let_uv("echo 'no network' >&2; exit 1")
    done = clone.make("mend")
    assert done.returncode == 2
    assert done.stderr.startswith("no network\nmake: ***")
    assert "in place again" not in done.stdout
