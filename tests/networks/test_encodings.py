"""Encodings, SIREN, subspace decomposition, and the spectra of the activations of multi-scale networks."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.core.errors import InputError
from simplebias.networks import (
    MLP,
    AntiSymmetric,
    Encoded,
    FourierFeatures,
    PositionalEncoding,
    Siren,
    SoftFourierMapping,
    SubspaceNet,
    activation,
    orthogonality,
)

WAVES = 2 * np.pi * np.arange(16)[:, None] / 16


def test_kernel_of_random_features_is_gaussian(key, float64):
    """Each pair of features estimates it with a variance below 1, so 5 stds of the mean of 40 000 are 0.025."""
    stds = np.array([0.7, 0.2])
    encoding = FourierFeatures(2, 80_000, frequency_std=stds, key=key)
    x, y = np.array([0.1, -0.4]), np.array([0.35, 0.5])
    found = float(encoding(jnp.asarray(x)) @ encoding(jnp.asarray(y))) / 40_000
    assert found == pytest.approx(np.exp(-2 * np.pi**2 * np.sum((stds * (x - y)) ** 2)), abs=0.025)
    assert float(encoding(jnp.asarray(x)) @ encoding(jnp.asarray(x))) == pytest.approx(40_000)
    drawn = np.asarray(encoding.frequencies)
    assert np.allclose(drawn.std(axis=0), stds, rtol=5 / np.sqrt(2 * 40_000))


def test_random_frequencies_are_not_trained(key):
    encoding = FourierFeatures(1, 6, frequency_std=2, key=key)
    network = Encoded(encoding, MLP(6, 1, 4, 1, key=key))
    trained = Encoded(SoftFourierMapping(1, 6, key=key), network.network)
    slope = eqx.filter_jit(eqx.filter_grad(lambda both: sum(one(jnp.array([0.3]))[0] for one in both)))
    fixed, moved = slope((network, trained))
    assert not fixed.encoding.frequencies.any()
    assert fixed.network.layers[0].weight.any()
    assert moved.encoding.layer.weight.all()


def test_positional_encoding_by_hand(float64):
    x = np.array([0.3, -0.9])
    phases = np.concatenate([np.pi * x, 2 * np.pi * x, 4 * np.pi * x])
    found = PositionalEncoding(2, 3, with_inputs=True)(jnp.asarray(x))
    assert np.allclose(found, np.concatenate([x, np.sin(phases), np.cos(phases)]), atol=1e-14)
    assert PositionalEncoding(2, 3, with_inputs=True).size == found.size == 14


def test_soft_fourier_mapping_by_hand(key, float64):
    x = np.array([0.3, -0.9])
    encoding = SoftFourierMapping(2, 10, scales=(1, 20), relaxation=0.5, key=key)
    phases = np.array([1, 1, 20, 20, 20]) * (np.asarray(encoding.layer.weight) @ x)
    assert np.allclose(encoding(jnp.asarray(x)), 0.5 * np.concatenate([np.cos(phases), np.sin(phases)]), atol=1e-14)
    many = SoftFourierMapping(2, 8000, initialisation="weight-std:0.3", key=key).layer.weight
    assert float(jnp.std(many)) == pytest.approx(0.3, rel=5 / np.sqrt(2 * 8000))


def test_its_neurons_are_sines_that_compute_the_same(key, float64):
    encoding = SoftFourierMapping(2, 10, scales=(1, 20), relaxation=0.5, key=key)
    network, x = Encoded(encoding, MLP(10, 1, 4, 1, key=key)), jnp.array([0.3, -0.9])
    (first, second), features = network.neurons(), network.features(x)
    outgoing = np.asarray(first.output_weights)
    assert np.allclose(np.sin(first.extended @ jnp.append(x, 1)), features[0], atol=1e-12)
    assert np.allclose(np.tanh(outgoing @ features[0] + second.extended[:, -1]), features[1], atol=1e-12)
    plain = Encoded(PositionalEncoding(2, 1), MLP(4, 1, 4, 1, key=key))
    assert len(plain.neurons()) == len(plain.features(x)) == 1


def test_siren_draws_and_computes_as_published(key, float64):
    network, x = Siren(2, 1, (300, 200), key=key, first_angular_frequency=20), np.array([0.3, -0.9])
    h = x
    for layer, factor, bound in zip(network.layers, (20, 30, 1), (1 / 2, 1, 1), strict=True):
        weight, bias, sources = np.asarray(layer.weight), np.asarray(layer.bias), layer.weight.shape[1]
        limit = bound if sources == 2 else np.sqrt(6 / sources) / 30
        assert limit * 0.97 < np.abs(weight).max() <= limit
        assert np.abs(weight).mean() == pytest.approx(limit / 2, rel=5 / np.sqrt(3 * weight.size))  # uniform
        assert np.abs(bias).max() <= 1 / np.sqrt(sources)
        h = factor * (weight @ h + bias)
        h = h if factor == 1 else np.sin(h)
    assert np.allclose(network(jnp.asarray(x)), h, atol=1e-10)
    assert network.largest_derivative is None


def test_variance_into_the_sines_of_a_siren_follows_its_map(key, float64):
    """v ← 1 - exp(-2v), which is not 1 for long; over weights of 400 neurons the variance is right to some percent."""
    network = Siren(1, 1, 400, 5, key=key)
    no_bias = eqx.tree_at(lambda n: [layer.bias for layer in n.layers], network, replace_fn=jnp.zeros_like)
    features = jax.vmap(no_bias.features)(jnp.linspace(-1, 1, 50)[:, None])
    expected = 1.0
    for layer, h in zip(no_bias.layers[1:-1], features, strict=False):
        assert float(jnp.mean((layer.effective_weight @ h.T) ** 2)) == pytest.approx(expected, rel=0.1)
        expected = 1 - np.exp(-2 * expected)
    assert expected == pytest.approx(0.797, abs=0.02)


def test_subspace_is_a_weighted_sum(key):
    coarse, fine = MLP(2, 1, 4, 1, key=key), MLP(2, 1, 5, 1, activation="phi", dropout=0.5, key=key)
    network, x = SubspaceNet(coarse, [fine, coarse], contributions=[0.1, -2]), jnp.array([0.3, -0.9])
    quiet = eqx.nn.inference_mode(network)
    assert np.allclose(quiet(x), coarse(x) + 0.1 * eqx.nn.inference_mode(fine)(x) - 2 * coarse(x), atol=1e-6)
    assert np.allclose(quiet.parts(x).sum(axis=0), quiet(x))
    assert network(x, key=key).shape == (1,)
    assert network.largest_derivative == 2
    assert not AntiSymmetric(quiet)(x).any()


def test_orthogonality_of_waves(float64):
    """Means over a period in closed form: E sin² = ½, E sin²x sin²2x = ¼, E cos²x cos²2x·4 = 1."""
    one, two = (lambda x: jnp.sin(x)), (lambda x: jnp.sin(2 * x))
    apart, same, points = SubspaceNet(one, two), SubspaceNet(one, one, contributions=3), jnp.asarray(WAVES)
    assert float(orthogonality(apart, points)) == pytest.approx(0, abs=1e-20)
    assert float(orthogonality(same, points)) == pytest.approx((3 / 2) ** 2)
    assert float(orthogonality(apart, points, kind="pointwise")) == pytest.approx(1 / 4)
    assert float(orthogonality(apart, points, kind="gradients")) == pytest.approx(1)
    assert float(orthogonality(apart, points, kind="gradients", coefficient=lambda x: 3.0 + 0 * x)) == pytest.approx(9)
    three = SubspaceNet(one, [one, two])
    assert float(orthogonality(three, points)) == pytest.approx(1 / 4)  # of the three pairs only the equal one


def test_dtype_is_kept(key, float64):
    """A network of float32 stays one in a process of float64."""
    x = jnp.array([0.3], "float32")
    assert FourierFeatures(1, 4, frequency_std=1, key=key, dtype="float32")(x).dtype == jnp.float32
    assert SoftFourierMapping(1, 4, key=key, dtype="float32")(x).dtype == jnp.float32
    assert Siren(1, 1, 4, 1, key=key, dtype="float32")(x).dtype == PositionalEncoding(1, 2)(x).dtype == jnp.float32


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda key: FourierFeatures(1, 5, frequency_std=1, key=key), "even size"),
        (lambda key: FourierFeatures(1, 4, frequency_std=-1, key=key), "frequency_std"),
        (lambda key: FourierFeatures(2, 4, frequency_std=[1, 2, 3], key=key), "2 inputs"),
        (lambda key: FourierFeatures(2, 4, frequency_std=[0, 0], key=key), "not all 0"),
        (lambda key: PositionalEncoding(1, 0), "octaves"),
        (lambda key: SoftFourierMapping(1, 4, scales=(1, 2, 3), key=key), "neuron for each scale"),
        (lambda key: SoftFourierMapping(1, 4, relaxation=0, key=key), "relaxation"),
        (lambda key: Siren(1, 1, 4, 1, angular_frequency=float("nan"), key=key), "angular_frequency"),
        (lambda key: Siren(1, 0, 4, 1, key=key), "outputs"),
        (lambda key: Encoded(PositionalEncoding(1, 2), MLP(3, 1, 4, 1, key=key)), "4 inputs"),
        (lambda key: SubspaceNet(MLP(1, 1, 4, 1, key=key), []), "one fine network"),
        (lambda key: SubspaceNet(MLP(1, 1, 4, 1, key=key), MLP(1, 1, 4, 1, key=key), contributions=0), "not 0"),
        (lambda key: SubspaceNet(MLP(1, 1, 4, 1, key=key), MLP(1, 2, 4, 1, key=key))(jnp.ones(1)), "one number of"),
        (lambda key: PositionalEncoding(1, 2)(jnp.ones((3, 1))), "vmap"),
        (lambda key: FourierFeatures(1, 4, frequency_std=1, key=key)(jnp.ones((3, 1))), "vmap"),
        (lambda key: orthogonality(SubspaceNet(jnp.sin, jnp.cos), jnp.ones((3, 1)), kind="mena"), "Did you mean"),
        (lambda key: orthogonality(SubspaceNet(jnp.sin, jnp.cos), jnp.ones((3, 1)), coefficient=jnp.sin), "gradients"),
    ],
)
def test_bad_input(make, words, key):
    with pytest.raises(InputError, match=words):
        make(key)


def fourier(name, frequencies):
    """Fourier transform on the support [0, 3] by Gauss-Legendre between the knots."""
    nodes, shares = np.polynomial.legendre.leggauss(60)
    x = np.concatenate([(nodes + 1) / 2 + knot for knot in range(3)])
    values = np.asarray(activation(name)(jnp.asarray(x))) * np.tile(shares / 2, 3)
    return np.exp(-2j * np.pi * np.outer(frequencies, x)) @ values


def test_spectra_of_the_activations_with_bounded_support(float64):
    """φ is three boxes convolved; of sReLU and s2ReLU the transforms are elementary; only s2ReLU passes a band."""
    xi = np.linspace(0, 8, 161)
    assert np.allclose(fourier("phi", xi), 2 * np.sinc(xi) ** 3 * np.exp(-3j * np.pi * xi), atol=1e-10)
    some = xi[(xi > 0.01) & (np.abs(xi - 1) > 0.01)]

    def parabola(xi):  # of x(1 - x) on [0, 1]
        z = np.pi * xi
        return np.exp(-1j * z) * (np.sinc(xi) - np.cos(z)) / (2 * z**2)

    assert np.allclose(fourier("srelu", some), parabola(some), atol=1e-10)
    shifted = (parabola(some - 1) - parabola(some + 1)) / 2j
    assert np.allclose(fourier("s2relu", some), shifted, atol=1e-10)
    peaks = {name: xi[np.abs(fourier(name, xi)).argmax()] for name in ("phi", "srelu", "s2relu")}
    assert peaks == {"phi": 0, "srelu": 0, "s2relu": pytest.approx(0.95)}
    assert abs(fourier("s2relu", [0.0])[0]) < 1e-12
