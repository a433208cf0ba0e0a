"""The contenders of the benchmark: each function prepares its data and returns what is timed.

What is timed trains from zero parameters and returns the loss that it reached, so that all can be seen to do the same
work. Every contender runs in a process of its own, which imports nothing but what it needs.
"""

import os
import sys
import time
from pathlib import Path

import numpy as np

LINEAR = {"num_examples": 1_000, "batch_size": 10, "num_epochs": 3, "lr": 0.03}
SOFTMAX = {"batch_size": 256, "lr": 0.1}
AT_WORK, PAUSE, SECONDS_AT_WORK = "at work", "pause", 0.1
REAL = "D2L_BENCH_IMAGES"  # the environment variable that names a folder with real images, where there are any


def linear_data():
    rng = np.random.default_rng(1)
    features = rng.normal(size=(LINEAR["num_examples"], 2)).astype("float32")
    labels = features @ np.float32([2, -3.4]) + np.float32(4.2) + rng.normal(0, 0.01, len(features)).astype("float32")
    return features, labels


def images_data(num_examples):
    """Return images of 28×28 bytes, (n, 1, 28, 28), and their labels.

    They are the first ones of Fashion-MNIST, if run.py has put it into the folder that `REAL` names. Else they are
    generated: the pattern of a class, and as much noise.
    """
    if folder := os.environ.get(REAL):
        images, labels = (np.load(Path(folder, f"{name}.npy"), mmap_mode="r") for name in ("images", "labels"))
        return np.array(images[:num_examples, np.newaxis]), labels[:num_examples].astype("int32")
    rng = np.random.default_rng(1)
    patterns = rng.integers(0, 128, (10, 1, 28, 28), dtype="uint8")
    labels = rng.integers(0, 10, num_examples).astype("int32")
    images = patterns[labels]
    for start in range(0, num_examples, 10_000):
        block = images[start : start + 10_000]
        block += rng.integers(0, 128, block.shape, dtype="uint8")
    return images, labels


# The helper package


def dh_linear():
    import d2lhelpers as dh

    from mxnet import gluon, init, nd

    features, labels = map(nd.array, linear_data())
    data_iter, loss = dh.load_array((features, labels), LINEAR["batch_size"]), gluon.loss.L2Loss()

    def run():
        net = gluon.nn.Sequential()
        net.add(gluon.nn.Dense(1))
        net.initialize(init.Zero())
        trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": LINEAR["lr"]})
        dh.train(net, data_iter, loss, trainer, LINEAR["num_epochs"], verbose=False)
        return float(loss(net(features), labels).mean().asscalar())

    return run


def dh_images(num_examples):
    import d2lhelpers as dh

    from mxnet import nd

    images, labels = images_data(num_examples)
    return dh.load_array(
        (nd.from_numpy(images), nd.array(labels, dtype="int32")),
        SOFTMAX["batch_size"],
        transform=lambda images: np.divide(images, np.float32(255), dtype="float32"),
    )


def dh_softmax(num_examples):
    import d2lhelpers as dh

    from mxnet import gluon, init

    data_iter = dh_images(num_examples)

    def run():
        net = gluon.nn.Sequential()
        net.add(gluon.nn.Dense(10))
        net.initialize(init.Zero())
        trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": SOFTMAX["lr"]})
        loss = gluon.loss.SoftmaxCrossEntropyLoss()
        return dh.train(net, data_iter, loss, trainer, 1, metric=dh.accuracy, verbose=False).loss[0]

    return run


def reading(data_iter):
    def run():
        return sum(len(y) for _, y in data_iter)

    return run


def dh_reading(num_examples):
    return reading(dh_images(num_examples))


# Gluon: its DataLoader, and the loop as the book has it


def gluon_linear():
    from mxnet import autograd, gluon, init, nd

    features, labels = map(nd.array, linear_data())
    dataset = gluon.data.ArrayDataset(features, labels)
    data_iter = gluon.data.DataLoader(dataset, LINEAR["batch_size"], shuffle=True)
    loss = gluon.loss.L2Loss()

    def run():
        net = gluon.nn.Sequential()
        net.add(gluon.nn.Dense(1))
        net.initialize(init.Zero())
        trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": LINEAR["lr"]})
        for _ in range(LINEAR["num_epochs"]):
            for X, y in data_iter:
                with autograd.record():
                    batch_loss = loss(net(X), y)
                batch_loss.backward()
                trainer.step(LINEAR["batch_size"])
            mean = float(loss(net(features), labels).mean().asscalar())
        return mean

    return run


