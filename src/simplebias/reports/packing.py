"""Figures as small JSON that is safe inside a page: long arrays as base64 of two or four bytes a number.

The page's script (`page.js`) undoes it. Four digits survive, which is more than a figure can show.
"""

import base64
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

SHORT = 24
"""Arrays up to this many numbers are written as decimals."""
MISSING = -32768
"""Stands for NaN among two-byte numbers."""


def pack(figure: Mapping[str, Any]) -> str:
    r"""A Plotly figure as text for a `<script type="application/json">`.

    Args:
        figure: `data`, `layout`, perhaps `frames`; arrays may be NumPy arrays. Plotly's own sliders are left out, the
            page has its own.

    Returns:
        JSON without any `<`, so that nothing in it can end the script.

    Example:
        >>> pack({"data": [{"y": np.array([1.0, np.nan]), "name": "</script>"}], "layout": {}})
        '{"data":[{"y":[1.0,null],"name":"\\u003c/script>"}],"layout":{}}'
    """
    kept = dict(figure)
    if "frames" in kept:
        kept["layout"] = {key: value for key, value in kept["layout"].items() if key not in {"sliders", "updatemenus"}}
    return safe_json(_plain(kept))


def safe_json(content: Any) -> str:
    r"""JSON that may stand in a script element of a page.

    Returns:
        JSON without any `<` or line separator.

    Example:
        >>> safe_json("<!--")
        '"\\u003c!--"'
    """
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _plain(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, (list, tuple)):
        return [_plain(value) for value in node]
    if isinstance(node, np.ndarray):
        return _array(node)
    if isinstance(node, (bool, str)) or node is None:
        return node
    if isinstance(node, (int, np.integer)):
        return int(node)
    return rounded(float(node))


def rounded(value: float) -> float | None:
    """Five significant digits, None for what is not finite.

    Returns:
        The number, or None.

    Example:
        >>> rounded(0.123456789), rounded(float("inf"))
        (0.12346, None)
    """
    return float(f"{value:.5g}") if np.isfinite(value) else None


def _array(values: np.ndarray) -> Any:
    if values.dtype.kind not in "fiu" or values.size <= SHORT:
        return [_plain(value) for value in values.tolist()]
    if values.dtype.kind in "iu":
        small = values.size == 0 or np.abs(values).max() < -MISSING
        return _packed(values.astype("<i2" if small else "<f8"), values.shape)
    return _two_bytes(values.astype(float)) or _packed(_four_bytes(values), values.shape)


def _four_bytes(values: np.ndarray) -> np.ndarray:
    top = np.finfo(np.float32).max
    with np.errstate(invalid="ignore"):
        return np.where(np.abs(values) <= top, values, np.nan).astype("<f4")


def _two_bytes(values: np.ndarray) -> dict[str, Any] | None:
    """Whole numbers times a scale, None if that would be too coarse for the small values among them."""
    known = values[np.isfinite(values)]
    if known.size == 0:
        return None
    low, high = float(known.min()), float(known.max())
    scale = (high - low) / 65000
    sizes = np.abs(known[known != 0])
    if scale == 0 or sizes.size == 0 or 0.5 * scale > 5e-4 * np.quantile(sizes, 0.05):
        return None
    if low >= 0 and sizes.min() < 20 * scale:
        return None
    offset = 0.5 * (low + high)
    with np.errstate(invalid="ignore"):
        whole = np.where(np.isfinite(values), np.rint((values - offset) / scale), MISSING).astype("<i2")
    return _packed(whole, values.shape) | {"scale": float(f"{scale:.9g}"), "offset": float(f"{offset:.9g}")}


def _packed(values: np.ndarray, shape: tuple[int, ...]) -> dict[str, Any]:
    data = base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()
    packed: dict[str, Any] = {"bdata": data, "dtype": values.dtype.str[1:]}
    return packed | ({"shape": list(shape)} if len(shape) > 1 else {})
