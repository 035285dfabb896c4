"""Training without gradients: a swarm of particles, and random changes that are kept where they help.

Both are updaters of the same loop, so ensembles, records, stopping and resuming are those of `train`. The loss is only
evaluated, never differentiated: activations may have steps.
"""

import equinox as eqx
import jax
import jax.numpy as jnp

from simplebias.core.errors import check_positive
from simplebias.core.task import Task
from simplebias.core.types import Array, Float, Int, Key, PyTree, Scalar, Step
from simplebias.training.updater import Rows, Updater


class Flock(eqx.Module):
    """What a swarm carries from step to step; every array of the network has a leading axis of particles.

    Args:
        positions: where the particles are.
        velocities: how far they move in a step.
        best: where each of them saw its lowest loss.
        lowest: that loss.
        leader: the particle that saw the lowest of all, whose best place is the network.
        order: of the rows, None where all rows are taken at once.
    """

    positions: PyTree
    velocities: PyTree
    best: PyTree
    lowest: Float[Array, " particles"]
    leader: Int[Array, ""]
    order: Int[Array, " rows"] | None


class Swarm(Updater):
    """Particle swarm: networks fly about, each drawn to the best place it saw and to the best place any of them saw.

    In a step, with `r₁`, `r₂` uniform on [0, 1) anew for every parameter of every particle,
    `v ← inertia·v + cognitive·r₁·(own best − x) + social·r₂·(best of all − x)` and `x ← x + v`. The network that the
    loop shows, records and returns is the best of all so far, so on the full batch its loss never rises. The first
    particle starts at the network given, the others about it, all at rest; the network shown at step 0 is the one
    given, at step 1 the best of those first places.

    On the full batch a task that draws points, and dropout, draw the same at every step, since losses of different
    steps are compared. With mini-batches the best places are judged anew on every batch, at twice the price. Memory is
    that of `particles` networks, three times over, and of their activations on a batch.

    Args:
        particles: how many networks.
        inertia: share of the velocity that is kept, 1 for all.
        cognitive: pull of the place that a particle itself found best.
        social: pull of the place that is the best of all.
        position_std: standard deviation of the first positions about the network given, in units of the parameters.
        batch_size: rows in a batch; None (the default) for the full batch.

    Raises:
        InputError: if a number is out of range.

    References:
        Kennedy and Eberhart, Particle swarm optimization, 1995 (`kennedy1995particle`). That low frequencies come
        first under it: arXiv:2101.00747.

    Example:
        >>> import numpy as np
        >>> from simplebias.core.task import Regression
        >>> from simplebias.networks import TwoLayer
        >>> from simplebias.training import train
        >>> x = np.linspace(-1, 1, 32)
        >>> net = TwoLayer(1, 1, 5, activation="tanh", key=jax.random.key(0))
        >>> run = train(net, Regression(x, np.sin(3 * x)), updater=Swarm(50), steps=60, key=jax.random.key(1))
        >>> bool(run.data["loss"][-1] < 0.2 * run.data["loss"][0])
        True
    """

    particles: int = eqx.field(static=True)
    inertia: float = eqx.field(static=True)
    cognitive: float = eqx.field(static=True)
    social: float = eqx.field(static=True)
    position_std: float = eqx.field(static=True)
    rows: Rows

    def __init__(
        self,
        particles: int = 200,
        *,
        inertia: float | int = 0.72,
        cognitive: float | int = 1.49,
        social: float | int = 1.49,
        position_std: float | int = 0.3,
        batch_size: int | None = None,
    ):
        check_positive(particles, "particles", integer=True)
        pulls = {"inertia": inertia, "cognitive": cognitive, "social": social}
        for name, value in pulls.items():
            check_positive(value, name, zero=True)
        check_positive(position_std, "position_std")
        if batch_size is not None:
            check_positive(batch_size, "batch_size", integer=True)
        self.particles = int(particles)
        self.inertia, self.cognitive, self.social = (float(value) for value in pulls.values())
        self.position_std = float(position_std)
        self.rows = Rows(batch_size)

    def init(self, parameters: PyTree, task: Task, *, key: Key) -> Flock:
        """Particles about the network, the first one in its place; no loss is known yet."""
        *_, start = jax.random.split(key, 4)
        away = jnp.arange(self.particles) > 0
        noise = _normal(parameters, start, (self.particles,))
        scatter = lambda leaf, far: leaf + self.position_std * jnp.where(_beside(away, far), far, 0)
        positions = jax.tree.map(scatter, parameters, noise)
        lowest = jnp.full(self.particles, jnp.inf, _precision(parameters))
        order = self.rows.init(task.size)
        return Flock(positions, jax.tree.map(jnp.zeros_like, positions), positions, lowest, jnp.asarray(0), order)

    def update(
        self, parameters: PyTree, static: PyTree, task: Task, state: Flock, *, step: Step, key: Key
    ) -> tuple[PyTree, Flock, Scalar]:
        """Look where the particles are, and move them."""
        shuffle, always, steps, _ = jax.random.split(key, 4)
        now, flight = jax.random.split(jax.random.fold_in(steps, step))
        order, rows = self.rows.draw(state.order, step, shuffle)
        # the same draws at all steps, unless the batch is another one
        batch_key, loss_key = jax.random.split(always if rows is None else now)
        batch = task.batch(rows, key=batch_key)

        @jax.vmap
        def losses(candidates: PyTree) -> Scalar:
            return task.loss(eqx.combine(candidates, static), batch, key=loss_key).astype(state.lowest.dtype)

        found = losses(state.positions)
        known = state.lowest if rows is None else losses(state.best)
        before = jnp.where(step == 0, found[0], known[state.leader])
        known = jnp.where((step == 0) | ~jnp.isfinite(known), jnp.inf, known)
        better = found < known  # never where it is NaN
        best = jax.tree.map(lambda new, old: jnp.where(_beside(better, new), new, old), state.positions, state.best)
        lowest = jnp.where(better, found, known)
        leader = jnp.argmin(lowest)
        goal = jax.tree.map(lambda leaf: leaf[leader], best)
        velocities = self._velocities(state, best, goal, flight)
        positions = jax.tree.map(jnp.add, state.positions, velocities)
        return goal, Flock(positions, velocities, best, lowest, leader, order), before

    def _velocities(self, state: Flock, best: PyTree, goal: PyTree, key: Key) -> PyTree:
        """How far each particle moves now."""

        def one(position: Array, velocity: Array, own: Array, target: Array, drawn: Array) -> Array:
            pull = self.cognitive * drawn[0] * (own - position) + self.social * drawn[1] * (target - position)
            return self.inertia * velocity + pull

        drawn = _uniform(goal, key, (2, self.particles))
        return jax.tree.map(one, state.positions, state.velocities, best, goal, drawn)


