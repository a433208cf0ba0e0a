import errno
import gc
import gzip
import hashlib
import http.server
import io
import multiprocessing
import os
import re
import shutil
import signal
import socket
import sys
import threading
import time
import weakref
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import d2lhelpers as dh
from d2lhelpers import datasets, downloads, files
from d2lhelpers.idx import read_idx

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent


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


def test_a_minibatch_may_be_a_single_digit():
    train_iter, _ = dh.load_digits(1)
    assert len(train_iter) == 1437
    with pytest.raises(ValueError, match="batch_size must be at least 1"):
        dh.load_digits(0)


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


@pytest.mark.parametrize("name", ["DIGITS", "AUTO_MPG"])
def test_hash_is_the_documented_one(name):
    path, expected = getattr(datasets, name), getattr(datasets, f"{name}_SHA256")
    readme = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    section = readme.split(f"[`{path.name}`]")[1]
    documented = re.search(r"\| SHA-256 \| `([0-9a-f]{64})` \|", section)[1]
    assert documented == expected == hashlib.sha256(path.read_bytes()).hexdigest()


def test_missing_digits(monkeypatch, tmp_path):
    monkeypatch.setattr(datasets, "DIGITS", tmp_path / "digits.npz")
    with pytest.raises(FileNotFoundError, match=r"the digits are not at .*digits\.npz; .*git checkout .* or install"):
        dh.load_digits(10)


@pytest.mark.parametrize("damage", [lambda content: content[:-1], lambda content: b"", lambda content: content + b"0"])
def test_damaged_digits(monkeypatch, tmp_path, damage):
    path = tmp_path / "digits.npz"
    path.write_bytes(damage(datasets.DIGITS.read_bytes()))
    monkeypatch.setattr(datasets, "DIGITS", path)
    message = r"digits\.npz is damaged: .*git checkout .* \(its SHA-256 is [0-9a-f]{64}, not "
    with pytest.raises(ValueError, match=message):
        dh.load_digits(10)


