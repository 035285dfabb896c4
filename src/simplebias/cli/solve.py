"""`simplebias solve`: a partial differential equation, solved by a network and held against what needs no training."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simplebias.cli.options import NETWORK, RESULT, TRAINING, free_folder, leave_if_broken_off
from simplebias.cli.terminal import friendly_errors, print_summary

if TYPE_CHECKING:
    from simplebias.core.run import Run
    from simplebias.pde import Problem


def solve(
    problem: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME_OR_FILE",
            help="A ready problem (see --list), or a Python file that defines one, which is executed.",
            show_default=False,
        ),
    ] = None,
    *,
    ready: Annotated[bool, typer.Option("--list", help="List the ready problems.")] = False,
    scales: Annotated[
        str | None,
        typer.Option(
            help="auto, adaptive, or factors of the inputs, such as 1,2,4,8.",
            show_default="auto",
            rich_help_panel=NETWORK,
        ),
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(help="multi-scale or plain.", show_default="multi-scale", rich_help_panel=NETWORK),
    ] = None,
    parameters: Annotated[int | None, typer.Option(help="About how many parameters.", rich_help_panel=NETWORK)] = None,
    seconds: Annotated[
        float | None, typer.Option(help="About how long to train.", show_default="60", rich_help_panel=TRAINING)
    ] = None,
    iterations: Annotated[
        int | None, typer.Option(help="Steps after which to stop earlier.", rich_help_panel=TRAINING)
    ] = None,
    method: Annotated[
        str | None, typer.Option(help="gauss-newton, adam or both.", show_default="auto", rich_help_panel=TRAINING)
    ] = None,
    last_layer: Annotated[
        bool,
        typer.Option("--last-layer", help="Solve for the last layer in the end (linear).", rich_help_panel=TRAINING),
    ] = False,
    loss: Annotated[
        str | None, typer.Option(help="residual or ritz.", show_default="auto", rich_help_panel=TRAINING)
    ] = None,
    boundary: Annotated[
        str | None, typer.Option(help="hard, penalty or nitsche.", show_default="auto", rich_help_panel=TRAINING)
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed.", rich_help_panel=TRAINING)] = 0,
    compare: Annotated[
        bool, typer.Option("--compare", help="Solve it with a plain network of the same size too, side by side.")
    ] = False,
    baselines: Annotated[
        bool,
        typer.Option(
            "--baselines/--no-baselines", help="Hold it against ways without training.", rich_help_panel=RESULT
        ),
    ] = True,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run.", show_default="runs/NAME-1, -2, …", rich_help_panel=RESULT)
    ] = None,
) -> None:
    """Solve a partial differential equation with a network; tell the error, by frequency too, and what is quicker."""
    if ready:
        _print_ready()
        return
    given = {
        "network": network, "parameters": parameters, "method": method, "loss": loss, "boundary": boundary,
        "budget": seconds, "iterations": iterations, "last_layer": last_layer or None,
    }  # fmt: skip
    options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    options["baselines"] = baselines
    with friendly_errors():
        from simplebias.core.errors import check_positive

        if seconds is not None:
            check_positive(seconds, "seconds")
        if scales is not None:
            options["scales"] = parse_scales(scales)
        finish(_run(problem, options, seed=seed, compare=compare, out=out))


def parse_scales(text: str) -> str | tuple[float, ...]:
    """Scales as given on the command line.

    Args:
        text: a word, or numbers separated by commas.

    Returns:
        The word, or the numbers.

    Raises:
        InputError: for numbers among words.

    Example:
        >>> parse_scales("auto"), parse_scales("1,2,4.5")
        ('auto', (1.0, 2.0, 4.5))
    """
    from simplebias.core.errors import InputError

    if text.isalpha():
        return text
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise InputError("--scales as auto or numbers separated by commas (1,2,4,8)", repr(text)) from None


def _run(problem: str | None, options: dict[str, Any], *, seed: int, compare: bool, out: Path | None) -> "Run":
    """Solve once or side by side, and write the page."""
    import jax

    from simplebias.core.errors import InputError
    from simplebias.solving import compare as solve_both
    from simplebias.solving import solve as solve_once

    if problem is None:
        raise InputError("NAME_OR_FILE", "none", "simplebias solve --list names the ready problems.")
    found, name = find(problem)
    folder = out if out is not None else free_folder(f"{name}-compared" if compare else name)
    verb = solve_both if compare else solve_once
    if options.get("scales") == "adaptive":
        if compare:
            raise InputError("--scales auto or numbers with --compare", "adaptive", "Leave one of them out.")
        from simplebias.solving import solve_adaptively as verb

        del options["scales"]
    run = verb(found, key=jax.random.key(seed), out=folder, throw=False, **options)
    run.report()
    return run


def find(text: str) -> "tuple[Problem | str, str]":
    """What is meant by a name or a file, and what to call it.

    Args:
        text: the name of a ready problem, or the path of a Python file.

    Returns:
        The name, or the problem that the file defines; and a word for a folder.

    Raises:
        InputError: for a name that is not ready, or a file that defines no problem.
        StorageError: for a file that cannot be read.
    """
    from simplebias.pde import READY

    path = Path(text)
    if text in READY:
        return text, text
    if path.suffix == ".py" or path.is_file():
        from simplebias.solving.files import problem_from_file

        return problem_from_file(path), path.stem
    from simplebias.pde import ready

    ready(text)  # says which names are near
    return text, text


def _print_ready() -> None:
    """A line for each ready problem."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from simplebias.pde import READY

    table = Table("name", "problem")
    for name, make in READY.items():
        said = (getattr(make, "func", make).__doc__ or "").strip().split("\n")[0]
        table.add_row(escape(name), escape(said))
    Console(highlight=False).print(table)


def finish(run: "Run") -> None:
    """Print what was found and where it lies.

    Args:
        run: the run.

    Raises:
        Exit: with status 130 after Ctrl-C, 3 if the training diverged.
    """
    print_summary(run.provenance["summary"])
    typer.echo(f"\nRun:    {run.path}\nReport: {run.path}/report.html")
    reached = "Interrupted: what is above is what was reached by then."
    leave_if_broken_off(run, interrupted=reached, what="the training")
