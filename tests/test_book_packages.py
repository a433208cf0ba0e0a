"""The book's own packages work here: every function of chapters 2 to 4 of d2l, and of d2lzh, its first edition's.

The lines are in the style of the book's pages; MXNet's own FashionMNIST reads made-up images, for whose hash it is told
not to look.
"""

import ast
import gzip
import hashlib
import importlib.util
import os
import re
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

ONLY_HERE = Path(sys.prefix) / "d2lzh"
NEXT_CHAPTER = "try_gpu"  # the first function of d2l that its chapter 5 defines

PREPARE = """
import os, random
def prepare():
    import mxnet
    mxnet.gluon.utils.check_sha1 = lambda name, sha1: True
    mxnet.random.seed(0)
    random.seed(0)
"""

D2L = """
from d2l import mxnet as d2l
from mxnet import autograd, gluon, init, np, npx
npx.set_np()
prepare()

d2l.use_svg_display()
d2l.set_figsize((4, 3))
axes = d2l.plt.gca()
d2l.set_axes(axes, "x", "y", [0, 1], [0, 2], "linear", "linear", ["a line"])
x = np.arange(0, 3, 0.1)
d2l.plot(x, [3 * x**2 - 4 * x, 2 * x - 3], "x", "f(x)", legend=["f(x)", "its tangent at 1"])
d2l.plt.savefig("curves.svg")

timer = d2l.Timer()
true_w, true_b = np.array([2, -3.4]), 4.2
features, labels = d2l.synthetic_data(true_w, true_b, 1000)
data_iter = d2l.load_array((features, labels), 10)
w, b = np.random.normal(0, 0.01, (2, 1)), np.zeros(1)
for param in (w, b):
    param.attach_grad()
for epoch in range(3):
    for X, y in data_iter:
        with autograd.record():
            l = d2l.squared_loss(d2l.linreg(X, w, b), y)
        l.backward()
        d2l.sgd([w, b], 0.03, 10)
assert float(abs(w.reshape(2) - true_w).max()) < 0.01 and abs(float(b) - true_b) < 0.01
assert timer.stop() > 0

net = gluon.nn.Sequential()
net.add(gluon.nn.Dense(1))
net.initialize(init.Normal(sigma=0.01))
trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.03})
loss = gluon.loss.L2Loss()
before = d2l.evaluate_loss(net, data_iter, loss)
for X, y in data_iter:
    with autograd.record():
        l = loss(net(X), y)
    l.backward()
    trainer.step(10)
assert d2l.evaluate_loss(net, data_iter, loss) < before / 10

assert d2l.get_dataloader_workers() == 4
train_iter, test_iter = d2l.load_data_fashion_mnist(50, resize=32)
assert next(iter(train_iter))[0].shape == (50, 1, 32, 32)
train_iter, test_iter = d2l.load_data_fashion_mnist(50)
X, y = next(iter(train_iter))
assert X.shape == (50, 1, 28, 28) and X.dtype == "float32" and 0.5 < float(X.max()) <= 1
d2l.show_images(X[:18].reshape(18, 28, 28), 2, 9, titles=d2l.get_fashion_mnist_labels(y[:18]))
d2l.plt.savefig("images.svg")

assert d2l.accuracy(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1])) == 1
metric = d2l.Accumulator(2)
metric.add(1.0, 2)
assert metric[1] == 2
animator = d2l.Animator(xlabel="epoch", xlim=[1, 2], legend=["loss"])
animator.add(1, (0.5,))
net = gluon.nn.Sequential()
net.add(gluon.nn.Dense(256, activation="relu"), gluon.nn.Dense(10))
net.initialize(init.Normal(sigma=0.01))
loss = gluon.loss.SoftmaxCrossEntropyLoss()
trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.5})
first, _ = d2l.train_epoch_ch3(net, train_iter, loss, trainer.step)
d2l.train_ch3(net, train_iter, test_iter, loss, 4, trainer.step)
assert d2l.evaluate_accuracy(net, test_iter) > 0.95
d2l.predict_ch3(net, test_iter)
d2l.plt.savefig("predictions.svg")

d2l.DATA_HUB.clear()
d2l.DATA_HUB["ours"] = ADDRESS, SHA1
os.makedirs("work")
os.chdir("work")
assert d2l.download("ours") == os.path.join("..", "data", "ours.zip")
assert d2l.download_extract("ours", "folder") == os.path.join("..", "data", "folder")
assert open("../data/folder/file.txt").read() == "hello"
d2l.download_all()
"""

