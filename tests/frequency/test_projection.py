import jax
import numpy as np
import pytest
import torch

from simplebias.core.errors import InputError
from simplebias.frequency import (
    natural_frequencies,
    principal_directions,
    project,
    projection_frequencies,
    projection_spectrum,
    spectrum,
)


@pytest.fixture
def cloud():
    random = np.random.default_rng(11)
    turn, _ = np.linalg.qr(random.normal(size=(5, 5)))
    return 100 + random.normal(size=(200, 5)) * [5, 3, 1, 0.5, 0.1] @ turn


def twin_directions(points, count):
    """Singular vectors of the centred points in float64, largest component positive."""
    points = np.asarray(points, float)
    _, _, rows = np.linalg.svd(points - points.mean(0))
    return np.array([row * np.sign(row[np.argmax(np.abs(row))]) for row in rows[:count]])


def test_directions_are_those_of_the_svd(cloud):
    np.testing.assert_allclose(principal_directions(cloud, 3), twin_directions(cloud, 3), atol=1e-4)


def test_more_inputs_than_points(cloud):
    wide = np.random.default_rng(1).normal(size=(6, 30)) * np.linspace(1, 3, 30)
    got = principal_directions(wide, 2)
    np.testing.assert_allclose(got, twin_directions(wide, 2), atol=1e-4)
    np.testing.assert_allclose(got @ got.T, np.eye(2), atol=1e-5)


def test_jit_float64_torch(cloud, float64):
    want = twin_directions(cloud, 2)
    np.testing.assert_allclose(jax.jit(lambda p: principal_directions(p, 2))(cloud), want, atol=1e-9)
    np.testing.assert_allclose(principal_directions(torch.tensor(cloud), 2), want, atol=1e-9)


def test_projection_is_centred_and_normalised(cloud):
    direction = np.array([3.0, 0, 0, 0, 4.0])
    want = (cloud - cloud.mean(0)) @ direction / 5
    np.testing.assert_allclose(project(cloud, direction), want, atol=1e-4)
    np.testing.assert_allclose(project(cloud, np.stack([direction, -direction])), np.stack([want, -want], 1), atol=1e-4)
    assert np.std(project(cloud, principal_directions(cloud)[0])) == pytest.approx(
        np.linalg.svd(cloud - cloud.mean(0))[1][0] / np.sqrt(200), rel=1e-4
    )


def test_spectrum_along_a_direction(cloud):
    direction = twin_directions(cloud, 1)[0]
    z = (cloud - cloud.mean(0)) @ direction
    y = np.stack([np.sin(z), np.cos(2 * z)], axis=1)
    tones = projection_frequencies(cloud, direction, 30)
    want = np.array([(y * np.exp(-2j * np.pi * tone * z)[:, None]).mean(0) for tone in tones])
    np.testing.assert_allclose(projection_spectrum(cloud, y, direction, tones), want, atol=1e-4)
    moved = projection_spectrum(cloud + 7, y, direction, tones)
    np.testing.assert_allclose(np.abs(moved), np.abs(want), atol=1e-4)
    line = np.arange(10.0)[:, None] * [[0.6, 0.8]]
    along = np.arange(10) - 4.5
    tones = natural_frequencies(along)
    got = projection_spectrum(line, along**2, [0.6, 0.8], tones)
    np.testing.assert_allclose(got, spectrum(along, along**2, tones), atol=1e-4)


def test_range_follows_from_the_spread(cloud):
    direction = twin_directions(cloud, 1)[0]
    tones = projection_frequencies(cloud, direction, 50)
    z = (cloud - cloud.mean(0)) @ direction
    np.testing.assert_allclose(tones, np.linspace(0, 2.5 / z.std(), 50), rtol=1e-4)
    few = projection_frequencies(cloud[:4], direction, 5)
    assert few[-1] < 2.5 / z[:4].std()
    projection_spectrum(cloud[:4], np.ones(4), direction, few)
    assert projection_frequencies(cloud, direction, 5, highest=0.1)[-1] == pytest.approx(0.1)


def test_bad_requests_are_refused(cloud):
    for call in [
        lambda: principal_directions(cloud, 6),
        lambda: principal_directions(cloud[:3], 3),
        lambda: principal_directions(cloud, 0),
        lambda: principal_directions(np.ones((4, 3))),
        lambda: project(cloud, np.zeros(5)),
        lambda: project(cloud, np.ones(4)),
        lambda: projection_frequencies(cloud, np.ones(5), 1),
        lambda: projection_frequencies(cloud, np.ones(5), highest=-1.0),
        lambda: projection_frequencies(np.eye(3)[[0, 0]], [0.0, 1.0, 0.0]),
        lambda: projection_spectrum(cloud, np.ones(200), np.ones((2, 5)), [0.0]),
        lambda: projection_spectrum(cloud, np.ones(200), np.ones(5), [1e4]),
    ]:
        with pytest.raises(InputError):
            call()
