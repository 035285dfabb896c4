"""Scales: the bandwidth of known functions, units, noise, and the rule for Fourier features against a sweep."""

import numpy as np
import pytest

from simplebias.core.errors import InputError
from simplebias.frequency import suggest_scales

TAU = 2 * np.pi


@pytest.fixture
def random():
    return np.random.default_rng(0)


def tones(x, *pairs):
    return sum(amplitude * np.sin(TAU * frequency * x + 0.3) for frequency, amplitude in pairs)


@pytest.mark.parametrize("amplitude", [1.0, 0.1, 0.02])
def test_the_highest_tone_is_found_however_small(amplitude):
    x = np.arange(256) / 256
    assert suggest_scales(x, tones(x, (1, 1.0), (25, amplitude))).bandwidth == pytest.approx([25])
    kept = np.delete(np.arange(256), [3, 40, 41, 42, 200])  # gaps are filled
    assert suggest_scales(x[kept], tones(x, (1, 1.0), (25, amplitude))[kept]).bandwidth == pytest.approx([25], abs=1)


def test_what_is_smaller_than_asked_for_does_not_count():
    x = np.arange(256) / 256
    y = tones(x, (1, 1.0), (25, 0.005))
    assert suggest_scales(x, y).bandwidth == pytest.approx([1])
    assert suggest_scales(x, y, minimum=0.001).bandwidth == pytest.approx([25])
    assert suggest_scales(x, y, share=1.0).bandwidth == pytest.approx([25])


@pytest.mark.parametrize("seed", range(4))
def test_scattered_points_and_unknown_frequencies(seed):
    random = np.random.default_rng(seed)
    x, frequencies = random.uniform(-1, 1, 300), random.uniform(1, 60, 3)
    advice = suggest_scales(x, tones(x, *((frequency, 1.0) for frequency in frequencies)))
    assert advice.bandwidth == pytest.approx([frequencies.max()], abs=0.6)  # cycles per length 2: half a bin and a bit
    assert advice.scales[0] == pytest.approx(1)
    assert advice.scales[-1] / 2.05 < np.pi * advice.bandwidth[0] <= advice.scales[-1] * 1.05


@pytest.mark.parametrize("even", [True, False])
def test_noise_alone_has_no_scale_and_noise_on_a_tone_adds_none(even):
    alone, both = [], []
    for seed in range(20):
        random = np.random.default_rng(seed)
        x = np.arange(400) / 400 if even else random.uniform(0, 1, 400)
        noise = random.standard_normal(400)
        advice = suggest_scales(x, noise)
        alone.append(advice.bandwidth[0])
        if not alone[-1]:
            assert "No frequency" in str(advice)
            assert len(advice.scales) == 1
        both.append(suggest_scales(x, tones(x, (20, 1.0)) + 0.3 * noise).bandwidth[0])
    # a false alarm in a hundred is asked for; the level of the noise, itself estimated, makes them some more
    assert np.count_nonzero(alone) <= 4
    assert np.count_nonzero(np.abs(np.array(both) - 20) > 0.6) <= 4


def test_units_of_points_and_values():
    x = np.arange(128) / 128
    y = tones(x, (2, 1.0), (9, 0.3))
    first, wide, shifted = suggest_scales(x, y), suggest_scales(100 * x, -7 * y), suggest_scales(x + 1958, y + 3)
    np.testing.assert_allclose(wide.bandwidth, first.bandwidth / 100)
    np.testing.assert_allclose(wide.scales, np.array(first.scales) / 100, rtol=0.05)
    np.testing.assert_allclose(wide.floor, 49 * first.floor, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(shifted.bandwidth, first.bandwidth)
    np.testing.assert_allclose(suggest_scales(x, np.stack([y, 0 * y], 1)).bandwidth, first.bandwidth)
    assert suggest_scales(x, y, weight_std=4.0).scales == first.scales[:-2]


def test_a_source_is_judged_by_the_solution():
    x = np.arange(512) / 512
    source = tones(x, (1, 1.0), (25, 0.005 * 25**2))
    assert suggest_scales(x, source).bandwidth == pytest.approx([25])
    assert suggest_scales(x, source, order=2).bandwidth == pytest.approx([1])
    assert suggest_scales(x, source, order=2, minimum=0.004).bandwidth == pytest.approx([25])


def test_each_input_has_its_bandwidth(random):
    axes = [np.arange(count) / count for count in (40, 20, 16)]
    points = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)
    y = np.cos(TAU * 12 * points[:, 0]) * np.cos(TAU * 2 * points[:, 1]) * (1 + np.cos(TAU * 5 * points[:, 2]))
    order = random.permutation(len(points))
    advice = suggest_scales(points[order], y[order])
    np.testing.assert_allclose(advice.bandwidth, [12, 2, 5])
    assert set(advice.data["power"].dims) == {"input", "frequency"}
    scattered = random.uniform(0, 1, (600, 2))
    wave = np.cos(TAU * (7 * scattered[:, 0] - 3 * scattered[:, 1]))
    np.testing.assert_allclose(suggest_scales(scattered, wave).bandwidth, [7, 3], atol=0.1)


