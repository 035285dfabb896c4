import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from simplebias.core.errors import InputError
from simplebias.frequency import (
    GaussianFilter,
    filter_variances,
    filtering,
    filtering_errors,
    low_pass,
    low_share,
    median_squared_distance,
)

pytestmark = pytest.mark.filterwarnings("ignore:with variance")  # small samples and extreme variances are meant here


def twin_low(points, values, variances):
    """The filter as written, in loops and float64."""
    points, values = np.asarray(points, float), np.asarray(values, float)
    result = np.zeros((len(variances), *values.shape))
    for d, variance in enumerate(variances):
        for i in range(len(points)):
            weights = np.exp(-np.sum((points[i] - points) ** 2, axis=1) / (2 * variance))
            result[d, i] = weights @ values / weights.sum()
    return result


def twin_errors(points, target, output, variances):
    low, other = twin_low(points, target, variances), twin_low(points, output, variances)
    e_low = np.sqrt(((low - other) ** 2).sum((1, 2)) / (low**2).sum((1, 2)))
    high, other_high = target - low, output - other
    return np.stack([e_low, np.sqrt(((high - other_high) ** 2).sum((1, 2)) / (high**2).sum((1, 2)))], axis=1)


@pytest.fixture
def data():
    random = np.random.default_rng(5)
    points = random.normal(size=(40, 4))
    return points, random.normal(size=(40, 3)), random.normal(size=(40, 3)), np.array([0.3, 1.0, 4.0])


@pytest.fixture(params=[512, 15])
def tile(request, monkeypatch):
    monkeypatch.setattr(filtering, "TILE", request.param)
    filtering._filter_tiles.clear_cache()
    yield request.param
    filtering._filter_tiles.clear_cache()


def test_low_pass_is_the_sum_as_written(data, tile):
    points, y, _, variances = data
    np.testing.assert_allclose(low_pass(points, y, variances), twin_low(points, y, variances), atol=3e-6)


def test_float64(data, float64):
    points, y, h, variances = data
    np.testing.assert_allclose(low_pass(points, y, variances), twin_low(points, y, variances), atol=1e-12)
    np.testing.assert_allclose(filtering_errors(points, y, h, variances), twin_errors(*data[:3], variances), rtol=1e-10)
    assert low_pass(points.astype(np.float32), y.astype(np.float32), variances).dtype == jnp.float32


def test_close_points_far_from_the_origin(float64):
    random = np.random.default_rng(2)
    points = (1000 + random.normal(size=(60, 8))).astype(np.float32)
    points[1] = points[0] + np.float32(1e-3)
    y = random.normal(size=(60, 1)).astype(np.float32)
    got = low_pass(points, y, np.float32([1.0]))
    assert got.dtype == jnp.float32
    np.testing.assert_allclose(got, twin_low(points, y, [1.0]), atol=2e-4)


def test_errors_as_written(data):
    points, y, h, variances = data
    want = twin_errors(points, y, h, variances)
    np.testing.assert_allclose(filtering_errors(points, y, h, variances), want, rtol=1e-4)
    np.testing.assert_allclose(GaussianFilter(points, variances).errors(y, h), want, rtol=1e-4)


def test_filter_holds_its_kernels_or_not_alike(data, monkeypatch):
    points, y, h, variances = data
    held = GaussianFilter(points, variances)
    monkeypatch.setattr(filtering, "HELD", 10)
    tiled = GaussianFilter(points, variances)
    assert held.kernels is not None
    assert tiled.kernels is None
    np.testing.assert_allclose(held(y), tiled(y), atol=3e-6)
    outputs = jnp.asarray(np.stack([y, h, 0 * y]), jnp.float32)
    for smooth in (held, tiled):
        got = jax.jit(jax.vmap(lambda out, smooth=smooth: smooth.errors(y, out)))(outputs)
        np.testing.assert_allclose(got[0], 0, atol=1e-6)
        np.testing.assert_allclose(got[1], twin_errors(points, y, h, variances), rtol=1e-4)
        np.testing.assert_allclose(got[2], 1, rtol=1e-5)


@settings(max_examples=15, deadline=None)
@given(arrays(np.float32, (8, 2), elements=st.floats(-3, 3, width=32)), st.floats(-5, 5), st.floats(0.1, 50))
def test_constants_pass_and_the_low_part_stays_in_range(points, constant, variance):
    y = np.linspace(-1, 1, 8)[:, None]
    low = low_pass(points, np.concatenate([np.full((8, 1), constant), y], axis=1), [variance])[0]
    np.testing.assert_allclose(low[:, 0], constant, rtol=1e-5, atol=1e-6)
    assert np.abs(low[:, 1]).max() <= 1 + 1e-5


