import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from simplebias.core.errors import InputError
from simplebias.frequency import FourierBasis, natural_frequencies, peaks, radial_frequency, spectrum


def twin(points, values, frequencies, weights=None):
    """The sum as written, in loops."""
    points = np.asarray(points, float).reshape(len(points), -1)
    values = np.asarray(values, float).reshape(len(points), -1)
    frequencies = np.asarray(frequencies, float).reshape(len(frequencies), -1)
    result = np.zeros((len(frequencies), values.shape[1]), complex)
    for k, frequency in enumerate(frequencies):
        for j, point in enumerate(points):
            weight = 1 / len(points) if weights is None else weights[j]
            result[k] += weight * values[j] * np.exp(-2j * np.pi * np.dot(frequency, point))
    return result


@pytest.fixture
def random():
    return np.random.default_rng(7)


def even(n, start=-1.3, spacing=0.37):
    return start + spacing * np.arange(n)


@pytest.mark.parametrize("n", [2, 9, 16])
@pytest.mark.parametrize("method", ["auto", "direct", "fft", "nufft"])
def test_every_method_is_the_sum_as_written(n, method, random):
    x, y = even(n), random.normal(size=(n, 3))
    tones = natural_frequencies(x)
    np.testing.assert_allclose(spectrum(x, y, tones, method=method), twin(x, y, tones), atol=2e-6)


def test_float64_is_exact_to_float64(random, float64):
    x, y = even(15), random.normal(size=15)
    tones = natural_frequencies(x)
    for method in ["direct", "fft", "nufft"]:
        got = spectrum(x, y, tones, method=method)
        assert got.dtype == jnp.complex128
        np.testing.assert_allclose(got, twin(x, y, tones), atol=1e-12)


def test_precision_is_that_of_the_values(random, float64):
    x, y = even(8), random.normal(size=8)
    basis = FourierBasis(x, natural_frequencies(x))
    assert basis(y.astype(np.float32)).dtype == jnp.complex64
    assert basis(y).dtype == jnp.complex128
    assert spectrum(x, y.astype(np.float32), [0.1]).dtype == jnp.complex64
    assert spectrum(x, jnp.asarray(y, jnp.bfloat16), [0.1]).dtype == jnp.complex64


def test_equals_the_fft_of_numpy(random):
    n = 32
    x, y = np.arange(n) / n, random.normal(size=n)
    tones = natural_frequencies(x)
    np.testing.assert_allclose(tones, np.fft.rfftfreq(n, 1 / n), atol=1e-12)
    np.testing.assert_allclose(FourierBasis(x, tones)(y)[:, 0], np.fft.rfft(y) / n, atol=1e-6)


@pytest.mark.parametrize("n", [2, 7, 10])
def test_natural_frequencies_reach_half_the_sampling_rate(n):
    tones = natural_frequencies(even(n, spacing=0.5))
    np.testing.assert_allclose(tones, np.fft.rfftfreq(n, 0.5), atol=1e-12)


def test_natural_frequencies_take_count_and_period():
    x = np.linspace(0, 2, 5)
    np.testing.assert_allclose(natural_frequencies(x, 2), [0, 0.4])
    np.testing.assert_allclose(natural_frequencies(x, period=2.0), [0, 0.5, 1.0])
    doubled = np.concatenate([x, x])
    np.testing.assert_allclose(natural_frequencies(doubled), natural_frequencies(x))


