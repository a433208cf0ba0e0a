"""Exercises of chapter 06, multilayer perceptrons and dropout."""

from itertools import pairwise

import numpy as np
from mxnet import autograd, nd
from mxnet.gluon import nn

from ..datasets import load_digits
from ..language import N_
from .calling import call, call_for_net
from .comparing import compare, shaped_like
from .describing import describe, describe_call, form, name_of, near_limit
from .judging import Exercise, Wrong
from .kinds import by_number, choice_exercise, function_exercise, number_exercise
from .recipes import (
    TOO_FEW,
    Labels,
    examine_mode,
    examine_scores,
    examine_steps,
    mean_cross_entropy,
    softmax,
)
from .variants import generator, seed
from .watching import Watch

# 06.1


def num_parameters(sizes):
    """Count the weights and biases of fully connected layers, from their numbers of neurons, inputs first."""
    return sum(inputs * outputs + outputs for inputs, outputs in pairwise(sizes))


COUNT = number_exercise(
    "06.1",
    "How many parameters?",
    value=lambda: num_parameters([64, 128, 10]),
    tolerance=1e-5,
    mistakes=[
        (64 * 128 + 128 * 10, N_("those are the weights; each neuron that computes has a bias, too")),
        (64 * 128 + 128 * 10 + 128, N_("the outputs have biases, too")),
        (64 * 128 + 128 * 10 + 10, N_("the hidden neurons have biases, too")),
        (num_parameters([64, 128]), N_("that is the first layer; the second one leads from the hidden neurons on")),
        (num_parameters([64, 10]), N_("that is softmax regression: the hidden layer stands between pixels and scores")),
        (num_parameters([64, 96, 10]), N_("dropout silences neurons for a step; their parameters are still there")),
        (
            num_parameters([64, 128, 10]) * 0.75,
            N_("dropout silences neurons for a step; their parameters are still there"),
        ),
        (num_parameters([64, 128, 10]) + 128, N_("dropout draws its mask, it has nothing to learn")),
        (num_parameters([64, 128, 128, 10]), N_("there is one hidden layer here; the chapter's network has two")),
    ],
    why=N_("Most parameters of such a network are in its first weights: 64 pixels, each joined to 128 neurons."),
)

# 06.2


def _layers(X, W1, b1, W2, b2, hidden=lambda x: np.maximum(x, 0), output=lambda x: x):
    return output(hidden(X @ W1 + b1) @ W2 + b2)


def mlp(X, W1, b1, W2, b2):
    """Compute the reference: the scores of a network with one hidden layer and ReLU."""
    return _layers(X, W1, b1, W2, b2)


def _relu(x):
    return np.maximum(x, 0)


def _with(**functions):
    return lambda *args: _layers(*args, **functions)


def _log_softmax(x):
    return (
        x - x.max(axis=1, keepdims=True) - np.log(np.exp(x - x.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True))
    )


def _networks(rng):
    sizes = ((4, 2, 5, 3), (10, 6, 4, 2), (1, 3, 8, 1), (7, 64, 20, 10))
    return [tuple(rng.normal(size=shape) for shape in ((n, d), (d, h), (h,), (h, q), (q,))) for n, d, h, q in sizes]


