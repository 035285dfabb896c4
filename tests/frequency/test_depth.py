"""The deep frequency principle against loops in NumPy, its limits and invariances."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.core.errors import InputError
from simplebias.core.snapshot import Snapshot, take_snapshot
from simplebias.frequency import depth, depth_measure, half_cutoff, low_frequency_ratio, ratio_density
from simplebias.networks import MLP, AntiSymmetric, SmallCNN

LEVELS = np.array([0.01, 0.1, 1.0, 10.0, 100.0])


def twin(features, values, cutoffs, *, normalised=False, centre=True):
    """The ratio as written, in loops and float64."""
    features, values = np.asarray(features, float), np.asarray(values, float)
    if centre:
        values = values - values.mean(axis=0)
    distances = np.array([[np.linalg.norm(a - b) for b in features] for a in features])
    if normalised:
        pairs = [distances[i, j] for i in range(len(features)) for j in range(i)]
        distances = distances / np.sqrt(np.median(np.square(pairs)))
    ratios = []
    for cutoff in cutoffs:
        low = []
        for i in range(len(features)):
            weights = np.exp(-cutoff * distances[i] ** 2 / 2)
            low.append((weights @ values) / weights.sum())
        ratios.append(np.sum(np.square(low)) / np.sum(values**2))
    return np.array(ratios)


@pytest.fixture
def data():
    random = np.random.default_rng(3)
    return random.normal(size=(30, 4)) + 2, random.normal(size=(30, 2)) + 0.5


@pytest.mark.parametrize(("normalised", "centre"), [(False, False), (True, True)])
def test_the_ratio_is_the_sum_as_written(data, float64, normalised, centre):
    options = {"normalised": normalised, "centre": centre}
    np.testing.assert_allclose(low_frequency_ratio(*data, LEVELS, **options), twin(*data, LEVELS, **options), rtol=1e-9)
    single = low_frequency_ratio(*(np.float32(each) for each in data), np.float32(LEVELS), **options)
    assert single.dtype == jnp.float32
    np.testing.assert_allclose(single, twin(*data, LEVELS, **options), rtol=1e-3)


def test_limits(data):
    features, values = data
    ends = [1e-9, 1e9]
    np.testing.assert_allclose(low_frequency_ratio(features, values, ends), [0, 1], atol=1e-5)
    mean = len(values) * np.sum(values.mean(axis=0) ** 2) / np.sum(values**2)
    np.testing.assert_allclose(low_frequency_ratio(features, values, ends, centre=False), [mean, 1], rtol=1e-5)


def test_invariances(data):
    features, values = data
    ratios = low_frequency_ratio(features, values, LEVELS)
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))
    np.testing.assert_allclose(low_frequency_ratio(features @ turn - 5, values, LEVELS), ratios, rtol=2e-3)
    np.testing.assert_allclose(low_frequency_ratio(features, 3 * values - 7, LEVELS), ratios, rtol=2e-3)
    np.testing.assert_allclose(low_frequency_ratio(10 * features, values, LEVELS / 100), ratios, rtol=2e-3)
    relative = low_frequency_ratio(features, values, LEVELS, normalised=True)
    for size in (1e-4, 1e3):
        got = low_frequency_ratio(size * features, values, LEVELS, normalised=True)
        np.testing.assert_allclose(got, relative, rtol=2e-3)
    assert np.abs(np.asarray(low_frequency_ratio(10 * features, values, LEVELS)) / ratios - 1).max() > 0.5


def test_the_median_is_of_an_even_subsample(data, float64, monkeypatch):
    features, values = data
    monkeypatch.setattr(depth, "SUBSAMPLE", 7)
    rows = features[np.arange(7) * 30 // 7]
    pairs = [np.sum((rows[i] - rows[j]) ** 2) for i in range(7) for j in range(i)]
    want = low_frequency_ratio(features / np.sqrt(np.median(pairs)), values, LEVELS)
    np.testing.assert_allclose(low_frequency_ratio(features, values, LEVELS, normalised=True), want, rtol=1e-9)


def test_constant_features_are_named_and_have_an_answer_inside_jit(data):
    _, values = data
    for constant in (np.zeros((30, 3)), np.full((30, 3), 0.1)):
        with pytest.raises(InputError, match="dead"):
            low_frequency_ratio(constant, values, LEVELS)
        for normalised, answer in ((False, 0), (True, np.nan)):
            inside = depth._compiled(np.float32(constant), np.float32(values), LEVELS, normalised=normalised)
            np.testing.assert_allclose(inside, np.full(5, answer), atol=1e-6)
    two = np.repeat([[0.3], [0.7]], [28, 2], axis=0)
    with pytest.raises(InputError, match="most of which differ"):
        low_frequency_ratio(two, values, LEVELS, normalised=True)
    assert np.isnan(depth._compiled(np.float32(two), np.float32(values), LEVELS, normalised=True)).all()


def test_density_and_half(float64):
    cutoffs = np.geomspace(0.1, 50, 9)
    ratios = np.stack([cutoffs / (cutoffs + 2), cutoffs / (cutoffs + 7)])
    np.testing.assert_allclose(ratio_density(ratios, cutoffs), np.gradient(ratios, cutoffs, axis=1), rtol=1e-12)
    logs = np.log(np.array([2.0, 7.0]))
    inside = np.exp([np.interp(0.5, row, np.log(cutoffs)) for row in ratios])
    np.testing.assert_allclose(half_cutoff(ratios, cutoffs), inside, rtol=1e-12)
    np.testing.assert_allclose(np.log(half_cutoff(ratios, cutoffs)), logs, atol=0.02)
    linear = (np.log(cutoffs) - np.log(0.1)) / np.log(500)
    assert float(half_cutoff(linear, cutoffs)) == pytest.approx(np.sqrt(5))
    ends = half_cutoff([[0.5, 0.6], [0.6, 0.7], [0.1, 0.4], [0.4, 0.5], [np.nan, 0.6]], [2.0, 3.0])
    np.testing.assert_allclose(ends, [2, 0, np.inf, 3, np.nan])
    falling = half_cutoff([0.2, 0.8, 0.3, 0.9], [1.0, 2.0, 3.0, 4.0])
    assert 1 < falling < 2


def test_the_measure_reads_any_network_that_shows_features(key, float64):
    x = jnp.linspace(-1, 1, 25)[:, None]
    y = jnp.cos(8 * x)
    network = MLP(1, 1, (6, 5), key=key)
    measure = depth_measure(x, y, 2, LEVELS)
    got = jax.jit(lambda: measure(take_snapshot(network, x[:3])))()
    layers = [np.stack([network.features(point)[layer] for point in x]) for layer in (0, 1)]
    np.testing.assert_allclose(got, [twin(layer, y, LEVELS) for layer in layers], rtol=1e-8)
    assert measure.dims == ("layer", "cutoff")
    assert measure.coords["layer"] == (1, 2)
    same = AntiSymmetric(MLP(1, 1, 6, 2, key=key))
    relative = depth_measure(x, y, 2, LEVELS, normalised=True)(take_snapshot(same, x))
    layers = [np.stack([same.features(point)[layer] for point in x]) for layer in (0, 1)]
    np.testing.assert_allclose(relative, [twin(layer, y, LEVELS, normalised=True) for layer in layers], rtol=1e-8)


def test_the_measure_of_pictures_and_of_a_diverged_network(key):
    pictures = jax.random.normal(key, (12, 16))
    network = SmallCNN((4, 4), 2, channels=(2,), width=3, key=key)
    ratios = depth_measure(pictures, pictures[:, :2], 2, LEVELS)(take_snapshot(network, pictures))
    assert ratios.shape == (2, 5)
    assert (ratios >= 0).all()
    broken = jax.tree.map(lambda leaf: leaf * jnp.nan, network)
    measure = depth_measure(pictures, pictures[:, :2], 2, LEVELS)
    assert np.isnan(measure(take_snapshot(broken, pictures))).all()


def test_refusals(data, key):
    features, values = data
    x = np.linspace(0, 1, 30)
    refused = {
        "rows": lambda: low_frequency_ratio(features, values[:-1], LEVELS),
        "finite features": lambda: low_frequency_ratio(features * np.nan, values, LEVELS),
        "values that vary": lambda: low_frequency_ratio(features, np.ones(30), LEVELS),
        "cutoffs > 0": lambda: low_frequency_ratio(features, values, [0.0, 1.0]),
        "finite cutoffs": lambda: low_frequency_ratio(features, values, [np.inf]),
        "ascending": lambda: half_cutoff([0.0, 1.0], [2.0, 1.0]),
        "at least two cutoffs": lambda: ratio_density([0.0], [2.0]),
        "one per cutoff": lambda: ratio_density([0.0, 1.0, 1.0], [2.0, 3.0]),
        "depth": lambda: depth_measure(x, x, 0),
        "a target|values that vary": lambda: depth_measure(x, x * 0, 1),
        "features of 3 hidden layers": lambda: depth_measure(x, x, 3)(
            take_snapshot(MLP(1, 1, 4, 2, key=key), jnp.asarray(x)[:, None])
        ),
        "method features": lambda: depth_measure(x, x, 2)(Snapshot(0, jnp.zeros((30, 1)), network=jnp.sin)),
    }
    for match, call in refused.items():
        with pytest.raises(InputError, match=match):
            call()


def test_memory_is_linear_in_the_points():
    count, spec = 3000, jax.ShapeDtypeStruct
    compiled = depth._compiled.lower(spec((count, 4), "float32"), spec((count, 1), "float32"), LEVELS).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < count**2 * 4
