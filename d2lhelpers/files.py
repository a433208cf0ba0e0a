"""Where the files of the data sets lie, and how to tell whether they are whole; without NumPy or MXNet."""

import contextlib
import hashlib
import os
import sys
from pathlib import Path

from .content import pieces

PACKAGE = Path(__file__).resolve().parent
DIGITS = PACKAGE / "digits.npz"  # a link to that in data/; a wheel brings the file along
DIGITS_SHA256 = "c948cc2f373cd958e9fb0cf9e8f9ba7808e64955ebb7c26ea865562c1f3cce42"
AUTO_MPG = PACKAGE / "auto_mpg.csv"  # likewise
AUTO_MPG_SHA256 = "82771b1970ec229b7519d4a5418b60d4be9e2ef874cf686bd89da2c23af98959"
FASHION_MNIST = (  # the authors' file name, the MD5 of the content, the bytes of their file, and the shape
    ("train-images-idx3-ubyte.gz", "f4a8712d7a061bf5bd6d2ca38dc4d50a", 26_421_880, (60_000, 28, 28)),
    ("train-labels-idx1-ubyte.gz", "9018921c3c673c538a1fc5bad174d6f9", 29_515, (60_000,)),
    ("t10k-images-idx3-ubyte.gz", "8181f5470baa50b63fa0f6fddb340f0a", 4_422_102, (10_000, 28, 28)),
    ("t10k-labels-idx1-ubyte.gz", "15d484375f8d13e6eb1aabb0c3f46965", 5_148, (10_000,)),
)
LAYOUTS = ("fashion-mnist", "FashionMNIST/raw")  # in a folder for data: ours and d2l's, and torchvision's


def home():
    """Return the home folder.

    Raises
    ------
    FileNotFoundError
        If this user has none, as a user id that the system does not know, in a container, without HOME.

    Examples
    --------
    >>> home() == Path.home()
    True
    """
    try:
        return Path.home()
    except RuntimeError:
        raise FileNotFoundError(
            "this user has no home folder; name one in the environment variable HOME, before Python is started, as in "
            'export HOME="$(mktemp -d)".'
        ) from None


def data_folder(root=None):
    """Return the folder for downloads: `root`, else $D2L_DATA, else that of the repository, else one at home.

    Raises
    ------
    FileNotFoundError
        If it would be one at home, and there is no home folder.

    Examples
    --------
    >>> data_folder("downloads").name
    'downloads'
    """
    place = root or os.environ.get("D2L_DATA")
    if place:
        return expanded(place)
    if _is_checkout():
        return PACKAGE.parent / "data"
    return home() / ".d2lhelpers-data"  # not among the installed packages


def _is_checkout():
    return (PACKAGE.parent / "pyproject.toml").is_file()


def expanded(place):
    """Return a path, as a person has written it, as an absolute one; ``~`` is the home folder.

    Raises
    ------
    FileNotFoundError
        If it is in a home folder, and there is none.

    Examples
    --------
    >>> expanded("~/data") == home() / "data"
    True
    """
    first, *rest = Path(place).parts or (".",)
    return (home().joinpath(*rest) if first == "~" else Path(place).expanduser()).absolute()


def places(root=None):
    """Return the folders that may hold Fashion-MNIST, in the order in which they are looked through.

    Where `root` is given, these are only its own. Else they are those of `data_folder`, of the repository, of Gluon
    (``$MXNET_HOME`` or ``~/.mxnet``), of torchvision and d2l (in ``data`` and ``../data``, as seen from the notebook),
    and of Keras (``$KERAS_HOME`` or ``~/.keras``). A relative path in ``D2L_DATA`` is one from the notebook's folder,
    or else from the repository.

    Parameters
    ----------
    root : str or Path, optional
        A folder for data.

    Returns
    -------
    list of Path
        The first one is ours: what is downloaded goes there. Others may be anybody's, and need not exist.

    Raises
    ------
    FileNotFoundError
        If the first one would be in a home folder, and there is none.

    Examples
    --------
    >>> [folder.relative_to("/srv").as_posix() for folder in places("/srv")]
    ['fashion-mnist', 'FashionMNIST/raw']
    """
    ours = data_folder(root)
    found = [ours / layout for layout in LAYOUTS]
    if root is None:
        if _is_checkout():
            # A path in D2L_DATA is often one from where make was started, while a notebook is in a folder below.
            bases = (PACKAGE.parent / os.environ.get("D2L_DATA", ""), PACKAGE.parent / "data")
            found += [Path(os.path.abspath(str(base)), layout) for base in bases for layout in LAYOUTS]
        found += _datasets_of("MXNET_HOME", ".mxnet")
        with contextlib.suppress(OSError):  # of a working directory that someone has removed
            found += [Path(os.path.abspath(base), layout) for base in ("data", "../data") for layout in LAYOUTS]
        found += _datasets_of("KERAS_HOME", ".keras")
    unique = {}
    for folder in found:
        unique.setdefault(os.path.realpath(str(folder)), folder)
    return list(unique.values())


