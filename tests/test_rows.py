"""Rows that are gathered when they are asked for, and the memory that NumPy and MXNet share."""

import d2lhelpers as dh
from d2lhelpers import rows

import mxnet as mx
import numpy as np
import pytest


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "uint8", "int32"])
@pytest.mark.parametrize("as_np", [False, True])
def test_numbers_stay_in_the_same_memory(dtype, as_np):
    values = np.array([[0, 1], [2, 3], [4, 5]], dtype)
    array = rows.from_numpy(values, as_np)
    assert type(array) is (mx.np.ndarray if as_np else mx.nd.NDArray)
    assert np.shares_memory(rows.as_numpy(array), values)
    np.testing.assert_array_equal(array.asnumpy(), values)


@pytest.mark.parametrize("view", [lambda a: a[:2], lambda a: a.T, lambda a: a[:, ::-1], np.asfortranarray])
def test_views_and_what_lies_otherwise_in_memory_are_copied(view):
    values = view(np.array([[0, 1], [2, 3], [4, 5]], "float32"))
    array = rows.from_numpy(values, as_np=False)
    assert not np.shares_memory(rows.as_numpy(array), values)
    np.testing.assert_array_equal(array.asnumpy(), values)


@pytest.mark.parametrize("as_np", [False, True])
def test_truth_values_are_copied(as_np):
    values = np.array([True, False, True])
    array = rows.from_numpy(values, as_np)
    assert type(array) is (mx.np.ndarray if as_np else mx.nd.NDArray)
    found = rows.as_numpy(array)
    assert found.dtype == np.bool_
    np.testing.assert_array_equal(found, values)


def test_all_rows_but_the_first_are_gathered_when_they_are_asked_for():
    gathered = []

    def transform(values):
        gathered.append(values.tolist())
        return values * 2

    found = rows.Rows(np.array([5, 6, 7, 8, 9]), np.array([4, 0, 3, 1, 2]), transform, num_first=2, as_np=False)
    assert (found.shape, found.dtype) == ((5,), np.int64)
    assert found.first().asnumpy().tolist() == [18, 10]
    assert found._slice(0, 2).asnumpy().tolist() == [18, 10]
    assert gathered == [[9, 5]]
    values = np.zeros(3, "int64")
    found.copy_to(values, 2, 5)
    assert values.tolist() == [16, 12, 14]
    assert gathered == [[9, 5], [8, 6, 7]]


def test_rows_that_were_moved_are_still_those_that_were_looked_at():
    calls = []
    here = rows.Rows(np.arange(4.0), np.arange(4), lambda X: calls.append(1) or X, num_first=2, as_np=True)
    there = here.as_in_context(mx.cpu(1))
    assert (there.first().ctx, here.first().ctx) == (mx.cpu(1), mx.cpu())
    assert calls == [1]


@pytest.mark.parametrize(
    ("shape", "batch_size", "is_large"),
    [
        *(((256,), 256, True), ((256,), 255, False), ((16, 16), 256, True), ((16, 16), 255, False)),
        *(((), 2**16, True), ((), 2**16 - 1, False)),
    ],
)
def test_large_minibatches_are_gathered_one_by_one_and_small_ones_many_at_once(shape, batch_size, is_large):
    X = mx.nd.zeros((2 * batch_size, *shape))
    loader = dh.load_array((X, mx.nd.zeros((2 * batch_size,))), batch_size)
    assert isinstance(next(loader.blocks())[0], rows.Rows) == is_large


def test_many_small_minibatches_are_at_most_four_megabytes():
    X = mx.nd.zeros((2**21 + 2**11, 1))
    assert [block.shape for (block,) in dh.load_array((X,), 2**10).blocks()] == [(2**20, 1), (2**20, 1), (2**11, 1)]


@pytest.mark.parametrize("num_arrays", [1, 3])
def test_loaders_of_large_minibatches_take_any_number_of_arrays(any_xp, num_arrays):
    arrays = [any_xp.zeros((6, 2**15)), *(any_xp.arange(6) + i for i in range(1, num_arrays))]
    minibatches = list(dh.load_array(arrays, 4, shuffle=False))
    assert [array.shape for array in minibatches[1]] == [(2, 2**15)] + [(2,)] * (num_arrays - 1)
    for i in range(1, num_arrays):
        np.testing.assert_array_equal(minibatches[1][i].asnumpy(), np.array([4, 5]) + i)
