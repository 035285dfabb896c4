import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from simplebias.core import Run
from simplebias.core.errors import InputError
from simplebias.core.snapshot import Measure, Record, Snapshot
from simplebias.core.task import Regression
from simplebias.frequency import (
    clean_error_measure,
    mirror_spectrum_measure,
    noise_floor,
    spectral_stop,
    stop_record,
)
from simplebias.networks import TwoLayer
from simplebias.training import train

X = np.linspace(-10, 10, 200)


def noise(seed, count=200, std=0.2):
    return std * np.random.default_rng(seed).standard_normal(count)


def noisy(seed, std=0.2):
    return np.sin(X) + noise(seed, std=std)


def test_the_transform_is_the_spectrum_of_the_data_and_their_mirror_image():
    values = noisy(0)
    floor = noise_floor(X, values)
    both = np.fft.fft(np.concatenate([values, values[::-1]]))[:200]
    twin = np.real(both * np.exp(-1j * np.pi * np.arange(200) / 400)) / np.sqrt(2 * 200)
    twin[0] /= np.sqrt(2)
    np.testing.assert_allclose(floor.coefficients[:, 0], twin, atol=1e-12)
    length = 20 * 200 / 199
    np.testing.assert_allclose(floor.frequencies, np.fft.fftfreq(400, length / 200)[:200], atol=1e-12)


def test_the_transform_keeps_sums_of_squares_and_the_noise_white():
    many = np.stack([noise(seed) for seed in range(500)])[..., None]
    coefficients = noise_floor(X, noisy(0)).transform(many)
    np.testing.assert_allclose((coefficients**2).sum(axis=1), (many**2).sum(axis=1), rtol=1e-12)
    assert abs(coefficients.std(axis=0) / 0.2 - 1).max() < 0.15  # of 500, five standard errors
    assert abs(np.corrcoef(coefficients[:, 3, 0], coefficients[:, 100, 0])[0, 1]) < 0.15


@pytest.mark.parametrize("std", [0.05, 0.2, 1.0])
def test_the_std_is_found_without_bias_and_within_its_error(std):
    floors = [noise_floor(X, noisy(seed, std)) for seed in range(100)]
    found = np.array([floor.std[0] for floor in floors])
    assert abs(found.mean() / std - 1) < 0.04
    away = (found - std) / np.array([floor.std_error[0] for floor in floors])
    assert (abs(away) < 2).mean() > 0.9
    assert all(floor.found.all() for floor in floors)


@settings(max_examples=20)
@given(st.floats(1e-3, 1e3), st.floats(-1e3, 1e3), st.floats(1e-2, 1e2))
def test_units_and_the_order_of_points_do_not_matter(stretch, shift, spacing):
    order = np.random.default_rng(1).permutation(200)
    plain, moved = noise_floor(X, noisy(0)), noise_floor(spacing * X[order] + shift, stretch * noisy(0)[order])
    np.testing.assert_allclose(moved.std, stretch * plain.std, rtol=1e-9)
    np.testing.assert_allclose(moved.denoised, stretch * plain.denoised[order], rtol=1e-6, atol=1e-9 * stretch)
    np.testing.assert_allclose(moved.frequencies, plain.frequencies / spacing, rtol=1e-6)


def test_bands_tell_signal_from_noise_and_denoising_takes_most_of_the_noise():
    errors = []
    for seed in range(50):
        floor = noise_floor(X, noisy(seed))
        errors.append(np.mean((floor.denoised[:, 0] - np.sin(X)) ** 2) / 0.04)
        assert floor.signal[3, 0]  # 4 to 7 half periods of 20: sin x has 6.4
    assert np.median(errors) < 0.15


def test_a_line_among_noise_is_kept():
    line = 0.5 * np.cos(np.pi * 90 * (np.arange(200) + 0.5) / 200)
    floor = noise_floor(X, noisy(0) + line)
    assert floor.share[90, 0] == 1
    assert floor.share[100:, 0].max() == 0


