"""Waves that are known of a solution: which they are, how much they are of it, and that a network begins with them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.core.errors import InputError
from simplebias.networks import MultiScale
from simplebias.pde import Box, Poisson
from simplebias.pde.problems import zero
from simplebias.solving.scales import problem_scales, scales_and_spectrum
from simplebias.solving.spectrum import Spectrum, with_waves

SQUARE = Box((0, 0), (1, 1))
VECTORS = np.array([[1.0, 0.0], [3.0, 4.0], [12.0, 16.0], [400.0, 0.0]])


def drawn(inputs=2, scales=(8.0, 40.0, 80.0), width=24):
    return MultiScale(inputs, 1, width, 2, scales=scales, version=1, activation="sin", key=jax.random.key(3))


def waves_of(network):
    """Wave vectors of the first layer, in cycles per unit and without signs."""
    weight = np.asarray(network.inner.layers[0].weight)
    scales = np.repeat(np.asarray(network.scales.values), len(weight) // network.scales.count)
    return np.abs(scales[:, None] * weight) / (2 * np.pi)


def test_neurons_take_the_waves_within_reach_of_their_scale():
    spectrum = Spectrum(VECTORS, np.array([1.0, 4.0, 1.0, 1.0]))
    found = waves_of(with_waves(drawn(), spectrum, key=jax.random.key(0)))
    # twice the scales: 16, 80 and 160 radians per unit, between them waves of length 1, 5 and 20 cycles
    for neurons, wanted in zip(np.split(found, 3), VECTORS, strict=False):
        np.testing.assert_allclose(neurons, np.broadcast_to(wanted, neurons.shape), rtol=1e-5, atol=1e-5)


def test_directions_have_all_signs():
    spectrum = Spectrum(np.array([[3.0, 4.0]]), np.array([1.0]))
    network = with_waves(drawn(scales=(40.0,), width=64), spectrum, key=jax.random.key(0))
    signs = np.sign(np.asarray(network.inner.layers[0].weight))
    assert len(np.unique(signs, axis=0)) == 4


def test_amplitudes_share_the_neurons():
    spectrum = Spectrum(np.array([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]]), np.array([1.0, 9.0, 0.5e-3]))
    lengths = waves_of(with_waves(drawn(scales=(40.0,), width=40), spectrum, key=jax.random.key(0)))[:, 0]
    assert [int(np.sum(np.isclose(lengths, one))) for one in (1, 2, 3)] == [10, 30, 0]


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_the_share_that_is_not_known_stays_as_drawn(share):
    before = drawn(scales=(40.0,), width=20)
    after = with_waves(before, Spectrum(np.array([[3.0, 4.0]]), np.ones(1), share), key=jax.random.key(0))
    same = (waves_of(after) == waves_of(before)).all(axis=1)
    assert same.sum() == round(20 * (1 - share))


def test_nothing_known_changes_nothing_of_two_inputs():
    before = drawn()
    after = with_waves(before, None, key=jax.random.key(0))
    assert all(map(np.array_equal, jax.tree.leaves(before), jax.tree.leaves(after)))


def test_of_one_input_every_second_neuron_takes_a_wave():
    network = with_waves(drawn(1, (40.0,), 10), Spectrum(np.array([[5.0]]), np.ones(1)), key=jax.random.key(0))
    found = waves_of(network)[:, 0]
    np.testing.assert_allclose(found[::2], 5.0, rtol=1e-6)
    parts = np.floor(found[1::2] * 2 * np.pi / 80 * 10)  # tenths of what is below twice the scale, one for each other
    assert parts.tolist() == [1, 3, 5, 7, 9]


def test_waves_of_an_equation_are_found_with_their_vectors(key):
    wave = lambda x: jnp.sin(6 * jnp.pi * x[0]) * jnp.sin(8 * jnp.pi * x[1])
    advice, spectrum = scales_and_spectrum(Poisson(SQUARE, wave), key=key)
    assert spectrum.vectors[spectrum.power.argmax()].tolist() == [3, 4]
    assert spectrum.share == 1
    assert problem_scales(Poisson(SQUARE, wave), key=key).scales == advice.scales


def test_what_the_boundary_brings_is_no_share_of_the_waves_inside(key):
    plane = lambda x: jnp.cos(6 * jnp.pi * x[0])
    wave = lambda x: 100 * jnp.sin(6 * jnp.pi * x[0]) * jnp.sin(8 * jnp.pi * x[1])
    shares = []
    for size in (0.0, 0.1, 1.0, 100.0):
        edge = lambda x, size=size: size * plane(x)
        shares.append(scales_and_spectrum(Poisson(SQUARE, wave, boundary=edge), key=key)[1].share)
    assert shares[0] == 1
    assert np.all(np.diff(shares) < 0)
    assert shares[-1] < 0.01
    assert scales_and_spectrum(Poisson(SQUARE, zero, boundary=plane), key=key)[1].share == 0


def test_many_inputs_have_no_vectors(key):
    box = Box((0,) * 4, (1,) * 4)
    assert scales_and_spectrum(Poisson(box, lambda x: jnp.sin(jnp.pi * x).sum()), key=key)[1] is None


def test_what_does_not_belong_together_is_named():
    with pytest.raises(InputError, match="waves, inputs"):
        Spectrum(np.ones(3), np.ones(3))
    with pytest.raises(InputError, match="waves, inputs"):
        Spectrum(np.ones((3, 2)), np.ones(2))
    with pytest.raises(InputError, match="share"):
        Spectrum(np.ones((3, 2)), np.ones(3), 1.2)
