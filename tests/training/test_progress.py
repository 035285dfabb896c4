import io
import sys

import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.core.snapshot import Measure, Record
from simplebias.core.task import Regression
from simplebias.networks import TwoLayer
from simplebias.training import train
from simplebias.training.progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def follow(**options):
    with Progress(2000, start=500, **options) as bar:
        bar.show(1000, None, np.array([0.5]))
        bar.show(2000, 12345.6, np.array([0.25, 0.125, np.nan, 1.0]))


def test_it_is_quiet_when_nobody_looks(capsys):
    follow()
    follow(visible=False)
    assert capsys.readouterr() == ("", "")


def test_it_shows_itself_on_a_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "stderr", Terminal())
    follow()
    assert "2,000/2,000 steps" in sys.stderr.getvalue()


def test_it_shows_rate_and_losses_and_leaves_standard_output_alone(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    follow(visible=True, title="learning")
    out, err = capsys.readouterr()
    assert out == ""
    for text in ("learning", "2,000/2,000 steps", "12,346 steps/s", "2.50e-01 1.25e-01 nan … 4 members"):
        assert text in err


def test_it_shows_the_errors_that_are_recorded(key, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    points = np.linspace(-1, 1, 5)
    size = Measure(lambda snapshot: jnp.full((), 0.5), ())
    measures = {"boundary_error": Record(size), "size": Record(size)}
    task = Regression(points, points)
    train(TwoLayer(1, 1, 3, key=key), task, steps=20, measures=measures, key=key, progress=True)
    shown = capsys.readouterr().err
    assert "boundary error 5.0e-01" in shown
    assert "size" not in shown


@pytest.mark.parametrize("visible", [None, True])
def test_training_shows_it_when_asked(key, capsys, monkeypatch, visible):
    monkeypatch.setenv("COLUMNS", "200")
    points = np.linspace(-1, 1, 5)
    train(TwoLayer(1, 1, 3, key=key), Regression(points, points), steps=20, key=key, progress=visible)
    err = capsys.readouterr().err
    assert ("20/20 steps" in err) is (visible is True)


def test_it_stops_when_the_training_fails(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(ValueError, match="broken"), Progress(10, visible=True) as bar:
        raise ValueError("broken")
    assert bar._bar.finished is False
    assert not bar._bar.live.is_started
