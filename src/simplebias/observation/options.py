"""The options of `observe`: their checks, and defaults that make the plain command instructive for each data."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from simplebias.core.errors import InputError, check_choice, check_positive
from simplebias.data import Sample, scaled_inputs
from simplebias.frequency import suggest_scales
from simplebias.networks import ACTIVATIONS, NETWORKS, Initialisation, activation, initialisation, phase, weight_std
from simplebias.training import optimiser_names

PRECISIONS = ("float32", "float64")
WINDOWS = ("auto", "none", "hann")
DEFAULT_INIT = "lecun"


@dataclasses.dataclass(frozen=True)
class Options:
    """What to train on the data and what to look at. None means: choose what suits the data.

    Args:
        network: `two-layer`, `mlp`, `resnet` or `multiscale`.
        width: neurons of each hidden layer.
        depth: hidden layers.
        scales: of a multi-scale network: factors of the scaled inputs, or `auto`, by the spectrum of the data; its own
            default if None.
        activation: name of the activation; "" is sine for a multi-scale network and tanh for any other.
        init: initialisation by name (`ntk`, `lecun`, `he`, `xavier`, `mean-field`), or `power:t`.
        gamma: first coordinate in the phase diagram, instead of `init`, for a two-layer network.
        gamma_prime: second coordinate, with `gamma`; 0 by default.
        weight_std: one std for all weights and biases, instead of `init`.
        antisymmetric: start as the zero function, with two copies of the network.
        optimiser: `gd` or an Optax name.
        learning_rate: its learning rate.
        batch_size: rows of a mini-batch; 0 or None for the full batch.
        dropout: share of neurons dropped in training.
        label_noise: for values, std of the noise put on training targets in units of the targets' std; for classes,
            the share of training labels replaced by random ones.
        steps: training steps.
        seeds: seeds of the ensemble.
        validation: share of points held out.
        precision: `float32` or `float64`.
        scale_inputs: whether inputs are shifted and scaled, see `input_scale`.
        input_scale: half the range to which inputs are scaled. Wider makes high frequencies easier.
        window: taper before the Fourier transform: `none`, `hann`, or `auto` (hann if the data are not periodic).
        records: about how many records, evenly spaced in the logarithm of the step.

    Raises:
        InputError: naming the option that is wrong, what was expected and what was got.

    Example:
        >>> Options(network="two-layer", gamma=1.75).rule().name
        'phase'
    """

    network: str = "mlp"
    width: int | None = None
    depth: int | None = None
    scales: str | tuple[float, ...] | None = None
    activation: str = ""
    init: str | None = None
    gamma: float | None = None
    gamma_prime: float | None = None
    weight_std: float | None = None
    antisymmetric: bool = False
    optimiser: str = "adam"
    learning_rate: float | None = None
    batch_size: int | None = None
    dropout: float = 0.0
    label_noise: float = 0.0
    steps: int | None = None
    seeds: tuple[int, ...] | None = None
    validation: float = 0.2
    precision: str = "float32"
    scale_inputs: bool = True
    input_scale: float = 1.0
    window: str = "auto"
    records: int = 200

    def __post_init__(self) -> None:
        check_choice(self.network, "network", NETWORKS)
        if not self.activation:
            object.__setattr__(self, "activation", "sin" if self.network == "multiscale" else "tanh")
        activation(self.activation)
        check_choice(self.optimiser, "optimiser", optimiser_names())
        check_choice(self.precision, "precision", PRECISIONS)
        check_choice(self.window, "window", WINDOWS)
        for name in ("width", "depth", "steps"):
            if getattr(self, name) is not None:
                check_positive(getattr(self, name), name, integer=True)
        for name in ("learning_rate", "weight_std", "input_scale"):
            if getattr(self, name) is not None:
                check_positive(getattr(self, name), name)
        if self.batch_size is not None:
            check_positive(self.batch_size, "batch_size", integer=True, zero=True)
        check_positive(self.records, "records", integer=True)
        check_positive(self.label_noise, "label_noise", zero=True)
        for name in ("dropout", "validation"):
            share = getattr(self, name)
            if not isinstance(share, int | float) or not 0 <= share < 1:
                raise InputError(f"{name} as a share, 0 ≤ {name} < 1", repr(share))
        self._check_network()
        self._check_seeds()
        self.rule()

    def _check_network(self) -> None:
        if self.scales is not None:
            if self.network != "multiscale":
                raise InputError("scales with network='multiscale'", f"network={self.network!r}", "Leave them out.")
            object.__setattr__(self, "scales", parse_scales(self.scales))
        if self.network == "two-layer" and self.depth not in (None, 1):
            raise InputError("depth 1 for a two-layer network", repr(self.depth), "Use network='mlp' for more.")
        given = [name for name in ("init", "gamma", "weight_std") if getattr(self, name) is not None]
        if len(given) > 1:
            raise InputError("one of init, gamma and weight_std", " and ".join(given))
        if self.gamma_prime is not None and self.gamma is None:
            raise InputError("gamma together with gamma_prime", "gamma_prime alone")
        if self.gamma is not None and self.network != "two-layer":
            raise InputError(
                "network='two-layer' with gamma", f"network={self.network!r}",
                "The phase diagram is that of two-layer networks; deeper ones take init='power:t' or weight_std.",
            )  # fmt: skip

    def _check_seeds(self) -> None:
        if self.seeds is None:
            return
        seeds = self.seeds
        if not seeds or len(set(seeds)) != len(seeds) or any(not isinstance(s, int) or s < 0 for s in seeds):
            raise InputError("seeds as different whole numbers ≥ 0", repr(seeds))

    def rule(self) -> Initialisation:
        """How weights are drawn."""
        if self.gamma is not None:
            return phase(self.gamma, self.gamma_prime or 0.0)
        if self.weight_std is not None:
            return weight_std(self.weight_std)
        return initialisation(self.init or DEFAULT_INIT)

    def resolved(self, sample: Sample) -> "Options":
        """The options with everything chosen.

        Args:
            sample: the data.

        Returns:
            Options without None where a number is needed.
        """
        scales = chosen_scales(sample, self) if self.scales == "auto" else self.scales
        defaults = _defaults(sample, dataclasses.replace(self, scales=scales))
        chosen = {name: value for name, value in defaults.items() if getattr(self, name) is None}
        chosen |= {"scales": scales}
        if self.init is None and self.gamma is None and self.weight_std is None:
            chosen["init"] = DEFAULT_INIT
        return dataclasses.replace(self, **chosen)

    def to_dict(self) -> dict[str, Any]:
        """The options as plain data."""
        plain = dataclasses.asdict(self)
        return plain | {name: list(plain[name]) for name in ("seeds", "scales") if isinstance(plain[name], tuple)}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Options":
        """Options from plain data.

        Args:
            plain: as made by `to_dict`.

        Returns:
            The options.

        Raises:
            InputError: for names that are no options.
        """
        names = {field.name for field in dataclasses.fields(cls)}
        for name in plain:
            check_choice(name, "option", sorted(names))
        seeds = plain.get("seeds")
        return cls(**{**plain, "seeds": as_seeds(seeds)})


def as_seeds(seeds: int | Sequence[int] | None) -> tuple[int, ...] | None:
    """Seeds from a number of members (`3` is 0, 1, 2) or a list of seeds.

    Args:
        seeds: how many, or which.

    Returns:
        The seeds; None for None.

    Raises:
        InputError: for a number that is not positive.

    Example:
        >>> as_seeds(3)
        (0, 1, 2)
    """
    if seeds is None:
        return None
    if isinstance(seeds, int):
        check_positive(seeds, "seeds", integer=True)
        return tuple(range(seeds))
    return tuple(seeds)


def parse_scales(scales: str | Sequence[float | int]) -> str | tuple[float, ...]:
    """Scales as the word `auto`, or as positive numbers that rise.

    Args:
        scales: the word, numbers, or text such as `1,2,4`.

    Returns:
        The word, or a tuple of numbers.

    Raises:
        InputError: for anything else.

    Example:
        >>> parse_scales("4,1,2"), parse_scales("auto")
        ((1.0, 2.0, 4.0), 'auto')
    """
    if scales == "auto":
        return "auto"
    given = scales.split(",") if isinstance(scales, str) else scales
    try:
        numbers = tuple(float(one) for one in given)
    except (TypeError, ValueError):
        numbers = ()
    if not numbers or not all(0 < one < float("inf") for one in numbers):
        raise InputError("scales as auto, or positive numbers such as 1,2,4,8", repr(scales))
    return tuple(sorted(set(numbers)))


def chosen_scales(sample: Sample, options: Options) -> tuple[float, ...]:
    """Scales by the spectrum of the data, for points as the network reads them.

    Args:
        sample: the data.
        options: how inputs are scaled.

    Returns:
        The scales; 1 alone where nothing stands out of the noise.
    """
    points = scaled_inputs(sample, options.input_scale) if options.scale_inputs else sample.points
    values = sample.values if sample.values is not None else np.eye(len(sample.class_names))[sample.labels]
    std = 1 / np.sqrt(points.shape[1])  # of LeCun's rule in the first layer
    return suggest_scales(points, values, weight_std=float(std)).scales or (1.0,)


def _defaults(sample: Sample, options: Options) -> dict[str, Any]:
    """Defaults by kind of data, chosen so that each shipped sample takes less than a minute on two cores."""
    inputs, two_layer = sample.points.shape[1], options.network == "two-layer"
    if sample.labels is not None:
        chosen = {"width": 100, "depth": 2, "learning_rate": 1e-3, "steps": 2000, "seeds": (0, 1, 2)}
    elif inputs == 1:
        chosen = {"width": 64, "depth": 2, "learning_rate": 2e-3, "steps": 3000, "seeds": (0, 1, 2)}
    elif inputs == 2:
        chosen = {"width": 64, "depth": 4, "learning_rate": 1e-3, "steps": 2000, "seeds": (0, 1)}
    else:
        chosen = {"width": 100, "depth": 2, "learning_rate": 1e-3, "steps": 4000, "seeds": (0, 1, 2)}
    if options.network == "multiscale":
        count = len(options.scales) if isinstance(options.scales, tuple) else 6
        chosen |= {"width": max(1, round(96 / count)) * count}  # which the scales share out
    if two_layer:
        chosen |= {"width": 200, "depth": 1}
    return chosen | {"batch_size": 0}


__all__ = ["ACTIVATIONS", "Options", "as_seeds", "parse_scales"]
