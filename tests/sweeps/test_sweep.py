"""Sweeps: every cell is what training it alone gives, a killed sweep ends with the same dataset, errors at the door."""

import json

import jax
import numpy as np
import pytest

from simplebias.core.errors import InputError, Outcome, StorageError
from simplebias.core.task import Regression
from simplebias.networks import AntiSymmetric, TwoLayer
from simplebias.sweeps import Specification, compute, lay_out, open_sweep, sweep, sweep_status
from simplebias.sweeps.bundles import slots_of
from simplebias.sweeps.store import CELLS, WAITING, Store
from simplebias.training import NormalisedFlow, train
from simplebias.training.slots import go

UNTIL = 1e-3
GRID = Specification(
    {"gamma": [0.5, 1.0, 1.5], "width": [20, 40], "seed": 3},
    measures=("relative_change", "features"),
    experiment="phase",
    until=UNTIL,
    steps=2000,
    bundle=4,
)
LEARNING = Specification(
    {"learning_rate": [1e-2, 1e3], "seed": 2},
    settings={"network": "two-layer", "width": 5, "optimiser": "gd"},
    steps=60,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("sweeps") / "grid"


@pytest.fixture(scope="module")
def data(folder):
    return sweep(GRID, out=folder)


def test_one_dataset_along_the_axes(data):
    assert data["loss"].dims == ("gamma", "width", "seed")
    assert data["relative_change"].dims == ("gamma", "width", "seed", "layer")
    assert (data["outcome"] == Outcome.STOPPED).all()
    assert (data["loss"] < UNTIL).all()
    narrow = data["features"].sel(width=20)
    assert narrow.isnull().isel(neuron=slice(40, None)).all()  # room for the widest, both copies
    assert not narrow.isel(neuron=slice(40)).isnull().any()


@pytest.mark.parametrize(("gamma", "width", "seed"), [(0.5, 20, 0), (1.5, 40, 2)])
def test_a_cell_is_what_training_it_alone_gives(data, gamma, width, seed):
    key, x = jax.random.key(seed), np.array([-1 / 2, -1 / 6, 1 / 6, 1 / 2])
    # other scales (α, β1, β2) of the same (γ, γ'): the flow must not tell them apart
    network = AntiSymmetric(TwoLayer(1, 1, width, activation="relu", initialisation=f"phase:{gamma},0", key=key))
    run = train(network, Regression(x, x**2), updater=NormalisedFlow(), steps=2000, until=UNTIL, key=key)
    cell = data.sel(gamma=gamma, width=width, seed=seed)
    first, last = run.initial.neurons()[0].extended, run.network.neurons()[0].extended
    moved = np.linalg.norm(last - first) / np.linalg.norm(first)
    assert abs(int(cell["steps"]) - run.step) <= 1
    assert float(cell["relative_change"][0]) == pytest.approx(moved, rel=2e-3)


def test_broken_off_and_resumed_it_is_the_same(data, folder, tmp_path):
    half = tmp_path / "half"
    store = Store.make(half, GRID, {}, {}, resume=False)  # as after a kill before anything was computed
    import shutil

    shutil.rmtree(half / CELLS)
    shutil.copytree(folder / CELLS, half / CELLS)
    group = store.layout.bundles[1].number
    blank = {name: np.full_like(values, -1) for name, values in _rows(folder, group).items() if name == "outcome"}
    store.write(group, blank)
    assert store.waiting() == [group]
    assert sweep_status(half) == {"waiting": len(store.layout.bundles[1].cells), "stopped": 14}
    again = sweep(GRID, out=half, resume=True)
    for name in data:
        np.testing.assert_array_equal(again[name], data[name])


def _rows(folder, number):
    import zarr

    store = Store(folder)
    first = number * store.layout.size
    return {
        name: np.asarray(array[first : first + store.layout.size])
        for name, array in zarr.open_group(folder / CELLS, mode="r").arrays()
        if array.shape[:1] == (store.layout.rows,)
    }


def test_a_finished_sweep_computes_nothing_more(data, folder, monkeypatch):
    monkeypatch.setattr("simplebias.sweeps.executors.compute", None)
    again = sweep(GRID, out=folder, resume=True)
    assert again.identical(data)
    assert open_sweep(folder).identical(data)


def test_each_width_is_compiled_once(data):
    before = go._cached._cache_size()
    sweep(GRID)
    assert go._cached._cache_size() == before
    layout = lay_out(GRID)
    assert len(layout.shapes) == 2
    assert {slots_of(GRID, one) for one in layout.shapes} == {4}


def test_a_diverged_cell_is_marked_and_harms_no_other():
    data = sweep(LEARNING)
    assert (data["outcome"].sel(learning_rate=1e3) == Outcome.DIVERGED).all()
    calm = data.sel(learning_rate=1e-2)
    assert (calm["outcome"] == Outcome.COMPLETED).all()
    assert np.isfinite(calm["loss"]).all()
    assert (calm["steps"] == 60).all()


def test_bundles_hold_every_cell_once_in_chunks_of_their_own():
    layout = lay_out(GRID)
    cells = [cell for bundle in layout.bundles for cell in bundle.cells]
    assert sorted(cells) == list(range(18))
    for bundle in layout.bundles:
        assert {int(row) // layout.size for row in layout.row[list(bundle.cells)]} == {bundle.number}
        assert len({GRID.cell(cell)["width"] for cell in bundle.cells}) == 1


def test_a_folder_is_never_taken(folder, data, tmp_path):
    with pytest.raises(StorageError, match="already holds a sweep"):
        sweep(GRID, out=folder)
    other = Specification({**GRID.axes, "gamma": [0.6]}, experiment="phase")
    with pytest.raises(StorageError, match="sweep of another specification"):
        sweep(other, out=folder, resume=True)
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(StorageError, match="already holds other files"):
        sweep(GRID, out=tmp_path)
    with pytest.raises(StorageError, match="no sweep in"):
        open_sweep(tmp_path)
    with pytest.raises(InputError, match="out=FOLDER"):
        sweep(GRID, resume=True)


def test_a_kill_between_marker_and_store_can_be_resumed(tmp_path, data):
    path = tmp_path / "killed"
    path.mkdir()
    (path / "sweep.json").write_text(json.dumps(json.loads((Store(_made(tmp_path)).path / "sweep.json").read_text())))
    (path / ".cells.zarr.1.tmp").mkdir()
    again = sweep(LEARNING, out=path, resume=True)
    assert (again["outcome"] != WAITING).all()


def _made(tmp_path):
    Store.make(tmp_path / "other", LEARNING, {}, {}, resume=False)
    return tmp_path / "other"


def test_a_worker_is_given_plain_things(tmp_path):
    store = Store.make(tmp_path / "sweep", LEARNING, {}, {}, resume=False)
    assert compute(str(store.path), 0, 1e9) == 0
    assert store.waiting() == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"axes": {}}, "at least one axis"),
        ({"axes": {"gama": [1.0]}}, "Did you mean 'gamma'"),
        ({"axes": {"gamma": []}}, "at least one value"),
        ({"axes": {"gamma": [1.0, 1.0]}}, "different values"),
        ({"axes": {"gamma": "1.0"}}, "as a list"),
        ({"settings": {"gamma": 1.0}}, "as both"),
        ({"measures": ["feature"]}, "Did you mean 'features'"),
        ({"steps": 0}, "steps"),
        ({"until": -1.0}, "until"),
        ({"precision": "float16"}, "precision"),
        ({"experiment": "faze"}, "experiment as one of"),
        ({"experiment": "numpy:zeros"}, "as an Experiment"),
        ({"experiment": "no_such_module:x"}, "can be imported"),
    ],
)
def test_what_cannot_be_swept_is_refused(changes, words):
    given = {"axes": {"gamma": [0.5]}, "experiment": "phase"} | changes
    with pytest.raises(InputError, match=words):
        Specification(**given)


def test_toml_is_read_back(tmp_path):
    path = tmp_path / "grid.toml"
    path.write_text('experiment = "phase"\nuntil = 1e-4\n[axes]\ngamma = [0.5, 1.5]\nseed = 2\n')
    read = Specification.read(path)
    assert Specification.from_dict(json.loads(json.dumps(read.to_dict()))) == read
    assert read.axes["seed"] == (0, 1)
    path.write_text("axes = [")
    with pytest.raises(StorageError, match="is no TOML"):
        Specification.read(path)
    path.write_text("axis = 1")
    with pytest.raises(InputError, match="Did you mean 'axes'"):
        Specification.read(path)
