"""The data sets of the chapters: the embedded digits, and Fashion-MNIST from the network."""

import contextlib
import os
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import mxnet as mx
import numpy as np
from mxnet import nd
from mxnet import np as mxnp
from tqdm import tqdm

from .data import load_array
from .devices import check_ctx
from .files import DIGITS, DIGITS_SHA256, FASHION_MNIST, check_digits, data_folder
from .idx import read_idx
from .validation import check_integer

DIGITS_TRAIN = 1437  # the first so many examples are for training, the others for testing

#: The classes of Fashion-MNIST, in the order of their ids, 0 to 9.
fashion_mnist_labels = (
    "t-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)
SOURCES = (
    "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
)
TIMEOUT = 10  # seconds that a source may be silent
WINDOW, SLOWEST = 30, 5_000  # a source that sends fewer bytes a second during so many seconds is given up
UNFINISHED = ".download-"  # what the names of folders with unfinished downloads begin with
DAY = 86_400  # seconds after which no one is still downloading into such a folder


def load_digits(batch_size, ctx=None):
    """Load the embedded handwritten digits.

    The data are the 1,797 digits of *Optical Recognition of Handwritten Digits* (E. Alpaydin and C. Kaynak, UCI
    Machine Learning Repository, CC BY 4.0), 1,437 for training and 360 for testing; see ``data/README.md``.

    Parameters
    ----------
    batch_size : int
        Examples in a minibatch, at least 1.
    ctx : mx.Context, optional
        Device that the minibatches are to be on, such as ``dh.try_gpu()``; the CPU if it is left out.

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
        load_array((images[train], labels[train]), batch_size, ctx=ctx),
        load_array((images[test], labels[test]), batch_size, shuffle=False, ctx=ctx),
    )


def _read_digits(path):
    check_digits(path, DIGITS_SHA256)
    with np.load(path, allow_pickle=False) as arrays:
        return arrays["images"], arrays["labels"]


def load_data(name, batch_size, ctx=None):
    """Load a data set by its name: "digits" (see `load_digits`) or "fashion-mnist" (see `load_fashion_mnist`).

    Parameters
    ----------
    name : str
        The data set's name.
    batch_size : int
        Examples in a minibatch, at least 1.
    ctx : mx.Context, optional
        Device that the minibatches are to be on, such as ``dh.try_gpu()``; the CPU if it is left out.

    Returns
    -------
    train_iter, test_iter : ArrayLoader
        Minibatches of images, (n, 1, height, width), float32, 0 to 1, and labels, (n,), int32, 0 to 9.

    Raises
    ------
    ValueError
        If there is no data set of that name.

    Examples
    --------
    >>> train_iter, test_iter = load_data("digits", batch_size=256)
    >>> train_iter
    <1437 examples in 6 minibatches of 256: arrays (1437, 1, 8, 8), (1437,)>
    """
    loaders = {"digits": load_digits, "fashion-mnist": load_fashion_mnist}
    if not isinstance(name, str) or name not in loaders:
        raise ValueError(f"name must be one of {', '.join(map(repr, loaders))}, but is {name!r}.")
    return loaders[name](batch_size, ctx=ctx)


def load_fashion_mnist(batch_size, root=None, ctx=None):
    """Load Fashion-MNIST; what is not there yet is downloaded first (31 MB in all).

    The data are 60,000 images of clothes for training and 10,000 for testing (H. Xiao, K. Rasul and R. Vollgraf, 2017,
    https://github.com/zalandoresearch/fashion-mnist, MIT License); `fashion_mnist_labels` names their classes.

    The four files lie, compressed as they came, in the folder ``fashion-mnist`` of `root`, or else of the folder that
    the environment variable ``D2L_DATA`` names, or else of the repository's ``data`` (of ``~/.d2lhelpers-data``, where
    the package is installed without the repository). Each is compared with the
    authors' MD5 at every load. One that differs is an error, and is left alone: only a person can have put it there.

    Parameters
    ----------
    batch_size : int
        Examples in a minibatch, at least 1.
    root : str or Path, optional
        The folder that holds the folder ``fashion-mnist``, or will; ``~`` is the home folder.
    ctx : mx.Context, optional
        Device that the minibatches are to be on, such as ``dh.try_gpu()``; the CPU if it is left out.

    Returns
    -------
    train_iter, test_iter : ArrayLoader
        Minibatches of images, (n, 1, 28, 28), float32, 0 (background) to 1, and labels, (n,), int32, 0 to 9. The
        training set is shuffled anew each epoch. In memory the images are uint8, 0 to 255; they become float32 by
        the batch. Arrays are ``mx.nd``, or ``mx.np`` after ``npx.set_np()``.

    Raises
    ------
    ValueError
        If a file is not the one that belongs there.
    ConnectionError
        If no source delivers what is not there; the message says what to do without a network.
    OSError
        If the folder cannot be written to.

    Examples
    --------
    >>> train_iter, test_iter = load_fashion_mnist(batch_size=256)  # doctest: +SKIP
    >>> fashion_mnist_labels[9]
    'ankle boot'
    """
    batch_size = check_integer("batch_size", batch_size, minimum=1)
    check_ctx(ctx)
    if root is not None and (not isinstance(root, str | os.PathLike) or not str(root)):
        raise TypeError(f'root must be a path, but is {root!r} ({type(root).__name__}); for example root="~/data".')
    folder = data_folder(root) / "fashion-mnist"
    _download_missing(folder)
    arrays = [_read(folder / name, *rest) for name, *rest in FASHION_MNIST]
    return (
        load_array(arrays[:2], batch_size, transform=_scale, ctx=ctx),
        load_array(arrays[2:], batch_size, shuffle=False, transform=_scale, ctx=ctx),
    )


def _scale(images):
    return np.divide(images, np.float32(255), dtype="float32")


def _read(path, md5, size, shape):
    from pooch import file_hash  # only here and below, since in a notebook pooch brings in ipywidgets

    found = file_hash(path, "md5") if path.is_file() else "that of no file"
    if found != md5:
        raise ValueError(
            f"{path} is not the file that belongs there: its MD5 is {found}, not {md5}. Delete it, or move it away, "
            f"and call again to download it, or take it from {SOURCES[0]}{path.name}."
        )
    if len(shape) == 1:
        labels = read_idx(path, shape, maximum=len(fashion_mnist_labels) - 1)
        return (mxnp.array if mx.util.is_np_array() else nd.array)(labels, dtype="int32")
    images = nd.from_numpy(read_idx(path, shape)[:, np.newaxis], zero_copy=True)
    return images.as_np_ndarray() if mx.util.is_np_array() else images


def _download_missing(folder):
    with contextlib.suppress(OSError):  # of a folder that is read-only, or that another process tidies up too
        for unfinished in folder.glob(UNFINISHED + "*"):
            if time.time() - unfinished.stat().st_mtime > DAY:
                shutil.rmtree(unfinished)
    sources = list(SOURCES)
    for name, md5, size, _ in FASHION_MNIST:
        reasons = []
        while not os.path.lexists(folder / name):
            if len(reasons) == len(sources):
                names = "\n  ".join(file[0] for file in FASHION_MNIST)
                raise ConnectionError(
                    "\n  ".join([f"{name} of Fashion-MNIST could not be downloaded; is there a network?", *reasons])
                    + f"\nWithout a network, put these four files, from {SOURCES[0]}, into {folder}:\n  {names}\n"
                    'or take the digits, which need no network: load_data("digits", batch_size).'
                )
            try:
                reason = _download(sources[0] + name, folder / name, md5, size)
            except OSError as error:
                raise OSError(
                    f"the folder {folder} cannot be made or written to: {error.strerror or error}; name another, "
                    'for example root="~/data", or in the environment variable D2L_DATA.'
                ) from None
            if reason:
                reasons.append(f"{urlsplit(sources[0]).netloc}: {reason}")
                sources.append(sources.pop(0))  # the next file, too, begins with one that worked


def _download(url, path, md5, size):
    """Download a file, or return in a few words why the source does not deliver it."""
    from pooch import HTTPDownloader, file_hash

    errors = []

    def fetch():
        try:
            HTTPDownloader(timeout=TIMEOUT)(url, file, None)
        except Exception as error:
            errors.append(error)

    path.parent.mkdir(parents=True, exist_ok=True)
    # A folder of its own: two downloads at once do not meet, and what one that is killed leaves is known as such.
    with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=path.parent, ignore_cleanup_errors=True) as unfinished:
        part = Path(unfinished, path.name)
        # On standard output, since Jupyter shows standard error as if it were an error.
        bar = tqdm(desc=path.name, total=size, unit="B", unit_scale=True, leave=False, file=sys.stdout)
        # In a thread, since only from outside can it be seen that a source drips or never answers. It ends at the
        # latest when it writes to the file after that has been closed.
        with bar, open(part, "wb") as file:
            worker = threading.Thread(target=fetch, daemon=True)
            worker.start()
            received, before, since = 0, 0, time.monotonic()
            while received <= size:
                worker.join(0.05)
                is_done = not worker.is_alive()
                received = file.tell()
                bar.update(received - bar.n)
                if is_done:
                    break
                if time.monotonic() - since > WINDOW:
                    if received - before < WINDOW * SLOWEST:
                        return f"slower than {SLOWEST:,} bytes a second"
                    before, since = received, time.monotonic()
        if received > size or (not errors and file_hash(part, "md5") != md5):
            return "sent something else"
        if not errors:
            part.replace(path)
            return None
    if getattr(errors[0], "errno", None):
        raise errors[0]  # no fault of the source: the disk is full, or the folder not ours to write in
    if received:
        return f"stopped after {received:,} of {size:,} bytes"
    response = getattr(errors[0], "response", None)
    return f"nothing received ({type(errors[0]).__name__})" if response is None else f"HTTP {response.status_code}"
