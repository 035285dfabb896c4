"""Embeddings keep outputs and critical points, checked by an independent network, gradient and Hessian in NumPy."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.core.errors import InputError
from simplebias.networks import (
    MLP,
    ResNet,
    SmallCNN,
    TwoLayer,
    TwoLayerCNN,
    compatible_embedding,
    global_null_embedding,
    global_split_embedding,
    null_embedding,
    random_embedding,
    split_embedding,
    symmetry_embedding,
)
from simplebias.networks.embedding import Plan


def networks(key, drawn):
    return {
        "two-layer": drawn(TwoLayer(2, 1, 3, output_bias=True, key=key)),
        "mlp": drawn(MLP(2, 1, (2, 2), key=key)),
        "resnet": drawn(ResNet(2, 1, 2, 3, key=key)),
    }


def block(network):
    """Copies and a null neuron in every layer."""
    return (
        [[0, 1, 1, -1]]
        if isinstance(network, ResNet)
        else [[0, *range(len(layer.weight)), -1] for layer in network.layers[:-1]]
    )


OPERATORS = {
    "split": lambda n, key: split_embedding(n, 1, 1, (0.4, -1.0, 1.6)),
    "null": lambda n, key: null_embedding(n, len(n.layers) - 1, 2, bias=0.7),
    "three-fold split": lambda n, key: global_split_embedding(n),
    "two-fold null": lambda n, key: global_null_embedding(n, key=key),
    "random": lambda n, key: random_embedding(n, indices=block(n), key=key),
    "many steps": lambda n, key: (
        split_embedding(n, 1, 0, (1.7, -0.7))
        .then(lambda one: null_embedding(one, 1, bias=-0.3))
        .then(lambda one: split_embedding(one, 1, 2))
    ),
    "symmetry": lambda n, key: symmetry_embedding(n, 1, order=[1, 0, 2][: len(n.layers[0].weight)], factors=signs(n)),
}


def signs(network):
    return [-1, 1, -1][: len(network.layers[0].weight)]


@pytest.mark.parametrize("name", ["two-layer", "mlp", "resnet"])
@pytest.mark.parametrize("operator", OPERATORS)
def test_outputs_and_critical_points_are_kept(name, operator, key, draw, x, twin, drawn, float64):
    network = networks(key, drawn)[name]
    narrow = twin(network, x)
    assert np.allclose(narrow.outputs(), jax.vmap(network)(jnp.asarray(x)), rtol=0, atol=1e-13)
    y = narrow.critical_values(draw)
    found = OPERATORS[operator](network, key)
    wide = twin(found.network, x)
    assert np.abs(wide.outputs() - narrow.outputs()).max() < 1e-13
    assert narrow.slope(y) < 1e-14
    assert wide.slope(y) < 1e-13
    assert wide.slope(y + 0.1) > 1e-3  # the gradient can be seen
    before, after = narrow.inertia(y), wide.inertia(y)
    assert after.sum() == wide.theta.size
    assert (after >= before).all()
    assert before[1] == 0
    assert after[1] == found.degeneracy
    if operator == "symmetry":
        assert (after == before).all()


def test_zeros_are_as_many_as_predicted(key, draw, x, twin, drawn, float64):
    """One zero for each neuron that is added, one more for each pair of them in neighbouring layers."""
    network = networks(key, drawn)["mlp"]
    y = twin(network, x).critical_values(draw)
    assert twin(network, x).inertia(y)[1] == 0
    both = {"indices": [[0, 1, 1], [0, 0, 1]], "key": key}
    cases = [(random_embedding(network, **both), 3), (global_split_embedding(network), 24)]
    cases += [(split_embedding(network, layer, 0, (0.3, 0.7)), 1) for layer in (1, 2)]
    for found, zeros in cases:
        assert found.degeneracy == zeros == twin(found.network, x).inertia(y)[1]
    tied = networks(key, drawn)["resnet"]
    y = twin(tied, x).critical_values(draw)
    assert twin(tied, x).inertia(y)[1] == 0
    found = split_embedding(tied, 1, 0, (0.3, 0.7))
    assert found.degeneracy == 3 == twin(found.network, x).inertia(y)[1]  # two pairs of layers, one more neuron
    many = drawn(TwoLayer(1, 5, 2, output_bias=True, key=key))  # more outputs than weights: the published count is less
    y = twin(many, x[:, :1]).critical_values(draw)
    for found, zeros in (
        (split_embedding(many, 1, 0, (0.3, 0.7)), 3),
        (null_embedding(many, 1, bias=0.4), 5),
        (random_embedding(many, indices=[[0, 1, 1, 0, -1]], key=key), 11),
    ):
        assert found.degeneracy == zeros == twin(found.network, x[:, :1]).inertia(y)[1]


def test_what_breaks_a_condition_is_no_critical_point_and_refused(key, draw, x, twin, drawn, float64):
    network = networks(key, drawn)["mlp"]
    y = twin(network, x).critical_values(draw)
    base = twin(network, x).outputs()
    indices, beta = [[0, 1, 1], [0, 1, 1]], [[1, 0.5, 0.5], [1, 0.4, 0.6]]
    good = compatible_embedding(network, indices=indices, beta=beta)
    alpha = [part.copy() for part in good.chosen["alpha"]]
    alpha[0][1, 1:] += (0.2, -0.2)  # still of sum 1 over the copies of a source, but not over those of the target
    broken = twin(Plan(good.function.indices, tuple(alpha), good.function.biases)(network), x)
    assert twin(good.network, x).slope(y) < 1e-13
    assert np.abs(broken.outputs() - base).max() < 1e-13
    assert broken.slope(y) > 1e-6
    with pytest.raises(InputError, match=r"the backward condition in layer 2: .*residual 0\.08"):
        compatible_embedding(network, indices=indices, alpha=alpha, beta=beta)
    with pytest.raises(InputError, match="the backward condition in layer 2"):
        compatible_embedding(network, indices=indices, alpha=alpha)
    alpha[0][1, 1] += 0.3
    with pytest.raises(InputError, match=r"the forward condition in layer 2: .*residual 0\.3"):
        compatible_embedding(network, indices=indices, alpha=alpha)
    with pytest.raises(InputError, match=r"index condition in layer 2.*none of neuron 1"):
        compatible_embedding(network, indices=[[0, 1], [0, 0]])


def test_a_null_neuron_has_zero_weights_and_a_bias_above(key, draw, x, twin, drawn, float64):
    network = networks(key, drawn)["mlp"]
    y = twin(network, x).critical_values(draw)
    null = null_embedding(network, 1, bias=0.7).network
    weight = jnp.asarray(np.concatenate([network.layers[0].weight, [[1.5, -1]]]))
    reading = twin(eqx.tree_at(lambda n: n.layers[0].weight, null, weight), x)
    assert np.abs(reading.outputs() - twin(network, x).outputs()).max() < 1e-13
    assert twin(null, x).slope(y) < 1e-13
    assert reading.slope(y) > 1e-4
    bare = drawn(TwoLayer(2, 1, 1, key=key))  # few features: they span no constant
    y = twin(bare, x).critical_values(draw)
    assert twin(null_embedding(bare, 1).network, x).slope(y) < 1e-13
    forced = null_embedding(bare, 1).network
    bias = jnp.asarray([*np.asarray(bare.layers[0].bias), 0.7])
    forced = twin(eqx.tree_at(lambda n: n.layers[0].bias, forced, bias), x)
    assert forced.slope(y) > 1e-4
    with pytest.raises(InputError, match=r"the bias condition in layer 2: .*has no bias; got residual 0\.6"):
        null_embedding(bare, 1, bias=0.7)
    assert np.abs(twin(global_null_embedding(bare, key=key).network, x).slope(y)) < 1e-13


def test_the_map_is_affine_and_the_same_for_all_networks(key, drawn, flat, float64):
    network = networks(key, drawn)["mlp"]
    found = random_embedding(network, indices=[[0, 1, 1, -1], [0, 0, 1, -1]], key=key)
    other = drawn(network, seed=5)
    mixed = jax.tree.map(lambda a, b: 0.3 * a + 0.7 * b if eqx.is_array(a) else a, network, other)
    ends, between = (flat(found(network)), flat(found(other))), flat(found(mixed))
    assert np.abs(between - 0.3 * ends[0] - 0.7 * ends[1]).max() < 1e-14
    assert np.abs(flat(found(network)) - flat(found.network)).max() == 0
    matrix, constant = found.matrix()
    assert np.abs(matrix @ flat(other) + constant - ends[1]).max() < 1e-14
    assert np.abs(matrix @ flat(other) - flat(found.linear(other))).max() < 1e-14
    assert np.linalg.matrix_rank(matrix) == matrix.shape[1]  # injective
    again = found.then(lambda one: split_embedding(one, 1, 0)).then(lambda one: null_embedding(one, 2, bias=0.2))
    assert again.widths == (5, 5)
    assert (
        np.abs(
            flat(again(other)) - flat(null_embedding(split_embedding(found(other), 1, 0).network, 2, bias=0.2).network)
        ).max()
        < 1e-14
    )
    with pytest.raises(InputError, match="widths"):
        found(drawn(MLP(2, 1, (2, 3), key=key)))


def test_symmetries_follow_the_activation(key, x, twin, drawn, float64):
    for name, factors in {"relu": [2.0, 0.25], "xtanh": [-1, 1], "sin": [-1, -1]}.items():
        network = drawn(MLP(2, 1, (2, 2), activation=name, key=key))
        moved = symmetry_embedding(network, 1, order=[1, 0], factors=factors).network
        assert np.abs(twin(moved, x).outputs() - twin(network, x).outputs()).max() < 1e-13
        assert np.abs(np.asarray(moved.layers[0].weight - network.layers[0].weight)).max() > 0.1
    with pytest.raises(InputError, match="not homogeneous"):
        symmetry_embedding(networks(key, drawn)["mlp"], 1, factors=[2.0, 1.0])
    with pytest.raises(InputError, match="neither odd nor even"):
        symmetry_embedding(drawn(MLP(2, 1, 2, 1, activation="relu", key=key)), 1, factors=[-1.0, 1.0])
    with pytest.raises(InputError, match="each once"):
        symmetry_embedding(networks(key, drawn)["mlp"], 1, order=[0, 0])


def test_kernels_are_split_as_neurons_and_their_borders_are_seen(key, draw, picture_twin, drawn, float64):
    """A null kernel that gives a constant is read by the next kernels beside zeros: no critical point stays one."""
    x = draw.normal(size=(60, 16))
    network = drawn(SmallCNN((4, 4), 1, channels=(1, 2), width=1, activation="tanh", key=key))
    narrow = picture_twin(network, x)
    assert np.allclose(narrow.outputs()[:5], jax.vmap(network)(jnp.asarray(x[:5])), rtol=0, atol=1e-13)
    y = narrow.critical_values(draw)

    def slope(network):
        twin = picture_twin(network, x)
        assert np.abs(twin.outputs() - narrow.outputs()).max() < 1e-13
        return twin.slope(y)

    wide = split_embedding(network, 1, 0, (0.4, 0.6)).then(lambda one: split_embedding(one, 2, 0, (-1, 2)))
    # a factor for each tap between the two kernels that were added; 18 weights read each of the first, of 10 weights
    assert wide.degeneracy == 9 + 8 + 1
    assert slope(network) < 1e-14
    assert slope(wide.network) < 1e-13
    assert slope(null_embedding(network, 2, bias=0.7).network) < 1e-13  # each pixel is read by weights of its own
    null = null_embedding(network, 1).network
    assert slope(null) < 1e-13
    assert slope(eqx.tree_at(lambda n: n.layers[0].bias, null, jnp.asarray([null.layers[0].bias[0], 0.7]))) > 1e-4
    with pytest.raises(InputError, match=r"bias condition in layer 2: .*convolution.*residual 0\.6"):
        null_embedding(network, 1, bias=0.7)
    with pytest.raises(InputError, match="max-pooling"):
        symmetry_embedding(network, 2, factors=[-1, 1])


def test_kernels_of_a_two_layer_network_keep_their_outputs(key, float64):
    x = jnp.asarray(np.random.default_rng(0).normal(size=(5, 12)))
    network = TwoLayerCNN((3, 4), 2, 2, kernel=2, key=key)
    wide = random_embedding(network, [4], key=key).network
    assert wide.neurons()[0].input_weights.shape == (4, 4)
    assert np.abs(jax.vmap(wide)(x) - jax.vmap(network)(x)).max() < 1e-13
    with pytest.raises(InputError, match="same weights at every place"):
        split_embedding(TwoLayerCNN((3, 4), 2, 2, kernel=2, shared=False, key=key), 1, 0)


def test_bad_input_is_refused(key):
    network = MLP(2, 1, (3, 3), key=key)
    with pytest.raises(InputError, match="widths of at least"):
        random_embedding(network, (2, 4), key=key)
    with pytest.raises(InputError, match="either widths or indices"):
        random_embedding(network, key=key)
    with pytest.raises(InputError, match="2 index maps"):
        compatible_embedding(network, indices=[[0, 1, 2]])
    with pytest.raises(InputError, match=r"from -1 .* to 2"):
        compatible_embedding(network, indices=[[0, 1, 2], [0, 1, 3]])
    with pytest.raises(InputError, match="alpha of shapes"):
        compatible_embedding(network, indices=[[0, 1, 2], [0, 1, 2]], alpha=[np.ones((3, 3))])
    with pytest.raises(InputError, match="finite beta"):
        compatible_embedding(network, indices=[[0, 1, 2], [0, 1, 2]], beta=[[1, np.nan, 1], [1, 1, 1]])
    with pytest.raises(InputError, match="finite number"):
        null_embedding(network, 1, bias=np.nan)
    with pytest.raises(InputError, match="share one"):
        compatible_embedding(ResNet(2, 1, 2, 2, key=key), indices=[[0, 1], [0, 1]])
