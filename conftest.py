"""For all tests, those of the notebooks included: nothing may touch what a learner has solved."""

import gc
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

# The kernels of the notebooks inherit this. It is set when pytest starts, in each of its workers.
PROGRESS = Path(tempfile.gettempdir(), f"d2l-progress-of-tests-{os.getpid()}.txt")
os.environ["D2L_PROGRESS"] = str(PROGRESS)

# They are written for English, whatever the locale; what is said in Chinese is asked for in the tests themselves.
os.environ["D2L_LANGUAGE"] = "en"

# Hypothesis keeps what it has found; it does so while tests are collected.
FOUND = Path(tempfile.gettempdir(), f"d2l-hypothesis-{os.getpid()}")
os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(FOUND)

# Workers that run side by side share the cores out: threads that wait for a core take time from each other.
if "PYTEST_XDIST_WORKER_COUNT" in os.environ:
    share = (os.cpu_count() or 1) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, share)))

# The figures in the notebooks are compared, too, wherever pytest was started.
sys.path.append(str(Path(__file__).parent / "tests"))
pytest_plugins = ["pictures_in_notebooks"]

# They need an environment of their own, which `make test-browser` builds.
collect_ignore = ["tests/browser"]


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_xdist_auto_num_workers():
    """Take one worker more than xdist counts cores: some tests wait, for a time limit or for another process."""
    return (yield) + ("PYTEST_XDIST_AUTO_NUM_WORKERS" not in os.environ)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish():
    """Leave thousands of tests, which stay to the end, out of each search for garbage."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure():
    """Leave nothing behind: each run, and each of its workers, has names of its own."""
    shutil.rmtree(FOUND, ignore_errors=True)
    PROGRESS.unlink(missing_ok=True)


def pytest_configure(config):
    """Tell nbval, wherever pytest was started, what may change in a stored output."""
    if getattr(config.option, "nbval_sanitize_with", "") is None:
        config.option.nbval_sanitize_with = str(Path(__file__).parent / "tests" / "sanitize.cfg")
