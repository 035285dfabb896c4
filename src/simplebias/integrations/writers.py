"""Where numbers and figures of a watched training go besides its own folder: TensorBoard, Weights & Biases, MLflow."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from simplebias.core.run import Run
from simplebias.core.types import BAND, LAYER, RECORD
from simplebias.integrations.looking import Book
from simplebias.integrations.needs import need
from simplebias.observation.findings import record_dimension

PLAIN = ("loss", "training_loss", "validation_loss", "accuracy", "validation_accuracy", "estimated_error")
"""Records that are one number at each step."""
THRESHOLD = 0.95
"""Cosine similarity at which effective neurons are told."""
COLOURS = np.array([[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]], float)
"""The colours of pictures, from small to large."""
CELL = 12
"""Pixels along each side of a cell of a picture."""


@runtime_checkable
class Writer(Protocol):
    """What takes numbers, pictures and the report of a watched training; a class with these four methods is one."""

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Take numbers, by names such as `band_error/2–3`, that were found at a step."""
        ...

    def picture(self, name: str, pixels: np.ndarray, step: int) -> None:
        """Take a picture `(height, width, 3)` of bytes."""
        ...

    def page(self, path: Path) -> None:
        """Take the report, an HTML file."""
        ...

    def close(self) -> None:
        """Write what is left; what was given open stays open."""
        ...


class TensorBoard:
    """Numbers and pictures to TensorBoard.

    Args:
        folder: of the event files, or a `torch.utils.tensorboard.SummaryWriter` that is open, as Lightning's is.

    Raises:
        InputError: if TensorBoard is not installed.

    Example:
        >>> isinstance(TensorBoard.__new__(TensorBoard), Writer)
        True
    """

    def __init__(self, folder: Any):
        self._own = isinstance(folder, str | Path)
        if self._own:
            need("tensorboard", "pip install tensorboard")
            folder = need("torch.utils.tensorboard").SummaryWriter(str(folder))
        self._writer = folder

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Each as a scalar."""
        for name, value in values.items():
            self._writer.add_scalar(f"simplebias/{name}", value, step)

    def picture(self, name: str, pixels: np.ndarray, step: int) -> None:
        """As an image."""
        self._writer.add_image(f"simplebias/{name}", pixels, step, dataformats="HWC")

    def page(self, path: Path) -> None:
        """TensorBoard shows no pages: where the report lies, as a text."""
        self._writer.add_text("simplebias/report", str(path))

    def close(self) -> None:
        """Close the file if it was opened here."""
        self._writer.close() if self._own else self._writer.flush()


class WeightsAndBiases:
    """Numbers, pictures and the report to Weights & Biases; with `mode="offline"` nothing leaves the machine.

    Args:
        run: an open run of `wandb`, such as that of Lightning's logger; None to begin one with the options.
        options: of `wandb.init`.

    Raises:
        InputError: if wandb is not installed.

    Example:
        >>> isinstance(WeightsAndBiases.__new__(WeightsAndBiases), Writer)
        True
    """

    def __init__(self, run: Any = None, **options: Any):
        self._wandb = need("wandb", "pip install wandb")
        self._own = run is None
        self._run = self._wandb.init(**{"mode": "offline", **options}) if run is None else run
        # a step of its own, as looks are told late, and wandb refuses steps that go back
        self._run.define_metric("simplebias/step")
        self._run.define_metric("simplebias/*", step_metric="simplebias/step")

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """All in one call."""
        self._run.log({f"simplebias/{name}": value for name, value in values.items()} | {"simplebias/step": step})

    def picture(self, name: str, pixels: np.ndarray, step: int) -> None:
        """As an image."""
        self._run.log({f"simplebias/{name}": self._wandb.Image(pixels), "simplebias/step": step})

    def page(self, path: Path) -> None:
        """As a page in the run."""
        self._run.log({"simplebias/report": self._wandb.Html(path.read_text(encoding="utf-8"), inject=False)})

    def close(self) -> None:
        """Finish the run if it was begun here."""
        if self._own:
            self._run.finish()


class MLflow:
    """Numbers, pictures and the report to the active run of MLflow, or to a new one.

    Args:
        run_id: of the run; None for the active one, or a new one.

    Raises:
        InputError: if MLflow is not installed.

    Example:
        >>> isinstance(MLflow.__new__(MLflow), Writer)
        True
    """

    def __init__(self, run_id: str | None = None):
        self._mlflow = need("mlflow", "pip install mlflow")
        active = self._mlflow.active_run()
        self._own = run_id is None and active is None
        self._run = run_id or (active or self._mlflow.start_run()).info.run_id
        self._client = need("mlflow.tracking").MlflowClient()

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Each as a metric; MLflow's names have no dashes of other lengths."""
        entity, now = need("mlflow.entities"), 0
        metrics = [entity.Metric(_ascii(f"simplebias/{name}"), value, now, step) for name, value in values.items()]
        self._client.log_batch(self._run, metrics=metrics)

    def picture(self, name: str, pixels: np.ndarray, step: int) -> None:
        """As an image file among the artifacts."""
        from PIL import Image

        self._client.log_image(self._run, Image.fromarray(pixels), artifact_file=f"simplebias/{_ascii(name)}.png")

    def page(self, path: Path) -> None:
        """As a file among the artifacts."""
        self._client.log_artifact(self._run, str(path), artifact_path="simplebias")

    def close(self) -> None:
        """End the run if it was begun here."""
        if self._own:
            self._mlflow.end_run()


