"""Real data as arrays: tables, pictures, recordings, NumPy and idx files, and the samples that the package ships."""

from simplebias.data.reading import read
from simplebias.data.sample import Sample, complete
from simplebias.data.samples import SAMPLES, ShippedSample

__all__ = ["SAMPLES", "Sample", "ShippedSample", "complete", "read"]
