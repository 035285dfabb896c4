"""What a sweep is asked to do, as plain data: axes, settings, measures; checked at the door, and read from TOML."""

import dataclasses
import functools
import itertools
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from simplebias.core.errors import InputError, StorageError, check_choice, check_positive
from simplebias.core.storage import specification_hash, storage_errors
from simplebias.sweeps.experiments import Cell, experiment
from simplebias.sweeps.measures import MEASURES

PRECISIONS = ("float32", "float64")


@dataclasses.dataclass(frozen=True)
class Specification:
    """A sweep: an experiment, the axes along which it is repeated, and what is measured at the end of each training.

    Args:
        axes: names of settings with the values each takes, in order; a whole number for `seed` means so many seeds.
        settings: settings that differ from the experiment's defaults and are the same in every cell.
        measures: names, see `MEASURES`; loss, steps and outcome are always kept.
        steps: of one training, at most.
        until: loss below which a training stops; None to take all steps.
        experiment: "training", "phase", or `module:name` of an Experiment of your own.
        precision: "float32" or "float64".
        bundle: cells that are computed and stored together.

    Raises:
        InputError: for names that are not known, axes without values or with a value twice, or numbers out of range.

    Example:
        >>> grid = Specification({"gamma": [0.5, 1.5], "width": [100, 200], "seed": 2}, experiment="phase")
        >>> grid.shape, grid.cell(5)["gamma"], grid.cell(5)["seed"]
        ((2, 2, 2), 1.5, 1)
    """

    axes: Mapping[str, Sequence[Any]]
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    measures: Sequence[str] = ()
    steps: int = 10_000
    until: float | None = None
    experiment: str = "training"
    precision: str = "float32"
    bundle: int = 32

    def __post_init__(self):
        known = experiment(self.experiment).settings
        if not isinstance(self.axes, Mapping) or not isinstance(self.settings, Mapping):
            raise InputError("axes and settings as tables of names and values", repr(self.axes))
        axes = {name: _values(name, values) for name, values in self.axes.items()}
        object.__setattr__(self, "axes", axes)
        object.__setattr__(self, "settings", dict(self.settings))
        object.__setattr__(self, "measures", tuple(self.measures))
        for name in (*axes, *self.settings):
            check_choice(name, "setting", sorted(known))
        if not axes:
            raise InputError("at least one axis", "none", 'For example axes={"seed": 10}.')
        both = sorted(set(axes) & set(self.settings))
        if both:
            raise InputError("a name as an axis or as a setting", f"{', '.join(both)} as both")
        check_positive(self.steps, "steps", integer=True)
        check_positive(self.bundle, "bundle", integer=True)
        if self.until is not None:
            check_positive(self.until, "until")
        check_choice(self.precision, "precision", PRECISIONS)
        for measure in self.measures:
            check_choice(measure, "measure", MEASURES)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of values along each axis."""
        return tuple(len(values) for values in self.axes.values())

    def __hash__(self) -> int:
        return hash(specification_hash(self.to_dict()))

    @functools.cached_property
    def cells(self) -> list[Cell]:
        """Every cell with all its settings, the last axis running fastest."""
        common = {**experiment(self.experiment).settings, **self.settings}
        return [common | dict(zip(self.axes, one, strict=True)) for one in itertools.product(*self.axes.values())]

    def cell(self, index: int) -> Cell:
        """One cell with all its settings."""
        return self.cells[index]

    def to_dict(self) -> dict[str, Any]:
        """The sweep as plain data."""
        plain = dataclasses.asdict(self)
        return plain | {"axes": {name: list(values) for name, values in self.axes.items()}}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Specification":
        """A sweep from plain data.

        Args:
            plain: as `to_dict` gives, or a TOML file.

        Returns:
            The sweep.

        Raises:
            InputError: for names that are not known, or values that cannot be used.
        """
        names = [field.name for field in dataclasses.fields(cls)]
        for name in plain:
            check_choice(name, "key of a sweep", names)
        if "axes" not in plain:
            raise InputError("axes", "none", "Write a table [axes] with a line `name = [values]` for each.")
        return cls(**plain)

    @classmethod
    def read(cls, path: str | Path) -> "Specification":
        """A sweep from a TOML file.

        Args:
            path: the file.

        Returns:
            The sweep.

        Raises:
            StorageError: if the file cannot be read or is no TOML.
            InputError: if what it says cannot be used.
        """
        path = Path(path)
        with storage_errors(path, "read"):
            text = path.read_text(encoding="utf-8")
        try:
            plain = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise StorageError(f"{path} is no TOML: {error}") from error
        return cls.from_dict(plain)


def _values(name: str, values: Any) -> tuple[Any, ...]:
    if name == "seed" and isinstance(values, int) and not isinstance(values, bool):
        check_positive(values, "seed", integer=True)
        return tuple(range(values))
    listed = values.tolist() if isinstance(values, np.ndarray) else values
    if isinstance(listed, str) or not isinstance(listed, Sequence):
        raise InputError(f"values of the axis {name} as a list", repr(values))
    plain = tuple(one.item() if isinstance(one, np.generic) else one for one in listed)
    if not plain:
        raise InputError(f"at least one value of the axis {name}", "none")
    if len(set(plain)) != len(plain):
        raise InputError(f"different values of the axis {name}", repr(plain))
    return plain