def test_digits_are_read_without_pickle(monkeypatch, tmp_path):
    path = tmp_path / "digits.npz"
    np.savez(path, images=np.array([{}]), labels=np.array([{}]))
    monkeypatch.setattr(datasets, "DIGITS", path)
    monkeypatch.setattr(datasets, "DIGITS_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    with pytest.raises(ValueError, match="allow_pickle=False"):
        dh.load_digits(10)


# load_auto_mpg


def test_cars_have_the_documented_columns_and_ranges(xp):
    cars = dh.load_auto_mpg()
    expected = [  # of the Repository's description of its data, and of the docstring
        ("mpg", np.float64, 9, 46.6),
        ("cylinders", np.int64, 3, 8),
        ("displacement", np.float64, 68, 455),
        ("horsepower", np.float64, 46, 230),
        ("weight", np.float64, 1613, 5140),
        ("acceleration", np.float64, 8, 24.8),
        ("year", np.int64, 1970, 1982),
    ]
    assert list(cars) == [*(name for name, *_ in expected), "origin", "name"]
    assert all(type(column) is np.ndarray and column.shape == (398,) for column in cars.values())
    for name, dtype, smallest, largest in expected:
        assert cars[name].dtype == dtype
        assert (np.nanmin(cars[name]), np.nanmax(cars[name])) == (smallest, largest)
    missing = {name: int(np.isnan(cars[name]).sum()) for name, *_ in expected}
    assert missing == {**dict.fromkeys(missing, 0), "horsepower": 6}
    assert {name: int((cars["origin"] == name).sum()) for name in ("USA", "Europe", "Japan")} == {
        "USA": 249,
        "Europe": 70,
        "Japan": 79,
    }


def test_cars_of_each_year():
    """The copy that they come from dates those of 1981 to 1982; the Repository's file has these numbers."""
    years, numbers = np.unique(dh.load_auto_mpg()["year"], return_counts=True)
    assert years.tolist() == list(range(1970, 1983))
    assert numbers.tolist() == [29, 28, 28, 40, 27, 30, 34, 28, 36, 29, 29, 29, 31]


def test_cars_are_those_of_the_file_in_the_order_of_their_years():
    cars = dh.load_auto_mpg()
    lines = datasets.AUTO_MPG.read_text(encoding="utf-8").splitlines()
    assert list(cars) == lines[0].split(",")
    for line, *values in zip(lines[1:], *cars.values(), strict=True):
        *figures, origin, name = line.split(",")
        assert (origin, name) == (values[-2], values[-1])
        np.testing.assert_equal([float(figure or "nan") for figure in figures], [float(value) for value in values[:-2]])
    assert (np.diff(cars["year"]) >= 0).all()
    assert not [name for name in cars["name"] if "Acceleration" in name]


def test_cars_are_new_arrays_with_each_call():
    dh.load_auto_mpg()["mpg"][:] = 0
    assert dh.load_auto_mpg()["mpg"].min() == 9


def test_missing_cars(monkeypatch, tmp_path):
    monkeypatch.setattr(datasets, "AUTO_MPG", tmp_path / "auto_mpg.csv")
    with pytest.raises(FileNotFoundError, match=r"the cars are not at .*auto_mpg\.csv; .*git checkout .* or install"):
        dh.load_auto_mpg()


@pytest.mark.parametrize(
    "damage", [lambda content: content[:-1], lambda content: b"", lambda content: content.replace(b"\n", b"\r\n")]
)
def test_damaged_cars(monkeypatch, tmp_path, damage):
    path = tmp_path / "auto_mpg.csv"
    path.write_bytes(damage(datasets.AUTO_MPG.read_bytes()))
    monkeypatch.setattr(datasets, "AUTO_MPG", path)
    message = (
        r"auto_mpg\.csv is damaged: .*git checkout data d2lhelpers/auto_mpg\.csv.* \(its SHA-256 is [0-9a-f]{64}, "
    )
    with pytest.raises(ValueError, match=message):
        dh.load_auto_mpg()


# load_fashion_mnist


UNKNOWN = "no-such-host.invalid"


@pytest.fixture(autouse=True)
def no_places_of_this_machine(monkeypatch, tmp_path_factory):
    """An empty home folder, and none of the variables that name places and sources."""
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    for name in ("D2L_DATA", "D2L_MIRROR", "MXNET_HOME", "MXNET_GLUON_REPO", "KERAS_HOME"):
        monkeypatch.delenv(name, raising=False)


class Sources(http.server.ThreadingHTTPServer):
    """Sources of the four files on this machine: each behaves as the first part of its address says."""

    daemon_threads = True

    def __init__(self, files):
        super().__init__(("127.0.0.1", 0), Source)
        self.files = files
        self.requests = []
        self.released = threading.Event()  # what hangs, hangs until the test is over
        self.on_request = lambda: None

    def url(self, kind):
        if kind == "closed":
            with socket.socket() as unused:
                unused.bind(("127.0.0.1", 0))
                return f"http://127.0.0.1:{unused.getsockname()[1]}/"
        if kind == "unknown":
            return f"http://{UNKNOWN}/"
        return f"{'https' if kind == 'tls' else 'http'}://127.0.0.1:{self.server_port}/{kind}/"

    def handle_error(self, request, client_address):
        pass  # a client that has given up


class Source(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        _, kind, name = self.path.split("/")
        self.server.requests.append((kind, name))
        self.server.on_request()
        getattr(self, kind)(self.server.files[name])

    def send(self, content, status=200, **headers):
        self.send_response(status)
        for key, value in ({"Content_Length": len(content)} | headers).items():
            if value is not None:
                self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def drip(self, content, seconds=0.02):
        for byte in content:
            self.wfile.write(bytes([byte]))
            if self.server.released.wait(seconds):
                break

    def good(self, content):
        self.send(content)

    own = good

    def steady(self, content):  # slow, but faster than the slowest that is allowed
        self.send(b"", Content_Length=len(content))
        for start in range(0, len(content), 500):
            self.wfile.write(content[start : start + 500])
            time.sleep(0.04)

    def missing(self, content):
        self.send(b"<html>Not found</html>", status=404)

    def busy(self, content):
        self.send(b"", status=503)

    def html(self, content):
        self.send(b"<!DOCTYPE html><html>Log in to this network first</html>", Content_Type="text/html")

    def long_html(self, content):
        self.send(b"<!DOCTYPE html>" + bytes(2 * len(content)))

    def flipped(self, content):
        self.send(content[:-20] + bytes([content[-20] ^ 1]) + content[-19:])

    def half(self, content):
        self.send(content[: len(content) // 2], Content_Length=len(content))

    def half_unannounced(self, content):
        self.send(content[: len(content) // 2], Content_Length=None)

    def silent(self, content):
        self.server.released.wait()

    def stuck(self, content):
        self.send(content[: len(content) // 2], Content_Length=len(content))
        self.server.released.wait()

    def dripping(self, content):
        self.send(b"", Content_Length=len(content))
        self.drip(content)

    def dripping_headers(self, content):
        self.drip(b"HTTP/1.0 200 OK\r\nX-Long: " + b"x" * 10_000)

    def endless(self, content):
        self.send(content, Content_Length=None)
        while not self.server.released.is_set():
            self.wfile.write(content)

    def decoded(self, content):
        self.send(content, Content_Encoding="gzip")

    def circular(self, content):
        self.send(b"", status=302, Location=self.path)

    def odd_length(self, content):
        self.send(content, Content_Length="many")


def idx(values):
    values = np.asarray(values, dtype="uint8")
    return bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">u4").tobytes() + values.tobytes()


def md5(content):
    return hashlib.md5(content).hexdigest()


@pytest.fixture
def small(monkeypatch, rng):
    """A small Fashion-MNIST in place of the real one: the arrays, in the order of its files."""
    arrays = [
        array
        for n in (30, 20)
        for array in (rng.integers(0, 256, (n, 28, 28), dtype="uint8"), rng.permutation(n).astype("uint8") % 10)
    ]
    arrays[0][0, 0, :2] = 0, 255
    contents = [gzip.compress(idx(array)) for array in arrays]
    use(monkeypatch, contents, [array.shape for array in arrays])
    return arrays, contents


def use(monkeypatch, contents, shapes):
    files = [
        (file[0], md5(gzip.decompress(content)), len(content), shape)
        for file, content, shape in zip(datasets.FASHION_MNIST, contents, shapes, strict=True)
    ]
    monkeypatch.setattr(datasets, "FASHION_MNIST", tuple(files))


def look_up(getaddrinfo, host, *args, **kwargs):
    if host == UNKNOWN:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return getaddrinfo(host, *args, **kwargs)


@pytest.fixture
def sources(monkeypatch, small):
    """Start the sources; sources.use("html", "good") makes these two the only ones."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,.invalid")
    monkeypatch.setattr(socket, "getaddrinfo", partial(look_up, socket.getaddrinfo))
    monkeypatch.setattr(downloads, "TIMEOUT", 2)  # which a good source keeps on a busy machine, too
    monkeypatch.setattr(downloads, "WINDOW", 4)
    names = [file[0] for file in datasets.FASHION_MNIST]
    with Sources(dict(zip(names, small[1], strict=True))) as server:
        server.use = lambda *kinds: monkeypatch.setattr(downloads, "SOURCES", tuple(map(server.url, kinds)))
        server.use("good")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.released.set()
        server.shutdown()
        thread.join()


def be_patient(monkeypatch):
    """Give sources the time they need, however busy this machine is."""
    monkeypatch.setattr(downloads, "TIMEOUT", 60)
    monkeypatch.setattr(downloads, "WINDOW", 60)


@pytest.fixture
def server(monkeypatch, sources):
    """The sources, for tests in which none is given up for being slow."""
    be_patient(monkeypatch)
    return sources


@pytest.fixture
def by_hand(monkeypatch, small, tmp_path):
    """The folder with all files in it, while there is no network."""
    monkeypatch.setattr(downloads, "_download", lambda *_: "no network")
    folder = tmp_path / "fashion-mnist"
    folder.mkdir()
    for file, content in zip(datasets.FASHION_MNIST, small[1], strict=True):
        (folder / file[0]).write_bytes(content)
    return folder


def load(folder):
    return datasets.load_fashion_mnist(8, root=folder.parent)


def contents_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def whole(small):
    return {file[0]: content for file, content in zip(datasets.FASHION_MNIST, small[1], strict=True)}


def test_fashion_mnist_has_the_documented_shapes_types_and_values(xp, by_hand, small):
    for loader, images, labels in zip(load(by_hand), small[0][::2], small[0][1::2], strict=True):
        n = len(labels)
        assert (len(loader), loader.num_examples) == (-(-n // 8), n)
        assert [(array.shape, array.dtype) for array in loader.arrays] == [((n, 1, 28, 28), np.uint8), ((n,), np.int32)]
        np.testing.assert_array_equal(loader.arrays[0].asnumpy(), images[:, None])
        np.testing.assert_array_equal(loader.arrays[1].asnumpy(), labels)
        for X, y in loader:
            assert (X.dtype, y.dtype) == (np.float32, np.int32)
            assert type(X) is type(y) is type(xp.ones((1,)))
            assert X.shape[1:] == (1, 28, 28)


def test_minibatches_of_fashion_mnist_lie_between_0_and_1(xp, by_hand, small):
    train_iter, test_iter = load(by_hand)
    X, y = (np.concatenate([array.asnumpy() for array in arrays]) for arrays in zip(*test_iter, strict=True))
    np.testing.assert_allclose(X[:, 0], small[0][2] / 255, rtol=1e-6)
    np.testing.assert_array_equal(y, small[0][3])
    values = np.concatenate([X.asnumpy() for X, _ in train_iter])
    assert (values.min(), values.max()) == (0, 1)
    np.testing.assert_allclose(np.sort(values, axis=None), np.sort(small[0][0], axis=None) / 255, rtol=1e-6)


def test_only_the_training_set_of_fashion_mnist_is_shuffled(xp, by_hand):
    dh.seed(0)
    for loader, is_shuffled in zip(load(by_hand), (True, False), strict=True):
        assert (numbers(loader) != loader.arrays[1].asnumpy().tolist()) is is_shuffled


def test_images_are_in_memory_once_and_stay_there(xp, by_hand, small, monkeypatch):
    read = []

    def reading(*args, **kwargs):
        read.append(read_idx(*args, **kwargs))
        return read[-1]

    monkeypatch.setattr(datasets, "read_idx", reading)
    train_iter, _ = load(by_hand)
    read[0][:] = 7  # the same memory as MXNet's array
    assert (train_iter.arrays[0].asnumpy() == 7).all()
    alive = weakref.ref(read[0])
    read.clear()
    gc.collect()
    assert alive() is not None
    del train_iter
    gc.collect()
    assert alive() is None


def test_fashion_mnist_is_the_published_one():
    names, hashes, sizes, shapes = zip(*datasets.FASHION_MNIST, strict=True)
    assert names == tuple(
        f"{part}-{kind}-ubyte.gz" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")
    )
    assert hashes == (
        "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "9018921c3c673c538a1fc5bad174d6f9",
        "8181f5470baa50b63fa0f6fddb340f0a",
        "15d484375f8d13e6eb1aabb0c3f46965",
    )
    assert sizes == (26421880, 29515, 4422102, 5148)
    assert shapes == ((60000, 28, 28), (60000,), (10000, 28, 28), (10000,))
    assert [urlsplit(source).netloc for source in downloads.SOURCES] == [
        "github.com",
        "storage.googleapis.com",
        "fashion-mnist.s3-website.eu-central-1.amazonaws.com",
        "apache-mxnet.s3-accelerate.dualstack.amazonaws.com",
    ]
    assert all(source.endswith("/") for source in downloads.SOURCES)
    assert ", ".join(datasets.fashion_mnist_labels) == (
        "t-shirt, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle boot"
    )


# Where the files are


@pytest.mark.parametrize("kind", [str, Path])
def test_root_goes_before_the_environment_and_the_environment_before_the_repository(
    kind, monkeypatch, sources, small, tmp_path
):
    monkeypatch.setattr(files, "PACKAGE", tmp_path / "package")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("D2L_DATA", str(tmp_path / "b"))
    datasets.load_fashion_mnist(8, root=kind(tmp_path / "a"))
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    datasets.load_fashion_mnist(8)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
    monkeypatch.setenv("D2L_DATA", "")
    datasets.load_fashion_mnist(8)
    monkeypatch.delenv("D2L_DATA")
    datasets.load_fashion_mnist(8)
    for place in ("a", "b", ".d2lhelpers-data"):
        assert contents_of(tmp_path / place / "fashion-mnist") == whole(small)
    assert len(sources.requests) == 3 * 4


def test_home_and_relative_folders(monkeypatch, sources, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    datasets.load_fashion_mnist(8, root="~/x")
    datasets.load_fashion_mnist(8, root="x")
    assert (tmp_path / "home/x/fashion-mnist").is_dir()
    assert (tmp_path / "x/fashion-mnist").is_dir()


@pytest.mark.parametrize("root", [7, "", b"data", True, ["data"]])
def test_a_root_that_is_no_path_is_refused(root):
    found = re.escape(f"{root!r} ({type(root).__name__})")
    with pytest.raises(TypeError, match=rf'root must be a path, but is {found}; for example root="~/data"'):
        datasets.load_fashion_mnist(8, root=root)


@pytest.mark.parametrize("place", ["file", "file/below", "file-instead"])
def test_a_folder_that_cannot_be_made_is_an_error(place, sources, tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "file-instead").mkdir()
    (tmp_path / "file-instead/fashion-mnist").touch()
    with pytest.raises(OSError, match=rf"the folder .*/{place}/fashion-mnist cannot be made .*; name .*D2L_DATA"):
        datasets.load_fashion_mnist(8, root=tmp_path / place)
    assert sources.requests == []


def test_a_full_disk_is_an_error_and_no_fault_of_the_source(monkeypatch, sources, tmp_path):
    def downloader(**_):
        def download(url, file, _):
            file.write(b"half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        return download

    monkeypatch.setattr("pooch.HTTPDownloader", downloader)
    with pytest.raises(OSError, match=r"fashion-mnist cannot be made or written to: No space left on device; name"):
        datasets.load_fashion_mnist(8, root=tmp_path)
    assert contents_of(tmp_path / "fashion-mnist") == {}


def test_a_folder_with_all_files_is_only_read(by_hand):
    def look():
        """The folder and its files: which they are, when something was last written to them, and what they hold."""
        stats = {path: path.stat() for path in [by_hand, *by_hand.iterdir()]}
        times = {path: (stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns) for path, stat in stats.items()}
        return times, contents_of(by_hand)

    before = look()
    load(by_hand)
    assert look() == before


def test_what_is_unfinished_in_a_folder_of_others_is_left_there(monkeypatch, by_hand):
    def refuse(*args, **kwargs):
        raise PermissionError

    monkeypatch.setattr(Path, "mkdir", refuse)
    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    monkeypatch.setattr("shutil.rmtree", refuse)
    unfinished = by_hand / ".download-old"
    os.mkdir(unfinished)
    os.utime(unfinished, (0, 0))
    load(by_hand)
    assert unfinished.exists()


DAMAGE = {
    "empty": (lambda content: b"", "it is empty"),
    "html": (
        lambda content: b"<!DOCTYPE html>",
        f"the MD5 of its content is {md5(b'<!DOCTYPE html>')}, not {{md5}}",
    ),
    "truncated": (lambda content: content[:-1], "it breaks off"),
    "padded": (lambda content: content + b"\0", "something follows its compressed data"),
    "longer": (lambda content: content + gzip.compress(b"\0"), "it holds more than belongs there"),
    "flipped": (lambda content: content[:30] + bytes([content[30] ^ 1]) + content[31:], ""),
    "other values": (lambda content: gzip.compress(gzip.decompress(content)[:-1] + b"\x0b"), "the MD5 .*, not {md5}"),
    "not compressed, truncated": (
        lambda content: gzip.decompress(content)[:-1],
        "the MD5 of its content is .*, not {md5}",
    ),
    "not compressed, longer": (lambda content: gzip.decompress(content) + b"\0", "it holds more than belongs there"),
}


# Where others put them


PLACES = {  # in the order in which they are looked through: the variable that names a folder, and where it is then
    "D2L_DATA": ("D2L_DATA", "named/fashion-mnist"),
    "torchvision's, in D2L_DATA": ("D2L_DATA", "named/FashionMNIST/raw"),
    "the repository's": (None, "repository/data/fashion-mnist"),
    "torchvision's, in the repository's": (None, "repository/data/FashionMNIST/raw"),
    "Gluon's": (None, "home/.mxnet/datasets/fashion-mnist"),
    "ours, in data": (None, "book/chapter/data/fashion-mnist"),
    "torchvision's, in data": (None, "book/chapter/data/FashionMNIST/raw"),
    "ours, in ../data": (None, "book/data/fashion-mnist"),
    "torchvision's and d2l's, in ../data": (None, "book/data/FashionMNIST/raw"),
    "Keras's": (None, "home/.keras/datasets/fashion-mnist"),
}
OTHER_PLACES = {
    "Gluon's, elsewhere": ("MXNET_HOME", "named/datasets/fashion-mnist"),
    "Keras's, elsewhere": ("KERAS_HOME", "named/datasets/fashion-mnist"),
}


@pytest.fixture
def elsewhere(monkeypatch, server, tmp_path):
    """A home folder, a repository and a working directory, all empty, and nothing to be had from the network."""
    for folder in ("home", "repository", "book/chapter", "named"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "repository/pyproject.toml").touch()
    monkeypatch.setattr(files, "PACKAGE", tmp_path / "repository/d2lhelpers")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "book/chapter")
    server.use("missing")
    return tmp_path


def fill(folder, small, way=lambda content: content, ending=".gz", count=4):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in list(whole(small).items())[:count]:
        (folder / (name.removesuffix(".gz") + ending)).write_bytes(way(content))


def state(folder):
    """All that is in a folder: which files, when something was last written to them, and what they hold."""
    found = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        stat = path.lstat()
        content = path.read_bytes() if path.is_file() else None
        found[path] = stat.st_mode, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns, content
    return found


def check_arrays(loaders, small):
    for array, expected in zip([a for loader in loaders for a in loader.arrays], small[0], strict=True):
        np.testing.assert_array_equal(array.asnumpy().reshape(expected.shape), expected)


@pytest.mark.parametrize("name", [*PLACES, *OTHER_PLACES])
@pytest.mark.parametrize("ending", [".gz", ""])
def test_files_are_read_where_others_have_put_them(name, ending, monkeypatch, elsewhere, server, small, capsys):
    variable, place = (PLACES | OTHER_PLACES)[name]
    if variable:
        monkeypatch.setenv(variable, str(elsewhere / "named"))
    fill(elsewhere / place, small, gzip.decompress if ending == "" else lambda content: content, ending)
    before = state(elsewhere)
    check_arrays(datasets.load_fashion_mnist(8), small)
    assert capsys.readouterr().out == f"Fashion-MNIST is read from {elsewhere / place}.\n"
    assert state(elsewhere) == before
    assert server.requests == []


def test_a_relative_path_in_the_environment_may_be_one_from_the_repository(monkeypatch, elsewhere, small, capsys):
    monkeypatch.setenv("D2L_DATA", "../named")
    fill(elsewhere / "named/fashion-mnist", small)
    check_arrays(datasets.load_fashion_mnist(8), small)
    assert capsys.readouterr().out == f"Fashion-MNIST is read from {elsewhere / 'named/fashion-mnist'}.\n"
    fill(elsewhere / "book/named/fashion-mnist", small)  # from here
    datasets.load_fashion_mnist(8)
    assert (
        capsys.readouterr().out == f"Fashion-MNIST is read from {elsewhere / 'book/chapter/../named/fashion-mnist'}.\n"
    )


def test_places_are_looked_through_in_their_order(monkeypatch, elsewhere, small, capsys):
    monkeypatch.setenv("D2L_DATA", str(elsewhere / "named"))
    for _, place in PLACES.values():
        fill(elsewhere / place, small)
    for _, place in PLACES.values():
        datasets.load_fashion_mnist(8)
        assert capsys.readouterr().out == f"Fashion-MNIST is read from {elsewhere / place}.\n"
        shutil.rmtree(elsewhere / place)
    with pytest.raises(ConnectionError):
        datasets.load_fashion_mnist(8)


def test_a_root_is_the_only_place(elsewhere, server, small, tmp_path, capsys):
    fill(elsewhere / "home/.mxnet/datasets/fashion-mnist", small)
    server.use("good")
    datasets.load_fashion_mnist(8, root=tmp_path / "root")
    assert contents_of(tmp_path / "root/fashion-mnist") == whole(small)
    assert len(server.requests) == 4
    (tmp_path / "root/FashionMNIST").mkdir()
    (tmp_path / "root/fashion-mnist").rename(tmp_path / "root/FashionMNIST/raw")
    capsys.readouterr()
    datasets.load_fashion_mnist(8, root=tmp_path / "root")
    assert capsys.readouterr().out == f"Fashion-MNIST is read from {tmp_path / 'root/FashionMNIST/raw'}.\n"
    assert len(server.requests) == 4


def test_only_what_is_nowhere_is_downloaded(elsewhere, server, small, capsys):
    gluon, keras = (elsewhere / f"home/{name}/datasets/fashion-mnist" for name in (".mxnet", ".keras"))
    fill(keras, small, count=3)
    fill(gluon, small, count=1)
    before = state(elsewhere / "home")
    server.use("good")
    check_arrays(datasets.load_fashion_mnist(8), small)
    ours = elsewhere / "repository/data/fashion-mnist"
    last = datasets.FASHION_MNIST[3][0]
    assert server.requests == [("good", last)]
    assert contents_of(ours) == {last: whole(small)[last]}
    assert state(elsewhere / "home") == before
    assert capsys.readouterr().out == f"Fashion-MNIST is read from {gluon} and {keras} and {ours}.\n"


def test_the_line_is_in_the_language_of_the_learner(elsewhere, small, capsys):
    gluon, keras = (elsewhere / f"home/{name}/datasets/fashion-mnist" for name in (".mxnet", ".keras"))
    fill(keras, small)
    fill(gluon, small, way=lambda content: b"", count=1)
    dh.set_language("zh")
    try:
        datasets.load_fashion_mnist(8)
    finally:
        dh.set_language("en")
    passed_over, taken = capsys.readouterr().out.splitlines()
    assert passed_over == f"跳过 {gluon / datasets.FASHION_MNIST[0][0]}：它坏了，或者是别的文件。"
    assert taken == f"Fashion-MNIST 读自 {keras}。"


@pytest.mark.parametrize("name", DAMAGE)
@pytest.mark.parametrize("ending", [".gz", ""])
def test_what_is_damaged_elsewhere_is_named_and_passed_over(name, ending, elsewhere, server, small, capsys):
    gluon, keras = (elsewhere / f"home/{name}/datasets/fashion-mnist" for name in (".mxnet", ".keras"))
    fill(gluon, small, DAMAGE[name][0], ending)
    fill(keras, small)
    before = state(elsewhere)
    check_arrays(datasets.load_fashion_mnist(8), small)
    assert state(elsewhere) == before
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        *(f"{path} is passed over: it is damaged, or another file." for path in damaged(gluon, ending)),
        f"Fashion-MNIST is read from {keras}.",
    ]
    assert server.requests == []


def damaged(folder, ending):
    return [folder / (file[0].removesuffix(".gz") + ending) for file in datasets.FASHION_MNIST]


def test_of_two_files_with_a_name_the_whole_one_is_taken(elsewhere, server, small, capsys):
    gluon = elsewhere / "home/.mxnet/datasets/fashion-mnist"
    fill(gluon, small, lambda content: content[:-1])
    fill(gluon, small, gzip.decompress, "")
    check_arrays(datasets.load_fashion_mnist(8), small)
    *passed_over, taken = capsys.readouterr().out.splitlines()
    assert [line.split(" is passed over")[0] for line in passed_over] == list(map(str, damaged(gluon, ".gz")))
    assert taken == f"Fashion-MNIST is read from {gluon}."


@pytest.mark.parametrize(
    "make",
    [os.mkdir, os.mkfifo, lambda path: os.symlink("nowhere", path), lambda path: os.symlink(path, path)],
    ids=["folder", "pipe", "link to nowhere", "link to itself"],
)
def test_what_is_no_file_elsewhere_is_passed_over(make, elsewhere, server, small, capsys):
    gluon = elsewhere / "home/.mxnet/datasets/fashion-mnist"
    fill(gluon, small, count=3)
    path = gluon / datasets.FASHION_MNIST[3][0]
    make(path)
    before = path.lstat()
    server.use("good")
    check_arrays(datasets.load_fashion_mnist(8), small)
    assert capsys.readouterr().out.startswith(f"{path} is passed over: it is damaged, or another file.\n")
    assert path.lstat() == before
    assert server.requests == [("good", path.name)]


def test_what_may_not_be_read_elsewhere_is_passed_over(monkeypatch, elsewhere, small, capsys):
    gluon, keras = (elsewhere / f"home/{name}/datasets/fashion-mnist" for name in (".mxnet", ".keras"))
    fill(gluon, small, count=1)
    fill(keras, small)
    before = files.pieces

    def refuse(path):
        if gluon in path.parents:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return before(path)

    monkeypatch.setattr(files, "pieces", refuse)
    check_arrays(datasets.load_fashion_mnist(8), small)
    assert capsys.readouterr().out.splitlines()[-1] == f"Fashion-MNIST is read from {keras}."


def test_damage_in_our_own_folder_is_an_error_wherever_else_the_file_is(elsewhere, small):
    fill(elsewhere / "home/.keras/datasets/fashion-mnist", small)
    ours = elsewhere / "repository/data/fashion-mnist"
    fill(ours, small, lambda content: content[:-1], count=1)
    before = state(elsewhere)
    with pytest.raises(
        ValueError, match=rf"{ours}/train-images.* not the file that belongs there: it breaks off\. Dele"
    ):
        datasets.load_fashion_mnist(8)
    assert state(elsewhere) == before


def test_a_folder_that_is_reached_in_two_ways_is_one_place(monkeypatch, elsewhere, small, capsys):
    (elsewhere / "repository/notebooks").mkdir()
    monkeypatch.chdir(elsewhere / "repository/notebooks")
    (elsewhere / "home/.keras/datasets").mkdir(parents=True)
    (elsewhere / "home/.keras/datasets/fashion-mnist").symlink_to(elsewhere / "home/.mxnet/datasets/fashion-mnist")
    torchvision, gluon = (
        elsewhere / "repository/data/FashionMNIST/raw",
        elsewhere / "home/.mxnet/datasets/fashion-mnist",
    )
    fill(torchvision, small, lambda content: content[:-1], count=1)
    fill(gluon, small, lambda content: content[:-1], count=1)
    with pytest.raises(ConnectionError):
        datasets.load_fashion_mnist(8)
    lines = [line for line in capsys.readouterr().out.splitlines() if "passed over" in line]
    assert [line.split(" is passed")[0] for line in lines] == [
        str(folder / datasets.FASHION_MNIST[0][0]) for folder in (torchvision, gluon)
    ]


def test_a_working_directory_that_was_removed_is_no_place(monkeypatch, elsewhere, small):
    fill(elsewhere / "home/.keras/datasets/fashion-mnist", small)
    (elsewhere / "gone").mkdir()
    monkeypatch.chdir(elsewhere / "gone")
    (elsewhere / "gone").rmdir()
    check_arrays(datasets.load_fashion_mnist(8), small)


# A source of one's own


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_server_of_ones_own_is_asked_first(slash, monkeypatch, server, small, tmp_path):
    monkeypatch.setenv("D2L_MIRROR", server.url("own").rstrip("/") + slash)
    load(tmp_path / "fashion-mnist")
    assert contents_of(tmp_path / "fashion-mnist") == whole(small)
    assert server.requests == [("own", file[0]) for file in datasets.FASHION_MNIST]


@pytest.mark.parametrize("kind", ["missing", "html", "half", "closed"])
def test_after_a_bad_server_of_ones_own_the_others_are_asked(kind, monkeypatch, server, small, tmp_path):
    monkeypatch.setenv("D2L_MIRROR", server.url(kind))
    load(tmp_path / "fashion-mnist")
    assert contents_of(tmp_path / "fashion-mnist") == whole(small)
    assert [name for asked, name in server.requests if asked == "good"] == [file[0] for file in datasets.FASHION_MNIST]


def test_a_server_of_ones_own_may_have_them_uncompressed(monkeypatch, server, small, tmp_path):
    names = [file[0].removesuffix(".gz") for file in datasets.FASHION_MNIST]
    server.files = dict(zip(names, map(gzip.decompress, small[1]), strict=True))
    server.use("missing")
    monkeypatch.setattr(Source, "do_GET", only_what_is_there)
    monkeypatch.setenv("D2L_MIRROR", server.url("good"))
    check_arrays(load(tmp_path / "fashion-mnist"), small)
    assert contents_of(tmp_path / "fashion-mnist") == server.files
    check_arrays(load(tmp_path / "fashion-mnist"), small)


def only_what_is_there(handler):
    _, kind, name = handler.path.split("/")
    if kind == "good" and name in handler.server.files:
        handler.good(handler.server.files[name])
    else:
        handler.missing(b"")


def test_what_arrives_decompressed_is_named_so(server, small, tmp_path):
    server.use("decoded")
    check_arrays(load(tmp_path / "fashion-mnist"), small)
    assert contents_of(tmp_path / "fashion-mnist") == {
        name.removesuffix(".gz"): gzip.decompress(content) for name, content in whole(small).items()
    }


@pytest.mark.parametrize("kind", [str, lambda path: os.path.relpath(path), lambda path: "~/stick"])
@pytest.mark.parametrize("ending", [".gz", ""])
def test_a_folder_may_be_a_source(kind, ending, monkeypatch, server, small, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    stick = tmp_path / "stick"
    fill(stick, small, gzip.decompress if ending == "" else lambda content: content, ending)
    before = state(stick)
    monkeypatch.setenv("D2L_MIRROR", kind(stick))
    check_arrays(load(tmp_path / "fashion-mnist"), small)
    assert contents_of(tmp_path / "fashion-mnist") == contents_of(stick)
    assert state(stick) == before
    monkeypatch.delenv("D2L_MIRROR")
    shutil.rmtree(stick)
    check_arrays(load(tmp_path / "fashion-mnist"), small)
    assert server.requests == []


def test_what_a_folder_has_not_or_has_damaged_comes_from_another_source(monkeypatch, server, small, tmp_path):
    stick = tmp_path / "stick"
    fill(stick, small, count=3)
    names = [file[0] for file in datasets.FASHION_MNIST]
    (stick / names[0]).write_bytes(small[1][0][:-1])
    (stick / names[1]).unlink()
    (stick / names[1]).mkdir()
    before = state(stick)
    monkeypatch.setenv("D2L_MIRROR", str(stick))
    check_arrays(load(tmp_path / "fashion-mnist"), small)
    assert state(stick) == before
    server.requests.clear()
    server.use("missing")
    with pytest.raises(ConnectionError) as error:
        load(tmp_path / "other" / "fashion-mnist")
    assert str(error.value).splitlines()[1:4] == [
        f"  {stick}: sent something else",
        f"  {stick}, not compressed: there is no such file",
        f"  127.0.0.1:{server.server_port}: HTTP 404",
    ]


def test_a_folder_that_breaks_away_is_a_bad_source(monkeypatch, server, small, tmp_path):
    class Broken(io.BytesIO):
        def read(self, size=-1):
            if self.tell() > 0:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return super().read(10)

    def opened(path, mode):
        return Broken(bytes(1000)) if stick in path.parents else open(path, mode)

    stick = tmp_path / "stick"
    fill(stick, small)
    monkeypatch.setenv("D2L_MIRROR", str(stick))
    monkeypatch.setattr(downloads, "open", opened, raising=False)
    check_arrays(load(tmp_path / "fashion-mnist"), small)
    assert len(server.requests) == 4
    server.use("missing")
    with pytest.raises(ConnectionError, match=rf"{stick}: stopped after 10 bytes\n"):
        load(tmp_path / "other" / "fashion-mnist")


def test_a_source_of_ones_own_is_not_asked_for_what_is_there(monkeypatch, by_hand, small):
    monkeypatch.setenv("D2L_MIRROR", "ftp://nowhere")
    check_arrays(load(by_hand), small)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("no-such-folder", "there is no folder /.*"),
        ("~/no-such-folder", "there is no folder /.*"),
        (__file__, "there is no folder /.*"),
        ("ftp://server/", "addresses begin with http:// or https://"),
        ("file:///srv", "addresses begin with http:// or https://"),
        ("http://", "it names no server"),
        ("https:///path/", "it names no server"),
        ("http://[1:2", "it names no server"),
        ("server:8000", "there is no folder /.*"),
    ],
)
def test_a_source_that_is_none_is_an_error_and_its_advice_works(value, reason, monkeypatch, server, small, tmp_path):
    monkeypatch.setenv("D2L_MIRROR", value)
    message = (
        rf"variable D2L_MIRROR must be a folder .* server, but is {re.escape(repr(value))}: {reason}\. Correct it, "
    )
    with pytest.raises(ValueError, match=message) as error:
        load(tmp_path / "fashion-mnist")
    assert server.requests == []
    (advice,) = re.findall(r"or take it away: (.*)\.$", str(error.value))
    exec(advice, {"os": os})
    check_arrays(load(tmp_path / "fashion-mnist"), small)
    shutil.rmtree(tmp_path / "fashion-mnist")
    (advice,) = re.findall(r"for example (.*), or take", str(error.value))
    exec(advice.replace("http://127.0.0.1:8000/", server.url("own")), {"os": os})
    check_arrays(load(tmp_path / "fashion-mnist"), small)
    assert server.requests[-1][0] == "own"


def test_without_a_network_the_advice_names_this_variable_and_works(monkeypatch, server, small, tmp_path):
    server.use("closed")
    with pytest.raises(ConnectionError, match=r"name a folder .*in the environment variable D2L_MIRROR,\n"):
        load(tmp_path / "fashion-mnist")
    fill(tmp_path / "stick", small)
    monkeypatch.setenv("D2L_MIRROR", str(tmp_path / "stick"))
    check_arrays(load(tmp_path / "fashion-mnist"), small)


def test_names_and_passwords_in_an_address_are_not_shown(monkeypatch, server, tmp_path):
    server.use("missing")
    monkeypatch.setenv("D2L_MIRROR", server.url("missing").replace("://", "://name:secret@"))
    with pytest.raises(ConnectionError) as error:
        load(tmp_path / "fashion-mnist")
    assert "secret" not in str(error.value)
    assert f"  127.0.0.1:{server.server_port}: HTTP 404" in str(error.value)


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_copy_of_mxnets_bucket_is_asked_before_the_usual_sources(slash, monkeypatch, server, small, tmp_path):
    def do_get(handler):
        handler.server.requests.append(handler.path)
        handler.good(handler.server.files[handler.path.rpartition("/")[2]])

    monkeypatch.setattr(Source, "do_GET", do_get)
    monkeypatch.setenv("MXNET_GLUON_REPO", server.url("copy").rstrip("/") + slash)
    check_arrays(load(tmp_path / "fashion-mnist"), small)
    assert server.requests == [f"/copy/gluon/dataset/fashion-mnist/{file[0]}" for file in datasets.FASHION_MNIST]


# The download


def test_files_are_downloaded_once(server, small, tmp_path):
    folder = tmp_path / "fashion-mnist"
    load(folder)
    assert contents_of(folder) == whole(small)
    assert server.requests == [("good", file[0]) for file in datasets.FASHION_MNIST]
    load(folder)
    assert len(server.requests) == 4


def test_only_missing_files_are_downloaded(server, small, tmp_path):
    folder = tmp_path / "fashion-mnist"
    load(folder)
    path = folder / datasets.FASHION_MNIST[2][0]
    path.unlink()
    server.requests.clear()
    load(folder)
    assert server.requests == [("good", path.name)]
    assert contents_of(folder) == whole(small)


def test_downloaded_files_have_the_usual_permissions(server, tmp_path):
    (tmp_path / "usual").touch()
    load(tmp_path / "fashion-mnist")
    for file in datasets.FASHION_MNIST:
        assert (tmp_path / "fashion-mnist" / file[0]).stat().st_mode == (tmp_path / "usual").stat().st_mode


BAD = {
    "closed": "nothing received (ConnectionError)",
    "unknown": "nothing received (ConnectionError)",
    "tls": "nothing received (SSLError)",
    "missing": "HTTP 404",
    "busy": "HTTP 503",
    "circular": "HTTP 302",
    "html": "sent something else",
    "long_html": "sent something else",
    "flipped": "sent something else",
    "half": "stopped after ",
    "half_unannounced": "sent something else",
    "stuck": "stopped after ",
    "silent": "nothing received (ReadTimeout)",
    "dripping": "slower than 5,000 bytes a second",
    "dripping_headers": "slower than 5,000 bytes a second",
    "endless": "sent something else",
    "odd_length": "nothing received (ValueError)",
}
TOO_SLOW = "stuck", "silent", "dripping", "dripping_headers"


@pytest.mark.parametrize("kind", BAD)
def test_after_a_bad_source_the_next_is_tried(kind, monkeypatch, sources, small, tmp_path):
    if kind not in TOO_SLOW:
        be_patient(monkeypatch)
    sources.use(kind, "good")
    load(tmp_path / "fashion-mnist")
    assert contents_of(tmp_path / "fashion-mnist") == whole(small)
    good = [("good", file[0]) for file in datasets.FASHION_MNIST]
    assert [request for request in sources.requests if request[0] != kind] == good
    assert {name for bad, name in sources.requests if bad == kind} <= {good[0][1]}, "a bad source is asked only once"


def test_a_slow_but_steady_source_is_not_given_up(sources, monkeypatch, small, tmp_path, capsys):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    # It sends 25 times what is asked of it, so that a busy machine, too, lets it send enough.
    for name, value in {"TIMEOUT": 30, "WINDOW": 1.5, "SLOWEST": 500}.items():
        monkeypatch.setattr(downloads, name, value)
    sources.use("steady")
    started = time.monotonic()
    load(tmp_path / "fashion-mnist")
    assert time.monotonic() - started > 2 * downloads.WINDOW
    assert contents_of(tmp_path / "fashion-mnist") == whole(small)
    percentages = [int(n) for n in re.findall(r"train-images-idx3-ubyte.gz: +(\d+)%", capsys.readouterr().out)]
    assert percentages == sorted(percentages)
    assert len(set(percentages)) > 5


def test_the_speed_is_that_of_a_window_not_of_the_whole_download(sources, monkeypatch, tmp_path):
    monkeypatch.setattr(downloads, "TIMEOUT", 60)
    sources.use("stuck")
    with pytest.raises(ConnectionError, match="slower than"):
        load(tmp_path / "fashion-mnist")


def test_without_a_good_source_the_error_says_what_to_do(sources, tmp_path):
    sources.use(*BAD)
    folder = tmp_path / "fashion-mnist"
    with pytest.raises(ConnectionError) as error:
        load(folder)
    lines = str(error.value).splitlines()
    assert lines[0] == "train-images-idx3-ubyte.gz of Fashion-MNIST could not be downloaded; is there a network?"
    for line, (kind, reason) in zip(lines[1:], BAD.items(), strict=False):
        host = urlsplit(sources.url(kind)).hostname
        assert re.fullmatch(rf"  {host}(:\d+)?: {re.escape(reason)}.*", line), kind
    text = "\n".join(lines[1 + len(BAD) :])
    assert re.match(rf"Without a network, put these four files, from http://.*/, into {folder}:\n", text)
    assert all(f"\n  {file[0]}\n" in text for file in datasets.FASHION_MNIST)
    assert text.endswith('or take the digits, which need no network: load_data("digits", batch_size).')
    assert contents_of(folder) == {}


def test_files_that_came_before_the_network_went_are_kept(server, small, tmp_path):
    def go_away():
        if len(server.requests) > 2:
            raise ConnectionAbortedError

    server.on_request = go_away
    with pytest.raises(ConnectionError, match=r"t10k-images-idx3-ubyte\.gz of Fashion-MNIST could not be downloaded"):
        load(tmp_path / "fashion-mnist")
    assert contents_of(tmp_path / "fashion-mnist") == dict(list(whole(small).items())[:2])


def test_the_progress_is_on_standard_output_and_goes_away(server, tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    load(tmp_path / "fashion-mnist")
    out, err = capfd.readouterr()
    assert err == ""
    for file in datasets.FASHION_MNIST:
        assert f"\r{file[0]}: " in out
    assert out.rsplit("\r", 2)[1].strip() == ""
    assert out.rsplit("\r", 2)[2] == f"Fashion-MNIST is read from {tmp_path / 'fashion-mnist'}.\n"


def test_a_thread_that_was_given_up_ends(sources, tmp_path):
    sources.use("endless", "good")
    load(tmp_path / "fashion-mnist")
    deadline = time.monotonic() + 5
    while any(thread.name.endswith("(fetch)") for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


# Interrupted, killed, and two at once


def test_an_interrupt_leaves_nothing_behind(server, small, tmp_path):
    folder = tmp_path / "fashion-mnist"
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        server.use("stuck")
        server.on_request = lambda: threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            load(folder)
    finally:
        signal.signal(signal.SIGINT, before)
    assert contents_of(folder) == {}
    assert len(server.requests) == 1
    server.on_request = lambda: None
    server.use("good")
    load(folder)
    assert contents_of(folder) == whole(small)


@pytest.fixture
def start_process(sources):
    """Start another process that downloads into a folder."""
    processes = []

    def start(folder):
        process = multiprocessing.get_context("fork").Process(
            target=downloads.download, args=(folder, datasets.FASHION_MNIST)
        )
        processes.append(process)
        process.start()
        return process

    yield start
    for process in processes:
        process.kill()
        process.join()


def wait_for(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_what_a_killed_process_leaves_is_no_data_and_goes_away(monkeypatch, server, start_process, small, tmp_path):
    folder = tmp_path / "fashion-mnist"
    third = datasets.FASHION_MNIST[2][0]

    def stuck_at_the_third(self, content):
        (self.stuck if third in self.path else self.send)(content)

    monkeypatch.setattr(Source, "good", stuck_at_the_third)
    process = start_process(folder)
    wait_for(lambda: any(path.stat().st_size for path in folder.glob(f".download-*/{third}")))
    process.kill()
    process.join()
    monkeypatch.setattr(Source, "good", Source.send)

    (unfinished,) = folder.glob(".download-*")
    assert [path.name for path in unfinished.iterdir()] == [third]
    load(folder)
    assert unfinished.is_dir(), "it may be another process', still at work"
    assert [name for _, name in server.requests] == [file[0] for file in datasets.FASHION_MNIST[:3]] + [
        file[0] for file in datasets.FASHION_MNIST[2:]
    ]
    old = time.time() - downloads.DAY - 60
    os.utime(unfinished, (old, old))
    load(folder)
    assert contents_of(folder) == whole(small)


def test_a_thread_that_was_given_up_does_not_keep_its_process_alive(monkeypatch, sources, start_process, tmp_path):
    monkeypatch.setattr(downloads, "TIMEOUT", 60)
    sources.use("silent", "good")
    process = start_process(tmp_path / "fashion-mnist")
    process.join(20)
    assert process.exitcode == 0


def test_two_processes_at_once_leave_the_folder_whole(server, start_process, small, tmp_path):
    folder = tmp_path / "fashion-mnist"
    both = threading.Barrier(2)
    server.on_request = lambda: both.wait(20)  # so that each file is asked for by both before either has it
    processes = [start_process(folder) for _ in range(2)]
    for process in processes:
        process.join(30)
    assert [process.exitcode for process in processes] == [0, 0]
    assert contents_of(folder) == whole(small)
    assert sorted(server.requests) == sorted(2 * [("good", file[0]) for file in datasets.FASHION_MNIST])


def test_of_two_processes_one_is_killed(server, start_process, small, tmp_path):
    folder = tmp_path / "fashion-mnist"
    server.use("stuck")
    killed = start_process(folder)
    wait_for(lambda: any(path.stat().st_size for path in folder.glob(".download-*/*")))
    server.use("steady")
    other = start_process(folder)
    wait_for(lambda: len(server.requests) > 1)
    killed.kill()
    other.join(30)
    assert other.exitcode == 0
    (unfinished,) = folder.glob(".download-*")
    shutil.rmtree(unfinished)
    assert contents_of(folder) == whole(small)


# Files that do not belong there


@pytest.mark.parametrize("position", range(4))
@pytest.mark.parametrize("name", DAMAGE)
@pytest.mark.parametrize("ending", [".gz", ""])
def test_a_wrong_hash_is_never_loaded_and_nothing_is_lost(position, name, ending, by_hand, small):
    damage, fault = DAMAGE[name]
    file, md5_expected, *_ = datasets.FASHION_MNIST[position]
    (by_hand / file).unlink()
    path = by_hand / (file.removesuffix(".gz") + ending)
    path.write_bytes(damage(small[1][position]))
    before = contents_of(by_hand)
    message = (
        rf"{path} is not the file that belongs there: {fault.format(md5=md5_expected)}.*\. "
        r"Delete it, or move it away, and call again to download it, or take it from https://github\.com/.*/" + file
    )
    with pytest.raises(ValueError, match=message):
        load(by_hand)
    assert contents_of(by_hand) == before


WAYS = {
    "by gzip at its best": lambda content: gzip.compress(content, 9),
    "by gzip at its fastest": lambda content: gzip.compress(content, 1),
    "not really": lambda content: gzip.compress(content, 0),
    "with another time": lambda content: gzip.compress(content, mtime=1),
    "in blocks, as by bgzip": lambda content: b"".join(
        gzip.compress(content[start : start + 1000]) for start in range(0, len(content) + 1000, 1000)
    ),
    "not at all": lambda content: content,
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("ending", [".gz", ""])
def test_files_are_known_by_their_content(way, ending, by_hand, small):
    for file, content in zip(datasets.FASHION_MNIST, small[1], strict=True):
        (by_hand / file[0]).unlink()
        (by_hand / (file[0].removesuffix(".gz") + ending)).write_bytes(WAYS[way](gzip.decompress(content)))
    before = contents_of(by_hand)
    arrays = [array.asnumpy() for loader in load(by_hand) for array in loader.arrays]
    for array, expected in zip(arrays, small[0], strict=True):
        np.testing.assert_array_equal(array.reshape(expected.shape), expected)
    assert contents_of(by_hand) == before


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda path: os.symlink("nowhere", path)])
def test_what_is_no_file_is_neither_read_nor_replaced(make, by_hand):
    path = by_hand / datasets.FASHION_MNIST[1][0]
    path.unlink()
    make(path)
    with pytest.raises(ValueError, match=rf"{path} is not the file that belongs there: its MD5 is that of no file"):
        load(by_hand)
    assert os.path.lexists(path)
    assert not path.is_file()


@pytest.mark.parametrize(
    ("position", "change", "fault"),
    [
        (1, lambda labels: labels + np.uint8(1), "it holds 10 at position [0-9]+, where at most 9 is expected"),
        (3, lambda labels: labels[:-1], r"its header gives the shape \(19,\), where \(20,\) is expected"),
        (0, lambda images: images[:-1], r"its header gives the shape \(29, 28, 28\), where \(30, 28, 28\) is"),
        (2, lambda images: images[:, 0, 0], "it begins with the bytes 00 00 08 01, where 00 00 08 03 are expected"),
    ],
)
def test_even_with_the_right_hash_the_format_is_checked(position, change, fault, by_hand, small, monkeypatch):
    arrays, contents = small
    contents[position] = gzip.compress(idx(change(arrays[position])))
    use(monkeypatch, contents, [array.shape for array in arrays])
    path = by_hand / datasets.FASHION_MNIST[position][0]
    path.write_bytes(contents[position])
    with pytest.raises(ValueError, match=rf"{path} is damaged, or another file: {fault}"):
        load(by_hand)


@pytest.mark.parametrize(("batch_size", "error"), [(0, ValueError), ("10", TypeError), (2.5, TypeError)])
def test_bad_batch_sizes_are_refused_before_anything_is_downloaded(batch_size, error, sources, tmp_path):
    with pytest.raises(error, match="batch_size must be "):
        datasets.load_fashion_mnist(batch_size, root=tmp_path)
    assert list(tmp_path.iterdir()) == []


# load_data


def test_data_sets_are_loaded_by_their_names(monkeypatch, xp, by_hand):
    monkeypatch.setenv("D2L_DATA", str(by_hand.parent))
    for name, expected in [("digits", dh.load_digits(100)), ("fashion-mnist", datasets.load_fashion_mnist(100))]:
        for loader, other in zip(datasets.load_data(name, 100), expected, strict=True):
            assert (loader.batch_size, loader.shuffle) == (100, other.shuffle)
            for array, other_array in zip(loader.arrays, other.arrays, strict=True):
                np.testing.assert_array_equal(array.asnumpy(), other_array.asnumpy())


@pytest.mark.parametrize("name", ["mnist", "Digits", "", None, 7, [], np.array(["digits"] * 2)])
def test_unknown_names_are_refused_with_a_list_of_those_that_are_known(name):
    with pytest.raises(ValueError, match=r"name must be one of 'digits', 'fashion-mnist', but is "):
        datasets.load_data(name, 10)
