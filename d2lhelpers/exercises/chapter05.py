"""Exercises of chapter 05, weight decay."""

import numpy as np

from ..language import N_
from .calling import call, call_for_net
from .describing import near_limit
from .judging import Exercise, Wrong
from .kinds import by_number, choice_exercise, function_exercise, number_exercise
from .recipes import BROADCAST, Labels, examine_steps, is_flat, mean_squared_loss
from .variants import generator, seed
from .watching import Watch

# 05.1


def what_is_left(num_steps=100, lr=0.1, wd=0.1):
    """Compute the factor that decay alone leaves of a weight."""
    return (1 - lr * wd) ** num_steps


LEFT = number_exercise(
    "05.1",
    "What is left after 100 steps",
    value=what_is_left,
    tolerance=0.02,  # two digits are enough
    mistakes=[
        (what_is_left(wd=0.1 / 10), N_("step(10) divides the gradient by 10, and leaves wd alone")),
        (what_is_left(lr=1), N_("the decay of a step is the learning rate times wd")),
        (what_is_left(lr=0.2), N_("twice too much a step: the half in the penalty takes the 2 of the derivative away")),
        (what_is_left(lr=0.05), N_("half as much a step as it should be: the derivative of half of w² is w")),
        (what_is_left(lr=-0.1), N_("the weight would grow then: the step goes against the gradient of the penalty")),
        (what_is_left(1), N_("that is what one step leaves; how many are there?")),
        (1 - what_is_left(), N_("that is the part that is gone")),
        (0, N_("each step takes off a hundredth of what is still there, not of what was there at the start")),
    ],
    why=N_(
        "A weight that the data do not hold fades exponentially; lr times wd times the number of steps tells how far."
    ),
)

# 05.2


def penalty(w, lambd):
    """Compute the reference: lambda halves times the squared norm."""
    return lambd / 2 * np.sum(w**2)


def _weights(rng):
    return [
        (np.array([3.0, -4.0]), 3),
        (rng.normal(size=7), 0.5),
        (rng.normal(size=(1, 20)), 10),
        (rng.normal(size=(4, 3)), 2.5),
    ]


PENALTY = function_exercise(
    "05.2",
    "The penalty",
    reference=penalty,
    inputs=_weights,
    mistakes=[
        (lambda w, lambd: 2 * penalty(w, lambd), N_("the half is missing")),
        (lambda w, lambd: lambd / 2 * np.sqrt(np.sum(w**2)), N_("the norm is not squared")),
        (lambda w, lambd: lambd * np.sqrt(np.sum(w**2)), N_("the norm is not squared, and the half is missing")),
        (lambda w, lambd: lambd / 2 * np.mean(w**2), N_("that is the mean of the squares; the norm has their sum")),
        (
            lambda w, lambd: lambd / 2 * np.sum(np.abs(w)),
            N_("that is the sum of the absolute values; square the weights"),
        ),
        (
            lambda w, lambd: lambd / 2 * np.sum(w) ** 2,
            N_("square first, then add up, or +4 and -4 would cancel"),
        ),
        (lambda w, lambd: np.sum(w**2) / 2, N_("where is lambda?")),
        (lambda w, lambd: lambd**2 / 2 * np.sum(w**2), N_("lambda is not squared, only the weights are")),
        (lambda w, lambd: lambd / 2 * w**2, N_("that is one penalty for each weight; take their sum")),
        (lambda w, lambd: lambd * w, N_("that is the gradient of the penalty")),
    ],
    why=N_(
        "It is one number for the whole model, whatever the shape of its weights, and its gradient is lambda times w."
    ),
)

# 05.3


def sgd_step(w, b, grad_w, grad_b, lr, wd, batch_size):
    """Compute the reference: the weights and the bias after a step in which the weights decay."""
    return w - lr * (grad_w / batch_size + wd * w), b - lr * grad_b / batch_size


def _step(w_decay, b_decay=lambda lr, wd, n: 0, gradient=lambda lr, n: lr / n):
    """Return a step with other factors of decay and of the gradient."""

    def step(w, b, grad_w, grad_b, lr, wd, batch_size):
        size = gradient(lr, batch_size)
        return (
            w - w_decay(lr, wd, batch_size) * w - size * grad_w,
            b - b_decay(lr, wd, batch_size) * b - size * grad_b,
        )

    return step


def _right_decay(lr, wd, n):
    return lr * wd


def _divided_decay(lr, wd, n):
    return lr * wd / n


