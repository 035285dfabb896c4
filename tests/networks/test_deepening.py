"""A layer that is affine on the data keeps outputs there and critical points; degeneracy is as predicted."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.core.errors import InputError
from simplebias.networks import MLP, ResNet, SmallCNN, TwoLayer, depth_embedding

DEPTH = {  # network, place and width of the new layer, zeros that it adds
    "as wide": (lambda key: MLP(2, 1, (3,), activation="elu", key=key), 1, 3, 12),
    "wider": (lambda key: MLP(2, 1, (3,), activation="elu", key=key), 1, 5, 22),
    "narrower": (lambda key: MLP(2, 1, (3,), activation="elu", key=key), 1, 2, 7),
    "of a TwoLayer": (lambda key: TwoLayer(2, 1, 3, activation="relu", output_bias=True, key=key), 1, 3, 12),
    "after the inputs": (lambda key: MLP(2, 1, (2,), activation="elu", key=key), 0, 3, 11),
    "residual": (lambda key: ResNet(2, 1, 2, 2, key=key), 2, None, 6),
    "residual, on a segment": (lambda key: ResNet(2, 1, 2, 2, activation="elu", key=key), 2, None, 6),
}


@pytest.mark.parametrize("name", DEPTH)
def test_a_layer_is_put_in_where_it_is_affine_on_the_data(name, key, draw, x, twin, drawn, flat, float64):
    make, layer, width, zeros = DEPTH[name]
    network = drawn(make(key))
    narrow = twin(network, x)
    y = narrow.critical_values(draw)
    found = depth_embedding(network, layer, width, points=x, key=key)
    wide = twin(found.network, x)
    assert np.abs(wide.outputs() - narrow.outputs()).max() < 1e-13
    assert narrow.slope(y) < 1e-14
    assert wide.slope(y) < 1e-13
    before, after = narrow.inertia(y), wide.inertia(y)
    assert found.degeneracy == zeros
    assert (after - before == [0, zeros, 0]).all()
    matrix, constant = found.matrix()
    assert np.abs(matrix @ flat(network) + constant - flat(found.network)).max() < 1e-13
    if name == "wider":
        assert np.abs(twin(found.network, 9 * x).outputs() - twin(network, 9 * x).outputs()).max() > 0.1  # off the data


def test_a_layer_off_the_segment_is_refused_and_no_critical_point(key, draw, x, twin, drawn, float64):
    network = drawn(MLP(2, 1, (3,), activation="relu", key=key))
    y = twin(network, x).critical_values(draw)
    found = depth_embedding(network, 1, points=x, key=key)
    deep = twin(found.network, x)
    reach = np.ptp(deep.run(deep.theta)[0][2][:, 1])
    pushed = found.chosen["bias"] - np.asarray([0.0, 0.75 * reach, 0.0])  # a quarter of it is beyond the kink
    off = eqx.tree_at(lambda n: n.layers[1].bias, found.network, jnp.asarray(pushed))
    assert twin(off, x).slope(y) > 1e-3
    with pytest.raises(InputError, match=r"the linearisation condition: .*new neuron 1 .*residual"):
        depth_embedding(network, 1, points=x, weight=found.chosen["weight"], bias=pushed)
    with pytest.raises(InputError, match=r"the rank condition: .*residual"):
        depth_embedding(network, 1, points=x, weight=np.zeros((3, 3)), bias=np.ones(3))


def test_where_no_layer_can_be_put_in(key, x):
    options = {"points": x, "key": key}
    with pytest.raises(InputError, match=r"an activation with an affine segment .*tanh"):
        depth_embedding(MLP(2, 1, (3,), key=key), 1, **options)
    with pytest.raises(InputError, match="the bias condition: a bias in layer 2"):
        depth_embedding(TwoLayer(2, 1, 3, activation="relu", key=key), 1, **options)
    with pytest.raises(InputError, match="width of at least 2"):
        depth_embedding(MLP(2, 2, (3,), activation="relu", key=key), 1, 1, **options)
    with pytest.raises(InputError, match="shortcuts carry"):
        depth_embedding(ResNet(2, 1, 2, 2, activation="relu", key=key), 1, **options)
    with pytest.raises(InputError, match="one depth only"):
        depth_embedding(SmallCNN((4, 4), 1, channels=(1, 2), width=1, key=key), 3, **options)
    with pytest.raises(InputError, match="points with 2 columns"):
        depth_embedding(MLP(2, 1, (3,), activation="relu", key=key), 1, points=[1.0, 2.0], key=key)
    with pytest.raises(InputError, match="a key"):
        depth_embedding(MLP(2, 1, (3,), activation="relu", key=key), 1, points=x)
