"""How figures look: colours, text, axes, and how much of the data is drawn. Used by every kind of figure.

Colours are those of Okabe and Ito or ordered by lightness, so that they are told apart by every reader and in grey
print. The page swaps them for lighter ones on a dark screen by their hexadecimal value, so use them from here only.
"""

import html
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

TARGET = "#D55E00"
"""The target, red as the field draws it."""
NETWORK = "#0072B2"
"""The network, blue as the field draws it."""
INK = "#1c1d21"
MUTED = "#62666d"
RULE = "#e5e2dc"
COLOURS = (NETWORK, "#CC79A7", "#009E73", "#E69F00", "#56B4E9", TARGET)
"""Colours of things without an order."""
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
LEARNED = ((0.0, "#083c6b"), (0.3, "#0072B2"), (0.65, "#8cc0e0"), (1.0, "#f4f1ea"))
"""From learned (dark) to not learned (light), of one hue with rising lightness."""
SIGNED = ((0.0, "#b2512a"), (0.25, "#e2ab8b"), (0.5, "#f7f5f2"), (0.75, "#8fb9da"), (1.0, "#1f5f9c"))
"""From -1 over 0 to 1: light in the middle."""
GREYS = ((0.0, "#000000"), (1.0, "#ffffff"))
ORDER = ("#123a63", "#0072B2", "#3f9ccf", "#35a28a", "#7fb24a", "#c9a227", "#b96a2b")
"""Colours of things with an order, low to high."""

POINTS = 800
"""Points drawn of one curve."""
FRAMES = 40
"""Steps offered by a slider."""
SEEDS = 5
"""Members of an ensemble drawn as faint lines."""
ROWS = 120
"""Rows and columns of a heat map, pixels of a picture across."""
PANELS = 3
"""Outputs, layers or directions drawn side by side."""

FONT = '-apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "Noto Sans", "Liberation Sans", sans-serif'


def label(text: object) -> str:
    """Text of a user made safe for a figure: Plotly reads a part of HTML and `%{...}` in its texts.

    Returns:
        Safe text.

    Example:
        >>> label("<b>%{x}</b>")
        '&lt;b&gt;%&#123;x}&lt;/b&gt;'
    """
    return html.escape(str(text), quote=False).replace("{", "&#123;")


def number(value: float) -> str:
    """A number for people: four digits, no needless zeros, a proper minus.

    Returns:
        Text.

    Example:
        >>> number(-0.00012345), number(12345.0), number(float("nan"))
        ('−0.0001234', '12345', 'not a number')
    """
    if not np.isfinite(value):
        return "not a number" if np.isnan(value) else ("∞" if value > 0 else "−∞")
    if value == round(value) and abs(value) < 1e6:
        return f"{value:.0f}".replace("-", "−")
    mantissa, _, exponent = f"{value:.4g}".partition("e")
    text = mantissa + (f"·10{_superscript(int(exponent))}" if exponent else "")
    return text.replace("-", "−")


def percent(share: float | np.floating) -> str:
    """A share for people, in percent.

    Example:
        >>> percent(0.63487), percent(0.000093), percent(2e-6)
        ('63 %', '0.0093 %', 'below 0.001 %')

    Returns:
        Text.
    """
    if not np.isfinite(share):
        return number(float(share))
    return "below 0.001 %" if 0 < share < 1e-5 else f"{100 * share:.2g} %"


def _superscript(value: int) -> str:
    return str(value).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def ordered(count: int) -> list[str]:
    """So many colours, low to high.

    Returns:
        Hexadecimal colours.

    Example:
        >>> ordered(2)
        ['#123a63', '#b96a2b']
    """
    places = np.linspace(0, len(ORDER) - 1, count) if count > 1 else np.array([1.0])
    return [ORDER[round(place)] if count <= len(ORDER) else _between(place) for place in places]


def _between(place: float) -> str:
    low = min(int(place), len(ORDER) - 2)
    ends = [np.array([int(ORDER[low + k][i : i + 2], 16) for i in (1, 3, 5)]) for k in (0, 1)]
    mixed = ends[0] + (place - low) * (ends[1] - ends[0])
    return "#" + "".join(f"{round(part):02x}" for part in mixed)


def axis(title: str = "", **changes: Any) -> dict[str, Any]:
    """An axis with a title; `title` must be safe already (see `label`).

    Returns:
        The axis for a layout.

    Example:
        >>> axis("step", type="log")["type"]
        'log'
    """
    return {"title": {"text": title, "standoff": 8}, "automargin": True} | changes


def log_axis(title: str = "", **changes: Any) -> dict[str, Any]:
    """A logarithmic axis; Plotly draws powers of ten a quarter larger than other ticks.

    Returns:
        The axis for a layout.

    Example:
        >>> log_axis("loss")["type"]
        'log'
    """
    return axis(title, type="log", tickfont={"size": 10}) | changes


WHOLE = {"len": 1, "ypad": 0, "tickfont": {"size": 12}}
"""A colour bar as high as its figure."""


def colour_bar(title: str, **changes: Any) -> dict[str, Any]:
    """The scale beside a coloured plane; `title` must be safe already (see `label`).

    Returns:
        The bar of a trace or a colour axis.

    Example:
        >>> colour_bar("loss", tickvals=[0, 1])["tickvals"]
        [0, 1]
    """
    named = {"text": title, "side": "right", "font": {"size": 12}}
    return {"title": named, "thickness": 12, "outlinewidth": 0} | changes


