"""Exercises of chapter 02, linear regression with Gluon."""

import numpy as np
from mxnet import gluon, init, nd
from mxnet.gluon import loss as gloss

from ..data import synthetic_data
from ..language import N_, Text
from .calling import as_nd, call, call_for_net
from .comparing import compare
from .describing import describe, describe_call, near_limit
from .judging import Exercise, Wrong
from .kinds import by_number, choice_exercise, number_exercise
from .recipes import (
    BROADCAST,
    TOO_FEW,
    TOO_LARGE,
    Labels,
    examine_steps,
    is_flat,
    is_scattered,
    mean_squared_loss,
)
from .variants import generator, seed
from .watching import Watch

# 02.1


def loss_floor(noise):
    """Compute the mean loss of the true parameters, for labels with noise of this standard deviation."""
    return noise**2 / 2


FLOOR = number_exercise(
    "02.1",
    "The floor of the loss",
    value=lambda: loss_floor(0.1),
    mistakes=[
        (0.1 / 2, N_("the loss squares what is left over, and so the noise")),
        (0.1**2, N_("that is the variance of the noise; the loss has a half in front")),
        (0.1, N_("that is the standard deviation; put it through the loss")),
        (10 * loss_floor(0.01), N_("ten times the noise, but the loss squares it")),
    ],
    why=N_("Whoever knows the floor knows when to stop tuning: below it there is only noise to be learnt."),
)

# 02.2


def effective_rate(learning_rate, batch_size, divisions):
    """Compute the learning rate that a loop amounts to if the gradient of the sum is divided so many times."""
    return learning_rate / batch_size ** (divisions - 1)


TWICE = number_exercise(
    "02.2",
    "Divided twice",
    value=lambda: effective_rate(0.5, 20, divisions=2),
    mistakes=[
        (effective_rate(0.5, 20, divisions=1), N_("mean() has divided by 20 already, and step(20) does it again")),
        (
            effective_rate(0.5, 20, divisions=0),
            N_("that is what the vector with step(1) amounts to: no division at all"),
        ),
        (
            effective_rate(0.5, 20, divisions=3),
            N_("one of the two divisions is as it should be; the other is too many"),
        ),
        (20, N_("that is how many times too short the steps are; what is the learning rate?")),
    ],
    why=N_("A wrong batch size raises no error, it is a wrong learning rate in disguise."),
)

# 02.3


def _set_parameters(answer):
    """Have networks made with given parameters, and compare what they compute with the formula."""
    rng = generator(3)
    for n, d in ((5, 3), (1, 1), (8, 6)):
        w, b, X = (rng.normal(size=shape).astype("float32") for shape in ((d,), (1,), (n, d)))
        b = b + np.float32(2)
        made = describe_call(answer, (w, b))
        net = call_for_net(answer, w, b, tried=made)
        tried = N_("the network of {call}, called with {X}", call=made, X=describe(X))
        got = call(net, X, tried=tried)
        column = (X @ w).reshape(-1, 1)
        mistakes = [
            (column, N_("the weights are right, but the bias is still zero")),
            (
                (column + b).reshape(-1),
                N_("the values are right, but a layer gives a column: one output for each example"),
            ),
        ]
        try:
            compare(tried, got, column + b, mistakes)
        except Wrong as wrong:
            if wrong.hint or got.shape != column.shape:
                raise
            hint = N_("the weights are not the given ones: initialize draws numbers at random, so it comes first")
            raise Wrong(wrong.tried, wrong.came_out, wrong.expected, hint) from None
        count = sum(param.data().size for param in net.collect_params().values())
        if count != d + 1:
            hint = N_("w and b have to be the parameters of a layer, so that a trainer can go on with them")
            tried = N_("collect_params() of the network of {call}", call=made)
            raise Wrong(tried, N_("{count} parameters", count=count), f"{d + 1}", hint)


WARM_START = Exercise(
    "02.3",
    "From scratch to Gluon",
    why=N_("So you load parameters that were found elsewhere, and check a network against a formula."),
    examine=_set_parameters,
)

# 02.4


def sgd_step(X, y, w, b, learning_rate, power):
    """Compute the reference: parameters (d + 1,) after a step on the mean loss, and the mean loss before and after it.

    The loss is the squared one, with its half, for power 2, and the absolute one for power 1.
    """
    n = len(y)

    def mean_loss(error):
        return np.mean(np.abs(error) ** power) / power

    error = X @ w + b - y
    slope = error if power == 2 else np.sign(error)
    w, b = w - learning_rate * X.T @ slope / n, b - learning_rate * slope.mean()
    return np.append(w, b), mean_loss(error), mean_loss(X @ w + b - y)


def _params(net):
    return np.append(net.weight.data().asnumpy().ravel(), net.bias.data().asnumpy()).astype("float64")


_STEPS = (
    N_("a step on a minibatch of {n} examples with {loss}, learning rate {rate}"),
    N_("a second step on a minibatch of {n} examples with {loss}, learning rate {rate}"),
)


