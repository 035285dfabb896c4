"""`simplebias claims` and `simplebias reproduce`: what the system claims, and whether it holds here."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simplebias.cli.terminal import friendly_errors

if TYPE_CHECKING:
    from rich.table import Table

    from simplebias.reports import Exhibit


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

    from simplebias.claims import reproduce as run_claims

    console, notes = Console(highlight=False), Console(stderr=True, highlight=False)
    with friendly_errors():
        exhibits = run_claims(
            ids or None,
            scale=scale,
            out=out,
            on_start=lambda claim: notes.print(f"{claim.id}  {claim.title} …", style="dim"),
            on_verdict=lambda exhibit: notes.print(f"{exhibit.id}  {exhibit.verdict}  {exhibit.seconds:.1f} s"),
        )
    console.print(verdict_table(exhibits))
    for exhibit in exhibits:
        if exhibit.verdict == "error":
            console.print(f"{exhibit.id} could not be run: {exhibit.setting}", markup=False)
    console.print(f"Gallery: {out / 'index.html'}", markup=False)
    if any(exhibit.verdict != "true" for exhibit in exhibits):
        raise typer.Exit(1)


def verdict_table(exhibits: "Sequence[Exhibit]") -> "Table":
    """Every figure that was measured against what is accepted, claim by claim."""
    from rich.markup import escape
    from rich.table import Table

    table = Table("id", "verdict", "what", "measured", "accepted", "holds", title="Claims", title_justify="left")
    for exhibit in exhibits:
        first = (exhibit.id, exhibit.verdict)
        for index, (what, measured, accepted, holds) in enumerate(exhibit.rows):
            cells = [*(first if index == 0 else ("", "")), what, measured, accepted, "yes" if holds else "NO"]
            table.add_row(*map(escape, cells), end_section=index == len(exhibit.rows) - 1)
        if not exhibit.rows:
            table.add_row(*first, end_section=True)
    return table