FORWARD = function_exercise(
    "06.2",
    "A hidden layer",
    reference=mlp,
    inputs=_networks,
    tolerance=1e-3,
    mistakes=[
        (_with(hidden=lambda x: x), N_("without a bend between them the two layers are a single linear one")),
        (_with(output=_relu), N_("the scores go without an activation: ReLU would make the negative ones equal")),
        (_with(hidden=lambda x: x, output=_relu), N_("the bend belongs between the two layers, not behind the second")),
        (_with(hidden=lambda x: 1 / (1 + np.exp(-x))), N_("that is the sigmoid; ReLU keeps what is positive as it is")),
        (_with(hidden=np.tanh), N_("that is tanh; ReLU keeps what is positive as it is")),
        (_with(hidden=lambda x: np.minimum(x, 0)), N_("ReLU keeps the positive part, not the negative one")),
        (_with(hidden=np.abs), N_("ReLU sets negative numbers to zero; it does not change their sign")),
        (_with(output=softmax), N_("return the scores: softmax is part of the loss")),
        (
            lambda X, W1, b1, W2, b2: _layers(X, W1, b1, W2, b2, output=lambda x: x.argmax(axis=1)),
            N_("those are classes; return the scores"),
        ),
        (_with(output=_log_softmax), N_("return the scores: log-softmax is part of the loss")),
        (_with(output=lambda x: 1 / (1 + np.exp(-x))), N_("return the scores: no sigmoid behind the last layer")),
        (lambda X, W1, b1, W2, b2: _relu(X @ W1) @ W2 + b2, N_("the hidden layer has a bias, b1")),
        (lambda X, W1, b1, W2, b2: _relu(X @ W1) @ W2, N_("both layers have a bias")),
        (lambda X, W1, b1, W2, b2: (_relu(X @ W1) + b1) @ W2 + b2, N_("the bias is added before the bend")),
        (lambda X, W1, b1, W2, b2: _relu(X @ W1 + b1) @ W2, N_("the scores have a bias, b2")),
        (
            lambda X, W1, b1, W2, b2: (_relu(X) @ W1 + b1) @ W2 + b2,
            N_("the bend is applied to what the first layer gives, not to the features"),
        ),
    ],
    why=N_(
        "Matrix, bend, matrix: with enough hidden neurons, it can follow any continuous function on a bounded region."
    ),
)

# 06.3


def _magnitudes(shape):
    """Return an array without zeros, of both signs."""
    rng = generator(63)
    return (rng.uniform(0.5, 2, size=shape) * rng.choice([-1, 1], size=shape)).astype("float32")


def _drop(answer, H, p):
    tried = describe_call(answer, (H, p))
    got = shaped_like(call(answer, H, p, tried=tried), H)
    if isinstance(got, tuple) or np.shape(got) != H.shape:
        raise Wrong(tried, form(got), form(H), N_("each activation is kept or dropped by itself"))
    return tried, got


def _random_masks(answer):
    """Look at what does not depend on luck: how many are dropped, what is left, and whether masks differ."""
    for shape, p in (((400, 250), 0.3), ((40, 25, 60), 0.8), ((50_000,), 0.5)):
        H = _magnitudes(shape)
        tried, got = _drop(answer, H, p)
        if not np.isfinite(got).all():
            raise Wrong(
                tried, N_("values that are not finite"), N_("each activation is 0 or rescaled"), N_("what is divided?")
            )
        zero = got == 0
        _examine_pattern(tried, zero, p)  # first, as the share of zeros is a matter of luck if draws are few
        _examine_share(tried, zero, p)
        _examine_survivors(tried, got, H, zero, p)
        again = _drop(answer, H, p)[1] == 0
        if np.array_equal(zero, again):
            hint = N_("draw the mask at random, anew in each call, and do not seed inside of the function")
            raise Wrong(
                N_("{tried}, twice", tried=tried), N_("the same mask both times"), N_("another mask at each call"), hint
            )
    _examine_ends(answer)


def _examine_share(tried, zero, p):
    share = zero.mean()
    if abs(share - p) < 0.05:  # with 50,000 activations, that is more than 20 standard errors
        return
    hint = ""
    if share == 0:
        hint = N_("nothing was dropped; whoever calls the function decides when, so let it not ask for the mode")
    elif abs(share - (1 - p)) < 0.05:
        hint = N_("p is the probability to be dropped, not to be kept: turn the comparison round")
    elif share == 1:
        hint = N_("everything was dropped: is there a random number for each activation, from 0 to 1?")
    raise Wrong(tried, N_("a share of zeros of {share:.2f}", share=share), N_("about {value}", value=p), hint)


