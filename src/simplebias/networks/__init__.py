"""Networks that show their neurons, activations with their properties, and how weights are drawn."""

from simplebias.networks.activations import ACTIVATIONS, Activation, activation, ricker, sine
from simplebias.networks.antisymmetric import AntiSymmetric
from simplebias.networks.build import NETWORKS, build, ensemble
from simplebias.networks.chain import Chain, NeuronGroup, chain_of, with_weights
from simplebias.networks.compatible import compatible_embedding
from simplebias.networks.convolution import SmallCNN
from simplebias.networks.deepening import depth_embedding
from simplebias.networks.dense import MLP, Affine, ResNet, TwoLayer
from simplebias.networks.embedding import Embedding
from simplebias.networks.encodings import Encoded, FourierFeatures, PositionalEncoding, SoftFourierMapping
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
from simplebias.networks.layer_slopes import layer_boundaries, layer_exponents, layer_slopes
from simplebias.networks.multiscale import MultiScale, ScaledAffine, Scales
from simplebias.networks.normalisation import fold_normalisation
from simplebias.networks.phases import Phase, Regime
from simplebias.networks.random_embedding import global_null_embedding, random_embedding
from simplebias.networks.siren import Siren
from simplebias.networks.subspace import SubspaceNet, orthogonality
from simplebias.networks.surgery import add_null, merge, split
from simplebias.networks.transformer import Transformer
from simplebias.networks.two_layer_cnn import Patches, TwoLayerCNN
from simplebias.networks.vgg import VGG
from simplebias.networks.widening import (
    global_split_embedding,
    null_embedding,
    split_embedding,
    symmetry_embedding,
)

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
    "Embedding",
    "Encoded",
    "FourierFeatures",
    "Initialisation",
    "LayerScale",
    "MatrixFactorisation",
    "MultiScale",
    "NeuronGroup",
    "Patches",
    "Phase",
    "PositionalEncoding",
    "Regime",
    "ResNet",
    "ScaledAffine",
    "Scales",
    "Siren",
    "SmallCNN",
    "SoftFourierMapping",
    "SubspaceNet",
    "Transformer",
    "TwoLayer",
    "TwoLayerCNN",
    "activation",
    "add_null",
    "build",
    "chain_of",
    "compatible_embedding",
    "depth_embedding",
    "ensemble",
    "fan_in",
    "fold_normalisation",
    "global_null_embedding",
    "global_split_embedding",
    "initialisation",
    "layer_boundaries",
    "layer_exponents",
    "layer_slopes",
    "merge",
    "named",
    "null_embedding",
    "orthogonality",
    "phase",
    "power",
    "random_embedding",
    "ricker",
    "sine",
    "split",
    "split_embedding",
    "symmetry_embedding",
    "weight_std",
    "with_weights",
]
