"""From a Sample to what is trained: scaled points and values, a split, label noise, a Task."""

import dataclasses
import hashlib
from typing import Any

import numpy as np

from simplebias.core.errors import InputError
from simplebias.core.task import Classification, Regression, Task
from simplebias.data import Sample, scaled_inputs
from simplebias.frequency import check_scales
from simplebias.observation.options import Options

LARGEST_INPUT = 100.0
"""Inputs beyond this saturate every activation."""
SMALLEST_SPREAD = 1e-3
"""Inputs that differ by less than this (of their size, or in all) cannot be told apart in training."""


@dataclasses.dataclass(frozen=True)
class Prepared:
    """What is trained and looked at.

    Args:
        sample: the data as they were read.
        points: scaled inputs of all points, `(points, inputs)`.
        targets: what the network is held against, `(points, outputs)`: values scaled to mean 0 and std 1 (with label
            noise on training rows), or classes as one-hot rows.
        labels: for classification `(points,)`.
        training: rows trained on, sorted.
        validation: rows held out, sorted; may be empty.
        shift: added to outputs times `stretch` to come back to the units of the data, `(outputs,)`.
        stretch: see `shift`.
        notes: what was done, in words.
    """

    sample: Sample
    points: np.ndarray
    targets: np.ndarray
    labels: np.ndarray | None
    training: np.ndarray
    validation: np.ndarray
    shift: np.ndarray
    stretch: np.ndarray
    notes: tuple[str, ...]

    def task(self, dtype: Any) -> Task:
        """What the network is asked to learn: the training rows."""
        points = self.points[self.training].astype(dtype)
        if self.labels is not None:
            return Classification(points, self.labels[self.training], classes=self.targets.shape[1])
        return Regression(points, self.targets[self.training].astype(dtype))


def prepare(sample: Sample, options: Options) -> Prepared:
    """Scale, split and, if asked, spoil the labels; everything follows from the options alone.

    Args:
        sample: the data.
        options: resolved options.

    Returns:
        Points, targets, rows and the scaling back to the units of the data.

    Raises:
        InputError: if there are too few points to split, scales that alias, or, with scaling off, inputs that make
            training hopeless.
    """
    points, notes = _scaled_inputs(sample, options)
    if isinstance(options.scales, tuple):
        notes += [*_scale_words(options.scales), *check_scales(points, options.scales)]
    random = np.random.default_rng(20_070_101)
    training, validation = _split(sample.size, options, random)
    if sample.labels is not None:
        labels = _flipped(sample, training, options, random)
        targets = np.eye(len(sample.class_names))[labels]
        one = np.ones(targets.shape[1])
        shift, stretch = 0 * one, one
    else:
        assert sample.values is not None
        labels = None
        shift, stretch = sample.values.mean(axis=0), sample.values.std(axis=0)
        targets = (sample.values - shift) / stretch
        targets[training] += options.label_noise * random.standard_normal(targets[training].shape)
    if options.label_noise:
        kind = "of training labels replaced" if labels is not None else "target std of noise on training targets"
        notes.append(f"label noise: {options.label_noise:g} {kind}")
    if len(validation):
        notes.append(f"{len(validation)} of {sample.size} points held out for validation")
    return Prepared(sample, points, targets, labels, training, validation, shift, stretch, (*sample.notes, *notes))


def _scale_words(scales: tuple[float, ...]) -> list[str]:
    return [f"scales of the network: {', '.join(f'{one:g}' for one in scales)}"]


def _scaled_inputs(sample: Sample, options: Options) -> tuple[np.ndarray, list[str]]:
    """Inputs as the network sees them."""
    if not options.scale_inputs:
        _check_hopeless(sample)
        return sample.points, []
    size = options.input_scale
    pictures = sample.image_shape is not None
    note = f"pixels scaled to [0, {size:g}]" if pictures else f"inputs scaled to [{-size:g}, {size:g}]"
    return scaled_inputs(sample, size), [note]


def _check_hopeless(sample: Sample) -> None:
    """Refuse raw inputs on which no network would train.

    Raises:
        InputError: naming the column and its range.
    """
    for column, name in zip(sample.points.T, sample.input_names, strict=True):
        size, spread = np.abs(column).max(), np.ptp(column)
        if size > LARGEST_INPUT or spread < SMALLEST_SPREAD * max(size, 1.0):
            raise InputError(
                f"input {name!r} of a scale that a network can learn (size up to {LARGEST_INPUT:g}, "
                f"spread above {SMALLEST_SPREAD:g} of it)",
                f"values from {column.min():.6g} to {column.max():.6g}",
                "Leave input scaling on, or scale the column yourself.",
            )


def _split(size: int, options: Options, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Rows to train on and rows held out.

    Returns:
        Both, sorted.

    Raises:
        InputError: if nothing would be left on one side.
    """
    held = round(options.validation * size)
    if options.validation and (held < 1 or size - held < 2):
        raise InputError(
            f"enough points to hold out a share of {options.validation:g}", f"{size} points", "Use --validation 0."
        )
    order = random.permutation(size)
    return np.sort(order[held:]), np.sort(order[:held])


def _flipped(sample: Sample, training: np.ndarray, options: Options, random: np.random.Generator) -> np.ndarray:
    """Labels, a share of the training rows replaced by random classes."""
    labels = np.array(sample.labels)
    if options.label_noise > 1:
        raise InputError("label_noise as a share of labels, 0 … 1, for classification", repr(options.label_noise))
    chosen = training[random.random(len(training)) < options.label_noise]
    labels[chosen] = random.integers(0, len(sample.class_names), len(chosen))
    return labels


def fingerprint(sample: Sample) -> str:
    """A short hash of the data, so that a run is only ever continued on the data it began with."""
    digest = hashlib.sha256(np.ascontiguousarray(sample.points).tobytes())
    digest.update(np.ascontiguousarray(sample.values if sample.labels is None else sample.labels).tobytes())
    return digest.hexdigest()[:16]
