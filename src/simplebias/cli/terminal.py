"""What the commands print: summaries as tables, and errors as one message without a traceback."""

import contextlib
from collections.abc import Generator, Mapping
from typing import Any

import typer


@contextlib.contextmanager
def friendly_errors() -> Generator[None, None, None]:
    """Turn what simplebias raises on purpose into one message on standard error and exit status 2.

    Raises:
        Exit: with status 2 instead of such an error.
    """
    from simplebias.core.errors import SimplebiasError

    try:
        yield
    except SimplebiasError as error:
        typer.echo(f"simplebias: {error}", err=True)
        raise typer.Exit(2) from None


def print_summary(summary: Mapping[str, Any]) -> None:
    """Print headline, tables and advice of a run.

    Args:
        summary: as in `run.provenance["summary"]`.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    console.print()
    console.print(f"[bold]{escape(summary['title'])}[/bold]")
    console.print(escape(summary["headline"]))
    for each in summary["tables"]:
        table = Table(title=escape(each["title"]), title_justify="left", title_style="bold", caption_justify="left")
        table.caption = escape(each["note"]) if each.get("note") else None
        for index, column in enumerate(each["columns"]):
            table.add_column(escape(column), justify="left" if index == 0 else "right")
        for row in each["rows"]:
            table.add_row(*map(escape, row))
        console.print()
        console.print(table)
    for note in summary["notes"]:
        console.print(f"  · {escape(note)}", style="dim")
    console.print()
    console.print(f"[bold]Advice.[/bold] {escape(summary['advice'])}")