def gluon_images(num_examples, num_workers=0):
    import d2lhelpers  # noqa: F401

    import mxnet as mx
    from mxnet import gluon

    images, labels = images_data(num_examples)
    array = mx.np.array if mx.util.is_np_array() else mx.nd.array
    images = array(images.reshape(-1, 28, 28, 1), dtype="uint8")
    dataset = gluon.data.ArrayDataset(images, labels).transform_first(gluon.data.vision.transforms.ToTensor())
    return gluon.data.DataLoader(dataset, SOFTMAX["batch_size"], shuffle=True, num_workers=num_workers)


def gluon_softmax(num_examples):
    import d2lhelpers  # noqa: F401

    from mxnet import autograd, gluon, init

    data_iter = gluon_images(num_examples)
    loss = gluon.loss.SoftmaxCrossEntropyLoss()

    def run():
        net = gluon.nn.Sequential()
        net.add(gluon.nn.Dense(10))
        net.initialize(init.Zero())
        trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": SOFTMAX["lr"]})
        total = correct = count = 0
        for X, y in data_iter:
            with autograd.record():
                y_hat = net(X)
                batch_loss = loss(y_hat, y)
            batch_loss.backward()
            trainer.step(len(y))
            total += float(batch_loss.sum().asscalar())
            correct += float((y_hat.argmax(axis=1).astype("int32") == y).sum().asscalar())
            count += len(y)
        return total / count

    return run


def gluon_reading(num_examples):
    return reading(gluon_images(num_examples))


# d2l 0.17.0: a loader with four workers, as its load_data_fashion_mnist makes one, and its training loop


def d2l_softmax(num_examples):
    from d2l import mxnet as d2l
    from mxnet import gluon, init, npx

    npx.set_np()
    data_iter = gluon_images(num_examples, num_workers=d2l.get_dataloader_workers())
    loss = gluon.loss.SoftmaxCrossEntropyLoss()

    def run():
        net = gluon.nn.Sequential()
        net.add(gluon.nn.Dense(10))
        net.initialize(init.Zero())
        trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": SOFTMAX["lr"]})
        return d2l.train_epoch_ch3(net, data_iter, loss, trainer.step)[0]

    return run


def d2l_reading(num_examples):
    from d2l import mxnet as d2l

    return reading(gluon_images(num_examples, num_workers=d2l.get_dataloader_workers()))


# NumPy by hand


def numpy_linear():
    features, labels = linear_data()
    batch_size, lr = LINEAR["batch_size"], np.float32(LINEAR["lr"])

    def run():
        w, b = np.zeros(2, "float32"), np.float32(0)
        for _ in range(LINEAR["num_epochs"]):
            order = np.random.permutation(len(features))
            X, y = features[order], labels[order]
            for i in range(0, len(y), batch_size):
                error = X[i : i + batch_size] @ w + b - y[i : i + batch_size]
                w -= lr * (error @ X[i : i + batch_size]) / batch_size
                b -= lr * error.mean()
        return float(((features @ w + b - labels) ** 2).mean() / 2)

    return run


def numpy_softmax(num_examples):
    images, labels = images_data(num_examples)
    images = images.reshape(num_examples, -1)

    def run():
        W, b = np.zeros((784, 10), "float32"), np.zeros(10, "float32")
        total = correct = 0
        order = np.random.permutation(num_examples)
        for i in range(0, num_examples, SOFTMAX["batch_size"]):
            rows = order[i : i + SOFTMAX["batch_size"]]
            X, y, n = images[rows].astype("float32") / 255, labels[rows], len(rows)
            scores = X @ W + b
            scores -= scores.max(axis=1, keepdims=True)
            p = np.exp(scores)
            p /= p.sum(axis=1, keepdims=True)
            total -= np.log(p[np.arange(n), y]).sum()
            correct += (p.argmax(axis=1) == y).sum()
            p[np.arange(n), y] -= 1
            W -= np.float32(SOFTMAX["lr"] / n) * (X.T @ p)
            b -= np.float32(SOFTMAX["lr"] / n) * p.sum(axis=0)
        return float(total / num_examples)

    return run


# PyTorch: its DataLoader, and minibatches sliced by hand


