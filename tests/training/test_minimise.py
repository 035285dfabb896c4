"""SciPy's methods behind the door `minimise`: the same iterates as SciPy alone, and a run as any other."""

import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
from jax.tree_util import Partial

from simplebias.core.errors import DivergenceError, InputError
from simplebias.core.run import Run
from simplebias.core.schedule import every
from simplebias.core.snapshot import Measure, Record
from simplebias.core.task import Regression
from simplebias.networks import TwoLayer
from simplebias.training import loss_measure, minimise
from simplebias.training.interrupt import Interrupt

MODULE = sys.modules["simplebias.training.minimise"]
SCIPY = {"cg": "CG", "bfgs": "BFGS", "l-bfgs": "L-BFGS-B", "powell": "Powell"}
X = np.linspace(-1, 1, 15)
Y = np.sin(3 * X)


def wave(parameters, x):
    """One tanh neuron with a bias, in an order of parameters that is easy to write by hand."""
    return parameters["a"] * jnp.tanh(parameters["w"] * x + parameters["b"])


def network(start, dtype=np.float64):
    return Partial(wave, {name: jnp.asarray([value], dtype) for name, value in zip("abw", start, strict=True)})


def loss_by_hand(place):
    a, b, w = place
    return float(np.mean((a * np.tanh(w * X + b) - Y) ** 2))


def gradient_by_hand(place):
    a, b, w = place
    t = np.tanh(w * X + b)
    error = 2 / len(X) * (a * t - Y)
    return np.array([error @ t, error @ (a * (1 - t**2)), error @ (a * (1 - t**2) * X)])


@pytest.mark.parametrize("method", SCIPY)
def test_iterates_are_those_of_scipy_alone(method, key, float64):
    start, trail = np.array([0.5, 0.1, 0.7]), []
    alone = scipy.optimize.minimize(
        loss_by_hand, start, jac=None if method == "powell" else gradient_by_hand, method=SCIPY[method],
        callback=lambda x: trail.append(x.copy()), options={"maxiter": 12},
    )  # fmt: skip
    place = Measure(lambda s: jnp.concatenate([s.network.args[0][name] for name in "abw"]), dims=("feature",))
    task = Regression(jnp.asarray(X), jnp.asarray(Y))
    measures = {"loss": Record(loss_measure(task), at=every(1)), "place": Record(place, at=every(1))}
    run = minimise(network(start), task, method=method, steps=12, measures=measures, key=key)
    assert len(trail) == run.step > 2
    assert np.allclose(run.data["place"], [start, *trail], rtol=1e-6, atol=1e-9)
    assert np.allclose(run.data["loss"], [loss_by_hand(at) for at in [start, *trail]], rtol=1e-6, atol=1e-12)
    assert int(run.data["evaluations"][-1]) == alone.nfev
    assert {leaf.dtype.name for leaf in jax.tree.leaves(run.network)} == {"float64"}


@pytest.mark.parametrize("method", ["cg", "bfgs", "l-bfgs"])
def test_least_squares_are_solved(method, key, least_squares, linear_network):
    points, values, start, _, best = least_squares
    task = Regression(points, values)
    run = minimise(linear_network(start.astype(np.float32)), task, method=method, steps=50, key=key)
    assert np.allclose(run.network.args[0], best, atol=1e-3)
    assert run.network.args[0].dtype == np.float32
    assert run.outcome.name == "STOPPED"
    assert 0 < run.step == int(run.data["stopped_at"]) < 50
    assert run.provenance["minimise"]["ended"]["0"]


def test_members_are_trained_as_if_alone_and_rest_when_they_are_done(key, tmp_path):
    starts = np.array([[0.5, 0.1, 0.7], [1.0, 0.0, 2.5], [-0.3, 0.4, 0.2]])
    stack = Partial(wave, {name: jnp.asarray(starts[:, [i]], jnp.float32) for i, name in enumerate("abw")})
    task, records = (
        Regression(X, Y),
        {"outputs": Record(Measure(lambda s: s.outputs, ("point", "output")), at=every(1))},
    )
    options = {"method": "bfgs", "steps": 40, "key": key, "measures": records}
    run = minimise(stack, task, seeds=[7, 8, 9], out=tmp_path / "run", **options)
    assert run.data["outputs"].dims == ("seed", "record", "point", "output")
    assert Run.load(tmp_path / "run", stack).data.identical(run.data)
    assert run.data["stopped_at"].values.tolist() == [int(stop) for stop in run.data["stopped_at"]]
    for i, start in enumerate(starts):
        alone = minimise(network(start, np.float32), task, **options)
        stop = int(run.data["stopped_at"][i])
        assert stop == int(alone.data["stopped_at"])
        both = run.data["outputs"][i], alone.data["outputs"]
        assert np.array_equal(both[0][: stop + 1], both[1][: stop + 1])
        assert np.array_equal(both[0][stop:], np.broadcast_to(both[0][stop], both[0][stop:].shape))
        assert np.array_equal(run.network.args[0]["w"][i], alone.network.args[0]["w"])
    assert run.step == run.data["stopped_at"].max()


def test_it_stops_at_the_first_loss_below_the_threshold(key):
    task = Regression(X, Y)
    options = {"method": "bfgs", "steps": 30, "key": key, "measures": {"loss": Record(loss_measure(task), at=every(1))}}
    whole = minimise(network([0.5, 0.1, 0.7], np.float32), task, **options)
    until = float(whole.data["loss"][3]) * 1.001
    run = minimise(network([0.5, 0.1, 0.7], np.float32), task, until=until, **options)
    assert int(run.data["stopped_at"]) == int(np.argmax(whole.data["loss"].values < until)) == run.step
    assert np.array_equal(run.data["loss"], whole.data["loss"][: run.step + 1])


