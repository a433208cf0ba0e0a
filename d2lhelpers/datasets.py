"""The data sets of the chapters: the embedded digits and cars, and Fashion-MNIST from wherever it is."""

import csv
import os

import mxnet as mx
import numpy as np
from mxnet import nd
from mxnet import np as mxnp

from .data import load_array
from .devices import check_ctx
from .downloads import SOURCES, download, tidy_up
from .files import (
    AUTO_MPG,
    AUTO_MPG_SHA256,
    DIGITS,
    DIGITS_SHA256,
    FASHION_MNIST,
    WrongFile,
    check_auto_mpg,
    check_digits,
    find,
    places,
)
from .idx import read_idx
from .language import N_, _, joined
from .validation import check_integer

DIGITS_TRAIN = 1437  # the first so many examples are for training, the others for testing

AUTO_MPG_TYPES = {  # how each column of the table of cars is read
    "mpg": np.float64,
    "cylinders": np.int64,
    "displacement": np.float64,
    "horsepower": np.float64,
    "weight": np.float64,
    "acceleration": np.float64,
    "year": np.int64,
    "origin": np.str_,
    "name": np.str_,
}

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


def load_auto_mpg():
    """Load the embedded table of cars: 398 models of the years 1970 to 1982, in the order of their years.

    The data are *Auto MPG* (R. Quinlan, UCI Machine Learning Repository, CC BY 4.0); see ``data/README.md``. There is
    no split: which cars are for training and which for testing is for you to choose.

    Returns
    -------
    dict of str to ndarray
        The columns by their names, NumPy arrays of the shape (398,), new ones with each call:

        - ``"mpg"``: float64, how far the car goes in the city, in miles per US gallon, 9 to 46.6; it is what is to be
          predicted. 235.2 divided by it is the consumption in litres per 100 km.
        - ``"cylinders"``: int64, 3, 4, 5, 6 or 8.
        - ``"displacement"``: float64, the volume of all cylinders in cubic inches, 68 to 455.
        - ``"horsepower"``: float64, 46 to 230; ``nan`` for the 6 cars of which it is not known.
        - ``"weight"``: float64, in pounds, 1613 to 5140.
        - ``"acceleration"``: float64, the time from 0 to 60 miles per hour in seconds, 8 to 24.8.
        - ``"year"``: int64, the model year, 1970 to 1982.
        - ``"origin"``: str, "USA", "Europe" or "Japan".
        - ``"name"``: str, maker and model, as they were written down, with a few misprints.

    Raises
    ------
    FileNotFoundError
        If the data file is not there.
    ValueError
        If it is not the file that belongs there.

    Examples
    --------
    >>> cars = load_auto_mpg()
    >>> cars["name"].shape, str(cars["name"][0]), float(cars["mpg"][0])
    ((398,), 'chevrolet chevelle malibu', 18.0)
    >>> int(np.isnan(cars["horsepower"]).sum())
    6
    """
    check_auto_mpg(AUTO_MPG, AUTO_MPG_SHA256)
    with open(AUTO_MPG, encoding="utf-8", newline="") as file:
        cars = list(csv.DictReader(file))
    return {
        name: np.array([car[name] or "nan" for car in cars]).astype(dtype) for name, dtype in AUTO_MPG_TYPES.items()
    }


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
    """Load Fashion-MNIST from where it is already; what is nowhere is downloaded first (31 MB in all).

    The data are 60,000 images of clothes for training and 10,000 for testing (H. Xiao, K. Rasul and R. Vollgraf, 2017,
    https://github.com/zalandoresearch/fashion-mnist, MIT License); `fashion_mnist_labels` names their classes.

    Each of the four files is known by the MD5 of its content, however it is compressed, or if it is not. It is taken
    from the first of these folders that has it, and a line says which that was:

    1. ``fashion-mnist`` or ``FashionMNIST/raw`` in `root`. If `root` is given, it is the only place.
    2. The same two in the folder that the environment variable ``D2L_DATA`` names, and in the repository's ``data``.
    3. Gluon's: ``~/.mxnet/datasets/fashion-mnist``, or in ``$MXNET_HOME`` instead of ``~/.mxnet``.
    4. torchvision's and d2l's: the same two as in `root`, in ``data`` and ``../data``, as seen from the notebook.
    5. Keras's: ``~/.keras/datasets/fashion-mnist``, or in ``$KERAS_HOME`` instead of ``~/.keras``.

    What is nowhere is downloaded, into the folder ``fashion-mnist`` of `root`, or else of ``$D2L_DATA``, or else of the
    repository's ``data`` (of ``~/.d2lhelpers-data``, where the package is installed without the repository). In this
    one folder, a file that differs is an error, and is left alone: only a person can have put it there. In the others,
    a line names it, and the next folder is looked through. Nothing is ever changed there.

    The environment variable ``D2L_MIRROR`` names a source of your own, which is asked before all others: a folder with
    the files, such as one of a teacher, or the address of one on a server. ``MXNET_GLUON_REPO`` names, as for Gluon, a
    copy of MXNet's.

    Parameters
    ----------
    batch_size : int
        Examples in a minibatch, at least 1.
    root : str or Path, optional
        The folder that holds the folder ``fashion-mnist``, or will, and the only one that is looked into; ``~`` is the
        home folder.
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
        If a file is not the one that belongs there, or ``D2L_MIRROR`` neither a folder nor an address.
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
    arrays = [_read(path, shape) for path, (_, _, _, shape) in zip(_locate(root), FASHION_MNIST, strict=True)]
    return (
        load_array(arrays[:2], batch_size, transform=_scale, ctx=ctx),
        load_array(arrays[2:], batch_size, shuffle=False, transform=_scale, ctx=ctx),
    )


def _locate(root):
    """Return where the four files are, after a look into all folders and a download of what is in none; say where."""
    folders = places(root)
    tidy_up(folders[0])
    paths = [_find(file, folders) for file in FASHION_MNIST]
    download(folders[0], [file for file, path in zip(FASHION_MNIST, paths, strict=True) if path is None])
    paths = [path or _find(file, folders[:1]) for file, path in zip(FASHION_MNIST, paths, strict=True)]
    taken = dict.fromkeys(str(path.parent) for path in paths)
    print(_("Fashion-MNIST is read from {folders}.").format(folders=_(joined(N_("{first} and {second}"), taken))))
    return paths


def _find(file, folders):
    try:
        path, passed_over = find(file, folders)
    except WrongFile as error:
        raise ValueError(
            f"{error}. Delete it, or move it away, and call again to download it, or take it from "
            f"{SOURCES[0]}{file[0]}."
        ) from None
    for other in passed_over:
        print(_("{path} is passed over: it is damaged, or another file.").format(path=other))
    return path


def _scale(images):
    return np.divide(images, np.float32(255), dtype="float32")


def _read(path, shape):
    if len(shape) == 1:
        labels = read_idx(path, shape, maximum=len(fashion_mnist_labels) - 1)
        return (mxnp.array if mx.util.is_np_array() else nd.array)(labels, dtype="int32")
    images = nd.from_numpy(read_idx(path, shape)[:, np.newaxis], zero_copy=True)
    return images.as_np_ndarray() if mx.util.is_np_array() else images