def test_parseval(random):
    n = 24
    x, y = even(n), random.normal(size=n)
    tones = np.arange(-n // 2, n // 2) / (n * 0.37)
    got = spectrum(x, y, tones)
    np.testing.assert_allclose(np.sum(np.abs(got) ** 2), np.mean(y**2), rtol=1e-5)


@settings(max_examples=25, deadline=None)
@given(st.floats(-3, 3), arrays(float, 12, elements=st.floats(-5, 5)))
def test_shift_of_the_points_turns_the_phase(shift, y):
    x, tones = even(12), np.array([0.0, 0.2, 0.7])
    got = spectrum(x + shift, y, tones)[:, 0]
    np.testing.assert_allclose(got, np.exp(-2j * np.pi * tones * shift) * spectrum(x, y, tones)[:, 0], atol=5e-6)


def test_linear_and_a_tone_has_half_its_amplitude(random):
    x = np.linspace(0, 1, 40, endpoint=False)
    y, z = random.normal(size=(2, 40))
    tones = natural_frequencies(x)
    together = spectrum(x, 2 * y - z, tones)
    np.testing.assert_allclose(together, 2 * spectrum(x, y, tones) - spectrum(x, z, tones), atol=1e-5)
    sine = np.abs(spectrum(x, 3 * np.sin(2 * np.pi * 5 * x), tones))[:, 0]
    np.testing.assert_allclose(sine, 1.5 * (np.arange(21) == 5), atol=1e-5)


def test_uneven_points_are_the_sum_as_written(random):
    x, y = np.sort(random.uniform(1958, 2001, 60)), random.normal(size=(60, 2))
    tones = natural_frequencies(x)
    want = twin(x, y, tones)
    np.testing.assert_allclose(spectrum(x, y, tones), want, atol=1e-5)
    np.testing.assert_allclose(FourierBasis(x, tones)(y), want, atol=1e-5)
    np.testing.assert_allclose(spectrum(x, y, tones, method="nufft"), want, atol=1e-5)
    with pytest.raises(InputError, match="evenly spaced"):
        spectrum(x, y, tones, method="fft")


def test_many_points_take_nufft_and_blocks_alike(random, monkeypatch):
    from simplebias.frequency import nonuniform, transform

    monkeypatch.setattr(transform, "BLOCK", 100)
    monkeypatch.setattr(nonuniform, "SET_UP", 0)
    taken = []
    monkeypatch.setattr(transform, "nufft", lambda *given: taken.append(1) or nonuniform.nufft(*given))
    x, y = random.uniform(-1, 1, 30), random.normal(size=(30, 2))
    tones = np.linspace(0, 6, 20)
    want = twin(x, y, tones)
    np.testing.assert_allclose(spectrum(x, y, tones), want, atol=1e-5)
    assert taken
    np.testing.assert_allclose(spectrum(x, y, tones, method="direct"), want, atol=1e-5)
    monkeypatch.setattr(nonuniform.importlib.util, "find_spec", lambda name: None)
    np.testing.assert_allclose(spectrum(x, y, tones), want, atol=1e-5)
    assert len(taken) == 1
    with pytest.raises(InputError, match="pip install"):
        spectrum(x, y, tones, method="nufft")


def test_plane_waves_in_two_dimensions():
    rows, columns = np.meshgrid(np.arange(6) / 3, np.arange(8) / 2, indexing="ij")
    points = np.stack([rows.ravel(), columns.ravel()], axis=1)
    tones = natural_frequencies(points)
    assert all(a > 0 or (a == 0 and b >= 0) for a, b in tones)
    assert len({tuple(t) for t in tones}) == len(tones)
    wave = np.array([0.5, -0.5])
    assert (np.abs(tones - wave).sum(axis=1) < 1e-12).sum() == 1
    got = np.abs(spectrum(points, np.cos(2 * np.pi * points @ wave + 0.3), tones))[:, 0]
    np.testing.assert_allclose(got, 0.5 * (np.abs(tones - wave).sum(axis=1) < 1e-12), atol=1e-6)


def test_two_dimensions_as_written_and_scattered(random):
    points, y = random.uniform(0, 1, (50, 2)), random.normal(size=50)
    tones = natural_frequencies(points)
    want = twin(points, y, tones)
    for method in ["direct", "nufft"]:
        np.testing.assert_allclose(spectrum(points, y, tones, method=method), want, atol=1e-5)
    np.testing.assert_allclose(FourierBasis(points, tones)(y), want, atol=1e-5)
    square = natural_frequencies(points, 2)
    np.testing.assert_allclose(radial_frequency(square), np.hypot(*square.T))
    assert len(square) == 5


def test_many_inputs_along_a_diagonal_give_the_parity_identity():
    n = 6
    points = np.array(np.meshgrid(*[[-1, 1]] * n)).reshape(n, -1).T
    angles = np.array([0.3, 1.0, np.pi / 2])
    got = spectrum(points, points.prod(axis=1), np.outer(angles / (2 * np.pi), np.ones(n)))[:, 0]
    np.testing.assert_allclose(got, (-1j) ** n * np.sin(angles) ** n, atol=1e-6)


def test_cells(random):
    x = even(10)
    tones = natural_frequencies(x)
    y = random.normal(size=10)
    np.testing.assert_allclose(spectrum(x, y, tones, weights="cells"), spectrum(x, y, tones), atol=1e-6)
    order = random.permutation(5)
    x = np.array([0.0, 1.0, 1.0, 2.0, 6.0])[order]
    gap = 6 / 3  # four places over a range of 6: the circle closes with the mean spacing
    cells = np.array([(gap + 1) / 2, 0.5, 0.5, 2.5, (4 + gap) / 2])[order] / 8
    y = random.normal(size=5)
    np.testing.assert_allclose(spectrum(x, y, [0.0, 0.2], weights="cells"), twin(x, y, [0.0, 0.2], cells), atol=1e-6)
    np.testing.assert_allclose(spectrum(x, y, [0.2], weights=cells), twin(x, y, [0.2], cells), atol=1e-6)


def test_cells_integrate_uneven_samples_better(random):
    x = np.sort(random.uniform(0, 1, 400)) ** 2
    tones = natural_frequencies(x, 4)
    y = np.cos(2 * np.pi * x)
    plain, cells = (np.abs(spectrum(x, y, tones, weights=w)[0, 0]) for w in (None, "cells"))
    assert cells < 0.02 < plain


def test_hann_keeps_amplitudes_and_stops_leakage():
    x = np.linspace(0, 1, 64, endpoint=False)
    tones = natural_frequencies(x)
    tone = np.abs(spectrum(x, 1 + 2 * np.cos(2 * np.pi * 10 * x), tones, window="hann"))[:, 0]
    np.testing.assert_allclose(tone[[0, 10]], 1, atol=1e-5)
    ramp, tapered = (np.abs(spectrum(x, x, tones, window=w))[20, 0] for w in (None, "hann"))
    assert tapered < ramp / 50


def test_jit_and_vmap_equal_eager(random):
    x, y = even(9), jnp.asarray(random.normal(size=(4, 9, 2)), jnp.float32)
    tones = natural_frequencies(x)
    basis = FourierBasis(x, tones)
    want = np.stack([twin(x, member, tones) for member in y])
    np.testing.assert_allclose(jax.jit(jax.vmap(basis))(y), want, atol=1e-6)
    np.testing.assert_allclose(jax.jit(jax.vmap(lambda v: spectrum(x, v, tones)))(y), want, atol=1e-6)
    traced = jax.jit(spectrum)(jnp.asarray(x), y[0], jnp.asarray(tones))
    np.testing.assert_allclose(traced, want[0], atol=1e-5)
    each = jax.vmap(lambda p, v: spectrum(p, v, tones))(jnp.stack([x] * 4).astype(jnp.float32), y)
    np.testing.assert_allclose(each, want, atol=1e-5)


def test_differentiable_in_the_values(random):
    x, y = even(9), jnp.asarray(random.normal(size=9), jnp.float32)
    basis = FourierBasis(x, [0.3])
    gradient = jax.grad(lambda v: jnp.sum(jnp.abs(basis(v)) ** 2))(y)
    wave = np.exp(-2j * np.pi * 0.3 * x) / 9
    np.testing.assert_allclose(gradient, 2 * np.real(wave * np.conj(wave @ np.asarray(y))), atol=1e-6)


def test_torch_tensors_are_accepted(random):
    x, y = even(8), random.normal(size=(8, 1))
    tones = natural_frequencies(torch.tensor(x))
    np.testing.assert_allclose(tones, natural_frequencies(x))
    got = spectrum(torch.tensor(x), torch.tensor(y, requires_grad=True), torch.tensor(tones))
    np.testing.assert_allclose(got, twin(x, y, tones), atol=1e-6)
    np.testing.assert_allclose(FourierBasis(torch.tensor(x), tones)(torch.tensor(y)), got, atol=1e-6)


def test_aliased_frequencies_are_refused_unless_wanted():
    x = even(10, spacing=0.5)
    with pytest.raises(InputError, match="allow_aliased"):
        spectrum(x, np.ones(10), [1.01])
    with pytest.raises(InputError, match="allow_aliased"):
        FourierBasis(x, [-1.01])
    alias = spectrum(x, np.cos(x), [1.2], allow_aliased=True)
    phase = np.exp(-2j * np.pi * 2 * x[0])
    np.testing.assert_allclose(alias, phase * spectrum(x, np.cos(x), [-0.8]), atol=1e-6)
    lattice = np.array([(a, b) for a in range(4) for b in range(4)], float)
    with pytest.raises(InputError, match=r"up to 0\.5,"):
        spectrum(lattice, np.ones(16), [[0.0, 0.6]])


@pytest.mark.parametrize(
    ("points", "values", "frequencies", "words"),
    [
        ([1.0], [1.0], [0.0], "two points"),
        ([1.0, 1.0], [1.0, 2.0], [0.0], "distinct"),
        ([], [], [0.0], "at least one"),
        ([0.0, 1.0], [1.0], [0.0], "rows"),
        ([0.0, np.nan], [1.0, 1.0], [0.0], "finite"),
        ([0.0, 1.0], [1.0, np.inf], [0.0], "finite"),
        ([0.0, 1.0], ["a", "b"], [0.0], "numbers"),
        ([0.0, 1.0], [1.0, 1.0], [], "frequencies of shape"),
        ([0.0, 1.0], [1.0, 1.0], [[0.0, 1.0]], "frequencies of shape"),
        ([0.0, 1.0], [1.0, 1.0], [np.nan], "finite"),
    ],
)
def test_bad_data_are_refused(points, values, frequencies, words):
    with pytest.raises(InputError, match=words):
        spectrum(points, values, frequencies)


def test_bad_options_are_refused():
    x, y = even(6), np.ones(6)
    for options in [
        {"method": "dft"},
        {"window": "han"},
        {"weights": "cell"},
        {"weights": np.ones(5)},
        {"weights": np.full(6, np.nan)},
    ]:
        with pytest.raises(InputError):
            spectrum(x, y, [0.1], **options)
    plane = np.eye(2).repeat(2, axis=0)
    with pytest.raises(InputError, match="one input"):
        spectrum(plane, np.ones(4), [[0.0, 0.0]], weights="cells")
    for options in [{"count": 0}, {"period": -1.0}]:
        with pytest.raises(InputError):
            natural_frequencies(x, **options)
    with pytest.raises(InputError, match="projection"):
        natural_frequencies(np.ones((4, 3)))
    with pytest.raises(InputError, match="distinct"):
        natural_frequencies(np.stack([x, y], axis=1))
    with pytest.raises(InputError, match="6 rows"):
        FourierBasis(x, [0.1])(np.ones(5))
    with pytest.raises(InputError, match="outside of jit"):
        jax.jit(lambda p: FourierBasis(p, [0.1]).cosine)(jnp.asarray(x))
    with pytest.raises(InputError, match="FourierBasis"):
        jax.jit(lambda p: spectrum(p, y, [0.1], window="hann"))(jnp.asarray(x))


def test_a_basis_too_large_is_refused(monkeypatch):
    from simplebias.frequency import transform

    monkeypatch.setattr(transform, "LARGEST_BASIS", 10)
    with pytest.raises(InputError, match="spectrum"):
        FourierBasis(even(6), [0.1, 0.2])


@given(arrays(float, st.integers(1, 12), elements=st.sampled_from([0.0, 1.0, 2.0, 3.0])))
def test_peaks_are_strict_interior_maxima(size):
    want = [i for i in range(1, len(size) - 1) if size[i - 1] < size[i] > size[i + 1]]
    assert peaks(size).tolist() == want
    ends = [i for i in (0, len(size) - 1) if len(size) > 1 and size[i] > size[abs(i - 1)]]
    if len(size) > 1:
        assert peaks(size, endpoints=True).tolist() == sorted({*want, *ends})
    assert peaks(size, extra=[-1]).tolist() == sorted({*want, len(size) - 1})


def test_peaks_of_complex_spectra_and_small_ones():
    assert peaks(np.array([0, 3j, 0, -4, 0, 0.1, 0])).tolist() == [1, 3, 5]
    assert peaks(np.array([0, 3j, 0, -4, 0, 0.1, 0]), minimum=0.5).tolist() == [1, 3]
    assert peaks(np.array([[0, 0], [3, 0], [0, 4], [3, 3], [0, 0]])).tolist() == [3]
    for bad in [{"minimum": 2.0}, {"extra": [9]}, {"minimum": -1.0}]:
        with pytest.raises(InputError):
            peaks([1.0, 2.0, 1.0], **bad)
    with pytest.raises(InputError):
        peaks([1.0, np.nan])
