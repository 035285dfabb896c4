"""Verdicts, the registry and the runner."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import optax
import pytest
import xarray as xr

import simplebias.claims.registry as registry
from simplebias.claims import Claim, Criterion, Scale, Verdict, all_claims, reproduce
from simplebias.claims.experiment import SEEDS, run_ensemble
from simplebias.claims.judge import compare, fitted, ratio, within
from simplebias.claims.runner import RECORDS, draw, thinned
from simplebias.core.citation import bibliography
from simplebias.core.errors import InputError, Outcome, StorageError
from simplebias.core.run import Run
from simplebias.core.task import Regression
from simplebias.networks import MLP

FOLDER = Path(registry.__file__).parent


def made_up(name="f98", *, run=None, holds=True):
    data = xr.Dataset({"loss": (("record",), np.geomspace(1, 0.1, 5))}, {"step": ("record", np.arange(5))})
    return Claim(
        id=name,
        title="Made up",
        sentence="It falls.",
        source=("luo2020phase",),
        setting="None.",
        fails_when="Never.",
        run=run or (lambda scale: {"made up": data}),
        check=lambda evidence: Verdict((Criterion("loss", "0.1", "< 1", holds),)),
    )


@pytest.fixture
def only(monkeypatch):
    """Let the registry find the given claims alone."""

    def put(*claims):
        monkeypatch.setattr(registry, "_found", lambda: claims)

    return put


def test_every_file_of_a_claim_is_found_and_ids_are_unique():
    ids = [claim.id for claim in all_claims()]
    assert len(set(ids)) == len(ids)
    assert sorted(ids) == sorted(file.name[:3] for file in FOLDER.glob("[fclp][0-9][0-9]_*.py"))
    assert {"f01", "f02", "f03", "f04", "f05", "c01"} <= set(ids)


@pytest.mark.parametrize("claim", all_claims(), ids=lambda claim: claim.id)
def test_every_claim_names_known_papers_and_its_seeds(claim):
    assert claim.references == bibliography(claim.source)
    seeds = [str(seed) in claim.setting for seed in SEEDS]
    assert all(seeds) or (seeds[0] and "random numbers from" in claim.setting) or "no seeds" in claim.setting
    assert all(text.strip().endswith(".") for text in (claim.sentence, claim.setting, claim.fails_when))


def test_two_claims_of_one_id_are_refused(only):
    only(made_up(), made_up())
    with pytest.raises(InputError, match="one file"):
        all_claims()


@pytest.mark.parametrize("field", ["title", "sentence", "source", "setting", "fails_when"])
def test_a_claim_leaves_nothing_out(field):
    with pytest.raises(InputError, match=field):
        dataclasses.replace(made_up(), **{field: type(getattr(made_up(), field))()})


@pytest.mark.parametrize("name", ["x01", "f1", "f001", "F01", ""])
def test_bad_ids_are_refused(name):
    with pytest.raises(InputError):
        made_up(name)


def test_unknown_ids_and_scales_are_refused_with_the_choices(only):
    only(made_up())
    with pytest.raises(InputError, match="f98"):
        reproduce(["f99"])
    with pytest.raises(InputError, match="smoke"):
        reproduce(["f98"], scale="huge")
    with pytest.raises(InputError):
        reproduce([])


def test_a_verdict_needs_every_criterion_and_at_least_one():
    good, bad = Criterion("a", "1", "> 0", True), Criterion("b", "1", "< 0", False)
    assert Verdict((good,)).word == "true"
    assert Verdict((good, bad)).word == "false"
    assert Verdict().word == "false"
    assert Verdict((good,), error="no").word == "error"


def test_a_claim_that_raises_does_not_stop_the_others(only, tmp_path):
    def broken(scale):
        raise ValueError("no luck")

    only(made_up("f97", run=broken), made_up("f98"), made_up("f99", holds=False))
    seen = []
    exhibits = reproduce(scale="smoke", out=tmp_path / "gallery", on_verdict=lambda one: seen.append(one.id))
    assert [one.verdict for one in exhibits] == ["error", "true", "false"]
    assert "no luck" in exhibits[0].rows[0].measured
    assert seen == ["f97", "f98", "f99"]
    assert {path.name for path in (tmp_path / "gallery").glob("*.html")} == {
        "index.html", "f97.html", "f98.html", "f99.html"
    }  # fmt: skip
    assert json.loads((tmp_path / "gallery" / "f97.json").read_text())["verdict"] == "error"


def test_figures_that_cannot_be_drawn_keep_what_was_measured(only, monkeypatch):
    only(made_up())

    def fail(run):
        raise RuntimeError("no ink")

    monkeypatch.setattr("simplebias.claims.runner.figures", fail)
    (exhibit,) = reproduce(scale="smoke")
    assert exhibit.verdict == "error"
    assert exhibit.rows[0].what == "loss"
    assert "no ink" in exhibit.rows[1].measured


def test_a_page_holds_what_the_claim_says(only, tmp_path):
    only(made_up())
    starts = []
    reproduce(["F98"], scale="smoke", out=tmp_path, on_start=lambda claim: starts.append(claim.id))
    page = (tmp_path / "f98.html").read_text()
    assert starts == ["f98"]
    assert all(
        text in page for text in ("It falls.", "None.", "Never.", "&lt; 1", "smoke", "Tao Luo", "Loss over training")
    )


def test_a_folder_that_holds_something_else_is_refused_before_any_work(only, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    only(made_up(run=lambda scale: pytest.fail("it ran")))
    with pytest.raises(StorageError):
        reproduce(scale="smoke", out=tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_a_later_claim_joins_the_gallery(only, tmp_path):
    only(made_up("f97"), made_up("f98"))
    reproduce(["f97"], out=tmp_path)
    reproduce(["f98"], out=tmp_path)
    index = (tmp_path / "index.html").read_text()
    assert "f97.html" in index
    assert "f98.html" in index


def test_the_cover_comes_first():
    steps = {"step": ("record", np.arange(5))}
    data = xr.Dataset({"loss": (("record",), np.ones(5)), "accuracy": (("record",), np.ones(5))}, steps)
    titles = [one.title for one in draw({"a": data, "b": data})]
    (first, *rest) = [one.title for one in draw({"a": data, "b": data}, ("b", "Accuracy"))]
    assert first == "Accuracy over training: b"
    assert sorted([first, *rest]) == sorted(titles)


def test_ctrl_c_in_a_training_stops_everything(monkeypatch):
    stopped = Run(xr.Dataset(), outcome=Outcome.INTERRUPTED)
    monkeypatch.setattr("simplebias.claims.experiment.train", lambda *args, **options: stopped)
    make, task = (lambda key: MLP(1, 1, 2, 1, key=key)), Regression([0.0, 1.0], [0.0, 1.0])
    with pytest.raises(KeyboardInterrupt):
        run_ensemble(make, task, updater=optax.sgd(0.1), steps=1, measures={})


def test_records_are_thinned_evenly_in_the_logarithm_ends_kept():
    steps = np.arange(0, 20_001, 5)
    data = xr.Dataset({"loss": (("record",), np.ones(len(steps)))}, {"step": ("record", steps)})
    kept = thinned(data)["step"].values
    assert len(kept) <= RECORDS + 1
    assert (kept[0], kept[-1]) == (0, 20_000)
    assert np.ptp(np.diff(np.log(kept[kept > 200]))) < 0.06


def test_steps_and_ratios():
    error = xr.DataArray(
        [[1.0, 0.05, 0.05, 0.05], [1.0, 1.0, 1.0, 0.05]],
        dims=("seed", "record"),
        coords={"step": ("record", [0, 5, 10, 15])},
    )
    steps = fitted(error, hold=3)
    assert steps.values.tolist() == [5, np.inf]
    assert ratio(steps[1], steps[0]) == np.inf
    assert np.isnan(ratio(steps[0], steps[1]))
    assert np.isnan(ratio(steps[1], steps[1]))
    assert ratio(steps[0], 0 * steps[0]) == 5


def test_criteria_ask_every_value_and_refuse_none_and_nan():
    assert compare("a", [3, 4], ">", 2).holds
    assert not compare("a", [3, 2], ">", 2).holds
    assert compare("a", [3, 2], "≥", 2).holds
    assert not compare("a", [3, np.nan], ">", 2).holds
    assert not compare("a", [], ">", 2).holds
    assert within("a", [1, 2], 1, 2).holds
    assert not within("a", [1, 2.1], 1, 2).holds
    assert not within("a", [], 1, 2).holds
    assert compare("a", [np.inf], ">", 2).measured == "never"
    assert compare("a", np.arange(5), "<", 9, "steps").measured == "0 to 4 (5 values) steps"


def test_scales_are_those_of_the_command_line():
    assert [str(scale) for scale in Scale] == ["smoke", "standard", "full"]
