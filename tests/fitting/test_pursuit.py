"""Waves in data, and first layers made of them: against the waves that the data were made of."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.core.errors import InputError
from simplebias.core.snapshot import count_parameters
from simplebias.fitting import begun, choose_frequencies, find_waves, grown, sines_at
from simplebias.fitting.networks import plain_width, sines_of_scales
from simplebias.frequency import check_scales
from simplebias.networks import MLP


def mixed(x, frequencies, phases, sizes):
    return (np.sin(2 * np.pi * x * frequencies + phases) * sizes).sum(axis=1, keepdims=True)


@pytest.mark.parametrize("even", [True, False])
def test_waves_are_found_where_they_are(even):
    random = np.random.default_rng(3)
    x = np.linspace(-1, 1, 301)[:, None] if even else np.sort(random.uniform(-1, 1, (300, 1)), axis=0)
    wanted, sizes = np.array([2.3, 11.7, 29.1]), np.array([1.0, 0.6, 0.3])
    y = mixed(x, wanted, random.uniform(0, 6, 3), sizes) + 0.8 * x - 0.3 * x**2
    found = find_waves(x, y, 12)
    strongest = np.sort(found.frequencies[np.argsort(-found.amplitudes)[:3]])
    assert np.allclose(strongest, wanted, atol=0.01)
    assert np.allclose(np.sort(found.amplitudes)[::-1][:3], sizes, rtol=0.05)
    assert found.left < 1e-4


def test_noise_alone_has_hardly_any_waves():
    random = np.random.default_rng(4)
    counts = [len(find_waves(np.sort(random.uniform(-1, 1, (200, 1)), axis=0), random.standard_normal((200, 1)), 30)
                  .frequencies) for _ in range(10)]  # fmt: skip
    assert np.mean(counts) < 2


def test_several_outputs_share_the_waves():
    x = np.linspace(0, 1, 200, endpoint=False)[:, None]
    y = np.hstack([mixed(x, np.array([7.0]), 0.3, 1.0), mixed(x, np.array([31.0]), 1.0, 0.5)])
    assert np.allclose(np.sort(find_waves(x, y, 4).frequencies[:2]), [7, 31], atol=0.05)


def test_frequencies_of_a_plane_lie_at_its_waves():
    side = np.arange(32) / 32
    plane = np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(-1, 2)
    wave = np.cos(2 * np.pi * (plane @ np.array([5.0, -3.0])) + 0.4)
    chosen = choose_frequencies(plane, wave, 40, smooth=False)
    assert np.mean(np.linalg.norm(chosen - [5, -3], axis=1) < 2) > 0.7
    smooth = choose_frequencies(plane, wave, 400)  # half of them evenly in a disc up to the wave
    assert np.mean(np.linalg.norm(smooth - [5, -3], axis=1) < 2) > 0.5
    sizes = np.sort(np.linalg.norm(smooth, axis=1))[:200]
    mean = np.hypot(5, 3)
    assert np.allclose(np.mean(sizes < mean / 2), 0.25, atol=0.03)
    assert sizes[-1] < mean + 1
    gaps = np.random.default_rng(0).random(len(plane)) < 0.8
    smooth = choose_frequencies(plane[gaps], wave[gaps], 400)
    assert np.mean(np.linalg.norm(smooth - [5, -3], axis=1) < 2) > 0.4


def test_first_layers_keep_their_promises():
    x = np.linspace(-1, 1, 80)[:, None]
    y = np.hstack([np.sin(4 * x), np.cos(7 * x) - 1])
    network = begun(sines_at(np.linspace(0.1, 2, 12)[:, None], 2, (10, 10), key=jax.random.key(0)), x, y)
    outputs = np.asarray(jax.vmap(network)(jnp.asarray(x)))
    assert np.abs(outputs - y).max() < 0.08
    wider = grown(network, [[9.0], [11.0]], key=jax.random.key(1))
    assert wider.layers[0].weight.shape == (14, 1)
    assert np.allclose(np.asarray(jax.vmap(wider)(jnp.asarray(x))), outputs, atol=1e-5)
    assert np.allclose(np.asarray(wider.layers[0].weight)[-2:, 0] / (2 * np.pi), [9, 11])
    with pytest.raises(InputError):
        grown(network, [[1.0, 2.0]], key=jax.random.key(1))


def test_scales_multiply_the_first_layer():
    one, four = (sines_of_scales(2, 1, 8, 2, scales, key=jax.random.key(5)) for scales in ((1,), (1, 4)))
    ratio = np.asarray(four.layers[0].weight / one.layers[0].weight)
    assert np.allclose(ratio[:4], 1)
    assert np.allclose(ratio[4:], 4)


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_the_plain_network_has_as_many_weights(depth):
    width = plain_width(5000, 2, 3, depth)
    per_neuron = count_parameters(MLP(2, 3, width + 1, depth, key=jax.random.key(0)))
    weights = count_parameters(MLP(2, 3, width, depth, key=jax.random.key(0)))
    assert abs(weights - 5000) <= per_neuron - weights


def test_scales_that_alias_are_refused_with_the_highest():
    x = np.linspace(-1, 1, 33)  # half the sampling rate: 8 cycles per unit
    assert check_scales(x, (1.0, 16.0)) == []
    assert len(check_scales(x, (32.0,))) == 1
    with pytest.raises(InputError, match=r"scales up to 50\.3"):
        check_scales(x, (1.0, 51.0))
