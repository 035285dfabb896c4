"""Numbers and pictures go on to other places as they are in the run, whichever place it is."""

import numpy as np
import pytest
import torch
from torch import nn

from simplebias.core.errors import InputError
from simplebias.integrations import MLflow, TensorBoard, WeightsAndBiases, Writer, watch

X = torch.linspace(-1, 1, 64)[:, None]
Y = torch.sin(3 * X)


class Kept:
    """A writer that remembers."""

    def __init__(self):
        self.told, self.drawn, self.pages, self.closed = {}, {}, [], 0

    def scalars(self, values, step):
        self.told.setdefault(step, {}).update(values)

    def picture(self, name, pixels, step):
        self.drawn[name] = pixels

    def page(self, path):
        self.pages.append(path)

    def close(self):
        self.closed += 1


def run(writers, out=None):
    model = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))
    with watch(model, X, Y, out=out, writers=writers) as watching:
        for step in range(12):
            watching.step(float(step))
    return watching.run


def test_what_is_told_is_what_is_recorded(tmp_path):
    kept = Kept()
    assert isinstance(kept, Writer)
    data = run([kept], tmp_path / "run").data.isel(seed=0)
    steps = data["step"].values.tolist()
    assert [step for step, values in sorted(kept.told.items()) if "loss" in values] == steps
    for place, step in enumerate(steps):
        told = kept.told[step]
        assert told["loss"] == pytest.approx(float(data["loss"][place]))
        label = str(data["band"].values[1])
        assert told[f"band_error/{label}"] == pytest.approx(float(data["band_error"][place, 1]))
    assert kept.told[12]["training_loss"] == pytest.approx(11)
    assert kept.told[12]["relative_change/0"] == 0
    height, width, _ = kept.drawn["band_error"].shape
    assert width // len(steps) * data.sizes["band"] == height
    assert kept.pages == [tmp_path / "run" / "report.html"]
    assert kept.closed == 1


def test_what_is_not_installed_is_named(monkeypatch):
    import importlib

    real = importlib.import_module

    def missing(name):
        if name.partition(".")[0] in {"wandb", "mlflow", "tensorboard"}:
            raise ModuleNotFoundError(name=name)
        return real(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    for make, name in ((WeightsAndBiases, "wandb"), (MLflow, "mlflow"), (lambda: TensorBoard("x"), "tensorboard")):
        with pytest.raises(InputError, match=f"pip install {name}"):
            make()


def test_tensorboard_reads_it(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    data = run([TensorBoard(tmp_path)]).data.isel(seed=0)
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    told = events.Scalars("simplebias/loss")
    assert [one.step for one in told] == data["step"].values.tolist()
    assert np.allclose([one.value for one in told], data["loss"])
    assert events.Tags()["images"] == ["simplebias/band_error", "simplebias/effective_neurons"]


def test_mlflow_reads_it(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri((tmp_path / "runs").as_uri())
    data = run([MLflow()], tmp_path / "run").data.isel(seed=0)
    client = mlflow.MlflowClient()
    (found,) = mlflow.search_runs(output_format="list")
    assert found.info.status == "FINISHED"
    told = client.get_metric_history(found.info.run_id, "simplebias/loss")
    assert sorted(one.step for one in told) == data["step"].values.tolist()
    files = [one.path for one in client.list_artifacts(found.info.run_id, "simplebias")]
    assert "simplebias/report.html" in files


def test_weights_and_biases_writes_offline(tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_SILENT", "true")
    run([WeightsAndBiases(project="simplebias", dir=str(tmp_path))])
    assert list(tmp_path.rglob("*.wandb"))
