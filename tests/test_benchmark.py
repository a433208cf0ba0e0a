"""The benchmark says which images it was run on, and they are those."""

import gzip
import hashlib
import os
import sys
from pathlib import Path

from d2lhelpers import files

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "benchmarks"))

import contenders  # noqa: E402 - the folder of the benchmark has to be named first
import run  # noqa: E402


@pytest.fixture
def small(monkeypatch, rng, tmp_path):
    """The training set of a small Fashion-MNIST, in a folder that D2L_DATA names; nothing is anywhere else."""
    monkeypatch.setattr(files, "PACKAGE", tmp_path / "package")
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "MXNET_HOME", "KERAS_HOME", "D2L_DATA"):
        monkeypatch.setenv(name, str(tmp_path))
    folder = tmp_path / "fashion-mnist"
    folder.mkdir()
    arrays = [rng.integers(0, 256, (30, 28, 28), dtype="uint8"), rng.integers(0, 10, 30, dtype="uint8")]
    table = []
    for (name, *_), array in zip(files.FASHION_MNIST[:2], arrays, strict=True):
        content = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()
        (folder / name).write_bytes(gzip.compress(content))
        table.append((name, hashlib.md5(content).hexdigest(), 0, array.shape))
    monkeypatch.setattr(run, "FASHION_MNIST", (*table, *files.FASHION_MNIST[2:]))
    return folder, arrays


def test_real_images_are_taken_where_they_are_there(small):
    with run.images() as kind:
        assert kind == "images of Fashion-MNIST"
        images, labels = contenders.images_data(20)
    np.testing.assert_array_equal(images, small[1][0][:20, np.newaxis])
    np.testing.assert_array_equal(labels, small[1][1][:20])
    assert (images.dtype, labels.dtype) == (np.uint8, np.int32)
    assert contenders.REAL not in os.environ


@pytest.mark.parametrize("missing", [0, 1])
def test_else_they_are_generated(missing, small):
    (small[0] / files.FASHION_MNIST[missing][0]).unlink()
    with run.images() as kind:
        assert kind == "generated images"
        images, labels = contenders.images_data(50)
    assert images.shape == (50, 1, 28, 28)
    assert (images.dtype, labels.dtype) == (np.uint8, np.int32)


@pytest.mark.parametrize("kind", ["images of Fashion-MNIST", "generated images"])
def test_the_heading_says_which(kind, monkeypatch, capsys):
    monkeypatch.setattr(run, "side_by_side", lambda chosen, repeats: {"dh": ([1], 1)})
    title, *rest = run.CASES["b"]
    text, _ = run.case(title.format(images=kind), *rest, 1, False)
    assert text.startswith(f"## (b) softmax regression, 60,000 {kind}, minibatches of 256, 1 epoch\n")
