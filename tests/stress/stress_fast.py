"""The fast way of training against the plain one, many thousand times: a quarter of an hour; `make stress` runs it."""

import os
import subprocess
import sys
from pathlib import Path

EXAMPLES = 20_000
TESTS = Path(__file__).resolve().parent.parent / "test_fast.py"


def test_both_ways_are_equal_for_thousands_of_drawn_cases():
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--numprocesses=auto",
        "--dist=load",
        "-p",
        "no:cacheprovider",
        TESTS,
    ]
    done = subprocess.run(
        command, env=os.environ | {"D2L_EXAMPLES": str(EXAMPLES)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
