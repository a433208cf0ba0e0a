"""Where the files of the data sets lie, and how to tell whether they are whole; without NumPy or MXNet."""

import hashlib
import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
DIGITS = PACKAGE / "digits.npz"  # a link to that in data/; a wheel brings the file along
DIGITS_SHA256 = "c948cc2f373cd958e9fb0cf9e8f9ba7808e64955ebb7c26ea865562c1f3cce42"
FASHION_MNIST = (  # file name, MD5 (the authors'), bytes, and shape; images before their labels, training before test
    ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d", 26_421_880, (60_000, 28, 28)),
    ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe", 29_515, (60_000,)),
    ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79", 4_422_102, (10_000, 28, 28)),
    ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310", 5_148, (10_000,)),
)


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
        first, *rest = Path(place).parts
        return (home().joinpath(*rest) if first == "~" else Path(place).expanduser()).absolute()
    if (PACKAGE.parent / "pyproject.toml").is_file():
        return PACKAGE.parent / "data"
    return home() / ".d2lhelpers-data"  # not among the installed packages


def check_digits(path=DIGITS, sha256=DIGITS_SHA256):
    """Raise FileNotFoundError if the digits are not there, and ValueError if that is not the file that belongs there.

    Examples
    --------
    >>> check_digits()
    """
    advice = "restore it with git checkout data d2lhelpers/digits.npz, or unpack or install d2lhelpers anew"
    if not path.is_file():
        raise FileNotFoundError(f"the digits are not at {path}; {advice}.")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256:
        raise ValueError(f"{path} is damaged: {advice} (its SHA-256 is {found}, not {sha256}).")
