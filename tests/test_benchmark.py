"""The benchmark says which images it was run on, and they are those."""

import gzip
import hashlib
import os
import re
import sys
import time
from pathlib import Path

from d2lhelpers import files

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "benchmarks"))

import contenders  # noqa: E402 - the folder of the benchmark has to be named first
import run  # noqa: E402
import several_machines  # noqa: E402


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
    monkeypatch.setattr(run, "side_by_side", lambda chosen, repeats, start: {"dh": ([1], 1)})
    title, *rest = run.CASES["b"]
    text, _ = run.case(title.format(images=kind), *rest, 1, False)
    assert text.startswith(f"## (b) softmax regression, 60,000 {kind}, minibatches of 256, 1 epoch\n")


def test_a_case_alone_is_put_into_the_results_of_the_others():
    before = "# Side\n\n## (a) one\n\n1\n\n## (b) two\n\n2\n\n"
    before += run.targets({"a": ({"gluon": 20}, {"gluon": 8}), "c": ({"gluon": 50}, {"gluon": 50})})
    before += "\n## Where\n\nhere\n"
    text = run.merge(["## (b) two\n\n3\n", "## (f) six\n\n6\n"], before)
    assert re.findall(r"^(?:## (.*)|(\d))$", text, re.MULTILINE) == [
        *(("(a) one", ""), ("", "1"), ("(b) two", ""), ("", "3"), ("(f) six", ""), ("", "6")),
        *(("Targets", ""), ("Where", "")),
    ]
    rows = run.targets({"a": ({"gluon": 5}, {"gluon": 11}), "f": ({}, {"mlp 2": 2})}).splitlines()[4:]
    text = run.merge_targets(rows, text)
    assert re.findall(r"^\| (\(.\)).*\| ([^|]*) \| ([^|]*) \|$", text, re.MULTILINE) == [
        ("(a)", "5.00, missed by a factor of 2.00", "11.00, reached"),
        ("(c)", "50.00, reached", "50.00, reached"),
        ("(f)", "new processes each time:", "2.00, reached"),
    ]
    assert text.endswith("\n\n## Where\n\nhere\n")


@pytest.mark.parametrize("start", [contenders.AT_WORK, contenders.PAUSE])
def test_what_comes_before_a_run_is_not_in_its_time(start, monkeypatch):
    """And both kinds of runs are of the same work."""
    monkeypatch.setattr(contenders, "bytes_reading", lambda n: lambda: n)
    now, printed = [0.0], []
    monkeypatch.setattr(time, "perf_counter", lambda: now.append(now[-1] + 0.01) or now[-1])
    monkeypatch.setattr(sys, "stdin", [f"{start}\n"])
    monkeypatch.setattr("builtins.print", lambda *values, **_: printed.append(values))
    contenders.main("bytes_reading", 7)
    ready, (seconds, result) = printed
    assert (ready, result) == (("ready",), 7)
    assert seconds == pytest.approx(0.01)
    assert (now[-1] > contenders.SECONDS_AT_WORK) == (start == contenders.AT_WORK)


def test_several_machines_are_as_fast_as_the_formula_says():
    model = several_machines.Model(1e-6, 1_000_000, 1e-3, 0)
    travel = 1e-3 + 4 * several_machines.TRAVEL
    assert model.step(1, 1000, 1) == 1e-3
    assert model.step(3, 3000, 1) == pytest.approx(1e-3 + travel + 2 * 2 * 8e6 / 1e9)
    assert model.step(3, 3000, 10, 3) == pytest.approx(1e-3 + travel + 2 * 2 / 3 * 8e6 / 1e10)
    assert model.speed_up(64, 1000, 1) < 1 < model.speed_up(4, 10**6, 1)
    table = several_machines.paper(
        {"softmax": 1e-6, "mlp": 1e-5},
        dict.fromkeys([(n, size) for n in several_machines.WORKERS for size in several_machines.PUSHES], 1e-3),
        "A machine",
        run.table,
    )
    assert table.count("| 64 |") == 2
