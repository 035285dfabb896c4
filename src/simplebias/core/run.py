"""A Run: what a training left behind, as labelled data with weights, outcome and provenance.

On disk a run is a folder: `run.json` (what and how far), `data.zarr` (the labelled data, zarr v3), `weights.eqx` and
`initial.eqx` (networks, if any), `checkpoint.eqx` (to resume), `report.html`. Nothing in it is pickled.
"""

import dataclasses
import datetime
import importlib.metadata
import json
import os
import platform
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np
import xarray as xr

from simplebias.core.errors import Outcome
from simplebias.core.storage import (
    FORMAT,
    MARKER,
    StorageError,
    claim_folder,
    read_marker,
    specification_hash,
    storage_errors,
    write_atomic,
)
from simplebias.core.types import RECORD

DATA = "data.zarr"
WEIGHTS = "weights.eqx"
INITIAL = "initial.eqx"


def provenance(specification: Mapping[str, Any]) -> dict[str, Any]:
    """Where and with what a run was made: versions, machine, time, specification and its hash.

    Args:
        specification: what was asked for.

    Returns:
        What `run.json` keeps under `provenance`.

    Example:
        >>> provenance({"width": 100})["specification"]
        {'width': 100}
    """
    packages = ("simplebias", "jax", "equinox", "optax", "numpy", "xarray")
    return {
        "specification": dict(specification),
        "specification_hash": specification_hash(specification),
        "versions": {"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in packages},
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "command": " ".join(sys.argv) if sys.argv and sys.argv[0] else "",
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


@dataclasses.dataclass
class Run:
    """Labelled data of a training, the network it ended with, how it ended, and where it came from.

    Args:
        data: every measure over seeds and records, with units and coordinates.
        network: the trained network; for an ensemble every array has a leading axis of members.
        initial: the network before training.
        outcome: how the training as a whole ended; per member see `data["outcome"]`.
        provenance: versions, machine, specification and its hash.
        step: the last step taken.
        path: the folder it lives in, None if only in memory.

    Example:
        >>> run = Run(xr.Dataset({"loss": ("record", [1.0, 0.1])}, coords={"step": ("record", [0, 100])}), step=100)
        >>> print(run.outcome, run.data["loss"].values)
        all steps were taken [1.  0.1]
    """

    data: xr.Dataset
    network: Any = None
    initial: Any = None
    outcome: Outcome = Outcome.COMPLETED
    provenance: dict[str, Any] = dataclasses.field(default_factory=dict)
    step: int = 0
    path: Path | None = None

    def save(self, path: str | Path) -> Path:
        """Write the run into a new or empty folder.

        Returns:
            The folder.

        Raises:
            StorageError: if the folder holds something already or cannot be written.
        """
        path = Path(path)
        claim_folder(path, self.provenance.get("specification", {}))
        with storage_errors(path / DATA, "write"):
            writable(self.data).to_zarr(path / DATA, mode="w-", zarr_format=3, consolidated=False)
        save_networks(path, self.network, self.initial)
        write_description(path, self)
        self.path = path
        return path

    @classmethod
    def load(cls, path: str | Path, like: Any = None) -> "Run":
        """Read a run from its folder, also one that is unfinished: records not yet reached are left out.

        Args:
            path: the folder.
            like: a network of the same shape, to read the weights into; without it `network` is None.

        Returns:
            The run.

        Raises:
            StorageError: if there is no run, it is damaged, or a newer version wrote it.
        """
        path = Path(path)
        description = read_marker(path)
        try:
            data = readable(xr.open_zarr(path / DATA, zarr_format=3, consolidated=False, chunks=None).load())
            step = int(description["step"])
            run = cls(
                data=completed(data, step),
                outcome=Outcome[description["outcome"]],
                provenance=description["provenance"],
                step=step,
                path=path,
            )
        except Exception as error:
            raise StorageError(f"{path / DATA} is damaged ({error}): resume or run again elsewhere") from error
        if like is not None:
            run.network = load_network(path / WEIGHTS, like)
            run.initial = load_network(path / INITIAL, like)
        return run

    def report(self, path: str | Path | None = None) -> Path:
        """Write the run as one self-contained page.

        Args:
            path: the file; by default `report.html` in the run's folder.

        Returns:
            The file written.

        Raises:
            StorageError: if it cannot be written, or the run has no folder and no path was given.
        """
        if path is None:
            if self.path is None:
                raise StorageError("this run has no folder: give report(path=...) or save it first")
            path = self.path / "report.html"
        (writer,) = importlib.metadata.entry_points(group="simplebias.reports", name="html")
        return writer.load()(self, Path(path))


def write_description(path: Path, run: Run) -> None:
    """Write `run.json`, the file that says what the folder holds and how far it got."""
    description = {
        "format": FORMAT,
        "step": run.step,
        "outcome": run.outcome.name,
        "specification_hash": specification_hash(run.provenance.get("specification", {})),
        "provenance": run.provenance,
    }
    write_atomic(path / MARKER, json.dumps(description, indent=1, default=str))


def save_networks(path: Path, network: Any, initial: Any) -> None:
    """Write the networks' arrays, as Equinox serialises them (no pickle)."""
    for name, tree in ((WEIGHTS, network), (INITIAL, initial)):
        if tree is not None:
            save_tree(path / name, tree)


def save_tree(path: Path, tree: Any) -> None:
    """Write the arrays of a PyTree in one atomic step.

    Args:
        path: the file, ending in `.eqx`.
        tree: networks, optimiser states or the like.

    Raises:
        StorageError: if it cannot be written.

    Example:
        >>> import tempfile
        >>> import jax.numpy as jnp
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_tree(Path(folder) / "weights.eqx", {"weight": jnp.ones(2)})
        ...     [file.name for file in Path(folder).iterdir()]
        ['weights.eqx']
    """
    import io

    buffer = io.BytesIO()
    eqx.tree_serialise_leaves(buffer, jax.tree.map(_without_key_type, tree))
    write_atomic(path, buffer.getvalue())


def _is_key(leaf: Any) -> bool:
    return eqx.is_array(leaf) and jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _without_key_type(leaf: Any) -> Any:
    """The numbers of a typed random key, which files cannot hold as such; anything else as it is."""
    return jax.random.key_data(leaf) if _is_key(leaf) else leaf


def _with_key_type(leaf: Any, like: Any) -> Any:
    return jax.random.wrap_key_data(leaf, impl=jax.random.key_impl(like)) if _is_key(like) else leaf


def load_network(path: Path, like: Any) -> Any:
    """Read the arrays of a PyTree of the shape of `like`.

    Args:
        path: a file that `save_tree` wrote.
        like: a tree of the same shapes and types.

    Returns:
        The tree, its static parts taken from `like`.

    Raises:
        StorageError: if the file is missing, damaged, or of another shape.

    Example:
        >>> import tempfile
        >>> import jax.numpy as jnp
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_tree(Path(folder) / "weights.eqx", {"weight": jnp.ones(2)})
        ...     load_network(Path(folder) / "weights.eqx", {"weight": jnp.zeros(2)})["weight"].tolist()
        [1.0, 1.0]
    """
    if not path.is_file():
        raise StorageError(f"{path} does not exist: the run was stopped before its networks were written; resume it")
    try:
        plain = eqx.tree_deserialise_leaves(path, jax.tree.map(_without_key_type, like))
        return jax.tree.map(_with_key_type, plain, like)
    except Exception as error:
        raise StorageError(f"{path} does not fit the network asked for or is damaged ({error})") from error


def is_record(dimension: object) -> bool:
    """Whether a dimension counts records: `record`, or `record_<schedule>` for a schedule of its own.

    Args:
        dimension: name of a dimension.

    Returns:
        True for the record dimensions.

    Example:
        >>> is_record("record"), is_record("record_spectrum"), is_record("frequency")
        (True, True, False)
    """
    return str(dimension) == RECORD or str(dimension).startswith(f"{RECORD}_")


def step_name(dimension: str) -> str:
    """Name of the coordinate that holds the steps of a record dimension.

    Args:
        dimension: name of a record dimension.

    Returns:
        `step`, or `step_<schedule>`.

    Example:
        >>> step_name("record_spectrum")
        'step_spectrum'
    """
    return dimension.replace(RECORD, "step", 1)


def completed(data: xr.Dataset, step: int) -> xr.Dataset:
    """Data up to `step`, records not yet reached left out."""
    kept = {
        dimension: np.flatnonzero(data[step_name(str(dimension))].values <= step)
        for dimension in data.dims
        if is_record(dimension)
    }
    return data.isel(kept)


def writable(data: xr.Dataset) -> xr.Dataset:
    """A copy as it is stored: without encodings of an earlier read, texts of variable length, as zarr v3 specifies."""
    return with_texts(data.drop_encoding(), "U", lambda texts: texts.astype(np.dtypes.StringDType()))


def readable(data: xr.Dataset) -> xr.Dataset:
    """A copy as it is used: texts as NumPy's usual ones."""
    return with_texts(data, "T", lambda texts: np.array(texts.tolist(), np.str_).reshape(texts.shape))


def with_texts(data: xr.Dataset, kind: str, change: Callable[[np.ndarray], np.ndarray]) -> xr.Dataset:
    """A copy in which variables of one kind of text are of another."""
    texts = {name: variable for name, variable in data.variables.items() if variable.dtype.kind == kind}
    return data.assign({name: (v.dims, change(v.values), v.attrs) for name, v in texts.items()})
