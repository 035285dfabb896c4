"""What several commands share: options, the folder of a new run, and the status to leave with."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from simplebias.core.run import Run

DATA, NETWORK, TRAINING, RESULT = "Data", "Network", "Training", "Result"

Inputs = Annotated[str | None, typer.Option(help="Input columns, separated by commas.", rich_help_panel=DATA)]
Target = Annotated[str | None, typer.Option(help="Target column; by default the last.", rich_help_panel=DATA)]
Header = Annotated[
    bool | None,
    typer.Option("--header/--no-header", help="Whether the first row names the columns.", rich_help_panel=DATA),
]
Size = Annotated[int | None, typer.Option(help="Longer side of a picture in pixels.", rich_help_panel=DATA)]
Limit = Annotated[int | None, typer.Option(help="Largest number of points read.", rich_help_panel=DATA)]
Width = Annotated[int | None, typer.Option(help="Neurons of each hidden layer.", rich_help_panel=NETWORK)]
Depth = Annotated[int | None, typer.Option(help="Hidden layers.", rich_help_panel=NETWORK)]
Steps = Annotated[int | None, typer.Option(help="Training steps.", rich_help_panel=TRAINING)]
LearningRate = Annotated[float | None, typer.Option(help="Learning rate.", rich_help_panel=TRAINING)]
Precision = Annotated[
    str | None, typer.Option(help="float32 or float64.", show_default="float32", rich_help_panel=TRAINING)
]


def free_folder(name: str) -> Path:
    """The first folder `runs/NAME-1`, `runs/NAME-2`, … that does not exist."""
    import re

    stem = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.") or "data"
    count = 1
    while (Path("runs") / f"{stem}-{count}").exists():
        count += 1
    return Path("runs") / f"{stem}-{count}"


def leave_if_broken_off(run: "Run", *, interrupted: str, what: str) -> None:
    """Say on standard error that a run was broken off, and leave with a status that says so.

    Args:
        run: the run.
        interrupted: what to say after Ctrl-C.
        what: what diverged, where it did.

    Raises:
        Exit: with status 130 after Ctrl-C, 3 after divergence; a run that ended goes on.
    """
    from simplebias.core.errors import Outcome

    if run.outcome is Outcome.INTERRUPTED:
        typer.echo(interrupted, err=True)
        raise typer.Exit(130)
    if run.outcome is Outcome.DIVERGED:
        typer.echo(f"simplebias: {what} diverged: {Outcome.DIVERGED}.", err=True)
        raise typer.Exit(3)
