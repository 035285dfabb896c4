import time

import jax
import numpy as np
import optax
import pytest
import xarray as xr
from jax.tree_util import Partial

from simplebias.core.errors import InputError
from simplebias.core.run import Run
from simplebias.core.schedule import every, log_steps
from simplebias.core.snapshot import Measure, Record, evaluate
from simplebias.core.task import Regression
from simplebias.networks import TwoLayer, ensemble
from simplebias.training import Gradient, loop, train

POINTS = np.linspace(-1, 1, 20, dtype=np.float32)
TASK = Regression(POINTS, np.sin(4 * POINTS))
ADAM = Gradient(optax.adam(1e-2), batch_size=6)


def _outputs(snapshot):
    return snapshot.outputs


def _step(snapshot):
    return jax.numpy.asarray(snapshot.step, jax.numpy.int32)


def outputs(at):
    return Record(Measure(_outputs, dims=("point", "output")), at=at)


def steps(at):
    return Record(Measure(_step), at=at)


def test_records_are_taken_at_their_schedules_and_only_there(key):
    schedules = {"a": every(10), "b": [0, 3, 37, 99], "c": log_steps(6), "d": every(10), "e": [5]}
    measures = {name: steps(at) for name, at in schedules.items()}
    run = train(TwoLayer(1, 1, 4, key=key), TASK, updater=ADAM, steps=100, key=key, measures=measures)
    expected = {"a": range(0, 101, 10), "b": [0, 3, 37, 99], "d": range(0, 101, 10), "e": [5]}
    for name, wanted in expected.items():
        assert run.data[name].values.tolist() == list(wanted)
    for name in schedules:
        (dimension,) = run.data[name].dims
        assert np.array_equal(run.data[name], run.data[dimension.replace("record", "step")])
    assert run.data["a"].dims == run.data["d"].dims == ("record",)
    assert run.data["b"].dims == ("record_b",)


def test_first_and_last_record_are_the_networks_before_and_after(key):
    network = TwoLayer(1, 1, 8, key=key)
    run = train(network, TASK, updater=ADAM, steps=50, key=key, measures={"outputs": outputs([0, 50])})
    assert np.allclose(run.data["outputs"][0], evaluate(network, TASK.points), atol=1e-6)
    assert np.allclose(run.data["outputs"][-1], evaluate(run.network, TASK.points), atol=1e-6)
    assert not np.allclose(run.data["outputs"][0], run.data["outputs"][-1], atol=1e-2)


def test_no_steps_at_all_still_look_once(key):
    network = TwoLayer(1, 1, 4, key=key)
    run = train(network, TASK, steps=0, key=key, measures={"outputs": outputs(every(1))})
    assert run.data["outputs"].shape == (1, 20, 1)
    assert run.outcome.name == "COMPLETED"
    assert np.array_equal(run.network.layers[0].weight, network.layers[0].weight)


def test_a_schedule_beyond_the_end_keeps_nothing(key, tmp_path):
    network = TwoLayer(1, 1, 4, key=key)
    run = train(
        network, TASK, steps=5, key=key, measures={"late": steps([9]), "all": steps(every(1))}, out=tmp_path / "r"
    )
    assert run.step == 5
    assert run.data["late"].shape == (0,)
    assert run.data["all"].shape == (6,)
    assert Run.load(tmp_path / "r").data.identical(run.data)


def in_blocks(until, key):
    networks = ensemble(lambda k: TwoLayer(1, 1, 6, key=k), jax.random.split(key, 2))
    measures = {"outputs": outputs(every(7)), "steps": steps([0, 1, 2, 50, 90])}
    return train(networks, TASK, updater=ADAM, steps=90, key=key, seeds=[4, 9], measures=measures, until=until)


