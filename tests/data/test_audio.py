"""Recordings of every kind of number, one or two channels."""

import numpy as np
import pytest
from scipy.io import wavfile

from simplebias.core.errors import InputError
from simplebias.data import read

RANDOM = np.random.default_rng(3)


def refusal(path, **options):
    with pytest.raises(InputError) as caught:
        read(path, **options)
    assert path.name in str(caught.value)
    return str(caught.value)


def wave_24(path, values, rate):
    """A mono recording of 24 bits, written byte by byte."""
    data = b"".join(int(value).to_bytes(3, "little", signed=True) for value in values)
    head = b"WAVEfmt " + (16).to_bytes(4, "little") + (1).to_bytes(2, "little") + (1).to_bytes(2, "little")
    head += rate.to_bytes(4, "little") + (3 * rate).to_bytes(4, "little") + (3).to_bytes(2, "little")
    head += (24).to_bytes(2, "little") + b"data" + len(data).to_bytes(4, "little") + data
    path.write_bytes(b"RIFF" + len(head).to_bytes(4, "little") + head)


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        (np.uint8, lambda a: (a.astype(float) - 128) / 128),
        (np.int16, lambda a: a / 2.0**15),
        (np.int32, lambda a: a / 2.0**31),
        (np.float32, lambda a: a.astype(float)),
    ],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_amplitudes(tmp_path, dtype, expected, channels):
    shape = (50,) if channels == 1 else (50, 2)
    if dtype == np.float32:
        data = RANDOM.uniform(-1, 1, shape).astype(dtype)
    else:
        info = np.iinfo(dtype)
        data = RANDOM.integers(info.min, info.max, shape, dtype=dtype, endpoint=True)
    wavfile.write(tmp_path / "a.wav", 400, data)
    sample = read(tmp_path / "a.wav")
    np.testing.assert_array_equal(sample.values, expected(data).reshape(50, channels))
    np.testing.assert_allclose(sample.points[:, 0], np.arange(50) / 400)
    assert np.abs(sample.values).max() <= 1
    assert sample.input_units == ("second",)
    assert sample.output_names == (("amplitude",) if channels == 1 else ("left", "right"))


def test_24_bits(tmp_path):
    values = RANDOM.integers(-(2**23), 2**23, 40)
    wave_24(tmp_path / "b.wav", values, 8000)
    np.testing.assert_array_equal(read(tmp_path / "b.wav").values[:, 0], values / 2.0**23)


def test_limit(tmp_path):
    wave = np.sin(np.arange(9000) / 5).astype(np.float32)
    wavfile.write(tmp_path / "long.wav", 1000, wave)
    sample = read(tmp_path / "long.wav")
    assert sample.size == 8000
    assert "first 8000 of 9000" in sample.notes[0]
    sample = read(tmp_path / "long.wav", limit=100)
    np.testing.assert_array_equal(sample.values[:, 0], wave[:100])


def test_loud_floats_are_kept_with_a_note(tmp_path):
    wavfile.write(tmp_path / "loud.wav", 10, np.array([0, 2.5, -1], np.float32))
    assert "2.5" in read(tmp_path / "loud.wav").notes[0]


def test_refusals(tmp_path):
    path = tmp_path / "r.wav"
    wavfile.write(path, 10, np.zeros(100, np.int16))
    assert "--limit" in refusal(path)
    wavfile.write(path, 10, np.array([0, np.nan, 1], np.float32))
    assert "moment 1" in refusal(path)
    wavfile.write(path, 10, np.zeros(0, np.int16))
    assert "damaged" in refusal(path)
    path.write_text("x,y\n1,2\n")
    assert "rename it to end in .csv" in refusal(path)
    path.write_bytes(b"")
    assert "empty" in refusal(path)
    wavfile.write(path, 10, np.arange(100, dtype=np.int16))
    whole = path.read_bytes()
    path.write_bytes(whole[:144])
    assert "ends early" in read(path).notes[0]
    for cut in (12, 20, 40, 43, 44, 45):
        path.write_bytes(whole[:cut])
        assert "Fetch or export it again" in refusal(path)
    compressed = bytearray(whole)
    compressed[20:22] = b"\x11\x00"
    path.write_bytes(compressed)
    assert "damaged or unsupported" in refusal(path)
