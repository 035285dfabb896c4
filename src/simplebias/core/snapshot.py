"""A look at a network (`Snapshot`), and what turns a look into numbers (`Measure`).

This is where every science meets every training loop: a measure never knows where the network came from.
"""

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import numpy as np

from simplebias.core.errors import InputError
from simplebias.core.schedule import as_schedule, at_steps, log_steps
from simplebias.core.types import Array, Float, Int, Network, Points, PyTree, Schedule


class Neurons(eqx.Module):
    """The weights of one hidden layer, a row for each neuron.

    A neuron's *feature* is its extended input weight `(w, b)`: bias absorbed, as in the condensation literature.

    Args:
        input_weights: `(neurons, inputs)`, effective (multipliers of the parametrisation included).
        bias: `(neurons,)`, or None where the layer has none.
        output_weights: `(outputs, neurons)`, effective; None where what follows is not linear in the neurons.
        activation: name of the activation in `simplebias.networks.activations`.
        name: what these neurons are, such as "query 1", for networks with several kinds; "" where the number of the
            layer says it.

    Example:
        >>> import jax.numpy as jnp
        >>> neurons = Neurons(jnp.ones((4, 2)), bias=jnp.zeros(4), output_weights=jnp.ones((1, 4)))
        >>> neurons.extended.shape
        (4, 3)
    """

    input_weights: Float[Array, "neurons inputs"]
    bias: Float[Array, " neurons"] | None
    output_weights: Float[Array, "outputs neurons"] | None
    activation: str = eqx.field(static=True, default="")
    name: str = eqx.field(static=True, default="")

    @property
    def extended(self) -> Float[Array, "neurons features"]:
        """Input weights with the bias as last column, `(neurons, inputs + 1)`."""
        if self.bias is None:
            return self.input_weights
        return jax.numpy.concatenate([self.input_weights, self.bias[:, None]], axis=1)


class Snapshot(eqx.Module):
    """What a network shows at one step.

    Args:
        step: the step it was taken at.
        outputs: outputs at the points, `(points, outputs)`.
        neurons: the neurons of each hidden layer, from the input; empty for a network that does not show them.
        network: the network itself, for measures that need more; None where it cannot be had.
        initial: the neurons of the same network at step 0, for relative changes; empty where unknown.

    Example:
        >>> import jax.numpy as jnp
        >>> Snapshot(step=10, outputs=jnp.zeros((3, 1))).neurons
        ()
    """

    step: Any
    outputs: Float[Array, "points outputs"]
    neurons: tuple[Neurons, ...] = ()
    network: Any = None
    initial: tuple[Neurons, ...] = ()


@runtime_checkable
class ShowsNeurons(Protocol):
    """A network that shows its neurons."""

    def neurons(self) -> tuple[Neurons, ...]:
        """The neurons of each hidden layer, from the input."""
        ...


def wants_key(network: Network) -> bool:
    """Whether calling `network` takes a random `key` (dropout does).

    Args:
        network: any callable.

    Returns:
        Whether `key` is one of its parameters.

    Example:
        >>> wants_key(lambda x: x), wants_key(lambda x, *, key=None: x)
        (False, True)
    """
    try:
        return "key" in inspect.signature(network).parameters
    except (TypeError, ValueError):
        return False


def evaluate(network: Network, points: Points) -> Float[Array, "points outputs"]:
    """Outputs of `network` at `points`, without dropout.

    Args:
        network: maps one point `(inputs,)` to one output `(outputs,)` or a scalar.
        points: `(points, inputs)`.

    Returns:
        `(points, outputs)`.

    Example:
        >>> import jax.numpy as jnp
        >>> evaluate(lambda x: x**2, jnp.asarray([[2.0], [3.0]])).tolist()
        [[4.0], [9.0]]
    """
    quiet = eqx.nn.inference_mode(network)
    outputs = jax.vmap(quiet)(points)
    return outputs[:, None] if outputs.ndim == 1 else outputs


def count_parameters(network: Network) -> int:
    """How many numbers of a network are trained: weights, biases, scales and shifts of a normalisation.

    Args:
        network: any.

    Returns:
        The number of entries of its floating arrays.

    Example:
        >>> import jax.numpy as jnp
        >>> count_parameters((jnp.ones((2, 3)), jnp.ones(2), jnp.arange(5)))
        8
    """
    return sum(leaf.size for leaf in jax.tree.leaves(eqx.filter(network, eqx.is_inexact_array)))