def _ascii(name: str) -> str:
    """A name of the letters that MLflow allows."""
    plain = name.replace("–", "-").replace("≥", "from ").replace(",", "")
    return "".join(one if one.isascii() and (one.isalnum() or one in "_-./ ") else "_" for one in plain)


def scalars(book: Book, after: int) -> Iterator[tuple[int, dict[str, float]]]:
    """Numbers of the records that were measured after a step.

    Args:
        book: of the training.
        after: a step, -1 for what was recorded before the first one too.

    Yields:
        Each step with its numbers by name.
    """
    assert book.recorder is not None
    data, told = book.recorder.data, {}
    for name in (*PLAIN, "band_error", "filter_error", "effective_neurons", "relative_change"):
        if name not in book.slots:
            continue
        array = data[name].isel(seed=0)
        array = array.sel(threshold=THRESHOLD, method="nearest") if name == "effective_neurons" else array
        steps = book.slots[name].steps
        for place in np.flatnonzero((steps > after) & (steps <= book.reached)):
            values = array.isel({book.slots[name].dimension: int(place)})
            for label, value in _flat(values):
                if np.isfinite(value):
                    told.setdefault(int(steps[place]), {})[f"{name}{label}"] = value
    yield from sorted(told.items())


def _flat(values: Any) -> Iterator[tuple[str, float]]:
    """Numbers of an array, each with the labels of where it stands."""
    for index in np.ndindex(values.shape):
        names = [values[dim].values[k] for dim, k in zip(values.dims, index, strict=True)]
        words = [f"{one:.3g}" if isinstance(one, float | np.floating) else str(one) for one in names]
        yield "".join(f"/{word}" for word in words), float(values.values[index])


def pictures(run: Run) -> dict[str, np.ndarray]:
    """Heat maps of what was learned when and of how the neurons gather, records from left to right.

    Args:
        run: of one member.

    Returns:
        Pictures `(height, width, 3)` of bytes by name: errors of the bands, low ones at the bottom, dark where learned;
        effective neurons of each layer over those before, the first layer at the top, dark where they have gathered.
    """
    made, data = {}, run.data.isel(seed=0)
    if "band_error" in data:
        made["band_error"] = heat(data["band_error"].transpose(BAND, RECORD).values[::-1])
    if "effective_neurons" in data:
        array = data["effective_neurons"].sel(threshold=THRESHOLD, method="nearest")
        counts = array.transpose(LAYER, record_dimension(run.data, "effective_neurons")).values
        made["effective_neurons"] = heat(counts / np.maximum(counts[:, :1], 1))
    return made


def heat(values: np.ndarray) -> np.ndarray:
    """A heat map: a cell for each number, grey where there is none.

    Args:
        values: `(rows, columns)`, from 0, drawn darkest, to 1, drawn brightest.

    Returns:
        `(height, width, 3)` bytes.

    Example:
        >>> heat(np.array([[0.0, 1.0]]))[0, [0, -1]].tolist()
        [[68, 1, 84], [253, 231, 37]]
    """
    place = np.clip(np.nan_to_num(values), 0, 1) * (len(COLOURS) - 1)
    lower = np.minimum(place.astype(int), len(COLOURS) - 2)
    share = (place - lower)[..., None]
    colours = (1 - share) * COLOURS[lower] + share * COLOURS[lower + 1]
    colours[~np.isfinite(values)] = 128
    return np.kron(np.rint(colours), np.ones((CELL, CELL, 1))).astype(np.uint8)
