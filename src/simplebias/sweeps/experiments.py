"""What a sweep trains in each cell: networks by name on given data, or two-layer networks along the normalised flow."""

import abc
import dataclasses
import functools
import importlib
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError, check_choice, check_positive
from simplebias.core.task import Regression, Task
from simplebias.core.types import PyTree
from simplebias.networks import (
    Affine,
    AntiSymmetric,
    Initialisation,
    LayerScale,
    Phase,
    build,
    phase,
    power,
    weight_std,
)
from simplebias.networks import initialisation as find_initialisation
from simplebias.sweeps.data import FOUR_POINTS, named_task, outputs_of
from simplebias.training import Begin, Build, NormalisedFlow, RatedGradient

Cell = Mapping[str, Any]


class Experiment(abc.ABC):
    """What is trained in a cell. Cells of one shape are trained by one compiled program.

    Write one for trainings of your own, in a module that can be imported, and name it as `module:name`.
    """

    @property
    @abc.abstractmethod
    def settings(self) -> Mapping[str, Any]:
        """Every setting with its default; each may be an axis of a sweep. `seed` is one of every experiment."""

    @abc.abstractmethod
    def shape(self, cell: Cell) -> Hashable:
        """What costs a compilation: sizes and names, as plain data."""

    @abc.abstractmethod
    def numbers(self, cell: Cell) -> dict[str, np.ndarray]:
        """What differs from cell to cell of a shape: arrays of equal shapes."""

    @abc.abstractmethod
    def build(self, shape: Any, until: float | None) -> Build:
        """Makes a training from the numbers: the same object for the same arguments, so that it is compiled once."""

    @abc.abstractmethod
    def task(self, shape: Any) -> Task:
        """What is learned, shared by all cells of the shape."""


class PhaseDiagram(Experiment):
    """A network of a width at the point (γ, γ') of the phase diagram, along the normalised gradient flow.

    Only γ and γ' matter to the flow, so α = 1 is taken: `β1 = m^-((γ + γ')/2)`, `β2 = m^-((γ - γ')/2)`. With d hidden
    layers, `f = κ aᵀσ(W_d … σ(W_1 x̃))` with `κ = m^-γ` for weights of std 1, all layers have the std `m^-(γ/(d + 1))`
    (so γ' = 0), and biases are in the first layer only.

    References:
        Luo, Xu, Ma, Zhang, Phase diagram for two-layer ReLU neural networks at infinite-width limit, arXiv:2007.07497.

        Zhou, Zhou, Jin, Luo, Zhang, Xu, Empirical phase diagram for three-layer neural networks with infinite width,
        arXiv:2205.12101.

    Example:
        >>> kind = PhaseDiagram()
        >>> kind.shape({**kind.settings, "width": 50})[:2]
        (50, 'relu')
    """

    @property
    def settings(self) -> Mapping[str, Any]:
        """Coordinates, width, hidden layers, activation, data, and the two numbers of `NormalisedFlow`."""
        return {
            "gamma": 1.0, "gamma_prime": 0.0, "width": 1000, "depth": 1, "seed": 0, "activation": "relu",
            "antisymmetric": True, "data": FOUR_POINTS, "limit": 45, "stability": 0.5, "growth": 0.05,
        }  # fmt: skip

    def shape(self, cell: Cell) -> Hashable:
        """All but the coordinates and the seed."""
        return tuple(cell[name] for name in _PHASE_SHAPE)

    def numbers(self, cell: Cell) -> dict[str, np.ndarray]:
        """The std of every layer, and the seed."""
        point, width, depth = Phase(cell["gamma"], cell["gamma_prime"]), float(cell["width"]), cell["depth"]
        check_positive(depth, "depth", integer=True)
        if depth > 1 and point.gamma_prime != 0:
            raise InputError("gamma_prime = 0 with more than one hidden layer", repr(point.gamma_prime))
        powers = [(point.gamma - point.gamma_prime) / 2, (point.gamma + point.gamma_prime) / 2]
        if depth > 1:
            powers = [point.gamma / (depth + 1)] * (depth + 1)
        stds = np.asarray([width**-power for power in powers], jnp.result_type(float))
        return {"stds": stds, "seed": np.asarray(cell["seed"], np.uint32)}

    def build(self, shape: Any, until: float | None) -> Build:
        """The network of these stds and a seed."""
        return _phase_build(shape, until)

    def task(self, shape: Any) -> Task:
        """Four points, or other data with one output."""
        return named_task(shape[3], shape[4], scalar=True)


