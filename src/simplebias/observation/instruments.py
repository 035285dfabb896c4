"""Which measures to take of which data, and the labelled constants that belong beside them."""

import dataclasses
import importlib.util
import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax.tree_util import Partial

from simplebias.condensation import (
    cosine_similarity_measure,
    effective_features_measure,
    effective_neurons_measure,
    feature_measure,
    relative_change_measure,
)
from simplebias.core.schedule import log_steps
from simplebias.core.snapshot import Measure, Record, Snapshot
from simplebias.core.types import (
    BAND,
    DIRECTION,
    FILTER_WIDTH,
    FREQUENCY,
    INPUT,
    LOCAL_FREQUENCY,
    OUTPUT,
    POINT,
    POSITION,
    Array,
    Schedule,
)
from simplebias.frequency import (
    Bands,
    FourierBasis,
    GaussianFilter,
    WaveletBasis,
    band_error_measure,
    band_share,
    complete_lattice,
    depth_measure,
    filter_variances,
    filtering_measure,
    gap_filling_basis,
    half_cutoff_measure,
    natural_frequencies,
    octave_bands,
    principal_directions,
    project,
    projection_frequencies,
    projection_measure,
    projection_spectrum,
    relative_error_measure,
    spectrum,
    spectrum_measure,
    wavelet_coordinates,
    wavelet_frequencies,
    wavelet_measure,
    wavelet_modulus,
)
from simplebias.observation.noise import noise_records
from simplebias.observation.options import Options
from simplebias.observation.preparation import Prepared
from simplebias.training import error_measure

VIEWS = 24
"""How many looks at the whole function and all neurons are kept."""
FREQUENCIES = 256
"""Number of 1-D frequencies, where these hold the power."""
HELD, LARGEST_LOOK = 0.99, 20_000_000
"""Share of the power that the frequencies looked at hold, and frequencies × points looked at at most."""
LATTICE_FREQUENCIES = 16
"""Frequencies along each half axis in two dimensions."""
DRAWN_NEURONS = 200
"""Largest number of neurons whose similarities are kept."""
SIMILARITY_VIEWS = 12
"""How often they are kept."""
DIRECTIONS = 2
"""Principal directions onto which many inputs are projected."""
PROJECTED_FREQUENCIES = 20
"""Frequencies along each of them."""
LOCAL_FREQUENCIES, POSITIONS = 32, 128
"""Frequencies and positions of a wavelet view."""
LEAST_VIEW, LONGEST_VIEW = 32, 50_000
"""Points from and up to which a wavelet view is kept: each look transforms all of them at each frequency."""
FAINTEST = 0.05
"""Share of the largest wavelet amplitude of the target below which higher frequencies are left out of the view."""

DEEP_POINTS, DEEP_VIEWS = 300, 12
"""Points at which the features of each layer are looked at, and how often: each look takes all pairs of them."""


@dataclasses.dataclass
class Instruments:
    """What is recorded, and what belongs beside it.

    Args:
        records: measures with their schedules.
        variables: constants as xarray variables.
        coords: coordinates of the constants.
        attributes: of the whole dataset.
    """

    records: dict[str, Record] = dataclasses.field(default_factory=dict)
    variables: dict[str, Any] = dataclasses.field(default_factory=dict)
    coords: dict[str, Any] = dataclasses.field(default_factory=dict)
    attributes: dict[str, Any] = dataclasses.field(default_factory=dict)

    def constants(self) -> xr.Dataset:
        """The constants as a dataset."""
        return xr.Dataset(self.variables, coords=self.coords, attrs=self.attributes)


def choose(prepared: Prepared, options: Options) -> Instruments:
    """Measures that suit the data: spectra for one or two inputs, projection and filtering for more.

    Args:
        prepared: what is trained.
        options: resolved options.

    Returns:
        Records and constants.
    """
    often, rarely = log_steps(options.records), log_steps(VIEWS)
    chosen = choose_for_outputs(prepared, often, rarely, window=options.window)
    _add_neurons(chosen, prepared, options, often, rarely)
    _add_depth(chosen, prepared, options)
    return chosen


