"""Packed arrays come back as they were, to four digits, and nothing in them can leave a script element."""

import base64
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from simplebias.reports.packing import MISSING, pack, safe_json


def unpacked(node):
    """What the page's script does, written again in NumPy."""
    if isinstance(node, list):
        return np.array([np.nan if value is None else value for value in node], float)
    values = np.frombuffer(base64.b64decode(node["bdata"]), f"<{node['dtype']}").astype(float)
    if "scale" in node:
        values = np.where(values == MISSING, np.nan, values * node["scale"] + node["offset"])
    return values.reshape(node.get("shape", [-1]))


def there_and_back(values):
    return unpacked(json.loads(pack({"data": [{"y": values}]}))["data"][0]["y"])


@given(arrays(float, st.integers(0, 200), elements=st.floats(-1e30, 1e30)))
def test_numbers_survive(values):
    back = there_and_back(values)
    size = np.abs(values).max(initial=0.0)
    np.testing.assert_allclose(back, values, rtol=1e-4, atol=max(1e-4 * size, 1e-37))


@pytest.mark.parametrize("low", [1e-8, 1e-3, 0.5])
def test_small_numbers_keep_their_digits_on_a_logarithmic_axis(low):
    values = np.geomspace(low, 1, 300)
    np.testing.assert_allclose(there_and_back(values), values, rtol=1e-3)


def test_what_is_not_finite_is_a_gap():
    values = np.sin(np.arange(100.0))
    values[[3, 4, 5]] = np.nan, np.inf, -np.inf
    back = there_and_back(values)
    assert np.flatnonzero(np.isnan(back)).tolist() == [3, 4, 5]


def test_matrices_keep_their_shape():
    values = np.random.default_rng(0).normal(size=(13, 7)).astype(np.float32)
    np.testing.assert_allclose(there_and_back(values), values, atol=1e-3)


def test_a_smooth_curve_takes_less_than_three_bytes_a_number():
    assert len(pack({"data": [{"y": 2 + np.sin(np.arange(1000.0))}]})) < 3000


@given(st.text())
def test_text_cannot_end_the_script(words):
    written = safe_json({words: words})
    assert "<" not in written
    assert "\u2028" not in written
    assert json.loads(written) == {words: words}