_PHASE_SHAPE = ("width", "activation", "antisymmetric", "data", "limit", "stability", "growth", "depth")


@functools.lru_cache(maxsize=64)
def _phase_build(shape: tuple, until: float | None) -> Build:
    width, activation, antisymmetric, data, limit, stability, growth, depth = shape
    inputs = named_task(data, limit, scalar=True).points.shape[1]
    flow = NormalisedFlow(stability, growth)
    make = functools.partial(
        build, "two-layer" if depth == 1 else "mlp", inputs, 1, width=width, depth=None if depth == 1 else depth,
        activation=activation, initialisation="weight-std:1", output_bias=False,
    )  # fmt: skip

    def start(numbers: PyTree) -> Begin:
        key = jax.random.key(numbers["seed"])
        network = _scaled(make(key=key), list(numbers["stds"]))
        bare = [dataclasses.replace(layer, bias=None) for layer in network.layers[1:]]
        network = eqx.tree_at(lambda one: one.layers, network, (network.layers[0], *bare))
        return Begin(_mirrored(network, antisymmetric), flow, key, until)

    return start


class Training(Experiment):
    """A network by name on data by name, with an optimiser by name, as `simplebias observe` trains it.

    Learning rate, the parameter of the initialisation, label noise and seed cost no compilation.

    Example:
        >>> kind = Training()
        >>> cells = [{**kind.settings, "learning_rate": rate} for rate in (1e-3, 1e-2)]
        >>> kind.shape(cells[0]) == kind.shape(cells[1])
        True
    """

    @property
    def settings(self) -> Mapping[str, Any]:
        """As of `simplebias observe`, all rows training; `t` is the exponent of the initialisation "power"."""
        return {
            "network": "mlp", "width": 100, "depth": 2, "activation": "tanh", "init": "lecun", "t": None,
            "weight_std": None, "gamma": None, "gamma_prime": 0.0, "antisymmetric": False, "dropout": 0.0,
            "optimiser": "adam", "learning_rate": 1e-3, "batch_size": 0, "data": FOUR_POINTS, "limit": None,
            "label_noise": 0.0, "seed": 0,
        }  # fmt: skip

    def shape(self, cell: Cell) -> Hashable:
        """Sizes, names, dropout, whether labels are noisy, and the fixed multipliers of the layers."""
        named = tuple(cell[name] for name in _TRAINING_SHAPE)
        return (*named, cell["label_noise"] > 0, tuple(scale.multiplier for scale in _scales(cell)))

    def numbers(self, cell: Cell) -> dict[str, np.ndarray]:
        """The std of every layer, learning rate, label noise and seed."""
        real = jnp.result_type(float)
        check_positive(cell["learning_rate"], "learning_rate")
        check_positive(cell["label_noise"], "label_noise", zero=True)
        return {
            "stds": np.asarray([scale.std for scale in _scales(cell)], real),
            "learning_rate": np.asarray(cell["learning_rate"], real),
            "label_noise": np.asarray(cell["label_noise"], real),
            "seed": np.asarray(cell["seed"], np.uint32),
        }

    def build(self, shape: Any, until: float | None) -> Build:
        """The network of these stds and a seed, with its own learning rate and noise."""
        return _training_build(shape, until)

    def task(self, shape: Any) -> Task:
        """The data, without noise."""
        named = dict(zip(_TRAINING_SHAPE, shape, strict=False))
        return named_task(named["data"], named["limit"])


