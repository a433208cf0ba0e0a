import random

import d2lhelpers as dh

import mxnet as mx
import numpy as np
import pytest
from d2l import mxnet as d2l
from mxnet import gluon

NAN, INF = float("nan"), float("inf")


def numbered(xp, n):
    """Features and labels of n examples that both hold the example's number."""
    return xp.array(np.arange(n).repeat(2).reshape(n, 2), dtype="float32"), xp.array(np.arange(n), dtype="float32")


def numbers(loader):
    """The numbers of the examples of one epoch, in their order."""
    return np.concatenate([y.asnumpy() for _, y in loader]).tolist()


# seed


def test_seed_seeds_python_numpy_and_mxnet(any_xp):
    def draw():
        normal = any_xp.random.normal
        ours = normal(0, 1, size=(3,)) if any_xp is mx.np else normal(0, 1, shape=(3,))
        return random.random(), np.random.random(), ours.asnumpy().tolist()

    dh.seed(5)
    first = draw()
    dh.seed(5)
    assert draw() == first
    dh.seed(6)
    assert all(a != b for a, b in zip(draw(), first, strict=True))


def test_seed_is_that_of_each_library():
    dh.seed(7)
    ours = random.random(), np.random.random(), mx.nd.random.uniform().asscalar()
    random.seed(7)
    np.random.seed(7)
    mx.random.seed(7)
    assert ours == (random.random(), np.random.random(), mx.nd.random.uniform().asscalar())


@pytest.mark.parametrize(
    ("n", "error", "message"),
    [
        (-1, ValueError, r"n must be from 0 to 2147483647, but is -1"),
        (2**31, ValueError, r"n must be from 0 to 2147483647, but is 2147483648"),
        (1.0, TypeError, r"n must be a whole number, but is 1.0 \(float\)"),
        ("1", TypeError, r"n must be a whole number, but is '1' \(str\)"),
        (True, TypeError, r"n must be a whole number, but is True \(bool\)"),
        (None, TypeError, r"n must be a whole number, but is None"),
    ],
)
def test_seed_refuses_bad_numbers(n, error, message):
    with pytest.raises(error, match=message):
        dh.seed(n)


@pytest.mark.parametrize("n", [0, 2**31 - 1, np.int64(3)])
def test_seed_takes_all_of_its_range(n):
    dh.seed(n)


# synthetic_data


def test_synthetic_data_shapes_and_kind(any_xp):
    w = any_xp.array([2, -3.4, 1])
    features, labels = dh.synthetic_data(w, 4.2, 10)
    assert (features.shape, labels.shape) == ((10, 3), (10,))
    assert features.dtype == labels.dtype == np.float32
    assert type(features) is type(labels) is type(w)


@pytest.mark.parametrize("w", [[2, -3.4], (2, -3.4), np.array([2, -3.4])])
def test_synthetic_data_takes_lists(xp, w):
    features, labels = dh.synthetic_data(w, 4.2, 10)
    assert type(features) is type(labels) is type(xp.ones((1,)))
    assert features.shape == (10, 2)


def test_synthetic_data_without_noise_is_linear(any_xp):
    dh.seed(1)
    features, labels = dh.synthetic_data(any_xp.array([2, -3.4]), 4.2, 100, noise=0)
    expected = features.asnumpy().astype("float64") @ [2, -3.4] + 4.2
    np.testing.assert_allclose(labels.asnumpy(), expected, rtol=1e-6, atol=1e-6)


def test_synthetic_data_moments(any_xp):
    dh.seed(2)
    n = 20_000
    features, labels = dh.synthetic_data(any_xp.array([2, -3.4]), 4.2, n, noise=0.5)
    X = features.asnumpy().astype("float64")
    errors = labels.asnumpy() - X @ [2, -3.4] - 4.2
    # A mean of n draws has the standard deviation σ/√n, a standard deviation of them σ/√(2n): 5 of these are allowed.
    np.testing.assert_allclose(X.mean(axis=0), 0, atol=5 / n**0.5)
    np.testing.assert_allclose(X.std(axis=0), 1, atol=5 / (2 * n) ** 0.5)
    np.testing.assert_allclose(errors.mean(), 0, atol=5 * 0.5 / n**0.5)
    np.testing.assert_allclose(errors.std(), 0.5, atol=5 * 0.5 / (2 * n) ** 0.5)
    correlations = np.corrcoef([*X.T, errors])
    np.testing.assert_allclose(correlations, np.eye(3), atol=5 / n**0.5)


