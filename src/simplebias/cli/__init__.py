"""The command line: `simplebias observe`, `fit`, `predict`, `solve`, `reduce`, `reproduce`, `claims`, `sweep`, ….

Nothing heavy is imported before a command needs it, so that `--help` answers at once.
"""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from simplebias.cli.claims import claims, reproduce
from simplebias.cli.fit import fit, predict
from simplebias.cli.observe import observe
from simplebias.cli.reduce import reduce
from simplebias.cli.solve import solve
from simplebias.cli.sweeps import phase, sweep, where

app = typer.Typer(name="simplebias", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


def _version(wanted: bool) -> None:
    if wanted:
        from simplebias import __version__

        typer.echo(f"simplebias {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """See, explain and use the simplicity bias of neural networks."""


app.command()(observe)
app.command()(fit)
app.command()(predict)
app.command()(solve)
app.command()(reduce)
app.command()(reproduce)
app.command()(claims)
app.command()(sweep)
app.command()(phase)
app.command()(where)


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the command `simplebias`."""
    app(list(arguments) if arguments is not None else sys.argv[1:])


__all__ = ["app", "main"]