def choose_for_outputs(prepared: Prepared, often: Schedule, rarely: Schedule, *, window: str = "auto") -> Instruments:
    """Measures of what any network gives at the points, whoever trains it: losses and frequencies.

    Args:
        prepared: what is trained.
        often: when small results are recorded.
        rarely: when whole functions and spectra are.
        window: taper before the Fourier transform, see `Options`.

    Returns:
        Records and constants.
    """
    chosen = Instruments()
    _add_data(chosen, prepared)
    _add_losses(chosen, prepared, often)
    if prepared.points.shape[1] <= 2:
        chosen.records["outputs"] = Record(_outputs_measure(prepared), at=rarely)
        _add_spectrum(chosen, prepared, window, often, rarely)
        _add_wavelets(chosen, prepared, rarely)
    else:
        _add_projection(chosen, prepared, often)
        _add_filtering(chosen, prepared, often, rarely)
    noise = noise_records(prepared, often, rarely, _frequency_unit(prepared))
    chosen.records |= noise.records
    chosen.variables |= noise.variables
    chosen.coords |= noise.coords
    return chosen


def _add_data(chosen: Instruments, prepared: Prepared) -> None:
    """The data themselves, in their own units."""
    sample = prepared.sample
    names = sample.class_names if sample.labels is not None else sample.output_names
    chosen.coords |= {INPUT: list(sample.input_names), OUTPUT: list(names)}
    chosen.coords["input_unit"] = (INPUT, list(sample.input_units))
    if prepared.points.shape[1] <= 2:
        chosen.variables["points"] = ((POINT, INPUT), sample.points, {"description": "inputs of the data"})
        truth = prepared.targets * prepared.stretch + prepared.shift
        unit = sample.output_units[0] if sample.labels is None else ""
        text = "target of the training, label noise included"
        chosen.variables["target"] = ((POINT, OUTPUT), truth, {"units": unit, "description": text})
    split = np.zeros(sample.size, np.int8)
    split[prepared.validation] = 1
    chosen.variables["split"] = ((POINT,), split, {"description": "0: trained on, 1: held out for validation"})
    if sample.lattice is not None:
        chosen.attributes["lattice"] = ",".join(map(str, sample.lattice))


def _add_losses(chosen: Instruments, prepared: Prepared, often: Schedule) -> None:
    """Loss and, for classes, accuracy on trained and held-out points."""
    classes = prepared.labels is not None
    truth = prepared.labels if prepared.labels is not None else prepared.targets
    kind = "cross-entropy" if classes else "mean-squared-error"
    for prefix, rows, where in (
        ("", prepared.training, "training"),
        ("validation_", prepared.validation, "validation"),
    ):
        if not len(rows):
            continue
        array = jnp.asarray(truth) if classes else jnp.asarray(truth, float)
        chosen.records[f"{prefix}loss"] = Record(
            error_measure(kind, array, rows, description=f"{where} loss ({kind.replace('-', ' ')})"), at=often
        )
        if classes:
            measure = error_measure("accuracy", array, rows, description=f"{where} accuracy", panel="accuracy")
            chosen.records[f"{prefix}accuracy"] = Record(measure, at=often)


def _outputs_measure(prepared: Prepared) -> Measure:
    """The learned function at all points: in the units of the data, or the probabilities of the classes."""
    if prepared.labels is not None:
        text = "probability that the network gives each class at all points"
        attributes = {"target": "target", "long_name": "probability"}
        return Measure(Partial(_probabilities), (POINT, OUTPUT), description=text, attributes=attributes)
    return Measure(
        Partial(_rescaled, jnp.asarray(prepared.stretch, float), jnp.asarray(prepared.shift, float)),
        (POINT, OUTPUT),
        unit=prepared.sample.output_units[0],
        description="output of the network at all points",
        attributes={"target": "target", "long_name": "output"},
    )


def _probabilities(snapshot: Snapshot) -> Array:
    return jax.nn.softmax(snapshot.outputs, axis=1)


def _rescaled(stretch: Array, shift: Array, snapshot: Snapshot) -> Array:
    return snapshot.outputs * stretch + shift


def _transform(prepared: Prepared) -> str:
    return "softmax" if prepared.labels is not None else "identity"


def _frequency_unit(prepared: Prepared) -> str:
    unit = prepared.sample.input_units[0]
    return f"cycles/{unit}" if unit else "cycles"


def is_periodic(values: np.ndarray) -> bool:
    """Whether ordered values end about where they begin, judged by the size of their steps."""
    steps = np.abs(np.diff(values, axis=0))
    jump = np.abs(values[0] - values[-1])
    return bool(np.all(jump <= 3 * np.median(steps, axis=0) + 1e-9 * np.ptp(values, axis=0)))