def _examine_survivors(tried, got, H, zero, p):
    ratio = got[~zero] / H[~zero]
    if np.allclose(ratio, 1 / (1 - p), rtol=1e-3):
        return
    slips = [
        (1, N_("the survivors are as they were, so the mean has shrunk: rescale them")),
        (1 / p, N_("divided by p: work out which factor makes the mean of h' equal to h")),
        (1 - p, N_("multiplied by 1 - p: that makes the mean smaller still; it has to grow back")),
        (p, N_("multiplied by p: work out which factor makes the mean of h' equal to h")),
    ]
    factor = ratio.mean()
    value, right = near_limit(factor, 1 / (1 - p))
    came_out = N_("survivors {factor} times as large as before", factor=value)
    hint = next((hint for slip, hint in slips if np.allclose(ratio, slip, rtol=1e-3)), "")
    if not hint and abs(factor * (1 - p) - 1) < 0.02:
        hint = N_("nearly: divide by 1 - p itself, not by a rounded number, nor by the share that happened to be kept")
    if np.ptp(ratio) > 1e-2:
        came_out = N_("survivors that were not all multiplied by the same factor")
        hint = N_("does the result have the survivors' own values in it, times one number?")
        if np.allclose(got[~zero], got[~zero][0]):
            hint = N_("that is the mask; multiply the activations by it")
    raise Wrong(tried, came_out, N_("{factor} times, so that the mean is kept", factor=right), hint)


def _examine_pattern(tried, zero, p):
    """Raise `Wrong` if neurons or examples are dropped as a whole, as the shares of zeros along an axis tell."""
    for axis in range(zero.ndim) if zero.ndim > 1 else ():
        shares = zero.mean(axis=axis)
        if shares.std() < 4 * np.sqrt(p * (1 - p) / zero.shape[axis]):
            continue
        came_out = N_("a mask that is shared by many activations")
        hint = N_("the random numbers must have the shape of H")
        if zero.ndim == 2:
            came_out = (N_("the same mask for all examples"), N_("whole examples dropped or kept"))[axis]
        raise Wrong(tried, came_out, N_("a draw for each activation by itself"), hint)


def _examine_ends(answer):
    H = _magnitudes((5, 4))
    tried, got = _drop(answer, H, 0)
    if not np.allclose(got, H, rtol=1e-4):
        raise Wrong(tried, N_("other values than those of H"), N_("H as it was"), N_("with p = 0 nothing is dropped"))
    tried, got = _drop(answer, H, 1)
    if not np.isfinite(got).all():
        raise Wrong(
            tried,
            N_("values that are not finite"),
            N_("only zeros"),
            N_("1 - p is zero here: treat this case by itself"),
        )
    if got.any():
        raise Wrong(tried, N_("values that are not zero"), N_("only zeros"), N_("with p = 1 everything is dropped"))


DROPOUT = Exercise(
    "06.3",
    "Dropout that keeps the mean",
    why=N_(
        "Nothing has to be corrected when you predict: the next layer sees the same mean with dropout and without it."
    ),
    examine=_random_masks,
)

# 06.4


def _known_net(rng, d, h, q, p):
    """Return a net with dropout, and its parameters."""
    params = [rng.normal(scale=scale, size=shape) for shape, scale in (((d, h), 0.5), (h, 0.5), ((h, q), 0.5), (q, 1))]
    net = nn.Sequential()
    net.add(nn.Dense(h, activation="tanh", in_units=d), nn.Dropout(p), nn.Dense(q, in_units=h))
    net.initialize()
    for layer, W, b in ((net[0], *params[:2]), (net[2], *params[2:])):
        layer.weight.set_data(nd.array(W.T))
        layer.bias.set_data(nd.array(b))
    return net, params


