"""`simplebias observe`: the main job from the command line."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simplebias.cli.options import (
    DATA,
    NETWORK,
    RESULT,
    TRAINING,
    Depth,
    Header,
    Inputs,
    LearningRate,
    Limit,
    Precision,
    Size,
    Steps,
    Target,
    Width,
    free_folder,
    leave_if_broken_off,
)
from simplebias.cli.terminal import friendly_errors, print_summary

if TYPE_CHECKING:
    from simplebias.core.run import Run
    from simplebias.data import Sample


def observe(
    data: Annotated[
        str | None,
        typer.Argument(
            help="A shipped sample (co2, digits, photo) or a file: .csv .tsv .parquet .npz .npy .png .jpg .wav or idx.",
            show_default=False,
        ),
    ] = None,
    *,
    inputs: Inputs = None,
    target: Target = None,
    header: Header = None,
    classification: Annotated[
        bool | None,
        typer.Option("--classification/--regression", help="Whether the target is a class.", rich_help_panel=DATA),
    ] = None,
    size: Size = None,
    limit: Limit = None,
    validation: Annotated[
        float | None, typer.Option(help="Share held out.", show_default="0.2", rich_help_panel=DATA)
    ] = None,
    label_noise: Annotated[
        float | None,
        typer.Option(
            help="Noise on training targets in units of their std; classes: share replaced.",
            show_default="0",
            rich_help_panel=DATA,
        ),
    ] = None,
    scale_inputs: Annotated[
        bool | None,
        typer.Option("--scale-inputs/--raw-inputs", help="Scale the inputs.", show_default="yes", rich_help_panel=DATA),
    ] = None,
    input_scale: Annotated[
        float | None, typer.Option(help="Half the range of scaled inputs.", show_default="1", rich_help_panel=DATA)
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(help="two-layer, mlp, resnet or multiscale.", show_default="mlp", rich_help_panel=NETWORK),
    ] = None,
    width: Width = None,
    depth: Depth = None,
    scales: Annotated[
        str | None,
        typer.Option(
            help="Scales of multiscale: auto, or factors of the scaled inputs, such as 1,2,4.",
            show_default="1,2,4,…,32",
            rich_help_panel=NETWORK,
        ),
    ] = None,
    activation: Annotated[
        str | None,
        typer.Option(
            help="tanh, relu, sin, sin:10, ricker:0.3, …",
            show_default="tanh; sin for multiscale",
            rich_help_panel=NETWORK,
        ),
    ] = None,
    init: Annotated[
        str | None, typer.Option(help="ntk, lecun, he, xavier, mean-field or power:t.", rich_help_panel=NETWORK)
    ] = None,
    gamma: Annotated[
        float | None, typer.Option(help="Phase coordinate γ of a two-layer network.", rich_help_panel=NETWORK)
    ] = None,
    gamma_prime: Annotated[
        float | None, typer.Option(help="Phase coordinate γ′.", show_default="0", rich_help_panel=NETWORK)
    ] = None,
    weight_std: Annotated[
        float | None, typer.Option(help="One std for all weights and biases.", rich_help_panel=NETWORK)
    ] = None,
    antisymmetric: Annotated[
        bool | None,
        typer.Option(
            "--antisymmetric/--plain", help="Start as the zero function.", show_default="plain", rich_help_panel=NETWORK
        ),
    ] = None,
    dropout: Annotated[
        float | None,
        typer.Option(help="Share of neurons dropped in training.", show_default="0", rich_help_panel=NETWORK),
    ] = None,
    optimiser: Annotated[
        str | None, typer.Option(help="gd or any Optax name.", show_default="adam", rich_help_panel=TRAINING)
    ] = None,
    learning_rate: LearningRate = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Rows of a mini-batch, 0 for all.", show_default="0", rich_help_panel=TRAINING)
    ] = None,
    steps: Steps = None,
    seeds: Annotated[
        str | None, typer.Option(help="How many seeds (3) or which (4,7,9).", rich_help_panel=TRAINING)
    ] = None,
    precision: Precision = None,
    records: Annotated[
        int | None, typer.Option(help="About how many records.", show_default="200", rich_help_panel=RESULT)
    ] = None,
    window: Annotated[
        str | None,
        typer.Option(help="Taper before the transform: auto, none, hann.", show_default="auto", rich_help_panel=RESULT),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run.", show_default="runs/DATA-1, -2, …", rich_help_panel=RESULT)
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the interrupted run in --out.", rich_help_panel=RESULT)
    ] = False,
    like: Annotated[
        Path | None, typer.Option(help="Data and options from this specification.json.", rich_help_panel=RESULT)
    ] = None,
) -> None:
    """Train networks on DATA and show what they learned when, and how simple they stayed."""
    reading = {"inputs": inputs, "target": target, "header": header, "classification": classification,
               "size": size, "limit": limit}  # fmt: skip
    options = {
        "validation": validation, "label_noise": label_noise, "scale_inputs": scale_inputs,
        "input_scale": input_scale, "network": network, "scales": scales, "width": width, "depth": depth,
        "activation": activation,
        "init": init, "gamma": gamma, "gamma_prime": gamma_prime, "weight_std": weight_std,
        "antisymmetric": antisymmetric, "dropout": dropout, "optimiser": optimiser, "learning_rate": learning_rate,
        "batch_size": batch_size, "steps": steps, "precision": precision, "records": records, "window": window,
    }  # fmt: skip
    reading = {name: value for name, value in reading.items() if value is not None}
    options = {name: value for name, value in options.items() if value is not None}
    with friendly_errors():
        if seeds is not None:
            options["seeds"] = parse_seeds(seeds)
        finish(_run(data, reading, options, out=out, resume=resume, like=like))


def parse_seeds(text: str) -> int | tuple[int, ...]:
    """Seeds as given on the command line.

    Args:
        text: a number of members, or seeds separated by commas.

    Returns:
        The number, or the seeds.

    Raises:
        InputError: if the parts are no whole numbers.

    Example:
        >>> parse_seeds("3"), parse_seeds("4,7")
        (3, (4, 7))
    """
    from simplebias.core.errors import InputError

    try:
        numbers = tuple(int(part) for part in text.split(","))
    except ValueError:
        raise InputError("seeds as a number (3) or numbers separated by commas (4,7,9)", repr(text)) from None
    return numbers if "," in text else numbers[0]


def _run(
    data: str | None,
    reading: dict[str, Any],
    options: dict[str, Any],
    *,
    out: Path | None,
    resume: bool,
    like: Path | None,
) -> "Run":
    """Start, repeat or continue an observation."""
    from simplebias.core.errors import InputError
    from simplebias.observation import observe as run_observation
    from simplebias.observation import resume_observation

    if resume:
        if out is None:
            raise InputError("--out FOLDER of the run to continue", "--resume alone")
        if like is not None or reading:
            given = ["--like"] if like is not None else [f"--{name}" for name in reading]
            raise InputError("--resume with --out alone: data and options are the run's own", " ".join(given))
        return resume_observation(out, **options)
    if like is not None:
        sample, options = _like(like, data, options)
    elif data is None:
        raise InputError(
            "DATA: a shipped sample (co2, digits, photo) or a file", "none", "See simplebias observe --help."
        )
    else:
        sample = _read(data, reading)
    return run_observation(sample, out=out if out is not None else free_folder(sample.name), **options)


def _read(data: str, reading: dict[str, Any]) -> "Sample":
    from simplebias.data import read

    return read(data, **reading)


def _like(path: Path, data: str | None, options: dict[str, Any]) -> tuple["Sample", dict[str, Any]]:
    """Data and options of an earlier run, options given now first.

    Raises:
        StorageError: if the file is missing or no specification.
    """
    import json

    from simplebias.core.errors import StorageError
    from simplebias.observation import read_again

    file = path / "specification.json" if path.is_dir() else path
    try:
        specification = json.loads(file.read_text(encoding="utf-8"))
        earlier = dict(specification["options"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StorageError(f"{file} is no specification of an observation ({error}): name one from a run") from error
    sample = _read(data, {}) if data is not None else read_again(specification)
    if {"init", "gamma", "weight_std"} & options.keys():
        earlier |= {"init": None, "gamma": None, "gamma_prime": None, "weight_std": None}
    return sample, earlier | options


def finish(run: "Run") -> None:
    """Print what was found and where it lies.

    Args:
        run: the run.

    Raises:
        Exit: with status 130 after Ctrl-C, 3 if every member diverged.
    """
    print_summary(run.provenance["summary"])
    typer.echo(f"\nRun:    {run.path}\nReport: {run.path / 'report.html' if run.path else ''}")
    again = f"Interrupted. To continue: simplebias observe --resume --out {run.path}"
    leave_if_broken_off(run, interrupted=again, what="every member")