def _taper(prepared: Prepared, window: str) -> str | None:
    """The taper: none for periodic data and for images, where edges belong to the picture."""
    if window != "auto":
        return None if window == "none" else window
    if prepared.points.shape[1] != 1:
        return None
    order = np.argsort(prepared.points[:, 0], kind="stable")
    return None if is_periodic(prepared.targets[order]) else "hann"


def _add_spectrum(chosen: Instruments, prepared: Prepared, taper: str, often: Schedule, rarely: Schedule) -> None:
    """Spectra, relative errors and bands for one or two inputs, in cycles per unit of the data."""
    points, one = prepared.sample.points, prepared.points.shape[1] == 1
    window = _taper(prepared, taper)
    lattice = complete_lattice(points) if one else None
    if lattice is not None:
        frequencies = natural_frequencies(lattice)
        frequencies = frequencies[: _needed(points, prepared.targets, frequencies)]
        basis = gap_filling_basis(points, frequencies, window=window)
    else:
        frequencies = natural_frequencies(points)
        frequencies = frequencies[:FREQUENCIES] if one else _inner(frequencies)
        basis = FourierBasis(points, frequencies, weights="cells" if one else None, window=window)
    target = basis(prepared.targets)
    unit = _frequency_unit(prepared)
    bands = octave_bands(frequencies, unit=unit)
    transform = _transform(prepared)
    if one:
        chosen.coords[FREQUENCY] = (FREQUENCY, frequencies, {"units": unit})
        chosen.variables["target_spectrum"] = ((FREQUENCY, OUTPUT), np.asarray(target), {"units": ""})
        chosen.records["spectrum"] = Record(spectrum_measure(basis, frequencies, transform=transform), rarely)
        chosen.records["relative_error"] = Record(
            relative_error_measure(basis, target, frequencies, transform=transform), at=often
        )
    chosen.records["band_error"] = Record(band_error_measure(basis, target, bands, transform=transform), at=often)
    _add_bands(chosen, bands, np.asarray(band_share(target, bands)), unit)
    chosen.attributes["window"] = window or "none"


def can_show_wavelets(prepared: Prepared) -> bool:
    """Whether there is one input, evenly spaced but for gaps, and not too long, PyWavelets or not."""
    points = prepared.sample.points
    return points.shape[1] == 1 and LEAST_VIEW <= len(points) <= LONGEST_VIEW and complete_lattice(points) is not None