def test_synthetic_data_noise_is_a_hundredth_unless_told(any_xp):
    dh.seed(3)
    features, labels = dh.synthetic_data(any_xp.array([1.0]), 0, 10_000)
    errors = labels.asnumpy().astype("float64") - features.asnumpy()[:, 0]
    np.testing.assert_allclose(errors.std(), 0.01, rtol=0.05)


def test_least_squares_finds_the_true_weights(any_xp):
    dh.seed(4)
    features, labels = dh.synthetic_data(any_xp.array([2, -3.4]), 4.2, 1000)
    X = np.column_stack([features.asnumpy(), np.ones(1000)]).astype("float64")
    solution = np.linalg.lstsq(X, labels.asnumpy(), rcond=None)[0]
    np.testing.assert_allclose(solution, [2, -3.4, 4.2], atol=5 * 0.01 / 1000**0.5)


def test_synthetic_data_of_the_same_seed_are_the_same_bits(any_xp):
    def bits():
        dh.seed(5)
        return [array.asnumpy().tobytes() for array in dh.synthetic_data(any_xp.array([2, -3.4]), 4.2, 50)]

    assert bits() == bits()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"w": []}, ValueError, r"w is empty: its shape is \(0,\)"),
        ({"w": [[1], [2]]}, ValueError, r"w must have 1 axis, but has the shape \(2, 1\); reshape it"),
        ({"w": [1, NAN]}, ValueError, r"w holds 1 value that is NaN or infinite, the first at index \(1,\)"),
        ({"w": [INF, INF]}, ValueError, r"w holds 2 values that are NaN or infinite, the first at index \(0,\)"),
        ({"w": 2.0}, TypeError, r"w must be an MXNet array, but is of the type float"),
        ({"w": ["a"]}, (TypeError, ValueError), r"\bw must"),
        ({"w": [[1], [1, 2]]}, (TypeError, ValueError), r"\bw must"),
        ({"w": ["2", "3"]}, TypeError, r"w must be a list of numbers, but is \['2', '3'\]"),
        ({"w": [2, 1j]}, TypeError, r"w must be a list of numbers, but is \[2, 1j\]"),
        ({"b": NAN}, ValueError, r"b must be a finite number.*, but is nan"),
        ({"b": INF}, ValueError, r"b must be a finite number.*, but is inf"),
        ({"b": 1e300}, ValueError, r"\bb must be"),
        ({"b": -1e300}, ValueError, r"\bb must be a finite number.*, but is -1e\+300"),
        ({"b": "1"}, TypeError, r"b must be a number, but is '1' \(str\)"),
        ({"num_examples": 0}, ValueError, r"num_examples must be at least 1, but is 0"),
        ({"num_examples": -2}, ValueError, r"num_examples must be at least 1, but is -2"),
        ({"num_examples": 2.5}, TypeError, r"num_examples must be a whole number, but is 2.5 \(float\)"),
        ({"num_examples": True}, TypeError, r"num_examples must be a whole number, but is True"),
        ({"noise": -0.1}, ValueError, r"noise must be a finite number of at least 0, but is -0.1"),
        ({"noise": NAN}, ValueError, r"noise must be a finite number of at least 0, but is nan"),
        ({"noise": 1e300}, ValueError, r"noise must be"),
        ({"noise": None}, TypeError, r"noise must be a number, but is None"),
    ],
)
def test_synthetic_data_refuses_bad_values(xp, change, error, message):
    with pytest.raises(error, match=message):
        dh.synthetic_data(**{"w": [1, 2], "b": 1, "num_examples": 3} | change)


# load_array


