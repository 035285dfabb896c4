"""Recordings as samples: time is the input, amplitude the output, one for each channel."""

import io
import struct
import warnings
from pathlib import Path

import numpy as np

from simplebias.core.errors import InputError, check_positive
from simplebias.data.files import damaged, load, refuse_content
from simplebias.data.sample import Sample, complete

LIMIT = 8000
"""Number of moments kept by default."""


def read_audio(path: Path, *, limit: int | None = None) -> Sample:
    """Read a recording: time in seconds to amplitude in [-1, 1].

    Args:
        path: a `.wav` file with whole numbers of 8, 16, 24 or 32 bits, or floats, and any number of channels.
        limit: keep the first so many moments; 8000 by default.

    Returns:
        The sample; two channels are the outputs `left` and `right`.

    Raises:
        InputError: for a damaged, compressed or silent recording, NaN or infinity, or a file that is none.
        StorageError: if the file cannot be read.
    """
    limit = LIMIT if limit is None else limit
    check_positive(limit, "--limit", integer=True)
    rate, amplitudes, notes = _decode(load(path), path)
    total = len(amplitudes)
    if total > limit:
        notes.append(f"first {int(limit)} of {total} moments kept ({limit / rate:.3g} s of {total / rate:.3g} s)")
        amplitudes = amplitudes[: int(limit)]
    if not np.isfinite(amplitudes).all():
        first = int(np.argwhere(~np.isfinite(amplitudes))[0][0])
        raise InputError(f"finite amplitudes in {path}", f"NaN or infinity at moment {first}", "Export it again.")
    if len(amplitudes) and np.abs(amplitudes).max() > 1:
        notes.append(f"amplitudes reach {np.abs(amplitudes).max():.3g}, beyond [-1, 1]; kept as they are")
    count = amplitudes.shape[1]
    names = {1: ("amplitude",), 2: ("left", "right")}.get(count, tuple(f"channel {k + 1}" for k in range(count)))
    sample = Sample(
        name=path.stem,
        points=(np.arange(len(amplitudes)) / rate)[:, None],
        values=amplitudes,
        input_names=("time",),
        input_units=("second",),
        output_names=names,
        output_units=("",) * count,
        source=str(path),
        notes=tuple(notes),
        path=path,
    )
    return complete(sample)


def _decode(content: bytes, path: Path) -> tuple[int, np.ndarray, list[str]]:
    """Rate in 1/s, amplitudes `(moments, channels)` float64, notes."""
    from scipy.io import wavfile

    if not (content.startswith((b"RIFF", b"RIFX", b"RF64")) and content[8:12] == b"WAVE"):
        refuse_content(path, "a WAV recording", content)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            rate, data = wavfile.read(io.BytesIO(content))
    except (ValueError, EOFError, struct.error, OSError, UnboundLocalError, ZeroDivisionError, TypeError) as error:
        raise damaged(path, "PCM or float WAV recording", error) from error
    if rate <= 0 or data.size == 0:
        raise damaged(path, "PCM or float WAV recording", "no samples" if rate else "a sampling rate of 0")
    notes = ["the file ends early: what there is was read"] if any("EOF" in str(w.message) for w in caught) else []
    if data.dtype.kind == "u":
        amplitudes = (data.astype(np.float64) - 128.0) / 128.0
    elif data.dtype.kind == "i":
        amplitudes = data.astype(np.float64) / -float(np.iinfo(data.dtype).min)
    else:
        amplitudes = data.astype(np.float64)
    return int(rate), amplitudes[:, None] if amplitudes.ndim == 1 else amplitudes, notes
