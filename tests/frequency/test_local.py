"""Windows: errors against a plain loop, local frequencies against closed forms, and every bad window named."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.core.errors import InputError
from simplebias.core.snapshot import Snapshot
from simplebias.frequency import (
    box_windows,
    local_error_measure,
    local_errors,
    local_frequency,
    mask_windows,
    window_coordinates,
)

X = -np.pi + 2 * np.pi * np.arange(400) / 400
HALVES = [[-np.pi, -0.3], [0.3, np.pi]]


def two_speeds(x):
    return np.where(x < 0, np.sin(2 * x), np.sin(10 * x))


def by_hand(target, output, weights, centred):
    """One window at a time, one point at a time."""
    errors = []
    for row in weights:
        mean = sum(w * f for w, f in zip(row, target, strict=True)) / row.sum() if centred else 0 * target[0]
        miss = sum(w * ((h - f) ** 2).sum() for w, f, h in zip(row, target, output, strict=True))
        size = sum(w * ((f - mean) ** 2).sum() for w, f in zip(row, target, strict=True))
        errors.append(np.sqrt(miss / size))
    return errors


@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize("centred", [False, True])
def test_errors_are_those_of_a_plain_loop(float64, smooth, centred):
    random = np.random.default_rng(0)
    points, target, output = random.uniform(-1, 1, (60, 2)), random.normal(1, 1, (60, 2)), random.normal(size=(60, 2))
    boxes = [[[-1, 0.2], [-1, 1]], [[0, 1], [-0.5, 1]]]
    windows = box_windows(points, boxes, smooth=smooth)
    weights = []
    for box in boxes:
        inside = np.all([(low <= c) & (c <= high) for c, (low, high) in zip(points.T, box, strict=True)], axis=0)
        taper = [np.sin(np.pi * (c - low) / (high - low)) ** 2 for c, (low, high) in zip(points.T, box, strict=True)]
        weights.append(inside * (np.prod(taper, axis=0) if smooth else 1.0))
    np.testing.assert_allclose(windows.weights, weights, atol=1e-12)
    expected = by_hand(target, output, np.array(weights), centred)
    np.testing.assert_allclose(local_errors(target, output, windows, centred=centred), expected, rtol=1e-12)


def test_many_outputs_at_once_and_traced(float64):
    windows = box_windows(X, HALVES)
    target = two_speeds(X)[:, None]
    outputs = np.stack([0 * target, 0.5 * target, target])
    np.testing.assert_allclose(local_errors(target, outputs, windows), [[1, 1], [0.5, 0.5], [0, 0]], atol=1e-12)
    traced = jax.jit(jax.vmap(lambda one: local_errors(target, one, windows)))(jnp.asarray(outputs))
    np.testing.assert_allclose(traced, [[1, 1], [0.5, 0.5], [0, 0]], atol=1e-12)


def test_a_half_that_is_learned_is_told_from_one_that_is_not():
    measure = local_error_measure(two_speeds(X), box_windows(X, HALVES, unit="s"))
    learned = np.where(X < 0, two_speeds(X), 0)[:, None]
    np.testing.assert_allclose(measure(Snapshot(step=0, outputs=jnp.asarray(learned))), [0, 1], atol=1e-6)
    assert measure.dims == ("window",)
    assert measure.coords["window"] == ["−3.142 … −0.3 s", "0.3–3.142 s"]


def test_zero_under_jit_is_nan():
    windows = mask_windows(X, np.stack([X < 0, X >= 0]))
    found = jax.jit(lambda f: local_errors(f, 1 + f, windows))(jnp.asarray(np.where(X < 0, 0, 1.0)))
    assert np.isnan(found[0])
    assert found[1] == 1


@pytest.mark.parametrize("smooth", [False, True])
def test_local_frequencies_of_two_speeds(smooth):
    windows = box_windows(X, HALVES, smooth=smooth)
    dominant, mean = local_frequency(X, two_speeds(X), windows)
    np.testing.assert_allclose(dominant, [2 / (2 * np.pi), 10 / (2 * np.pi)], rtol=0.15)
    np.testing.assert_allclose(mean, [2 / (2 * np.pi), 10 / (2 * np.pi)], rtol=0.35)
    assert mean[1] > 3 * mean[0]


def test_local_frequencies_do_not_feel_level_place_order_or_copies():
    windows = box_windows(X, HALVES)
    plain = local_frequency(X, two_speeds(X), windows)
    shuffled = np.random.default_rng(0).permutation(len(X))
    moved = 1000 + X[shuffled]
    again = local_frequency(moved, 5 + two_speeds(X)[shuffled], box_windows(moved, np.array(HALVES) + 1000))
    np.testing.assert_allclose(again, plain, rtol=1e-6)
    twice = np.repeat(X, 1 + (np.arange(400) % 7 == 0))
    np.testing.assert_allclose(local_frequency(twice, two_speeds(twice), box_windows(twice, HALVES)), plain, rtol=1e-6)


def test_local_frequency_of_two_inputs_is_radial():
    u, v = (side.ravel() for side in np.meshgrid(np.arange(24) / 24, np.arange(24) / 24, indexing="ij"))
    points = np.stack([u, v], 1)
    windows = box_windows(points, [[[0, 1], [0, 1]]])
    dominant, mean = local_frequency(points, np.sin(2 * np.pi * (3 * u + 4 * v)), windows)
    np.testing.assert_allclose(dominant, [5], rtol=0.05)
    np.testing.assert_allclose(mean, [5], rtol=0.1)


def test_local_frequency_of_a_constant_is_unknown():
    found = local_frequency(X, np.where(X < 0, 3.0, np.sin(10 * X)), box_windows(X, HALVES))
    assert np.isnan(found.dominant).tolist() == [True, False]


def test_coordinates_say_where_and_how_fast():
    windows = box_windows(X, HALVES)
    found = window_coordinates(windows, points=X, target=two_speeds(X), unit="m")
    assert set(found) == {"window_low", "window_high", "dominant_frequency", "mean_frequency"}
    assert found["window_high"][1].tolist() == [-0.3, np.pi]
    assert found["mean_frequency"][2] == {"units": "cycles/m"}
    two = np.stack([X, X], 1)
    assert "window_low_2" in window_coordinates(box_windows(two, [[[0, 1], [0, 2]]]))


def test_masks_carry_their_bounds():
    windows = mask_windows(X, np.stack([X < -1, X > 2]), ["left", "right"])
    assert windows.labels == ("left", "right")
    assert windows.high[0][0] < -1 < 2 < windows.low[1][0]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: box_windows(X, [[-1, 1], [10, 11]]), "none in window 1"),
        (lambda: box_windows(X, [[1, -1]]), "below their high ends"),
        (lambda: box_windows(X, [[0, np.nan]]), "below their high ends"),
        (lambda: box_windows(X, [[0, 1], [0, 1]]), "same points"),
        (lambda: box_windows(X, [0, 1]), "shape"),
        (lambda: box_windows(np.stack([X, X], 1), [[0, 1]]), "shape"),
        (lambda: mask_windows(X, np.zeros((1, 400))), "a point in each window"),
        (lambda: mask_windows(X, -np.ones((1, 400))), "at least 0"),
        (lambda: mask_windows(X, np.ones((1, 4))), "shape"),
        (lambda: mask_windows(X, np.ones((1, 400)), ["a", "b"]), "one per window"),
        (lambda: local_errors(np.where(X < 0, 0, 1.0), X, box_windows(X, HALVES)), "not zero in each window"),
        (lambda: local_errors(np.where(X < 0, 2, X), X, box_windows(X, HALVES), centred=True), "varies in each"),
        (lambda: local_errors(X, X[:-1], box_windows(X, HALVES)), "output of shape"),
        (lambda: local_error_measure(0 * X, box_windows(X, HALVES)), "not zero"),
        (lambda: local_frequency(X, X, box_windows(X, [[0, 0.02], [-1, 1]])), "four places"),
        (lambda: local_frequency(np.ones((9, 3)) * X[:9, None], X[:9], mask_windows(X[:9], np.eye(9))), "one or two"),
    ],
)
def test_bad_windows_are_named(build, message):
    with pytest.raises(InputError, match=message):
        build()
