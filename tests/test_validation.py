from d2lhelpers import validation

import mxnet as mx
import numpy as np
import pytest


def test_is_np(any_xp):
    assert validation.is_np(any_xp.ones((1,))) is (any_xp is mx.np)


@pytest.mark.parametrize("other", [np.ones(1), [1.0], 1.0, None])
def test_is_np_of_other_things(other):
    assert not validation.is_np(other)


@pytest.mark.parametrize("ndim", [None, (2,), (1, 2)])
def test_check_array_accepts(any_xp, ndim):
    validation.check_array("X", any_xp.ones((2, 3)), ndim)


@pytest.mark.parametrize("other", [np.ones(1), [1.0], 1.0, None, "X"])
def test_check_array_refuses_other_types(other):
    message = rf"X must be an MXNet array, but is of the type {type(other).__name__}; .* with mx\.nd\.array\(X\)"
    with pytest.raises(TypeError, match=message):
        validation.check_array("X", other)


@pytest.mark.parametrize(
    ("ndim", "message"),
    [
        ((1,), r"X must have 1 axis, but has the shape \(2, 3\); .*X\.reshape\(\(-1,\)\)"),
        ((3,), r"X must have 3 axes, but has the shape \(2, 3\); reshape it"),
        ((3, 4), r"X must have 3 or 4 axes, but has the shape \(2, 3\); reshape it"),
    ],
)
def test_check_array_refuses_other_numbers_of_axes(any_xp, ndim, message):
    with pytest.raises(ValueError, match=message):
        validation.check_array("X", any_xp.ones((2, 3)), ndim)


def test_advice_on_axes_leads_to_an_allowed_number_of_them():
    with pytest.raises(ValueError, match="reshape") as caught:
        validation.check_array("images", mx.nd.ones((8, 8)), ndim=(3, 4))
    assert "reshape((-1, 1))" not in str(caught.value)


@pytest.mark.parametrize("shape", [(0,), (0, 2), (2, 0)])
def test_check_array_refuses_empty_arrays(shape):
    with mx.util.np_shape(), mx.util.np_array(), pytest.raises(ValueError, match=r"X is empty: its shape is \(.*0"):
        validation.check_array("X", mx.np.zeros(shape))


def test_check_same_length(any_xp):
    validation.check_same_length("a", any_xp.ones((2, 3)), "b", any_xp.ones((2,)))
    with pytest.raises(ValueError, match=r"a and b must hold equally many .* a has 3 and b has 2; take both"):
        validation.check_same_length("a", any_xp.ones((3,)), "b", any_xp.ones((2,)))


@pytest.mark.parametrize("value", [1, 5, np.int32(3), np.uint8(5)])
def test_check_integer_returns_an_int(value):
    result = validation.check_integer("n", value, 1, 5)
    assert type(result) is int
    assert result == value


@pytest.mark.parametrize("value", [1.0, 2.5, True, np.True_, "1", None, [1], float("nan"), np.float32(1), 1j])
def test_check_integer_refuses_other_types(value):
    with pytest.raises(TypeError, match=r"n must be a whole number, but is .* \(.*\); for example n=10"):
        validation.check_integer("n", value, 0)


@pytest.mark.parametrize(
    ("value", "maximum", "limits"), [(0, None, "at least 1"), (0, 5, "from 1 to 5"), (6, 5, "from 1 to 5")]
)
def test_check_integer_refuses_other_values(value, maximum, limits):
    with pytest.raises(ValueError, match=rf"n must be {limits}, but is {value}"):
        validation.check_integer("n", value, 1, maximum)


@pytest.mark.parametrize("value", [0, 1, 0.5, np.float32(0.5), np.int64(2), np.finfo("float32").max])
def test_check_number_returns_a_float(value):
    result = validation.check_number("lr", value, 0)
    assert type(result) is float
    assert result == value


@pytest.mark.parametrize("value", [True, np.False_, "1", None, [1.0], 1j, np.ones(1)])
def test_check_number_refuses_other_types(value):
    with pytest.raises(TypeError, match=r"lr must be a number, but is "):
        validation.check_number("lr", value, 0)


@pytest.mark.parametrize(
    ("value", "exclusive", "limit"),
    [
        (-1, False, "of at least 0"),
        (0, True, "above 0"),
        (float("nan"), False, "of at least 0"),
        (float("inf"), True, "above 0"),
        (float("-inf"), False, "of at least 0"),
    ],
)
def test_check_number_refuses_other_values(value, exclusive, limit):
    with pytest.raises(ValueError, match=rf"lr must be a finite number {limit}, but is {value}"):
        validation.check_number("lr", value, 0, exclusive)


def test_check_finite_accepts_finite_values(any_xp):
    validation.check_finite("X", any_xp.array([[0, -3e38], [1e-40, 2]]))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_check_finite_tells_how_many_and_where(any_xp, bad):
    with pytest.raises(ValueError, match=r"X holds 1 value that is NaN .* first at index \(1, 0\); remove"):
        validation.check_finite("X", any_xp.array([[1, 2], [bad, 3]]))
    with pytest.raises(ValueError, match=r"X holds 2 values that are NaN .* first at index \(1,\); remove"):
        validation.check_finite("X", any_xp.array([1, bad, bad]))


@pytest.mark.parametrize("dtype", ["float32", "int32", "int64", "uint8", "float16"])
def test_check_class_ids_accepts_all_classes(any_xp, dtype):
    validation.check_class_ids("y", any_xp.array([0, 2, 1], dtype=dtype), 3)


@pytest.mark.parametrize(("bad", "shown"), [(3, "3"), (-1, "-1"), (0.5, "0.5"), (float("nan"), "nan"), (1e9, "1e.09")])
def test_check_class_ids_shows_the_first_bad_one(any_xp, bad, shown):
    message = rf"y must hold class ids from 0 to 2, but holds {shown} at index 1; number the classes from 0"
    with pytest.raises(ValueError, match=message):
        validation.check_class_ids("y", any_xp.array([0, bad, 7]), 3)