def test_gaps_and_random_points_keep_the_noise_as_it_is():
    random = np.random.default_rng(2)
    for x in (random.uniform(-10, 10, 400), np.delete(np.linspace(-10, 10, 500), np.r_[100:180])):
        found = [noise_floor(x, np.sin(x) + noise(seed, len(x))).std[0] for seed in range(20)]
        assert abs(np.mean(found) / 0.2 - 1) < 0.15


def test_pure_noise_has_no_signal_and_the_first_step_is_taken():
    silent = [not noise_floor(X, noise(seed)).signal.any() for seed in range(50)]
    assert np.mean(silent) > 0.95
    values = noise(0)
    stop = spectral_stop(X, values, np.outer([0.0, 0.5, 1.0], values), [0, 10, 100])
    assert (stop.step, stop.edge) == (0, "first")
    assert "nothing to learn" in stop.words


def test_pure_noise_about_a_mean_leaves_the_mean_to_learn():
    values = 3 + noise(0)
    looks = np.stack([0 * X, 0 * X + 3, values])
    assert spectral_stop(X, values, looks, [0, 10, 100]).step == 10


@pytest.mark.parametrize("target", [np.sin, np.abs, np.exp, lambda x: x])
def test_without_noise_the_last_step_is_taken(target):
    values = target(X / 3)
    stop = spectral_stop(X, values, np.outer([0.0, 1.0, 0.5], values), [0, 10, 100])
    assert (stop.step, stop.edge) == (100, "last")
    assert "No noise was found" in stop.words
    np.testing.assert_array_equal(stop.floor.denoised[:, 0], values)


def learner(rates, values, steps):
    """A network that learns each coefficient at its own rate, and the true error at each step."""
    floor = noise_floor(X, values)
    learned = 1 - np.exp(-np.outer(steps, rates))
    basis = np.linalg.inv(floor.transform(np.eye(200)[..., None])[..., 0])
    looks = learned * floor.coefficients[:, 0] @ basis
    return looks, np.mean((looks - np.sin(X)) ** 2, axis=1)


def test_the_step_is_nearly_the_best_one_and_the_estimate_is_near_the_true_error():
    steps = np.unique(np.rint(np.geomspace(1, 1e5, 100)))
    rates = (1 + np.arange(200)) ** -2.0
    regret, apart = [], []
    for seed in range(30):
        looks, true = learner(rates, noisy(seed), steps)
        stop = spectral_stop(X, noisy(seed), looks, steps)
        regret.append(true[stop.index] / true.min())
        apart.append(stop.error[-1] / true[-1])
        np.testing.assert_allclose(stop.band_error.sum(axis=1), stop.error, rtol=1e-9)
        twin = np.mean((looks - stop.floor.denoised[:, 0]) ** 2, axis=1)
        np.testing.assert_allclose(stop.error, twin, rtol=1e-9)
    assert np.median(regret) < 1.15
    assert abs(np.median(apart) - 1) < 0.2


def test_a_learner_without_a_bias_is_not_said_to_gain_by_stopping_late():
    looks, true = learner(np.full(200, 1e-2), noisy(0), np.arange(1, 300))
    stop = spectral_stop(X, noisy(0), looks, np.arange(1, 300))
    assert true[stop.index] < 1.1 * true.min()


def test_steps_that_end_too_early_are_said_so():
    looks = np.outer([0.0, 0.2, 0.5], np.sin(X))
    stop = spectral_stop(X, noisy(0), looks, [0, 10, 20])
    assert stop.edge == "last"
    assert "train longer" in stop.words


def test_several_outputs_and_a_diverged_end():
    values = np.stack([noisy(0), 10 * np.sin(X / 2) + noise(1, std=1.0), np.ones(200)], axis=1)
    clean = np.stack([np.sin(X), 10 * np.sin(X / 2), np.ones(200)], axis=1)
    looks = np.stack([0 * clean, clean, values, np.full_like(clean, np.nan)])
    stop = spectral_stop(X, values, looks, [0, 10, 100, 200])
    assert stop.step == 10
    np.testing.assert_allclose(stop.floor.std[:2], [0.2, 1.0], rtol=0.2)
    assert stop.floor.found.tolist() == [True, True, False]


