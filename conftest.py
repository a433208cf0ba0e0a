"""For all tests, those of the notebooks included: nothing may touch what a learner has solved."""

import os
import tempfile

# The kernels of the notebooks inherit this. It is set when pytest starts, in each of its workers.
os.environ["D2L_PROGRESS"] = os.path.join(tempfile.gettempdir(), f"d2l-progress-of-tests-{os.getpid()}.txt")

# Hypothesis keeps what it has found; it does so while tests are collected.
os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = os.path.join(tempfile.gettempdir(), f"d2l-hypothesis-{os.getpid()}")

# They need an environment of their own, which `make test-browser` builds.
collect_ignore = ["tests/browser"]
