"""Networks that show their neurons, activations with their properties, and how weights are drawn."""

from simplebias.networks.activations import ACTIVATIONS, Activation, activation, ricker, sine
from simplebias.networks.antisymmetric import AntiSymmetric
from simplebias.networks.build import NETWORKS, build, ensemble
from simplebias.networks.chain import Chain, NeuronGroup, chain_of, with_weights
from simplebias.networks.convolution import SmallCNN
from simplebias.networks.dense import MLP, Affine, ResNet, TwoLayer
from simplebias.networks.factorisation import MatrixFactorisation
from simplebias.networks.initialisation import (
    INITIALISATIONS,
    Initialisation,
    LayerScale,
    fan_in,
    initialisation,
    named,
    phase,
    power,
    weight_std,
)
from simplebias.networks.normalisation import fold_normalisation
from simplebias.networks.phases import Phase, Regime
from simplebias.networks.surgery import add_null, merge, split
from simplebias.networks.transformer import Transformer
from simplebias.networks.two_layer_cnn import Patches, TwoLayerCNN
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
    "Chain",
    "Initialisation",
    "LayerScale",
    "MatrixFactorisation",
    "NeuronGroup",
    "Patches",
    "Phase",
    "Regime",
    "ResNet",
    "SmallCNN",
    "Transformer",
    "TwoLayer",
    "TwoLayerCNN",
    "activation",
    "add_null",
    "build",
    "chain_of",
    "ensemble",
    "fan_in",
    "fold_normalisation",
    "initialisation",
    "merge",
    "named",
    "phase",
    "power",
    "ricker",
    "sine",
    "split",
    "weight_std",
    "with_weights",
]
