"""Condensation: features of neurons, how many effectively differ, where they turn first, and measures to record."""

from simplebias.condensation.dropout import LOSSES, LastLayerDropout, Penalty, dropout_gradient_penalty, dropout_penalty
from simplebias.condensation.effective import THRESHOLDS, effective_features, effective_neurons, effective_ratio
from simplebias.condensation.effective_rank import effective_rank
from simplebias.condensation.features import (
    amplitude,
    angle,
    cluster_order,
    cosine_similarity,
    leading_order,
    orientation,
    relative_change,
)
from simplebias.condensation.flatness import filter_normalised_direction, loss_along_directions
from simplebias.condensation.initial import (
    Directions,
    compare_directions,
    direction_field,
    predicted_directions,
)
from simplebias.condensation.kernels import KernelDirection, predicted_kernel_direction
from simplebias.condensation.measures import (
    LIMIT,
    amplitude_measure,
    cosine_similarity_measure,
    effective_features_measure,
    effective_neurons_measure,
    feature_measure,
    relative_change_measure,
)
from simplebias.condensation.multiplicities import multiplicity
from simplebias.condensation.rank import (
    Rank,
    Recovery,
    empirical_rank,
    local_linear_recovery,
    model_rank,
    recovering_samples,
)
from simplebias.condensation.reduced import Reduction
from simplebias.condensation.reduction import reduce
from simplebias.condensation.refitting import refit
from simplebias.condensation.sample_size import (
    convolution_sample_size,
    deep_sample_size_bound,
    matrix_sample_size,
    two_layer_sample_size,
)
from simplebias.condensation.smoothness import convexity_changes, total_variation
from simplebias.condensation.trajectories import group_history

__all__ = [
    "LIMIT",
    "LOSSES",
    "THRESHOLDS",
    "Directions",
    "KernelDirection",
    "LastLayerDropout",
    "Penalty",
    "Rank",
    "Recovery",
    "Reduction",
    "amplitude",
    "amplitude_measure",
    "angle",
    "cluster_order",
    "compare_directions",
    "convexity_changes",
    "convolution_sample_size",
    "cosine_similarity",
    "cosine_similarity_measure",
    "deep_sample_size_bound",
    "direction_field",
    "dropout_gradient_penalty",
    "dropout_penalty",
    "effective_features",
    "effective_features_measure",
    "effective_neurons",
    "effective_neurons_measure",
    "effective_rank",
    "effective_ratio",
    "empirical_rank",
    "feature_measure",
    "filter_normalised_direction",
    "group_history",
    "leading_order",
    "local_linear_recovery",
    "loss_along_directions",
    "matrix_sample_size",
    "model_rank",
    "multiplicity",
    "orientation",
    "predicted_directions",
    "predicted_kernel_direction",
    "recovering_samples",
    "reduce",
    "refit",
    "relative_change",
    "relative_change_measure",
    "total_variation",
    "two_layer_sample_size",
]