class Perturb(Updater):
    """Random perturbation: change all parameters a little at random, and keep the change where the loss is lower.

    A try adds independent normal numbers of standard deviation `std` to every parameter; a step makes `tries` of them
    one after the other. Tries of one step see the same batch, the same drawn points and the same dropout, so the loss
    on the full batch of a task that draws nothing never rises.

    Args:
        std: standard deviation of a change, in units of the parameters.
        tries: how many in a step.
        batch_size: rows in a batch; None (the default) for the full batch.

    Raises:
        InputError: if a number is out of range.

    References:
        That low frequencies come first under gradient-free training: arXiv:2101.00747.

    Example:
        >>> import numpy as np
        >>> from simplebias.core.task import Regression
        >>> from simplebias.networks import TwoLayer
        >>> from simplebias.training import train
        >>> x = np.linspace(-1, 1, 32)
        >>> net = TwoLayer(1, 1, 10, activation="tanh", key=jax.random.key(0))
        >>> run = train(net, Regression(x, np.sin(3 * x)), updater=Perturb(), steps=60, key=jax.random.key(1))
        >>> bool(run.data["loss"][-1] < 0.2 * run.data["loss"][0])
        True
    """

    std: float = eqx.field(static=True)
    tries: int = eqx.field(static=True)
    rows: Rows

    def __init__(self, std: float | int = 0.03, tries: int = 50, *, batch_size: int | None = None):
        check_positive(std, "std")
        check_positive(tries, "tries", integer=True)
        if batch_size is not None:
            check_positive(batch_size, "batch_size", integer=True)
        self.std, self.tries, self.rows = float(std), int(tries), Rows(batch_size)

    def init(self, parameters: PyTree, task: Task, *, key: Key) -> PyTree:
        """The order of the rows."""
        return self.rows.init(task.size)

    def update(
        self, parameters: PyTree, static: PyTree, task: Task, state: PyTree, *, step: Step, key: Key
    ) -> tuple[PyTree, PyTree, Scalar]:
        """Some tries, each from where the last one ended."""
        shuffle, steps = jax.random.split(key)
        batch_key, loss_key, try_key = jax.random.split(jax.random.fold_in(steps, step), 3)
        order, rows = self.rows.draw(state, step, shuffle)
        batch = task.batch(rows, key=batch_key)

        def loss(candidate: PyTree) -> Scalar:
            return task.loss(eqx.combine(candidate, static), batch, key=loss_key)

        def attempt(number: Array, current: tuple[PyTree, Scalar]) -> tuple[PyTree, Scalar]:
            place, lowest = current
            change = _normal(place, jax.random.fold_in(try_key, number))
            candidate = jax.tree.map(lambda leaf, far: leaf + self.std * far, place, change)
            found = loss(candidate)
            better = found < lowest  # never where it is NaN
            return jax.tree.map(lambda new, old: jnp.where(better, new, old), (candidate, found), current)

        before = loss(parameters)
        after, _ = jax.lax.fori_loop(0, self.tries, attempt, (parameters, before))
        return after, order, before


