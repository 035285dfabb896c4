"""The loss landscape: critical points, their embedding in wider and deeper networks, Hessians, plateaus."""

from simplebias.landscape.critical import CriticalPoint, Kind, classify, critical_point, manufactured
from simplebias.landscape.embedding import Verification, embed, verify
from simplebias.landscape.escaping import EscapeDirection, escape, escape_directions, escape_distances
from simplebias.landscape.hessian import hessian, hessian_operator, hessian_product, loss_gradient
from simplebias.landscape.inertia import Inertia, inertia, inertia_of, split_block, split_inertia
from simplebias.landscape.linearisation import DepthReduction, linearisation_scores, reduce_depth
from simplebias.landscape.picture import eigenvalue_stages, loss_plane
from simplebias.landscape.plateaus import (
    LossSpectrum,
    Plateau,
    find_plateaus,
    loss_spectrum,
    plateau_ladder,
    shared_levels,
)
from simplebias.landscape.recognition import Sameness, essential_neurons, same_function
from simplebias.landscape.spectrum import Extremes, SpectralDensity, extreme_eigenvalues, spectral_density
from simplebias.landscape.surface import PARTS, parameter_tree, parameter_vector
from simplebias.landscape.trajectory import PARAMETER, Candidate, candidates, critical_points, parameters_measure

__all__ = [
    "PARAMETER",
    "PARTS",
    "Candidate",
    "CriticalPoint",
    "DepthReduction",
    "EscapeDirection",
    "Extremes",
    "Inertia",
    "Kind",
    "LossSpectrum",
    "Plateau",
    "Sameness",
    "SpectralDensity",
    "Verification",
    "candidates",
    "classify",
    "critical_point",
    "critical_points",
    "eigenvalue_stages",
    "embed",
    "escape",
    "escape_directions",
    "escape_distances",
    "essential_neurons",
    "extreme_eigenvalues",
    "find_plateaus",
    "hessian",
    "hessian_operator",
    "hessian_product",
    "inertia",
    "inertia_of",
    "linearisation_scores",
    "loss_gradient",
    "loss_plane",
    "loss_spectrum",
    "manufactured",
    "parameter_tree",
    "parameter_vector",
    "parameters_measure",
    "plateau_ladder",
    "reduce_depth",
    "same_function",
    "shared_levels",
    "spectral_density",
    "split_block",
    "split_inertia",
    "verify",
]
