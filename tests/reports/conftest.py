"""Runs made by hand: every figure has something true to show, and no network was trained."""

import itertools

import numpy as np
import pytest
import xarray as xr

from simplebias.core.errors import Outcome
from simplebias.core.run import Run, provenance
from simplebias.core.schedule import log_steps

NASTY = "</script><img src=x onerror=alert(1)> %{x} <b>ü Ω"


def learned(frequency, steps, seeds, rng):
    """Share of a frequency that is learned, `(seeds, steps)`: low frequencies first."""
    when = 12.0 * (1 + frequency) ** 2 * np.exp(rng.normal(0, 0.15, (seeds, 1)))
    return 1 - np.exp(-steps[None] / when)


def summary(title="Weekly CO₂ at Mauna Loa"):
    return {
        "title": title,
        "headline": "The trend is learned by step 60, the yearly cycle by step 900; what is above 4 is not learned.",
        "advice": "Stop at step 1,200: later steps fit noise. To learn the rest, train longer or rescale the input.",
        "notes": ["Inputs were scaled to [−1, 1]; frequencies are given in the original unit."],
        "tables": [
            {
                "title": "Bands",
                "columns": ["band", "share of power", "learned at step", "spread over seeds"],
                "rows": [
                    ["0–1", "91 %", "60", "52–71"],
                    ["1–4", "8 %", "900", "780–1,010"],
                    ["4–8", "1 %", "not yet", "–"],
                ],
                "note": "Learned: relative error below 0.1 for 10 records.",
            },
            {
                "title": "Best stopping step",
                "columns": ["by", "step", "validation loss"],
                "rows": [["validation loss", "1,200", "0.0031"], ["spectrum", "1,050", "0.0033"]],
                "note": "",
            },
        ],
    }


def described(seeds=1):
    specification = {
        "data": "co2",
        "network": {"kind": "two-layer", "width": 100, "activation": "tanh", "initialisation": "ntk"},
        "optimiser": {"name": "adam", "learning_rate": 1e-3, "batch": None},
        "steps": 10000,
        "seeds": list(range(seeds)),
    }
    source = {
        "name": "co2",
        "source": "Scripps CO₂ program, through statsmodels",
        "licence": "public domain",
        "notes": ["Weekly means; 59 gaps were left out."],
        "path": "",
    }
    return provenance(specification) | {"summary": summary(), "data": source}


