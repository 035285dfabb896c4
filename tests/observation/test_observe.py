import importlib.util
import json

import jax
import numpy as np
import pytest
import xarray as xr

import simplebias
from simplebias.core.errors import InputError, Outcome, StorageError
from simplebias.frequency import convergence_step
from simplebias.observation import observe, resume_observation

X = np.linspace(-1, 1, 96, endpoint=False)
Y = np.sin(np.pi * X) + np.sin(5 * np.pi * X)
QUICK = {"width": 32, "depth": 2, "steps": 60, "seeds": 2}


@pytest.fixture(scope="module")
def two_tones(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "tones"
    return observe(X, Y, width=64, depth=2, steps=3000, seeds=(11, 12, 13), input_scale=3.0, validation=0.0, out=folder)


def test_low_frequency_is_learned_first(two_tones):
    data = two_tones.data
    errors = data["relative_error"].transpose("record", "frequency", "seed")
    steps = np.asarray(convergence_step(errors.values, data["step"].values, threshold=0.2))
    frequencies = data["frequency"].values
    slow, fast = (int(np.argmin(abs(frequencies - f))) for f in (0.5, 2.5))
    assert np.isfinite(steps[slow]).all()
    assert (steps[slow] < np.where(np.isfinite(steps[fast]), steps[fast], np.inf)).all()


def test_frequencies_are_in_units_of_the_data_whatever_the_scaling(two_tones):
    power = np.abs(two_tones.data["target_spectrum"].values[:, 0])
    peaks = two_tones.data["frequency"].values[np.sort(np.argsort(power)[-2:])]
    np.testing.assert_allclose(peaks, [0.5, 2.5], rtol=1e-6)


def test_outputs_come_back_in_units_of_the_data_and_belong_to_the_network(two_tones):
    network = jax.tree.map(lambda leaf: leaf[1] if isinstance(leaf, jax.Array) else leaf, two_tones.network)
    scaled = (X - (X.min() + X.max()) / 2) / (np.ptp(X) / 2) * 3.0
    outputs = np.asarray(jax.vmap(network)(scaled[:, None].astype(np.float32)))
    last = two_tones.data["outputs"].isel(seed=1, record_outputs=-1)
    np.testing.assert_allclose(last, outputs * Y.std() + Y.mean(), atol=1e-5)


def test_the_folder_holds_data_weights_specification_and_report(two_tones):
    folder = two_tones.path
    for name in ("data.zarr", "weights.eqx", "initial.eqx", "specification.json", "run.json", "report.html"):
        assert (folder / name).exists(), name
    assert json.loads((folder / "data.zarr" / "zarr.json").read_text())["zarr_format"] == 3
    loaded = simplebias.Run.load(folder)
    xr.testing.assert_identical(loaded.data, two_tones.data)
    assert loaded.provenance["summary"] == json.loads(json.dumps(two_tones.provenance["summary"]))


def test_the_summary_has_bands_stopping_neurons_and_advice(two_tones):
    summary = two_tones.provenance["summary"]
    titles = " ".join(table["title"] for table in summary["tables"])
    for word in ("learned", "stop", "Effective neurons", "moved"):
        assert word in titles
    assert summary["advice"]
    rows = {row[0]: row for row in summary["tables"][0]["rows"]}
    assert rows["0.5 cycles"][1] == "50 %"


def test_weights_load_into_a_network_of_the_same_shape(two_tones):
    loaded = simplebias.Run.load(two_tones.path, like=two_tones.network)
    for one, other in zip(jax.tree.leaves(loaded.network), jax.tree.leaves(two_tones.network), strict=True):
        np.testing.assert_array_equal(one, other)


def test_same_seeds_same_run():
    first, second = (observe(X, Y, **QUICK) for _ in range(2))
    xr.testing.assert_identical(first.data, second.data)
    other = observe(X, Y, **QUICK | {"seeds": (0, 7)})
    np.testing.assert_allclose(other.data["loss"].sel(seed=0), first.data["loss"].sel(seed=0), rtol=1e-5)
    assert not np.allclose(other.data["loss"].sel(seed=7), first.data["loss"].sel(seed=1))


def test_a_finished_run_is_not_taken_twice_and_resuming_it_changes_nothing(tmp_path):
    out = tmp_path / "run"
    run = observe(X, Y, out=out, **QUICK)
    with pytest.raises(StorageError, match="--resume"):
        observe(X, Y, out=out, **QUICK)
    again = observe(X, Y, out=out, resume=True, **QUICK)
    xr.testing.assert_identical(again.data, run.data)
    with pytest.raises(StorageError, match="another specification"):
        observe(X, Y[::-1].copy(), out=out, resume=True, **QUICK)
    with pytest.raises(InputError, match="in memory"):
        resume_observation(out)


def test_resume_from_the_folder_alone_refuses_another_option(tmp_path):
    out = tmp_path / "run"
    observe("co2", out=out, width=4, depth=1, steps=5, seeds=1)
    with pytest.raises(InputError, match="width=4"):
        resume_observation(out, width=5)
    assert resume_observation(out).outcome is Outcome.COMPLETED


def test_digits_are_classified_and_filtered():
    run = observe("digits", width=32, depth=1, steps=150, seeds=1)
    assert run.data["accuracy"].values[0, -1] > 0.9
    error = run.data["filter_error"]
    assert set(error.dims) >= {"seed", "filter_width", "part"}
    low, high = error.sel(part="low").values, error.sel(part="high").values
    assert np.nanmean(low < high) > 0.9


def test_labels_of_a_line_are_learned_as_probabilities():
    names = np.where(X > 0.2, 7, 3)
    run = observe(X, labels=names, width=32, depth=1, steps=400, seeds=1, learning_rate=1e-2, validation=0.0)
    assert run.data["output"].values.tolist() == ["3", "7"]
    probability = run.data["outputs"].isel(seed=0, record_outputs=-1).values
    np.testing.assert_allclose(probability.sum(axis=1), 1, rtol=1e-5)
    assert ((probability >= 0) & (probability <= 1)).all()
    np.testing.assert_array_equal(run.data["target"].values, np.stack([names == 3, names == 7], axis=1))
    right = (probability.argmax(axis=1) == (names == 7)).mean()
    assert right == pytest.approx(float(run.data["accuracy"].values[0, -1]))
    assert right > 0.9


def test_photo_has_pictures_and_radial_bands():
    run = observe("photo", width=16, depth=2, steps=30, seeds=1)
    rows, columns = map(int, run.data.attrs["lattice"].split(","))
    assert run.data.sizes["point"] == rows * columns
    np.testing.assert_allclose(run.data["share"].sum(), 1, rtol=1e-5)


def test_divergence_is_an_outcome_with_its_step_and_a_remedy():
    run = observe(X, Y, optimiser="gd", learning_rate=1e6, **QUICK)
    assert run.outcome is Outcome.DIVERGED
    assert (run.data["diverged_at"] > 0).all()
    assert "smaller learning rate" in run.provenance["summary"]["advice"]
    assert np.isfinite(run.data["loss"].isel(record=0)).all()


def test_float64_is_float64():
    run = observe(X, Y, precision="float64", **QUICK)
    assert run.data["loss"].dtype == np.float64
    assert all(leaf.dtype == np.float64 for leaf in jax.tree.leaves(run.network) if hasattr(leaf, "dtype"))


@pytest.mark.parametrize("options", [
    {"network": "two-layer", "depth": 1, "gamma": 1.75, "antisymmetric": True, "activation": "relu"},
    {"network": "resnet", "activation": "sin", "init": "he", "dropout": 0.1, "batch_size": 16},
    {"init": "mean-field", "label_noise": 0.2, "optimiser": "lion", "learning_rate": 1e-4, "window": "hann"},
])  # fmt: skip
def test_options_reach_the_training(options):
    run = observe(X, Y, **QUICK | options)
    assert np.isfinite(run.data["loss"]).all()


def test_arrays_that_cannot_be_used_are_refused():
    with pytest.raises(InputError, match="values"):
        observe(X)
    with pytest.raises(InputError, match="NaN"):
        observe(X, np.where(X > 0, np.nan, Y))
    with pytest.raises(InputError, match="varies"):
        observe(X, np.ones_like(X))
    with pytest.raises(InputError, match="Did you mean"):
        observe(X, Y, wdith=3)


def test_evenly_spaced_data_show_which_frequency_sits_where():
    pytest.importorskip("pywt")
    run = observe(np.delete(X, 7), np.delete(Y, 7), **QUICK)
    wavelet, target = run.data["wavelet"], run.data["target_wavelet"]
    assert set(wavelet.dims) == {"seed", *run.data["outputs"].dims[1:2], *target.dims}
    assert set(target.dims) == {"local_frequency", "position", "output"}
    assert run.data["reach"].dims == ("local_frequency",)
    assert (np.diff(run.data["local_frequency"]) > 0).all()
    assert run.data["local_frequency"].max() <= 0.5 / np.diff(X).min()
    assert not any("PyWavelets" in note for note in run.provenance["summary"]["notes"])
    assert "wavelet" not in observe(X**3, Y, **QUICK).data


def test_without_pywavelets_the_page_says_how_to_get_the_view(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "pywt" else found(name, *rest))
    run = observe(X, Y, **QUICK)
    assert "wavelet" not in run.data
    assert any('pip install "simplebias[wavelets]"' in note for note in run.provenance["summary"]["notes"])
    assert not any("PyWavelets" in note for note in observe(X**3, Y, **QUICK).provenance["summary"]["notes"])


@pytest.mark.parametrize(("depth", "there"), [(1, False), (3, True)])
def test_two_hidden_layers_or_more_are_seen_in_depth(depth, there):
    x = np.linspace(-1, 1, 64, endpoint=False)
    run = simplebias.observe(x, np.sin(3 * np.pi * x), width=8, depth=depth, steps=5, seeds=2)
    assert ("half_cutoff" in run.data) is there
    assert any("half of the target" in note for note in run.provenance["summary"]["notes"]) is there
    if there:
        assert run.data["half_cutoff"].sizes["layer"] == depth
        assert set(run.data["low_frequency_ratio"].dims) >= {"layer", "cutoff"}