def test_arrays_of_all_libraries_give_the_same():
    values, looks = noisy(0), np.outer([0.0, 1.0], np.sin(X))
    plain = spectral_stop(X, values, looks, [0, 10])
    for kind in (jnp.asarray, lambda array: torch.tensor(np.asarray(array)), np.ndarray.tolist):
        other = spectral_stop(kind(X), kind(values), kind(looks), kind(np.array([0, 10])))
        np.testing.assert_allclose(other.error, plain.error, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("points", "values", "match"),
    [
        (X[:15], X[:15], "at least 16"),
        (X, np.ones(200), "vary"),
        (np.ones(200), X, "different places"),
        (np.ones((200, 2)), X, "one input"),
        (X, np.where(X > 9, np.nan, X), "finite"),
        (X, X[:100], "200 rows"),
        ([], [], "points"),
        (["a"] * 20, X[:20], "numbers"),
    ],
)
def test_bad_data_are_refused_with_a_remedy(points, values, match):
    with pytest.raises(InputError, match=match):
        noise_floor(points, values)


@pytest.mark.parametrize(
    ("looks", "steps", "match"),
    [
        (np.zeros((2, 200)), [0, 0], "rising"),
        (np.zeros((1, 200)), [0], "two records"),
        (np.zeros((2, 200)), [0, 1, 2], "shape"),
        (np.zeros((2, 100)), [0, 1], "shape"),
        (np.full((2, 200), np.nan), [0, 1], "finite"),
    ],
)
def test_records_that_do_not_fit_are_refused(looks, steps, match):
    with pytest.raises(InputError, match=match):
        spectral_stop(X, noisy(0), looks, steps)


def test_measures_agree_with_the_proposal_and_work_under_jit():
    values, looks = noisy(0), np.outer([0.0, 0.7, 1.0], np.sin(X))
    stop = spectral_stop(X, values, looks, [0, 10, 20])
    error, mirror = clean_error_measure(stop.floor), mirror_spectrum_measure(stop.floor)
    snapshots = [Snapshot(0, jnp.asarray(look, jnp.float32)[:, None]) for look in looks]
    np.testing.assert_allclose([jax.jit(error.function)(one) for one in snapshots], stop.error, rtol=1e-4, atol=1e-7)
    found = np.stack([jax.jit(mirror.function)(one) for one in snapshots])
    np.testing.assert_allclose(found, stop.coefficients, atol=1e-5)


def test_a_run_recorded_proposes_a_step_whose_weights_a_shorter_training_has(key):
    task, network = Regression(X / 10, noisy(0)), TwoLayer(1, 1, 8, key=key)
    outputs = Measure(jax.tree_util.Partial(_outputs), ("point", "output"))
    records = {"outputs": Record(outputs, at=[0, 7, 20, 40])}
    options = {"key": key, "updater": optax.adam(1e-2), "progress": False}
    run = train(network, task, steps=40, measures=records, **options)
    stop = spectral_stop(X, noisy(0), run.data["outputs"].values, run.data["step"].values)
    again = train(network, task, steps=20, measures=records, **options)
    np.testing.assert_array_equal(again.data["outputs"].values[2], run.data["outputs"].values[2])
    assert stop.step in {0, 7, 20, 40}
    assert stop_record(stop.error, stop.floor) == stop.index


def _outputs(snapshot):
    return snapshot.outputs


def test_a_proposal_is_labelled_for_a_page(tmp_path):
    looks = np.outer([0.0, 1.0], np.sin(X))
    data = spectral_stop(X, noisy(0), looks, [0, 10]).dataset()
    assert data["mirror_spectrum"].dims == ("record", "mirror_frequency", "output")
    assert int(data["stop_step"]) == 10
    assert Run(data, step=10).save(tmp_path / "run").exists()
