"""Condensation: features of neurons, how many effectively differ, and measures to record them in a training."""

from simplebias.condensation.effective import THRESHOLDS, effective_features, effective_neurons
from simplebias.condensation.features import (
    amplitude,
    angle,
    cosine_similarity,
    leading_order,
    orientation,
    relative_change,
)
from simplebias.condensation.measures import (
    LIMIT,
    amplitude_measure,
    cosine_similarity_measure,
    effective_features_measure,
    effective_neurons_measure,
    feature_measure,
    relative_change_measure,
)

__all__ = [
    "LIMIT",
    "THRESHOLDS",
    "amplitude",
    "amplitude_measure",
    "angle",
    "cosine_similarity",
    "cosine_similarity_measure",
    "effective_features",
    "effective_features_measure",
    "effective_neurons",
    "effective_neurons_measure",
    "feature_measure",
    "leading_order",
    "orientation",
    "relative_change",
    "relative_change_measure",
]