_TRAINING_SHAPE = (
    "network", "width", "depth", "activation", "antisymmetric", "dropout", "optimiser", "batch_size", "data", "limit",
)  # fmt: skip


def _rule(cell: Cell) -> Initialisation:
    if cell["gamma"] is not None:
        return phase(cell["gamma"], cell["gamma_prime"])
    if cell["t"] is not None:
        return power(cell["t"])
    return find_initialisation(cell["init"]) if cell["weight_std"] is None else weight_std(cell["weight_std"])


def _scales(cell: Cell) -> tuple[LayerScale, ...]:
    task = named_task(cell["data"], cell["limit"])
    depth = 1 if cell["network"] == "two-layer" else cell["depth"]
    return _rule(cell).scales((task.points.shape[1], *[cell["width"]] * depth, outputs_of(task)))


@functools.lru_cache(maxsize=64)
def _training_build(shape: tuple, until: float | None) -> Build:
    named, (noisy, multipliers) = dict(zip(_TRAINING_SHAPE, shape, strict=False)), shape[-2:]
    task = named_task(named["data"], named["limit"])
    make = functools.partial(
        build, named["network"], task.points.shape[1], outputs_of(task), width=named["width"],
        depth=None if named["network"] == "two-layer" else named["depth"], activation=named["activation"],
        dropout=named["dropout"], initialisation="weight-std:1",
    )  # fmt: skip
    if noisy and not isinstance(task, Regression):
        raise InputError("label noise on data with values", "data with classes")

    def start(numbers: PyTree) -> Begin:
        draw_key, train_key, noise_key = jax.random.split(jax.random.key(numbers["seed"]), 3)
        network = _mirrored(_scaled(make(key=draw_key), list(numbers["stds"]), multipliers), named["antisymmetric"])
        updater = RatedGradient(named["optimiser"], numbers["learning_rate"], named["batch_size"] or None)
        own = None
        if noisy:
            noise = numbers["label_noise"] * jax.random.normal(noise_key, task.values.shape, task.values.dtype)
            own = eqx.tree_at(lambda one: one.values, task, task.values + noise)
        return Begin(network, updater, train_key, until, own)

    return start


def _scaled(network: Any, stds: Sequence[Any], multipliers: Sequence[float] | None = None) -> Any:
    """A network drawn with std 1, its layers at their own stds and multipliers."""
    layers = []
    fixed = [1.0] * len(stds) if multipliers is None else multipliers
    for layer, std, multiplier in zip(network.layers, stds, fixed, strict=True):
        last = layer is network.layers[-1]
        bias = layer.bias if last or layer.bias is None else layer.bias * std
        layers.append(Affine(layer.weight * std, bias, multiplier, 1.0 if last else multiplier))
    return eqx.tree_at(lambda one: one.layers, network, tuple(layers))


def _mirrored(network: Any, antisymmetric: bool) -> Any:
    return AntiSymmetric(network) if antisymmetric else network


EXPERIMENTS: dict[str, type[Experiment]] = {"phase": PhaseDiagram, "training": Training}
"""Experiments by name."""


def experiment(name: str) -> Experiment:
    """An experiment by its name, or by `module:name` of one that can be imported.

    Args:
        name: "phase", "training", or for example "my_study.cells:Recovery".

    Returns:
        The experiment.

    Raises:
        InputError: for an unknown name, or something that is no Experiment.

    Example:
        >>> experiment("phase").settings["width"]
        1000
    """
    if ":" not in name:
        check_choice(name, "experiment", [*EXPERIMENTS, "module:name"])
        return EXPERIMENTS[name]()
    module, _, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(f"an experiment {name!r} that can be imported", str(error)) from None
    made = found() if isinstance(found, type) else found
    if not isinstance(made, Experiment):
        raise InputError(f"{name} as an Experiment", f"a {type(made).__name__}", "Derive it from Experiment.")
    return made
