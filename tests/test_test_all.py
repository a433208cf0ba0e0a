import importlib.util
import os
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tools"))  # where it finds what it imports
SPEC = importlib.util.spec_from_file_location("test_all", ROOT / "tools" / "test_all.py")
test_all = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(test_all)
debian = test_all.debian

REPORT = """<testsuites><testsuite>
<testcase name="good"/><testcase name="loud"><system-out>text</system-out></testcase>
<testcase name="bad"><failure message="no"/></testcase><testcase name="broken"><error message="no"/></testcase>
<testcase name="elsewhere"><skipped message="not here"/></testcase>
</testsuite></testsuites>"""


def test_count(tmp_path):
    report = tmp_path / "report.xml"
    report.write_text(REPORT)
    assert test_all.count(report) == (2, 4)


def test_table():
    rows = [("Python", "NumPy", "passed"), ("3.10.13", "1.23.5", "12 of 12"), ("3.99", "", "not here")]
    assert test_all.table(rows) == (
        "Python   NumPy   passed\n"  # the columns begin below each other
        "3.10.13  1.23.5  12 of 12\n"
        "3.99             not here"
    )


@pytest.fixture
def uv(monkeypatch, tmp_path):
    """A uv that fails, if asked for the given command, on a machine that can make no Debian."""
    monkeypatch.setattr(debian, "missing", lambda architecture: ["a superuser"])

    def install(command):
        (tmp_path / "uv").write_text(f'#!/bin/sh\n[ "$1" != {command} ]\n')
        (tmp_path / "uv").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    if shutil.which("make") is None:
        pytest.skip("there is no make")
    return install


def test_a_python_that_is_missing_is_named(uv, capfd):
    """It is no failure, unless there was no other."""
    uv("venv")
    assert test_all.run("3.11.99") == (("3.11.99", "", "", "", "not here, and could not be fetched"), None)
    assert test_all.main(["3.11.99"]) == 1
    out, err = capfd.readouterr()
    assert out.splitlines()[-1].split(maxsplit=1) == ["3.11.99", "not here, and could not be fetched"]
    assert "install python3.11.99" in err
    assert "a Debian for amd64 in debian needs a superuser" in err


def test_an_environment_that_cannot_be_built_is_a_failure(uv):
    uv("pip")
    assert test_all.run("3.11.99") == (("3.11.99", "", "", "", "none: its environment could not be built"), False)


@pytest.mark.parametrize(
    ("results", "status"), [([True, True], 0), ([True, None], 0), ([True, False], 1), ([None], 1), ([False, None], 1)]
)
def test_status(monkeypatch, results, status):
    left = iter(results)
    monkeypatch.setattr(test_all, "run", lambda name: ((name, "", "", "", ""), next(left)))
    assert test_all.main([str(i) for i in range(len(results))]) == status


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git to list what belongs to the project")
def test_what_an_earlier_copy_has_left_in_a_debian_goes(tmp_path):
    machine = object.__new__(debian.Debian)  # without what takes a superuser
    machine.folder = tmp_path
    kept = [".venv-3.14/.ready", "build/tests-3.14.xml"]
    gone = ["tests/test_of_yesterday.py", "yesterday.py"]
    for name in kept + gone:
        (tmp_path / "d2l" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "d2l" / name).touch()
    machine.copy("d2l")
    assert [name for name in kept + gone if (tmp_path / "d2l" / name).exists()] == kept
    assert (tmp_path / "d2l" / "tests" / Path(__file__).name).read_bytes() == Path(__file__).read_bytes()
