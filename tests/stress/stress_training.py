"""Training for as long, and interrupted as often, as patience allows: minutes; `make stress` runs it."""

import itertools
import os
import random
import signal
import threading
from pathlib import Path

import d2lhelpers as dh

import mxnet as mx
import numpy as np
import pytest
from mxnet import gluon
from test_training_stress import Model, both_ways, gluon_trainer

STEPS = 1_000_000
WARM_UP = 100_000
STATM = Path("/proc/self/statm")


def resident_bytes():
    return int(STATM.read_text(encoding="utf-8").split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not STATM.exists(), reason="memory is read from /proc, which is Linux's")
@pytest.mark.parametrize("way", ["fused", "from scratch", "prepared"])
def test_memory_does_not_grow_in_a_million_steps(way):
    model, sizes = Model(mx.nd, "from scratch" if way == "from scratch" else "fused"), []
    batch = mx.nd.random.normal(shape=(4, 3)), mx.nd.random.normal(shape=(4,))

    class Steps:
        def __iter__(self):
            for i in range(STEPS):
                if i % WARM_UP == 0:
                    sizes.append(resident_bytes())
                yield batch

    history = model.train(Steps(), 1, gluon_trainer(model.net) if way == "prepared" else None)
    sizes.append(resident_bytes())
    assert history.num_examples == [4 * STEPS]
    assert len(sizes) > 2
    assert max(sizes[1:]) - sizes[1] < 16 * 2**20, [size // 2**20 for size in sizes]


@pytest.mark.skipif(not STATM.exists(), reason="memory is read from /proc, which is Linux's")
def test_memory_does_not_grow_in_a_million_steps_of_a_loader():
    sizes = []

    def transform(features):
        sizes.append(resident_bytes())
        return features

    features, labels = mx.nd.random.normal(shape=(4 * STEPS, 3)), mx.nd.random.normal(shape=(4 * STEPS,))
    model = Model(mx.nd, "fused")
    loader = dh.load_array((features, labels), 4, transform=transform)
    history = model.train(loader, 1, gluon_trainer(model.net))
    assert history.num_examples == [4 * STEPS]
    assert len(sizes) > 8
    assert max(sizes[3:]) - sizes[3] < 16 * 2**20, [size // 2**20 for size in sizes]


@both_ways
def test_interrupts_at_hundreds_of_random_moments(way):
    """As the stop button does it: from outside, at any moment at all; nothing is lost, nothing done twice."""
    generator = random.Random(1)
    features, labels = mx.nd.random.normal(shape=(400, 3)), mx.nd.random.normal(shape=(400,))
    stream = list(dh.load_array((features, labels), 4, shuffle=False)) * 2
    expected = Model(mx.nd, way)
    expected.train(stream)
    before = signal.signal(signal.SIGINT, lambda signum, frame: None)  # an interrupt outside of train() is let go
    interrupted = 0
    try:
        for _ in range(200):
            model, steps = Model(mx.nd, way), []

            def step(n, model=model, steps=steps):
                model.step(n)
                steps.append(n)

            timer = threading.Timer(generator.uniform(0, 0.15), os.kill, (os.getpid(), signal.SIGINT))
            timer.start()
            model.train(stream, 1, step)
            timer.join()
            interrupted += len(steps) < len(stream)
            if len(steps) < len(stream):
                model.train(stream[len(steps) :])
            np.testing.assert_allclose(model.values, expected.values, rtol=0, atol=1e-6)
    finally:
        signal.signal(signal.SIGINT, before)
    assert interrupted > 20


def test_memory_does_not_grow_with_the_number_of_runs():
    if not STATM.exists():
        pytest.skip("memory is read from /proc, which is Linux's")
    sizes = []
    for i in range(600):
        net = gluon.nn.Dense(100, in_units=1000)  # 400 kB of parameters, as many of gradients
        net.initialize()
        trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.01})
        batch = mx.nd.ones((4, 1000)), mx.nd.ones((4, 100))
        dh.train(net, itertools.repeat(batch, 4), gluon.loss.L2Loss(), trainer, 1, verbose=False)
        if i % 100 == 99:
            mx.nd.waitall()
            sizes.append(resident_bytes())
    assert max(sizes[1:]) - sizes[0] < 32 * 2**20, [size // 2**20 for size in sizes]
