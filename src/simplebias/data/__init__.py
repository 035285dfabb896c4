"""Data as arrays: tables, pictures, recordings, NumPy and idx files, samples that are shipped, and a toy language."""

from simplebias.data.anchors import AnchorTask, Sequences, anchor_task
from simplebias.data.reading import read
from simplebias.data.sample import Sample, complete
from simplebias.data.samples import SAMPLES, ShippedSample
from simplebias.data.scaling import scaled_inputs

__all__ = [
    "SAMPLES",
    "AnchorTask",
    "Sample",
    "Sequences",
    "ShippedSample",
    "anchor_task",
    "complete",
    "read",
    "scaled_inputs",
]