def _in_any_mode(answer):
    """Call the learner's function outside and inside record(), and compare with the whole network's loss."""
    rng = generator(64)
    for n, d, h, q, p in ((12, 6, 32, 4, 0.5), (5, 3, 16, 2, 0.8), (40, 8, 64, 10, 0.5)):
        net, params = _known_net(rng, d, h, q, p)
        X, y = rng.normal(size=(n, d)).astype("float32"), rng.integers(0, q, size=n).astype("int32")
        scores = _layers(X.astype("float64"), *params, hidden=np.tanh)
        expected = mean_cross_entropy(scores, y)
        mistakes = [
            (n * expected, N_("that is the sum; take the mean")),
            (-expected, N_("the sign is turned round")),
            (mean_cross_entropy(softmax(scores), y), N_("softmax was taken twice: the loss of Gluon takes scores")),
            (expected / n, N_("that is the mean divided by n once more")),
            (np.exp(-expected), N_("that is a probability: take minus its logarithm")),
            (expected / np.log(2), N_("that is in bits, with the logarithm to base 2; ours is natural")),
            (np.mean(scores.argmax(axis=1) == y), N_("that is the accuracy, not the loss")),
            (np.mean(scores.argmax(axis=1) != y), N_("that is the share of errors, not the loss")),
        ]
        fields = {"function": name_of(answer), "n": n, "p": p}
        with autograd.pause(train_mode=False):
            tried = N_(
                "{function}(net, X, y) outside record(), with {n} examples and a network with dropout {p}", **fields
            )
            compare(tried, _same_twice(answer, (net, X, y), tried), expected, mistakes, tolerance=1e-3)
        with autograd.record():
            tried = N_(
                "{function}(net, X, y) inside record(), with {n} examples and a network with dropout {p}", **fields
            )
            got = _same_twice(answer, (net, X, y), tried)
            is_training, is_recording = autograd.is_training(), autograd.is_recording()
        compare(tried, got, expected, mistakes, tolerance=1e-3)
        if not (is_training and is_recording):
            came_out = (
                N_("recording was still off afterwards") if is_training else N_("predict mode was still on afterwards")
            )
            hint = N_("put back what you switch: a with statement does so by itself, whatever happens in it")
            raise Wrong(tried, came_out, N_("all as it was before"), hint)


def _same_twice(answer, args, tried):
    """Return the result of the learner's function, which has to be the same when it is called again."""
    first, second = (call(answer, *args, tried=tried) for _ in range(2))
    if np.shape(first) == np.shape(second) and not np.allclose(first, second, rtol=1e-5, equal_nan=True):
        came_out = N_("{first}, and then {second}", first=describe(first), second=describe(second))
        hint = N_("neurons were missing: whatever the mode outside, your function has to see to it that it predicts")
        raise Wrong(N_("{tried}, twice", tried=tried), came_out, N_("the same both times"), hint)
    return first


MODES = Exercise(
    "06.4",
    "The right mode, wherever it is called",
    why=N_("A test loss that changes from call to call is that of a network with neurons missing; yours cannot be."),
    examine=_in_any_mode,
)

# 06.5

STATEMENTS = choice_exercise(
    "06.5",
    "What dropout does, and when",
    {
        "a": (True, N_("look at the figure with the mask of eight images: are its rows alike?")),
        "b": (False, N_("what did the line 'outside' print for a rate of 0.5?")),
        "c": (False, N_("which of the two does it switch, the mode or the recording?")),
        "d": (
            True,
            N_("multiply out a third layer as was done for the second: is there anything but a matrix and a bias?"),
        ),
        "e": (False, N_("look at both losses for the largest rate, the training loss first")),
    },
    why=N_("Dropout is noise for training only, and as with any hyperparameter, too much of it is worse than none."),
)

# 06.6


_ENOUGH = 0.9  # accuracy on the test digits; usual recipes come to 0.95


