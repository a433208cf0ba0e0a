"""Where the data lie: in the package, so that a wheel has them, too."""

import subprocess
import sys
import zipfile
from datetime import date
from pathlib import Path

import pytest
from test_containers import copied

ROOT = Path(__file__).resolve().parent.parent
STARTUP = {"d2lhelpers_startup.py", "d2lhelpers_startup.pth"}
NEEDED = {"pyproject.toml", "README.md", "LICENSE", *STARTUP}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build the package as a wheel, with the hatchling that is installed, and return its path."""
    folder = tmp_path_factory.mktemp("wheel")
    for path in copied(ROOT, "."):
        if path.parts[0] == "d2lhelpers" or path.name in NEEDED:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes((ROOT / path).read_bytes())
    code = "from hatchling import build; print(build.build_wheel('.'))"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    return folder / done.stdout.splitlines()[-1]


def test_a_wheel_holds_all_modules_and_the_data(wheel):
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    (defaults,) = [name for name in names if ".data/" in name]  # of JupyterLab, for the environment
    assert defaults.endswith(".data/data/share/jupyter/lab/settings/overrides.d/d2lhelpers.json")
    package = {str(path) for path in copied(ROOT, ".") if path.parts[0] == "d2lhelpers"}
    assert names == package | STARTUP | {defaults}
    assert {"d2lhelpers/digits.npz", "d2lhelpers/auto_mpg.csv"} <= names


def test_without_the_repository(wheel, tmp_path):
    """Digits and cars are found, and downloads go into the home folder, not among the installed packages."""
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = (
        "from d2lhelpers import files as f, load_auto_mpg, load_digits; load_digits(8)\n"
        "assert len(load_auto_mpg()['name']) == 398\n"
        "print(f.__file__, f.data_folder(), f.DIGITS, sep='|')"
    )
    env = {"HOME": str(tmp_path / "home"), "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
    )
    file, data, digits = map(Path, done.stdout.strip().split("|"))
    assert file == tmp_path / "d2lhelpers" / "files.py"
    assert data == tmp_path / "home" / ".d2lhelpers-data"
    assert digits == tmp_path / "d2lhelpers" / "digits.npz"


def test_a_wheel_asks_the_questions_of_the_notebooks_without_them(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path)
    (tmp_path / "progress.txt").write_text("01.2\n")
    code = "import d2lhelpers as dh\nfor name in ('en', 'zh'):\n    dh.set_language(name)\n    dh.review()"
    env = {"HOME": str(tmp_path), "PYTHONPATH": str(tmp_path), "D2L_PROGRESS": str(tmp_path / "progress.txt")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, encoding="utf-8", check=True
    )
    for name in ("notebooks", "notebooks/zh"):
        text = (ROOT / name / "01_linear_regression.ipynb").read_text(encoding="utf-8")
        heading = text[text.index("### 01.2 ") :].partition("\\n")[0]
        assert f"{heading}\n" in done.stdout


def test_in_the_repository(monkeypatch):
    monkeypatch.delenv("D2L_DATA", raising=False)
    from d2lhelpers import files

    assert files.data_folder() == ROOT / "data"


@pytest.fixture
def homeless(monkeypatch):
    monkeypatch.delenv("HOME")
    monkeypatch.delenv("D2L_DATA", raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda uid: {}[uid])


def test_without_a_home_folder(homeless, monkeypatch, tmp_path):
    from d2lhelpers import files

    assert files.data_folder() == ROOT / "data"
    assert files.data_folder(tmp_path) == tmp_path
    with pytest.raises(FileNotFoundError, match=r"this user has no home folder; .* HOME, .*export HOME="):
        files.data_folder("~/data")
    monkeypatch.setattr(files, "PACKAGE", tmp_path / "package")
    with pytest.raises(FileNotFoundError, match="no home folder"):
        files.data_folder()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert files.data_folder() == tmp_path / ".d2lhelpers-data"
    assert files.data_folder("~/data") == tmp_path / "data"


def test_an_installed_package_is_imported_without_a_home_folder(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = (
        "import pwd\ndef unknown(uid):\n    raise KeyError(uid)\npwd.getpwuid = unknown\n"
        "import d2lhelpers as dh; dh.load_digits(8)\n"
        "try:\n    dh.load_fashion_mnist(8)\nexcept FileNotFoundError as error:\n    print(error)"
    )
    env = {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("this user has no home folder; ")


def test_progress_without_a_home_folder(homeless, monkeypatch, capsys):
    from d2lhelpers.exercises import solved

    monkeypatch.delenv("D2L_PROGRESS")
    assert solved.read() == {}
    assert not solved.add("01.1", date(2026, 3, 1))
    assert capsys.readouterr().out.startswith("(this could not be noted since this user has no home folder; ")
