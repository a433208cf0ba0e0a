"""Usual mistakes in the exercises of chapter 09, and what the check says to them."""

from d2lhelpers.exercises import find
from d2lhelpers.exercises.judging import judge

import numpy as np
import pytest
from chinese import in_chinese
from mxnet import autograd, gluon, nd


def part_by_hand(rows, rank, num_workers):
    size, rest = divmod(len(rows), num_workers)
    start = rank * size + min(rank, rest)
    return rows[start : start + size + (rank < rest)]


def part_without_min(rows, rank, num_workers):
    size, rest = divmod(len(rows), num_workers)
    return rows[rank * size : (rank + 1) * size + (rank < rest)]


def part_with_rest_at_the_end(rows, rank, num_workers):
    size = len(rows) // num_workers
    return rows[rank * size :] if rank == num_workers - 1 else rows[rank * size : (rank + 1) * size]


def part_with_larger_last(rows, rank, num_workers):
    sizes = sorted(len(part) for part in np.array_split(rows, num_workers))
    start = sum(sizes[:rank])
    return rows[start : start + sizes[rank]]


def part_by_rounded_bounds(rows, rank, num_workers):
    return rows[rank * len(rows) // num_workers : (rank + 1) * len(rows) // num_workers]


def combined_by_loop(means, numbers):
    total, count = np.zeros(means.shape[1]), 0
    for mean, number in zip(means, numbers, strict=True):
        total += number * mean
        count += number
    return list(total / count)


def combined_by_column(means, numbers):
    """Go the other way only where the numbers do not fit the columns, which raises an error."""
    try:
        return (means * numbers).sum(axis=0) / numbers.sum()
    except ValueError:
        return combined_by_loop(means, numbers)


def late(extra=0, from_old=False, sign=-1, wait=False, in_place=False, last=-1, factor=1.0, with_rate=True):
    """A descent with late gradients, with the mistake that the arguments describe."""

    def answer(A, w, rate, delay, num_steps):
        past = [w] * (max(delay + extra, 0) + 1)
        for step in range(num_steps):
            gradient = factor * A @ past[0]
            if wait and step < delay:
                gradient = 0 * gradient
            if in_place:
                past[-1] += sign * rate * gradient
                past = [*past[1:], past[-1]]
            else:
                start = past[0] if from_old else past[-1]
                past = [*past[1:], start + sign * (rate if with_rate else 1) * gradient]
        return past[last]

    return answer


def late_with_whole_path(A, w, rate, delay, num_steps):
    path = [w]
    for t in range(num_steps):
        path.append(path[-1] - rate * A.dot(path[max(t - delay, 0)]))
    return [float(value) for value in path[-1]]


def late_with_first_steps_in_time(A, w, rate, delay, num_steps):
    past = [w]
    for t in range(num_steps):
        old = past[t - delay] if t >= delay else w
        w = w - rate * A @ old
        past.append(w)
    return w


def late_without_last(A, w, rate, delay, num_steps):
    return late()(A, w, rate, delay, num_steps - 1)


def times_of(compute, latency, transfer, most):
    return [compute] + [compute / n + latency + n * transfer for n in range(2, most + 1)]


def best_by_loop(compute, latency, transfer, most):
    best, shortest = 1, compute
    for n in range(2, most + 1):
        time = compute / n + latency + n * transfer
        if time < shortest:
            best, shortest = n, time
    return best


def best_with_network_for_one(compute, latency, transfer, most):
    return min(range(1, most + 1), key=lambda n: compute / n + latency + n * transfer)


def best_by_going_on(compute, latency, transfer, most):
    """Go on while one machine more is faster, which may end too early."""
    times = times_of(compute, latency, transfer, most)
    n = 1
    while n < most and times[n] < times[n - 1]:
        n += 1
    return n


def in_parts(split=np.array_split, step=None, mean=False, only=None, add=False):
    """A training in parts, with the mistake that the arguments describe."""

    def answer(net, trainer, loss, batches, num_workers):
        params = list(net.collect_params().values())
        total = [param.data().zeros_like() for param in params]
        for X, y in batches:
            if not add:
                total = [param.data().zeros_like() for param in params]
            for rows in split(np.arange(len(X)), num_workers)[only or slice(None)]:
                part = slice(int(rows[0]), int(rows[-1]) + 1)
                with autograd.record():
                    losses = loss(net(X[part]), y[part])
                    losses = losses.mean() if mean else losses
                losses.backward()
                total = [old + param.grad() for old, param in zip(total, params, strict=True)]
            for param, value in zip(params, total, strict=True):
                param.grad()[:] = value
            trainer.step(step(len(X), num_workers) if step else len(X))
        return net

    return answer


def without_rest(rows, num_workers):
    size = len(rows) // num_workers
    return [rows[i * size : (i + 1) * size] for i in range(num_workers)]


def by_whole_minibatches(net, trainer, loss, batches, num_workers):
    for X, y in batches:
        with autograd.record():
            losses = loss(net(X), y)
        losses.backward()
        trainer.step(len(X))
    return net


def with_grad_req_add(net, trainer, loss, batches, num_workers):
    net.collect_params().setattr("grad_req", "add")
    for X, y in batches:
        net.collect_params().zero_grad()
        start = 0
        for part in np.array_split(np.arange(len(X)), num_workers):
            with autograd.record():
                losses = loss(net(X[start : start + len(part)]), y[start : start + len(part)])
            losses.backward()
            start += len(part)
        trainer.step(len(X))
    return net


def with_one_backward(net, trainer, loss, batches, num_workers):
    for X, y in batches:
        with autograd.record():
            total = 0
            for part in np.array_split(np.arange(len(X)), num_workers):
                rows = nd.array(part, dtype="int32")
                total = total + loss(net(X.take(rows)), y.take(rows)).sum()
        total.backward()
        trainer.step(len(X))
    return net


def every_nth(rows, num_workers):
    return [rows[i::num_workers] for i in range(num_workers)]


def with_every_nth(net, trainer, loss, batches, num_workers):
    params = list(net.collect_params().values())
    for X, y in batches:
        gradients = []
        for rows in every_nth(np.arange(len(X)), num_workers):
            with autograd.record():
                losses = loss(net(X[nd.array(rows)]), y[nd.array(rows)])
            losses.backward()
            gradients.append([param.grad().copy() for param in params])
        for param, parts in zip(params, zip(*gradients, strict=True), strict=True):
            param.grad()[:] = nd.add_n(*parts)
        trainer.step(len(X))
    return net


def with_gluons_split(net, trainer, loss, batches, num_workers):
    params = list(net.collect_params().values())
    for X, y in batches:
        totals = [0] * len(params)
        parts = (gluon.utils.split_data(array, num_workers, even_split=False) for array in (X, y))
        for X_part, y_part in zip(*parts, strict=True):
            with autograd.record():
                loss(net(X_part), y_part).sum().backward()
            totals = [total + param.list_grad()[0] for total, param in zip(totals, params, strict=True)]
        for param, total in zip(params, totals, strict=True):
            total.copyto(param.list_grad()[0])
        trainer.allreduce_grads()
        trainer.update(len(X))
    return net


def one_by_one(net, trainer, loss, batches, num_workers):
    return in_parts(lambda rows, k: np.array_split(rows, len(rows)))(net, trainer, loss, batches, num_workers)


def with_parts_of_a_size_rounded_up(net, trainer, loss, batches, num_workers):
    """Make parts of a size, which may be fewer than workers: 9 examples for 4 are 3 parts of 3."""

    def split(rows, k):
        size = -(-len(rows) // k)
        return [rows[i : i + size] for i in range(0, len(rows), size)]

    return in_parts(split)(net, trainer, loss, batches, num_workers)


def with_means_of_the_right_weight(net, trainer, loss, batches, num_workers):
    params = list(net.collect_params().values())
    for X, y in batches:
        totals = [param.data().zeros_like() for param in params]
        for rows in np.array_split(np.arange(len(X)), num_workers):
            with autograd.record():
                mean = loss(net(X[rows.tolist()]), y[rows.tolist()]).mean()
            mean.backward()
            for total, param in zip(totals, params, strict=True):
                total += param.grad() * len(rows) / len(X)
        for param, total in zip(params, totals, strict=True):
            param.grad()[:] = total
        trainer.step(1)
    return net


def with_a_step_for_each(net, trainer, loss, batches, num_workers):
    for X, y in batches:
        for part in np.array_split(np.arange(len(X)), num_workers):
            rows = nd.array(part, dtype="int32")
            with autograd.record():
                losses = loss(net(X.take(rows)), y.take(rows))
            losses.backward()
            trainer.step(len(part))
    return net


def with_first_size(net, trainer, loss, batches, num_workers):
    return in_parts(step=lambda n, k: len(batches[0][0]))(net, trainer, loss, batches, num_workers)


def after_each_part(net, loss, X, y, num_workers):
    """Go back through the parts, one after the other; after each, its gradients are there."""
    for rows in np.array_split(np.arange(len(X)), num_workers):
        with autograd.record():
            losses = loss(net(X[rows.tolist()]), y[rows.tolist()])
        losses.backward()
        yield


def without_copy(net, trainer, loss, batches, num_workers):
    params = list(net.collect_params().values())
    for X, y in batches:
        gradients = []
        for _ in after_each_part(net, loss, X, y, num_workers):
            gradients.append([param.grad() for param in params])
        for param, parts in zip(params, zip(*gradients, strict=True), strict=True):
            param.grad()[:] = sum(parts)
        trainer.step(len(X))
    return net


def added_to_the_first(net, trainer, loss, batches, num_workers):
    params = list(net.collect_params().values())
    for X, y in batches:
        total = None
        for _ in after_each_part(net, loss, X, y, num_workers):
            if total is None:
                total = [param.grad() for param in params]
            else:
                for array, param in zip(total, params, strict=True):
                    array += param.grad()
        trainer.step(len(X))
    return net


def without_the_trainer(net, trainer, loss, batches, num_workers):
    params = list(net.collect_params().values())
    for X, y in batches:
        total = [param.data().zeros_like() for param in params]
        for _ in after_each_part(net, loss, X, y, num_workers):
            total = [old + param.grad() for old, param in zip(total, params, strict=True)]
        for param, value in zip(params, total, strict=True):
            param.set_data(param.data() - trainer.learning_rate * value / len(X))
    return net


def half_learning_rate(net, trainer, loss, batches, num_workers):
    trainer.set_learning_rate(trainer.learning_rate / 2)
    return in_parts()(net, trainer, loss, batches, num_workers)


@pytest.mark.parametrize(
    ("number", "answer", "message"),
    [
        ("09.1", lambda rows, rank, num_workers: rows[rank::num_workers], "every n-th example"),
        (
            "09.1",
            lambda rows, rank, num_workers: rows[rank * (len(rows) // num_workers) :][: len(rows) // num_workers],
            "nobody's",
        ),
        ("09.1", part_with_rest_at_the_end, "the last worker takes all"),
        (
            "09.1",
            lambda rows, rank, num_workers: rows[rank * -(-len(rows) // num_workers) :][: -(-len(rows) // num_workers)],
            "rounded up",
        ),
        ("09.1", part_with_larger_last, "not the last ones"),
        ("09.1", lambda rows, rank, num_workers: np.array_split(rows, num_workers)[rank - 1], "ranks begin with 0"),
        ("09.1", part_without_min, "parts overlap"),
        ("09.1", part_by_rounded_bounds, "bounds that are rounded down"),
        ("09.1", lambda rows, *which: part_by_hand(np.arange(len(rows)), *which), "places in the minibatch"),
        ("09.1", lambda rows, rank, num_workers: rows, "the whole minibatch"),
        ("09.1", lambda rows, rank, num_workers: len(part_by_hand(rows, rank, num_workers)), "return them"),
        (
            "09.1",
            lambda rows, *which: sorted(rows)[: len(part_by_hand(rows, *which))],
            "do not sort it",
        ),
        ("09.1", lambda rows, rank, num_workers: np.array_split(rows, num_workers), "came out: "),
        ("09.2", 0.05, "by the examples of one"),
        ("09.2", 0.05 / 8, "the other way round"),
        ("09.2", 1.6, "how many times"),
        ("09.2", 12.8, "does divide"),
        ("09.2", 8, "which rate is it"),
        ("09.2", 3.2, "counts once"),
        ("09.2", 0.1414, "no question of noise"),
        ("09.2", "0.4", "without quotes"),
        ("09.3", lambda means, numbers: means.mean(axis=0), "the mean of the means"),
        ("09.3", lambda means, numbers: means[numbers > 0].mean(axis=0), "the mean of the means"),
        ("09.3", lambda means, numbers: means.sum(axis=0), "make sums of them first"),
        ("09.3", lambda means, numbers: (means.T * numbers).sum(axis=1), "divide it by their number"),
        ("09.3", lambda means, numbers: (means.T * numbers).mean(axis=1), "not by the number of workers"),
        ("09.3", lambda means, numbers: (means.T * numbers).sum(axis=1) / numbers[0], "not by that of one worker"),
        ("09.3", lambda means, numbers: means.sum(axis=0) / numbers.sum(), "multiply each by its number"),
        ("09.3", lambda means, numbers: means * numbers[:, np.newaxis] / numbers.sum(), "add them up"),
        ("09.3", lambda means, numbers: (means * numbers).sum(axis=0) / numbers.sum(), "multiplies the columns"),
        ("09.3", lambda means, numbers: (means.T * numbers).sum(axis=1) / max(numbers), "not by that of one worker"),
        ("09.3", lambda means, numbers: (means.T / np.where(numbers, numbers, 1)).sum(axis=1), "to get the sum back"),
        ("09.3", combined_by_column, "multiplies the columns"),
        ("09.3", lambda means, numbers: means.sum() / numbers.sum(), "came out: a single number"),
        ("09.4", late(extra=-99), "descent without delay"),
        ("09.4", late(in_place=True), "descent without delay"),
        ("09.4", late(extra=1), "one step more"),
        ("09.4", late(extra=-1), "one step less"),
        ("09.4", late(from_old=True), "only the gradient is old"),
        ("09.4", late(wait=True), "the first steps are steps, too"),
        ("09.4", late_with_first_steps_in_time, "not the newest"),
        ("09.4", late(sign=1), "minus, not plus"),
        ("09.4", late(last=0), "return the newest parameters"),
        ("09.4", late(factor=2.0), "no factor of 2"),
        ("09.4", late(with_rate=False), "by the learning rate"),
        ("09.4", late_without_last, "one step is missing"),
        ("09.4", lambda *args: late()(*args[:-1], args[-1] + 1), "that is one step too many"),
        ("09.5", best_with_network_for_one, "it needs no network"),
        ("09.5", lambda c, latency, m, most: 1 + int(np.argmin(times_of(c, latency, m, most)[1:])), "that is one off"),
        ("09.5", lambda c, latency, m, most: min(round((c / m) ** 0.5), most), "it needs no network"),
        ("09.5", lambda c, latency, m, most: int(np.argmin(times_of(c, latency, m, most))), "counts from 0"),
        ("09.5", lambda c, latency, m, most: 2 + int(np.argmin(times_of(c, latency, m, most)[1:])), "with one machine"),
        ("09.5", lambda c, latency, m, most: round((c / m) ** 0.5), "there are only so many"),
        ("09.5", lambda c, latency, m, most: min(times_of(c, latency, m, most)), "the shortest time"),
        ("09.5", lambda c, latency, m, most: best_by_loop(c, 0, m, most), "where is the latency"),
        ("09.5", lambda c, latency, m, most: best_by_loop(c, latency, 0, most), "grows with their number"),
        ("09.5", best_by_going_on, "two machines may be slower than one"),
        (
            "09.5",
            lambda c, latency, m, most: best_by_loop(c, 0, latency + m, most),
            "the latency comes once",
        ),
        ("09.5", lambda c, latency, m, most: most, "may take longer"),
        ("09.5", lambda c, latency, m, most: 1 + int(np.argmax(times_of(c, latency, m, most))), "the longest"),
        (
            "09.5",
            lambda c, latency, m, most: max(n for n, t in enumerate(times_of(c, latency, m, most), 1) if t <= c),
            "which one is the fastest",
        ),
        ("09.6", in_parts(only=slice(-1, None)), "only the last part counts"),
        ("09.6", in_parts(mean=True, step=lambda n, k: k), "the mean of the means"),
        ("09.6", in_parts(step=lambda n, k: n / k), "of the whole minibatch"),
        ("09.6", in_parts(step=lambda n, k: n // k), "of the whole minibatch"),
        ("09.6", in_parts(step=lambda n, k: 1), "has to divide"),
        ("09.6", in_parts(step=lambda n, k: n * k), "once more by the number of workers"),
        ("09.6", in_parts(mean=True), "step divides again"),
        ("09.6", in_parts(without_rest), "have been dropped"),
        ("09.6", in_parts(without_rest, step=lambda n, k: n // k * k), "have been dropped"),
        ("09.6", in_parts(add=True), "gradients of earlier minibatches"),
        ("09.6", with_a_step_for_each, "a step for each part"),
        ("09.6", with_first_size, "the last minibatch is smaller"),
        ("09.6", without_copy, "only the last part counts"),
        ("09.6", added_to_the_first, "only the last part counts"),
        ("09.6", without_the_trainer, "the step is not the trainer's"),
        ("09.6", half_learning_rate, "are the sums of the parts equal"),
        ("09.6", by_whole_minibatches, "has only its own part"),
        ("09.6", one_by_one, "has only its own part"),
        ("09.6", with_parts_of_a_size_rounded_up, "as many parts as workers"),
        ("09.6", lambda net, trainer, loss, batches, num_workers: net, "is there a step of the trainer"),
        ("09.6", lambda net, trainer, loss, batches, num_workers: 3, "end with return net"),
    ],
)
def test_wrong_answers(number, answer, message):
    verdict = judge(find(number), answer)
    assert not verdict.right
    assert message in verdict.text, verdict.text
    in_chinese(verdict)


@pytest.mark.parametrize("variant", [0, 1, 2])
@pytest.mark.parametrize(
    ("number", "answer"),
    [
        ("09.1", part_by_hand),
        ("09.1", lambda rows, rank, num_workers: list(np.array_split(rows, num_workers)[rank])),
        ("09.1", lambda rows, rank, num_workers: nd.array(part_by_hand(rows, rank, num_workers))),
        ("09.2", 0.4),
        ("09.2", np.float32(0.05) * 8),
        ("09.3", combined_by_loop),
        ("09.3", lambda means, numbers: np.average(means, axis=0, weights=numbers)),
        ("09.3", lambda means, numbers: numbers / numbers.sum() @ means),
        ("09.4", late()),
        ("09.4", late_with_whole_path),
        ("09.5", best_by_loop),
        ("09.5", lambda *numbers: np.array([1 + np.argmin(times_of(*numbers))])),
        ("09.5", lambda *numbers: float(best_by_loop(*numbers))),
        ("09.6", in_parts()),
        ("09.6", with_grad_req_add),
        ("09.6", with_one_backward),
        ("09.6", with_every_nth),
        ("09.6", with_gluons_split),
        ("09.6", with_means_of_the_right_weight),
    ],
)
def test_right_answers(number, answer, variant):
    verdict = judge(find(number), answer, variant)
    assert verdict.right, verdict.text


def test_minibatches_by_view_may_be_changed_in_place():
    def scaled(net, trainer, loss, batches, num_workers):
        for X, _ in batches:
            X *= 1
        return in_parts()(net, trainer, loss, batches, num_workers)

    assert judge(find("09.6"), scaled).right


@pytest.mark.parametrize("variant", range(1, 6))
def test_each_mistake_is_wrong_in_every_variant(variant):
    for number, answer in (
        ("09.1", part_without_min),
        ("09.3", lambda means, numbers: means.mean(axis=0)),
        ("09.4", late(extra=1)),
        ("09.5", best_with_network_for_one),
        ("09.6", in_parts(step=lambda n, k: n / k)),
    ):
        assert not judge(find(number), answer, variant).right
