"""What fills in memory is what grows on disk, and what was not reached is not there."""

import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from simplebias.core.errors import InputError, Outcome
from simplebias.core.recorder import Recorder, plan_slots
from simplebias.core.run import DATA, Run, write_description
from simplebias.core.schedule import every, log_steps
from simplebias.core.snapshot import Measure, Record
from simplebias.core.types import FEATURE, FREQUENCY, RECORD

TOTAL = 100
FREQUENCIES = np.array([0.0, 0.5, 1.0])


def make_records() -> dict[str, Record]:
    loss = Measure(lambda s: s.outputs.mean(), description="Loss.")
    spectrum = Measure(
        lambda s: jnp.zeros(3, jnp.complex64),
        dims=(FREQUENCY,),
        coords={FREQUENCY: FREQUENCIES},
        unit="m",
        references=("xu2019frequency", "xu2018training"),
        attributes={"window": "none"},
    )
    feature = Measure(lambda s: jnp.zeros(2), dims=(FEATURE,), coords={FEATURE: ["orientation", "amplitude"]})
    count = Measure(lambda s: jnp.zeros((), jnp.int32))
    return {
        "loss": Record(loss, at=every(1)),
        "count": Record(count, at=every(1)),
        "spectrum": Record(spectrum, at=every(50)),
        "features": Record(feature, at=[0, 7]),
    }


SHAPES = {
    "loss": ((), np.dtype(np.float32)),
    "count": ((), np.dtype(np.int32)),
    "spectrum": ((3,), np.dtype(np.complex64)),
    "features": ((2,), np.dtype(np.float32)),
}


def make_recorder(members: int | None) -> Recorder:
    records = make_records()
    numbers = None if members is None else np.arange(members) + 5
    return Recorder(records, plan_slots(records, TOTAL), SHAPES, numbers, constants=xr.Dataset({"noise": ((), 0.5)}))


def value(recorder: Recorder, name: str, first: int, count: int) -> np.ndarray:
    shape, dtype = SHAPES[name]
    leading = (count,) if recorder.members is None else (len(recorder.members), count)
    size = int(np.prod((*leading, *shape)))
    return (np.arange(size).reshape(*leading, *shape) * 10 + first * 1000 + 1).astype(dtype)


def fill(recorder: Recorder, until: int, after=lambda: None) -> int:
    """Put everything up to `until`, in uneven portions; returns the step that was reached."""
    portions = [0, 1, 2, 34, 35, 90, TOTAL]
    step = 0
    for low, high in zip([-1, *portions[:-1]], portions, strict=True):
        if high > until:
            break
        for name, slot in recorder.slots.items():
            rows = np.flatnonzero((slot.steps > low) & (slot.steps <= high))
            if rows.size:
                recorder.put(name, int(rows[0]), value(recorder, name, int(rows[0]), rows.size))
        step = high
        after()
    return step


def test_equal_schedules_share_a_dimension_and_the_first_is_plain():
    slots = plan_slots(make_records(), TOTAL)
    assert {name: slot.dimension for name, slot in slots.items()} == {
        "loss": RECORD,
        "count": RECORD,
        "spectrum": "record_spectrum",
        "features": "record_features",
    }
    assert slots["features"].steps.tolist() == [0, 7]


@given(st.dictionaries(st.sampled_from("abcdef"), st.lists(st.integers(0, 9), min_size=1, max_size=4), min_size=1))
def test_two_records_share_a_dimension_exactly_if_they_share_their_steps(wanted):
    measure = Measure(lambda s: s.outputs.mean())
    slots = plan_slots({name: Record(measure, at=steps) for name, steps in wanted.items()}, 9)
    assert any(slot.dimension == RECORD for slot in slots.values())
    for one in wanted:
        for other in wanted:
            same = sorted({*wanted[one]}) == sorted({*wanted[other]})
            assert (slots[one].dimension == slots[other].dimension) == same


@pytest.mark.parametrize("members", [None, 2])
def test_labels(members):
    data = make_recorder(members).data
    leading = () if members is None else ("seed",)
    assert data["loss"].dims == (*leading, "record")
    assert data["spectrum"].dims == (*leading, "record_spectrum", "frequency")
    assert data["spectrum"].attrs["units"] == "m"
    assert data["spectrum"].attrs["window"] == "none"
    assert data["spectrum"].attrs["references"] == "xu2019frequency xu2018training"
    assert data["step_spectrum"].values.tolist() == [0, 50, 100]
    assert data["step"].attrs["units"] == "steps"
    np.testing.assert_array_equal(data["frequency"], FREQUENCIES)
    assert data["features"].coords["feature"].values.tolist() == ["orientation", "amplitude"]
    if members is not None:
        assert data["seed"].values.tolist() == [5, 6]
    assert float(data["noise"]) == pytest.approx(0.5)


