"""Names of dimensions and of array types: the vocabulary every other room speaks.

A result is an `xarray` object, and *its dimensions say what it is*: reports choose a figure from them and never from
the name of a measure. So a dimension has one name everywhere, written here once.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Array, Bool, Complex, Float, Inexact, Int, PRNGKeyArray, PyTree, UInt

SEED = "seed"
"""A member of an ensemble: the same network and data, another random key."""
RECORD = "record"
"""A moment of training at which something was kept. Every record dimension carries a coordinate `step`."""
POINT = "point"
"""One sample of the data."""
INPUT = "input"
"""One column of the inputs, a coordinate of a point."""
OUTPUT = "output"
"""One column of the targets or one class."""
FREQUENCY = "frequency"
"""Response frequency in cycles per unit length (ordinary convention)."""
MIRROR_FREQUENCY = "mirror_frequency"
"""Frequency of the cosine transform over ordered points, which is the spectrum of the data and their mirror image."""
BAND = "band"
"""A range of frequencies."""
DIRECTION = "direction"
"""A direction in the space of inputs onto which points are projected."""
FILTER_WIDTH = "filter_width"
"""Variance of a Gaussian filter in the space of inputs."""
PART = "part"
"""`low` or `high`: what a filter keeps and what it removes."""
CUTOFF = "cutoff"
"""Inverse variance of a Gaussian filter in the space of a layer's features."""
LAYER = "layer"
"""A hidden layer, counted from the input, from 1."""
NEURON = "neuron"
"""A neuron of one layer."""
NEURON_OTHER = "neuron_other"
"""The second neuron of a pair."""
GROUP = "group"
"""Neurons of one layer that point in nearly the same direction."""
MEMBER = "member"
"""A neuron of one layer as a member of a group: neurons in the order of the groups that they end in."""
CASE = "case"
"""One of several trainings that are set side by side, named by the coordinate."""
FEATURE = "feature"
"""`orientation` and `amplitude` of a neuron."""
WINDOW = "window"
"""A region of the inputs in which an error is measured on its own."""
POSITION = "position"
"""A place along the one input at which a wavelet is centred."""
LOCAL_FREQUENCY = "local_frequency"
"""Centre frequency of a wavelet, in cycles per unit length: how fast the function varies near a position."""
THRESHOLD = "threshold"
"""Cosine similarity above which two neurons count as one."""
SIZE = "size"
"""Number of neurons in all hidden layers of a network that was made smaller."""

Key: TypeAlias = PRNGKeyArray
Scalar: TypeAlias = Float[Array, ""]
Step: TypeAlias = Int[Array, ""]
Points: TypeAlias = Float[Array, "points inputs"]
Values: TypeAlias = Float[Array, "points outputs"]
Point: TypeAlias = Float[Array, " inputs"]
Output: TypeAlias = Float[Array, " outputs"]
Frequencies: TypeAlias = Float[Array, " frequencies"]
Spectrum: TypeAlias = Complex[Array, "frequencies outputs"]
ArrayLike: TypeAlias = Any
"""A NumPy, JAX or PyTorch array, or nested sequences of numbers."""
Network: TypeAlias = Callable[..., Any]
"""A PyTree that maps one point `(inputs,)` to one output `(outputs,)`, as Equinox modules do."""
Schedule: TypeAlias = Callable[[int], np.ndarray]
"""The total number of steps -> the sorted steps at which something happens."""

__all__ = [
    "BAND",
    "CASE",
    "CUTOFF",
    "DIRECTION",
    "FEATURE",
    "FILTER_WIDTH",
    "FREQUENCY",
    "GROUP",
    "INPUT",
    "LAYER",
    "LOCAL_FREQUENCY",
    "MEMBER",
    "MIRROR_FREQUENCY",
    "NEURON",
    "NEURON_OTHER",
    "OUTPUT",
    "PART",
    "POINT",
    "POSITION",
    "RECORD",
    "SEED",
    "SIZE",
    "THRESHOLD",
    "WINDOW",
    "Array",
    "ArrayLike",
    "Bool",
    "Complex",
    "Float",
    "Frequencies",
    "Inexact",
    "Int",
    "Key",
    "Network",
    "Output",
    "Point",
    "Points",
    "PyTree",
    "Scalar",
    "Schedule",
    "Spectrum",
    "Step",
    "UInt",
    "Values",
]
