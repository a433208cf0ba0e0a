"""The download of Fashion-MNIST, from sources that are tried in turn."""

import contextlib
import os
import shutil
import tempfile
import threading
import time
from functools import partial
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from .content import PIECE, is_compressed
from .files import FASHION_MNIST, WrongFile, check_content, expanded, size_of_content
from .progress_bars import progress_bar

SOURCES = (
    "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://apache-mxnet.s3-accelerate.dualstack.amazonaws.com/gluon/dataset/fashion-mnist/",
)
TIMEOUT = 10  # seconds that a source may be silent
WINDOW, SLOWEST = 30, 5_000  # a source that sends fewer bytes a second during so many seconds is given up
UNFINISHED = ".download-"  # what the names of folders with unfinished downloads begin with
DAY = 86_400  # seconds after which no one is still downloading into such a folder


def tidy_up(folder):
    """Remove from a folder of ours what downloads that were killed have left there, if it is a day old.

    Parameters
    ----------
    folder : Path
        It need not exist.

    Examples
    --------
    >>> tidy_up(Path("no", "such", "folder"))
    """
    with contextlib.suppress(OSError):  # of a folder that is read-only, or that another process tidies up too
        for unfinished in folder.glob(UNFINISHED + "*"):
            if time.time() - unfinished.stat().st_mtime > DAY:
                shutil.rmtree(unfinished)


def download(folder, files):
    """Download files of Fashion-MNIST.

    A source that fails is asked last from then on. A file has its place only after its content has been compared with
    its MD5; its name ends in ``.gz`` if it is compressed.

    Parameters
    ----------
    folder : Path
        Where they go; it is made if it is not there.
    files : list of tuple
        Rows of `files.FASHION_MNIST`. Those whose names are there meanwhile, as another process has downloaded them,
        are not downloaded again.

    Raises
    ------
    ValueError
        If the environment variable ``D2L_MIRROR`` is neither a folder nor an address.
    ConnectionError
        If no source delivers a file; the message says what to do without a network.
    OSError
        If the folder cannot be written to.

    Examples
    --------
    >>> download(Path("no", "such", "folder"), [])
    """
    sources = _sources() if files else []
    for file in files:
        name, reasons = file[0], []
        while not any(os.path.lexists(folder / other) for other in (name, _uncompressed(name))):
            if len(reasons) == len(sources):
                names = "\n  ".join(row[0] for row in FASHION_MNIST)
                raise ConnectionError(
                    "\n  ".join([f"{name} of Fashion-MNIST could not be downloaded; is there a network?", *reasons])
                    + f"\nWithout a network, put these four files, from {SOURCES[0]}, into {folder}:\n  {names}\n"
                    "or name a folder that has them, or its address on a server, in the environment variable "
                    'D2L_MIRROR,\nor take the digits, which need no network: load_data("digits", batch_size).'
                )
            try:
                reason = _download(sources[0].address(name), folder, file)
            except OSError as error:
                raise OSError(
                    f"the folder {folder} cannot be made or written to: {error.strerror or error}; name another, "
                    'for example root="~/data", or in the environment variable D2L_DATA.'
                ) from None
            if reason:
                reasons.append(f"{sources[0]}: {reason}")
                sources.append(sources.pop(0))  # the next file, too, begins with one that worked


class _Source(NamedTuple):
    """A folder, here or on a server, that has the files, all compressed or none."""

    place: Path | str
    is_compressed: bool = True

    def address(self, name):
        name = name if self.is_compressed else _uncompressed(name)
        return self.place / name if isinstance(self.place, Path) else self.place + name

    def __str__(self):
        place = self.place if isinstance(self.place, Path) else urlsplit(self.place).netloc.rpartition("@")[2]
        return f"{place}" if self.is_compressed else f"{place}, not compressed"


def _uncompressed(name):
    return name[: -len(".gz")]


