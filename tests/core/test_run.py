"""A run that is saved and loaded is the same run; a damaged one is refused."""

import json
import shutil
import subprocess
import sys
import textwrap

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from simplebias.core.errors import Outcome, StorageError
from simplebias.core.run import DATA, INITIAL, WEIGHTS, Run, completed, is_record, load_network, provenance, step_name
from simplebias.core.storage import FORMAT, MARKER, specification_hash


def make_run(step: int = 100, **changes) -> Run:
    spectrum = np.array([[1 + 2j, np.nan + 1j], [0.5j, -1.0]], np.complex64)
    data = xr.Dataset(
        {
            "loss": (
                "record",
                np.array([1.0, 0.5, np.nan], np.float32),
                {"units": "", "references": "xu2019frequency"},
            ),
            "spectrum": (("record_spectrum", "frequency"), spectrum, {"units": "1"}),
            "features": (("record", "feature"), np.arange(6, dtype=np.float64).reshape(3, 2)),
            "outcome": ("seed", np.array([0, 3], np.int32)),
        },
        coords={
            "step": ("record", np.array([0, 10, 100])),
            "step_spectrum": ("record_spectrum", np.array([0, 100])),
            "frequency": ("frequency", np.array([0.0, 0.1]), {"units": "cycles per year"}),
            "feature": ["orientation", "amplitude"],
        },
        attrs={"title": "a µ-run", "nothing": float("inf")},
    )
    specification = {"seed": 1, "width": 8}
    return Run(data=data, provenance=provenance(specification), step=step, **changes)


@pytest.fixture
def network(key):
    return eqx.nn.MLP(1, 1, 4, 1, key=key)


def test_a_round_trip_keeps_everything(tmp_path, network):
    other = jax.tree.map(lambda leaf: leaf * 2 if eqx.is_array(leaf) else leaf, network)
    run = make_run(network=network, initial=other, outcome=Outcome.STOPPED)
    path = run.save(tmp_path / "run")
    assert run.path == path
    loaded = Run.load(path, like=network)
    xr.testing.assert_identical(loaded.data, run.data)
    for name in run.data.variables:
        assert loaded.data[name].dtype == run.data[name].dtype, name
    assert eqx.tree_equal(loaded.network, network)
    assert eqx.tree_equal(loaded.initial, other)
    assert (loaded.outcome, loaded.step, loaded.path) == (Outcome.STOPPED, 100, path)
    assert loaded.provenance == json.loads(json.dumps(run.provenance))


def test_a_loaded_run_is_saved_again(tmp_path):
    first = make_run()
    first.save(tmp_path / "first")
    second = Run.load(tmp_path / "first")
    second.save(tmp_path / "second")
    xr.testing.assert_identical(Run.load(tmp_path / "second").data, first.data)


def test_nothing_in_the_folder_is_pickled(tmp_path, network):
    make_run(network=network, initial=network).save(tmp_path / "run")
    names = {file.name for file in (tmp_path / "run").iterdir()}
    assert names == {MARKER, DATA, WEIGHTS, INITIAL}
    for file in (tmp_path / "run").rglob("*"):
        assert file.is_dir() or not file.read_bytes().startswith(b"\x80\x04"), file


def test_an_ensemble_keeps_its_axis(tmp_path, key):
    networks = eqx.filter_vmap(lambda k: eqx.nn.Linear(1, 1, key=k))(jax.random.split(key, 3))
    make_run(network=networks, initial=networks).save(tmp_path / "run")
    assert Run.load(tmp_path / "run", like=networks).network.weight.shape == (3, 1, 1)


def test_records_that_were_not_reached_are_left_out(tmp_path):
    make_run(step=50).save(tmp_path / "run")
    data = Run.load(tmp_path / "run").data
    assert data["step"].values.tolist() == [0, 10]
    assert data["step_spectrum"].values.tolist() == [0]
    assert data["spectrum"].shape == (1, 2)


