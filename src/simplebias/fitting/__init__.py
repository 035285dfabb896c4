"""Networks fitted to data at scales found in the data, held against a plain network, and used at new points."""

from simplebias.fitting.fit import fit, resume_fit
from simplebias.fitting.frequencies import choose_frequencies
from simplebias.fitting.model import Model, read_model
from simplebias.fitting.networks import begun, grown, sines_at
from simplebias.fitting.options import FitOptions
from simplebias.fitting.predict import ExtrapolationWarning, predict
from simplebias.fitting.pursuit import Waves, find_waves

__all__ = [
    "ExtrapolationWarning",
    "FitOptions",
    "Model",
    "Waves",
    "begun",
    "choose_frequencies",
    "find_waves",
    "fit",
    "grown",
    "predict",
    "read_model",
    "resume_fit",
    "sines_at",
]
