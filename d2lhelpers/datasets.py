"""The data sets of the chapters: the embedded digits, and Fashion-MNIST from the network."""

import hashlib
from pathlib import Path

import mxnet as mx
import numpy as np
from mxnet import nd
from mxnet import np as mxnp

from .data import load_array
from .validation import check_integer

DIGITS = Path(__file__).resolve().parent.parent / "data" / "digits.npz"
DIGITS_SHA256 = "c948cc2f373cd958e9fb0cf9e8f9ba7808e64955ebb7c26ea865562c1f3cce42"
DIGITS_TRAIN = 1437  # the first so many examples are for training, the others for testing


def load_digits(batch_size):
    """Load the embedded handwritten digits.

    The data are the 1,797 digits of *Optical Recognition of Handwritten Digits* (E. Alpaydin and C. Kaynak, UCI
    Machine Learning Repository, CC BY 4.0), 1,437 for training and 360 for testing; see ``data/README.md``.

    Parameters
    ----------
    batch_size : int
        Examples in a minibatch, at least 1.

    Returns
    -------
    train_iter, test_iter : ArrayLoader
        Minibatches of images, (n, 1, 8, 8), float32, 0 (paper) to 1 (ink), and labels, (n,), int32, 0 to 9. The
        training set is shuffled anew each epoch. Arrays are ``mx.nd``, or ``mx.np`` after ``npx.set_np()``.

    Raises
    ------
    FileNotFoundError
        If the data file is not there.
    ValueError
        If it is not the file that belongs there.

    Examples
    --------
    >>> train_iter, test_iter = load_digits(batch_size=256)
    >>> test_iter
    <360 examples in 2 minibatches of 256: arrays (360, 1, 8, 8), (360,)>
    """
    batch_size = check_integer("batch_size", batch_size, minimum=1)
    images, labels = _read_digits(DIGITS)
    array = mxnp.array if mx.util.is_np_array() else nd.array
    images = array(images.reshape(-1, 1, 8, 8) / np.float32(16), dtype="float32")
    labels = array(labels, dtype="int32")
    train, test = slice(None, DIGITS_TRAIN), slice(DIGITS_TRAIN, None)
    return (
        load_array((images[train], labels[train]), batch_size),
        load_array((images[test], labels[test]), batch_size, shuffle=False),
    )


def _read_digits(path):
    if not path.is_file():
        raise FileNotFoundError(
            f"the digits are not at {path}; the helper package reads them from the repository that it is in: "
            "install it with pip install -e . from there."
        )
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != DIGITS_SHA256:
        raise ValueError(
            f"{path} is damaged: its SHA-256 is {found}, not {DIGITS_SHA256}; "
            "restore it with git checkout data/digits.npz."
        )
    with np.load(path, allow_pickle=False) as arrays:
        return arrays["images"], arrays["labels"]