def _decay_last(w, b, grad_w, grad_b, lr, wd, batch_size):
    return (1 - lr * wd) * (w - lr * grad_w / batch_size), b - lr * grad_b / batch_size


def _minibatches(rng):
    cases = [(np.array([1.0, -2.0]), 10.0, np.array([4.0, 8.0]), -2.0, 0.1, 0.5, 4)]
    for d, lr, wd, n in ((5, 0.02, 3.0, 10), (30, 0.5, 0.2, 32), (1, 0.1, 1.0, 1)):
        cases.append((rng.normal(size=d), float(rng.normal(5)), n * rng.normal(size=d), n * 0.7, lr, wd, n))
    return cases


STEP = function_exercise(
    "05.3",
    "One step with decay",
    reference=sgd_step,
    inputs=_minibatches,
    mistakes=[
        (_step(_right_decay, _right_decay), N_("the weights are right, but the bias has decayed too")),
        (_step(_divided_decay), N_("the batch size divides the gradient only, not the decay")),
        (
            _step(_divided_decay, _divided_decay),
            N_("the bias has decayed too, and the batch size has divided the decay"),
        ),
        (_step(lambda lr, wd, n: -lr * wd), N_("the decay has the wrong sign: it must make the weights smaller")),
        (_step(_right_decay, gradient=lambda lr, n: lr), N_("divide the gradients by the batch size")),
        (_step(_right_decay, gradient=lambda lr, n: -lr / n), N_("the step goes against the gradient, not along it")),
        (_step(lambda lr, wd, n: wd), N_("the decay too is multiplied by the learning rate")),
        (_step(lambda lr, wd, n: 2 * lr * wd), N_("twice too much decay: the gradient of half the squared norm is w")),
        (_step(lambda lr, wd, n: 0), N_("that is a step without decay")),
        (
            lambda w, b, grad_w, grad_b, lr, wd, batch_size: (
                w - lr * (grad_w / batch_size + wd * w),
                b - lr * grad_b,
            ),
            N_("the weights are right; divide the gradient of b by the batch size, too"),
        ),
        (
            lambda w, b, grad_w, grad_b, lr, wd, batch_size: (
                w - lr * (grad_w + wd * w),
                b - lr * grad_b / batch_size,
            ),
            N_("the bias is right; divide the gradient of w by the batch size, too"),
        ),
        (
            _step(lambda lr, wd, n: lr * wd / 2),
            N_("half the decay it should be: the gradient of half the squared norm is w"),
        ),
        (
            _step(_right_decay, _right_decay, gradient=lambda lr, n: lr),
            N_("the bias has decayed too, and the gradients are not divided by the batch size"),
        ),
        (
            lambda w, b, grad_w, grad_b, lr, wd, batch_size: (
                w - lr * (grad_w / batch_size + wd * np.sum(w**2) / 2),
                b - lr * grad_b / batch_size,
            ),
            N_("the gradient of the penalty has an element for each weight: it is wd * w"),
        ),
        (_decay_last, N_("the old weights decay, not those after the step: the gradient's part is not shrunk")),
    ],
    why=N_("This is what trainer.step(batch_size) does, so wd means the same at every batch size."),
    names="w, b",
)

# 05.4


def ridge(X, y, lambd):
    """Compute the reference: the weights that minimise the mean loss plus the penalty, without a bias."""
    n, d = X.shape
    # The penalty is the squared loss of d more examples.
    A, c = np.vstack([X / np.sqrt(n), np.sqrt(lambd) * np.eye(d)]), np.append(y / np.sqrt(n), np.zeros(d))
    return np.linalg.lstsq(A, c, rcond=None)[0]


def _normal_equations(added):
    """Return a solution in which the matrix `added` gives is added to the normal equations, divided by n."""

    def solve(X, y, lambd):
        n, d = X.shape
        return np.linalg.lstsq(X.T @ X / n + added(lambd, n, d), X.T @ y / n, rcond=None)[0]

    return solve


def _sets_of_examples(rng):
    cases = []
    for n, d, lambd in ((6, 2, 0.5), (30, 4, 0.1), (8, 12, 1.5)):
        X = rng.normal(size=(n, d))
        cases.append((X, X @ rng.normal(1, 1, size=d) + rng.normal(scale=0.3, size=n), lambd))
    return cases