def _torch_batches(arrays, batch_size, sliced):
    import torch

    if not sliced:
        dataset = torch.utils.data.TensorDataset(*arrays)
        return torch.utils.data.DataLoader(dataset, batch_size, shuffle=True)

    class Sliced:
        def __iter__(self):
            order = torch.randperm(len(arrays[0]))
            for rows in order.split(batch_size):
                yield tuple(array[rows] for array in arrays)

    return Sliced()


def _torch_linear(sliced):
    import torch

    features, labels = map(torch.from_numpy, linear_data())
    labels = labels.reshape(-1, 1)
    data_iter = _torch_batches((features, labels), LINEAR["batch_size"], sliced)

    def run():
        net = torch.nn.Linear(2, 1)
        for param in net.parameters():
            torch.nn.init.zeros_(param)
        optimizer = torch.optim.SGD(net.parameters(), lr=LINEAR["lr"])
        for _ in range(LINEAR["num_epochs"]):
            for X, y in data_iter:
                loss = ((net(X) - y) ** 2).mean() / 2
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            with torch.no_grad():
                mean = float(((net(features) - labels) ** 2).mean() / 2)
        return mean

    return run


def torch_linear():
    return _torch_linear(sliced=False)


def torch_sliced_linear():
    return _torch_linear(sliced=True)


def _torch_images(num_examples, sliced):
    import torch

    images, labels = images_data(num_examples)
    arrays = torch.from_numpy(images), torch.from_numpy(labels.astype("int64"))
    return _torch_batches(arrays, SOFTMAX["batch_size"], sliced)


def _torch_softmax(num_examples, sliced):
    import torch

    data_iter = _torch_images(num_examples, sliced)

    def run():
        net = torch.nn.Linear(784, 10)
        for param in net.parameters():
            torch.nn.init.zeros_(param)
        optimizer = torch.optim.SGD(net.parameters(), lr=SOFTMAX["lr"])
        total = correct = count = 0
        for X, y in data_iter:
            y_hat = net(X.reshape(len(X), -1).float() / 255)
            loss = torch.nn.functional.cross_entropy(y_hat, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += float(loss.detach()) * len(y)
            correct += float((y_hat.argmax(dim=1) == y).sum())
            count += len(y)
        return total / count

    return run


def torch_softmax(num_examples):
    return _torch_softmax(num_examples, sliced=False)


def torch_sliced_softmax(num_examples):
    return _torch_softmax(num_examples, sliced=True)


def torch_reading(num_examples):
    data_iter = _torch_images(num_examples, sliced=False)

    def run():
        return sum(len(X.float() / 255) for X, _ in data_iter)

    return run


# MXNet's own Python functions for a step, the fewest of them, on minibatches made beforehand


def _calls(batches, num_outputs, lr, num_epochs, losses_of, keeps_accuracy=False):
    """Forward, backward and update as three calls of MXNet for each minibatch, results kept."""
    import os

    os.environ["MXNET_SUBGRAPH_VERBOSE"] = "0"
    import mxnet as mx
    from mxnet import nd

    features, labels = mx.sym.var("features"), mx.sym.var("labels")
    outputs = mx.sym.FullyConnected(features, mx.sym.var("w"), mx.sym.var("b"), num_hidden=num_outputs)
    graph = mx.sym.Group([losses_of(outputs, labels), mx.sym.BlockGrad(outputs)])
    num_inputs = batches[0][0].size // batches[0][0].shape[0]
    params = {"w": nd.zeros((num_outputs, num_inputs)), "b": nd.zeros((num_outputs,))}
    grads = {name: nd.zeros_like(param) for name, param in params.items()}
    interleaved = [array for name in params for array in (params[name], grads[name])]
    executors = {}
    for X, y in batches:
        if X.shape not in executors:
            inputs = {"features": nd.zeros_like(X), "labels": nd.zeros_like(y)}
            executor = graph.bind(mx.cpu(), params | inputs, grads, {"w": "write", "b": "write"})
            heads = [nd.ones_like(executor.outputs[0]), nd.zeros_like(executor.outputs[1])]
            executors[X.shape] = inputs["features"], inputs["labels"], executor, heads

    def run():
        for param in params.values():
            param[:] = 0
        for _ in range(num_epochs):
            results = []
            for X, y in batches:
                to_X, to_y, executor, heads = executors[X.shape]
                X.copyto(to_X)
                y.copyto(to_y)
                outputs = executor.forward(is_train=True)
                executor.backward(heads)
                nd.multi_sgd_update(
                    *interleaved,
                    out=list(params.values()),
                    num_weights=2,
                    lrs=[lr, lr],
                    wds=[0, 0],
                    rescale_grad=1 / len(y),
                )
                results.append((nd.identity(outputs[0]), nd.identity(outputs[1]) if keeps_accuracy else None, y))
            losses = [float(losses.asnumpy().sum()) for losses, _, _ in results]
            if keeps_accuracy:
                sum((y_hat.asnumpy().argmax(axis=1) == y.asnumpy()).sum() for _, y_hat, y in results)
        return sum(losses) / sum(len(y) for _, _, y in results)

    return run


def calls_linear():
    import d2lhelpers  # noqa: F401

    import mxnet as mx
    from mxnet import nd

    features, labels = map(nd.array, linear_data())
    size = LINEAR["batch_size"]
    batches = [(features[i : i + size].copy(), labels[i : i + size].copy()) for i in range(0, len(labels), size)]
    return _calls(
        batches,
        1,
        LINEAR["lr"],
        LINEAR["num_epochs"],
        lambda outputs, y: mx.sym.square(mx.sym.reshape(outputs, shape=(-1,)) - y) / 2,
    )


def calls_softmax(num_examples):
    import d2lhelpers  # noqa: F401

    import mxnet as mx
    from mxnet import nd

    images, labels = images_data(num_examples)
    size = SOFTMAX["batch_size"]
    batches = [
        (nd.array(images[i : i + size] / np.float32(255)), nd.array(labels[i : i + size], dtype="int32"))
        for i in range(0, num_examples, size)
    ]
    return _calls(
        batches,
        10,
        SOFTMAX["lr"],
        1,
        lambda outputs, y: -mx.sym.pick(mx.sym.log_softmax(outputs), y),
        keeps_accuracy=True,
    )


# The limits: what no loop can do without


def _engine(net, loss, batch, num_steps):
    """The graphs of a step, prepared, always on the same minibatch, which is not even copied; no results are kept."""
    from d2lhelpers.training import fusion, updates

    from mxnet import autograd, gluon, init, nd

    net.initialize(init.Zero())
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.01})
    X, y = batch
    with autograd.record():
        losses = loss(net(X), y)
    losses.backward()
    trainer.step(len(y))
    graph = fusion.FusedGraph(net, loss, X, y, len(y))
    graph(X, y, 0, len(y))
    prepared = updates.PreparedUpdates(trainer)
    prepared.update_for(len(y), graph.trained)
    update = prepared.update_for(len(y), graph.trained)

    compute = graph.turns[0].compute

    def run():
        for _ in range(num_steps):
            compute()
            update()
        nd.waitall()
        return 0.0

    return run


