"""Exercises of chapter 04, softmax regression in Gluon."""

import numpy as np

from ..datasets import load_digits
from ..language import N_, Text
from .calling import call, call_for_net
from .comparing import shaped_like
from .describing import describe, form, near_limit
from .judging import Exercise, Wrong
from .kinds import by_number, choice_exercise, function_exercise, number_exercise
from .recipes import TOO_FEW, Labels, examine_scores, examine_steps, mean_cross_entropy, softmax
from .variants import generator, seed
from .watching import Watch

# 04.1

PARAMETERS = number_exercise(
    "04.1",
    "The parameters of a larger image",
    value=lambda: np.zeros((10, 28 * 28)).size + np.zeros(10).size,
    tolerance=1e-4,
    mistakes=[
        (28 * 28 * 10, N_("those are the weights; each output has a bias, too")),
        (28 * 28, N_("those are the weights of a single output, and there are ten of them")),
        (28 * 28 + 10, N_("each of the ten outputs has weights of its own")),
        (28 * 28 + 1, N_("that is one output with its bias, and there are ten of them")),
        (28 * 10 + 10, N_("so it would be with flatten=False; by default all axes but the first are laid flat")),
        (64 * 10 + 10, N_("that is the model of this chapter, for 8 x 8 pixels")),
        (64 * 28 * 28 * 10 + 10, N_("all images of the minibatch go through the same weights")),
        (64 * (28 * 28 * 10 + 10), N_("all images of the minibatch go through the same weights and biases")),
    ],
    why=N_("The number depends on the size of an image and on the number of classes, never on the number of images."),
)

# 04.2


def log_softmax(scores):
    """Compute the reference: logarithms of the probabilities, a row for each example."""
    shifted = scores - scores.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def _softmax_of_columns(scores):
    return softmax(scores.T).T


def _log_of_softmax_in_float32(scores):
    return np.log(softmax(scores.astype("float32")))


def _without_the_maximum_in_float32(scores):
    scores = scores.astype("float32")
    return scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))


def _with_the_floor(scores):
    tiny = np.finfo("float32").tiny
    return np.log(np.maximum(softmax(scores.astype("float32")), tiny))


def _by_column(scores):
    return np.ascontiguousarray(log_softmax(scores.T).T)


def _with_the_largest_of_all(scores):
    shifted = (scores - scores.max()).astype("float32")
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def _shifted(scores):
    return scores - scores.max(axis=1, keepdims=True)


def _plus_the_maximum(scores):
    # The subtracted maximum was added again, as it has to be for the logarithm of the sum alone.
    return log_softmax(scores) + scores.max(axis=1, keepdims=True)


def _scores(rng):
    return [
        (np.array([[1.0, 3.0, 0.5]]),),
        (np.array([[1000.0, 0.0], [0.0, 0.0], [-1000.0, -1000.0]]),),
        (rng.normal(scale=3, size=(6, 10)),),
        (rng.normal(scale=3, size=(4, 4)),),
        (1000 * rng.choice([-1.0, 1.0], size=(5, 3)),),
    ]


