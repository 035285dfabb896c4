"""PyTorch models on the command line: weights in a file, code by its name, pickles refused."""

import copy
import functools
import sys
import types

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from typer.testing import CliRunner

from simplebias.cli import app
from simplebias.core.errors import InputError, StorageError
from simplebias.torch.files import load_into, make_module, read_state


def make():
    """Two pictures' worth of numbers to two outputs."""
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 6), nn.ReLU(), nn.Linear(6, 2)
    )


def dense():
    """A module with a place in the phase diagram."""
    return nn.Sequential(nn.Linear(1, 50), nn.ReLU(), nn.Linear(50, 1))


@pytest.fixture
def named(monkeypatch):
    """A module of Python that makes models."""
    place = types.ModuleType("models_of_a_user")
    place.make, place.dense, place.text = make, dense, lambda: "text"  # pyright: ignore[reportAttributeAccessIssue]
    monkeypatch.setitem(sys.modules, "models_of_a_user", place)
    return "models_of_a_user"


@pytest.fixture
def twins():
    """A model, half of whose channels say what the others say."""
    torch.manual_seed(0)
    module = make().eval()
    convolution, norm, _, _, linear, _, _ = module
    with torch.no_grad():
        for one in (convolution, norm):
            for value in one.parameters():
                value[2:] = value[:2]
        for value in linear.parameters():
            value[3:] = 2 * value[:3]
    return module


@pytest.fixture
def call():
    return lambda *arguments: CliRunner().invoke(app, [str(one) for one in arguments])


@pytest.fixture
def data(tmp_path):
    points = np.random.default_rng(0).normal(size=(60, 16))
    points[:, 3] = 0  # a pixel that never varies is one of the model's inputs all the same
    np.savez(tmp_path / "data.npz", points=points, values=np.linspace(0, 1, 60)[:, None])
    return tmp_path / "data.npz"


@pytest.mark.parametrize("ending", ["safetensors", "pt"])
def test_a_model_is_reduced_from_a_file_of_its_weights(tmp_path, named, twins, call, data, ending):
    path, out = tmp_path / f"weights.{ending}", tmp_path / "small"
    if ending == "pt":
        torch.save({"state_dict": {f"module.{name}": one for name, one in twins.state_dict().items()}}, path)
    else:
        save_file(twins.state_dict(), path)
    said = call("reduce", path, "--model", f"{named}:make", "--data", data, "--shape", "1,4,4", "--tolerance", "1e-5",
                "--out", out)  # fmt: skip
    assert said.exit_code == 0, said.output
    assert "0: 4 → 2" in said.output
    assert "4: 6 → 3" in said.output
    small, points = load_into(make(), out / "weights.safetensors").eval(), torch.randn(7, 1, 4, 4)
    assert torch.allclose(small(points), twins(points), atol=1e-5)
    assert torch.allclose(torch.export.load(out / "model.pt2").module()(points), twins(points), atol=1e-5)
    assert load_file(out / "weights.safetensors")["0.weight"].shape == (2, 1, 3, 3)


def test_where_places_a_model_by_its_weights(tmp_path, named, call):
    torch.save(dense().state_dict(), tmp_path / "weights.pth")
    said = call("where", "--weights", tmp_path / "weights.pth", "--model", f"{named}:dense")
    assert said.exit_code == 0, said.output
    assert "Regime:" in said.output


def test_wrong_use_is_told_with_its_remedy(tmp_path, named, twins, call, data):
    torch.save(functools.partial(print, twins), tmp_path / "code.pt")
    save_file(dense().state_dict(), tmp_path / "other.safetensors")
    save_file(twins.state_dict(), tmp_path / "good.safetensors")
    (tmp_path / "damaged.pt").write_bytes(b"nothing")
    rows = [
        (["code.pt"], ["pickle", "safetensors"]),
        (["other.safetensors"], ["missing"]),
        (["damaged.pt"], ["damaged"]),
        (["none.pt"], ["not exist"]),
        (["good.safetensors", "--shape", "2,4"], ["16 numbers"]),
        (["good.safetensors", "--keep", "3"], ["share"]),
        (["good.safetensors", "--retrain", "5"], ["--tolerance"]),
    ]
    for (name, *options), words in rows:
        given = [] if "--shape" in options else ["--shape", "1,4,4"]
        said = call("reduce", tmp_path / name, "--model", f"{named}:make", "--data", data, *given, *options)
        assert said.exit_code != 0
        assert "Traceback" not in said.output
        assert all(word in said.output for word in words), said.output
    said = call("where", "--model", f"{named}:make")
    assert said.exit_code != 0
    assert "--weights" in said.output


def test_factories_are_functions_that_make_modules(named):
    for name in ("make", f"{named}:absent", "no_such_place:make", f"{named}:text", "builtins:isinstance"):
        with pytest.raises(InputError):
            make_module(name)


def test_a_state_that_fits_is_read_and_another_is_not(tmp_path, twins):
    changed = copy.deepcopy(twins.state_dict())
    changed["4.weight"] = torch.zeros(9, 16)
    save_file(changed, tmp_path / "large.safetensors")
    with pytest.raises(InputError, match="fewer channels"):
        load_into(make(), tmp_path / "large.safetensors")
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(InputError, match="something else"):
        read_state(tmp_path / "list.pt")
    (tmp_path / "bad.safetensors").write_bytes(b"bad")
    with pytest.raises(StorageError):
        read_state(tmp_path / "bad.safetensors")
