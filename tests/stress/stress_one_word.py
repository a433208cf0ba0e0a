"""The softmax chapters take Fashion-MNIST by changing one word; here with made-up images of its shape."""

from pathlib import Path

import d2lhelpers as dh
from d2lhelpers import datasets

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from mxnet import nd

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


def made_up(batch_size, ctx=None):
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 10, 3000)
    images = rng.integers(0, 128, (10, 1, 28, 28))[labels] + rng.integers(0, 128, (3000, 1, 28, 28))
    images, labels = nd.array(images, dtype="uint8"), nd.array(labels, dtype="int32")
    return [
        dh.load_array((images[part], labels[part]), batch_size, shuffle, datasets._scale, ctx)
        for part, shuffle in ((slice(0, 2000), True), (slice(2000, 3000), False))
    ]


@pytest.mark.parametrize("name", ["03_softmax_regression", "04_softmax_regression_gluon"])
def test_one_word_changes_the_data(name, monkeypatch):
    monkeypatch.setattr(datasets, "load_fashion_mnist", made_up)
    monkeypatch.setattr(plt, "show", lambda: plt.close("all"))
    cells = [cell.source for cell in nbformat.read(NOTEBOOKS / f"{name}.ipynb", 4).cells if cell.cell_type == "code"]
    assert sum('load_data("digits"' in source for source in cells) == 1
    names = {}
    for source in cells:
        if "%pip" not in source and "dh.check" not in source:
            exec(source.replace('load_data("digits"', 'load_data("fashion-mnist"'), names)
    assert names["images"].shape == (1000, 1, 28, 28)