@pytest.mark.parametrize("until", [None, 0.35])
def test_how_steps_are_split_into_blocks_changes_nothing(key, monkeypatch, until):
    whole = in_blocks(until, key)
    for stops, seconds in [(32, 1e-9), (3, 1e9)]:
        monkeypatch.setattr(loop, "BLOCK_STOPS", stops)
        monkeypatch.setattr(loop, "BLOCK_SECONDS", seconds)
        split = in_blocks(until, key)
        assert whole.data.identical(split.data)
        assert whole.step == split.step
        assert all(jax.tree.leaves(jax.tree.map(np.array_equal, whole.network, split.network)))
    assert whole.outcome.name == ("COMPLETED" if until is None else "STOPPED")
    assert (whole.step < 90) == (until is not None)


def test_constants_and_labels_are_kept_and_stored(key, tmp_path):
    constants = xr.Dataset({"target": (("point", "output"), np.asarray(TASK.values))}, coords={"output": ["sine"]})
    measure = Measure(
        Partial(lambda names, s: s.outputs.mean() + 0 * names, np.arange(2.0)), dims=("part",),
        coords={"part": ["low", "high"]}, unit="m", description="A mean.", references=("xu2019frequency",),
        attributes={"panel": "means"},
    )  # fmt: skip
    measures = {"means": Record(measure, at=[0, 2]), "outputs": outputs([0, 2])}
    run = train(TwoLayer(1, 1, 4, key=key), TASK, steps=2, key=key, measures=measures, constants=constants,
                out=tmp_path / "run")  # fmt: skip
    assert run.data["means"].attrs == {
        "panel": "means", "units": "m", "description": "A mean.", "references": "xu2019frequency",
    }  # fmt: skip
    assert run.data["part"].values.tolist() == ["low", "high"]
    stored = Run.load(tmp_path / "run", TwoLayer(1, 1, 4, key=key))
    assert stored.data.equals(run.data)
    assert stored.data["means"].attrs == run.data["means"].attrs
    assert np.array_equal(stored.network.layers[0].weight, run.network.layers[0].weight)
    assert np.array_equal(stored.initial.layers[0].weight, run.initial.layers[0].weight)


@pytest.mark.parametrize("name", ["step", "outcome", "diverged_at"])
def test_a_record_called_like_what_a_run_holds_is_refused(key, name):
    with pytest.raises(InputError, match="Rename"):
        train(TwoLayer(1, 1, 4, key=key), TASK, steps=2, key=key, measures={name: steps([0])})


def test_a_record_called_like_a_constant_is_refused(key):
    constants = xr.Dataset({"a": 1.0})
    with pytest.raises(InputError, match="in both"):
        train(TwoLayer(1, 1, 4, key=key), TASK, steps=2, key=key, measures={"a": steps([0])}, constants=constants)


def test_labels_that_do_not_fit_the_measure_are_refused(key):
    measures = {"outputs": Record(Measure(_outputs, dims=("point",)))}
    with pytest.raises(InputError, match="dims"):
        train(TwoLayer(1, 1, 4, key=key), TASK, steps=2, key=key, measures=measures)


def test_measures_see_the_neurons_at_the_start(key):
    change = Measure(lambda s: abs(s.neurons[0].input_weights - s.initial[0].input_weights).max())
    network = TwoLayer(1, 1, 4, key=key)
    run = train(network, TASK, updater=ADAM, steps=20, key=key, measures={"change": Record(change, at=[0, 20])})
    moved = abs(run.network.layers[0].effective_weight - network.layers[0].effective_weight).max()
    assert run.data["change"].values.tolist() == [0.0, pytest.approx(float(moved), abs=1e-6)]


def test_the_next_block_is_found_at_once_among_many_records(key):
    network, records = TwoLayer(1, 1, 2, key=key), {"s": steps(every(1))}
    prepared = loop._Loop.prepare(network, TASK, key, ADAM, 200_000, records, None, None, None, None)
    prepared.step, prepared.looked, prepared.rate = 100_000, True, 1e6
    began = time.thread_time()
    for _ in range(100):
        block = prepared._next_block()
    assert time.thread_time() - began < 1  # sorting them anew each time takes seconds
    assert block.stops.tolist() == list(range(100_001, 100_001 + loop.BLOCK_STOPS))