LOG_SOFTMAX = function_exercise(
    "04.2",
    "Log-softmax for scores of any size",
    reference=log_softmax,
    inputs=_scores,
    mistakes=[
        (
            _log_of_softmax_in_float32,
            N_(
                "a probability was rounded to 0 before the logarithm came: "
                "take the logarithm on paper, not of the softmax"
            ),
        ),
        (
            _with_the_floor,
            N_(
                "a floor under the probability hides how wrong a score is: "
                "take the logarithm on paper, not of the softmax"
            ),
        ),
        (_without_the_maximum_in_float32, N_("exp(1000) is too large for float32: subtract the largest score first")),
        (_with_the_largest_of_all, N_("each row needs its own largest score, or all its powers may be 0")),
        (
            lambda scores: np.log(softmax(scores.astype("float32")) + np.float32(1e-12)),
            N_(
                "a small number that is added hides how wrong a score is: "
                "take the logarithm on paper, not of the softmax"
            ),
        ),
        (
            lambda scores: np.log(softmax(scores.astype("float32")) + np.float32(1e-8)),
            N_(
                "a small number that is added hides how wrong a score is: "
                "take the logarithm on paper, not of the softmax"
            ),
        ),
        (
            lambda scores: _shifted(scores) - np.log(np.exp(_shifted(scores)).sum()),
            N_("sum() without an axis adds up the whole table; each row needs its own sum: axis=1, keepdims=True"),
        ),
        (
            lambda scores: _shifted(scores) - np.log(np.exp(_shifted(scores)).sum(axis=0)),
            N_("you add up the columns; each row needs its own sum: axis=1, keepdims=True"),
        ),
        (
            lambda scores: _shifted(scores) - np.exp(_shifted(scores)).sum(axis=1, keepdims=True),
            N_("take the logarithm of the sum"),
        ),
        (_by_column, N_("the classes are along axis 1: sum over each row, not over each column")),
        (softmax, N_("those are the probabilities; their logarithms are wanted")),
        (lambda scores: -log_softmax(scores), N_("the minus belongs to the loss; a log-probability is never above 0")),
        (_shifted, N_("the logarithm of the sum is missing")),
        (_plus_the_maximum, N_("subtract the largest score in both places, in the numerator and in the sum")),
    ],
    without="softmax",
    why=N_("The loss of a model that is sure and wrong stays a number, and so does the step that puts it right."),
)

# 04.3


def gradient(scores, y):
    """Compute the reference: gradient of the mean cross-entropy with respect to the scores."""
    return _sum_gradient(scores, y) / len(y)


def _one_hot(scores, y):
    return np.eye(scores.shape[1])[y]


def _sum_gradient(scores, y):
    return softmax(scores) - _one_hot(scores, y)


def _naive_gradient(scores, y):
    exp = np.exp(scores.astype("float32"))
    return (exp / exp.sum(axis=1, keepdims=True) - _one_hot(scores, y)) / len(y)


def _softmax_of_table(scores):
    exp = np.exp(scores - scores.max())
    return exp / exp.sum()


def _minibatches(rng):
    return [
        (np.array([[1.0, 3.0, 0.5], [0.0, 0.0, 0.0]]), np.array([1, 2])),
        (rng.normal(scale=2, size=(6, 10)), rng.integers(10, size=6)),
        (rng.normal(scale=2, size=(4, 4)), np.array([3, 3, 0, 1])),
        (np.array([[0.0, 200.0], [200.0, 0.0], [-200.0, 200.0]]), np.array([0, 0, 1])),
    ]


GRADIENT = function_exercise(
    "04.3",
    "The gradient in the scores",
    reference=gradient,
    inputs=_minibatches,
    tolerance=1e-5,
    mistakes=[
        (_sum_gradient, N_("that is the gradient of the sum: divide by the number of examples")),
        (
            lambda scores, y: _sum_gradient(scores, y) / scores.shape[1],
            N_("divide by the number of examples, not by the number of classes"),
        ),
        (
            lambda scores, y: _sum_gradient(scores, y) / scores.size,
            N_("divide by the number of examples only: a row of scores has one loss"),
        ),
        (lambda scores, y: -gradient(scores, y), N_("the sign is turned round: it is prediction minus label")),
        (
            lambda scores, y: -_sum_gradient(scores, y),
            N_("the sign is turned round, it is prediction minus label; and divide by the number of examples"),
        ),
        (
            lambda scores, y: softmax(scores) / len(y),
            N_("the label is missing: in the class that is right, 1 is taken off the probability"),
        ),
        (
            lambda scores, y: softmax(scores),
            N_("the label is missing, and the division by the number of examples"),
        ),
        (
            lambda scores, y: (softmax(scores) - y[:, None]) / len(y),
            N_("the id of a class is not a vector: make it one-hot first"),
        ),
        (
            lambda scores, y: (scores - _one_hot(scores, y)) / len(y),
            N_("those are the scores; the prediction is their softmax"),
        ),
        (
            lambda scores, y: (_softmax_of_columns(scores) - _one_hot(scores, y)) / len(y),
            N_("the probabilities of an example are a row: softmax goes along axis 1"),
        ),
        (
            _naive_gradient,
            N_("exp(200) is too large for float32, and inf / inf is nan: subtract the largest score of each row first"),
        ),
        (
            lambda scores, y: (_softmax_of_table(scores) - _one_hot(scores, y)) / len(y),
            N_("the whole table sums to one; each row has to: axis=1, and keepdims=True"),
        ),
        (
            lambda scores, y: softmax(scores) - _one_hot(scores, y) / len(y),
            N_("divide the whole difference by the number of examples, not the label only"),
        ),
        (
            lambda scores, y: softmax(scores) / len(y) - _one_hot(scores, y),
            N_("divide the whole difference by the number of examples, not the prediction only"),
        ),
        (
            lambda scores, y: -_one_hot(scores, y) / softmax(scores) / len(y),
            N_("that is the gradient in the probabilities; softmax has to be differentiated, too"),
        ),
    ],
    without="autograd",
    why=N_("Prediction minus label, as in linear regression: the better the prediction, the smaller the step."),
)

