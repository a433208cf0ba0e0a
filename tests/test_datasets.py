import hashlib
import re

import d2lhelpers as dh
from d2lhelpers import datasets

import numpy as np
import pytest


def numbers(loader):
    """Return the labels of an epoch, in their order."""
    return [y for minibatch in loader for y in minibatch[-1].asnumpy().tolist()]


# load_digits


def test_digits_have_the_documented_shapes_and_ranges(xp):
    train_iter, test_iter = dh.load_digits(100)
    assert (train_iter.num_examples, test_iter.num_examples) == (1437, 360)
    assert (len(train_iter), len(test_iter)) == (15, 4)
    for loader in (train_iter, test_iter):
        n = loader.num_examples
        images, labels = loader.arrays
        assert (images.shape, labels.shape) == ((n, 1, 8, 8), (n,))
        assert (images.dtype, labels.dtype) == (np.float32, np.int32)
        assert type(images) is type(labels) is type(xp.ones((1,)))
        assert (images.asnumpy().min(), images.asnumpy().max()) == (0, 1)
        assert set(labels.asnumpy()) == set(range(10))


def test_digits_are_those_of_the_file(xp):
    with np.load(datasets.DIGITS) as file:
        images, labels = file["images"], file["labels"]
    loaders = dh.load_digits(2000)
    for position, expected in enumerate([images[:, None] / 16, labels]):
        result = np.concatenate([loader.arrays[position].asnumpy() for loader in loaders])
        np.testing.assert_array_equal(result, expected)


def test_only_the_training_digits_are_shuffled(xp):
    dh.seed(0)
    for loader, is_shuffled in zip(dh.load_digits(100), (True, False), strict=True):
        assert (numbers(loader) != loader.arrays[1].asnumpy().tolist()) is is_shuffled


def test_hash_of_the_digits_is_the_documented_one():
    readme = (datasets.DIGITS.parent / "README.md").read_text(encoding="utf-8")
    documented = re.search(r"\| SHA-256 \| `([0-9a-f]{64})` \|", readme)[1]
    assert documented == datasets.DIGITS_SHA256 == hashlib.sha256(datasets.DIGITS.read_bytes()).hexdigest()


def test_missing_digits(monkeypatch, tmp_path):
    monkeypatch.setattr(datasets, "DIGITS", tmp_path / "digits.npz")
    with pytest.raises(FileNotFoundError, match=r"the digits are not at .*digits\.npz; .*pip install -e"):
        dh.load_digits(10)


@pytest.mark.parametrize("damage", [lambda content: content[:-1], lambda content: b"", lambda content: content + b"0"])
def test_damaged_digits(monkeypatch, tmp_path, damage):
    path = tmp_path / "digits.npz"
    path.write_bytes(damage(datasets.DIGITS.read_bytes()))
    monkeypatch.setattr(datasets, "DIGITS", path)
    with pytest.raises(ValueError, match=r"digits\.npz is damaged: its SHA-256 is [0-9a-f]{64}, .*git checkout"):
        dh.load_digits(10)


def test_digits_are_read_without_pickle(monkeypatch, tmp_path):
    path = tmp_path / "digits.npz"
    np.savez(path, images=np.array([{}]), labels=np.array([{}]))
    monkeypatch.setattr(datasets, "DIGITS", path)
    monkeypatch.setattr(datasets, "DIGITS_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    with pytest.raises(ValueError, match="allow_pickle=False"):
        dh.load_digits(10)
