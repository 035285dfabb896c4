"""Where a training came near to critical points: slow stretches and small gradients among its recorded networks."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError, check_positive
from simplebias.core.run import Run
from simplebias.core.snapshot import Measure, Snapshot, member
from simplebias.core.task import Task
from simplebias.core.types import RECORD, SEED, Array, Key, Network
from simplebias.landscape.critical import UNREACHED, CriticalPoint, critical_point
from simplebias.landscape.hessian import in_precision
from simplebias.landscape.plateaus import find_plateaus
from simplebias.landscape.recognition import same_function
from simplebias.landscape.surface import BLOCK, Surface, open_surface, with_parameters

PARAMETER = "parameter"
"""One parameter of a network, in the order of `parameter_vector`."""


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A recorded network that may be near to a critical point. Made by `candidates`.

    No example: see `candidates`.

    Args:
        record: index of the record.
        step: of the training.
        loss: there, in float64.
        gradient: sum of the moduli of the gradient's entries, as the literature gives it.
        reason: "slow" or "small gradient".
        network: the network of then.
    """

    record: int
    step: int
    loss: float
    gradient: float
    reason: str
    network: Network


def parameters_measure() -> Measure:
    """All parameters, to be recorded for a search of critical points along a training.

    Returns:
        A measure along the dimension `parameter`.

    Example:
        >>> from simplebias.core import take_snapshot
        >>> from simplebias.networks import TwoLayer
        >>> network = TwoLayer(1, 1, 3, key=jax.random.key(0))
        >>> parameters_measure()(take_snapshot(network, jnp.ones((1, 1)))).shape
        (9,)
    """
    return Measure(_flat, dims=(PARAMETER,), description="All parameters of the network.")


def _flat(snapshot: Snapshot) -> Array:
    return jnp.concatenate([jnp.ravel(x) for x in jax.tree.leaves(eqx.filter(snapshot.network, eqx.is_inexact_array))])


def candidates(
    run: Run,
    task: Task,
    *,
    name: str = "parameters",
    seed: int | None = None,
    block: int = BLOCK,
    key: Key | None = None,
) -> list[Candidate]:
    """Recorded networks that may be near to a critical point.

    On each plateau of the loss that where it falls most slowly, and each where the gradient is smaller than at the
    records before and after and below a tenth of its median.

    Args:
        run: with `parameters_measure()` recorded, and a network.
        task: what it was trained on.
        name: under which the parameters were recorded.
        seed: index of a member of an ensemble.
        block: points taken at a time.
        key: of tasks that draw their points.

    Returns:
        The candidates in the order of records.

    Raises:
        InputError: if the run has no such record or no network, or it is an ensemble and no member was named.

    References:
        Zhang, Zhang, Luo, Xu, Embedding principle of loss landscape of deep neural networks, arXiv:2105.14573, take the
        point of smallest gradient where the loss falls most slowly.

    Example:
        >>> import simplebias
        >>> from simplebias.core import Record, Regression, every
        >>> from simplebias.networks import TwoLayer
        >>> x, key = np.linspace(-1, 1, 10), jax.random.key(0)
        >>> task, records = Regression(x, x**2), {"parameters": Record(parameters_measure(), at=every(50))}
        >>> network = TwoLayer(1, 1, 3, key=key)
        >>> run = simplebias.train(network, task, steps=500, key=key, measures=records, progress=False)
        >>> {found.reason for found in candidates(run, task)} <= {"slow", "small gradient"}
        True
    """
    vectors, steps, network = _recorded(run, name, seed)
    with in_precision("float64"):
        surface = open_surface(network, task, key=key, block=block, second=False)
        losses, gradients = (np.asarray(one) for one in _trace(surface, jnp.asarray(vectors, jnp.float64)))
    reasons = {}
    if (losses > 0).all() and len(losses) > 2:
        reasons |= {one.record: "slow" for one in find_plateaus(losses, steps)}
    reasons |= {int(k): "small gradient" for k in np.flatnonzero(_dips(gradients))}

    def of(record: int) -> Candidate:
        loss, gradient = float(losses[record]), float(gradients[record])
        moved = with_parameters(network, vectors[record])
        return Candidate(record, int(steps[record]), loss, gradient, reasons[record], moved)

    return [of(record) for record in sorted(reasons)]


