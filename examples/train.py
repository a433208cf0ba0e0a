"""Softmax regression on handwritten digits, on one machine or on several: no line of it knows how many there are.

One process:        python examples/train.py
Two on one machine: python -m d2lhelpers.launch --workers 2 examples/train.py

The parameters are saved after each epoch; a run that finds some goes on from there.
"""

import os
from pathlib import Path

import d2lhelpers as dh

from mxnet import gluon, init

NUM_EPOCHS = 5
FOLDER = Path(os.environ.get("OUTPUT", "build/several-machines"))
PARAMETERS, STATES = FOLDER / "digits.params", FOLDER / "digits.states"

dh.seed(0)  # all workers need the same examples in the same order
train_iter, test_iter = dh.load_digits(batch_size=64)
net = gluon.nn.Dense(10)
net.initialize(init.Normal(sigma=0.01))
trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.5, "momentum": 0.9})
if PARAMETERS.exists() and STATES.exists():
    net.load_parameters(str(PARAMETERS))
    trainer.load_states(str(STATES))
for _ in range(NUM_EPOCHS):
    dh.train(net, train_iter, gluon.loss.SoftmaxCrossEntropyLoss(), trainer, 1, test_iter, dh.accuracy)
    if dh.rank() == 0:  # one is enough: all have the same
        FOLDER.mkdir(parents=True, exist_ok=True)
        # A file gets its name when it is whole, so that whoever is interrupted keeps the one before.
        net.save_parameters(f"{PARAMETERS}.new")
        trainer.save_states(f"{STATES}.new")
        os.replace(f"{PARAMETERS}.new", PARAMETERS)
        os.replace(f"{STATES}.new", STATES)
