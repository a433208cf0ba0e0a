"""Exercises of chapter 09, training on several machines."""

import numpy as np
from mxnet import autograd, gluon, nd
from mxnet.gluon import loss as gloss

from ..language import N_
from .calling import call_for_net
from .judging import Exercise, Wrong
from .kinds import by_number, function_exercise, number_exercise
from .variants import generator

# 09.1


def part_of(rows, rank, num_workers):
    """Compute the reference: a worker's part of a minibatch."""
    return np.array_split(rows, num_workers)[rank]


def _blocks(rows, rank, size):
    return rows[rank * size : (rank + 1) * size]


def _larger_last(rows, rank, num_workers):
    return np.array_split(rows[::-1], num_workers)[::-1][rank][::-1]


def _rest_to_the_last(rows, rank, num_workers):
    size = len(rows) // num_workers
    return rows[rank * size :] if rank == num_workers - 1 else _blocks(rows, rank, size)


def _overlapping(rows, rank, num_workers):
    size, rest = divmod(len(rows), num_workers)
    return rows[rank * size : (rank + 1) * size + (rank < rest)]


def _minibatches(rng):
    sizes = ((10, 1, 4), (29, 1, 2), (29, 0, 2), (10, 3, 4), (64, 2, 4), (11, 0, 3), (7, 0, 1))
    return [(rng.permutation(n), rank, num_workers) for n, rank, num_workers in sizes]


