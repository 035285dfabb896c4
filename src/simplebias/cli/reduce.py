"""`simplebias reduce`: a trained network becomes a small one, with what changed."""

from pathlib import Path
from typing import Annotated

import typer

from simplebias.cli.options import free_folder
from simplebias.cli.terminal import friendly_errors, print_summary


def reduce(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="RUN_OR_WEIGHTS",
            help="Folder of a run, its weights.eqx, a .safetensors file with a chain of linear layers; or with --model "
            "any .safetensors file or state_dict.",
            show_default=False,
        ),
    ],
    *,
    data: Annotated[
        str | None, typer.Option(help="A shipped sample or a file to measure on; by default the run's own data.")
    ] = None,
    tolerance: Annotated[float, typer.Option(help="Most relative change of the output.")] = 0.01,
    by: Annotated[str, typer.Option(help="Merge neurons alike by weights or by outputs on the data.")] = "weights",
    keep: Annotated[
        str | None,
        typer.Option(help="Lossy refit: a share of the neurons (0.5), their number in each layer (20), or 30,20."),
    ] = None,
    retrain: Annotated[int, typer.Option(help="Train the small network on for so many steps.")] = 0,
    seed: Annotated[int | None, typer.Option(help="This member of an ensemble alone.")] = None,
    activation: Annotated[str | None, typer.Option(help="Activation of a .safetensors file.")] = None,
    model: Annotated[
        str | None, typer.Option(help="PyTorch model of the weights: package.module:function that makes it.")
    ] = None,
    shape: Annotated[str | None, typer.Option(help="With --model: shape of one point, such as 1,28,28.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the small network.", show_default="runs/NAME-reduced-1, -2, …")
    ] = None,
) -> None:
    """Make a trained network small, and tell what changed."""
    with friendly_errors():
        from simplebias.cli.modules import reduce_module
        from simplebias.core.errors import InputError

        folder = out if out is not None else free_folder(f"{source.resolve().stem}-reduced")
        if model is not None:
            if retrain or seed is not None or activation is not None or by != "weights":
                raise InputError("--data, --tolerance, --keep, --shape and --out with --model", "other options")
            share = parse_keep(keep)
            reduce_module(source, model, data, tolerance=tolerance, keep=share, shape=shape, out=folder)
            return
        if shape is not None:
            raise InputError("--model with --shape", "--shape alone")
        from simplebias.observation import reduce_run

        run = reduce_run(
            source, data, tolerance=tolerance, by=by, keep=parse_keep(keep), retrain_steps=retrain, seed=seed,
            activation=activation, out=folder,
        )  # fmt: skip
    print_summary(run.provenance["summary"])
    typer.echo(f"\nSmall network: {folder}\nReport:        {folder / 'report.html'}")


def parse_keep(text: str | None) -> int | float | tuple[int, ...] | None:
    """What to keep, as given on the command line.

    Args:
        text: a share, a number, or numbers separated by commas.

    Returns:
        The share, the number, or the numbers; None for None.

    Raises:
        InputError: for anything else.

    Example:
        >>> parse_keep("0.5"), parse_keep("20"), parse_keep("30,20")
        (0.5, 20, (30, 20))
    """
    from simplebias.core.errors import InputError

    if text is None:
        return None
    try:
        numbers = tuple(int(part) if part.strip().isdigit() else float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if not numbers or (len(numbers) > 1 and not all(isinstance(one, int) for one in numbers)):
        raise InputError("--keep as a share (0.5), a number (20), or numbers for each layer (30,20)", repr(text))
    return numbers[0] if len(numbers) == 1 else tuple(int(one) for one in numbers)