# 04.4


def _keys(images):
    return [image.tobytes() for image in images]


def _examine_split(answer):
    """Split numbered images, and look at what each part holds, and whether its labels still belong to it."""
    hint = N_("end with return (images, labels) of the training part, then of the validation part: four arrays")
    for n, num_validation in ((12, 4), (50, 10), (31, 1)):
        rng = generator(404)
        # Sorted by class, as many data sets come; image i has the number i in its first pixel.
        labels = np.sort(rng.integers(10, size=n)).astype("int32")
        images = rng.random(size=(n, 1, 2, 2)).astype("float32")
        images[:, 0, 0, 0] = np.arange(n)
        tried = N_("split(images, labels, {k}) of {n} images", k=num_validation, n=n)
        result = call(answer, images, labels, num_validation, tried=tried)
        if not isinstance(result, tuple) or len(result) != 4:
            count = len(result) if isinstance(result, tuple) else 1
            raise Wrong(tried, N_("{count} results", count=count), N_("4 arrays"), hint)
        result = [shaped_like(part, like) for part, like in zip(result, (images, labels) * 2, strict=True)]
        if any(isinstance(part, tuple) or np.ndim(part) == 0 for part in result):
            raise Wrong(tried, form(tuple(result)), N_("4 arrays"), hint)
        _judge_parts(tried, result, images, labels, num_validation)


def _judge_parts(tried, parts, images, labels, num_validation):
    train, train_labels, validation, validation_labels = parts
    n = len(images)
    lengths = [len(part) for part in parts]
    expected = [n - num_validation] * 2 + [num_validation] * 2
    if lengths != expected:
        hint = ""
        if lengths == expected[::-1]:
            hint = N_("the training part comes first")
        elif lengths[0] == n:
            hint = N_("what is in the validation part must not be trained on: take it out of the training part")
        elif lengths[0] != lengths[1]:
            hint = N_("in this order: training images, training labels, validation images, validation labels")
        came_out = N_("parts of {lengths}", lengths=", ".join(map(str, lengths)))
        raise Wrong(tried, came_out, ", ".join(map(str, expected)), hint)
    if train.shape[1:] != images.shape[1:] or validation.shape[1:] != images.shape[1:]:
        shapes = N_("images of {first} and {second}", first=train.shape[1:], second=validation.shape[1:])
        raise Wrong(
            tried, shapes, N_("images of {shape}", shape=images.shape[1:]), N_("leave the axes of an image as they are")
        )
    of = {key: i for i, key in enumerate(_keys(images.astype("float64")))}
    places = [[of.get(key) for key in _keys(np.ascontiguousarray(part))] for part in (train, validation)]
    if None in places[0] + places[1]:
        raise Wrong(
            tried,
            N_("an image that was not handed in"),
            N_("images as they were"),
            N_("pick images, do not change them"),
        )
    both = len(set(places[0]) & set(places[1]))
    if both:
        hint = N_("draw one order of all examples, and cut it once")
        raise Wrong(tried, N_("{count} images in both parts", count=both), N_("no image in both"), hint)
    if len(set(places[0] + places[1])) != n:
        hint = N_("draw an order, in which each index occurs once, not indices")
        raise Wrong(tried, N_("an image more than once"), N_("each image once"), hint)
    steps = np.diff(sorted(places[1]))
    if n >= 50 and np.ptp(steps) == 0:
        came_out = N_("images {first} to {last} for validation")
        if steps[0] > 1:
            came_out = N_("images {first} to {last} for validation, evenly spaced")
        came_out = Text(came_out, first=min(places[1]), last=max(places[1]))
        hint = N_("shuffle the indices before you cut: these images are sorted by class, and so may yours be")
        raise Wrong(tried, came_out, N_("images from anywhere"), hint)
    for part, own, came_out in (
        (places[0], train_labels, N_("{count} training images with another one's label")),
        (places[1], validation_labels, N_("{count} validation images with another one's label")),
    ):
        wrong = int(np.sum(np.ravel(own) != labels[part]))
        if wrong:
            hint = N_("images and labels must be picked by the same order")
            raise Wrong(tried, Text(came_out, count=wrong), N_("each with its own"), hint)