def test_symmetries(data):
    points, y, h, variances = data
    low = low_pass(points, y, variances)
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))
    np.testing.assert_allclose(low_pass(points @ turn + 3, y, variances), low, atol=1e-5)
    np.testing.assert_allclose(low_pass(10 * points, y, 100 * variances), low, atol=1e-5)
    order = np.random.default_rng(0).permutation(40)
    np.testing.assert_allclose(low_pass(points[order], y[order], variances), low[:, order], atol=1e-5)
    np.testing.assert_allclose(
        low_pass(points, 2 * y - h, variances), 2 * low - low_pass(points, h, variances), atol=1e-5
    )


def test_a_tone_is_damped_as_the_gaussian_says():
    x = np.linspace(0, 40, 2000)[:, None]
    y = np.cos(2 * np.pi * 0.5 * x)
    low = low_pass(x, y, [0.04])[0]
    middle = slice(500, 1500)
    damping = np.exp(-((2 * np.pi * 0.5) ** 2) * 0.04 / 2)
    np.testing.assert_allclose(low[middle], damping * y[middle], atol=2e-3)


def test_limits_of_the_variance(data):
    points, y, _, _ = data
    low = low_pass(points, y, [1e-6, 1e6])
    np.testing.assert_allclose(low[0], y, atol=1e-6)
    np.testing.assert_allclose(low[1], np.broadcast_to(y.mean(0), y.shape), atol=1e-4)
    errors = filtering_errors(points, y, 0 * y, [1e-6])
    np.testing.assert_allclose(errors[0, 0], 1, rtol=1e-5)
    assert np.isnan(errors[0, 1])
    np.testing.assert_allclose(low_share(points, y + 3, [1e-6]), 1, rtol=1e-5)
    assert low_share(points, y + 3, [1e6], centre=True)[0] < 1e-4
    assert low_share(points, y + 3, [1e6])[0] > 0.8
    assert np.isnan(low_share(points, 0 * y, [1.0])[0])


def test_duplicated_points_share_their_low_part():
    points, y = np.array([[0.0], [0.0], [50.0]]), np.array([[1.0], [3.0], [7.0]])
    np.testing.assert_allclose(low_pass(points, y, [1.0])[0], [[2.0], [2.0], [7.0]], atol=1e-6)


def test_median_and_variances(data):
    points = data[0]
    pairs = [np.sum((points[i] - points[j]) ** 2) for i in range(40) for j in range(i)]
    np.testing.assert_allclose(median_squared_distance(points), np.median(pairs), rtol=1e-5)
    np.testing.assert_allclose(filter_variances(points), np.median(pairs) / [20, 10, 4], rtol=1e-5)
    np.testing.assert_allclose(jax.jit(median_squared_distance)(points), np.median(pairs), rtol=1e-5)


def test_median_of_many_points_is_near_that_of_a_part(key):
    random = np.random.default_rng(0)
    points = random.normal(size=(5000, 10))
    for value in (median_squared_distance(points), median_squared_distance(points, key=key)):
        assert float(value) == pytest.approx(2 * 9.342, rel=0.03)  # median of chi-square with 10 degrees, doubled


def test_memory_is_linear_in_the_points():
    def temporary(count):
        shapes = [jax.ShapeDtypeStruct(s, jnp.float32) for s in ((count, 20), (count, 2), (3,))]
        memory = filtering._filter_tiles.lower(*shapes).compile().memory_analysis()
        return memory.temp_size_in_bytes

    small, large = temporary(8192), temporary(32768)
    assert large < 5 * small
    assert large < 3 * 4 * filtering.TILE * 32768


def test_torch_tensors_are_accepted(data):
    points, y, h, variances = data
    tensors = [torch.tensor(array) for array in data]
    np.testing.assert_allclose(filtering_errors(*tensors), twin_errors(points, y, h, variances), rtol=1e-4)
    np.testing.assert_allclose(
        GaussianFilter(tensors[0], tensors[3])(tensors[1]), low_pass(points, y, variances), atol=3e-6
    )


def test_bad_requests_are_refused(data):
    points, y, h, variances = data
    for call in [
        lambda: low_pass(points, y[:5], variances),
        lambda: low_pass(points, y, [0.0]),
        lambda: low_pass(points, y, []),
        lambda: low_pass(points, y, [np.nan]),
        lambda: low_pass(points * np.nan, y, variances),
        lambda: filtering_errors(points, y, h[:, :2], variances),
        lambda: GaussianFilter(points, [-1.0]),
        lambda: median_squared_distance(points[:1]),
        lambda: median_squared_distance(np.ones((5, 2))),
        lambda: filter_variances(points, (0.0,)),
    ]:
        with pytest.raises(InputError):
            call()


def test_parts_that_are_nearly_nothing_are_warned_of():
    points = np.linspace(-1, 1, 40)
    wave = np.sin(40 * points)
    with pytest.warns(UserWarning, match="variance 1e-06 the high part.*larger"):
        filtering_errors(points, wave, 0 * wave, [1e-6])
    with pytest.warns(UserWarning, match="variance 1 the low part.*smaller"):
        filtering_errors(points, wave, 0 * wave, [1.0])
    step = np.sign(points) + 0.5 * wave
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        filtering_errors(points, step, 0 * step, [0.01])
