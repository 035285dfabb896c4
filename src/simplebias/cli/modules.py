"""PyTorch modules on the command line: weights in a file, the code named by `--model`."""

import math
from pathlib import Path

import typer

from simplebias.core.errors import InputError


def reduce_module(
    source: Path, model: str, data: str | None, *, tolerance: float, keep: float | int | tuple[int, ...] | None,
    shape: str | None, out: Path,
) -> None:  # fmt: skip
    """Reduce a module, and write the small one.

    Args:
        source: its weights.
        model: `package.module:function`.
        data: a shipped sample or a file.
        tolerance: most relative change of the output.
        keep: share of the channels, for a refit.
        shape: of one point, such as 1,28,28; None as it is read.
        out: a new or empty folder.

    Raises:
        InputError: for data, options or weights that do not fit.
    """
    from simplebias.data import read
    from simplebias.torch import reduce
    from simplebias.torch.files import load_into, make_module, write_module
    from simplebias.torch.looking import as_inputs

    if data is None:
        raise InputError("--data, points like those the model is for", "none", "The change is measured on them.")
    if keep is not None and not isinstance(keep, float):
        raise InputError("--keep as a share such as 0.5 with --model", f"{keep}", "Numbers by layer: in Python.")
    if out.exists() and any(out.iterdir()):
        raise InputError("a new or empty folder for --out", f"{out}, which holds files")
    module = load_into(make_module(model), source)
    sample = read(data, keep_constant=True)
    points = as_inputs(sample.points.reshape(len(sample.points), *sizes(shape, sample.points.shape[1])), module)
    small = reduce(module, points, tolerance=tolerance, keep=keep)
    written = write_module(small.module, out, points)
    typer.echo(str(small))
    if not small.condensed and not small.refitted:
        typer.echo("Not condensed: at a loss, --keep 0.5 keeps half of the channels and refits the layers after them.")
    typer.echo("\nSmall model: " + ", ".join(str(path) for path in written))


def where_module(source: Path, model: str) -> list[str]:
    """Tell where a module lies in the phase diagram, by weights in a file.

    Args:
        source: its weights.
        model: `package.module:function`.

    Returns:
        Sentences.
    """
    from simplebias.torch import where
    from simplebias.torch.files import load_into, make_module

    lead = "Taken as weights before training: where they are trained, their place says nothing."
    return [lead, *where(load_into(make_module(model), source))]


def sizes(shape: str | None, numbers: int) -> tuple[int, ...]:
    """The shape of one point.

    Args:
        shape: numbers with commas; None for a row.
        numbers: how many numbers a point has.

    Returns:
        The shape.

    Raises:
        InputError: for a shape of another number of numbers.

    Example:
        >>> sizes("1,28,28", 784), sizes(None, 3)
        ((1, 28, 28), (3,))
    """
    try:
        found = (numbers,) if shape is None else tuple(int(part) for part in shape.split(","))
    except ValueError:
        found = ()
    if not found or min(found) < 1 or math.prod(found) != numbers:
        raise InputError(f"--shape with {numbers} numbers for a point, such as 1,28,28", repr(shape))
    return found