@pytest.mark.parametrize(
    ("n", "batch_size", "sizes"),
    [(10, 4, [4, 4, 2]), (8, 4, [4, 4]), (9, 4, [4, 4, 1]), (3, 100, [3]), (3, 3, [3]), (2, 1, [1, 1]), (1, 5, [1])],
)
@pytest.mark.parametrize("shuffle", [True, False])
def test_minibatches_hold_each_example_once(any_xp, n, batch_size, sizes, shuffle):
    loader = dh.load_array(numbered(any_xp, n), batch_size, shuffle)
    batches = list(loader)
    assert len(loader) == len(batches) == len(sizes)
    assert loader.num_examples == n
    assert [(X.shape, y.shape) for X, y in batches] == [((size, 2), (size,)) for size in sizes]
    assert sorted(numbers(loader)) == list(range(n))


def test_features_and_labels_stay_paired(any_xp):
    for X, y in dh.load_array(numbered(any_xp, 50), 7):
        np.testing.assert_array_equal(X.asnumpy(), np.column_stack([y.asnumpy()] * 2))


def test_each_epoch_has_a_new_order(any_xp):
    dh.seed(1)
    loader = dh.load_array(numbered(any_xp, 50), 7)
    epochs = [numbers(loader) for _ in range(3)]
    assert len({tuple(order) for order in [*epochs, range(50)]}) == 4


def test_without_shuffle_the_order_is_kept(any_xp):
    loader = dh.load_array(numbered(any_xp, 50), 7, shuffle=False)
    assert numbers(loader) == numbers(loader) == list(range(50))


def test_order_is_that_of_gluon_and_d2l(xp):
    arrays = numbered(xp, 50)
    theirs = gluon.data.DataLoader(gluon.data.ArrayDataset(*arrays), 7, shuffle=True)
    loaders = [dh.load_array(arrays, 7), theirs, d2l.load_array(arrays, 7)]
    orders = []
    for loader in loaders:
        dh.seed(2)
        orders.append([numbers(loader), numbers(loader)])
    assert orders[0] == orders[1] == orders[2]


def test_minibatches_equal_those_of_gluon(xp):
    arrays = numbered(xp, 20)
    theirs = gluon.data.DataLoader(gluon.data.ArrayDataset(*arrays), 6, shuffle=True)
    for loader in (ours := dh.load_array(arrays, 6), theirs):
        dh.seed(3)
        batches = list(loader)
        if loader is ours:
            expected = batches
    for batch, other in zip(expected, batches, strict=True):
        for array, other_array in zip(batch, other, strict=True):
            assert type(array) is type(other_array)
            assert array.dtype == other_array.dtype
            np.testing.assert_array_equal(array.asnumpy(), other_array.asnumpy())


@pytest.mark.parametrize("dtype", ["int32", "int64", "float64", "uint8"])
def test_minibatches_keep_type_and_value(any_xp, dtype):
    values = np.array([0, 255, 7, 200], dtype)
    for shuffle in (True, False):
        (batch,) = next(iter(dh.load_array((any_xp.array(values, dtype=dtype),), 4, shuffle)))
        assert batch.dtype == np.dtype(dtype)
        assert sorted(batch.asnumpy()) == sorted(values)


def test_two_epochs_at_once_do_not_disturb_each_other(any_xp):
    loader = dh.load_array(numbered(any_xp, 10), 3)
    pairs = [(a.asnumpy(), b.asnumpy()) for (_, a), (_, b) in zip(loader, loader, strict=True)]
    for epoch in zip(*pairs, strict=True):
        assert sorted(np.concatenate(epoch)) == list(range(10))


@pytest.mark.parametrize("shuffle", [True, False])
def test_changing_a_minibatch_does_not_change_the_data(any_xp, shuffle):
    X, y = numbered(any_xp, 6)
    for batch, _ in dh.load_array((X, y), 2, shuffle):
        batch *= 10
    np.testing.assert_array_equal(X.asnumpy()[:, 0], np.arange(6))


def test_loader_takes_any_number_of_arrays(any_xp):
    X, y = numbered(any_xp, 5)
    assert [len(batch) for batch in dh.load_array([X, y, y], 5)] == [3]
    assert [len(batch) for batch in dh.load_array([X], 5)] == [1]


