"""A small decoder-only transformer that shows its neurons: rows of query, key and value, embeddings, feed-forward."""

import functools
import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from simplebias.core.errors import InputError, check_choice, check_positive, is_traced
from simplebias.core.snapshot import Neurons
from simplebias.core.types import Array, Float, Int, Key, Output
from simplebias.networks.activations import activation as find_activation
from simplebias.networks.dense import Affine, _default_dtype, _negate_output
from simplebias.networks.drawing import draw_matrices
from simplebias.networks.dropping import make_dropout
from simplebias.networks.initialisation import Initialisation, LayerScale
from simplebias.networks.initialisation import initialisation as find_initialisation

NORMS = ("post", "pre", "none")
READ_OUTS = ("last", "all")
State = Float[Array, "positions width"]
Asking = Float[Array, "asking width"]


class Block(eqx.Module):
    """One layer of a transformer: causal attention, then a feed-forward layer, each beside a shortcut.

    Args:
        query: `(heads · head_width, width)`, head after head.
        key: as `query`.
        value: as `query`.
        mix: `(width, heads · head_width)`, what is made of the attended values.
        inner: into the feed-forward layer.
        outer: out of it.
        norms: layer norms of the attention and of the feed-forward layer, or None.
        heads: number of heads.
        norm: "post" after the shortcut, "pre" before the layer, or "none".
        activation: of the feed-forward layer.
    """

    query: Affine
    key: Affine
    value: Affine
    mix: Affine
    inner: Affine
    outer: Affine
    norms: tuple[eqx.nn.LayerNorm, eqx.nn.LayerNorm] | None
    heads: int = eqx.field(static=True)
    norm: str = eqx.field(static=True)
    activation: str = eqx.field(static=True)

    def __call__(self, state: State, drop: Any, *, last: bool) -> Asking:
        """The state after the block, of the last position alone if `last`."""
        seen = self._normed(state, 0, "pre")
        kept = slice(-1, None) if last else slice(None)
        state = self._normed(state[kept] + drop(self.attend(seen, seen[kept])), 0, "post")
        inner = jax.vmap(self.inner)(self._normed(state, 1, "pre"))
        outer = jax.vmap(self.outer)(find_activation(self.activation)(inner))
        return self._normed(state + drop(outer), 1, "post")

    def attend(self, seen: State, asking: Asking) -> Asking:
        """What the last positions `asking` get from all positions up to themselves."""
        queries, keys, values = (
            jax.vmap(layer)(rows).reshape(len(rows), self.heads, -1)
            for layer, rows in ((self.query, asking), (self.key, seen), (self.value, seen))
        )
        scores = jnp.einsum("qhd,khd->hqk", queries, keys) / math.sqrt(queries.shape[-1])
        reach = jnp.tril(jnp.ones((len(seen), len(seen)), bool))[len(seen) - len(asking) :]
        attention = jax.nn.softmax(jnp.where(reach, scores, -jnp.inf), axis=-1)
        mixed = jnp.einsum("hqk,khd->qhd", attention, values).reshape(len(asking), -1)
        return jax.vmap(self.mix)(mixed)

    def _normed(self, state: Float[Array, "rows width"], which: int, where: str) -> Float[Array, "rows width"]:
        return state if self.norms is None or self.norm != where else jax.vmap(self.norms[which])(state)