def engine_linear():
    import d2lhelpers  # noqa: F401

    from mxnet import gluon, nd

    features, labels = map(nd.array, linear_data())
    size = LINEAR["batch_size"]
    num_steps = LINEAR["num_epochs"] * LINEAR["num_examples"] // size
    return _engine(gluon.nn.Dense(1), gluon.loss.L2Loss(), (features[:size], labels[:size]), num_steps)


def engine_softmax(num_examples):
    import d2lhelpers  # noqa: F401

    from mxnet import gluon, nd

    size = SOFTMAX["batch_size"]
    images, labels = images_data(size)
    batch = nd.array(images / np.float32(255)), nd.array(labels, dtype="int32")
    loss = gluon.loss.SoftmaxCrossEntropyLoss()
    return _engine(gluon.nn.Dense(10), loss, batch, -(-num_examples // size))


def bytes_reading(num_examples):
    """Read each byte of the images once, in the order in which they lie there."""
    images, labels = images_data(num_examples)
    words = images.reshape(-1).view("uint64")

    def run():
        np.bitwise_xor.reduce(words)
        return len(labels)

    return run


bytes_softmax = bytes_reading


def main(name, *arguments):
    """Prepare the contender called `name`; then, for each line that comes in, run once and answer time and loss.

    The line says what comes before the run: `AT_WORK` or `PAUSE`. The former is a while of work that has nothing to do
    with any contender. On some machines, a virtual one for instance, it takes so long until all CPUs take part.
    """
    run = globals()[name](*map(int, arguments))
    print("ready", flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        while line.strip() == AT_WORK and time.perf_counter() - start < SECONDS_AT_WORK:
            pass
        start = time.perf_counter()
        result = run()
        print(time.perf_counter() - start, result, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
