"""`simplebias sweep`, `phase` and `where` as a user calls them."""

import jax
import pytest
from typer.testing import CliRunner

import simplebias
from simplebias.cli import app
from simplebias.cli.sweeps import numbers
from simplebias.core.errors import InputError
from simplebias.networks import MLP
from simplebias.observation.weights import write_safetensors

# at γ = -48 the weights are so large that products of two overflow: every training diverges
TINY = ["--gamma=-48,0.5,1.5", "--gamma-prime", "0,0.2", "--width", "8,16,32", "--seeds", "1", "--until", "1e-2"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phase") / "run"
    return folder, CliRunner().invoke(app, ["phase", *TINY, "--out", str(folder)])


def test_phase_tells_the_boundary_and_writes_the_page(made):
    folder, done = made
    assert done.exit_code == 0, done.output
    assert "12 stopped, 6 diverged" in done.output
    assert "theory 1.20" in done.output
    page = (folder / "report.html").read_text()
    for words in ("Phase diagram", "One cell", "Neurons of every cell", "The boundary", "arXiv:2007.07497"):
        assert words in page
    data = simplebias.open_sweep(folder)
    assert data["loss"].dims == ("gamma", "gamma_prime", "width", "seed")
    # what diverged is marked, and the diagram is drawn around it
    slopes = simplebias.sweeps.phase_diagram(data)["slope"]
    assert (data["outcome"].sel(gamma=-48) == simplebias.Outcome.DIVERGED).all()
    assert slopes.sel(gamma=-48).isnull().all()
    assert slopes.sel(gamma=[0.5, 1.5]).notnull().all()


def test_status_and_resume(made):
    folder, _ = made
    status = CliRunner().invoke(app, ["phase", "--status", "--out", str(folder)])
    assert status.exit_code == 0
    assert str(folder) in status.output.replace("\n", "")
    again = CliRunner().invoke(app, ["sweep", "--resume", "--out", str(folder)])
    assert again.exit_code == 0
    assert "18 cells" in again.output
    taken = CliRunner().invoke(app, ["phase", *TINY, "--out", str(folder)])
    assert taken.exit_code == 2
    assert "--resume" in taken.output


def test_a_deep_diagram_has_a_boundary_for_each_layer(tmp_path):
    options = ["--depth", "2", "--gamma", "1,2", "--width", "8,16,32", "--seeds", "1", "--until", "1e-2"]
    done = CliRunner().invoke(app, ["phase", *options, "--out", str(tmp_path / "deep")])
    assert done.exit_code == 0, done.output
    assert "layer 1: slope 0 at γ" in done.output
    assert "layer 2: slope 0 at γ = not crossed, theory 3.00" in done.output
    assert "layer 2, scaling" in (tmp_path / "deep" / "report.html").read_text()


def test_a_file_says_what_to_sweep(tmp_path):
    file = tmp_path / "rates.toml"
    file.write_text("steps = 5\n[axes]\nlearning_rate = [1e-3, 1e-2]\n[settings]\nwidth = 4\ndepth = 1\n")
    done = CliRunner().invoke(app, ["sweep", str(file), "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert "2 completed" in done.output


def test_where_tells_place_and_way():
    done = CliRunner().invoke(app, ["where", "--init", "xavier", "--width", "500"])
    assert done.exit_code == 0
    assert "γ = 1, γ′ = 0" in done.output
    assert "at width 500 γ = 0.889" in done.output
    assert "To be condensed: γ = 1.5" in done.output


def test_where_places_layers_of_an_mlp():
    done = CliRunner().invoke(app, ["where", "--network", "mlp", "--init", "power:0.75", "--width", "500"])
    assert done.exit_code == 0
    assert "Layer 1 is condensed, layer 2 is linear." in done.output
    assert "critical at γ = 1.5, layer 2 at γ = 3" in done.output
    deeper = CliRunner().invoke(app, ["where", "--network", "mlp", "--depth", "3"])
    assert "layer 3 is linear" in deeper.output


def test_where_places_weights_of_a_file(tmp_path):
    network = MLP(1, 1, 200, 2, initialisation="power:0.75", key=jax.random.key(0))
    write_safetensors(tmp_path / "net.safetensors", network)
    done = CliRunner().invoke(app, ["where", "--weights", str(tmp_path / "net.safetensors")])
    assert done.exit_code == 0, done.output
    assert "before training" in done.output
    assert "Layer 1 is condensed, layer 2 is linear." in done.output


def test_the_way_leads_where_it_says():
    width = 400
    for rule in ("lecun", "ntk", "power:1.2"):
        for line in simplebias.sweeps.place(rule, width=width)[-2:]:
            factor, target = float(line.split("by ")[1].split()[0]), float(line.split("γ = ")[1].split()[0])
            first, last = simplebias.networks.initialisation(rule).scales((1, width, 1))
            alpha = 1 / (first.multiplier * last.multiplier)
            moved = simplebias.networks.Phase.of_scales(alpha, factor * last.std, factor * first.std, width=width)
            assert moved.gamma == pytest.approx(target, abs=0.002)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sweep"], "a TOML file"),
        (["sweep", "none.toml"], "does not exist"),
        (["sweep", "--status"], "--out FOLDER"),
        (["phase", "--gamma", "1:2"], "FIRST:LAST:COUNT"),
        (["phase", "--until", "-1"], "until"),
        (["where", "--init", "lecum"], "Did you mean 'lecun'"),
        (["where", "--depth", "2"], "--network mlp"),
        (["where", "--network", "resnet"], "network as one of two-layer, mlp"),
        (["where", "--weights", "model.pt"], "does not exist"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_message(arguments, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert words in done.output
    assert not list(tmp_path.iterdir())


def test_numbers_are_read_both_ways():
    assert numbers("0.6:1.4:3", "gamma") == [0.6, 1.0, 1.4]
    assert numbers("1,2.5", "gamma") == [1.0, 2.5]
    for bad in ("1:2:1", "a", "1:2:3:4", ""):
        with pytest.raises(InputError):
            numbers(bad, "gamma")
