"""Networks that show their neurons, activations with their properties, and how weights are drawn."""

from simplebias.networks.activations import ACTIVATIONS, Activation, activation, ricker, sine
from simplebias.networks.antisymmetric import AntiSymmetric
from simplebias.networks.build import NETWORKS, build, ensemble
from simplebias.networks.convolution import SmallCNN
from simplebias.networks.dense import MLP, Affine, ResNet, TwoLayer
from simplebias.networks.initialisation import (
    INITIALISATIONS,
    Initialisation,
    LayerScale,
    initialisation,
    named,
    phase,
    power,
    weight_std,
)
from simplebias.networks.vgg import VGG

__all__ = [
    "ACTIVATIONS",
    "INITIALISATIONS",
    "MLP",
    "NETWORKS",
    "VGG",
    "Activation",
    "Affine",
    "AntiSymmetric",
    "Initialisation",
    "LayerScale",
    "ResNet",
    "SmallCNN",
    "TwoLayer",
    "activation",
    "build",
    "ensemble",
    "initialisation",
    "named",
    "phase",
    "power",
    "ricker",
    "sine",
    "weight_std",
]