def _precision(parameters: PyTree) -> jnp.dtype:
    """The real type of the losses of a network."""
    return jnp.finfo(jnp.result_type(*jax.tree.leaves(parameters))).dtype


def _beside(flags: Array, leaf: Array) -> Array:
    """One flag for each particle, with axes of size 1 for the rest of an array of all particles."""
    return flags.reshape(-1, *[1] * (leaf.ndim - 1))


def _uniform(tree: PyTree, key: Key, lead: tuple[int, ...] = ()) -> PyTree:
    """Real numbers uniform on [0, 1), one for each parameter, with leading axes; all drawn at once."""
    leaves, structure = jax.tree.flatten(tree)
    drawn = jax.random.uniform(key, (*lead, sum(leaf.size for leaf in leaves)), _precision(tree))
    return jax.tree.unflatten(structure, _parts(drawn, leaves))


def _normal(tree: PyTree, key: Key, lead: tuple[int, ...] = ()) -> PyTree:
    """Standard normal numbers, one for each parameter, with leading axes; complex where the parameter is."""
    leaves, structure = jax.tree.flatten(tree)
    is_complex = any(jnp.iscomplexobj(leaf) for leaf in leaves)
    kind = jnp.result_type(_precision(tree), jnp.complex64) if is_complex else _precision(tree)
    parts = _parts(jax.random.normal(key, (*lead, sum(leaf.size for leaf in leaves)), kind), leaves)
    # the real part of a complex normal number has half of its variance
    real = [
        part if jnp.iscomplexobj(leaf) == is_complex else jnp.sqrt(2) * part.real
        for part, leaf in zip(parts, leaves, strict=True)
    ]
    return jax.tree.unflatten(structure, real)


def _parts(drawn: Array, leaves: list[Array]) -> list[Array]:
    """Numbers along the last axis handed out to arrays, each in its precision."""
    parts, begin = [], 0
    for leaf in leaves:
        part = drawn[..., begin : begin + leaf.size].reshape(*drawn.shape[:-1], *leaf.shape)
        real = jnp.finfo(leaf.dtype).dtype
        parts.append(part.astype(jnp.result_type(real, jnp.complex64) if jnp.iscomplexobj(part) else real))
        begin += leaf.size
    return parts
