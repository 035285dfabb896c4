"""Integrations: watch a PyTorch model in any training loop, see `watch`; callbacks and writers for what people use."""

from simplebias.integrations.callbacks import keras_callback, lightning_callback, trainer_callback
from simplebias.integrations.needs import need

need("torch")

from simplebias.integrations.stopping import EarlyStop  # ruff: ignore[module-import-not-at-top-of-file]
from simplebias.integrations.watching import Watch, watch  # ruff: ignore[module-import-not-at-top-of-file]
from simplebias.integrations.writers import MLflow, TensorBoard, WeightsAndBiases, Writer  # ruff: ignore[module-import-not-at-top-of-file]

__all__ = [
    "EarlyStop",
    "MLflow",
    "TensorBoard",
    "Watch",
    "WeightsAndBiases",
    "Writer",
    "keras_callback",
    "lightning_callback",
    "trainer_callback",
    "watch",
]
