"""What a figure is, and the register of the kinds of figures: each says which dimensions it draws.

To add a kind, write one function in a file of this room and register it with the dimensions it draws, seeds and
records left out::

    @draws("band", section="Frequencies")
    def bands(reading, variables):
        return [Figure(...)]
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from simplebias.reports.reading import Reading, Variable


@dataclasses.dataclass(frozen=True)
class Figure:
    """One figure of a page.

    Args:
        title: a few words, plain text.
        plotly: `data`, `layout` and perhaps `frames` as `plotly.graph_objects.Figure` takes them; arrays are NumPy
            arrays; texts of users in it are made safe with `simplebias.reports.style.label`.
        alternative: what is to be seen, in words, plain text: read out where the figure cannot be seen.
        caption: one or two sentences below the figure, plain text.
        references: keys of the bibliography.
        section: heading of the page under which it stands.
    """

    title: str
    plotly: dict[str, Any]
    alternative: str
    caption: str = ""
    references: tuple[str, ...] = ()
    section: str = ""


Draw: TypeAlias = Callable[[Reading, Sequence[Variable]], list[Figure]]
SECTIONS = ("The fit", "The solution", "Frequencies", "Other ways to solve it", "Loss", "Neurons", "Other measures")
"""Headings in the order of the page."""


@dataclasses.dataclass(frozen=True)
class Kind:
    """A way to draw variables.

    Args:
        dims: the dimensions it draws, besides seeds and records; None for any that no other kind draws.
        draw: makes figures of all variables with these dimensions.
        section: heading under which they stand.
        place: order within the section.
        complex: whether the values must be complex (True), real (False) or either (None).
        plain: draws variables without records that have the attribute `over`, and no others.
    """

    dims: frozenset[str] | None
    draw: Draw
    section: str
    place: int = 50
    complex: bool | None = None
    plain: bool = False

    def fits(self, variable: Variable) -> bool:
        """Whether it draws this variable."""
        if self.plain != variable.plain:
            return False
        if self.dims is None:
            return True
        if self.plain:
            return self.dims == frozenset(variable.dims)
        kind = variable.values.dtype.kind == "c"
        return self.dims == frozenset(variable.dims) and self.complex in {None, kind}


KINDS: list[Kind] = []
"""All kinds, in the order in which they were registered; the first that fits draws."""


def draws(
    *dims: str,
    section: str,
    place: int = 50,
    complex: bool | None = None,
    rest: bool = False,
    plain: bool = False,
) -> Callable[[Draw], Draw]:
    """Register a function as the way to draw variables with the given dimensions.

    Args:
        *dims: the dimensions, seeds and records left out.
        section: heading of the page.
        place: order within the section, low first.
        complex: whether the values must be complex, real or either.
        rest: draw whatever no other kind draws.
        plain: draw variables without records, over the dimension that their attribute `over` names; any of them if no
            dimensions are given.

    Returns:
        A decorator that leaves the function as it is.

    Example:
        >>> @draws("ear", section="Other measures")
        ... def ears(reading, variables):
        ...     empty = {"data": [], "layout": {}}
        ...     return [Figure(variable.title, empty, variable.description) for variable in variables]
        >>> KINDS.pop().dims
        frozenset({'ear'})
    """

    def register(draw: Draw) -> Draw:
        drawn = None if rest or (plain and not dims) else frozenset(dims)
        KINDS.append(Kind(drawn, draw, section, place, complex, plain))
        return draw

    return register


def kind_of(variable: Variable) -> Kind | None:
    """The kind that draws a variable, None if there is none."""
    fitting = [kind for kind in KINDS if kind.fits(variable)]
    return next(iter(sorted(fitting, key=lambda kind: kind.dims is None)), None)