def _needed(points: np.ndarray, targets: np.ndarray, frequencies: np.ndarray) -> int:
    """How many of the lowest frequencies to look at: the usual number, or more where sound has its power above them."""
    if len(frequencies) <= FREQUENCIES:
        return len(frequencies)
    power = np.sum(np.abs(np.asarray(spectrum(points, targets, frequencies, allow_aliased=True))) ** 2, axis=1)
    held = int(np.searchsorted(np.cumsum(power), HELD * power.sum()))
    return int(np.clip(held + held // 8, FREQUENCIES, LARGEST_LOOK // len(points)))


def _add_wavelets(chosen: Instruments, prepared: Prepared, rarely: Schedule) -> None:
    """Which frequency sits where, in cycles per unit of the data, if PyWavelets is there."""
    if not can_show_wavelets(prepared) or importlib.util.find_spec("pywt") is None:
        return
    points, unit, transform = prepared.sample.points, prepared.sample.input_units[0], _transform(prepared)
    frequencies = wavelet_frequencies(points, LOCAL_FREQUENCIES)
    amplitude = wavelet_modulus(WaveletBasis(points, frequencies, gaps=True)(prepared.targets)).max(axis=1)
    highest = int(np.flatnonzero(np.asarray(amplitude) >= FAINTEST * float(amplitude.max()))[-1])
    frequencies = np.geomspace(frequencies[0], frequencies[min(highest + 1, len(frequencies) - 1)], LOCAL_FREQUENCIES)
    basis = WaveletBasis(points, frequencies, gaps=True, positions=POSITIONS)
    chosen.coords |= wavelet_coordinates(basis, unit=unit)
    target = np.asarray(basis(prepared.targets))
    chosen.variables["target_wavelet"] = ((LOCAL_FREQUENCY, POSITION, OUTPUT), target, {"units": ""})
    chosen.records["wavelet"] = Record(wavelet_measure(basis, transform=transform), at=rarely)


def _inner(frequencies: np.ndarray) -> np.ndarray:
    """The lattice of the lowest frequencies in two dimensions."""
    steps = np.array([np.unique(np.abs(column))[1] for column in frequencies.T])
    return frequencies[(np.abs(frequencies) / steps <= LATTICE_FREQUENCIES + 0.5).all(axis=1)]


def _add_bands(chosen: Instruments, bands: Bands, share: np.ndarray, unit: str) -> None:
    chosen.coords[BAND] = (BAND, list(bands.labels), {"units": unit})
    chosen.coords["share"] = (BAND, share, {"description": "share of the target's power"})
    chosen.coords["band_low"] = (BAND, np.array(bands.low), {"units": unit})
    chosen.coords["band_high"] = (BAND, np.array(bands.high), {"units": unit})


def _add_projection(chosen: Instruments, prepared: Prepared, often: Schedule) -> None:
    """Spectra along the principal directions of the inputs."""
    points = prepared.points
    directions = principal_directions(points, min(DIRECTIONS, points.shape[1]))
    frequencies = [projection_frequencies(points, each, PROJECTED_FREQUENCIES) for each in directions]
    shared = min(frequencies, key=lambda each: each[-1])
    measure = projection_measure(points, prepared.targets, directions, shared, transform=_transform(prepared))
    chosen.records["projection_error"] = Record(measure, at=often)
    spectra = [np.abs(projection_spectrum(points, prepared.targets, each, shared)) for each in directions]
    amplitude = np.sqrt((np.stack(spectra) ** 2).sum(axis=2))
    text = "amplitude of the target's spectrum along each direction"
    chosen.variables["projection_amplitude"] = ((DIRECTION, FREQUENCY), amplitude, {"description": text})
    spread = [np.asarray(project(points, each)).std() for each in directions]
    chosen.coords["spread"] = (DIRECTION, np.array(spread), {"description": "std of the points along the direction"})


def _add_filtering(chosen: Instruments, prepared: Prepared, often: Schedule, rarely: Schedule) -> None:
    """Low and high parts of the target by Gaussian filters of three widths."""
    smooth = GaussianFilter(prepared.points, filter_variances(prepared.points))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*variance.*")  # the shares are shown beside the errors
        measure = filtering_measure(smooth, prepared.targets, transform=_transform(prepared))
    chosen.records["filter_error"] = Record(measure, at=often if smooth.kernels is not None else rarely)
    share = smooth.sizes(prepared.targets)
    chosen.coords["filter_share"] = (FILTER_WIDTH, np.asarray(share[:, 0] / jnp.sum(jnp.asarray(prepared.targets**2))))


def _add_neurons(chosen: Instruments, prepared: Prepared, options: Options, often: Schedule, rarely: Schedule) -> None:
    """How the neurons of each layer gather."""
    assert options.depth is not None
    assert options.width is not None
    chosen.records["effective_neurons"] = Record(effective_neurons_measure(options.depth), at=rarely)
    chosen.records["relative_change"] = Record(relative_change_measure(options.depth), at=often)
    if prepared.points.shape[1] == 1:
        chosen.records["features"] = Record(feature_measure(1), at=rarely)
        chosen.records["effective_features"] = Record(effective_features_measure(1), at=rarely)
    similar = cosine_similarity_measure(1, limit=DRAWN_NEURONS)
    chosen.records["cosine_similarity"] = Record(similar, at=log_steps(SIMILARITY_VIEWS))


def _add_depth(chosen: Instruments, prepared: Prepared, options: Options) -> None:
    """How low the target's frequencies are as a function of each layer's features, from two hidden layers on."""
    assert options.depth is not None
    if options.depth < 2:
        return
    rows = np.unique(np.linspace(0, len(prepared.points) - 1, DEEP_POINTS).astype(int))
    points, targets = (jnp.asarray(array[rows], float) for array in (prepared.points, prepared.targets))
    if len(rows) < LEAST_VIEW or not bool((jnp.ptp(targets, axis=0) > 0).any()):
        return
    looks = log_steps(DEEP_VIEWS)
    chosen.records["half_cutoff"] = Record(half_cutoff_measure(points, targets, options.depth), at=looks)
    chosen.records["low_frequency_ratio"] = Record(depth_measure(points, targets, options.depth), at=log_steps(2))


__all__ = ["Instruments", "can_show_wavelets", "choose", "choose_for_outputs", "is_periodic"]
