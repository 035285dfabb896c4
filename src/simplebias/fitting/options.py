"""The options of `fit`: their checks, and defaults by kind of data."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from simplebias.core.errors import InputError, check_choice, check_positive
from simplebias.data import Sample
from simplebias.observation.options import Options, parse_scales

NETWORKS = ("multiscale",)
"""Networks that `fit` trains."""
STEPS = 3000
"""Training steps."""
LARGEST_BATCH = 4096
"""Rows from which on mini-batches of half as many are taken."""


@dataclasses.dataclass(frozen=True)
class FitOptions:
    """How to fit. None means: choose what suits the data.

    Args:
        network: `multiscale`, sines with a scale for each neuron of the first layer.
        scales: `auto`, from the spectrum of the data; `adaptive`, from the spectrum of what is left, three times in
            the course of the training; or factors of the inputs, which are scaled to [-1, 1] before.
        width: neurons of each hidden layer.
        depth: hidden layers.
        steps: training steps.
        seconds: about how long to train instead, on this machine.
        learning_rate: of Muon; Adam has 0.15 of it for first and last layers and biases.
        batch_size: rows of a mini-batch; 0 for all.
        validation: share of points held out; the weights that fit these best are kept. 0 to fit all points.
        precision: `float32` or `float64`.
        plain: whether a plain network of as many weights is trained beside it.
        seed: of all that is drawn.
        window: taper before the Fourier transform of the report: `auto`, `none`, `hann`.
        records: about how many records.

    Raises:
        InputError: naming the option that is wrong.

    Example:
        >>> FitOptions(scales=[1, 2, 4]).scales
        (1.0, 2.0, 4.0)
    """

    network: str = "multiscale"
    scales: str | Sequence[float | int] | Any = "auto"
    width: int | None = None
    depth: int | None = None
    steps: int | None = None
    seconds: float | int | None = None
    learning_rate: float | int | None = None
    batch_size: int | None = None
    validation: float | int = 0.2
    precision: str = "float32"
    plain: bool = True
    seed: int = 0
    window: str = "auto"
    records: int = 100

    def __post_init__(self) -> None:
        check_choice(self.network, "network", NETWORKS)
        object.__setattr__(self, "scales", self.scales if self.scales == "adaptive" else parse_scales(self.scales))
        for name in ("seconds", "learning_rate"):
            if getattr(self, name) is not None:
                check_positive(getattr(self, name), name)
        check_positive(self.seed, "seed", integer=True, zero=True)
        if self.steps is not None and self.seconds is not None:
            raise InputError("steps or seconds", "both", "Leave one out.")
        self.observed()

    def observed(self) -> Options:
        """The options as `observe` knows them, for what is the same: preparation of the data and what is looked at."""
        names = ("width", "depth", "steps", "learning_rate", "batch_size", "validation", "precision", "window")
        kept = {name: getattr(self, name) for name in names}
        return Options(network="mlp", activation="sin", records=self.records, seeds=(int(self.seed),), **kept)

    def resolved(self, sample: Sample) -> "FitOptions":
        """The options with everything chosen.

        Args:
            sample: the data.

        Returns:
            Options without None, but for one of steps and seconds.
        """
        inputs = sample.points.shape[1]
        rows = sample.size - round(self.validation * sample.size)
        line = (64 if rows <= LARGEST_BATCH else 128, 2, 5e-3)
        width, depth, rate = line if inputs == 1 else (96, 3, 2e-2 if self.validation or inputs > 2 else 4e-2)
        chosen: dict[str, Any] = {"width": width, "depth": depth, "learning_rate": rate}
        chosen["batch_size"] = LARGEST_BATCH // 2 if rows > LARGEST_BATCH else 0
        if self.seconds is None:
            chosen["steps"] = STEPS
        return dataclasses.replace(self, **{k: v for k, v in chosen.items() if getattr(self, k) is None})

    def to_dict(self) -> dict[str, Any]:
        """The options as plain data."""
        plain = dataclasses.asdict(self)
        return plain | {"scales": self.scales if isinstance(self.scales, str) else list(self.scales)}


__all__ = ["FitOptions"]
