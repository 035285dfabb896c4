"""R1 against the sum over all masks, R2 and the losses against each other and by hand."""

import functools
import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.condensation import LOSSES, LastLayerDropout, dropout_gradient_penalty, dropout_penalty
from simplebias.core.errors import InputError
from simplebias.core.task import Classification, Regression
from simplebias.networks import MLP, ResNet, TwoLayer

P = 0.7
POINTS = np.array([[-1.0, 0.3], [0.2, 0.8], [0.9, -0.5]])
VALUES = np.array([[1.0, 0.0], [-0.5, 2.0], [0.3, 0.3]])
NETWORKS = {
    "two-layer": lambda key: TwoLayer(2, 2, 4, output_bias=True, key=key),
    "mlp": lambda key: MLP(2, 2, (3, 4), key=key),
    "resnet": lambda key: ResNet(2, 2, 4, 2, initialisation="weight-std:1", key=key),
}


def parts(network):
    features = np.stack([np.asarray(network.features(jnp.asarray(x, jnp.float32))[-1]) for x in POINTS])
    last = network.layers[-1]
    return features, np.asarray(last.effective_weight), np.asarray(0 if last.bias is None else last.bias)


def masked_loss(network, mask):
    features, weights, bias = parts(network)
    return np.mean(((features * mask / P) @ weights.T + bias - VALUES) ** 2)


def expectation(network):
    """Over all masks, one for the whole batch: masks for each point have the same mean."""
    total = 0.0
    for mask in itertools.product([0, 1], repeat=4):
        total += P ** sum(mask) * (1 - P) ** (4 - sum(mask)) * masked_loss(network, np.array(mask))
    return total


@pytest.mark.parametrize("name", NETWORKS)
def test_the_expected_loss_is_loss_and_r1(name, key):
    network = NETWORKS[name](key)
    features, weights, _ = parts(network)
    r1 = float(dropout_penalty(features, weights, keep_probability=P))
    assert r1 > 0.01
    assert masked_loss(network, P) + r1 == pytest.approx(expectation(network), rel=1e-5)
    task = LastLayerDropout(Regression(POINTS, VALUES), "L1", keep_probability=P)
    assert float(task.loss(network, task.batch(None, key=None), key=None)) == pytest.approx(
        expectation(network), rel=1e-5
    )


def test_masks_for_each_point_have_the_same_expectation():
    rng = np.random.default_rng(0)
    h, a, y = rng.normal(size=(2, 3)), rng.normal(size=3), rng.normal(size=2)
    total = 0.0
    for bits in itertools.product([0, 1], repeat=6):
        mask = np.array(bits).reshape(2, 3)
        total += P ** sum(bits) * (1 - P) ** (6 - sum(bits)) * np.mean((h * mask / P @ a - y) ** 2)
    r1 = float(dropout_penalty(h, a, rate=1 - P))
    assert np.mean((h @ a - y) ** 2) + r1 == pytest.approx(total, rel=1e-5)
    paper = (1 - P) / (2 * 2 * P) * np.sum((h * a) ** 2)
    assert r1 == pytest.approx(2 * paper, rel=1e-5)


def losses(network, regression, keys, **options):
    found = {}
    for kind in LOSSES:
        task = LastLayerDropout(regression, kind, keep_probability=P, **options)
        batch = task.batch(None, key=None)
        found[kind] = np.asarray(
            eqx.filter_jit(lambda n, ks, t=task, b=batch: jax.vmap(lambda k: t.loss(n, b, key=k))(ks))(network, keys)
        )
    return found


def test_the_losses_are_sums_of_their_terms_mask_by_mask(key):
    network, regression = NETWORKS["two-layer"](key), Regression(POINTS, VALUES)
    keys = jax.random.split(key, 4000)
    found = losses(network, regression, keys, learning_rate=0.3)
    plain = float(regression.loss(network, (regression.points, regression.values), key=key))
    r1 = found["L1"] - plain
    assert np.ptp(found["L1"]) < 1e-5
    assert np.allclose(found["drop"] - r1, found["L4"], atol=1e-5)
    r2 = found["L2"] - plain
    assert (r2 > 0).all()
    assert np.allclose(found["drop"] - r2, found["L3"], atol=1e-4)
    assert r2.mean() > 20 * r2.std() / np.sqrt(len(keys))
    error = found["drop"].std() / np.sqrt(len(keys))
    assert abs(found["drop"].mean() - found["L1"][0]) < 4 * error
    assert abs(found["drop"].mean() - plain) > 10 * error

    task = LastLayerDropout(regression, keep_probability=P)
    sampled = dropout_gradient_penalty(network, task, learning_rate=0.3, samples=2000, key=key)
    spread = np.hypot(float(sampled.standard_error), r2.std() / np.sqrt(len(keys)))
    assert abs(float(sampled.value) - r2.mean()) < 4 * spread
    assert float(sampled.standard_error) == pytest.approx(r2.std() / np.sqrt(2000), rel=0.15)


def test_r2_without_dropout_is_the_squared_gradient(key):
    network, regression = NETWORKS["mlp"](key), Regression(POINTS, VALUES)
    found = dropout_gradient_penalty(network, regression, learning_rate=0.2, samples=3, key=key)
    gradient = eqx.filter_grad(lambda n: jnp.mean((jax.vmap(n)(regression.points) - regression.values) ** 2))(network)
    square = sum(float(jnp.sum(leaf**2)) for leaf in jax.tree.leaves(gradient))
    assert float(found.value) == pytest.approx(0.05 * square, rel=1e-4)
    assert float(found.standard_error) < 1e-6


