"""solve: what it decides, what it records, and that nothing computed is lost."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simplebias.core.errors import InputError, Outcome
from simplebias.core.run import Run
from simplebias.core.snapshot import count_parameters
from simplebias.pde import Box, Elliptic, Helmholtz, Poisson, square_with_discs
from simplebias.solving import load_solution, result_line, solve
from simplebias.solving.choices import choose
from simplebias.solving.looks import ROUND, Spectra, bands, places, seconds_since
from simplebias.solving.networks import small_network
from simplebias.solving.references import find_reference

TURN = 2 * np.pi
WAVE = lambda x: jnp.sin(TURN * x[0]) + 1 + x[0]
PROBLEM = Poisson(Box(0, 1), lambda x: TURN**2 * jnp.sin(TURN * x[0]), boundary=WAVE, exact=WAVE)
QUICK = {"parameters": 40, "baselines": False, "progress": False}
OPTIONS = {"network": None, "parameters": 40, "scales": "auto", "loss": "auto", "boundary": "auto", "method": "auto"}


def decided(problem, key, **options):
    found = choose(problem, **(OPTIONS | options), key=key)
    return found.loss, found.boundary, found.method


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runs") / "wave"


@pytest.fixture(scope="module")
def run(folder):
    return solve(PROBLEM, iterations=25, out=folder, key=jax.random.key(3), **QUICK)


def test_the_errors_are_those_of_the_network(run):
    with jax.enable_x64(True):
        points = jnp.linspace(0, 1, 501)[:, None]
        u, exact = jax.vmap(run.network)(points)[:, 0], jax.vmap(WAVE)(points)
        error = float(jnp.linalg.norm(u - exact) / jnp.linalg.norm(exact))
    assert error < 1e-3
    assert float(run.data["relative_l2"]) == pytest.approx(error, rel=0.05)
    assert float(run.data["error"][-1]) == pytest.approx(error, rel=0.05)
    assert float(run.data["boundary_max"]) < 1e-14
    assert run.outcome == Outcome.COMPLETED
    assert run.provenance["solve"]["converged"]
    assert (np.diff(run.data["loss"]) < 0).all()
    assert (np.diff(run.data["seconds"]) >= 0).all()


def test_the_run_on_disk_is_the_run(run, folder):
    stored = Run.load(folder)
    assert stored.data.drop_vars(["input_unit"]).equals(run.data.drop_vars(["input_unit"]))
    with jax.enable_x64(True):
        again, point = load_solution(folder, PROBLEM), jnp.array([0.3])
        np.testing.assert_array_equal(again(point), run.network(point))
    with pytest.raises(InputError, match="problem that was solved"):
        load_solution(folder)


def test_a_run_that_the_clock_ended_goes_on(run, tmp_path):
    options = {"iterations": 25, "out": tmp_path / "wave", "key": jax.random.key(3), **QUICK}
    short = solve(PROBLEM, budget=1e-3, **options)
    assert short.outcome == Outcome.STOPPED
    assert short.step < 25
    assert "not converged" in result_line(short)
    rest = solve(PROBLEM, resume=True, **options)
    np.testing.assert_array_equal(rest.data["loss"], run.data["loss"])
    assert rest.provenance["solve"]["converged"]


@pytest.mark.usefixtures("float64")
def test_what_is_left_open_is_decided_by_the_problem(key):
    box, source = Box([0, 0], [1, 1]), lambda x: 1 + x[0]
    holes = square_with_discs()
    jump = lambda x: jnp.where(x[0] < 0.5, 1.0, 4.0)
    assert decided(PROBLEM, key) == ("residual", "hard", "gauss-newton")
    assert decided(Poisson(box, source), key) == ("residual", "hard", "gauss-newton")
    assert decided(Poisson(box, source, boundary=source), key) == ("residual", "penalty", "gauss-newton")
    assert decided(Poisson(holes, source), key) == ("residual", "penalty", "gauss-newton")
    assert decided(Elliptic(holes, source, diffusion=jump, smooth=False), key)[:2] == ("ritz", "nitsche")
    peak = lambda x: jnp.exp(-500 * x @ x)
    assert decided(Poisson(holes, peak), key)[:2] == ("ritz", "hard")
    assert decided(Poisson(box, peak, boundary=source), key)[:2] == ("ritz", "nitsche")
    assert decided(Helmholtz(box, source, wavenumber=3.0), key)[0] == "residual"
    assert decided(PROBLEM, key, parameters=6000)[2] == "adam"
    waves = lambda k: Elliptic(
        Box(0, 1), lambda x: 1 + 0 * x[0], diffusion=lambda x: 1.5 + jnp.sin(2 * jnp.pi * k * x[0])
    )
    assert decided(waves(5), key)[0] == "residual"
    assert decided(waves(60), key)[0] == "ritz"
    assert decided(waves(60), key, last_layer=True)[0] == "residual"  # least squares are of the residual


def test_an_energy_of_a_few_steps_is_not_called_converged(key):
    run = solve(PROBLEM, loss="ritz", iterations=1, key=key, **QUICK)
    assert run.provenance["solve"]["converged"] is False
    assert "not converged" in result_line(run)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("kind", ["multi-scale", "plain"])
def test_networks_have_the_size_asked_for(kind, key):
    for inputs, count in ((1, 700), (2, 1200), (10, 1400)):
        network = small_network(inputs, (1.0, 3.0), kind=kind, parameters=count, key=key)
        assert abs(count_parameters(network) / count - 1) < 0.05


def test_frequencies_of_one_input_leave_no_gaps(key):
    layer = small_network(1, (2.0, 10.0), parameters=300, key=key).inner.layers[0]
    drawn = np.abs(np.asarray(layer.weight)[:, 0])  # before the scale is applied
    assert len(drawn) == 15
    for each in (drawn[:7], drawn[7:]):
        assert np.histogram(each, np.linspace(0, 2, len(each) + 1))[0].tolist() == [1] * len(each)


def test_every_second_frequency_is_one_that_the_equation_has(key):
    exact = lambda x: jnp.sin(TURN * x[0]) + jnp.sin(16 * TURN * x[0])
    source = lambda x: TURN**2 * (jnp.sin(TURN * x[0]) + 256 * jnp.sin(16 * TURN * x[0]))
    found = choose(Poisson(Box(0, 1), source, exact=exact), **(OPTIONS | {"parameters": 700}), key=key)
    weight = np.abs(np.asarray(found.solution.network.inner.layers[0].weight)[:, 0])
    assert (len(weight), len(found.scales)) == (25, 4)
    fast = weight[18:] * found.scales[-1] / TURN  # neurons of the highest scale, in cycles per unit
    np.testing.assert_allclose(fast[::2], 16, atol=1.1)  # a tapered line is three bins wide


@pytest.mark.usefixtures("float64")
def test_bands_share_out_all_power_up_to_the_highest(key):
    looks = places(PROBLEM, find_reference(PROBLEM), key=key)
    band, middles = bands(looks, PROBLEM)
    wave = np.sin(TURN * 8 * np.asarray(looks.inside)[:, 0])
    spectra = Spectra(jnp.asarray(looks.index), jnp.asarray(band), len(middles))
    power = np.asarray(spectra.power(jnp.asarray(wave)))
    window = 2 * np.sin(np.pi * (np.arange(len(wave)) + 0.5) / len(wave)) ** 2
    assert power.sum() == pytest.approx(np.mean((wave * window) ** 2), rel=1e-9)
    assert abs(middles[power.argmax()] - 8) < 1.5
    assert (np.diff(middles) > 0).all()


@pytest.mark.usefixtures("float64")
def test_a_reference_is_found_where_there_is_a_method():
    source = lambda x: TURN**2 * jnp.sin(TURN * x[0])
    found = find_reference(Poisson(Box(0, 1), source))
    assert found.kind == "finite differences"
    assert found.solution is not None
    assert float(found.solution(jnp.array([0.25]))[0]) == pytest.approx(1, abs=1e-6)
    assert find_reference(PROBLEM).kind == "exact"
    ten = find_reference(Poisson(Box([0] * 5, [1] * 5), source))
    assert ten.solution is None
    assert "no classical method" in ten.note
    assert find_reference(PROBLEM, WAVE).kind == "given"


def test_the_clock_may_go_round():
    clock = np.array([ROUND - 1000, ROUND - 1, 500], np.int32)
    assert seconds_since(clock, (ROUND - 2000) / 1000).tolist() == [1.0, 1.999, 2.5]
    assert seconds_since(clock, ROUND / 1000 + 5)[0] == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "newton"}, "method"),
        ({"loss": "energy"}, "loss"),
        ({"network": "deep"}, "network"),
        ({"scales": [0.0]}, "numbers above zero"),
        ({"scales": [1, 1e5]}, r"up to 3.*points can tell.*got 100000.*aliasing"),
        ({"scales": [1, 100], "points": 20}, r"which 20 points"),
        ({"boundary": "nitsche", "loss": "residual"}, "Nitsche"),
        ({"budget": 0}, "budget"),
        ({"iterations": 0}, "iterations"),
        ({"network": WAVE, "parameters": 10}, "size is its own"),
        ({"last_layer": True, "loss": "ritz"}, "residual"),
        ({"last_layer": True, "network": WAVE}, "network with layers"),
    ],
)
def test_what_cannot_be_is_named(options, words, key):
    with pytest.raises(InputError, match=words):
        solve(PROBLEM, key=key, **options)


@pytest.mark.parametrize("options", [{"method": "adam"}, {"network": "plain"}])
def test_fresh_points_and_plain_networks_have_no_scales_to_alias(key, options):
    run = solve(PROBLEM, key=key, scales=[1, 1e5], iterations=1, **QUICK, **options)
    assert np.isfinite(run.data["relative_l2"])


def test_the_last_layer_is_solved_for_in_the_end(key):
    run = solve(PROBLEM, key=key, last_layer=True, method="adam", iterations=30, **(QUICK | {"parameters": 100}))
    loss, error, stage = run.data["loss"].values, run.data["error"].values, run.data["stage"]
    assert [stage.attrs["stages"][which] for which in stage.values[-2:]] == ["adam", "last-layer"]
    assert loss[-1] < 0.1 * loss[-2]
    assert error[-1] < 0.2 * error[-2]
    np.testing.assert_allclose(float(run.data["relative_l2"]), error[-1], rtol=0.5)  # at other points


def test_unknown_problems_are_named(key):
    with pytest.raises(InputError, match="two-scale"):
        solve("two-scal", key=key)
    with pytest.raises(InputError, match="ready one"):
        solve(3.0, key=key)  # pyright: ignore[reportArgumentType]