def turned(colours: Sequence[tuple[float, str]]) -> list[list[Any]]:
    """A scale of colours from its end to its beginning.

    Returns:
        Stops as Plotly takes them.

    Example:
        >>> turned([(0.0, "#000000"), (1.0, "#ffffff")])
        [[0.0, '#ffffff'], [1.0, '#000000']]
    """
    return [[1 - place, colour] for place, colour in reversed(colours)]


def layout(height: int = 380, **changes: Any) -> dict[str, Any]:
    """What all figures have in common, with `changes`.

    Returns:
        The layout of a Plotly figure.

    Example:
        >>> layout(300)["height"]
        300
    """
    common = {
        "showline": True,
        "linecolor": MUTED,
        "ticks": "outside",
        "tickcolor": MUTED,
        "ticklen": 4,
        "gridcolor": RULE,
        "zeroline": False,
        "tickfont": {"color": MUTED, "size": 12},
        "title": {"font": {"size": 13}},
        "exponentformat": "power",
    }
    template = {
        "layout": {
            "font": {"family": FONT, "color": INK, "size": 13},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "xaxis": common | {"showgrid": False},
            "yaxis": common,
            "legend": {"orientation": "h", "x": 0, "y": 1.02, "xanchor": "left", "yanchor": "bottom"},
            "margin": {"l": 64, "r": 16, "t": 40, "b": 52},
            "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": MUTED, "activecolor": NETWORK},
            "hoverlabel": {"font": {"family": FONT, "size": 12}, "namelength": -1},
            "annotationdefaults": {"font": {"size": 13, "color": INK}, "showarrow": False},
        }
    }
    return {"template": template, "height": height} | changes


def panel_title(text: str, index: int = 0) -> dict[str, Any]:
    """A title over one of several panels, following its axes; `text` must be safe already.

    Returns:
        An annotation for a layout.

    Example:
        >>> panel_title("before")["xref"]
        'x domain'
    """
    suffix = "" if index == 0 else str(index + 1)
    return {
        "text": text,
        "xref": f"x{suffix} domain",
        "yref": f"y{suffix} domain",
        "x": 0,
        "y": 1,
        "xanchor": "left",
        "yanchor": "bottom",
        "yshift": 4,
        "showarrow": False,
    }


def panels(count: int, columns: int, gap: float = 0.06, rise: float = 0.14) -> list[dict[str, list[float]]]:
    """Domains of `count` panels in rows of `columns`, from the upper left.

    Args:
        count: number of panels.
        columns: panels in a row.
        gap: space between columns, share of the width.
        rise: space between rows, share of the height.

    Returns:
        For each panel its `x` and `y` domain.

    Example:
        >>> panels(2, 2, gap=0.1)[1]["x"]
        [0.55, 1.0]
    """
    rows = -(-count // columns)
    wide, high = (1 - gap * (columns - 1)) / columns, (1 - rise * (rows - 1)) / rows
    places = []
    for index in range(count):
        row, column = divmod(index, columns)
        left, top = column * (wide + gap), 1 - row * (high + rise)
        places.append({"x": _domain(left, left + wide), "y": _domain(top - high, top)})
    return places


def _domain(low: float, high: float) -> list[float]:
    return [max(round(low, 4), 0.0), min(round(high, 4), 1.0)]


def thin(count: int, most: int) -> np.ndarray:
    """At most `most` of `count` indices, evenly spread, both ends kept.

    Returns:
        Sorted indices.

    Example:
        >>> thin(10, 4)
        array([0, 3, 6, 9])
    """
    if count <= most:
        return np.arange(count)
    return np.unique(np.rint(np.linspace(0, count - 1, max(most, 2))).astype(int))


def thin_curve(values: np.ndarray, most: int) -> np.ndarray:
    """At most `most` indices of a curve that keep the highest and lowest point of every stretch.

    Returns:
        Sorted indices.

    Example:
        >>> bool(7 in thin_curve(np.eye(1, 100, 7)[0], 20))
        True
    """
    count = len(values)
    if count <= most:
        return np.arange(count)
    edges = np.linspace(0, count, max(most // 2, 1) + 1).astype(int)
    filled = np.nan_to_num(values)
    kept = {0, count - 1}
    for low, high in itertools.pairwise(edges):
        kept |= {low + int(filled[low:high].argmin()), low + int(filled[low:high].argmax())}
    return np.array(sorted(kept))


def span(values: np.ndarray, *, log: bool = False) -> list[float]:
    """Range of an axis that shows all finite `values` with a margin (in powers of ten if `log`).

    Returns:
        Both ends.

    Example:
        >>> [round(end, 2) for end in span(np.array([0.0, 1.0]))]
        [-0.05, 1.05]
    """
    finite = values[np.isfinite(values) & ((values > 0) if log else True)]
    if finite.size == 0:
        return [-1.0, 1.0]
    ends = np.log10([finite.min(), finite.max()]) if log else np.array([finite.min(), finite.max()], float)
    margin = 0.05 * (ends[1] - ends[0]) or 0.5
    return [float(ends[0] - margin), float(ends[1] + margin)]
