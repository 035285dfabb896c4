"""The state of a training on disk: written whole or not at all, never pickled, refused if it does not fit."""

from pathlib import Path
from typing import Any

from simplebias.core.errors import StorageError
from simplebias.core.run import load_network, save_tree

CHECKPOINT = "checkpoint.eqx"


def save_checkpoint(folder: Path, state: Any) -> None:
    """Write the arrays of a training's state into its run folder, atomically.

    Raises:
        StorageError: if it cannot be written; the last checkpoint is then still there.
    """
    save_tree(folder / CHECKPOINT, state)


def load_checkpoint(folder: Path, like: Any) -> Any:
    """Read the state of a training.

    Args:
        folder: the run's folder.
        like: a state of the same shape, as made at the start of the same training.

    Returns:
        The state, or None where the run was stopped before its first checkpoint.

    Raises:
        StorageError: if it is damaged or belongs to another network, updater or ensemble.
    """
    path = folder / CHECKPOINT
    if not path.exists():
        return None
    try:
        return load_network(path, like)
    except StorageError as error:
        raise StorageError(
            f"{error}: resume with the same network, updater, seeds and package versions, or remove it to start anew"
        ) from error