RIDGE = function_exercise(
    "05.4",
    "Weights by a formula",
    reference=ridge,
    inputs=_sets_of_examples,
    tolerance=2e-3,  # the normal equations may be solved in float32
    mistakes=[
        (
            lambda X, y, lambd: ridge(X, y, lambd / len(y)),
            N_("lambda is n times too small: the loss is a mean over the examples, so divide both products by n"),
        ),
        (lambda X, y, lambd: np.linalg.lstsq(X, y, rcond=None)[0], N_("that is the solution without a penalty")),
        (
            lambda X, y, lambd: ridge(X, len(y) * y, lambd * len(y)),
            N_("y's side is not divided by n: divide both products, or neither and add n times lambda"),
        ),
        (
            lambda X, y, lambd: ridge(X, y / len(y), lambd / len(y)),
            N_("X's side is not divided by n: divide both products, or neither and add n times lambda"),
        ),
        (
            lambda X, y, lambd: ridge(X, len(y) * y, lambd),
            N_("y's side is not divided by n: divide both products, or neither and add n times lambda"),
        ),
        (
            lambda X, y, lambd: ridge(X, y / len(y), lambd),
            N_("y's side is divided by n twice"),
        ),
        (
            lambda X, y, lambd: ridge(X, y, lambd / 2),
            N_("the penalty counts half as much as it should: both the loss and the penalty have a half"),
        ),
        (
            lambda X, y, lambd: ridge(X, y, 2 * lambd),
            N_("the penalty counts twice as much as it should: both the loss and the penalty have a half"),
        ),
        (
            lambda X, y, lambd: ridge(X, y, lambd * len(y)),
            N_("lambda is n times too large: it is no price per example"),
        ),
        (_normal_equations(lambda lambd, n, d: lambd), N_("add lambda on the diagonal only, not to the whole matrix")),
        (_normal_equations(lambda lambd, n, d: -lambd * np.eye(d)), N_("the sign of the penalty is turned round")),
        (
            _normal_equations(lambda lambd, n, d: lambd * np.diag([0] + [1] * (d - 1))),
            N_("the first weight has been left out of the penalty, but there is no bias here"),
        ),
    ],
    why=N_(
        "With a penalty there is one best solution even for more weights than examples: the third try had 12 for 8."
    ),
)

# 05.5

DECAY = choice_exercise(
    "05.5",
    "What decay does",
    {
        "a": (False, N_("what did one step with wd do to a bias of 1, before anything was excluded?")),
        "b": (True, N_("look at the figure with the size of the training set: where does degree 12 end?")),
        "c": (False, N_("look at the right end of the last curve of the polynomial")),
        "d": (True, N_("the minimum without decay has the smallest training loss that there is")),
        "e": (True, N_("look at the table of diagnoses: how large were the two losses of the straight line?")),
    },
    why=N_("The training loss says what a model can still learn, the gap to the test loss how much of it was noise."),
)

# 05.6


def _with_penalty(X, y, w_lambd, b_lambd=0.0):
    """Return the weights and the bias that minimise the mean loss plus the penalties."""
    A = np.column_stack([X, np.ones(len(y))])
    D = np.diag([w_lambd] * X.shape[1] + [b_lambd])
    solution = np.linalg.lstsq(A.T @ A / len(y) + D, A.T @ y / len(y), rcond=None)[0]
    return solution[:-1], solution[-1]


def _train(answer, X, y, wd, tried):
    """Train a net with the learner's function; return its weights and its bias."""
    inputs = np.vstack([np.zeros((1, X.shape[1])), np.eye(X.shape[1]), X])
    with Watch() as watch:
        net = call_for_net(answer, X, y, wd, tried=tried)
    outputs = call(net, inputs, tried=tried)
    if np.size(outputs) != len(inputs):
        came_out = N_("outputs of shape {shape} for {n} examples", shape=np.shape(outputs), n=len(inputs))
        raise Wrong(tried, came_out, N_("one output for each"), "nn.Dense(1)")
    examine_steps(watch.steps, Labels(X, y), mean_squared_loss, tried)
    outputs = outputs.reshape(-1)
    b, w, y_hat = outputs[0], outputs[1 : X.shape[1] + 1] - outputs[0], outputs[X.shape[1] + 1 :]
    with np.errstate(all="ignore"):
        loss, at_start = np.mean((y_hat - y) ** 2) / 2, np.mean(y**2) / 2
    if not np.isfinite(loss) or loss > 3 * at_start:
        hint = N_("the loss has grown: use a smaller learning rate, and step with the batch size")
        expected = N_("less than {loss:.2g}, that of all zeros", loss=at_start)
        raise Wrong(tried, N_("a training loss of {loss:.3g}", loss=loss), expected, hint)
    if not np.allclose(y_hat, X @ w + b, rtol=1e-2, atol=1e-2):
        raise Wrong(
            tried, N_("a net that is not linear in the features"), N_("a linear regression"), N_("a single nn.Dense(1)")
        )
    if b == 0 and loss < 0.9 * at_start:
        hint = N_("has the layer a bias (use_bias), and does the trainer know it?")
        raise Wrong(tried, N_("a bias of exactly 0"), N_("a bias that was trained, too"), hint)
    return w, b


