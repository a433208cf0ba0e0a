"""Run all tests on several Pythons, each in an environment of its own, and end in a table of how it went.

Each argument is a version of Python, or ``lowest``: the oldest one, with the oldest NumPy. A Python that is neither on
this machine nor can be fetched by uv is taken from a Debian in build/debian, where one can be made (Linux, root,
debootstrap); the tests then run in there. The table names those that could not be had. Exit status 0 says that there
was one, and that no test failed on any.
"""

import subprocess
import sys
import xml.etree.ElementTree
from pathlib import Path

import debian

ROOT = Path(__file__).resolve().parent.parent
REPORTS = ROOT / "build"
COLUMNS = ("Python", "NumPy", "IPython", "matplotlib", "passed")
VERSIONS = """
import platform
from importlib.metadata import version
print(platform.python_version(), *(version(name) for name in ("numpy", "ipython", "matplotlib")))
"""


def build(name):
    """Have make build the environment for `name`; return its interpreter, or else None and what make said."""
    venv = f".venv-{name}"
    arguments = [] if name == "lowest" else [f"PYTHON={name}"]
    command = ["make", "--silent", *arguments, f"{venv}/.ready"]
    done = subprocess.run(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, check=False)
    print(done.stderr, end="", file=sys.stderr)
    return (ROOT / venv / "bin" / "python" if done.returncode == 0 else None), done.stderr


PACKAGES = ["ca-certificates", "libgomp1", "libquadmath0", "make", "python3", "python3-venv"]


def run_in_debian(name):
    """Run all tests on one Python of Debian; return what `run` returns."""
    try:
        machine = debian.Debian(ROOT / "build" / "debian", "sid", "amd64", PACKAGES)
        machine.install(f"python{name}", f"python{name}-venv")
    except debian.Unavailable as error:
        print(error, file=sys.stderr)
        return (name, "", "", "", "not here, and could not be fetched"), None
    machine.copy("d2l")
    script = f"""
        cd /d2l && mkdir -p build && rm -f build/tests-{name}.xml &&
        make --silent PYTHON={name} .venv-{name}/.ready &&
        .venv-{name}/bin/python -c '{VERSIONS}' > build/versions-{name} &&
        .venv-{name}/bin/python -m pytest --junitxml=build/tests-{name}.xml
    """
    done = machine.run("sh", "-c", script)
    build = machine.folder / "d2l" / "build"
    versions = build / f"versions-{name}"
    if not versions.exists():
        return (name, "", "", "", "none: its environment could not be built"), False
    return result(versions.read_text().split(), build / f"tests-{name}.xml", done.returncode)


def count(report):
    """Return how many tests passed, and how many were run."""
    outcomes = [{child.tag for child in case} for case in xml.etree.ElementTree.parse(report).iter("testcase")]
    was_run = [tags for tags in outcomes if "skipped" not in tags]
    return sum(not tags & {"failure", "error"} for tags in was_run), len(was_run)


def run(name):
    """Run all tests on one Python; return its row, and whether all went well: True, False, or None if it is missing."""
    python, said = build(name)
    if python is None:
        if "uv could fetch none" in said:
            return run_in_debian(name)
        return (name, "", "", "", "none: its environment could not be built"), False
    versions = subprocess.run([python, "-c", VERSIONS], capture_output=True, text=True, check=True).stdout.split()
    report = REPORTS / f"tests-{name}.xml"
    report.unlink(missing_ok=True)
    done = subprocess.run([python, "-m", "pytest", f"--junitxml={report}"], cwd=ROOT, check=False)
    return result(versions, report, done.returncode)


def result(versions, report, status):
    """Return the row of a Python whose tests were run, and whether all went well."""
    if not report.exists():
        return (*versions, "none: pytest broke off"), False
    passed, tests = count(report)
    return (*versions, f"{passed} of {tests}"), status == 0


def table(rows):
    """Return `rows` as lines, their cells one below the other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def main(names):
    """Run all tests on each of `names`, print the table, and return the exit status."""
    rows, results = [COLUMNS], []
    for name in names:
        print(f"\n== {name}", flush=True)
        row, result = run(name)
        rows.append(row)
        results.append(result)
    print(f"\n{table(rows)}")
    return 0 if True in results and False not in results else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
