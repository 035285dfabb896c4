import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.core.errors import InputError
from simplebias.core.snapshot import Measure, Snapshot
from simplebias.frequency import (
    FourierBasis,
    GaussianFilter,
    band_error,
    band_error_measure,
    filter_variances,
    filtering_errors,
    filtering_measure,
    natural_frequencies,
    octave_bands,
    principal_directions,
    project,
    projection_frequencies,
    projection_measure,
    relative_error,
    relative_error_measure,
    spectrum,
    spectrum_measure,
)

N = 40


@pytest.fixture
def line():
    random = np.random.default_rng(9)
    x = np.arange(N) / N
    y = np.stack([np.sin(2 * np.pi * x), np.cos(6 * np.pi * x)], axis=1)
    return x, y, random.normal(size=(N, 2))


@pytest.fixture
def cloud():
    random = np.random.default_rng(10)
    points = random.normal(size=(N, 4))
    return points, np.stack([np.sin(2 * points[:, 0]), np.cos(2 * points[:, 1]), points[:, 2]], axis=1)


def measures(line, cloud):
    x, y, _ = line
    tones = natural_frequencies(x)
    basis = FourierBasis(x, tones)
    points, values = cloud
    directions = principal_directions(points, 2)
    along = projection_frequencies(points, directions[1], 12, highest=0.8)
    smooth = GaussianFilter(points, filter_variances(points))
    return {
        "spectrum": (spectrum_measure(basis, tones), 2),
        "relative_error": (relative_error_measure(basis, basis(y), tones), 2),
        "moduli": (relative_error_measure(basis, basis(y), tones, kind="moduli"), 2),
        "band": (band_error_measure(basis, basis(y), octave_bands(tones)), 2),
        "filter": (filtering_measure(smooth, values), 3),
        "projection": (projection_measure(points, values, directions, along), 3),
        "projection_one": (projection_measure(points, values, directions, along, output=1), 3),
    }


NAMES = ["spectrum", "relative_error", "moduli", "band", "filter", "projection", "projection_one"]


@pytest.mark.parametrize("name", NAMES)
def test_laws_of_a_measure(name, line, cloud, key):
    measure, outputs = measures(line, cloud)[name]
    assert isinstance(measure, Measure)
    assert measure.description
    outputs = jax.random.normal(key, (3, N, outputs))
    one = measure(Snapshot(step=0, outputs=outputs[0]))
    assert one.ndim == len(measure.dims)
    for dim, labels in measure.coords.items():
        assert len(labels) == one.shape[measure.dims.index(dim)]
    batched = jax.jit(jax.vmap(lambda out: measure(Snapshot(step=0, outputs=out))))(outputs)
    np.testing.assert_allclose(batched[0], one, rtol=1e-4, atol=1e-5)
    assert not np.allclose(batched[1], one)
    arrays, rest = eqx.partition(measure.function, eqx.is_array)
    constants = jax.make_jaxpr(lambda a, out: eqx.combine(a, rest)(Snapshot(step=0, outputs=out)))(arrays, outputs[0])
    assert all(np.size(constant) < N for constant in constants.consts)


def test_values_are_those_of_the_functions(line, cloud):
    x, y, h = line
    tones = natural_frequencies(x)
    f, g = spectrum(x, y, tones), spectrum(x, h, tones)
    table = {name: measure for name, (measure, _) in measures(line, cloud).items()}
    look = Snapshot(step=0, outputs=jnp.asarray(h, jnp.float32))
    np.testing.assert_allclose(table["spectrum"](look), g, atol=1e-6)
    joined = np.sqrt((np.abs(g - f) ** 2).sum(1) / (np.abs(f) ** 2).sum(1))
    np.testing.assert_allclose(table["relative_error"](look)[1:4:2], joined[1:4:2], rtol=1e-4)
    np.testing.assert_allclose(table["band"](look)[1:3], band_error(f, g, octave_bands(tones))[1:3], rtol=1e-4)
    points, values = cloud
    other = values[::-1] * 0.5
    look = Snapshot(step=0, outputs=jnp.asarray(other, jnp.float32))
    want = filtering_errors(points, values, other, filter_variances(points))
    np.testing.assert_allclose(table["filter"](look), want, rtol=1e-4)
    directions = principal_directions(points, 2)
    along = table["projection"].coords["frequency"]
    for row, direction in enumerate(directions):
        z = project(points, direction)
        f, g = spectrum(z, values, along), spectrum(z, other, along)
        np.testing.assert_allclose(table["projection"](look)[row], relative_error(f, g, axis=-1), rtol=1e-3)
        np.testing.assert_allclose(table["projection_one"](look)[row], relative_error(f, g)[:, 1], rtol=1e-3)


def test_softmax_comes_first(cloud, key):
    points, _ = cloud
    logits = jax.random.normal(key, (N, 3))
    chances = jax.nn.softmax(logits, axis=1)
    labels = jax.nn.one_hot(jnp.arange(N) % 3, 3)
    smooth = GaussianFilter(points, [1.0])
    directions = principal_directions(points, 1)
    made = [
        filtering_measure(smooth, labels, transform="softmax"),
        projection_measure(points, labels, directions, [0.0, 0.1], transform="softmax"),
    ]
    plain = [filtering_measure(smooth, labels), projection_measure(points, labels, directions, [0.0, 0.1])]
    for one, other in zip(made, plain, strict=True):
        got, want = one(Snapshot(step=0, outputs=logits)), other(Snapshot(step=0, outputs=chances))
        np.testing.assert_allclose(got, want, rtol=1e-5)


def test_two_inputs_are_labelled_by_radial_frequency():
    points = np.array([(a, b) for a in range(4) for b in range(4)], float)
    tones = natural_frequencies(points)
    basis = FourierBasis(points, tones)
    np.testing.assert_allclose(spectrum_measure(basis, tones).coords["frequency"], np.hypot(*tones.T))


def test_useless_variances_are_named(cloud):
    points, values = cloud
    with pytest.warns(UserWarning, match="high part .* larger"):
        filtering_measure(GaussianFilter(points, [1e-4]), values)
    with pytest.warns(UserWarning, match="low part .* smaller"):
        filtering_measure(GaussianFilter(points, [1e4]), values - values.mean(0))
    with pytest.raises(InputError, match="varies"):
        filtering_measure(GaussianFilter(points, [1.0]), np.ones((N, 1)))


def test_bad_requests_are_refused(line, cloud):
    x, y, _ = line
    tones = natural_frequencies(x)
    basis = FourierBasis(x, tones)
    points, values = cloud
    for call in [
        lambda: spectrum_measure(basis, tones[:-1]),
        lambda: spectrum_measure(basis, tones, transform="sigmoid"),
        lambda: relative_error_measure(basis, basis(y)[:-1], tones),
        lambda: relative_error_measure(basis, basis(y), tones, kind="phase"),
        lambda: band_error_measure(basis, basis(y), octave_bands(tones[:-1])),
        lambda: filtering_measure(GaussianFilter(points, [1.0]), values[:-1]),
        lambda: projection_measure(points, values, np.eye(4)[:1], [0.0], output=3),
        lambda: projection_measure(points, values, np.eye(3)[:1], [0.0]),
    ]:
        with pytest.raises(InputError):
            call()
