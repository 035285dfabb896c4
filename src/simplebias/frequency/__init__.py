"""The Frequency Principle measured: spectra, their convergence, and the two methods for high-dimensional data."""

from simplebias.frequency.activation_spectrum import activation_spectrum
from simplebias.frequency.bound import generalisation_bound
from simplebias.frequency.convergence import (
    Bands,
    band_error,
    band_share,
    convergence_step,
    octave_bands,
    power,
    relative_error,
)
from simplebias.frequency.critical import CriticalDecay, critical_decay
from simplebias.frequency.depth import (
    CUTOFFS,
    depth_measure,
    half_cutoff,
    half_cutoff_measure,
    low_frequency_ratio,
    ratio_density,
)
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
from simplebias.frequency.lattice import FrequencyLattice, frequency_lattice, lattice_kernel
from simplebias.frequency.lfp import LfpSolution, atoms_kernel, fp_norm, radial_atoms, solve_lfp
from simplebias.frequency.lfp_coefficients import (
    LfpCoefficients,
    NeuronLaw,
    NeuronMoments,
    SpectralAtoms,
    bias_coverage,
    gaussian_neurons,
    law_of_neurons,
    lfp_coefficients,
    neuron_moments,
    sine_atoms,
    uniform_neurons,
)
from simplebias.frequency.linearised import (
    DecayExponent,
    KernelSpectrum,
    decay_exponent,
    kernel_spectrum,
    linearised_dynamics,
    linearised_prediction,
)
from simplebias.frequency.local import (
    LocalFrequency,
    Windows,
    box_windows,
    local_error_measure,
    local_errors,
    local_frequency,
    mask_windows,
    window_coordinates,
)
from simplebias.frequency.measures import (
    band_error_measure,
    filtering_measure,
    projection_measure,
    relative_error_measure,
    spectrum_measure,
)
from simplebias.frequency.noise import NoiseFloor, noise_floor
from simplebias.frequency.parity import ParitySplit, parity_corners, parity_split, parity_transform
from simplebias.frequency.projection import (
    principal_directions,
    project,
    projection_frequencies,
    projection_spectrum,
)
from simplebias.frequency.scale_limits import check_scales
from simplebias.frequency.scales import ScaleAdvice, suggest_scales
from simplebias.frequency.stopping import (
    SpectralStop,
    clean_error_measure,
    mirror_spectrum_measure,
    spectral_stop,
    stop_record,
)
from simplebias.frequency.theorem import GradientDominance, gradient_dominance
from simplebias.frequency.transform import FourierBasis, natural_frequencies, peaks, radial_frequency, spectrum
from simplebias.frequency.wavelet_measures import wavelet_coordinates, wavelet_error_measure, wavelet_measure
from simplebias.frequency.wavelets import WaveletBasis, wavelet_frequencies, wavelet_modulus

__all__ = [
    "CUTOFFS",
    "Bands",
    "CriticalDecay",
    "DecayExponent",
    "FourierBasis",
    "FrequencyLattice",
    "GaussianFilter",
    "GradientDominance",
    "KernelSpectrum",
    "LfpCoefficients",
    "LfpSolution",
    "LocalFrequency",
    "NeuronLaw",
    "NeuronMoments",
    "NoiseFloor",
    "ParitySplit",
    "ScaleAdvice",
    "SpectralAtoms",
    "SpectralStop",
    "WaveletBasis",
    "Windows",
    "activation_spectrum",
    "atoms_kernel",
    "band_error",
    "band_error_measure",
    "band_share",
    "bias_coverage",
    "box_windows",
    "check_scales",
    "clean_error_measure",
    "complete_lattice",
    "convergence_step",
    "critical_decay",
    "decay_exponent",
    "depth_measure",
    "empirical_kernel",
    "filter_variances",
    "filtering_errors",
    "filtering_measure",
    "fp_norm",
    "frequency_lattice",
    "gap_filling_basis",
    "gaussian_neurons",
    "generalisation_bound",
    "gradient_dominance",
    "half_cutoff",
    "half_cutoff_measure",
    "kernel_memory",
    "kernel_spectrum",
    "lattice_kernel",
    "law_of_neurons",
    "lfp_coefficients",
    "linearised_dynamics",
    "linearised_prediction",
    "local_error_measure",
    "local_errors",
    "local_frequency",
    "low_frequency_ratio",
    "low_pass",
    "low_share",
    "mask_windows",
    "median_squared_distance",
    "mirror_spectrum_measure",
    "natural_frequencies",
    "neuron_moments",
    "noise_floor",
    "octave_bands",
    "parity_corners",
    "parity_split",
    "parity_transform",
    "peaks",
    "power",
    "principal_directions",
    "project",
    "projection_frequencies",
    "projection_measure",
    "projection_spectrum",
    "radial_atoms",
    "radial_frequency",
    "ratio_density",
    "relative_error",
    "relative_error_measure",
    "sine_atoms",
    "solve_lfp",
    "spectral_stop",
    "spectrum",
    "spectrum_measure",
    "stop_record",
    "suggest_scales",
    "uniform_neurons",
    "wavelet_coordinates",
    "wavelet_error_measure",
    "wavelet_frequencies",
    "wavelet_measure",
    "wavelet_modulus",
    "window_coordinates",
]