def sines(steps, seeds, points=300, hostile=False):
    """One input: a sum of sines, learned from low to high."""
    rng = np.random.default_rng(0)
    x = np.linspace(1958, 2002, points, endpoint=False)
    phase = 2 * np.pi * (x - x[0]) / np.ptp(x)
    parts = {1: 1.0, 3: 0.6, 6: 0.4, 11: 0.25}
    target = sum(size * np.sin(k * phase) for k, size in parts.items())
    output = sum(
        size * learned(k / 3, steps, seeds, rng)[..., None] * np.sin(k * phase) for k, size in parts.items()
    ) + 0.03 * rng.normal(size=(seeds, len(steps), 1)) * np.cos(phase)
    frequency = np.arange(points // 2) / 44.0
    goal, spectrum = np.fft.fft(target)[: points // 2] / points, np.fft.fft(output)[..., : points // 2] / points
    power = np.abs(goal) ** 2
    error = np.abs(spectrum - goal) / np.maximum(np.abs(goal), 1e-12)
    edges = np.array([0, 2, 5, 8, 20])
    slices = [slice(low, high) for low, high in itertools.pairwise(edges)]
    band = np.stack(
        [np.sqrt((np.abs(spectrum - goal)[..., s] ** 2).sum(-1) / (power[s].sum() + 1e-12)) for s in slices], axis=-1
    )
    share = np.array([power[s].sum() for s in slices]) / power.sum()
    loss = ((output - target) ** 2).mean(-1)
    name = NASTY if hostile else "time"
    split = (rng.uniform(size=points) < 0.2).astype(np.int8)
    return xr.Dataset(
        {
            "points": (("point", "input"), x[:, None]),
            "target": (("point", "output"), target[:, None]),
            "split": ("point", split),
            "outputs": (
                ("seed", "record", "point", "output"),
                output[..., None].astype(np.float32),
                {
                    "target": "target",
                    "long_name": "network output",
                    "description": "The network's output at the points.",
                },
            ),
            "loss": (
                ("seed", "record"),
                loss,
                {"panel": "loss", "scale": "log", "long_name": "training loss", "description": "Mean squared error."},
            ),
            "validation_loss": (
                ("seed", "record"),
                loss + 0.004 + 1e-6 * steps,
                {"panel": "loss", "scale": "log", "long_name": "validation loss"},
            ),
            "target_spectrum": (("frequency", "output"), goal[:, None]),
            "spectrum": (
                ("seed", "record", "frequency", "output"),
                spectrum[..., None].astype(np.complex64),
                {
                    "target": "target_spectrum",
                    "references": "xu2019frequency",
                    "description": "Discrete Fourier transform.",
                },
            ),
            "relative_error": (
                ("seed", "record", "frequency"),
                error,
                {
                    "long_name": "relative error",
                    "description": "Complex difference over modulus.",
                    "references": "xu2019frequency",
                },
            ),
            "band_error": (("seed", "record", "band"), band, {"long_name": "relative error of the band"}),
        },
        coords={
            "step": ("record", steps, {"units": "steps"}),
            "seed": np.arange(seeds),
            "input": [name],
            "input_unit": ("input", ["year"]),
            "output": [NASTY if hostile else "CO₂ (ppm)"],
            "frequency": ("frequency", frequency, {"units": "cycles per year"}),
            "power": ("frequency", power),
            "band": [f"{low / 44:.2g}–{high / 44:.2g} cycles per year" for low, high in itertools.pairwise(edges)],
            "share": ("band", share),
            "band_low": ("band", edges[:-1] / 44),
            "band_high": ("band", edges[1:] / 44),
        },
    )


def condensing(steps, seeds, neurons=100):
    """Neurons that gather at two orientations."""
    rng = np.random.default_rng(1)
    start = rng.uniform(-np.pi, np.pi, (seeds, 1, neurons))
    goal = np.where(start > 0, 2.9, -0.2) + 0.03 * rng.normal(size=start.shape)
    progress = (1 - np.exp(-steps / 300))[None, :, None]
    angle = start + progress * (goal - start)
    amplitude = rng.uniform(0.01, 0.05, start.shape) + progress * np.abs(rng.normal(1, 0.4, start.shape))
    weights = np.stack([np.cos(angle), np.sin(angle)], -1)[:1]
    threshold = np.array([0.9, 0.95, 0.99, 0.999])
    decay = np.exp(-steps / 300)[None, :, None, None]
    layer = np.array([1, 2])
    many = np.array([12, 17, 40, 80])[None, None, None] * np.array([1, 1.2])[None, None, :, None]
    count = 2 + many * decay * np.ones((seeds, 1, 1, 1)) * rng.uniform(0.9, 1.1, (seeds, 1, 1, 1))
    change = (1 - decay[..., 0]) * np.array([3.1, 0.4]) * rng.uniform(0.8, 1.2, (seeds, 1, 1))
    return xr.Dataset(
        {
            "features": (
                ("seed", "record", "neuron", "feature"),
                np.stack([angle, amplitude], -1).astype(np.float32),
                {"long_name": "feature", "references": "luo2020phase"},
            ),
            "cosine_similarity": (
                ("seed", "record", "neuron", "neuron_other"),
                np.repeat(np.einsum("srnf,srmf->srnm", weights, weights), seeds, axis=0).astype(np.float32),
                {"long_name": "cosine similarity"},
            ),
            "effective_neurons": (
                ("seed", "record", "layer", "threshold"),
                count,
                {"long_name": "effective neurons", "description": "Size of a greedy cover of the input weights."},
            ),
            "relative_change": (
                ("seed", "record", "layer"),
                change,
                {"long_name": "relative change of the input weights"},
            ),
        },
        coords={
            "step": ("record", steps),
            "seed": np.arange(seeds),
            "feature": ["orientation", "amplitude"],
            "threshold": threshold,
            "layer": layer,
        },
    )


def make_line(seeds=4, hostile=False, total=10000, points=300):
    steps = log_steps(100)(total)
    data = xr.merge([sines(steps, seeds, points, hostile), condensing(steps, seeds)])
    data["outcome"] = ("seed", np.zeros(seeds, int))
    data["diverged_at"] = ("seed", np.full(seeds, -1))
    description = described(seeds)
    if hostile:
        description["summary"] = summary(NASTY) | {"headline": NASTY, "advice": NASTY, "notes": [NASTY]}
        description["summary"]["tables"] = [{"title": NASTY, "columns": [NASTY], "rows": [[NASTY]], "note": NASTY}]
        description["data"] = dict.fromkeys(("name", "source", "licence", "path"), NASTY) | {"notes": [NASTY]}
        description["specification"] = {NASTY: NASTY, "\u2028": "<!-- <script>"}
    return Run(data, provenance=description, step=total)


def make_picture(rows=48, columns=64, outputs=1, seeds=2):
    """Pixels: a smooth shape with fine stripes that come last."""
    rng = np.random.default_rng(2)
    steps = log_steps(40)(5000)
    v, u = np.meshgrid(np.linspace(-1, 1, rows), np.linspace(-1, 1, columns), indexing="ij")
    layers = [
        (0.3, np.exp(-3 * (u**2 + v**2))),
        (2.0, 0.3 * np.sin(6 * u) * np.cos(5 * v)),
        (8.0, 0.2 * np.sin(30 * u)),
    ]
    channels = np.linspace(1, 0.4, outputs)
    target = sum(part for _, part in layers).reshape(-1, 1) * channels
    output = sum(learned(k, steps, seeds, rng)[..., None, None] * part.reshape(-1, 1) * channels for k, part in layers)
    radius = np.arange(24) / 2.0
    error = 1 - np.stack([learned(r / 2, steps, seeds, rng) for r in radius], -1)
    return Run(
        xr.Dataset(
            {
                "points": (("point", "input"), np.stack([u.ravel(), v.ravel()], 1)),
                "target": (("point", "output"), target),
                "outputs": (
                    ("seed", "record_view", "point", "output"),
                    output.astype(np.float32),
                    {"target": "target"},
                ),
                "relative_error": (("seed", "record_view", "frequency"), error, {"long_name": "relative error"}),
            },
            coords={
                "step_view": ("record_view", steps),
                "seed": np.arange(seeds),
                "input": ["x", "y"],
                "output": ["grey"] if outputs == 1 else ["red", "green", "blue"][:outputs],
                "frequency": ("frequency", radius, {"units": "cycles per picture"}),
            },
            attrs={"lattice": f"{rows},{columns}"},
        ),
        provenance=described(seeds) | {"summary": summary("A photograph")},
        step=5000,
    )


def make_digits(seeds=3, classes=10):
    """Many inputs and classes: projection and filter errors, no curve to draw."""
    rng = np.random.default_rng(3)
    steps = log_steps(60)(2000)
    frequency = np.linspace(0, 2, 30)
    by_direction = 1 - np.stack(
        [np.stack([learned(f * (1 + d) * 3, steps, seeds, rng) for f in frequency], -1) for d in range(2)], axis=2
    )
    goal = np.exp(-((frequency - 0.4) ** 2) * 6)[None] * np.array([[1.0], [0.5]]) * np.exp(1j * frequency)
    filtered = 1 - np.stack(
        [np.stack([learned(k * w, steps, seeds, rng) for k in (0.5, 4)], -1) for w in (2.0, 1.0, 0.5)], axis=2
    )
    labels = rng.integers(0, classes, 200)
    target = np.eye(classes)[labels]
    output = learned(1, steps, seeds, rng)[..., None, None] * target
    accuracy = 0.1 + 0.88 * learned(1, steps, seeds, rng)
    return Run(
        xr.merge([
            condensing(steps, seeds)[["effective_neurons", "relative_change", "cosine_similarity"]],
            xr.Dataset(
                {
                    "points": (("point", "input"), rng.normal(size=(200, 64))),
                    "target": (("point", "output"), target),
                    "outputs": (("seed", "record", "point", "output"), output, {"target": "target"}),
                    "projection_target": (("direction", "frequency"), goal),
                    "projection_error": (
                        ("seed", "record", "direction", "frequency"),
                        by_direction,
                        {"long_name": "relative error", "target": "projection_target"},
                    ),
                    "filter_error": (
                        ("seed", "record", "filter_width", "part"),
                        filtered,
                        {"long_name": "relative error", "references": "xu2019frequency"},
                    ),
                    "loss": (
                        ("seed", "record"),
                        2.3 * np.exp(-steps / 200) * np.ones((seeds, 1)) + 0.01,
                        {"panel": "loss", "scale": "log"},
                    ),
                    "accuracy": (("seed", "record"), accuracy, {"panel": "accuracy", "scale": "linear"}),
                },
                coords={
                    "step": ("record", steps),
                    "seed": np.arange(seeds),
                    "direction": ["first", "second"],
                    "frequency": ("frequency", frequency, {"units": "cycles per unit"}),
                    "filter_width": [2.34, 0.94, 0.47],
                    "filter_share": ("filter_width", [0.3, 0.55, 0.8]),
                    "part": ["low", "high"],
                },
            ),
        ]),
        provenance=described(seeds) | {"summary": summary("Handwritten digits")},
        step=2000,
    )


def make_diverged():
    """One seed ends in NaN half way, the other goes on."""
    run = make_line(seeds=2)
    late = run.data["step"].values > 300
    for name in ("outputs", "loss", "validation_loss", "spectrum", "relative_error", "band_error", "features"):
        run.data[name].values[1, late] = np.nan
    run.data["outcome"] = ("seed", np.array([0, int(Outcome.DIVERGED)]))
    run.data["diverged_at"] = ("seed", np.array([-1, 300]))
    return run


def make_all_diverged():
    """Everything is NaN after the start."""
    run = make_line(seeds=1)
    for name, array in run.data.data_vars.items():
        if "record" in array.dims and array.dtype.kind in "fc":
            run.data[name].values[:, 3:] = np.nan
    run.data["outcome"] = ("seed", np.array([int(Outcome.DIVERGED)]))
    run.data["diverged_at"] = ("seed", np.array([3]))
    run.outcome = Outcome.DIVERGED
    return run


def make_phases(gamma=(0.6, 1.0, 1.4), prime=(-0.2, 0.2), widths=(100, 1000, 10_000), *, neurons=30, inputs=1, seeds=2):
    """A diagram of exact slopes; one cell diverged, one was not computed."""
    gamma, prime, widths = (np.asarray(one) for one in (gamma, prime, widths))
    plane = ("gamma", "gamma_prime", "width")
    draw = np.random.default_rng(0)
    shape = (len(gamma), len(prime), len(widths))
    slope = gamma[:, None] - 1 - 0.5 * np.maximum(prime, 0)
    change = np.exp(slope[..., None, None] * np.log(widths)[:, None] + 0.1 * np.arange(seeds))
    turn = draw.uniform(-np.pi, np.pi, (*shape, neurons)) if inputs == 1 else draw.uniform(-1, 1, (*shape, neurons))
    features = np.stack([turn, draw.exponential(1e-3, (*shape, neurons))], axis=-1)
    along, places = ("position", np.linspace(-1, 1, 11)) if inputs == 1 else ("row", np.arange(11))
    fit = places * np.ones((*shape, 11)) + draw.normal(size=(*shape, 1))
    outcome = np.full((*shape, seeds), int(Outcome.STOPPED), np.int8)
    for place, ended in (((0, 0, 0), int(Outcome.DIVERGED)), ((1, 1, 2), -1)):
        outcome[place] = ended
        for values in (change, features, fit):
            values[place] = np.nan
    given = {"given_points": [-1.0, 1.0], "given_values": [0.5, 2.0]} if inputs == 1 else {}
    given = given or {"given_values": np.linspace(0, 2, 11).tolist()}
    names = ("orientation" if inputs == 1 else "projection", "amplitude")
    return xr.Dataset(
        {
            "slope": (plane[:2], slope, {"over": "gamma", "long_name": "slope"}),
            "slope_low": (plane[:2], slope - 0.1),
            "slope_high": (plane[:2], slope + 0.1),
            "predicted_slope": (plane[:2], slope + 0.01),
            "predicted_boundary": ("gamma_prime", 1 + np.maximum(prime, 0)),
            "relative_change": ((*plane, "seed"), change),
            "outcome": ((*plane, "seed"), outcome),
            "features": ((*plane, "neuron", "feature"), features),
            "fit": ((*plane, along, "output"), fit[..., None], given),
        },
        {"gamma": gamma, "gamma_prime": prime, "width": widths, "feature": list(names), along: places},
    )


BUILDERS = {
    "line": make_line,
    "single seed": lambda: make_line(seeds=1),
    "long line": lambda: make_line(points=2284),
    "hostile": lambda: make_line(seeds=1, hostile=True),
    "grey picture": make_picture,
    "colour picture": lambda: make_picture(outputs=3),
    "large picture": lambda: make_picture(rows=200, columns=300, seeds=1),
    "digits": make_digits,
    "diverged": make_diverged,
    "all diverged": make_all_diverged,
    "no ensemble": lambda: Run(make_line(seeds=1).data.isel(seed=0, drop=True), step=10000),
    "one record": lambda: Run(make_line().data.isel(record=[0])),
    "empty": lambda: Run(xr.Dataset()),
}


@pytest.fixture(scope="session")
def runs():
    """All runs by name, made once."""
    return {name: build() for name, build in BUILDERS.items()}


@pytest.fixture(params=sorted(BUILDERS))
def run(request, runs):
    return runs[request.param]


@pytest.fixture(scope="session")
def phases():
    """Makes a phase diagram with what it knows of its cells."""
    return make_phases