def _datasets_of(variable, usual):
    """Return where a library that keeps its files in a folder of the home folder, or of this variable, keeps them."""
    try:
        folder = expanded(os.environ.get(variable) or Path("~", usual))
    except FileNotFoundError:
        return []
    return [folder / "datasets" / "fashion-mnist"]


def find(file, folders):
    """Look for a file of Fashion-MNIST, compressed in any way or not at all; nothing is changed.

    Parameters
    ----------
    file : tuple
        A row of `FASHION_MNIST`.
    folders : list of Path
        Where to look, one after the other, as `places` returns them.

    Returns
    -------
    path : Path or None
        The first one that holds what belongs there; None if there is none.
    passed_over : list of Path
        Those that have its name, but are damaged, other files, or not readable.

    Raises
    ------
    WrongFile
        If in the first of the folders, which is ours, something else bears its name; see `check_content`.
    OSError
        If it cannot be read there.

    Examples
    --------
    >>> find(FASHION_MNIST[0], [Path("no", "such", "folder")])
    (None, [])
    """
    name, md5, _, shape = file
    passed_over = []
    for folder in folders:
        for path in (folder / name, folder / name[: -len(".gz")]):
            if os.path.lexists(str(path)):
                try:
                    check_content(path, md5, shape)
                except (OSError, WrongFile):
                    if folder == folders[0]:
                        raise
                    passed_over.append(path)
                else:
                    return path, passed_over
    return None, passed_over


class WrongFile(ValueError):
    """What a file holds is not what belongs there.

    Attributes
    ----------
    path : Path
        The file.
    """

    def __init__(self, path, fault):
        super().__init__(f"{path} is not the file that belongs there: {fault}")
        self.path = path


def check_content(path, md5, shape):
    """Raise an error if a file does not hold what belongs there, compressed or not.

    Parameters
    ----------
    path : Path
        The file.
    md5 : str
        The MD5 of the content, that is, of the file after decompression.
    shape : tuple of int
        The shape of the array in it, in the format IDX; more than it needs is not read.

    Raises
    ------
    WrongFile
        If it is no file, cannot be decompressed, or holds something else; the message names it and the fault.

    Examples
    --------
    >>> check_content(Path("nowhere"), "9018921c3c673c538a1fc5bad174d6f9", (60_000,))
    Traceback (most recent call last):
        ...
    d2lhelpers.files.WrongFile: nowhere is not the file that belongs there: its MD5 is that of no file, not 9018921c...
    """
    if not os.path.isfile(str(path)):
        raise WrongFile(path, f"its MD5 is that of no file, not {md5}")
    hasher = hashlib.md5(usedforsecurity=False) if sys.version_info >= (3, 9) else hashlib.md5()
    rest = size_of_content(shape)
    try:
        with contextlib.closing(pieces(path)) as content:
            for piece in content:
                hasher.update(piece)
                rest -= len(piece)
                if rest < 0:
                    raise ValueError("it holds more than belongs there")
    except ValueError as error:
        raise WrongFile(path, error) from None
    if hasher.hexdigest() != md5:
        raise WrongFile(path, f"the MD5 of its content is {hasher.hexdigest()}, not {md5}")


def size_of_content(shape):
    """Return how many bytes an array of bytes takes in the format IDX.

    Examples
    --------
    >>> size_of_content((60_000, 28, 28))
    47040016
    """
    size = 1
    for n in shape:
        size *= n
    return 4 + 4 * len(shape) + size


def check_digits(path=DIGITS, sha256=DIGITS_SHA256):
    """Raise FileNotFoundError if the digits are not there, and ValueError if that is not the file that belongs there.

    Examples
    --------
    >>> check_digits()
    """
    _check_embedded("the digits", "digits.npz", path, sha256)


def check_auto_mpg(path=AUTO_MPG, sha256=AUTO_MPG_SHA256):
    """Raise FileNotFoundError if the cars are not there, and ValueError if that is not the file that belongs there.

    Examples
    --------
    >>> check_auto_mpg()
    """
    _check_embedded("the cars", "auto_mpg.csv", path, sha256)


def _check_embedded(what, name, path, sha256):
    advice = f"restore it with git checkout data d2lhelpers/{name}, or unpack or install d2lhelpers anew"
    if not path.is_file():
        raise FileNotFoundError(f"{what} are not at {path}; {advice}.")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256:
        raise ValueError(f"{path} is damaged: {advice} (its SHA-256 is {found}, not {sha256}).")
