"""Fits from the door to predictions, on data whose truth is known, and every wrong use answered."""

import csv
import warnings

import numpy as np
import pytest
from typer.testing import CliRunner

import simplebias
from simplebias.cli import app
from simplebias.core.errors import InputError, StorageError
from simplebias.fitting import ExtrapolationWarning, fit, predict, read_model
from simplebias.fitting.predict import as_csv
from simplebias.observation.reducing import open_networks


def truth(x):
    return 3 + 2 * np.sin(2 * np.pi * 1.3 * (x - 2000)) + 0.5 * np.sin(2 * np.pi * 9 * (x - 2000))


@pytest.fixture(scope="module")
def call():
    runner = CliRunner()
    return lambda *arguments: runner.invoke(app, [str(one) for one in arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory, call):
    """A table of dates and values, and what `simplebias fit` makes of it."""
    folder = tmp_path_factory.mktemp("fit")
    days = np.arange(0, 1461, 6)
    stamps = np.datetime64("2000-01-01") + days.astype("timedelta64[D]")
    values = truth(2000 + days / 365.25)
    rows = "".join(f"{day},{value:.9f}\n" for day, value in zip(stamps, values, strict=True))
    (folder / "line.csv").write_text("day,level\n" + rows)
    said = call("fit", folder / "line.csv", "--width", 24, "--steps", 120, "--out", folder / "run")
    assert said.exit_code == 0, said.output
    (folder / "said.txt").write_text(said.output)
    return folder


def test_it_tells_the_bands_and_beats_the_plain_network(folder):
    said = (folder / "said.txt").read_text()
    assert "How well each band is fitted" in said
    assert "plain network" in said
    assert (folder / "run" / "report.html").stat().st_size > 100_000
    run = simplebias.Run.load(folder / "run")
    fitted, plain = (float(run.data[name][-1]) for name in ("validation_loss", "plain_validation_loss"))
    assert fitted < 1e-3 < plain


def test_predictions_are_in_the_units_of_the_data(folder, call):
    points = folder / "points.csv"
    days = np.datetime64("2000-02-03") + np.arange(0, 1300, 17).astype("timedelta64[D]")
    points.write_text("day\n" + "".join(f"{day}\n" for day in days))
    said = call("predict", folder / "run", points, "--out", folder / "values.csv")
    assert said.exit_code == 0, said.output
    with open(folder / "values.csv") as file:
        header, *rows = csv.reader(file)
    assert header == ["day", "level"]
    years, found = np.array(rows, float).T
    assert np.abs(found - truth(2000 + years)).max() < 0.1
    again = predict(folder / "run" / "weights.safetensors", years)
    assert np.allclose(again[:, 0], found)
    assert call("predict", folder / "run", points, "--out", folder / "values.csv").exit_code == 2  # never overwritten


def test_reduce_reads_it(folder):
    (network,) = open_networks(folder / "run").networks.values()
    assert np.array_equal(network.layers[0].weight, read_model(folder / "run").network.layers[0].weight)


def test_a_range_and_points_outside(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert predict(folder / "run", "0:3:7").shape == (7, 1)
    with pytest.warns(ExtrapolationWarning, match="1 of 2 points lie outside"):
        predict(folder / "run", [1.0, 99.0])


@pytest.mark.parametrize(
    ("points", "words"),
    [
        ("day,level\n2000-01-01,\n2000-01-02,\n", None),
        ("when\n1.0\n2.0\n", "columns day"),
        ("day\n1.0\n\n2.0,3\n", "."),
        ("day\n1.0\nnan\n", "missing or infinite one in row 3"),
    ],
)
def test_tables_of_points(folder, tmp_path, points, words):
    path = tmp_path / "points.csv"
    path.write_text(points)
    if words is None:
        assert predict(folder / "run", path).shape == (2, 1)
        return
    with pytest.raises(InputError, match=words):
        predict(folder / "run", path)


@pytest.mark.parametrize("points", ["0:1", "a:b:3", "0:1:0", "missing.csv", np.ones((3, 2)), [np.nan]])
def test_points_that_cannot_be_used(folder, points):
    with pytest.raises((InputError, StorageError)):
        predict(folder / "run", points)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"scales": "1,2,x"}, "scales as auto"),
        ({"scales": [1, 900]}, "aliasing"),
        ({"steps": 10, "seconds": 1.0}, "both"),
        ({"wdith": 3}, "width"),
        ({"network": "cnn"}, "multiscale"),
        ({"validation": 1.5}, "validation"),
    ],
)
def test_wrong_options(options, words):
    x = np.linspace(0, 1, 50)
    with pytest.raises(InputError, match=words):
        fit(x, np.sin(9 * x), **options)


def test_classes_are_sent_to_observe():
    with pytest.raises(InputError, match="observe"):
        fit("digits")


def test_a_table_of_values_is_text():
    assert as_csv(("a, b",), ("y",), np.array([[1.0]]), np.array([[0.5]])) == '"a, b",y\n1.0,0.5\n'
