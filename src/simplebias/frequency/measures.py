"""Measures of frequency to record during a training: each is a pure function of a Snapshot with its labels.

The functions inside are Equinox modules, so that matrices are arguments of the compiled program and not constants.
With `transform="softmax"` the outputs of a classifier (logits) become probabilities first, to be compared with one-hot
targets.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from simplebias.core.errors import InputError, as_array, as_points, as_values, check_choice, is_traced
from simplebias.core.snapshot import Measure, Snapshot
from simplebias.core.types import BAND, DIRECTION, FILTER_WIDTH, FREQUENCY, OUTPUT, PART, Array, ArrayLike
from simplebias.frequency.convergence import KINDS, Bands, band_error, relative_error
from simplebias.frequency.filtering import GaussianFilter, warn_of_empty_parts
from simplebias.frequency.projection import project
from simplebias.frequency.sampling import host_array
from simplebias.frequency.transform import FourierBasis, radial_frequency

TRANSFORMS: dict[str, Callable[[Array], Array]] = {
    "identity": lambda outputs: outputs,
    "softmax": lambda outputs: jax.nn.softmax(outputs, axis=1),
}
"""What may be done to a network's outputs `(points, outputs)` before they are measured."""


class _Spectrum(eqx.Module):
    basis: FourierBasis
    transform: str = eqx.field(static=True)

    def __call__(self, snapshot: Snapshot) -> Array:
        return self.basis(TRANSFORMS[self.transform](snapshot.outputs))


class _RelativeError(eqx.Module):
    spectrum: _Spectrum
    target: Array
    kind: str = eqx.field(static=True)

    def __call__(self, snapshot: Snapshot) -> Array:
        return relative_error(self.target, self.spectrum(snapshot), kind=self.kind, axis=-1)


class _BandError(eqx.Module):
    spectrum: _Spectrum
    target: Array
    bands: Bands

    def __call__(self, snapshot: Snapshot) -> Array:
        return band_error(self.target, self.spectrum(snapshot), self.bands)


class _FilterErrors(eqx.Module):
    smooth: GaussianFilter
    target: Array
    sizes: Array
    transform: str = eqx.field(static=True)

    def __call__(self, snapshot: Snapshot) -> Array:
        return self.smooth.errors_given(self.sizes, self.target, TRANSFORMS[self.transform](snapshot.outputs))


class _ProjectionErrors(eqx.Module):
    bases: FourierBasis
    targets: Array
    output: int | None = eqx.field(static=True)
    kind: str = eqx.field(static=True)
    transform: str = eqx.field(static=True)

    def __call__(self, snapshot: Snapshot) -> Array:
        values = _column(TRANSFORMS[self.transform](snapshot.outputs), self.output)
        return jax.vmap(lambda basis, target: relative_error(target, basis(values), kind=self.kind, axis=-1))(
            self.bases, self.targets
        )


def spectrum_measure(
    basis: FourierBasis, frequencies: ArrayLike, *, transform: str = "identity", unit: str = ""
) -> Measure:
    """The spectrum of the network's outputs, `(frequency, output)`, complex.

    Args:
        basis: at the points of the snapshot.
        frequencies: those of the basis, for the labels. For two inputs the label is the radial frequency.
        transform: of the outputs, `"identity"` or `"softmax"`.
        unit: of the outputs.

    Returns:
        The measure.

    Raises:
        InputError: for an unknown transform, or frequencies that are not those of the basis.

    Example:
        >>> x = np.arange(8) / 8
        >>> spectrum_measure(FourierBasis(x, [0.0, 1.0]), [0.0, 1.0]).dims
        ('frequency', 'output')
    """
    return Measure(
        function=_spectrum(basis, transform),
        dims=(FREQUENCY, OUTPUT),
        coords={FREQUENCY: _labels(basis, frequencies)},
        unit=unit,
        description="Spectrum of the network's output: amplitude and phase of each response frequency.",
        references=("xu2018training",),
        attributes={"target": "target_spectrum"},
    )


