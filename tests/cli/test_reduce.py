"""`simplebias reduce`: from a run or a file of weights to a small network, and every wrong use answered."""

import json
import re
import struct

import jax
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import simplebias
from simplebias.cli import app
from simplebias.cli.reduce import parse_keep
from simplebias.core.errors import InputError
from simplebias.networks import MLP, split
from simplebias.observation.weights import read_safetensors, write_safetensors

OPTIONS = "--network two-layer --width 12 --gamma 1.75 --activation relu --steps 60 --seeds 2 --learning-rate 0.05"


@pytest.fixture(scope="module")
def call():
    runner = CliRunner()
    return lambda *arguments: runner.invoke(app, [str(one) for one in arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory, call):
    """One tiny observed run of a table, with the small networks made of it."""
    folder = tmp_path_factory.mktemp("reduce")
    x = np.linspace(-1, 1, 40)
    lines = [f"{one:.6f},{two:.6f}" for one, two in zip(x, np.sin(3 * x), strict=True)]
    (folder / "line.csv").write_text("x,y\n" + "\n".join(lines) + "\n")
    observed = call("observe", folder / "line.csv", *OPTIONS.split(), "--records", "8", "--out", folder / "run")
    assert observed.exit_code == 0, observed.output
    reduced = call("reduce", folder / "run", "--tolerance", "0.05", "--out", folder / "small")
    assert reduced.exit_code == 0, reduced.output
    (folder / "said.txt").write_text(reduced.output)
    return folder


def test_where_places_a_run_by_its_weights_before_training(folder, call):
    told = call("where", "--weights", folder / "run")
    assert told.exit_code == 0, told.output
    (gamma,) = re.findall(r"at width 12 γ = ([\d.]+)", told.output)
    assert abs(float(gamma) - 1.75) < 0.3  # that of --gamma, within what 12 neurons tell
    assert "Seed 0:" in told.output
    assert "Regime: condensed" in told.output


def refused(result, *words):
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr, result.stderr


def test_before_and_after_are_told_for_each_member(folder):
    assert "Before and after, seed 1" in (folder / "said.txt").read_text()
    summary = json.loads((folder / "small" / "run.json").read_text())["provenance"]["summary"]
    for one in summary["tables"]:
        rows = {row[0]: row[1:] for row in one["rows"]}
        assert {"neurons by layer", "parameters", "loss, training", "loss, validation", "time for 2,048 points"} <= {
            *rows
        }
        assert float(rows["output change, training"][1].strip("< %")) <= 5
        assert int(rows["neurons by layer"][1]) <= int(rows["neurons by layer"][0]) == 12
        assert rows["time for 2,048 points"][1].endswith("×)")
    assert len(summary["tables"]) == 2
    assert "ondensed" in summary["headline"]
    assert {"weights.eqx", "run.json", "report.html", "weights-seed-0.safetensors"} <= {
        one.name for one in (folder / "small").iterdir()
    }
    page = (folder / "small" / "report.html").read_text()
    for words in ("Size against change", "Outputs before and after", "Orientation and amplitude", "nearest other"):
        assert words in page


def test_what_is_written_is_the_small_network_and_keeps_the_tolerance(folder):
    from simplebias.observation.reducing import material_of, open_networks

    large, small = open_networks(folder / "run"), open_networks(folder / "small")
    material = material_of(large, None)[0]
    points = material.training.points
    assert len(points) == 32
    for seed in ("0", "1"):
        old, new = (np.asarray(jax.vmap(one.networks[seed])(points)) for one in (large, small))
        assert np.linalg.norm(new - old) <= 0.05 * np.linalg.norm(old) * (1 + 1e-5)
        assert len(small.networks[seed].layers[0].weight) <= 12
    trained = simplebias.Run.load(folder / "run").data["loss"].isel(seed=0, record=-1)
    key = jax.random.key(0)
    loss = material.training.loss(large.networks["0"], material.training.batch(None, key=key), key=key)
    assert float(loss) == pytest.approx(float(trained), rel=1e-5)
    portable = read_safetensors(folder / "small" / "weights-seed-1.safetensors")
    np.testing.assert_allclose(jax.vmap(portable)(points), new, atol=1e-6)
    assert portable.activation == "relu"


def test_its_own_output_is_reduced_again_and_nothing_is_written_over(folder, call):
    again = call("reduce", folder / "small", "--seed", "1", "--tolerance", "0", "--retrain", "3", "--keep", "2",
                 "--out", folder / "smaller")  # fmt: skip
    assert again.exit_code == 0, again.output
    assert "refitted" in again.output
    description = json.loads((folder / "smaller" / "run.json").read_text())["provenance"]["specification"]
    assert description["networks"]["1"]["layers"][0]["shape"][0] <= 2
    before = (folder / "small" / "run.json").read_bytes()
    refused(call("reduce", folder / "run", "--out", folder / "small"), "already holds")
    assert (folder / "small" / "run.json").read_bytes() == before


def test_a_chain_that_pytorch_names_is_read_whatever_its_names(tmp_path, call, key):
    model = torch.nn.Sequential(torch.nn.Linear(1, 3), torch.nn.Tanh(), torch.nn.Linear(3, 3), torch.nn.Tanh(),
                                torch.nn.Linear(3, 1))  # fmt: skip
    tensors = {name: one.detach().numpy() for name, one in model.state_dict().items()}
    swapped = {{"0": "fc2", "2": "fc10", "4": "fc11"}[name[0]] + name[1:]: one for name, one in tensors.items()}
    points = np.linspace(-1, 1, 7, dtype=np.float32)[:, None]
    expected = model(torch.tensor(points)).detach().numpy()
    for names in (tensors, swapped):
        write_raw(tmp_path / "model.safetensors", dict(sorted(names.items())))  # "fc10" stands before "fc2"
        network = read_safetensors(tmp_path / "model.safetensors", "tanh")
        np.testing.assert_allclose(jax.vmap(network)(points), expected, atol=1e-6)
    refused(call("reduce", tmp_path / "model.safetensors"), "--activation")


def test_a_file_of_weights_is_reduced_without_data(tmp_path, call, key):
    wide = split(MLP(1, 1, (2,), key=key), 1, 0, (0.2, 0.3, 0.5))
    write_safetensors(tmp_path / "wide.safetensors", wide)
    result = call("reduce", tmp_path / "wide.safetensors", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "Condensed: 4 neurons became 2" in result.output
    assert len(read_safetensors(tmp_path / "out" / "weights.safetensors").layers[0].weight) == 2
    assert (tmp_path / "out" / "report.html").is_file()


def write_raw(path, tensors):
    header, body = {}, b""
    for name, array in tensors.items():
        header[name] = {
            "dtype": "F32",
            "shape": list(array.shape),
            "data_offsets": [len(body), len(body) + array.nbytes],
        }
        body += array.tobytes()
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def test_wrong_use_is_told_without_a_traceback(tmp_path, folder, call):
    (tmp_path / "mine").mkdir()
    (tmp_path / "model.pt").write_bytes(b"\x80\x04")
    (tmp_path / "half.safetensors").write_bytes(b"\xff" * 12)
    write_raw(tmp_path / "nan.safetensors", {"0.weight": np.full((2, 1), np.nan, np.float32),
                                             "1.weight": np.ones((1, 2), np.float32)})  # fmt: skip
    write_raw(tmp_path / "conv.safetensors", {"0.weight": np.ones((2, 1, 3, 3), np.float32)})
    write_raw(tmp_path / "loose.safetensors", {"0.weight": np.ones((2, 1), np.float32),
                                               "1.weight": np.ones((1, 3), np.float32)})  # fmt: skip
    (tmp_path / "wide.csv").write_text("a,b,y\n1,2,3\n2,4,5\n0,1,1\n")
    for arguments, words in (
        (["nowhere"], ["nowhere", "does not exist"]),
        ([tmp_path / "mine"], ["no run in"]),
        ([tmp_path / "model.pt"], ["pickle", "safetensors"]),
        ([tmp_path / "wide.csv"], ["run.json"]),
        ([tmp_path / "half.safetensors", "--activation", "relu"], ["damaged"]),
        ([tmp_path / "nan.safetensors", "--activation", "relu"], ["finite weights"]),
        ([tmp_path / "conv.safetensors", "--activation", "relu"], ["linear layers"]),
        ([tmp_path / "loose.safetensors", "--activation", "relu"], ["each reading"]),
        ([folder / "run", "--tolerance", "-1"], ["tolerance"]),
        ([folder / "run", "--seed", "9"], ["seed", "0, 1"]),
        ([folder / "run", "--data", tmp_path / "wide.csv"], ["1 inputs"]),
        ([folder / "run", "--keep", "half"], ["--keep"]),
        ([folder / "run", "--by", "luck"], ["by"]),
        ([folder / "run", "--activation", "relu"], ["--activation"]),
    ):
        refused(call("reduce", *arguments, "--out", tmp_path / "out"), *words)


def test_keep_is_a_share_or_numbers():
    assert parse_keep("1.0") == pytest.approx(1.0)
    assert parse_keep("1") == 1
    with pytest.raises(InputError, match="--keep"):
        parse_keep("0.5,3")