class Transformer(eqx.Module):
    """A decoder-only transformer: embedded tokens and positions, blocks of causal attention and feed-forward, read-out.

    In formulas, without biases but that of the read-out, for `heads` of d dimensions each and σ the activation,

        X ← E[tokens] + P,   X ← N(X + Σ_h softmax(mask(X Q_hᵀ K_h Xᵀ / √d)) X V_hᵀ O_hᵀ),   X ← N(X + σ(X Wᵀ) Uᵀ),

    with N a layer norm (`norm="post"`). It is called on one sequence, which as a point is a vector of token numbers.

    Args:
        vocabulary: number of different tokens, `0 … vocabulary - 1`.
        length: tokens in a sequence.
        outputs: of the read-out; by default `vocabulary`, as logits of the next token.
        width: dimensions of the state.
        depth: number of blocks.
        heads: attention heads of a block.
        head_width: dimensions of the queries, keys and values of one head; `width / heads` if None.
        feedforward_width: neurons of the feed-forward layer of a block; `2 · width` if None.
        activation: name of σ, see `ACTIVATIONS`.
        initialisation: text or Initialisation, such as "fan-in:0.8" for weights of std `d^-0.8` with d the inputs of
            the layer. Token and position are read as one-hot vectors, so for both embeddings d is
            `vocabulary + length`.
        norm: "post" after each shortcut, as in arXiv:2405.05409; "pre" before each layer and the read-out; or "none".
        read_out: "last" for the outputs of the last token alone, or "all" for all tokens', one after another.
        output_bias: whether the read-out has a bias.
        dropout: share of entries dropped of what each layer adds to the state, in training.
        key: random key of the weights.
        dtype: of the weights; JAX's default float if None.

    Raises:
        InputError: for sizes, names or rates that cannot be used.

    References:
        The network of Zhang, Lin, Wang, Zhang, Xu, arXiv:2405.05409.

    Example:
        >>> network = Transformer(110, 9, width=16, initialisation="fan-in:0.8", key=jax.random.key(0))
        >>> jax.vmap(network)(jnp.full((5, 9), 20.0)).shape
        (5, 110)
        >>> [one.name for one in network.neurons()][:6]
        ['embedding', 'position', 'query 1', 'key 1', 'value 1', 'feedforward 1']
    """

    embedding: Float[Array, "tokens width"]
    position: Float[Array, "positions width"]
    blocks: tuple[Block, ...]
    final: eqx.nn.LayerNorm | None
    layers: tuple[Affine, ...]
    dropout: eqx.nn.Dropout
    read_out: str = eqx.field(static=True)

    def __init__(
        self,
        vocabulary: int,
        length: int,
        outputs: int | None = None,
        *,
        width: int = 32,
        depth: int = 2,
        heads: int = 1,
        head_width: int | None = None,
        feedforward_width: int | None = None,
        activation: str = "relu",
        initialisation: str | Initialisation = "lecun",
        norm: str = "post",
        read_out: str = "last",
        output_bias: bool = True,
        dropout: float | int = 0.0,
        key: Key,
        dtype: Any = None,
    ):
        check_choice(norm, "norm", NORMS)
        check_choice(read_out, "read_out", READ_OUTS)
        outputs = vocabulary if outputs is None else outputs
        sizes = {"vocabulary": vocabulary, "length": length, "outputs": outputs, "width": width, "depth": depth}
        sizes |= {"heads": heads, "head_width": width if head_width is None else head_width}
        sizes["feedforward_width"] = 2 * width if feedforward_width is None else feedforward_width
        for name, size in sizes.items():
            check_positive(size, name, integer=True)
        if head_width is None and width % heads:
            raise InputError("a width that heads divide, or head_width", f"width={width} and heads={heads}")
        head_width = width // heads if head_width is None else head_width
        self.dropout, self.read_out = make_dropout(dropout), read_out
        rule, dtype = find_initialisation(initialisation), _default_dtype(dtype)
        plan = _plan(rule, vocabulary + length, width, heads * head_width, sizes["feedforward_width"], depth, outputs)
        shapes, scales = zip(*plan, strict=True)
        first, *drawn = draw_matrices(key, shapes, tuple(float(scale.std) for scale in scales), dtype)
        self.embedding, self.position = jnp.split(scales[0].multiplier * first.T, [vocabulary])
        *layers, last = (Affine(one, None, scale.multiplier) for one, scale in zip(drawn, scales[1:], strict=True))
        make_norm = lambda: eqx.nn.LayerNorm(width, dtype=dtype)
        kind = {"heads": heads, "norm": norm, "activation": find_activation(activation).name}
        self.blocks = tuple(
            Block(*layers[6 * k : 6 * k + 6], norms=None if norm == "none" else (make_norm(), make_norm()), **kind)
            for k in range(depth)
        )
        self.final = make_norm() if norm == "pre" else None
        self.layers = (Affine(last.weight, jnp.zeros(outputs, dtype) if output_bias else None, last.multiplier),)

    def __call__(self, point: Array, *, key: Key | None = None) -> Output:
        """Outputs for one sequence; `key` draws the dropout masks."""
        state = self.features(point, key=key)[-1]
        return self.layers[-1](state) if state.ndim == 1 else jax.vmap(self.layers[-1])(state).ravel()

    def features(self, point: Array, *, key: Key | None = None) -> tuple[Float[Array, "..."], ...]:
        """State after each block: of the last token `(width,)`, or of all `(length, width)` if all are read out."""
        drops = self._drops(key)
        state, features = self.embed(point), []
        for number, block in enumerate(self.blocks, start=1):
            alone = self.read_out == "last" and number == len(self.blocks)
            state = block(state, next(drops), last=alone)
            features.append(state if self.final is None or number < len(self.blocks) else jax.vmap(self.final)(state))
        return tuple(one[-1] if self.read_out == "last" else one for one in features)

    def embed(self, point: Array) -> State:
        """State before the first block; a token that the vocabulary lacks gives NaN where it cannot be refused."""
        tokens = self._tokens(point)
        return self.embedding.at[tokens].get(mode="fill", fill_value=jnp.nan) + self.position

    def _tokens(self, point: Array) -> Int[Array, " positions"]:
        length, vocabulary = len(self.position), len(self.embedding)
        if point.shape != (length,):
            raise InputError(
                f"one sequence of shape ({length},)",
                f"shape {tuple(point.shape)}",
                "For many sequences use jax.vmap(network).",
            )
        known = (point == jnp.round(point)) & (point >= 0) & (point < vocabulary)
        if not is_traced(point) and not bool(known.all()):
            raise InputError(f"tokens as whole numbers from 0 to {vocabulary - 1}", f"{point[~known][0]}")
        return jnp.where(known, point, vocabulary).astype(jnp.int32)

    def _drops(self, key: Key | None) -> Any:
        """For each block a function that drops entries, by another mask each time it is called."""
        if self.dropout.p == 0 or self.dropout.inference:
            return iter([lambda x: x] * len(self.blocks))
        if key is None:
            raise InputError(
                "a key for dropout",
                "none",
                "Call network(point, key=key), or eqx.nn.inference_mode(network) to evaluate.",
            )
        keys = iter(jax.random.split(key, 2 * len(self.blocks)))
        return iter([lambda x: self.dropout(x, key=next(keys))] * len(self.blocks))

    @property
    def largest_derivative(self) -> int:
        """Highest order of which the derivative in the inputs is a function: 0, for tokens are whole numbers."""
        return 0

    def neurons(self) -> tuple[Neurons, ...]:
        """Every matrix that has neurons, by name: each row is one neuron.

        `embedding` and `position` have a row for each token and place. For each block, numbered from 1, there are
        `query 1`, `key 1` and `value 1`, in which the rows of a head stand together, head after head, and
        `feedforward 1`. What follows is linear in values and in the feed-forward layer, whose output weights are given.

        Returns:
            The groups, from the input.
        """
        found = [Neurons(self.embedding, None, None, name="embedding")]
        found.append(Neurons(self.position, None, None, name="position"))
        for number, block in enumerate(self.blocks, start=1):
            named = functools.partial(_neurons, number=number)
            found += [named(block.query, "query"), named(block.key, "key")]
            found += [named(block.value, "value", block.mix)]
            found += [named(block.inner, "feedforward", block.outer, block.activation)]
        return tuple(found)

    def negated(self) -> "Transformer":
        """A copy with the read-out negated, sharing no array."""
        return _negate_output(self)


def _neurons(layer: Affine, name: str, after: Affine | None = None, activation: str = "", *, number: int) -> Neurons:
    outgoing = None if after is None else after.effective_weight
    return Neurons(layer.effective_weight, None, outgoing, activation, f"{name} {number}")


def _plan(
    rule: Initialisation, tokens: int, width: int, headed: int, inner: int, depth: int, outputs: int
) -> list[tuple[tuple[int, int], LayerScale]]:
    """Shape `(rows, inputs)` and scale of every matrix: embeddings, six of each block, read-out."""
    block = [(headed, width), (headed, width), (headed, width), (width, headed), (inner, width), (width, inner)]
    shapes = [(width, tokens), *block * depth]
    plan = [(shape, rule.scales(shape[::-1])[0]) for shape in shapes]
    return [*plan, ((outputs, width), rule.scales((width, width, outputs))[1])]
