"""How much memory the full-size data set takes, from its files to the end of a training run."""

import gzip
import hashlib
import struct
import subprocess
import sys
from pathlib import Path

from d2lhelpers import datasets

import pytest

RUN = """
import sys
from ast import literal_eval
import d2lhelpers as dh
from d2lhelpers import datasets
from mxnet import gluon, nd

def kilobytes(name):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(name))

datasets.FASHION_MNIST = literal_eval(sys.argv[2])
nd.ones((1,)).asnumpy()
before = kilobytes("VmRSS")
train_iter, test_iter = dh.load_fashion_mnist(256, root=sys.argv[1])
net = gluon.nn.Sequential()
net.add(gluon.nn.Dense(10))
net.initialize()
trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})
loss = gluon.loss.SoftmaxCrossEntropyLoss()
dh.train(net, train_iter, loss, trainer, 2, test_iter, dh.accuracy, verbose=False)
print((kilobytes("VmHWM") - before) * 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc, which is Linux's")
def test_training_takes_at_most_twice_the_memory_of_the_bytes_on_disk(tmp_path, rng):
    folder = tmp_path / "fashion-mnist"
    folder.mkdir()
    table, raw = [], 0
    for name, _, _, shape in datasets.FASHION_MNIST:
        values = rng.integers(0, 10, shape, dtype="uint8")
        raw += values.nbytes
        header = struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape)
        content = header + values.tobytes()
        (folder / name).write_bytes(gzip.compress(content, compresslevel=1))
        table.append((name, hashlib.md5(content).hexdigest(), len(content), shape))
    assert raw == 70_000 * (28 * 28 + 1)
    command = [sys.executable, "-W", "ignore", "-c", RUN, tmp_path, repr(tuple(table))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    peak = int(done.stdout.splitlines()[-1])
    assert raw < peak < 2.0 * raw, f"{peak / raw:.2f} times the raw data"