def relative_error_measure(
    basis: FourierBasis,
    target_spectrum: ArrayLike,
    frequencies: ArrayLike,
    *,
    kind: str = "complex",
    transform: str = "identity",
) -> Measure:
    """Relative error of each frequency, `(frequency,)`; outputs are joined by summing squares.

    `(Σ_outputs |ĥ - f̂|² / Σ_outputs |f̂|²)^½`, NaN where the target has no power.

    Args:
        basis: at the points of the snapshot.
        target_spectrum: `basis(target)`, `(frequencies, outputs)`.
        frequencies: those of the basis, for the labels.
        kind: `"complex"` or `"moduli"`, as in `relative_error`.
        transform: of the outputs, `"identity"` or `"softmax"`.

    Returns:
        The measure.

    Raises:
        InputError: for unknown names, or a target or frequencies that do not fit the basis.

    Example:
        >>> x, tones = np.arange(8) / 8, [1.0, 3.0]
        >>> basis = FourierBasis(x, tones)
        >>> measure = relative_error_measure(basis, basis(np.sin(2 * np.pi * x)), tones)
        >>> float(measure(Snapshot(step=0, outputs=jnp.zeros((8, 1))))[0])
        1.0
    """
    check_choice(kind, "kind", KINDS)
    return Measure(
        function=_RelativeError(_spectrum(basis, transform), _target(basis, target_spectrum), kind),
        dims=(FREQUENCY,),
        coords={FREQUENCY: _labels(basis, frequencies)},
        description="Relative error of the network's spectrum at each frequency; 0 is learned, 1 is not yet begun.",
        references=("xu2018training", "xu2019frequency"),
    )


def band_error_measure(
    basis: FourierBasis, target_spectrum: ArrayLike, bands: Bands, *, transform: str = "identity"
) -> Measure:
    """Relative error of each band of frequencies, `(band,)`; outputs are joined by summing squares.

    Args:
        basis: at the points of the snapshot.
        target_spectrum: `basis(target)`, `(frequencies, outputs)`.
        bands: from `octave_bands` of the basis' frequencies.
        transform: of the outputs, `"identity"` or `"softmax"`.

    Returns:
        The measure.

    Raises:
        InputError: for an unknown transform, or a target or bands that do not fit the basis.

    Example:
        >>> from simplebias.frequency import natural_frequencies, octave_bands
        >>> x = np.arange(8) / 8
        >>> tones = natural_frequencies(x)
        >>> basis = FourierBasis(x, tones)
        >>> measure = band_error_measure(basis, basis(np.sin(2 * np.pi * x)), octave_bands(tones))
        >>> measure.coords["band"]
        ['0', '1', '2–3', '4']
    """
    if bands.membership.shape[1] != basis.cosine.shape[0]:
        raise InputError(f"bands of {basis.cosine.shape[0]} frequencies", f"{bands.membership.shape[1]}")
    return Measure(
        function=_BandError(_spectrum(basis, transform), _target(basis, target_spectrum), bands),
        dims=(BAND,),
        coords={BAND: list(bands.labels)},
        description="Relative error of the network's output in each band of frequencies.",
        references=("xu2018training", "xu2019frequency"),
    )


def filtering_measure(smooth: GaussianFilter, target: ArrayLike, *, transform: str = "identity") -> Measure:
    """Errors of the low and the high part for each filter width, `(filter_width, part)`.

    Outputs are joined by summing squares. The target is filtered once, here. A warning names variances for which one
    part of the centred target is nearly nothing, so that its error says little.

    Args:
        smooth: the filter, at the points of the snapshot.
        target: `(points, outputs)`.
        transform: of the outputs, `"identity"` or `"softmax"`.

    Returns:
        The measure.

    Raises:
        InputError: for an unknown transform, a target that does not fit, or one that is the same at all points.

    Example:
        >>> measure = filtering_measure(GaussianFilter([0.0, 0.5, 1.0, 9.0], [0.5]), [1.0, 3.0, 2.0, 5.0])
        >>> measure.coords["part"]
        ['low', 'high']
    """
    check_choice(transform, "transform", TRANSFORMS)
    wanted = as_values(target, smooth.points.shape[0], "target")
    sizes = smooth.sizes(wanted)
    if not is_traced(wanted) and not bool(jnp.any(jnp.ptp(wanted, axis=0) > 0)):
        raise InputError("a target that varies", "the same value at all points", "Its high part is zero.")
    warn_of_empty_parts(smooth.variances, wanted, smooth(wanted))
    return Measure(
        function=_FilterErrors(smooth, wanted, sizes, transform),
        dims=(FILTER_WIDTH, PART),
        coords={FILTER_WIDTH: np.asarray(smooth.variances), PART: ["low", "high"]},
        description="Relative error of what a Gaussian filter over the inputs keeps (low) and removes (high).",
        references=("xu2019frequency",),
    )