def _twenty_examples(d, shift):
    """Return features, and labels about 2 above or below `shift`, which `d` weights can fit at will.

    With deviations of one size, the gradients of the examples pull equally hard, and minibatches bring little noise.
    """
    rng = generator(d)
    X = rng.normal(scale=0.3, size=(20, d))
    rank = np.argsort(np.argsort(X @ rng.normal(size=d)))
    y = shift + np.where(rank < 10, -2, 2) + rng.normal(scale=0.1, size=20)
    return X, y


def _train_with_decay(answer):
    """Train with the learner's function, without and with decay, and look at what the weights and the bias became."""
    for d, shift, wd in ((200, 10, 0), (200, 10, 3), (100, -10, 2)):
        seed(6)
        X, y = _twenty_examples(d, shift)
        tried = N_(
            "training with your function on 20 examples of {d} features, labels around {mean}, wd = {wd}",
            d=d,
            mean=shift,
            wd=wd,
        )
        w, b = _train(answer, X, y, wd, tried)
        if wd == 0:
            _examine_without_decay(X @ w + b - y, y, tried)
        else:
            _examine_with_decay(w, b, X, y, wd, tried)


def _examine_without_decay(error, y, tried):
    loss = np.mean(error**2) / 2
    enough = np.var(y) / 20  # a tenth of what is left when only the bias is learnt
    if loss < enough:
        return
    hint = N_("train longer, or with a larger learning rate; and with wd = 0 nothing may hold the weights back")
    if loss > 0.9 * np.mean(y**2) / 2:
        hint = N_("nothing was learnt: record, backward and step belong into the loop")
    elif is_flat(error, y):
        hint = BROADCAST
    loss, limit = near_limit(loss, enough)
    expected = N_("at most {limit}: there are enough weights", limit=limit)
    raise Wrong(tried, N_("a training loss of {loss}", loss=loss), expected, hint)


def _examine_with_decay(w, b, X, y, wd, tried):
    w_free, _ = _with_penalty(X, y, 0)
    best_w, best_b = _with_penalty(X, y, wd)
    norm, free_norm = np.linalg.norm(w), np.linalg.norm(w_free)
    share = w @ best_w / (best_w @ best_w)  # the noise of minibatches, which adds to the norm, cancels here
    if norm > 0.8 * free_norm:
        hint = N_("the weights did not decay: does wd reach the trainer, and do the weights keep a wd_mult of 1?")
        expected = N_("much less; {norm:.2g} is enough without decay", norm=free_norm)
        raise Wrong(tried, N_("weights of norm {norm:.2g}", norm=norm), expected, hint)
    if abs(b - best_b) > 2:
        hint = N_("the bias is still on its way: train longer, or with a larger learning rate")
        if share > 2:
            hint = N_("weights and bias are still on their way: train longer; or was wd divided by the batch size?")
        if abs(b - _with_penalty(X, y, wd, wd)[1]) < 1.5:
            hint = N_("the bias has decayed too: exclude it")
        expected = N_("a bias of about {bias:.2g}, where the labels are", bias=best_b)
        raise Wrong(tried, N_("a bias of {bias:.2g}", bias=b), expected, hint)
    if not 0.85 < share < 2:
        hint = N_("the weights decayed less than wd says: train longer; or was wd divided by the batch size?")
        if share < 1:
            hint = N_("the weights decayed more than wd says: is the penalty counted twice, or once for each example?")
        came_out = N_("weights {share:.2g} times as large as at the minimum with the penalty", share=share)
        raise Wrong(tried, came_out, N_("about {value}", value=1), hint)


FROM_MEMORY = Exercise(
    "05.6",
    "Write it from memory",
    why=N_("One word in the trainer and one line for the bias: that is all that weight decay takes in any network."),
    examine=_train_with_decay,
    seconds=60,  # minibatches of one example and 200 epochs, three times over, take a third of it
)

EXERCISES = by_number(LEFT, PENALTY, STEP, RIDGE, DECAY, FROM_MEMORY)