def test_many_inputs_go_by_slopes_between_neighbours(random):
    points = random.uniform(0, 1, (3000, 3))
    wave = lambda k, z: np.sin(TAU * k * z[:, 0])
    slow, fast = (suggest_scales(points, wave(k, points)) for k in (1.0, 2.0))
    np.testing.assert_allclose(slow.bandwidth, 1.0, rtol=0.1)
    np.testing.assert_allclose(fast.bandwidth, 2.0, rtol=0.1)
    assert "neighbours" in str(fast)
    wide = suggest_scales(10 * points, 7 + 3 * wave(2.0, points))
    np.testing.assert_allclose(wide.bandwidth, fast.bandwidth / 10, rtol=1e-5)
    with pytest.raises(InputError, match="different places"):
        suggest_scales(np.repeat(points[:4] ** 2, 2, axis=0), np.arange(8.0))


def test_detail_at_half_the_sampling_rate_is_told():
    x = np.arange(64) / 64
    assert "half the sampling rate" in str(suggest_scales(x, tones(x, (31, 1.0), (2, 1.0))))
    assert "half the sampling rate" not in str(suggest_scales(x, tones(x, (20, 1.0))))


def test_a_linear_read_out_of_fourier_features_is_best_near_what_is_said(random):
    factors = np.array([0.1, 0.5, 1.5, 4.0, 10.0])
    errors = np.zeros((5, len(factors)))
    for row in errors:
        frequencies = np.append(random.uniform(0.5, 12, 5), 12)
        x, new = random.uniform(-1, 1, 200), random.uniform(-0.95, 0.95, 400)
        y, truth = (tones(z, *((frequency, 1.0) for frequency in frequencies)) for z in (x, new))
        advised = suggest_scales(x, y).feature_std[0]
        drawn, phase = random.standard_normal(400), random.uniform(0, TAU, 400)
        for index, factor in enumerate(factors):
            train, test = (np.cos(TAU * np.outer(z, factor * advised * drawn) + phase) for z in (x, new))
            row[index] = np.linalg.norm(test @ np.linalg.lstsq(train, y, rcond=1e-8)[0] - truth)
    median = np.median(errors, axis=0)
    assert median.argmin() == 2
    assert (median[[0, 1, 3, 4]] > 10 * median[2]).all()


@pytest.mark.parametrize(
    ("points", "values", "options", "message"),
    [
        ([0.0, 1.0, 2.0], [0.0, 1.0, 0.0], {}, "at least four points"),
        (np.arange(8.0), np.ones(8), {}, "constant values"),
        (np.arange(8.0), np.full(8, np.nan), {}, "NaN"),
        (np.arange(8.0), np.arange(8.0), {"minimum": 2}, "up to 1"),
        (np.arange(8.0), np.arange(8.0), {"share": 0}, "share"),
        (np.arange(8.0), np.arange(8.0), {"weight_std": -1}, "weight_std"),
        (np.arange(8.0), np.arange(8.0), {"order": -1}, "order"),
        (np.zeros(8), np.arange(8.0), {}, "distinct"),
        (np.arange(8.0), np.arange(7.0), {}, "8"),
    ],
)
def test_bad_input_is_named(points, values, options, message):
    with pytest.raises(InputError, match=message):
        suggest_scales(points, values, **options)


def test_torch_and_constant_inputs(random):
    torch = pytest.importorskip("torch")
    x = np.arange(64) / 64
    y = tones(x, (5, 1.0))
    assert suggest_scales(torch.tensor(x), torch.tensor(y)).bandwidth == pytest.approx([5])
    points = np.concatenate([random.uniform(0, 1, (300, 3)), np.ones((300, 1))], axis=1)
    assert suggest_scales(points, np.sin(3 * points[:, 0])).bandwidth.shape == (4,)