def test_the_mean_of_descent_follows_r1_and_of_r2_the_part_without_variance(float64):
    """Two steps of rate ε with independent masks, averaged over all of them, against flows of modified losses."""
    rng = np.random.default_rng(1)
    x, y, start = jnp.array([[-0.7], [0.4]]), jnp.array([0.5, -1.0]), jnp.asarray(rng.normal(size=6))
    masks = jnp.asarray(list(itertools.product([0, 1], repeat=3)), float)
    chance = P ** masks.sum(axis=1) * (1 - P) ** (3 - masks.sum(axis=1))

    def dropped(theta, mask):
        return jnp.mean((jnp.tanh(x * theta[:3]) * mask / P @ theta[3:] - y) ** 2)

    def step(theta, mask, rate):
        return theta - rate * jax.grad(dropped)(theta, mask)

    def mean_loss(theta):
        features = jnp.tanh(x * theta[:3])
        return jnp.mean((features @ theta[3:] - y) ** 2) + dropout_penalty(features, theta[3:], keep_probability=P)

    def modified(theta, rate, kind):
        if kind == "R2":
            return mean_loss(theta) + rate / 4 * chance @ jax.vmap(
                lambda mask: jnp.sum(jax.grad(dropped)(theta, mask) ** 2)
            )(masks)
        return mean_loss(theta) + (rate / 4 * jnp.sum(jax.grad(mean_loss)(theta) ** 2) if kind else 0)

    @functools.partial(jax.jit, static_argnames="kind")
    def miss(rate, kind):
        once = jax.vmap(step, (None, 0, None))
        ends = jax.vmap(lambda theta: once(theta, masks, rate))(once(start, masks, rate))
        slope, time = jax.grad(lambda theta: modified(theta, rate, kind)), 2 * rate / 40

        def midpoint(_, theta):
            return theta - time * slope(theta - time / 2 * slope(theta))

        flown = jax.lax.fori_loop(0, 40, midpoint, start)
        return jnp.linalg.norm(jnp.einsum("i,j,ijk->k", chance, chance, ends) - flown)

    order = {kind: np.log10(miss(1e-2, kind) / miss(1e-3, kind)) for kind in ("", "mean", "R2")}
    assert order["mean"] > 2.8
    assert 1.8 < order[""] < 2.2
    assert 1.8 < order["R2"] < 2.2


@pytest.mark.parametrize("kind", LOSSES)
def test_gradients_and_precision(kind, float64, key):
    network = TwoLayer(2, 2, 4, dropout=0.5, key=key)  # its own dropout is not used
    task = LastLayerDropout(Regression(POINTS, VALUES), kind, rate=0.3, learning_rate=0.1)
    batch = task.batch(None, key=None)
    gradient = eqx.filter_grad(lambda n: task.loss(n, batch, key=key))(network)
    leaf = gradient.layers[0].weight
    assert leaf.dtype == jnp.float64
    moved = eqx.tree_at(lambda n: n.layers[0].weight, network, replace_fn=lambda w: w.at[1, 0].add(1e-6))
    change = float(task.loss(moved, batch, key=key) - task.loss(network, batch, key=key)) / 1e-6
    assert change == pytest.approx(float(leaf[1, 0]), rel=1e-3, abs=1e-6)


def test_rate_zero_is_the_plain_loss(key):
    network, regression = NETWORKS["mlp"](key), Regression(POINTS, VALUES)
    batch = (regression.points, regression.values)
    plain = float(regression.loss(network, batch, key=key))
    for kind in ("drop", "L1", "L4"):
        task = LastLayerDropout(regression, kind, rate=0)
        assert float(task.loss(network, batch, key=None)) == pytest.approx(plain, rel=1e-6)


def test_bad_input(key):
    regression = Regression(POINTS, VALUES)
    with pytest.raises(InputError, match="neither"):
        dropout_penalty([[1.0]], [1.0])
    with pytest.raises(InputError, match="both"):
        dropout_penalty([[1.0]], [1.0], rate=0.1, keep_probability=0.9)
    for bad in ({"rate": 1}, {"rate": -0.1}, {"keep_probability": 0}, {"keep_probability": 1.2}):
        with pytest.raises(InputError):
            dropout_penalty([[1.0]], [1.0], **bad)
    with pytest.raises(InputError, match="2 neurons"):
        dropout_penalty([[1.0, 2.0]], [1.0], rate=0.1)
    with pytest.raises(InputError, match="finite"):
        dropout_penalty([[jnp.nan]], [1.0], rate=0.1)
    with pytest.raises(InputError, match="Regression"):
        LastLayerDropout(Classification(POINTS, [0, 1, 0]), rate=0.1)
    with pytest.raises(InputError, match="learning rate"):
        LastLayerDropout(regression, "L2", rate=0.1)
    with pytest.raises(InputError, match="loss_kind"):
        LastLayerDropout(regression, "L5", rate=0.1)
    task = LastLayerDropout(regression, rate=0.1)
    with pytest.raises(InputError, match="features"):
        task.loss(lambda x: x, task.batch(None, key=None), key=key)
    with pytest.raises(InputError, match="key"):
        task.loss(NETWORKS["mlp"](key), task.batch(None, key=None), key=None)
    with pytest.raises(InputError, match="two samples"):
        dropout_gradient_penalty(NETWORKS["mlp"](key), task, learning_rate=0.1, samples=1, key=key)
