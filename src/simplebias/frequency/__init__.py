"""The Frequency Principle measured: spectra, their convergence, and the two methods for high-dimensional data."""

from simplebias.frequency.convergence import (
    Bands,
    band_error,
    band_share,
    convergence_step,
    octave_bands,
    power,
    relative_error,
)
from simplebias.frequency.depth import CUTOFFS, depth_measure, half_cutoff, low_frequency_ratio, ratio_density
from simplebias.frequency.filtering import (
    GaussianFilter,
    filter_variances,
    filtering_errors,
    low_pass,
    low_share,
    median_squared_distance,
)
from simplebias.frequency.gaps import complete_lattice, gap_filling_basis
from simplebias.frequency.kernel import empirical_kernel, kernel_memory
from simplebias.frequency.linearised import (
    DecayExponent,
    KernelSpectrum,
    decay_exponent,
    kernel_spectrum,
    linearised_dynamics,
    linearised_prediction,
)
from simplebias.frequency.measures import (
    band_error_measure,
    filtering_measure,
    projection_measure,
    relative_error_measure,
    spectrum_measure,
)
from simplebias.frequency.projection import (
    principal_directions,
    project,
    projection_frequencies,
    projection_spectrum,
)
from simplebias.frequency.transform import FourierBasis, natural_frequencies, peaks, radial_frequency, spectrum

__all__ = [
    "CUTOFFS",
    "Bands",
    "DecayExponent",
    "FourierBasis",
    "GaussianFilter",
    "KernelSpectrum",
    "band_error",
    "band_error_measure",
    "band_share",
    "complete_lattice",
    "convergence_step",
    "decay_exponent",
    "depth_measure",
    "empirical_kernel",
    "filter_variances",
    "filtering_errors",
    "filtering_measure",
    "gap_filling_basis",
    "half_cutoff",
    "kernel_memory",
    "kernel_spectrum",
    "linearised_dynamics",
    "linearised_prediction",
    "low_frequency_ratio",
    "low_pass",
    "low_share",
    "median_squared_distance",
    "natural_frequencies",
    "octave_bands",
    "peaks",
    "power",
    "principal_directions",
    "project",
    "projection_frequencies",
    "projection_measure",
    "projection_spectrum",
    "radial_frequency",
    "ratio_density",
    "relative_error",
    "relative_error_measure",
    "spectrum",
    "spectrum_measure",
]