def member(networks: PyTree, index: int | np.integer | Int[Array, ""]) -> PyTree:
    """One network of an ensemble, or one part of anything whose arrays have a leading axis of members.

    Args:
        networks: with a leading axis of members on every array; what is no array is shared by all.
        index: of the member, from 0.

    Returns:
        The part.

    Example:
        >>> import jax.numpy as jnp
        >>> member({"name": "line", "weight": jnp.arange(3.0)}, 2)
        {'name': 'line', 'weight': Array(2., dtype=float32)}
    """
    return jax.tree.map(lambda leaf: leaf[index] if eqx.is_array(leaf) else leaf, networks)


def neurons_of(network: Network) -> tuple[Neurons, ...]:
    """The neurons a network shows, none if it has no method `neurons`."""
    return tuple(network.neurons()) if isinstance(network, ShowsNeurons) else ()


def take_snapshot(network: Network, points: Points, *, step: Any = 0, initial: tuple[Neurons, ...] = ()) -> Snapshot:
    """Look at `network` at `points`. Under `jit`, parts that no measure reads are compiled away.

    Args:
        network: any callable PyTree; one with a method `neurons()` also shows its neurons.
        points: `(points, inputs)`.
        step: the training step.
        initial: the neurons at step 0.

    Returns:
        The snapshot.

    Example:
        >>> import jax.numpy as jnp
        >>> take_snapshot(lambda x: 2 * x, jnp.ones((3, 1))).outputs.shape
        (3, 1)
    """
    return Snapshot(
        step=step, outputs=evaluate(network, points), neurons=neurons_of(network), network=network, initial=initial
    )


@dataclasses.dataclass(frozen=True)
class Measure:
    """A pure function of a Snapshot, with the labels of what it returns.

    Args:
        function: `Snapshot -> array`. Large arrays it needs belong
            into a `jax.tree_util.Partial` or an Equinox module, so that they are arguments and not constants of the
            compiled program.
        dims: names of the dimensions of the array, from `simplebias.core.types`.
        coords: values along these dimensions.
        unit: unit of the result, empty where it is a pure number.
        description: one sentence, shown under the figure.
        references: keys of `references.bib`.
        attributes: further labels of the result.

    Example:
        >>> import jax.numpy as jnp
        >>> from simplebias.core.types import OUTPUT
        >>> mean = Measure(lambda snapshot: snapshot.outputs.mean(axis=0), dims=(OUTPUT,), description="Mean output.")
        >>> mean(Snapshot(step=0, outputs=jnp.asarray([[1.0], [3.0]]))).tolist()
        [2.0]
    """

    function: Callable[[Snapshot], Array]
    dims: tuple[str, ...] = ()
    coords: Mapping[str, Sequence[Any] | np.ndarray] = dataclasses.field(default_factory=dict)
    unit: str = ""
    description: str = ""
    references: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        for name in self.coords:
            if name not in self.dims:
                raise InputError(f"coordinates of the measure's dims {self.dims}", f"a coordinate for {name!r}")

    def __call__(self, snapshot: Snapshot) -> Array:
        """Apply the function to a snapshot."""
        return self.function(snapshot)


@dataclasses.dataclass(frozen=True)
class Record:
    """What to keep and when.

    Args:
        measure: what to keep.
        at: a schedule, or explicit steps. Dear measures get rarer schedules.

    Example:
        >>> Record(Measure(lambda snapshot: snapshot.outputs.mean()), at=[0, 10]).steps(100)
        array([ 0, 10])
    """

    measure: Measure
    at: Schedule | Sequence[int] | np.ndarray = dataclasses.field(default_factory=log_steps)

    def steps(self, total: int) -> np.ndarray:
        """The steps at which to record in a training of `total` steps, sorted, each once.

        Args:
            total: the last step of the training.

        Returns:
            Whole numbers `0 … total`.

        Raises:
            InputError: if the schedule gives anything but whole numbers ≥ 0.
        """
        steps = np.asarray(as_schedule(self.at)(total))
        return at_steps(steps)(total) if steps.size else steps.astype(np.int64)