def test_loader_prints_its_contents(any_xp):
    text = repr(dh.load_array(numbered(any_xp, 7), 3))
    assert text == "<7 examples in 3 minibatches of 3: arrays (7, 2), (7,)>"


@pytest.mark.parametrize(
    ("batch_size", "error", "message"),
    [
        (0, ValueError, r"batch_size must be at least 1, but is 0; for example batch_size=10"),
        (-1, ValueError, r"batch_size must be at least 1, but is -1"),
        (2.5, TypeError, r"batch_size must be a whole number, but is 2.5 \(float\)"),
        (10.0, TypeError, r"batch_size must be a whole number, but is 10.0 \(float\)"),
        (True, TypeError, r"batch_size must be a whole number, but is True \(bool\)"),
        ("10", TypeError, r"batch_size must be a whole number, but is '10' \(str\)"),
    ],
)
@pytest.mark.parametrize("load", [lambda size: dh.load_array((mx.nd.ones((3,)),), size), dh.load_digits])
def test_bad_batch_sizes_are_refused(load, batch_size, error, message):
    with pytest.raises(error, match=message):
        load(batch_size)


@pytest.mark.parametrize(
    ("arrays", "error", "message"),
    [
        (mx.nd.ones((3,)), TypeError, r"arrays must be a tuple of arrays.*NDArray; write load_array\(\(features"),
        (np.ones(3), TypeError, r"arrays must be a tuple of arrays, but is of the type ndarray"),
        (None, TypeError, r"arrays must be a tuple of arrays, but is of the type NoneType"),
        ((), ValueError, r"arrays is empty; write load_array"),
        ((np.ones(3), mx.nd.ones((3,))), TypeError, r"arrays\[0\] must be an MXNet array.*ndarray; convert it"),
        ((mx.nd.ones((3,)), [1, 2, 3]), TypeError, r"arrays\[1\] must be an MXNet array.*list; convert it"),
        ((mx.nd.ones((3,)), mx.nd.ones((2,))), ValueError, r"arrays\[0\] has 3\s+and arrays\[1\] has 2"),
        ((mx.nd.ones((3,)), mx.nd.array([1, NAN, INF])), ValueError, r"arrays\[1\] holds 2 values .* index \(1,\)"),
        ((mx.nd.array([[1, 2], [3, -INF]]),), ValueError, r"arrays\[0\] holds 1 value .* \(1, 1\); remove or replace"),
        ((mx.nd.ones((3,)), mx.np.ones((3,))), TypeError, r"one kind"),
    ],
)
def test_load_array_refuses_bad_arrays(arrays, error, message):
    with pytest.raises(error, match=message):
        dh.load_array(arrays, 2)


@pytest.mark.parametrize("shuffle", [1, "yes", None])
def test_load_array_refuses_a_shuffle_that_is_neither(shuffle):
    with pytest.raises(TypeError, match=r"shuffle must be True or False, but is "):
        dh.load_array((mx.nd.ones((3,)),), 2, shuffle)


@pytest.mark.parametrize(
    ("shape", "message"), [((0, 2), r"arrays\[0\] is empty: its shape is \(0, 2\)"), ((), r"no axis of examples")]
)
def test_load_array_refuses_arrays_without_examples(shape, message):
    with mx.util.np_shape(), mx.util.np_array(), pytest.raises(ValueError, match=message):
        dh.load_array((mx.np.zeros(shape),), 2)


def test_whole_is_one_minibatch_in_order(any_xp):
    features = any_xp.array(np.arange(14).reshape(7, 2), dtype="uint8")
    labels = any_xp.array(np.arange(7), dtype="int32")
    data_iter = dh.load_array((features, labels), 3, transform=lambda X: np.divide(X, 2, dtype="float32"))
    np.random.seed(0)
    X, y = data_iter.whole()
    np.testing.assert_array_equal(X.asnumpy(), np.arange(14).reshape(7, 2) / 2)
    np.testing.assert_array_equal(y.asnumpy(), np.arange(7))
    assert X.dtype == np.float32
    assert np.random.randint(1000) == np.random.RandomState(0).randint(1000), "random numbers were used up"
