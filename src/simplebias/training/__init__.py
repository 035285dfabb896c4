"""Training: one loop, the updaters it asks, and its records; see `train`."""

from simplebias.training.flow import NormalisedFlow
from simplebias.training.gradient_flow import gradient_flow
from simplebias.training.least_squares import GaussNewton
from simplebias.training.loop import resume, train
from simplebias.training.measures import accuracy, cross_entropy, error_measure, loss_measure, mean_squared_error
from simplebias.training.minimise import minimise
from simplebias.training.slots import Begin, Build, Slots
from simplebias.training.swarm import Perturb, Swarm
from simplebias.training.updater import Gradient, RatedGradient, Updater, optimiser, optimiser_names
from simplebias.training.validated import Validated

__all__ = [
    "Begin",
    "Build",
    "GaussNewton",
    "Gradient",
    "NormalisedFlow",
    "Perturb",
    "RatedGradient",
    "Slots",
    "Swarm",
    "Updater",
    "Validated",
    "accuracy",
    "cross_entropy",
    "error_measure",
    "gradient_flow",
    "loss_measure",
    "mean_squared_error",
    "minimise",
    "optimiser",
    "optimiser_names",
    "resume",
    "train",
]