def _train_with_dropout(answer):
    """Train with the learner's function on the training digits, and look at the net on the test digits."""
    seed(66)
    train_iter, test_iter = load_digits(batch_size=64)
    images, labels = test_iter.arrays
    y = labels.asnumpy()
    tried = N_("training with your function, then the net on the 360 test digits")
    with Watch() as watch:
        net = call_for_net(answer, train_iter, tried=tried)

    def scores_of(inputs):
        return call(lambda inputs: net(inputs), inputs.copy(), tried=tried)

    with autograd.pause(train_mode=False):
        scores, again, between = scores_of(images), scores_of(images), scores_of((images + images[::-1]) / 2)
    with autograd.pause(train_mode=True):
        noisy, noisy_again = scores_of(images), scores_of(images)
    if np.shape(scores) != (360, 10):
        raise Wrong(tried, form(scores), form(np.zeros((360, 10))), N_("ten scores for each image, one per class"))
    if not np.isfinite(scores).all():
        raise Wrong(tried, N_("scores that are not finite"), N_("finite scores"), N_("use a smaller learning rate"))
    if not np.allclose(scores, again, atol=1e-5):
        hint = N_("dropout is for training: in predict mode nothing may be dropped")
        raise Wrong(tried, N_("other scores when called again"), N_("the same scores each time"), hint)
    examine_scores(scores, tried)
    examine_mode(watch.steps, tried)
    # What was dropped stands in the outputs that were noted, so that the loss of each step is known.
    examine_steps(watch.steps, Labels(*(array.asnumpy() for array in train_iter.arrays)), mean_cross_entropy, tried)
    accuracy = np.mean(scores.argmax(axis=1) == y)
    if accuracy < _ENOUGH and mean_cross_entropy(scores, y) > 3 * np.log(10):
        hint = N_("the loss has grown: use a smaller learning rate, and divide by the batch size in step")
        raise _too_inaccurate(tried, accuracy, hint)
    # An affine net has, half way between two images, the mean of their scores; rounding is a millionth of the spread.
    bend = np.abs((scores + scores[::-1]) / 2 - between).mean() / scores.std()
    if bend < 1e-3:
        hint = N_("is there a hidden layer, with an activation?")
        raise Wrong(tried, N_("scores that are a linear function of the pixels"), N_("a multilayer perceptron"), hint)
    _examine_dropout(scores_of, images, noisy, noisy_again, tried)
    if accuracy < _ENOUGH:
        hint = TOO_FEW
        if accuracy < 0.25:
            hint = N_(
                "nothing was learnt: are record(), backward() and step() in the loop, for the net that is returned?"
            )
        raise _too_inaccurate(tried, accuracy, hint)


def _too_inaccurate(tried, accuracy, hint):
    accuracy, limit = near_limit(accuracy, _ENOUGH)
    return Wrong(tried, N_("an accuracy of {accuracy}", accuracy=accuracy), N_("at least {limit}", limit=limit), hint)


def _examine_dropout(scores_of, images, noisy, noisy_again, tried):
    """Raise `Wrong` if in train mode nothing is dropped, or scores, or nothing but pixels."""
    if np.allclose(noisy, noisy_again, atol=1e-4 * noisy.std()):
        hint = N_("where is nn.Dropout, and is its rate larger than 0?")
        raise Wrong(
            N_("{tried}, twice in train mode", tried=tried),
            N_("the same scores both times"),
            N_("others each time"),
            hint,
        )
    if np.mean(noisy == 0) > 0.02:
        hint = N_("scores were dropped: dropout stands behind the hidden layer, and none behind the last one")
        raise Wrong(
            N_("{tried}, in train mode", tried=tried),
            N_("scores that are exactly zero"),
            N_("scores for all classes"),
            hint,
        )
    # Of an image with a single bright pixel, dropout of pixels leaves all or nothing: no more than two results.
    image = nd.zeros(images.shape[1:])
    image[0, 3, 4] = 1
    with autograd.pause(train_mode=True):
        results = [scores_of(nd.stack(image, image))[0] for _ in range(16)]
    close = 1e-4 * noisy.std()
    others = [result for result in results if not np.allclose(result, results[0], atol=close)]
    if all(np.allclose(result, others[0], atol=close) for result in others):
        hint = N_("only pixels are dropped: put nn.Dropout behind the hidden layer, between it and the last one")
        came_out = N_("one or two results for an image of a single pixel")
        raise Wrong(
            N_("{tried}, 16 times in train mode", tried=tried),
            came_out,
            N_("many, as hidden neurons are dropped"),
            hint,
        )


FROM_MEMORY = Exercise(
    "06.6",
    "Write it from memory",
    why=N_("A hidden layer with its bend, and dropout: two layers more than softmax regression, and the same loop."),
    examine=_train_with_dropout,
)

EXERCISES = by_number(COUNT, FORWARD, DROPOUT, MODES, STATEMENTS, FROM_MEMORY)