@pytest.mark.parametrize("members", [None, 2])
def test_what_grows_on_disk_is_what_is_in_memory(tmp_path, members):
    memory, disk = make_recorder(members), make_recorder(members)
    fill(memory, TOTAL)
    disk.attach(tmp_path, fresh=True)
    run = Run(disk.data, outcome=Outcome.COMPLETED, step=TOTAL)
    fill(disk, TOTAL, after=lambda: disk.flush(run))
    xr.testing.assert_identical(disk.completed(TOTAL), memory.completed(TOTAL))
    xr.testing.assert_identical(Run.load(tmp_path).data, memory.completed(TOTAL))


@pytest.mark.parametrize("until", [0, 34, 99])
def test_records_not_reached_are_left_out(tmp_path, until):
    recorder = make_recorder(2)
    recorder.attach(tmp_path, fresh=True)
    step = fill(recorder, until)
    recorder.flush(Run(recorder.data, outcome=Outcome.INTERRUPTED, step=step))
    loaded = Run.load(tmp_path)
    assert (loaded.step, loaded.outcome) == (step, Outcome.INTERRUPTED)
    assert loaded.data["step"].values.tolist() == list(range(step + 1))
    assert loaded.data["step_spectrum"].values.max() <= step
    assert np.isfinite(loaded.data["loss"]).all()
    xr.testing.assert_identical(loaded.data, recorder.completed(step))


def test_a_recorder_goes_on_where_a_store_stopped(tmp_path):
    first, second, memory = make_recorder(2), make_recorder(2), make_recorder(2)
    first.attach(tmp_path, fresh=True)
    step = fill(first, 35)
    first.flush(Run(first.data, outcome=Outcome.INTERRUPTED, step=step))
    second.attach(tmp_path, fresh=False)
    xr.testing.assert_identical(second.completed(step), first.completed(step))
    fill(second, TOTAL)
    second.flush(Run(second.data, step=TOTAL))
    fill(memory, TOTAL)
    xr.testing.assert_identical(Run.load(tmp_path).data, memory.completed(TOTAL))


def test_what_is_beyond_run_json_is_not_believed(tmp_path):
    """A crash between data and run.json leaves data that run.json does not know of."""
    recorder = make_recorder(None)
    recorder.attach(tmp_path, fresh=True)
    run = Run(recorder.data, outcome=Outcome.INTERRUPTED, step=TOTAL)
    fill(recorder, TOTAL)
    recorder.flush(run)
    run.step = 34
    write_description(tmp_path, run)
    assert Run.load(tmp_path).data["step"].values.max() == 34


def test_flushes_are_as_rare_as_asked(tmp_path):
    recorder = make_recorder(None)
    run = Run(recorder.data, step=TOTAL)
    recorder.flush(run)  # nowhere to write to: nothing happens
    recorder.attach(tmp_path, fresh=True)
    fill(recorder, TOTAL)
    recorder.flush(run, every=1000.0)
    assert not (tmp_path / "run.json").exists()
    recorder.flush(run)
    assert (tmp_path / "run.json").exists()


def test_a_chunk_holds_few_records_and_all_of_the_rest(tmp_path):
    import zarr

    recorder = make_recorder(2)
    recorder.attach(tmp_path, fresh=True)
    group = zarr.open_group(tmp_path / DATA, mode="r")
    assert group["loss"].chunks == (2, 32)
    assert group["spectrum"].chunks == (2, 3, 3)


def refused(records: dict[str, Record], shapes: dict) -> str:
    with pytest.raises(InputError) as caught:
        Recorder(records, plan_slots(records, TOTAL), shapes, None)
    return str(caught.value)


def test_labels_that_do_not_fit_are_refused():
    vector = (3,), np.dtype(np.float32)
    flat = Record(Measure(lambda s: s.outputs), at=log_steps(3))
    assert "'loss'" in refused({"loss": flat}, {"loss": vector})
    same = Record(Measure(lambda s: s.outputs, dims=(FREQUENCY,)), at=log_steps(3))
    assert "Rename" in refused({FREQUENCY: same}, {FREQUENCY: vector})
    one, other = (
        Record(Measure(lambda s: s.outputs, dims=(FREQUENCY,), coords={FREQUENCY: values}), at=log_steps(3))
        for values in (FREQUENCIES, 2 * FREQUENCIES)
    )
    assert "dimension of its own" in refused({"one": one, "other": other}, {"one": vector, "other": vector})
    longer = (4,), np.dtype(np.float32)
    assert "dimension of its own" in refused({"one": one, "longer": same}, {"one": vector, "longer": longer})


def test_a_record_that_never_comes_takes_no_room(tmp_path):
    records = {"late": Record(Measure(lambda s: s.outputs.mean()), at=[1000])}
    recorder = Recorder(records, plan_slots(records, TOTAL), {"late": ((), np.dtype(np.float32))}, None)
    recorder.attach(tmp_path, fresh=True)
    recorder.flush(Run(recorder.data, step=TOTAL))
    assert Run.load(tmp_path).data["late"].shape == (0,)