SPLIT = Exercise(
    "04.4",
    "Split off a validation set",
    why=N_("A choice made on images that were trained on, or on the test set, promises more than the model keeps."),
    examine=_examine_split,
)

# 04.5

STATEMENTS = choice_exercise(
    "04.5",
    "What the loss swallows",
    {
        "a": (False, N_("what was the loss of a perfect prediction, when the loss was given probabilities?")),
        "b": (True, N_("does exp change the order of the scores?")),
        "c": (True, N_("how many minibatches of 64 are there in 1,200 images, and how many of 256?")),
        "d": (False, N_("whatever a choice is made on has had a hand in the model: which data are left to judge it?")),
        "e": (True, N_("look at the figure with the gap: what is the gradient under the floor?")),
    },
    why=N_("No error message reports a softmax too many, a floor under the probability or a test set used to choose."),
)

# 04.6

_ENOUGH = 0.9  # accuracy on the test digits; rates from 0.1 to 5 come to 0.92 to 0.97 in five to ten epochs


def _train_with_gluon(answer):
    """Train with the learner's function, and look at what the network says of digits that it has not seen."""
    train_iter, test_iter = load_digits(batch_size=64)
    images, labels = test_iter.arrays
    labels = labels.asnumpy()
    tried = N_("training with your function on the 1,437 training digits")

    seed(6)
    with Watch() as watch:
        net = call_for_net(answer, train_iter, tried=tried)
    scores = call(net, images.copy(), tried=tried)
    if not isinstance(scores, np.ndarray) or scores.shape != (len(labels), 10):
        came_out = N_("for {n} images {scores}", n=len(labels), scores=describe(scores))
        hint = N_("ten outputs, one for each class, and no argmax in the network")
        raise Wrong(tried, came_out, N_("scores of shape {shape}", shape=(len(labels), 10)), hint)
    examine_scores(scores, tried)
    examine_steps(watch.steps, Labels(*(a.asnumpy() for a in train_iter.arrays)), mean_cross_entropy, tried)
    accuracy = np.mean(scores.argmax(axis=1) == labels)
    if accuracy >= _ENOUGH:
        return
    hint = TOO_FEW
    if accuracy < 0.3:
        hint = N_("hardly anything was learnt: is there a trainer.step in the loop, after backward()?")
    elif mean_cross_entropy(scores, labels) > np.log(10):
        hint = N_("a blind guess has a smaller loss: use a smaller learning rate")
    accuracy, limit = near_limit(accuracy, _ENOUGH)
    came_out = N_("on the {n} test digits an accuracy of {accuracy}", n=len(labels), accuracy=accuracy)
    raise Wrong(tried, came_out, N_("at least {limit}", limit=limit), hint)


FROM_MEMORY = Exercise(
    "04.6",
    "Write it from memory",
    why=N_("Change the network and leave the rest: this function trains the deep networks of the chapters to come."),
    examine=_train_with_gluon,
)

EXERCISES = by_number(PARAMETERS, LOG_SOFTMAX, GRADIENT, SPLIT, STATEMENTS, FROM_MEMORY)
