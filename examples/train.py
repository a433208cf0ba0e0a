"""Softmax regression on handwritten digits, on one machine or on several: no line of it knows how many there are.

One process:        python examples/train.py
Two on one machine: python -m d2lhelpers.launch --workers 2 examples/train.py

The parameters are saved after each epoch, and the trainer's states with them; a run that finds some goes on from there.
"""

import os
from pathlib import Path

import d2lhelpers as dh

from mxnet import gluon, init

NUM_EPOCHS = 5
FOLDER = Path(os.environ.get("OUTPUT", "build/several-machines"))

dh.seed(0)  # all workers need the same examples in the same order
train_iter, test_iter = dh.load_digits(batch_size=64)
net = gluon.nn.Dense(10)
net.initialize(init.Normal(sigma=0.01))
trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.5, "momentum": 0.9})
saved, num_done = sorted(FOLDER.glob("epoch-*")), 0
if saved:
    num_done = int(saved[-1].name.removeprefix("epoch-"))
    net.load_parameters(str(saved[-1] / "parameters"))
    trainer.load_states(str(saved[-1] / "states"))
for epoch in range(num_done + 1, num_done + NUM_EPOCHS + 1):
    dh.train(net, train_iter, gluon.loss.SoftmaxCrossEntropyLoss(), trainer, 1, test_iter, dh.accuracy)
    if dh.rank() == 0:  # one is enough: all have the same
        # A folder gets an epoch's name when all in it is whole: a run that is killed meanwhile loses only this epoch.
        unfinished = FOLDER / "unfinished"
        unfinished.mkdir(parents=True, exist_ok=True)
        net.save_parameters(str(unfinished / "parameters"))
        trainer.save_states(str(unfinished / "states"))
        unfinished.rename(FOLDER / f"epoch-{epoch:03}")
