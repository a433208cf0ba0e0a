"""How long imports take, on each Python: ``python benchmarks/imports.py [PYTHON ...]``.

Without arguments: this Python, and those of all environments that make has built. The processes are interleaved, and
medians are compared. "As it is" is MXNet with all that it imports and makes by itself; what it would not work without
is given to it: numpy's lost names, and from CPython 3.12 on distutils.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
AS_IT_IS = """
import sys
from d2lhelpers import compat
given = ("numpy", "distutils", "multiprocessing") if sys.version_info >= (3, 12) else ("numpy",)
compat._INSTEAD = {name: compat._INSTEAD[name] for name in given if name in compat._INSTEAD}
compat._PARTS = ()
compat.internal_operators.postpone = lambda base: None
"""
NAMES = "from d2lhelpers import accuracy, load_array, load_data, softmax, train, try_gpu"  # one of each module
CODES = {
    "as it is": f"{AS_IT_IS}{NAMES}",
    "d2lhelpers": NAMES,
    "mxnet": "import mxnet",
    "numpy": "import numpy",
}
HEAD = ["Python", "`d2lhelpers`", "MXNet as it is: times ours", "beyond `mxnet`", "start of Python"]


def seconds(python, code):
    """Return how long a new process takes that runs some code."""
    start = time.perf_counter()
    subprocess.run([python, "-W", "ignore", "-c", code], cwd=ROOT, check=True)
    return time.perf_counter() - start


def startup_milliseconds(python):
    """Return by how much the start of Python is longer for the module that waits for MXNet, as Python measures it."""
    command = [python, "-X", "importtime", "-c", ""]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    said = subprocess.run(command, cwd="/", env=env, capture_output=True, text=True, check=True).stderr
    return int(re.search(r"(\d+) \| *d2lhelpers_startup$", said, re.MULTILINE).group(1)) / 1000


def measure(python, repeats):
    """Return the cells of a Python's row."""
    times = {name: [] for name in CODES}
    starts = []
    for _ in range(repeats + 1):  # the first round warms up
        for name, code in CODES.items():
            times[name].append(seconds(python, code))
        starts.append(startup_milliseconds(python))
    median = {name: statistics.median(values[1:]) for name, values in times.items()}
    version = subprocess.run([python, "-V"], capture_output=True, text=True, check=True).stdout.split()[1]
    return [
        version,
        f"{median['d2lhelpers']:.2f} s",
        f"{median['as it is'] / median['d2lhelpers']:.2f}",
        f"{median['d2lhelpers'] - median['mxnet']:.2f} s",
        f"{statistics.median(starts[1:]):.2f} ms",
    ]


def environments():
    """Return the Pythons of the environments that make has built, this one first."""
    others = sorted(path for path in ROOT.glob(".venv-3.*/bin/python") if str(path) != sys.executable)
    return [sys.executable, *map(str, others)]


def main():
    """Print a row for each Python."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("pythons", nargs="*", help="interpreters (default: all that make has built)")
    parser.add_argument("--repeats", type=int, default=7, help="timed processes of each kind (default: 7)")
    arguments = parser.parse_args()
    for row in [HEAD, ["---", *["---:"] * (len(HEAD) - 1)]]:
        print(f"| {' | '.join(row)} |")
    for python in map(os.path.abspath, arguments.pythons or environments()):
        print(f"| {' | '.join(measure(python, arguments.repeats))} |", flush=True)


if __name__ == "__main__":
    main()