PART = function_exercise(
    "09.1",
    "A worker's part",
    reference=part_of,
    inputs=_minibatches,
    numpy=True,
    mistakes=[
        (
            lambda rows, rank, num_workers: rows[rank::num_workers],
            N_("that is every n-th example; a worker takes its part in a row"),
        ),
        (
            lambda rows, rank, num_workers: _blocks(rows, rank, len(rows) // num_workers),
            N_("what is left over after the division is nobody's: the first workers take one example more"),
        ),
        (
            _rest_to_the_last,
            N_("the last worker takes all that is left over; it goes to the first workers, one for each"),
        ),
        (
            lambda rows, rank, num_workers: _blocks(rows, rank, -(-len(rows) // num_workers)),
            N_("with a size that is rounded up, the last worker gets too few; only the first ones take one more"),
        ),
        (_larger_last, N_("it is the first workers that take one more, not the last ones")),
        (
            lambda rows, rank, num_workers: np.array_split(rows, num_workers)[rank - 1],
            N_("ranks begin with 0: the worker with rank 0 takes the first part"),
        ),
        (
            _overlapping,
            N_("parts overlap: this one begins later, as the workers before it may have taken one more each"),
        ),
        (
            lambda rows, rank, num_workers: rows[
                rank * len(rows) // num_workers : (rank + 1) * len(rows) // num_workers
            ],
            N_("bounds that are rounded down spread what is left over; it goes to the first workers, one for each"),
        ),
        (
            lambda rows, rank, num_workers: part_of(np.arange(len(rows)), rank, num_workers),
            N_("these are places in the minibatch; return what stands there"),
        ),
        (lambda rows, rank, num_workers: rows, N_("that is the whole minibatch; return one worker's part")),
        (
            lambda rows, rank, num_workers: len(part_of(rows, rank, num_workers)),
            N_("that is how many examples it takes; return them"),
        ),
        (
            lambda rows, rank, num_workers: np.sort(rows)[: len(part_of(rows, rank, num_workers))],
            N_("the order of the minibatch has been shuffled on purpose: do not sort it"),
        ),
    ],
    why=N_("All workers divide the same order by the same rule, so nothing has to be sent to agree on it."),
)

# 09.2

RATE = number_exercise(
    "09.2",
    "The rate that it really has",
    value=lambda: 0.05 * 256 / 32,
    mistakes=[
        (0.05, N_("the server adds up the gradients of all workers, but step divides by the examples of one")),
        (0.05 / 8, N_("the other way round: the sum has grown, and the divisor has not")),
        (0.05 * 32, N_("how many times does the number of examples of one worker go into that of all?")),
        (0.05 * 256, N_("step(32) does divide, though by too little")),
        (8, N_("that is how many times as long the steps are; which rate is it?")),
        (0.05 * 64, N_("the number of workers counts once: in the sum")),
        (0.05 * np.sqrt(8), N_("this is no question of noise: how long is a step, compared with step(256)?")),
    ],
    why=N_("Whoever starts the same script on more machines would change its learning rate without a word."),
)

# 09.3


def combine(means, numbers):
    """Compute the reference: the mean over all examples from the means and the numbers of the parts."""
    return np.average(means, axis=0, weights=numbers)


def _means(rng):
    cases = []
    for numbers, d in (((30, 10), 2), ((15, 14), 3), ((7, 0, 5), 4), ((8, 8, 8), 2), ((3,), 2)):
        means = rng.normal(1, 2, size=(len(numbers), d)) * (np.array(numbers) > 0)[:, np.newaxis]
        cases.append((means, np.array(numbers)))
    return cases


def _by_column(means, numbers):
    """Multiply the columns by the numbers, which goes without an error where there are as many as rows."""
    weights = numbers if len(numbers) == means.shape[1] else numbers[:, np.newaxis]
    return (means * weights).sum(axis=0) / numbers.sum()


_MEAN_OF_MEANS = N_("that is the mean of the means; a part with few examples counts too much in it")


COMBINE = function_exercise(
    "09.3",
    "From means to the mean",
    reference=combine,
    inputs=_means,
    numpy=True,
    mistakes=[
        (lambda means, numbers: means.mean(axis=0), _MEAN_OF_MEANS),
        (lambda means, numbers: means[numbers > 0].mean(axis=0), _MEAN_OF_MEANS),
        (
            lambda means, numbers: means.sum(axis=0),
            N_("these are means, whose sum is the mean of nothing: make sums of them first"),
        ),
        (
            lambda means, numbers: numbers @ means,
            N_("that is the sum over all examples; divide it by their number"),
        ),
        (
            lambda means, numbers: numbers @ means / len(numbers),
            N_("divide by the number of all examples, not by the number of workers"),
        ),
        (
            lambda means, numbers: numbers @ means / numbers.max(),
            N_("divide by the number of all examples, not by that of one worker"),
        ),
        (
            lambda means, numbers: numbers @ means / numbers[0],
            N_("divide by the number of all examples, not by that of one worker"),
        ),
        (
            lambda means, numbers: means.sum(axis=0) / numbers.sum(),
            N_("these are means, not sums: multiply each by its number first"),
        ),
        (
            lambda means, numbers: (means / np.maximum(numbers, 1)[:, np.newaxis]).sum(axis=0),
            N_("each mean has been divided by its number already: multiply, to get the sum back"),
        ),
        (
            lambda means, numbers: means * numbers[:, np.newaxis] / numbers.sum(),
            N_("that is a row for each worker; add them up"),
        ),
        (_by_column, N_("that multiplies the columns; each row has its number: numbers[:, np.newaxis]")),
    ],
    why=N_("Each example counts the same then, whichever machine has computed it."),
)

# 09.4


def descend_late(A, w, rate, delay, num_steps, wait=False, from_old=False, in_time=False):
    """Compute the reference: gradient descent with late gradients.

    With a mistake on purpose if `wait` says that nothing moves before there is a gradient, `from_old` that steps start
    from the old parameters, or `in_time` that the first gradients are not late.
    """
    path = [w]
    for step in range(num_steps):
        old = path[-1] if in_time and step < delay else path[max(step - delay, 0)]
        moves = not (wait and step < delay)
        path.append((old if from_old else path[-1]) - rate * moves * (A @ old))
    return path[-1]


def _descents(rng):
    cases = [(np.diag([1.0, 0.5]), np.array([8.0, 4.0]), 0.25, 2, 6)]
    for d, rate, delay, num_steps in ((3, 0.1, 4, 11), (2, 0.3, 0, 5), (4, 0.2, 1, 8), (2, 0.1, 5, 4)):
        M = rng.normal(size=(d, d))
        cases.append((M @ M.T / d + np.eye(d), 10 * rng.normal(size=d), rate, delay, num_steps))
    return cases


LATE = function_exercise(
    "09.4",
    "Late by some steps",
    reference=descend_late,
    inputs=_descents,
    numpy=True,
    mistakes=[
        (
            lambda A, w, rate, delay, num_steps: descend_late(A, w, rate, 0, num_steps),
            N_("that is descent without delay; w -= ... would change the old parameters, too, as they are one array"),
        ),
        (
            lambda A, w, rate, delay, num_steps: descend_late(A, w, rate, delay + 1, num_steps),
            N_("late by one step more than asked for: a gradient that is in time is that of the newest parameters"),
        ),
        (
            lambda A, w, rate, delay, num_steps: descend_late(A, w, rate, max(delay - 1, 0), num_steps),
            N_("late by one step less than asked for: keep one set of parameters more, since the newest is among them"),
        ),
        (
            lambda A, w, rate, delay, num_steps: descend_late(A, w, rate, delay, num_steps, from_old=True),
            N_("only the gradient is old: the step starts from the newest parameters"),
        ),
        (
            lambda A, w, rate, delay, num_steps: descend_late(A, w, rate, delay, num_steps, wait=True),
            N_("the first steps are steps, too, with the gradient at the beginning; and return the newest parameters"),
        ),
        (
            lambda A, w, rate, delay, num_steps: descend_late(A, w, rate, delay, num_steps, in_time=True),
            N_("as long as there are none so old, take the parameters at the beginning, not the newest"),
        ),
        (
            lambda A, w, rate, delay, num_steps: descend_late(-A, w, rate, delay, num_steps),
            N_("against the gradient: minus, not plus"),
        ),
        (
            lambda A, w, rate, delay, num_steps: descend_late(A, w, rate, delay, num_steps - 1),
            N_("one step is missing"),
        ),
        (
            lambda A, w, rate, delay, num_steps: descend_late(A, w, rate, delay, num_steps + 1),
            N_("that is one step too many"),
        ),
        (
            lambda A, w, rate, delay, num_steps: descend_late(2 * A, w, rate, delay, num_steps),
            N_("the half of the loss is there so that the gradient has no factor of 2"),
        ),
        (
            lambda A, w, rate, delay, num_steps: descend_late(A / rate, w, rate, delay, num_steps),
            N_("multiply the gradient by the learning rate"),
        ),
    ],
    why=N_("That is asynchronous training in its plainest form, and why it needs a smaller learning rate."),
)

# 09.5


def step_times(compute, latency, transfer, most):
    """Return the seconds of a step for each number of machines from 1 on."""
    n = np.arange(1, most + 1)
    times = compute / n + latency + n * transfer
    times[0] = compute
    return times


def best_number(compute, latency, transfer, most):
    """Compute the reference: the number of machines whose step takes the shortest time."""
    return 1 + int(np.argmin(step_times(compute, latency, transfer, most)))


def _is_clear(case):
    times = np.sort(step_times(*case))
    return times[1] > 1.005 * times[0]


def _by_going_on(compute, latency, transfer, most):
    """Go on while one machine more is faster, which may end too early."""
    rises = np.diff(step_times(compute, latency, transfer, most)) >= 0
    return 1 + int(np.argmax(rises)) if rises.any() else most


def _clusters(rng):
    """Return cases in which the best number is inside, 1 because of the cable or of the latency, and the largest.

    In the last one two machines are slower than one, but more than two are faster.
    """
    cases = []
    kinds = (
        ((0.1, 0.3), (0.001, 0.002), (0.003, 0.008), 64, range(3, 20)),
        ((0.3, 0.35), (0.001, 0.002), (0.1, 0.12), 16, [1]),
        ((0.02, 0.03), (0.02, 0.03), (0.0002, 0.0004), 64, [1]),
        ((1, 2), (0.001, 0.002), (0.0001, 0.0002), 8, [8]),
        ((0.6, 0.9), (0.01, 0.02), (0.03, 0.06), 32, range(3, 8)),
        ((0.2, 0.21), (0.092, 0.1), (0.008, 0.009), 16, range(3, 7)),
    )
    for *ranges, most, wanted in kinds:
        while True:
            case = (*(round(float(rng.uniform(*ends)), 4) for ends in ranges), most)
            if best_number(*case) in wanted and _is_clear(case):
                break
        cases.append(case)
    return cases


_NO_NETWORK = N_("compare with one machine, too: it needs no network")


def _by_root(compute, transfer):
    return round(float(np.sqrt(compute / transfer)))


MACHINES = function_exercise(
    "09.5",
    "How many machines",
    reference=best_number,
    inputs=_clusters,
    numpy=True,
    mistakes=[
        (
            lambda compute, latency, transfer, most: (
                1 + int(np.argmin(step_times(compute, latency, transfer, most)[1:]))
            ),
            N_("that is one off: the first of the times from 2 machines on belongs to 2"),
        ),
        (
            lambda compute, latency, transfer, most: best_number(compute, latency, transfer, most) - 1,
            N_("np.argmin counts from 0, machines from 1"),
        ),
        (
            lambda compute, latency, transfer, most: _by_root(compute, transfer),
            N_("the root is where the formula is the shortest; one machine may be faster, and there are only so many"),
        ),
        (
            lambda compute, latency, transfer, most: min(_by_root(compute, transfer), most),
            _NO_NETWORK,
        ),
        (
            lambda compute, latency, transfer, most: (
                2 + int(np.argmin(step_times(compute, latency, transfer, most)[1:]))
            ),
            _NO_NETWORK,
        ),
        (
            lambda compute, latency, transfer, most: (
                1 + int(np.argmin([compute / n + latency + n * transfer for n in range(1, most + 1)]))
            ),
            _NO_NETWORK,
        ),
        (
            lambda compute, latency, transfer, most: best_number(compute, 0, transfer, most),
            N_("where is the latency? It can make one machine the fastest"),
        ),
        (
            lambda compute, latency, transfer, most: best_number(compute, latency, 0, most),
            N_("the cable carries the gradients of all workers, so that its time grows with their number"),
        ),
        (
            lambda compute, latency, transfer, most: best_number(compute, 0, latency + transfer, most),
            N_("the latency comes once, whatever the number of machines; it is the cable's time that grows with it"),
        ),
        (
            _by_going_on,
            N_("two machines may be slower than one, and more than two faster: compare all numbers"),
        ),
        (
            lambda compute, latency, transfer, most: step_times(compute, latency, transfer, most).min(),
            N_("that is the shortest time; return the number of machines that has it"),
        ),
        (
            lambda compute, latency, transfer, most: most,
            N_("more machines may take longer: their gradients go over the same cable"),
        ),
        (
            lambda compute, latency, transfer, most: 1 + int(np.argmax(step_times(compute, latency, transfer, most))),
            N_("that is where a step takes the longest"),
        ),
        (
            lambda compute, latency, transfer, most: (
                1 + int(np.flatnonzero(step_times(compute, latency, transfer, most) <= compute)[-1])
            ),
            N_("that is the largest number which is faster than one machine; which one is the fastest?"),
        ),
    ],
    why=N_("Computing is shared by more and more machines, the cable by more and more gradients: somewhere they meet."),
)

# 09.6


class _Case:
    """A network with given parameters, and minibatches to train it on.

    Parameters
    ----------
    sizes : tuple of int
        Numbers of examples of the minibatches.
    num_workers : int
    """

    def __init__(self, sizes, num_workers, rng):
        self.num_workers = num_workers
        self.batches = [
            (nd.array(rng.normal(size=(n, 3))), nd.array(rng.integers(0, 4, size=n), dtype="int32")) for n in sizes
        ]
        self._values = [nd.array(rng.normal(0, 0.5, size=shape)) for shape in ((5, 3), (5,), (4, 5), (4,))]

    def train(self, function):
        """Let a function train the network; return its parameters, and how many examples each forward pass had."""
        net, counts = gluon.nn.Sequential(), []
        net.add(gluon.nn.Dense(5, activation="tanh", in_units=3), gluon.nn.Dense(4, in_units=5))
        net.initialize()
        params = list(net.collect_params().values())
        for param, value in zip(params, self._values, strict=True):
            param.set_data(value)
        trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.2, "momentum": 0.5})
        net.register_forward_pre_hook(lambda block, inputs: counts.append(len(inputs[0])))
        batches = [(X.copy(), y.copy()) for X, y in self.batches]
        function(net, trainer, gloss.SoftmaxCrossEntropyLoss(), batches, self.num_workers)
        return np.concatenate([param.data().asnumpy().ravel() for param in params]).astype("float64"), counts


def _in_parts(parts=np.array_split, weight=None, divisor=None, keep=slice(None), add=False):
    """Return a training in parts, with the mistake that the arguments describe."""

    def train(net, trainer, loss, batches, num_workers):
        params = list(net.collect_params().values())
        so_far = [0.0 for _ in params]
        for X, y in batches:
            gradients = []
            for rows in parts(np.arange(len(X)), num_workers):
                with autograd.record():
                    losses = loss(net(X[int(rows[0]) : int(rows[-1]) + 1]), y[int(rows[0]) : int(rows[-1]) + 1])
                losses.backward()
                share = weight(len(rows)) if weight else 1.0
                gradients.append([param.grad() * share for param in params])
            sums = [sum(each) for each in zip(*gradients[keep], strict=True)]
            so_far = [before + new if add else new for before, new in zip(so_far, sums, strict=True)]
            for param, total in zip(params, so_far, strict=True):
                param.grad()[:] = total
            trainer.step(divisor(len(X), num_workers) if divisor else len(X))

    return train


def _without_rest(rows, num_workers):
    size = len(rows) // num_workers
    return [rows[i * size : (i + 1) * size] for i in range(num_workers)]


def _step_for_each(net, trainer, loss, batches, num_workers):
    for X, y in batches:
        for rows in np.array_split(np.arange(len(X)), num_workers):
            part = slice(int(rows[0]), int(rows[-1]) + 1)
            with autograd.record():
                losses = loss(net(X[part]), y[part])
            losses.backward()
            trainer.step(len(losses))


def _without_the_trainer(net, trainer, loss, batches, num_workers):
    for X, y in batches:
        with autograd.record():
            losses = loss(net(X), y)
        losses.backward()
        for param in net.collect_params().values():
            param.set_data(param.data() - trainer.learning_rate * param.grad() / len(X))


_LOCAL = N_("step with the number of examples of the whole minibatch: the sum is over all parts")
_OVERWRITTEN = N_("only the last part counts: backward overwrites the gradients, so copy them after each part")
_TRAININGS = (
    (_in_parts(keep=slice(-1, None)), _OVERWRITTEN),
    # Without a copy, the sum is that of one array with itself: k times, or twice if it is added to in its place.
    (_in_parts(keep=slice(-1, None), divisor=lambda n, k: n / k), _OVERWRITTEN),
    (_in_parts(keep=slice(-1, None), divisor=lambda n, k: n / 2), _OVERWRITTEN),
    (
        _in_parts(weight=lambda n: 1 / n, divisor=lambda n, k: k),
        N_("that is the mean of the means, in which a smaller part counts too much"),
    ),
    (_in_parts(divisor=lambda n, k: n / k), _LOCAL),
    (_in_parts(divisor=lambda n, k: n // k), _LOCAL),
    (_in_parts(divisor=lambda n, k: -(-n // k)), _LOCAL),
    (_in_parts(divisor=lambda n, k: 1), N_("step has to divide by the number of examples")),
    (
        _in_parts(divisor=lambda n, k: n * k),
        N_("divided once more by the number of workers: the number of all examples is enough"),
    ),
    (
        _in_parts(weight=lambda n: 1 / n),
        N_("the mean was taken in each part, and step divides again: take the sums of the losses"),
    ),
    (_in_parts(_without_rest), N_("the examples that are left over after the division have been dropped")),
    (
        _in_parts(_without_rest, divisor=lambda n, k: n // k * k),
        N_("the examples that are left over after the division have been dropped"),
    ),
    (_in_parts(add=True), N_("gradients of earlier minibatches are still in the sum: begin each one with nothing")),
    (
        _step_for_each,
        N_("that is a step for each part; the workers take one step together, with the sum of their gradients"),
    ),
    (
        _without_the_trainer,
        N_("the step is not the trainer's, which may do more than subtract the gradient: call trainer.step"),
    ),
    (
        lambda net, trainer, loss, batches, num_workers: None,
        N_("the parameters are what they were: is there a step of the trainer, and are the sums in param.grad()?"),
    ),
)


def _first_size(batches):
    """Return a training that divides each minibatch by the size of the first one."""
    return _in_parts(divisor=lambda n, k: len(batches[0][0]))


def _examine_parts(answer):
    rng = generator(96)
    for sizes, num_workers in (((12, 12, 7), 3), ((16, 16, 5), 2), ((9, 8), 4), ((6, 6), 1)):
        case = _Case(sizes, num_workers, rng)
        expected, _counts = case.train(_in_parts())
        tried = N_("your function on minibatches of {sizes}, {k} workers", sizes=list(sizes), k=num_workers)
        got, counts = case.train(lambda *args, tried=tried: call_for_net(answer, *args, tried=tried))
        if not np.allclose(got, expected, rtol=1e-3, atol=1e-5):
            hint = N_("look at one minibatch: are the sums of the parts equal to the gradients of the whole?")
            slips = (*_TRAININGS, (_first_size(case.batches), N_("the last minibatch is smaller: step(len(X))")))
            for mistake, explanation in slips:
                if np.allclose(got, case.train(mistake)[0], rtol=1e-3, atol=1e-5):
                    hint = explanation
                    break
            raise Wrong(
                tried,
                N_("parameters off by {error:.3g}", error=np.abs(got - expected).max()),
                N_("those of a training by whole minibatches"),
                hint,
            )
        by_minibatch = [counts[i : i + num_workers] for i in range(0, len(counts), num_workers)]
        if [sum(parts) for parts in by_minibatch] != list(sizes):
            wanted = [len(part) for n in sizes for part in np.array_split(np.arange(n), num_workers)]
            raise Wrong(
                tried,
                N_("the right parameters, with {counts} examples given to net at once", counts=counts),
                N_("parts, as {counts}", counts=wanted),
                N_("each worker has only its own part: make as many parts as workers, and call net once for each"),
            )


FROM_MEMORY = Exercise(
    "09.6",
    "Write it from memory",
    why=N_("Whatever goes over the network, this is what a synchronous run of many machines computes."),
    examine=_examine_parts,
)

EXERCISES = by_number(PART, RATE, COMBINE, LATE, MACHINES, FROM_MEMORY)
