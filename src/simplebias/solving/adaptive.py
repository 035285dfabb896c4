"""Scales by need: train, look at the residual, add the scales that are missing, go on."""

import dataclasses
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np
import xarray as xr

from simplebias.core.errors import InputError, check_positive
from simplebias.core.run import Run, is_record
from simplebias.core.types import RECORD, Array, ArrayLike, Key, Network, Output, Point
from simplebias.pde import HardBoundary, Problem
from simplebias.solving.ending import result_line
from simplebias.solving.networks import default_parameters, small_network
from simplebias.solving.references import find_reference
from simplebias.solving.residual_scales import added_scales
from simplebias.solving.solve import named_problem, solve
from simplebias.solving.summary import summarise

SHARE = 0.6
"""Parameters of each part, over those of a whole network."""


class Sum(eqx.Module):
    """Networks added up.

    Args:
        parts: functions of one point with as many outputs.

    Example:
        >>> import jax.numpy as jnp
        >>> Sum((lambda x: x, lambda x: 2 * x))(jnp.ones(1)).tolist()
        [3.0]
    """

    parts: tuple[Network, ...]

    def __call__(self, point: Point) -> Output:
        """The sum of all outputs at one point."""
        total: Array = self.parts[0](point)
        for part in self.parts[1:]:
            total = total + part(point)
        return total


def grown(network: Network, part: Network) -> Network:
    """A network with another one beside it, which begins as zero: the function is the same, what it can learn is more.

    Args:
        network: with one output; inside of a `HardBoundary` the part stands inside too.
        part: with `layers`, such as `simplebias.networks.MLP` or `MultiScale`, or with them as `inner`.

    Returns:
        The network.

    Raises:
        InputError: for a part that shows no output layer.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from simplebias.networks import MLP
        >>> part = MLP(1, 1, 8, 2, key=jax.random.key(0))
        >>> grown(lambda x: 3 * x, part)(jnp.ones(1)).tolist()
        [3.0]
    """
    if isinstance(network, HardBoundary):
        return eqx.tree_at(lambda one: one.network, network, grown(network.network, part))
    inner = getattr(part, "inner", part)
    if not len(getattr(inner, "layers", ())):
        raise InputError("a part with layers", f"a {type(part).__name__}", "Take an MLP or a MultiScale.")
    last = inner.layers[-1]
    silent = dataclasses.replace(last, weight=0 * last.weight, bias=None if last.bias is None else 0 * last.bias)
    inner = eqx.tree_at(lambda one: one.layers[-1], inner, silent)
    begun = inner if inner is part or not hasattr(part, "inner") else eqx.tree_at(lambda one: one.inner, part, inner)
    parts = network.parts if isinstance(network, Sum) else (network,)
    return Sum((*parts, begun))


def solve_adaptively(
    problem: Problem | str,
    *,
    scales: ArrayLike = None,
    rounds: int = 3,
    budget: float | int = 60.0,
    parameters: int | None = None,
    baselines: bool = True,
    key: Key,
    out: str | Path | None = None,
    **options: Any,
) -> Run:
    """Solve an equation by a network whose scales grow: train, add what its residual says is missing, go on.

    Each time the network so far keeps what it has learned, and a part with the missing scales is added to it as zero.
    Where nothing is missing the rest of the time goes into the network that there is.

    Args:
        problem: what is to be solved, or the name of a ready problem.
        scales: those of the first part; by default the lowest alone, two over the longest side.
        rounds: trainings at most.
        budget: seconds of all trainings together.
        parameters: about how many of each part; by default 0.6 times those of `solve`.
        baselines: whether methods without training are run as well, once.
        key: random key.
        out: a new or empty folder to keep the run in.
        options: further ones of `solve`.

    Returns:
        As `solve`; `provenance["solve"]["scales_by_round"]` are those added in each.

    Raises:
        InputError: as `solve`.
        StorageError: if the folder holds something already.

    References:
        Huang, You, Zhou, arXiv:2410.00053, who take the frequencies from the network instead of its residual.

    No example: it is `solve` several times over; docs/solving.md says when it helps.
    """
    check_positive(rounds, "rounds", integer=True)
    check_positive(budget, "budget")
    problem, name = named_problem(problem)
    inputs = problem.domain.inputs
    size = int(SHARE * default_parameters(inputs)) if parameters is None else parameters
    low, high = problem.domain.bounds
    first = (
        (float(f"{2 / np.max(np.subtract(high, low)):.3g}"),) if scales is None else tuple(np.ravel(scales).tolist())
    )
    added, runs, network = [first], [], None
    with jax.enable_x64(True):
        options["reference"] = find_reference(problem, options.get("reference", "auto"))
    for place in range(rounds):
        begun, looked, drawn = jax.random.split(jax.random.fold_in(key, place), 3)
        every = tuple(sorted({one for part in added for one in part}))
        common = options | {"scales": every, "budget": budget / rounds, "key": begun}
        common |= {"baselines": baselines and place == 0}
        common |= {"parameters": size} if network is None else {"network": network}
        runs.append(solve(problem, **common))
        if place + 1 == rounds or runs[-1].outcome.name in ("INTERRUPTED", "DIVERGED"):
            break
        with jax.enable_x64(True):
            missing = added_scales(problem, runs[-1].network, every, key=looked)
            network = runs[-1].network
            if missing:
                network = grown(network, small_network(inputs, missing, parameters=size, key=drawn))
                added.append(missing)
    run = _joined(runs, added, name)
    if out is not None:
        run.save(out)
    return run


def _joined(runs: list[Run], added: list[tuple[float, ...]], name: str | None) -> Run:
    """The last run with the records of all, time and steps going on."""
    last, first = runs[-1], runs[0]
    parts, steps, seconds = [], 0, 0.0
    for run in runs:
        kept = [one for one, array in run.data.data_vars.items() if any(map(is_record, array.dims))]
        part = run.data[kept]
        part = part.assign_coords(
            step=(RECORD, part["step"].values + steps, part["step"].attrs),
            seconds=(RECORD, part["seconds"].values + seconds, part["seconds"].attrs),
        )
        parts.append(part if not parts else part.isel({RECORD: slice(1, None)}))
        steps, seconds = steps + run.step, seconds + float(run.provenance["solve"]["seconds"])
    data = last.data.drop_dims(RECORD).merge(xr.concat(parts, RECORD, combine_attrs="override"), compat="override")
    if "baseline_error" in first.data:
        ways = first.data[[one for one in first.data.data_vars if str(one).startswith("baseline_")]].copy(deep=True)
        ways["baseline_error"][0] = float(last.data["relative_l2"])
        ways["baseline_seconds"][0] = seconds
        ways["baseline_parameters"][0] = last.provenance["solve"]["parameters"]
        data = data.merge(ways)
    run = Run(data, last.network, first.initial, last.outcome, dict(last.provenance), steps)
    told = [", ".join(f"{one:g}" for one in part) for part in added]
    note = f"scales in the order in which they were added: {'; then '.join(told)}"
    made = last.provenance["solve"] | {"seconds": seconds, "scales_by_round": [list(part) for part in added]}
    run.provenance["solve"] = made | {
        "notes": [*made.get("notes", ()), note],
        "ready": name,
    }
    run.provenance["solve"]["line"] = result_line(run)
    run.provenance["summary"] = summarise(run)
    return run
