"""What is looked at once a training is over: who joined which group of neurons when, how small the network can be."""

from typing import Any

import equinox as eqx
import jax
import numpy as np
import xarray as xr

from simplebias.condensation import Reduction, group_history, reduce
from simplebias.core.errors import Outcome
from simplebias.core.run import DATA, Run, step_name, writable
from simplebias.core.snapshot import member
from simplebias.core.storage import storage_errors
from simplebias.core.types import LAYER, MEMBER, NEURON, SEED, SIZE
from simplebias.networks import AntiSymmetric, MultiScale, activation
from simplebias.observation.findings import record_dimension
from simplebias.observation.options import Options
from simplebias.observation.preparation import Prepared

REDUCED = 3
"""Members of an ensemble that are reduced, the first that did not diverge."""
REDUCTION_POINTS = 256
"""Points on which the change of the output is measured."""
SIZES = 24
"""Numbers of neurons of the curve."""
TOLERANCE = 0.01
"""Relative change of the output at which the summary says how many neurons can go."""
ALIKE, ALIKE_PLANE = 0.95, 0.99
"""Cosine similarity above which neurons are one group, and that for one input, where there are few directions."""


def gather(run: Run, prepared: Prepared, options: Options) -> xr.Dataset:
    """Look at the trained networks: groups of the first layer through its records, and the reduction curve.

    Args:
        run: the run with its networks, every step taken.
        prepared: what was trained.
        options: with what.

    Returns:
        Labelled data with the seeds of the run.
    """
    absolute = activation(options.activation).parity is not None
    return xr.merge([histories(run.data, absolute=absolute), _curves(run, prepared)], combine_attrs="override")


def keep(run: Run, more: xr.Dataset) -> None:
    """Add labelled data to a run, in its folder too if it has one.

    Args:
        run: the run.
        more: variables of the same sizes whenever they are written anew.

    Raises:
        StorageError: if they cannot be written.
    """
    if run.path is not None:
        with storage_errors(run.path / DATA, "write"):
            new = more.drop_vars([name for name in more.coords if name in run.data.coords])
            new = new.assign_attrs(run.data.attrs)  # those of the store are written anew
            writable(new).to_zarr(run.path / DATA, mode="a", zarr_format=3, consolidated=False)
    run.data = run.data.assign(more.data_vars).assign_coords(more.coords)


def plain_member(networks: Any, index: int) -> Any:
    """One network of an ensemble; of an anti-symmetric or multi-scale one the plain network that computes the same."""
    one = member(networks, index)
    return one.joined() if isinstance(one, AntiSymmetric | MultiScale) else one


def finite_members(networks: Any) -> np.ndarray:
    """Which members of an ensemble have finite weights, `(members,)`."""
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(eqx.filter(networks, eqx.is_inexact_array))]
    return np.all([np.isfinite(leaf).reshape(len(leaf), -1).all(axis=1) for leaf in leaves], axis=0)


def histories(data: xr.Dataset, *, absolute: bool, layer: str = "layer 1") -> xr.Dataset:
    """For each record the group that each neuron of the layer has joined for good; neurons by group.

    Args:
        data: with `features` or `cosine_similarity` of each seed.
        absolute: whether opposite orientations are alike, as suits an odd or even activation.
        layer: what to call the layer whose neurons were recorded.

    Returns:
        `group_joined`, `(seed, record, member)`.
    """
    plane = "features" in data
    recorded = data["features" if plane else "cosine_similarity"]
    record = record_dimension(data, str(recorded.name))
    threshold = ALIKE_PLANE if plane else ALIKE
    groups = np.zeros((recorded.sizes[SEED], recorded.sizes[record], recorded.sizes[NEURON]), np.int16)
    for place in range(len(groups)):
        one = recorded.isel({SEED: place})
        finite = np.isfinite(one.transpose(record, ...).values).reshape(one.sizes[record], -1).all(axis=1)
        if not finite.all():
            continue
        history = group_history(one, threshold=threshold, absolute=absolute)
        joined = history["joined"].values
        order = np.lexsort([joined, history["member_of"].values])
        steps = history[step_name(record)].values
        there = steps[:, None] >= joined[order]
        groups[place] = np.where(there, history["member_of"].values[order], 0)
    alike = "parallel or opposite" if absolute else "parallel"
    text = f"Neurons of {layer} that end {alike} within a cosine similarity of {threshold:g}, from the record on from"
    attributes = {
        "long_name": "group joined",
        "description": f"{text} which they stayed so with the founder of the group; blank before.",
        "references": "zhou2021condensation zhang2022dropout",
    }
    return xr.Dataset({"group_joined": ((SEED, record, MEMBER), groups, attributes)})


def _curves(run: Run, prepared: Prepared) -> xr.Dataset:
    """Relative change of the output over the number of neurons, `(seed, size)`, NaN for members not looked at."""
    points = prepared.points[prepared.training]
    points = points[:: -(-len(points) // REDUCTION_POINTS)].astype(np.dtype(jax.numpy.result_type(float)))
    whole = finite_members(run.network) & (run.data["outcome"].values != int(Outcome.DIVERGED))
    chosen = np.flatnonzero(whole)[:REDUCED]
    total = sum(len(one.input_weights) for one in plain_member(run.network, 0).neurons())
    sizes = np.unique(np.rint(np.geomspace(1, total, SIZES)).astype(int))
    changes = np.full((len(run.data[SEED]), len(sizes)), np.nan)
    left = np.full(len(run.data[SEED]), np.nan)
    for place in chosen:
        with np.errstate(over="ignore", invalid="ignore"):  # weights may be huge and yet finite
            reduction = reduce(plain_member(run.network, place), points, tolerance=TOLERANCE)
        changes[place] = on_sizes(reduction, sizes)[0]
        left[place] = sum(reduction.widths[1])
    text = f"Least change of the output found with at most so many neurons, on {len(points)} training points"
    attributes = {
        "over": SIZE,
        "section": "Neurons",
        "panel": "How small the network can be",
        "long_name": "relative change of the output",
        "units": "1",
        "scale": "log",
        "description": f"{text}; like neurons merged, those that say nothing dropped.",
        "references": "zhang2021embedding",
    }
    words = f"Neurons left within a relative change of the output of {TOLERANCE:g}."
    return xr.Dataset(
        {
            "reduction": ((SEED, SIZE), changes, attributes),
            "neurons_left": (SEED, left, {"description": words, "units": "neurons", "of": total}),
        },
        {SIZE: (SIZE, sizes, {"long_name": "neurons", "units": "1", "scale": "log"})},
    )


def on_sizes(reduction: Reduction, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The curve of a reduction on given sizes.

    Args:
        reduction: with its curve.
        sizes: numbers of neurons, rising.

    Returns:
        The least change found with at most so many neurons, `(sizes,)`, NaN where fewer were never tried; and the
        widths of the hidden layers it was found with, `(layers, sizes)`.
    """
    assert reduction.curve is not None
    tried, changes = reduction.curve[SIZE].values, reduction.curve["output_change"].values
    widths = reduction.curve["widths"].transpose(LAYER, SIZE).values
    best, spread = np.full(len(sizes), np.nan), np.full((len(widths), len(sizes)), np.nan)
    for place, size in enumerate(sizes):
        possible = np.flatnonzero(tried <= size)
        if len(possible):
            chosen = possible[np.argmin(changes[possible])]
            best[place], spread[:, place] = changes[chosen], widths[:, chosen]
    return best, spread
