"""Pictures: pixels stand where they should, with the values they should have."""

import numpy as np
import pytest
from PIL import Image

from simplebias.core.errors import InputError
from simplebias.data import read

RANDOM = np.random.default_rng(7)


def save(array, path, **options):
    Image.fromarray(array).save(path, **options)
    return path


def refusal(path, **options):
    with pytest.raises(InputError) as caught:
        read(path, **options)
    assert path.name in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 4)])
def test_pixels_stand_where_they_should(tmp_path, shape, channels):
    pixels = RANDOM.integers(0, 256, (*shape, channels), dtype=np.uint8)
    sample = read(save(pixels.squeeze(-1) if channels == 1 else pixels, tmp_path / "p.png"))
    rows, columns = shape
    assert sample.lattice == shape
    assert sample.input_names == ("x", "y")
    assert sample.input_units == ("image width" if columns >= rows else "image height",) * 2
    assert sample.output_names == (("grey",) if channels == 1 else ("red", "green", "blue"))
    for row in range(rows):
        for column in range(columns):
            index = row * columns + column
            np.testing.assert_allclose(sample.points[index], [(column + 0.5) / max(shape), (row + 0.5) / max(shape)])
            np.testing.assert_array_equal(sample.values[index], pixels[row, column] / 255)
    assert sample.notes == ()


def test_reduction_averages(tmp_path):
    pixels = RANDOM.integers(0, 256, (64, 128), dtype=np.uint8)
    path = save(pixels, tmp_path / "p.png")
    sample = read(path, size=32)
    assert sample.lattice == (16, 32)
    expected = pixels.reshape(16, 4, 32, 4).mean(axis=(1, 3)) / 255
    np.testing.assert_allclose(sample.values.reshape(16, 32), expected, atol=1e-6)
    assert "from 128 × 64 to 32 × 16" in sample.notes[0]
    assert read(path).lattice == (32, 64)
    assert read(path, size=500).lattice == (64, 128)


def test_16_bits_palette_alpha_and_grey_stored_as_colour(tmp_path):
    deep = RANDOM.integers(0, 65536, (6, 7)).astype(np.uint16)
    np.testing.assert_array_equal(read(save(deep, tmp_path / "deep.png")).values[:, 0], deep.ravel() / 65535)

    grey = RANDOM.integers(0, 256, (6, 7), dtype=np.uint8)
    sample = read(save(np.stack([grey] * 3, axis=2), tmp_path / "g.png"))
    np.testing.assert_array_equal(sample.values[:, 0], grey.ravel() / 255)
    assert "read as grey" in sample.notes[0]

    alpha = RANDOM.integers(0, 256, (6, 7, 4), dtype=np.uint8)
    sample = read(save(alpha, tmp_path / "a.png"))
    np.testing.assert_array_equal(sample.values, alpha[:, :, :3].reshape(-1, 3) / 255)
    assert "transparency" in sample.notes[0]
    sample = read(save(alpha[:, :, :2], tmp_path / "la.png"))
    np.testing.assert_array_equal(sample.values[:, 0], alpha[:, :, 0].ravel() / 255)
    assert "transparency" in sample.notes[0]

    colours = np.array([[255, 0, 0], [0, 128, 0], [0, 0, 255]], np.uint8)
    index = RANDOM.integers(0, 3, (6, 7), dtype=np.uint8)
    image = Image.fromarray(index).convert("P")
    image.putdata(index.ravel().tolist())
    image.putpalette(colours.ravel().tolist())
    for options, noted in (({}, 0), ({"transparency": 0}, 1)):
        image.save(tmp_path / "p.png", **options)
        sample = read(tmp_path / "p.png")
        np.testing.assert_array_equal(sample.values, colours[index].reshape(-1, 3) / 255)
        assert len(sample.notes) == noted

    image = Image.fromarray(index > 0)
    image.save(tmp_path / "one.png")
    np.testing.assert_array_equal(read(tmp_path / "one.png").values[:, 0], (index > 0).ravel())


def test_jpeg_and_orientation(tmp_path):
    ramp = np.tile(np.linspace(0, 255, 32).astype(np.uint8), (16, 1))
    sample = read(save(ramp, tmp_path / "r.jpg", quality=95))
    np.testing.assert_allclose(sample.values[:, 0], ramp.ravel() / 255, atol=0.02)
    exif = Image.Exif()
    exif[0x0112] = 6
    sample = read(save(ramp, tmp_path / "turned.JPEG", quality=95, exif=exif))
    assert sample.lattice == (32, 16)
    assert "upright" in sample.notes[0]
    Image.fromarray(RANDOM.integers(0, 256, (8, 8, 4), dtype=np.uint8), "CMYK").save(tmp_path / "c.jpg")
    assert "CMYK" in read(tmp_path / "c.jpg").notes[0]


def test_a_picture_of_one_row_is_a_line(tmp_path):
    sample = read(save(RANDOM.integers(0, 256, (1, 20), dtype=np.uint8), tmp_path / "line.png"))
    assert sample.input_names == ("x",)
    assert sample.lattice is None


def test_refusals(tmp_path):
    assert "varies" in refusal(save(np.full((4, 4), 9, np.uint8), tmp_path / "flat.png"))
    good = save(RANDOM.integers(0, 256, (40, 40), dtype=np.uint8), tmp_path / "good.png")
    cut = tmp_path / "cut.png"
    cut.write_bytes(good.read_bytes()[:400])
    assert "Fetch or export it again" in refusal(cut)
    head = tmp_path / "head.png"
    head.write_bytes(good.read_bytes()[:8])
    assert "damaged" in refusal(head)
    wrong = tmp_path / "wrong.png"
    wrong.write_text("x,y\n1,2\n")
    assert "rename it to end in .csv" in refusal(wrong)
    with pytest.raises(InputError, match="--size"):
        read(good, size=0)
    assert "--size" in refusal(good, limit=10)


def test_huge_pictures_are_refused_before_they_fill_memory(tmp_path, monkeypatch):
    path = save(np.arange(100, dtype=np.uint8).reshape(10, 10), tmp_path / "big.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40)
    assert "80 pixels" in refusal(path)
