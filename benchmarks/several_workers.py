"""Case (f) of the benchmark, as the processes of a run execute it: train for some epochs, or measure a push and pull.

    python benchmarks/several_workers.py dh softmax 5      trains, alone or under d2lhelpers.launch
    python benchmarks/several_workers.py gluon mlp 5       trains with Gluon's kvstore="dist_sync"
    python benchmarks/several_workers.py push 10 1000000   times pushes and pulls of so many numbers

The first worker prints a line of JSON. In MXNet's own kind of run, the variable `OWN` says what role a process has.
"""

import json
import os
import statistics
import sys
import time

import d2lhelpers as dh

import contenders
import numpy as np

OWN = "D2L_BENCH_ROLE"
if OWN in os.environ:  # from here on, since a process that imports d2lhelpers with it is a member of one of its runs
    os.environ["DMLC_ROLE"] = os.environ[OWN]

NUM_EXAMPLES = 29 * 2048  # no smaller minibatch at the end, since Gluon's trainer takes none in such a run
# The hidden layers, and the size of a minibatch of the whole run, which 4 workers can share evenly.
MODELS = {"softmax": ((), 256), "mlp": ((256,), 2048)}
REPEATS = 200  # pushes of each size


def network(hidden):
    from mxnet import gluon, init

    net = gluon.nn.HybridSequential()
    for size in hidden:
        net.add(gluon.nn.Dense(size, activation="relu"))
    net.add(gluon.nn.Dense(10))
    net.initialize(init.Normal(0.01))
    return net


def loader(batch_size, part=slice(None)):
    from mxnet import nd

    images, labels = contenders.images_data(NUM_EXAMPLES)
    arrays = nd.from_numpy(np.ascontiguousarray(images[part])), nd.array(labels[part], dtype="int32")
    return dh.load_array(
        arrays, batch_size, transform=lambda images: np.divide(images, np.float32(255), dtype="float32")
    )


def train_dh(model, num_epochs):
    """Return the seconds of each epoch, and the last loss."""
    from mxnet import gluon

    hidden, batch_size = MODELS[model]
    dh.seed(0)
    net = network(hidden)
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})
    loss = gluon.loss.SoftmaxCrossEntropyLoss()
    history = dh.train(net, loader(batch_size), loss, trainer, num_epochs, verbose=False)
    return history.seconds, history.loss[-1]


def train_gluon(model, num_epochs):
    """Do the same with Gluon's own trainer, with our loader, and the graph of a hybridized network."""
    import mxnet as mx
    from mxnet import autograd, gluon

    store = mx.kv.create("dist_sync")
    hidden, batch_size = MODELS[model]
    dh.seed(0)
    net = network(hidden)
    net.hybridize(static_alloc=True, static_shape=True)
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1}, kvstore=store)
    loss = gluon.loss.SoftmaxCrossEntropyLoss()
    data_iter = loader(batch_size // store.num_workers, slice(store.rank, None, store.num_workers))
    seconds = []
    for _ in range(num_epochs):
        start, losses = time.perf_counter(), []
        for X, y in data_iter:
            with autograd.record():
                batch_losses = loss(net(X), y)
            batch_losses.backward()
            trainer.step(len(y) * store.num_workers)
            losses.append(batch_losses)
        values = np.concatenate([array.asnumpy() for array in losses])
        for param in net.collect_params().values():
            param.data().wait_to_read()
        seconds.append(time.perf_counter() - start)
    return seconds, float(values.mean())


def push(*sizes):
    """Return the median seconds of a push and pull that is waited for, by the number of float32 numbers."""
    from d2lhelpers.cluster import current

    from mxnet import nd

    found = []
    for size in sizes:
        array = nd.ones((size,))
        array.wait_to_read()
        seconds = []
        for _ in range(REPEATS):
            array[:] = 1
            array.wait_to_read()
            start = time.perf_counter()
            current().add_up("benchmark", array)
            array.wait_to_read()
            seconds.append(time.perf_counter() - start)
        found.append(statistics.median(seconds[REPEATS // 10 :]))
    return found


def main(kind, *arguments):
    if kind == "push":
        result = push(*map(int, arguments))
    else:
        model, num_epochs = arguments
        result = {"dh": train_dh, "gluon": train_gluon}[kind](model, int(num_epochs))
    if dh.rank() == 0 and os.environ.get("D2L_BENCH_RANK", "0") == "0":
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
