"""The doors: what is let in comes out as numbers, what is refused says expected, got and remedy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from simplebias.core import errors
from simplebias.core.errors import (
    DivergenceError,
    InputError,
    Outcome,
    SimplebiasError,
    StorageError,
    as_array,
    as_points,
    as_values,
    check_choice,
    check_finite,
    check_positive,
    is_traced,
)

finite = st.floats(-1e6, 1e6, width=32)


def message(call, *arguments, **options) -> str:
    with pytest.raises(InputError) as caught:
        call(*arguments, **options)
    error = caught.value
    assert error.expected
    assert error.got
    assert error.expected in str(error)
    assert error.got in str(error)
    assert error.remedy in str(error)
    return str(error)


def test_errors_are_caught_by_the_usual_names_too():
    assert issubclass(InputError, ValueError)
    assert issubclass(StorageError, OSError)
    assert issubclass(DivergenceError, ArithmeticError)
    assert all(issubclass(kind, SimplebiasError) for kind in (InputError, StorageError, DivergenceError))


def test_a_message_says_expected_got_remedy_in_this_order():
    assert str(InputError("a", "b", "Do c.")) == "expected a; got b. Do c."
    assert str(InputError("a", "b")) == "expected a; got b."


def test_divergence_keeps_the_run():
    assert DivergenceError("diverged", run="what was recorded").run == "what was recorded"


def test_every_outcome_is_a_sentence_of_its_own():
    sentences = [str(outcome) for outcome in Outcome]
    assert len(set(sentences)) == len(Outcome)
    assert all(" " in sentence and not sentence[0].isupper() for sentence in sentences)
    assert "resume" in str(Outcome.INTERRUPTED)
    assert "learning rate" in str(Outcome.DIVERGED)


@pytest.mark.parametrize("convert", [np.asarray, jnp.asarray, torch.tensor, list])
def test_numpy_jax_torch_and_lists_are_one(convert):
    array = as_array(convert([[1.5, 2.0], [3.0, -4.0]]))
    assert isinstance(array, jax.Array)
    np.testing.assert_array_equal(array, [[1.5, 2.0], [3.0, -4.0]])


@pytest.mark.parametrize("given", [[True, False], [1, 0], np.array([1, 0], np.uint8), torch.tensor([1, 0])])
def test_whole_numbers_and_booleans_become_floats(given):
    array = as_array(given)
    assert jnp.issubdtype(array.dtype, jnp.floating)
    np.testing.assert_array_equal(array, [1.0, 0.0])


def test_precision_is_what_jax_is_set_to(float64):
    assert as_array(np.array([0.1])).dtype == jnp.float64
    assert as_array(np.array([0.1], np.float32)).dtype == jnp.float32
    assert as_array([1]).dtype == jnp.float64


def test_torch_that_needs_gradients_or_has_half_precision():
    assert as_array(torch.ones(2, requires_grad=True)).tolist() == [1.0, 1.0]
    assert as_array(torch.ones(2, dtype=torch.bfloat16)).dtype == jnp.float32


def test_complex_stays_complex():
    assert as_array(np.array([1j])).dtype == jnp.complex64


@pytest.mark.parametrize(
    ("given", "got"),
    [
        (["1", "2"], "<U1"),
        ([None, 1.0], "object"),
        (np.array(["2024-01-01"], "datetime64[D]"), "datetime64"),
        ([[1.0], [1.0, 2.0]], "ragged"),
    ],
)
def test_what_is_not_a_number_is_refused(given, got):
    assert got in message(as_array, given, "inputs")


@given(st.lists(finite, min_size=1, max_size=20), st.data())
def test_the_first_bad_row_is_named(rows, data):
    bad = data.draw(st.integers(0, len(rows) - 1))
    array = np.array(rows, np.float32)[:, None].repeat(2, axis=1)
    array[bad:, 1] = data.draw(st.sampled_from([np.nan, np.inf, -np.inf]))
    text = message(check_finite, jnp.asarray(array), "values")
    assert f"first in row {bad}." in text
    assert f"{len(rows) - bad} NaN or infinite" in text


def test_tracers_pass_and_their_shapes_are_still_checked():
    @jax.jit
    def door(points):
        assert is_traced(points)
        return as_points(points)

    assert door(jnp.array([jnp.nan])).shape == (1, 1)
    with pytest.raises(InputError):
        door(jnp.zeros((2, 2, 2)))
    assert jax.vmap(as_points)(jnp.zeros((3, 4, 2))).shape == (3, 4, 2)


@given(st.lists(finite, min_size=1, max_size=9))
def test_a_list_is_one_input_per_point(rows):
    np.testing.assert_array_equal(as_points(rows), np.array(rows, np.float32)[:, None])


@pytest.mark.parametrize("given", [[], [[]], 1.0, np.zeros((2, 2, 2)), [1j], [np.nan], [[1.0, np.inf]]])
def test_points_refused(given):
    assert "points" in message(as_points, given)


def test_values_need_a_row_per_point():
    assert as_values([1.0, 2.0], 2).shape == (2, 1)
    text = message(as_values, [1.0, 2.0], 3)
    assert "3 rows" in text
    assert "2 rows" in text


@pytest.mark.parametrize("value", [0, -1, np.nan, np.inf, -np.inf, "3", None, [1, 2], 10**400, 1j])
def test_not_positive(value):
    assert "width" in message(check_positive, value, "width")


def test_positive_whole_or_zero():
    check_positive(0.5, "rate")
    check_positive(np.float32(2), "width", integer=True)
    check_positive(0, "steps", integer=True, zero=True)
    assert "whole" in message(check_positive, 0.5, "width", integer=True)
    assert "≥ 0" in message(check_positive, -1, "steps", zero=True)


def test_a_choice_lists_all_and_the_nearest():
    check_choice("relu", "activation", ["relu", "tanh"])
    text = message(check_choice, "tahn", "activation", ["relu", "tanh"])
    assert "relu, tanh" in text
    assert "Did you mean 'tanh'?" in text
    assert "Did you mean" not in message(check_choice, "zzz", "activation", ["relu"])
    assert "Did you mean 'relu'?" in message(check_choice, "rel", "activation", {"relu": 1})


def test_no_helper_is_forgotten_here():
    helpers = {name for name in vars(errors) if name.startswith(("check_", "as_", "is_"))}
    assert helpers == {
        "as_array",
        "as_points",
        "as_values",
        "check_choice",
        "check_finite",
        "check_positive",
        "is_traced",
    }
