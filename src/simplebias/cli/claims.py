"""`simplebias claims` and `simplebias reproduce`: what the system claims, and whether it holds here."""

from pathlib import Path
from typing import Annotated

import typer

from simplebias.cli.terminal import friendly_errors


def claims() -> None:
    """List the claims: identifier, sentence and source."""
    from rich.console import Console
    from rich.table import Table

    from simplebias.claims import all_claims

    table = Table("id", "claim", "source")
    for claim in all_claims():
        table.add_row(claim.id, claim.sentence, ", ".join(claim.source))
    Console(highlight=False).print(table)


def reproduce(
    ids: Annotated[list[str] | None, typer.Argument(help="Claims to run; all by default.", show_default=False)] = None,
    *,
    scale: Annotated[str, typer.Option(help="smoke (seconds), standard (minutes) or full.")] = "standard",
    out: Annotated[Path, typer.Option(help="Folder of the gallery.")] = Path("gallery"),
) -> None:
    """Run claims, print the verdicts and write a gallery; exit status 1 if a claim is false."""
    from rich.console import Console
    from rich.table import Table

    from simplebias.claims import reproduce as run_claims

    console = Console(highlight=False)
    with friendly_errors():
        exhibits = run_claims(ids, scale=scale, out=out, on_verdict=lambda each: console.print(
            f"{each.id}  {each.verdict:<6}  {each.seconds:6.1f} s  {each.title}"))  # fmt: skip
    table = Table("id", "claim", "measured", "accepted", "holds", title="Verdicts")
    for exhibit in exhibits:
        for index, (what, measured, accepted, holds) in enumerate(exhibit.measured):
            name = exhibit.id if index == 0 else ""
            table.add_row(name, what, measured, accepted, "yes" if holds else "NO", end_section=False)
    console.print(table)
    console.print(f"Gallery: {out / 'index.html'}")
    if any(exhibit.verdict != "true" for exhibit in exhibits):
        raise typer.Exit(1)
