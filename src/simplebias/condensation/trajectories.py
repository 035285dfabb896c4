"""Who joins which group when: groups of like neurons at the end of a training, traced back through its records."""

import numpy as np
import xarray as xr

from simplebias.core.errors import InputError
from simplebias.core.run import is_record, step_name
from simplebias.core.types import FEATURE, GROUP, NEURON, NEURON_OTHER


def group_history(recorded: xr.DataArray, *, threshold: float | int = 0.95, absolute: bool = False) -> xr.Dataset:
    """Groups of neurons at the last record, when each neuron joined its group, and how the groups grew.

    At a record the neuron with the most neurons above the threshold of cosine similarity founds a group with them; so
    does the next among the rest, until none is left. A neuron has joined its last group at the first record from which
    on it always was above the threshold with that group's founder.

    Args:
        recorded: of one training, what `feature_measure` or `cosine_similarity_measure` recorded: dimensions
            `(record, neuron, feature)` or `(record, neuron, neuron_other)`, such as `run.data["cosine_similarity"]`.
            Of an ensemble take one member, `.isel(seed=0)`.
        threshold: cosine similarity in (-1, 1); report several, counts change with it.
        absolute: whether opposite orientations are one group, as suits an odd or even activation.

    Returns:
        Labelled data: `member_of`, the group of each neuron, counted from 1 by size, 0 for neurons without weights;
        `joined`, the step (NaN where there is no group); `founder` of each group; `members` `(record, group)`, how many
        of the last members were above the threshold with the founder; and `groups`, their number at each record.

    Raises:
        InputError: for other dimensions, no records, or a threshold out of range.

    References:
        Groups of neurons during training: Zhou, Zhou, Luo, Xu, arXiv:2105.11686; effective neurons: arXiv:2207.05952.

    Example:
        >>> angles = np.array([[0.0, 1.0, 3.0], [0.0, 0.1, 3.0]])  # two records of three neurons
        >>> features = np.stack([angles, np.ones_like(angles)], axis=2)
        >>> recorded = xr.DataArray(features, {"step": ("record", [0, 10])}, ("record", "neuron", "feature"))
        >>> history = group_history(recorded)
        >>> history.member_of.values.tolist(), history.joined.values.tolist(), history.groups.values.tolist()
        ([1, 1, 2], [0.0, 10.0, 0.0], [3, 2])
    """
    if not isinstance(threshold, float | int) or not -1 < threshold < 1:
        raise InputError("threshold as a cosine similarity in (-1, 1)", repr(threshold))
    cosines, record, steps = _cosines(recorded)
    near = (np.abs(cosines) if absolute else cosines) > threshold
    partitions = [_groups(one) for one in near]
    group, founders = partitions[-1]
    found = group > 0
    with_founder = near[:, np.arange(len(group)), np.append(founders, 0)[group - 1]] & found
    last_apart = np.where(with_founder, -1, np.arange(len(steps))[:, None]).max(axis=0)
    joined = np.where(found, steps[np.minimum(last_apart + 1, len(steps) - 1)].astype(float), np.nan)
    numbers = np.arange(1, len(founders) + 1)
    members = (with_founder[:, :, None] & (group[:, None] == numbers)).sum(axis=1)
    return xr.Dataset(
        {
            "member_of": (NEURON, group, {"long_name": "group at the last record"}),
            "joined": (NEURON, joined, {"long_name": "step at which it joined", "units": "step"}),
            "founder": (GROUP, founders, {"long_name": "neuron that founds the group"}),
            "members": ((record, GROUP), members, {"long_name": "members of the last groups"}),
            "groups": (record, np.array([len(one) for _, one in partitions]), {"long_name": "number of groups"}),
        },
        {GROUP: numbers, step_name(record): (record, steps)},
        {"threshold": float(threshold), "references": ["zhou2021condensation", "zhang2022dropout"]},
    )


def _cosines(recorded: xr.DataArray) -> tuple[np.ndarray, str, np.ndarray]:
    """Cosine similarities `(records, neurons, neurons)`, the name of the records' dimension, and their steps."""
    records = [str(name) for name in recorded.dims if is_record(name)]
    rest = {str(name) for name in recorded.dims} - set(records)
    if len(records) != 1 or rest not in ({NEURON, FEATURE}, {NEURON, NEURON_OTHER}):
        raise InputError(
            f"dimensions (record, {NEURON}, {FEATURE}) or (record, {NEURON}, {NEURON_OTHER})",
            f"{tuple(recorded.dims)}",
            "Of an ensemble take one member with .isel(seed=0).",
        )
    if not recorded.size:
        raise InputError("at least one record of one neuron", f"shape {recorded.shape}")
    name = step_name(records[0])
    steps = np.asarray(recorded[name] if name in recorded.coords else np.arange(recorded.sizes[records[0]]))
    if FEATURE not in rest:
        return recorded.transpose(records[0], NEURON, NEURON_OTHER).values, records[0], steps
    angles, sizes = np.moveaxis(recorded.transpose(records[0], NEURON, FEATURE).values, 2, 0)
    alive = sizes > 0
    cosines = np.cos(angles[:, :, None] - angles[:, None])
    return np.where(alive[:, :, None] & alive[:, None], cosines, 0.0), records[0], steps


def _groups(near: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Group of each neuron, from 1, 0 for those not even like themselves; and the founders."""
    group, founders = np.zeros(len(near), int), []
    left = np.diag(near).copy()
    while left.any():
        founder = int(np.argmax(np.where(left, (near & left).sum(axis=1), -1)))
        founders.append(founder)
        members = near[founder] & left
        members[founder] = True
        group[members] = len(founders)
        left &= ~members
    return group, np.array(founders, int)


__all__ = ["group_history"]
