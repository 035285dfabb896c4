"""The loss landscape: critical points, their embedding in wider and deeper networks, Hessians, plateaus."""

from simplebias.landscape.hessian import hessian, hessian_operator, hessian_product, loss_gradient
from simplebias.landscape.inertia import Inertia, inertia, inertia_of, split_block, split_inertia
from simplebias.landscape.linearisation import DepthReduction, linearisation_scores, reduce_depth
from simplebias.landscape.plateaus import (
    LossSpectrum,
    Plateau,
    find_plateaus,
    loss_spectrum,
    shared_levels,
)
from simplebias.landscape.spectrum import Extremes, SpectralDensity, extreme_eigenvalues, spectral_density
from simplebias.landscape.surface import PARTS, parameter_tree, parameter_vector

__all__ = [
    "PARTS",
    "DepthReduction",
    "Extremes",
    "Inertia",
    "LossSpectrum",
    "Plateau",
    "SpectralDensity",
    "extreme_eigenvalues",
    "find_plateaus",
    "hessian",
    "hessian_operator",
    "hessian_product",
    "inertia",
    "inertia_of",
    "linearisation_scores",
    "loss_gradient",
    "loss_spectrum",
    "parameter_tree",
    "parameter_vector",
    "reduce_depth",
    "shared_levels",
    "spectral_density",
    "split_block",
    "split_inertia",
]