def test_record_dimensions_and_their_steps():
    assert is_record("record")
    assert is_record("record_spectrum")
    assert not is_record("recorder")
    assert (step_name("record"), step_name("record_record")) == ("step", "step_record")
    assert completed(make_run().data, -1).sizes["record"] == 0


def test_provenance_says_where_and_with_what():
    specification = {"seed": 3}
    made = provenance(specification)
    assert made["specification"] == specification
    assert made["specification_hash"] == specification_hash(specification)
    assert {"python", "simplebias", "jax", "equinox"} <= made["versions"].keys()
    assert made["started"].endswith("+00:00")


def test_a_run_is_never_saved_over_anything(tmp_path):
    run = make_run()
    run.save(tmp_path / "run")
    before = (tmp_path / "run" / MARKER).read_bytes()
    with pytest.raises(StorageError, match="already holds a run"):
        make_run(step=1).save(tmp_path / "run")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "dear").write_text("dear")
    with pytest.raises(StorageError, match="other files"):
        run.save(tmp_path / "other")
    assert (tmp_path / "run" / MARKER).read_bytes() == before
    assert [file.name for file in (tmp_path / "other").iterdir()] == ["dear"]


def damage_data(path):
    for file in (path / DATA).rglob("*"):
        if file.is_file():
            file.write_bytes(b"\x00")


def remove_data(path):
    shutil.rmtree(path / DATA)


def edit(**changes):
    def change(path):
        description = json.loads((path / MARKER).read_text())
        (path / MARKER).write_text(json.dumps({**description, **changes}))

    return change


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_data, "damaged"),
        (remove_data, "damaged"),
        (edit(outcome="FINE"), "damaged"),
        (edit(step="many"), "damaged"),
        (edit(format=FORMAT + 1), "upgrade simplebias"),
        (lambda path: (path / MARKER).write_text("{"), "damaged"),
        (lambda path: (path / MARKER).unlink(), "no run in"),
    ],
)
def test_a_damaged_or_newer_run_is_refused(tmp_path, damage, message):
    path = make_run().save(tmp_path / "run")
    damage(path)
    with pytest.raises(StorageError, match=message):
        Run.load(path)


def test_weights_that_are_missing_damaged_or_of_another_shape(tmp_path, network, key):
    path = make_run(network=network).save(tmp_path / "run")
    with pytest.raises(StorageError, match=r"initial\.eqx does not exist"):
        Run.load(path, like=network)
    with pytest.raises(StorageError, match="does not fit"):
        load_network(path / WEIGHTS, eqx.nn.MLP(1, 1, 9, 1, key=key))
    content = (path / WEIGHTS).read_bytes()
    (path / WEIGHTS).write_bytes(content[: len(content) // 2])
    with pytest.raises(StorageError, match="damaged"):
        load_network(path / WEIGHTS, network)


def test_a_full_disk_is_a_sentence(tmp_path):
    code = """
        import resource, sys
        import numpy as np, xarray as xr
        from simplebias.core.errors import StorageError
        from simplebias.core.run import Run
        run = Run(xr.Dataset({"noise": ("point", np.random.default_rng(0).normal(size=100_000))}))
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
        try:
            run.save(sys.argv[1])
        except StorageError as error:
            print(error)
    """
    answer = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "run")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    assert "cannot write" in answer.stdout
    assert "data.zarr" in answer.stdout


def test_a_report_needs_a_place():
    with pytest.raises(StorageError, match="no folder"):
        make_run().report()


def test_a_value_of_the_wrong_precision_is_not_made_up(tmp_path, float64):
    data = xr.Dataset({"loss": ("record", np.array([1 / 3]))}, coords={"step": ("record", [0])})
    path = Run(data=data, network=jnp.array([1 / 3])).save(tmp_path / "run")
    assert Run.load(path).data["loss"].values.tolist() == [1 / 3]
    assert load_network(path / WEIGHTS, jnp.zeros(1)).tolist() == [1 / 3]