@pytest.mark.parametrize("method", ["bfgs", "powell"])
def test_a_loss_that_is_nan_is_divergence_with_the_run(method, key):
    bad = Partial(lambda w, x: jnp.sqrt(w) + 0 * x, jnp.asarray([-1.0]))
    with pytest.raises(DivergenceError, match="step 0") as caught:
        minimise(bad, Regression([0.0], [0.0]), method=method, steps=5, key=key)
    assert int(caught.value.run.data["diverged_at"]) == 0


def test_a_gradient_that_is_nan_is_no_success(key):
    """The derivative of sqrt |w| at 0 is NaN, which SciPy takes for a gradient below its tolerance."""
    bad = Partial(lambda w, x: jnp.sqrt(jnp.abs(w)) + 0 * x, jnp.asarray([0.0]))
    run = minimise(bad, Regression([0.0], [1.0]), method="bfgs", steps=5, key=key, throw=False)
    assert run.outcome.name == "DIVERGED"
    assert "gradient" in run.provenance["minimise"]["ended"]["0"]


class After(Interrupt):
    """Asks to stop after it was asked some times, as Ctrl-C does."""

    def __init__(self, questions):
        self.questions = questions

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    @property
    def wanted(self):
        self.questions -= 1
        return self.questions < 0


@pytest.mark.parametrize("questions", [0, 8, 30])
def test_broken_off_it_keeps_what_there_is_and_resumed_it_is_the_whole_run(monkeypatch, tmp_path, key, questions):
    starts = np.array([[0.5, 0.1, 0.7], [1.0, 0.0, 2.5]])
    stack = Partial(wave, {name: jnp.asarray(starts[:, [i]], jnp.float32) for i, name in enumerate("abw")})
    task = Regression(X, Y)
    measures = {"loss": Record(loss_measure(task), at=every(1))}

    def go(out, **options):
        return minimise(
            stack, task, method="bfgs", steps=14, key=key, seeds=[0, 1], out=out, measures=measures, **options
        )

    whole = go(tmp_path / "whole")
    assert whole.data["evaluations"][0, -1] < 29
    with monkeypatch.context() as patch:
        patch.setattr(MODULE, "Interrupt", lambda: After(questions))
        broken = go(tmp_path / "run")
    assert broken.outcome.name == "INTERRUPTED"
    assert Run.load(tmp_path / "run").data.identical(broken.data)
    kept = np.isfinite(broken.data["loss"].values)
    assert np.array_equal(broken.data["loss"].values[kept], whole.data["loss"].values[:, : kept.shape[1]][kept])
    assert kept.sum() >= {0: 0, 8: 3, 30: 15}[questions]
    again = go(tmp_path / "run", resume=True)
    assert again.data.identical(whole.data)
    assert again.provenance["minimise"] == whole.provenance["minimise"]
    assert all(jax.tree.leaves(jax.tree.map(np.array_equal, again.network, whole.network)))
    assert go(tmp_path / "run", resume=True).data.identical(whole.data)


def test_dropout_and_parameters_of_other_types_are_kept(key):
    """Dropout is the same at every call, so a line search sees a function; whole numbers are left alone."""
    make = TwoLayer(1, 1, 6, activation="tanh", key=key, dropout=0.3)
    run = minimise(make, Regression(X, Y), method="l-bfgs", steps=8, key=key)
    shapes = lambda tree: [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(eqx.filter(tree, eqx.is_array))]
    assert shapes(run.network) == shapes(make)
    table = Partial(lambda w, n, x: w * n[0] + 0 * x, jnp.asarray([1.0]), jnp.asarray([2]))
    run = minimise(table, Regression([0.0], [3.0]), method="bfgs", steps=9, key=key)
    assert np.isclose(run.network.args[0][0], 1.5, atol=1e-4)
    assert run.network.args[1].tolist() == [2]


def test_no_step_is_a_look_at_the_start(key):
    run = minimise(network([0.5, 0.1, 0.7], np.float32), Regression(X, Y), steps=0, key=key)
    assert run.outcome.name == "COMPLETED"
    assert np.isclose(float(run.data["loss"][0]), loss_by_hand([0.5, 0.1, 0.7]), rtol=1e-5)


def test_powell_over_many_parameters_says_what_it_costs(key):
    with pytest.warns(UserWarning, match="all 24 directions .* 720 evaluations"):
        minimise(TwoLayer(1, 1, 8, key=key), Regression(X, Y), method="powell", steps=0, key=key)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "newton"}, "cg, bfgs, l-bfgs, powell"),
        ({"method": "BFGS"}, "bfgs"),
        ({"steps": -1}, "steps"),
        ({"until": float("nan")}, "until"),
        ({"options": {"gtoll": 1e-3}}, "gtoll"),
        ({"options": {"maxiter": 3}}, "steps="),
        ({"measures": {"evaluations": Record(Measure(lambda s: s.outputs.mean()))}}, "evaluations"),
        ({"resume": True}, "folder"),
    ],
)
def test_what_cannot_be_done_is_refused(key, options, words):
    with pytest.raises(InputError, match=words):
        minimise(network([0.5, 0.1, 0.7], np.float32), Regression(X, Y), key=key, **options)


def test_complex_parameters_are_refused(key):
    twist = Partial(lambda c, x: jnp.abs(c) + 0 * x, jnp.asarray([1.0j]))
    with pytest.raises(InputError, match="real parameters"):
        minimise(twist, Regression([0.0], [0.0]), key=key)
