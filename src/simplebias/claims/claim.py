"""What a claim is: a sentence of the literature that is run, measured and judged, and that can come out false.

One file of this room holds one claim, as a module constant `CLAIM`. `run` makes labelled data and knows no threshold;
`check` is a pure function of these data, so that it can be shown data of a broken run and must then say false.
"""

import dataclasses
import enum
from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias, TypeVar

import xarray as xr

from simplebias.core.citation import Reference, bibliography
from simplebias.core.errors import InputError

T = TypeVar("T")
Evidence: TypeAlias = Mapping[str, xr.Dataset]
"""The labelled data of each experiment of a claim, by the experiment's name. Figures are chosen by their dimensions."""


class Scale(enum.StrEnum):
    """How much to run."""

    SMOKE = "smoke"
    """Seconds: the heart of the claim, in every test run."""
    STANDARD = "standard"
    """Minutes: every row of the acceptance that a laptop can check."""
    FULL = "full"
    """The size of the paper."""

    def choose(self, smoke: T, standard: T, full: T) -> T:
        """The one of three values that belongs to this scale.

        Args:
            smoke: for seconds.
            standard: for minutes.
            full: for the size of the paper.

        Returns:
            One of the three.

        Example:
            >>> Scale("standard").choose(100, 1000, 10_000)
            1000
        """
        return {Scale.SMOKE: smoke, Scale.STANDARD: standard, Scale.FULL: full}[self]


@dataclasses.dataclass(frozen=True)
class Criterion:
    """One figure that was measured, against what is accepted.

    Args:
        what: what is measured, in words.
        measured: the figure, as text, over all seeds.
        accepted: what is accepted, as text.
        holds: whether it is met by every seed.

    Example:
        >>> Criterion("steps for k = 3 over those for k = 1", "25, 18", "> 8", holds=True).holds
        True
    """

    what: str
    measured: str
    accepted: str
    holds: bool


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What a claim's check came to.

    Args:
        criteria: every figure that was held against its acceptance; a verdict without any is not true.
        error: why there is no verdict, where the claim could not be run.

    Example:
        >>> Verdict((Criterion("apples", "3", "> 2", True), Criterion("pears", "1", "> 2", False))).holds
        False
    """

    criteria: tuple[Criterion, ...] = ()
    error: str = ""

    @property
    def holds(self) -> bool:
        """Whether every criterion is met."""
        return not self.error and bool(self.criteria) and all(one.holds for one in self.criteria)

    @property
    def word(self) -> Literal["true", "false", "error"]:
        """`true`, `false` or `error`."""
        return "error" if self.error else ("true" if self.holds else "false")


@dataclasses.dataclass(frozen=True)
class Claim:
    """A claim of the literature with the experiment that decides it.

    Args:
        id: a letter and two digits, `f01`; unique.
        title: a few words.
        sentence: the claim, as one sentence.
        source: keys of `references.bib`.
        setting: networks, data, training and the seeds of the check, in words.
        fails_when: the setting in which the claim is known to fail, in words.
        run: makes the evidence at a scale.
        check: holds the evidence against the acceptance.
        cover: experiment and first words of the title of the figure that stands for the claim; the first by default.

    Raises:
        InputError: for an id of another form, or a text that is left out.

    Example:
        >>> from simplebias.claims import all_claims
        >>> claim = all_claims()[0]
        >>> claim.id, claim.title, claim.source[0]
        ('f01', 'Low frequencies first', 'xu2018training')
    """

    id: str
    title: str
    sentence: str
    source: tuple[str, ...]
    setting: str
    fails_when: str
    run: Callable[[Scale], Evidence] = dataclasses.field(repr=False)
    check: Callable[[Evidence], Verdict] = dataclasses.field(repr=False)
    cover: tuple[str, str] = ("", "")

    def __post_init__(self):
        if len(self.id) != 3 or self.id[0] not in "fclp" or not self.id[1:].isdigit():
            raise InputError("an id of a letter f, c, l or p and two digits", repr(self.id))
        for name in ("title", "sentence", "source", "setting", "fails_when"):
            if not getattr(self, name):
                raise InputError(f"claim {self.id} with a {name}", "none")

    @property
    def references(self) -> list[Reference]:
        """The sources as entries of the bibliography."""
        return bibliography(self.source)