def _one_step(answer):
    """Let the learner's function take steps, and compare parameters and losses with the formula."""
    rng = generator(4)
    cases = [(4, 2, 0.1, gloss.L2Loss(), 2), (10, 3, 0.03, gloss.L2Loss(), 2), (7, 5, 0.5, gloss.L1Loss(), 1)]
    for n, d, learning_rate, loss, power in cases:
        net = gluon.nn.Dense(1, in_units=d)
        net.initialize(init.Zero())
        trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": learning_rate})
        w, b = rng.normal(size=d), rng.normal(size=1)
        net.weight.set_data(nd.array(w.reshape(1, d)))
        net.bias.set_data(nd.array(b))
        for step in _STEPS:
            X, y = rng.normal(size=(n, d)), rng.normal(3, 1, size=n)
            before = _params(net)
            tried = Text(step, n=n, loss=type(loss).__name__, rate=learning_rate)
            expected, loss_before, loss_after = sgd_step(X, y, before[:-1], before[-1], learning_rate, power)
            got = call(answer, net, trainer, loss, as_nd(X), as_nd(y), tried=tried)
            _compare_steps(tried, _params(net) - before, expected - before, n)
            mistakes = [
                (n * loss_before, N_("the step is right; for the result, take the mean of the losses, not their sum")),
                (loss_after, N_("the step is right; return the loss from before it, which was computed anyway")),
                (loss_before / n, N_("the step is right, but the mean loss was divided by n once more")),
            ]
            compare(N_("the mean loss returned by {step}", step=tried), got, loss_before, mistakes, tolerance=1e-3)


def _compare_steps(tried, got, expected, n):
    """Raise `Wrong` if the change of the parameters is not the expected one."""
    if np.allclose(got, expected, rtol=1e-3, atol=1e-4):
        return
    ratio = got @ expected / (expected @ expected)
    came_out, hint = (
        N_("another change of the parameters than by the formula"),
        N_("use the net, trainer and loss given"),
    )
    if not np.any(got):
        came_out, hint = N_("no change of the parameters"), N_("is there a step of the trainer after backward()?")
    elif np.allclose(got, ratio * expected, rtol=1e-2, atol=1e-4):
        came_out = N_("a step {ratio:.3g} times as long as by the formula", ratio=ratio)
        hint = N_("is there a fixed number where the size of this minibatch belongs?")
        if np.isclose(ratio, n, rtol=0.01):
            hint = N_("the gradient is that of the sum of the losses: who divides it by the batch size?")
        elif np.isclose(ratio, 1 / n, rtol=0.01):
            hint = N_("the gradient is divided by the batch size twice: once by you, once by step")
    raise Wrong(tried, came_out, N_("w and b less the learning rate times the gradient of the mean loss"), hint)


ONE_STEP = Exercise(
    "02.4",
    "One step",
    why=N_(
        "These lines train any network with any loss and any optimizer, as they ask nothing of what they are given."
    ),
    examine=_one_step,
)

# 02.5

PIECES = choice_exercise(
    "02.5",
    "What the pieces do",
    {
        "a": (False, N_("which two of the three gradients under 'What backward and step do' were equal?")),
        "b": (True, N_("what was it that the layer had to wait for?")),
        "c": (False, N_("look at the last figure: does the blue line of an epoch lie at its triangle?")),
        "d": (True, N_("how could step know how many examples the loss was made of?")),
        "e": (True, N_("what is the first argument of Trainer for?")),
    },
    why=N_("None of these slips raises an error; you find them only if you know what each piece does."),
)

# 02.6


def _train_with_gluon(answer):
    """Train with the learner's function on data with weights that nobody knows, and test on other data."""
    for true_w, true_b in (([1.5, -2.0, 0.7], -1.2), ([3.0], 0.4)):
        seed(26)
        features, labels = (array.asnumpy() for array in synthetic_data(true_w, true_b, 2000, noise=0.1))
        tried = N_("training with your function on 1000 examples of {d} features", d=len(true_w))
        with Watch() as watch:
            net = call_for_net(answer, features[:1000], labels[:1000], tried=tried)
        X, y = features[1000:], labels[1000:].astype("float64")
        on_others = N_("{tried}, and the network on 1000 others", tried=tried)
        y_hat = call(net, X, tried=on_others)
        if np.size(y_hat) != len(y):
            raise Wrong(
                on_others, describe(y_hat), N_("one prediction for each example"), N_("how many outputs has the layer?")
            )
        examine_steps(watch.steps, Labels(features[:1000], labels[:1000]), mean_squared_loss, tried)
        error = np.ravel(y_hat) - y
        loss, at_start = np.mean(error**2) / 2, np.mean(y**2) / 2
        # Least squares would be within 1 % of the floor, and small batches with a large rate are within 40 %.
        limit = 2 * np.mean((X @ np.array(true_w) + true_b - y) ** 2) / 2
        if loss < limit:
            continue
        if not np.isfinite(loss) or loss > 2 * at_start:
            hint = N_(
                "the loss has grown: is the gradient divided by the batch size, and the learning rate small enough?"
            )
        elif is_flat(error, y):
            hint = BROADCAST
        elif loss > 0.9 * at_start:
            hint = N_(
                "nothing was learnt: are there backward() and step() in the loop, for the network that is returned?"
            )
        elif np.mean(error) ** 2 > np.var(error):
            hint = N_("the weights are right, but the bias is not: has the layer one, and does the trainer know it?")
        else:
            again = np.ravel(call(call_for_net(answer, features[:1000], labels[:1000], tried=tried), X, tried=tried))
            hint = TOO_LARGE if is_scattered(np.ravel(y_hat), again, X @ np.array(true_w) + true_b) else TOO_FEW
        loss, limit = near_limit(loss, limit)
        expected = N_("at most {limit}, near the noise", limit=limit)
        raise Wrong(on_others, N_("a mean loss of {loss}", loss=loss), expected, hint)


FROM_MEMORY = Exercise(
    "02.6",
    "Write it from memory",
    why=N_("Data, model, initialisation, loss, trainer, loop: a larger network changes one line of it."),
    examine=_train_with_gluon,
)

EXERCISES = by_number(FLOOR, TWICE, WARM_START, ONE_STEP, PIECES, FROM_MEMORY)