def critical_points(
    run: Run,
    task: Task,
    *,
    name: str = "parameters",
    seed: int | None = None,
    tolerance: float | int = 1e-6,
    **options: Any,
) -> list[CriticalPoint]:
    """Critical points that a training passed by, each function once, highest loss first.

    From each of the `candidates` the nearest critical point is looked for. Those at infinity or not reached are left
    out.

    Args:
        run: with `parameters_measure()` recorded, and a network.
        task: what it was trained on.
        name: under which the parameters were recorded.
        seed: index of a member of an ensemble.
        tolerance: of outputs, relative to their size, below which two functions are the same.
        **options: of `critical_point`.

    Returns:
        The points.

    Raises:
        InputError: as `candidates` and `critical_point`.

    Example:
        >>> import simplebias
        >>> from simplebias.core import Record, Regression, every
        >>> from simplebias.networks import TwoLayer
        >>> x, key = np.linspace(-1, 1, 10), jax.random.key(0)
        >>> task, records = Regression(x, np.tanh(x)), {"parameters": Record(parameters_measure(), at=every(100))}
        >>> run = simplebias.train(
        ...     TwoLayer(1, 1, 1, key=key), task, steps=1000, key=key, measures=records, progress=False
        ... )
        >>> [found.gradient < 1e-13 for found in critical_points(run, task)] in ([True], [True, True])
        True
    """
    check_positive(tolerance, "tolerance")
    given = {part: options[part] for part in ("block", "key") if part in options}
    found: list[CriticalPoint] = []
    for candidate in candidates(run, task, name=name, seed=seed, **given):
        point = critical_point(candidate.network, task, **options)
        if point.kind not in UNREACHED and not any(
            same_function(point.network, other.network, task.probe, tolerance=tolerance).outputs_agree
            for other in found
        ):
            found.append(point)
    return sorted(found, key=lambda point: -point.loss)


def _recorded(run: Run, name: str, seed: int | None) -> tuple[np.ndarray, np.ndarray, Network]:
    """Vectors of parameters, their steps, and a network of the shape."""
    if name not in run.data or PARAMETER not in run.data[name].dims:
        raise InputError(
            f"a run with {name!r} recorded",
            f"records of {', '.join(map(str, run.data.data_vars)) or 'nothing'}",
            f"Train with measures={{{name!r}: Record(parameters_measure())}}.",
        )
    network = run.network if run.network is not None else run.initial
    if network is None:
        raise InputError("a run with its network", "none", "Load it with Run.load(path, like=network).")
    data = run.data[name]
    if SEED in data.dims:
        if seed is None or not 0 <= seed < data.sizes[SEED]:
            raise InputError(f"seed as an index 0 … {data.sizes[SEED] - 1}, for an ensemble", repr(seed))
        data, network = data.isel({SEED: seed}), member(network, seed)
    dimension = next(str(one) for one in data.dims if one != PARAMETER)
    steps = data[dimension.replace(RECORD, "step", 1)].values
    vectors = np.asarray(data.transpose(dimension, PARAMETER).values, np.float64)
    good = np.isfinite(vectors).all(axis=1)
    if not good.any():
        raise InputError("finite recorded parameters", "none", "The training diverged.")
    return vectors[good], steps[good], network


def _dips(gradients: np.ndarray) -> np.ndarray:
    """Where the gradient is smaller than at the neighbours and small altogether."""
    padded = np.r_[np.inf, gradients, np.inf]
    return (gradients < padded[:-2]) & (gradients <= padded[2:]) & (gradients < np.median(gradients) / 10)


@eqx.filter_jit
def _trace(surface: Surface, vectors: Array) -> tuple[Array, Array]:
    return jax.lax.map(lambda at: (surface.loss(at), jnp.abs(surface.gradient(at)).sum()), vectors)


__all__ = ["PARAMETER", "Candidate", "candidates", "critical_points", "parameters_measure"]
