"""The shipped samples are what the documentation says."""

from pathlib import Path

import numpy as np
import pytest

from simplebias.data import SAMPLES, read

DOCUMENT = Path(__file__).parents[2] / "docs" / "data.md"


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_every_sample_has_source_and_licence(name):
    sample, shipped = read(name), SAMPLES[name]
    assert sample.name == name
    assert sample.source == shipped.source
    assert sample.licence == shipped.licence
    assert sample.licence
    assert shipped.path.stat().st_size <= 60_000
    assert np.isfinite(sample.points).all()


@pytest.mark.skipif(not DOCUMENT.is_file(), reason="the documentation is not at hand")
@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_every_sample_is_documented(name):
    row = next(line for line in DOCUMENT.read_text().splitlines() if line.startswith(f"| `{name}`"))
    assert SAMPLES[name].licence in row


def test_co2():
    sample = read("co2")
    assert sample.points.shape == (2225, 1)
    assert sample.input_units == ("year",)
    assert sample.output_units == ("ppmv",)
    assert sample.notes[0].startswith("59 rows with missing values left out")
    assert "since 1958-03-29" in sample.notes[1]
    weeks = sample.points[:, 0] * 365.25 / 7
    np.testing.assert_allclose(weeks, np.round(weeks), atol=1e-9)
    assert round(weeks[-1]) == 2283
    assert (sample.values.min(), sample.values.max()) == (313.0, 373.9)
    year = np.exp(2j * np.pi * sample.points) * (
        sample.values - np.polyval(np.polyfit(sample.points[:, 0], sample.values[:, 0], 2), sample.points)
    )
    assert 2.5 < 2 * abs(year.mean()) < 3.2  # the season's amplitude in ppm


def test_digits():
    sample = read("digits")
    assert sample.points.shape == (1797, 64)
    assert sample.image_shape == (8, 8)
    np.testing.assert_array_equal(np.unique(sample.points), np.arange(17) / 16)
    np.testing.assert_array_equal(np.bincount(sample.labels), [178, 182, 177, 183, 181, 182, 181, 179, 174, 180])
    centres = np.stack([sample.points[sample.labels == k].mean(axis=0) for k in range(10)])
    nearest = ((sample.points[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
    assert (nearest == sample.labels).mean() > 0.85  # labels belong to their pictures


def test_photo():
    sample = read("photo")
    assert sample.lattice == (64, 64)
    assert sample.output_names == ("grey",)
    assert sample.values.min() >= 0
    assert sample.values.max() <= 1
    assert read("photo", size=256).lattice == (256, 256)
