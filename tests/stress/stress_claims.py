"""What the chapters say of longer trainings, where trying it takes long."""

import sys
from pathlib import Path

import d2lhelpers as dh

import pytest

sys.path.append(str(Path(__file__).resolve().parent.parent))
from test_claims import candidates, functions  # noqa: F401 - candidates is a fixture


class Longer:
    """The helpers, but for a training that takes so many times as many epochs as it is told."""

    def __init__(self, factor):
        self.factor = factor

    def __getattr__(self, name):
        return getattr(dh, name)

    def train(self, *args, num_epochs, **options):
        return dh.train(*args, num_epochs=round(self.factor * num_epochs), **options)


def errors_of_networks(names, factor, i, settings):
    """Return the mean errors over the folds of a working set, of networks that were trained so many times as long."""
    dh.seed(i)
    names = functions("08", **names)
    names["dh"] = Longer(factor)  # where the functions look for it
    folds = names["make_folds"](names["sets"][i])
    fits = [lambda X, y, options=options: names["fit_network"](X, y, **options) for options in settings]
    return [names["cross_validate"](fit, folds).mean() for fit in fits]


@pytest.mark.parametrize("i", range(4))
def test_with_eight_times_the_epochs_only_the_network_that_nothing_holds_back_overfits(candidates, i):  # noqa: F811
    settings = [{}, {"wd": 0.001}, {"rate": 0.2}]
    (free, *held_back), shorter = (errors_of_networks(candidates, factor, i, settings) for factor in (8, 1))
    assert 0.12 < free < 0.14
    assert free > shorter[0] + 0.005
    assert max(held_back) < max(shorter[1:]) + 0.005
