"""The common experiment on Poisson's equation: a network with a hard boundary, one of three losses, sine by sine."""

from collections.abc import Sequence

import numpy as np
import optax
import xarray as xr

from simplebias.claims.experiment import SEEDS, output_measure, run_ensemble
from simplebias.core.schedule import every, log_steps
from simplebias.core.snapshot import Record
from simplebias.core.task import Regression, Task
from simplebias.core.types import FREQUENCY, INPUT, OUTPUT, POINT, Key, Network
from simplebias.networks import MLP
from simplebias.pde import HardBoundary, Lattice, Residual, Ritz, poisson_tones, sine_coefficients, sine_error_measure

MODES = (2, 4, 6, 8, 16)
"""Sine modes looked at: those in which the solution has power."""
DATA, RITZ, RESIDUAL = "values", "Ritz energy", "squared residual"
"""What is minimised, with no, one and two derivatives."""
NETWORK = "1-200-100-100-1 tanh (LeCun initialisation), multiplied by 1 − x²"


def solve_tones(
    loss: str, *, intervals: int, steps: int, seeds: Sequence[int] = SEEDS, interval: int = 5, views: int = 32
) -> xr.Dataset:
    """Train networks on the four tones of 1901.06523 and follow the error of each sine mode.

    Args:
        loss: `DATA`, `RITZ` or `RESIDUAL`.
        intervals: of the lattice, whose interior points are trained on.
        steps: of Adam at 1e-3 on the full batch.
        seeds: a network each.
        interval: steps between two records of the relative error.
        views: about how many looks at the output.

    Returns:
        `relative_error` and `outputs` over seeds and records, beside points and target.
    """
    problem = poisson_tones()
    lattice = Lattice(problem.box, intervals)
    points, target = lattice.points, np.asarray(problem.exact_values(lattice.points))
    tasks: dict[str, Task] = {
        DATA: Regression(points, target),
        RITZ: Ritz(problem, points),
        RESIDUAL: Residual(problem, points),
    }
    measures = {
        "relative_error": Record(sine_error_measure(lattice, target, MODES), at=every(interval)),
        "outputs": Record(output_measure(), at=log_steps(views)),
    }
    amplitudes = np.asarray(sine_coefficients(target[:, 0]))[np.array(MODES) - 1]
    constants = xr.Dataset(
        {"points": ((POINT, INPUT), points), "target": ((POINT, OUTPUT), target, {"description": "exact solution"})},
        coords={
            OUTPUT: ["u"],
            INPUT: ["x"],
            "input_unit": (INPUT, [""]),
            FREQUENCY: (FREQUENCY, lattice.frequencies(np.array(MODES)), {"units": "cycles per unit"}),
            "power": (FREQUENCY, amplitudes**2, {"description": "power of the solution"}),
        },
    )
    done = run_ensemble(
        _network,
        tasks[loss],
        updater=optax.adam(1e-3),
        steps=steps,
        measures=measures,
        seeds=seeds,
        constants=constants,
        points=points,
    )
    return done.data


def mode_error(data: xr.Dataset, k: int) -> xr.DataArray:
    """Relative error of sine mode k on (-1, 1), of frequency k / 4."""
    return data["relative_error"].sel({FREQUENCY: k / 4}, method="nearest")


def _network(key: Key) -> Network:
    return HardBoundary(MLP(1, 1, (200, 100, 100), activation="tanh", key=key), poisson_tones().box)
