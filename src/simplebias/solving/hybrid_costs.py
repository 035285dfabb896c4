"""What classical sweeps from a guess would cost, told beforehand from the error of each frequency."""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.fft

from simplebias.core.task import Task
from simplebias.core.types import Array, PyTree
from simplebias.pde import Lattice, jacobi, multigrid
from simplebias.pde.finite_differences import Equations, eigenvalues, right_side
from simplebias.pde.problems_elliptic import Elliptic
from simplebias.training.updater import Updater

BINS = 4000
"""Groups of modes with nearly the same factor."""
CYCLE = 0.1
"""What a cycle of multigrid multiplies the error by, about."""
TRANSCENDENTAL = 10
"""Operations that a sine, a tanh or an exponential counts as."""
RECORDS = 25
"""Records of the sweeps."""


@dataclasses.dataclass
class Sweeps:
    """A classical method on a lattice: the error that a guess has at each frequency, and what removing it takes.

    The error of a sine mode is the residual in it, divided by what the discrete operator makes of the mode; with
    coefficients that vary their means are taken, and the error is an estimate. No solution is looked at for it.

    Args:
        problem: what to solve.
        lattice: where.
        method: `jacobi` or `multigrid`.
        damping: of Jacobi.
        tolerance: largest error to be reached, as a share of the largest value of the solution.
        price: cost of one sweep or cycle.
    """

    problem: Elliptic
    lattice: Lattice
    method: str
    damping: float
    tolerance: float
    price: float = 1.0

    def __post_init__(self):
        with jax.enable_x64(True):
            self.equations, self.right = Equations(self.problem, self.lattice), right_side(self.problem, self.lattice)
            diffusion = float(np.mean(self.problem.diffusion_values(self.lattice.points)))
            reaction = float(np.mean(self.problem.reaction_values(self.lattice.points)))
        self.values = diffusion * eigenvalues(self.lattice) + reaction
        weight = diffusion * sum(2 / h**2 for h in self.lattice.spacing) + reaction
        factor = np.abs(1 - self.damping * self.values / weight)
        rates = -np.log(np.maximum(factor, 1e-300)).ravel()
        places = np.log(np.maximum(rates, 1e-16))
        low, high = places.min(), places.max() + 1e-12
        self.groups = np.minimum(((places - low) / (high - low) * BINS).astype(int), BINS - 1)
        counts = np.maximum(np.bincount(self.groups, minlength=BINS), 1)
        self.rates = np.bincount(self.groups, rates, minlength=BINS) / counts

    def error_of(self, u: np.ndarray) -> np.ndarray:
        """Amplitude of the error of a guess in each sine mode, in the lattice's shape."""
        with jax.enable_x64(True):
            residual = np.asarray(self.equations.residual(jnp.asarray(u, float), self.right))
        return -np.asarray(scipy.fft.dstn(residual, 1)) / np.prod(self.lattice.intervals) / self.values

    def needed(self, u: np.ndarray) -> int:
        """Sweeps or cycles from a guess to the tolerance, foretold."""
        amplitudes = self.error_of(u)
        solution = u - np.asarray(scipy.fft.idstn(amplitudes * np.prod(self.lattice.intervals), 1))
        # a single mode has 2^(inputs / 2) times its root mean square as its largest value
        peak = 2 ** (u.ndim / 2)
        bound = (self.tolerance * np.abs(solution).max() / peak) ** 2
        energies = np.bincount(self.groups, (amplitudes.ravel() ** 2) / 2**u.ndim, minlength=BINS)
        if energies.sum() <= bound:
            return 0
        if self.method == "multigrid":
            return int(np.ceil(0.5 * np.log(energies.sum() / bound) / -np.log(CYCLE)))
        left = lambda count: float(np.sum(energies * np.exp(-2 * self.rates * count)))
        most = 1
        while left(most) > bound and most < 2**40:
            most *= 2
        least = most // 2
        while most - least > 1:
            middle = (least + most) // 2
            least, most = (middle, most) if left(middle) > bound else (least, middle)
        return most

    def run(self, u: np.ndarray, target: np.ndarray, count: int, modes: np.ndarray) -> Any:
        """The sweeps themselves, from a guess to the tolerance."""
        until = self.tolerance * float(np.abs(target).max())
        common: dict[str, Any] = {"initial": u, "until": until, "modes": modes, "solution": target}
        if self.method == "multigrid":
            return multigrid(self.problem, self.lattice.intervals, cycles=max(count, 1), **common)
        count = max(count, RECORDS)
        at = np.linspace(0, count, RECORDS).astype(int)
        options = {"damping": self.damping, "sweeps": count, "at": at}
        return jacobi(self.problem, self.lattice.intervals, **options, **common)

    def measure(self, target: np.ndarray, modes: np.ndarray) -> None:
        """Set the price to seconds per sweep or cycle, compilation left out."""
        zero, counts = np.zeros_like(target), (1, 3) if self.method == "multigrid" else (RECORDS, 8 * RECORDS)
        seconds = []
        for count in (counts[0], *counts):  # the first compiles
            started = time.process_time()
            self.run(zero, target, count, modes)
            seconds.append(time.process_time() - started)
        self.price = max(seconds[2] - seconds[1], 1e-7) / (counts[1] - counts[0])

    def count(self) -> None:
        """Set the price to operations per sweep or cycle."""
        points, inputs = int(np.prod(self.lattice.shape)), len(self.lattice.shape)
        self.price = float(points * (4 * inputs + 4))
        if self.method == "multigrid":
            from simplebias.pde.multigrid import hierarchy, work_per_cycle

            self.price *= work_per_cycle(hierarchy(self.problem, self.lattice))


def operations(updater: Updater, parameters: PyTree, static: PyTree, task: Task, state: PyTree, key: Array) -> float:
    """Operations of one training step, as the compiler counts them; a transcendental function counts as ten.

    Args:
        updater: that steps.
        parameters: of the network.
        static: what else is in it.
        task: what is learned.
        state: of the updater.
        key: random key.

    Returns:
        Their number.
    """
    step: Callable[..., Any] = lambda weights, carried: updater.update(
        weights, static, task, carried, step=jnp.asarray(0), key=key
    )
    found: Any = jax.jit(step).lower(parameters, state).cost_analysis()
    return float(found.get("flops", 0.0)) + TRANSCENDENTAL * float(found.get("transcendentals", 0.0))


__all__ = ["Sweeps", "operations"]