def projection_measure(
    points: ArrayLike,
    values: ArrayLike,
    directions: ArrayLike,
    frequencies: ArrayLike,
    *,
    output: int | None = None,
    kind: str = "complex",
    transform: str = "identity",
    allow_aliased: bool = False,
) -> Measure:
    """Relative error at each frequency along each direction, `(direction, frequency)`.

    Args:
        points: those of the snapshot, `(points, inputs)`.
        values: the target, `(points, outputs)`.
        directions: `(directions, inputs)`, from `principal_directions`.
        frequencies: `(frequencies,)`, the same along all directions, from `projection_frequencies`.
        output: one column, as in the papers; None joins all by summing squares.
        kind: `"complex"` or `"moduli"`, as in `relative_error`.
        transform: of the outputs, `"identity"` or `"softmax"`.
        allow_aliased: whether to accept frequencies above half the mean sampling rate along a direction.

    Returns:
        The measure.

    Raises:
        InputError: for unknown names, an output that does not exist, or what `project` and `FourierBasis` refuse.

    Example:
        >>> points = np.random.default_rng(0).normal(size=(20, 3))
        >>> projection_measure(points, points[:, :1], np.eye(3)[:2], [0.0, 0.2]).dims
        ('direction', 'frequency')
    """
    where = as_points(points)
    wanted = as_values(values, where.shape[0])
    check_choice(kind, "kind", KINDS)
    check_choice(transform, "transform", TRANSFORMS)
    if output is not None and not 0 <= output < wanted.shape[1]:
        raise InputError(f"an output from 0 to {wanted.shape[1] - 1}", f"{output}")
    along = project(where, jnp.atleast_2d(as_array(directions, "directions")))
    each = [FourierBasis(places, frequencies, allow_aliased=allow_aliased) for places in along.T]
    targets = jnp.stack([basis(_column(wanted, output)) for basis in each])
    bases = jax.tree.map(lambda *arrays: jnp.stack(arrays), *each)
    return Measure(
        function=_ProjectionErrors(bases, targets, output, kind, transform),
        dims=(DIRECTION, FREQUENCY),
        coords={DIRECTION: np.arange(len(each)), FREQUENCY: _labels(each[0], frequencies)},
        description="Relative error of the network's spectrum along directions in the space of inputs.",
        references=("xu2019frequency",),
    )


def _column(values: Array, output: int | None) -> Array:
    return values if output is None else values[:, output : output + 1]


def _spectrum(basis: FourierBasis, transform: str) -> _Spectrum:
    check_choice(transform, "transform", TRANSFORMS)
    return _Spectrum(basis, transform)


def _target(basis: FourierBasis, target_spectrum: ArrayLike) -> Array:
    target = as_array(target_spectrum, "target_spectrum")
    target = target[:, None] if target.ndim == 1 else target
    if target.ndim != 2 or target.shape[0] != basis.cosine.shape[0]:
        raise InputError(f"a target spectrum with {basis.cosine.shape[0]} frequencies", f"shape {target.shape}")
    return target


def _labels(basis: FourierBasis, frequencies: ArrayLike) -> np.ndarray:
    labels = host_array(frequencies)
    labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    labels = labels if labels.ndim == 1 else radial_frequency(labels)
    if len(labels) != basis.cosine.shape[0]:
        raise InputError(f"the {basis.cosine.shape[0]} frequencies of the basis", f"{len(labels)} frequencies")
    return labels
