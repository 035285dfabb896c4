"""When to stop a training that is watched: by the spectrum of what it has learned, look by look."""

import dataclasses

import numpy as np

from simplebias.core.errors import InputError, check_choice, check_positive
from simplebias.core.types import BAND, FILTER_WIDTH, PART
from simplebias.integrations.looking import Book
from simplebias.observation.findings import LEARNED, NOTICEABLE

CRITERIA = ("auto", "noise", "bands")
"""By what a training is stopped."""


@dataclasses.dataclass(frozen=True)
class EarlyStop:
    """A rule by which `Watch.should_stop` says that a training has learned what there is to learn.

    `noise`, for one input and noisy values: stop once the distance to the data without their noise has been above its
    least for some looks in a row. `bands`: stop once every part of the target that carries a noticeable share of its
    power (frequency bands for one or two inputs, low and high parts for more) has been learned for some looks in a row.

    Args:
        criterion: "noise", "bands", or "auto": by noise where the data have some, else by bands.
        patience: how many looks in a row; twenty make a factor of ten in steps.
        tolerance: share by which the distance is to be above its least.
        threshold: relative error below which a part counts as learned.

    Raises:
        InputError: for an unknown criterion or numbers that cannot be used.

    References:
        arXiv:1807.01251, arXiv:1901.06523: low frequencies first, and early stopping.

    Example:
        >>> EarlyStop("bands", threshold=0.05)
        EarlyStop(criterion='bands', patience=3, tolerance=0.05, threshold=0.05)
    """

    criterion: str = "auto"
    patience: int = 3
    tolerance: float = 0.05
    threshold: float = LEARNED

    def __post_init__(self) -> None:
        check_choice(self.criterion, "criterion", CRITERIA)
        check_positive(self.patience, "patience", integer=True)
        check_positive(self.tolerance, "tolerance", zero=True)
        check_positive(self.threshold, "threshold")

    def reached(self, book: Book) -> str:
        """Why to stop now, in a sentence; empty for going on.

        Args:
            book: with everything that was looked at, measured.

        Returns:
            The reason.
        """
        assert book.recorder is not None
        data = book.recorder.data
        count = int(np.searchsorted(book.slots["loss"].steps, book.reached, side="right"))
        noisy = "estimated_error" in data
        if self.criterion == "noise" and not noisy:
            return ""
        if noisy and self.criterion != "bands":
            return self._noise(data["estimated_error"].values[0, :count], bool(data["beyond_noise"]))
        return self._bands(*_parts(data, count))

    def _noise(self, errors: np.ndarray, signal: bool) -> str:
        if len(errors) <= self.patience:
            return ""
        if not signal:
            return "the data look like noise alone: there is nothing to learn"
        finite = np.where(np.isfinite(errors), errors, np.inf)
        above = finite[-self.patience :] > (1 + self.tolerance) * finite[: -self.patience].min()
        if not above.all():
            return ""
        worse = finite[-1] / finite.min()
        return f"the noise of the data is being learned: the estimated error is {worse:.2f} times its least"

    def _bands(self, errors: np.ndarray, shares: np.ndarray) -> str:
        if len(errors) < self.patience:
            return ""
        last = errors[-self.patience :, shares >= NOTICEABLE]
        if not last.size or not (last < self.threshold).all():
            return ""
        return f"every noticeable part of the target is learned to a relative error of {self.threshold:g}"


def _parts(data, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Errors of the parts of the target, `(looks, parts)`, as far as they are recorded, and their shares of power."""
    if "band_error" in data:
        array = data["band_error"].isel(seed=0).transpose(..., BAND).values[:count]
        return array, data["share"].values
    array = data["filter_error"].isel(seed=0).transpose(..., FILTER_WIDTH, PART).values
    known = array[np.isfinite(array).reshape(len(array), -1).any(axis=1)]
    low = data["filter_share"].values
    return known.reshape(len(known), -1), np.stack([low, 1 - low], axis=1).ravel()


def as_rule(stop: "EarlyStop | str | None") -> EarlyStop:
    """A rule from a rule or the name of a criterion."""
    if stop is None or isinstance(stop, str):
        return EarlyStop(stop or "auto")
    if not isinstance(stop, EarlyStop):
        raise InputError("stop as an EarlyStop or the name of a criterion", f"a {type(stop).__name__}")
    return stop
