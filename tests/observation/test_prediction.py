"""What the linear Frequency Principle foretells of an observed network."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

import simplebias
from simplebias.data import Sample, complete
from simplebias.frequency import empirical_kernel, linearised_prediction
from simplebias.networks import AntiSymmetric, TwoLayer, ensemble
from simplebias.observation import observe
from simplebias.observation.observe import make_networks
from simplebias.observation.options import Options
from simplebias.observation.prediction import NOTE, PREDICTION, foretell, prediction_notes
from simplebias.observation.preparation import prepare

X = np.array([-1.0, -0.7, -0.2, 0.3, 0.6, 1.0])
Y = np.array([0.5, -0.5, 1.0, 0.2, -1.0, 0.3])


def prepared(x=X, y=Y, **options):
    names = {"input_names": ("x",), "input_units": ("",), "output_names": ("y",), "output_units": ("m",)}
    sample = complete(Sample("arrays", x[:, None], values=y[:, None], source="arrays in memory", **names))
    options = {"network": "two-layer", "activation": "relu", "validation": 0.0, "seeds": (0, 1)} | options
    chosen = Options(**options).resolved(sample)
    return prepare(sample, chosen), chosen


def made(data, chosen):
    return make_networks(data, chosen, jax.vmap(jax.random.key)(jnp.arange(len(chosen.seeds))))


@pytest.mark.parametrize(
    ("rule", "antisymmetric"), [("mean-field", True), ("mean-field", False), ("weight-std:1", True)]
)
def test_it_is_the_limit_of_the_tangent_kernel_whatever_the_multipliers(rule, antisymmetric, float64):
    """For biases that reach beyond the data. With the multipliers left out the mean-field limit would be cubic."""
    data, chosen = prepared(seeds=(0,), width=6000)

    def make(key):
        network = TwoLayer(1, 1, 6000, activation="relu", initialisation=rule, key=key)
        b = jax.random.uniform(key, (6000,), minval=-4, maxval=4)
        w = 3 * jax.random.uniform(jax.random.fold_in(key, 1), (6000, 1), minval=-1, maxval=1)
        network = eqx.tree_at(lambda n: (n.layers[0].weight, n.layers[0].bias), network, (w, b))
        return AntiSymmetric(network) if antisymmetric else network

    network = make(jax.random.key(0))
    others = np.linspace(-1, 1, 41)[:, None]
    start = jax.vmap(network)(jnp.asarray(data.points))
    kernel, cross = empirical_kernel(network, data.points), empirical_kernel(network, others, data.points)
    change = linearised_prediction(kernel, cross, start - data.targets, [np.inf])[0]
    limit = np.asarray(jax.vmap(network)(jnp.asarray(others)) + change)
    wider = dataclasses.replace(data, points=np.concatenate([data.points, others]), training=np.arange(6))
    both = foretell(ensemble(make, jax.random.key(0)[None]), wider, chosen)[PREDICTION].values[0]
    np.testing.assert_allclose(both[:6], Y[:, None], atol=2e-3)
    exact = limit * data.stretch + data.shift
    assert np.linalg.norm(both[6:] - exact) < 0.12 * np.linalg.norm(exact - exact.mean())


@pytest.mark.parametrize(
    ("options", "variables"),
    [
        ({"activation": "tanh"}, [PREDICTION]),
        ({"activation": "ricker:0.5", "init": "ntk"}, [PREDICTION]),
        ({"activation": "sin:20", "antisymmetric": True}, [PREDICTION]),
        ({"network": "mlp"}, []),
        ({"activation": "gelu"}, []),
    ],
)
def test_which_networks_are_foretold(options, variables):
    data, chosen = prepared(**options)
    found = foretell(made(data, chosen), data, chosen)
    assert list(found.data_vars) == variables
    assert NOTE not in found.attrs
    for name in variables:
        assert found[name].shape == (2, 6, 1)
        assert found[name].attrs["units"] == "m"


def test_what_the_model_cannot_do_becomes_a_note():
    for x, word in (
        (np.linspace(-1, 1, 502), "500"),
        (np.r_[X[:-1], X[0]], "distinct"),
        (np.r_[X[:-1], -1 + 1e-9], ""),
    ):
        data, chosen = prepared(x, np.cos(np.arange(len(x))))
        found = foretell(made(data, chosen), data, chosen)
        assert not found.data_vars
        assert word in found.attrs[NOTE]
        (note,) = prediction_notes(found)
        assert note.startswith("no LFP prediction: ")
    smooth, chosen = prepared(np.linspace(-1, 1, 40), np.cos(np.arange(40)), activation="tanh")
    assert "singular" in foretell(made(smooth, chosen), smooth, chosen).attrs[NOTE]
    assert prediction_notes(xr.Dataset()) == []


@pytest.mark.parametrize(
    ("scale", "moved", "words"),
    [
        (1.0, 0.01, ["differ by 0 %", "stayed in", "tells what was learned"]),
        (1.5, 0.01, ["differ by 50 %", "stayed in", "not trained to the end"]),
        (1.5, 2.0, ["differ by 50 %", "left", "not meant"]),
        (np.nan, 2.0, ["did not stay finite"]),
    ],
)
def test_the_sentence_says_how_far_they_are_apart(scale, moved, words):
    foretold = np.array([-1.0, 0.0, 1.0])[None, :, None]
    data = xr.Dataset({
        PREDICTION: (("seed", "point", "output"), foretold),
        "outputs": (("seed", "record_view", "point", "output"), np.stack([0 * foretold, scale * foretold], axis=1)),
        "relative_change": (("seed", "record", "layer"), np.array([[[0.0], [moved]]])),
    })
    (note,) = prediction_notes(data)
    for word in words:
        assert word in note


def test_a_run_keeps_it_and_tells_of_it(tmp_path):
    quick = {"network": "two-layer", "activation": "relu", "width": 40, "steps": 20, "seeds": 2, "validation": 0.0}
    run = observe(X, Y, out=tmp_path / "run", **quick)
    assert run.data[PREDICTION].shape == (2, 6, 1)
    assert "LFP prediction differ by" in " ".join(run.provenance["summary"]["notes"])
    loaded = simplebias.Run.load(tmp_path / "run")
    xr.testing.assert_identical(loaded.data, run.data)
    assert "LFP prediction" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