def _sources():
    """Return all sources, those that the environment names first."""
    sources = [_Source(source) for source in SOURCES]
    if repository := os.environ.get("MXNET_GLUON_REPO"):
        sources.insert(0, _Source(f"{repository.rstrip('/')}/gluon/dataset/fashion-mnist/"))
    if mirror := os.environ.get("D2L_MIRROR"):
        place = _mirror(mirror)
        sources[:0] = [_Source(place), _Source(place, is_compressed=False)]
    return sources


def _mirror(value):
    if value.lower().startswith(("http://", "https://")):
        with contextlib.suppress(ValueError):  # of what looks like an IPv6 address and is none
            if urlsplit(value).hostname:
                return value.rstrip("/") + "/"
        reason = "it names no server"
    elif "://" in value:
        reason = "addresses begin with http:// or https://"
    elif (folder := expanded(value)).is_dir():
        return folder
    else:
        reason = f"there is no folder {folder}"
    raise ValueError(
        "the environment variable D2L_MIRROR must be a folder that has the four files of Fashion-MNIST, or the address "
        f"of one on a server, but is {value!r}: {reason}. Correct it, for example "
        'os.environ["D2L_MIRROR"] = "http://127.0.0.1:8000/", or take it away: os.environ.pop("D2L_MIRROR").'
    )


def _copied(path):
    """Yield the bytes of a file in a folder that is a source; whatever fails is a fault of the source."""
    try:
        if not path.is_file():
            raise ConnectionError("there is no such file")
        with open(path, "rb") as original:
            yield from iter(partial(original.read, PIECE), b"")
    except OSError as error:
        raise ConnectionError(error.strerror or str(error)) from None


def _download(address, folder, file):
    """Download a file, or return in a few words why the source does not deliver it."""
    from pooch import HTTPDownloader  # only here, since in a notebook pooch brings in ipywidgets

    name, md5, size, shape = file
    most = size_of_content(shape) * 65 // 64 + 2**10  # more than this no way of compressing needs
    errors = []

    def fetch():
        try:
            if isinstance(address, Path):
                part.writelines(_copied(address))
            else:
                HTTPDownloader(timeout=TIMEOUT)(address, part, None)
        except Exception as error:
            errors.append(error)

    folder.mkdir(parents=True, exist_ok=True)
    # A folder of its own: two downloads at once do not meet, and what one that is killed leaves is known as such.
    with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=folder, ignore_cleanup_errors=True) as unfinished:
        path = Path(unfinished, name)
        bar = progress_bar(desc=name, total=size, unit="B", unit_scale=True)
        # In a thread, since only from outside can it be seen that a source drips or never answers. It ends at the
        # latest when it writes to the file after that has been closed.
        with bar, open(path, "wb") as part:
            worker = threading.Thread(target=fetch, daemon=True)
            worker.start()
            received, before, since = 0, 0, time.monotonic()
            while received <= most:
                worker.join(0.05)
                is_done = not worker.is_alive()
                received = part.tell()
                bar.update(received - bar.n)
                if is_done:
                    break
                if time.monotonic() - since > WINDOW:
                    if received - before < WINDOW * SLOWEST:
                        return f"slower than {SLOWEST:,} bytes a second"
                    before, since = received, time.monotonic()
        if received > most:
            return "sent something else"
        if not errors:
            try:
                check_content(path, md5, shape)
            except WrongFile:
                return "sent something else"
            path.replace(folder / (name if is_compressed(path) else _uncompressed(name)))
            return None
    if getattr(errors[0], "errno", None):
        raise errors[0]  # no fault of the source: the disk is full, or the folder not ours to write in
    if received:
        return f"stopped after {received:,} bytes"
    if isinstance(address, Path):
        return str(errors[0])
    response = getattr(errors[0], "response", None)
    return f"nothing received ({type(errors[0]).__name__})" if response is None else f"HTTP {response.status_code}"
