"""What mends an environment: each kind has its own advice, of commands that there are."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from d2lhelpers import remedies

import pytest

ROOT = Path(__file__).resolve().parent.parent
LOOK = "from d2lhelpers import remedies as r; print(r.environment(), r.put_back(), r.rebuild(), sep='|')"


@pytest.fixture
def checkout(tmp_path):
    """A folder with what the advice depends on, as in a new clone."""
    root = (tmp_path / "a clone").resolve()
    shutil.copytree(ROOT / "d2lhelpers", root / "d2lhelpers", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("d2lhelpers_startup.py", "requirements.lock", "pyproject.toml", "Makefile"):
        shutil.copy(ROOT / name, root)
    return root


def new_python(folder, *options):
    """Make an empty environment, and return its Python."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", *options, folder], check=True)
    return folder / "bin" / "python"


def ask(python, root, cwd=None):
    """Return what an environment is taken for, and the two kinds of advice for it."""
    env = {"PYTHONPATH": str(root)}
    done = subprocess.run([python, "-c", LOOK], cwd=cwd or root, env=env, capture_output=True, text=True, check=True)
    return tuple(done.stdout.strip().split("|"))


def install_d2lhelpers(python):
    """Let an environment have the metadata of the package, as pip leaves them."""
    (site,) = python.parent.parent.glob("lib/python*/site-packages")
    (site / "d2lhelpers-0.1.0.dist-info").mkdir()
    (site / "d2lhelpers-0.1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: d2lhelpers\nVersion: 0.1.0\n"
    )


def test_a_new_clone_and_a_python_in_which_nothing_was_prepared(checkout, tmp_path):
    python = new_python(tmp_path / "system")
    assert ask(python, checkout) == ("none", "run make lab", "run make lab")
    elsewhere = f"in {checkout}, run make lab"
    assert ask(python, checkout, cwd=tmp_path) == ("none", elsewhere, elsewhere)


def test_an_environment_of_make_whose_building_was_interrupted(checkout):
    assert ask(new_python(checkout / ".venv"), checkout) == ("none", "run make lab", "run make lab")


def test_an_environment_of_make_whose_python_is_gone(checkout, tmp_path):
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / ".venv" / "bin" / "python").symlink_to(tmp_path / "gone")
    (checkout / ".venv" / ".ready").touch()
    advice = "run rm -r .venv, then make lab"
    assert ask(new_python(tmp_path / "system"), checkout) == ("none", advice, advice)


@pytest.mark.parametrize(
    ("name", "put_back", "build"),
    [
        (".venv", "make mend", "make lab"),
        (".venv-3.13", "make mend VENV=.venv-3.13", "make lab PYTHON=3.13"),
        (".venv-lowest", "rm -r .venv-lowest, then make test-lowest", "make test-lowest"),
    ],
)
def test_an_environment_of_make(checkout, name, put_back, build):
    python = new_python(checkout / name)
    (checkout / name / ".ready").touch()
    assert ask(python, checkout) == ("make", f"run {put_back}", f"run rm -r {name}, then {build}")


@pytest.mark.parametrize("folder", ["env", "a clone/.venv-of-mine"])
@pytest.mark.parametrize("has_pip", [True, False])
def test_an_environment_of_the_user(checkout, tmp_path, folder, has_pip):
    python = new_python(tmp_path / folder)
    install_d2lhelpers(python)
    if has_pip:
        (site,) = python.parent.parent.glob("lib/python*/site-packages")
        (site / "pip.py").touch()
    requirements = "-r requirements.txt" if sys.version_info < (3, 13) else "--no-deps -r requirements.lock"
    quoted = f"'{python}'" if " " in str(python) else str(python)
    pip = f"{quoted} -m pip install" if has_pip else f"uv pip install --python {quoted}"
    kind, put_back, rebuild = ask(python, checkout)
    assert (kind, put_back) == ("pip", f"run {pip} {requirements}")
    assert rebuild == "install it anew, in an environment of its own (book/install.md says how)"
    assert f"pip install {requirements}\n" in (ROOT / "book" / "install.md").read_text(encoding="utf-8")


def test_outside_of_the_repository(checkout, tmp_path):
    (checkout / "requirements.lock").unlink()
    advice = "install it anew, in an environment of its own"
    assert ask(new_python(tmp_path / "system"), checkout) == ("elsewhere", advice, advice)


def test_this_environment():
    """The one that runs the tests was built in one of the ways that are told, and lacks nothing."""
    assert remedies.environment() in ("make", "pip")
    assert not remedies.nothing_is_installed()
    assert remedies.version_of("mxnet") == "1.9.1"
    assert remedies.version_of("no-such-package") is None


def test_commands_of_make_that_are_advised_are_targets():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    advised = set(re.findall(r'"make ([a-z-]+)', (ROOT / "d2lhelpers" / "remedies.py").read_text(encoding="utf-8")))
    assert advised >= {"lab", "mend"}
    for target in advised:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