D2LZH = """
from IPython import display
from matplotlib import pyplot as plt
from mxnet import autograd, gluon, init, nd
from mxnet.gluon import loss as gloss, nn
display.set_matplotlib_formats("svg")  # a page of the book does so itself
import d2lzh as d2l
prepare()

d2l.use_svg_display()
d2l.set_figsize((4, 3))
assert nd.ones(1, ctx=d2l.try_gpu()).shape == (1,)
features = nd.random.normal(shape=(1000, 2))
labels = d2l.linreg(features, nd.array([[2], [-3.4]]), 4.2) + nd.random.normal(scale=0.01, shape=(1000, 1))
plt.scatter(features[:, 1].asnumpy(), labels.asnumpy(), 1)
plt.savefig("points.svg")
w, b = nd.random.normal(scale=0.01, shape=(2, 1)), nd.zeros(1)
for param in (w, b):
    param.attach_grad()
for epoch in range(3):
    for X, y in d2l.data_iter(10, features, labels):
        with autograd.record():
            l = d2l.squared_loss(d2l.linreg(X, w, b), y)
        l.backward()
        d2l.sgd([w, b], 0.03, 10)
assert abs(w.reshape(2) - nd.array([2, -3.4])).max().asscalar() < 0.01 and abs(b.asscalar() - 4.2) < 0.01

train_iter, test_iter = d2l.load_data_fashion_mnist(50)
X, y = next(iter(train_iter))
d2l.show_fashion_mnist(X[:9], d2l.get_fashion_mnist_labels(y[:9].asnumpy()))
plt.savefig("images.svg")
net = nn.Sequential()
net.add(nn.Dense(256, activation="relu"), nn.Dense(10))
net.initialize(init.Normal(sigma=0.01))
trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.5})
d2l.train_ch3(net, train_iter, test_iter, gloss.SoftmaxCrossEntropyLoss(), 4, 50, trainer=trainer)
assert d2l.evaluate_accuracy(test_iter, net) > 0.95
W, c = nd.random.normal(scale=0.01, shape=(784, 10)), nd.zeros(10)
W.attach_grad()
c.attach_grad()
def linear(X):
    return nd.dot(X.reshape((-1, 784)), W) + c
d2l.train_ch3(linear, train_iter, test_iter, gloss.SoftmaxCrossEntropyLoss(), 2, 50, [W, c], 0.1)
d2l.semilogy([1, 2, 3], [0.5, 0.2, 0.1], "epochs", "loss", [1, 2, 3], [0.6, 0.4, 0.3], ["train", "test"])
plt.savefig("losses.svg")
"""
# By the book's contents; the package lists its functions by the alphabet.
D2LZH_NAMES = (
    *("use_svg_display", "set_figsize", "data_iter", "linreg", "squared_loss", "sgd", "get_fashion_mnist_labels"),
    *("show_fashion_mnist", "load_data_fashion_mnist", "train_ch3", "evaluate_accuracy", "semilogy", "try_gpu"),
)


def d2l_names():
    source = Path(importlib.util.find_spec("d2l").origin).with_name("mxnet.py").read_text(encoding="utf-8")
    names = [node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    return names[: names.index(NEXT_CHAPTER)]


def test_each_function_is_called():
    assert set(d2l_names()) <= set(re.findall(r"\bd2l\.(\w+)", D2L))
    assert set(D2LZH_NAMES) <= set(re.findall(r"\bd2l\.(\w+)", D2LZH))
    assert (len(d2l_names()), len(D2LZH_NAMES)) == (25, 13)


def write_fashion_mnist(folder):
    """Write the four files, with images of ten classes that are told apart by where a bright patch lies."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    for name, n in (("train", 1000), ("t10k", 200)):
        labels = rng.integers(0, 10, n, dtype=np.uint8)
        images = rng.integers(0, 100, (n, 28, 28), dtype=np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[2 + 5 * (label // 2) :, 14 * (label % 2) :][:5, :14] += 120
        for kind, magic, array in (("images-idx3", 2051, images), ("labels-idx1", 2049, labels)):
            header = struct.pack(f">{1 + array.ndim}I", magic, *array.shape)
            (folder / f"{name}-{kind}-ubyte.gz").write_bytes(gzip.compress(header + array.tobytes()))


def run(code, folder):
    write_fashion_mnist(folder / ".mxnet" / "datasets" / "fashion-mnist")
    page = f"{PREPARE}def main():\n{indent(code)}\nif __name__ == '__main__':\n    main()\n"
    (folder / "page.py").write_text(page)
    env = {**os.environ, "HOME": str(folder), "MXNET_HOME": str(folder / ".mxnet"), "MPLBACKEND": "Agg"}
    env |= {"PYTHONPATH": str(ONLY_HERE), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "page.py"]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for path in folder.glob("*.svg"):
        assert path.stat().st_size > 5000
    return len(list(folder.glob("*.svg")))


def indent(code):
    return re.sub(r"^(?=.)", "    ", code, flags=re.MULTILINE)


def test_d2l(tmp_path):
    with zipfile.ZipFile(tmp_path / "ours.zip", "w") as archive:
        archive.writestr("folder/file.txt", "hello")
    sha1 = hashlib.sha1((tmp_path / "ours.zip").read_bytes()).hexdigest()
    server = subprocess.Popen(
        [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        port = re.search(r"port (\d+)", server.stdout.readline()).group(1)
        code = D2L.replace("ADDRESS, SHA1", f"'http://127.0.0.1:{port}/ours.zip', '{sha1}'")
        assert run(code, tmp_path) == 3
    finally:
        server.terminate()
        server.communicate()


@pytest.mark.skipif(not ONLY_HERE.exists(), reason="d2lzh is installed, for this test only, by make")
def test_d2lzh(tmp_path):
    assert run(D2LZH, tmp_path) == 3


ORDERS = {
    "d2lhelpers": "import d2lhelpers",
    "a figure": "import d2lhelpers as dh; dh.set_figsize(); dh.plot([1], [2])",
    "set_np": "from mxnet import npx; npx.set_np(); import d2lhelpers as dh; dh.load_digits",
    "d2l, then a figure": "from d2l import mxnet as d2l; import d2lhelpers as dh; dh.plot([1], [2])",
    "matplotlib": "import matplotlib.pyplot; import d2lhelpers as dh; dh.show_images",
}


@pytest.mark.parametrize("before", ORDERS)
def test_d2l_is_whole_whatever_ran_before(tmp_path, before):
    code = (
        f"{ORDERS[before]}\nfrom d2l import mxnet as d2l\n"
        f"print([name for name in {d2l_names()} if not hasattr(d2l, name)])\n"
        "d2l.use_svg_display(); d2l.set_figsize(); d2l.plot([1, 2], [3, 4]); d2l.Animator('x').add(1, (1,))\n"
    )
    env = {**os.environ, "MPLBACKEND": "Agg"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("[]\n")
