"""`simplebias fit` and `simplebias predict`: a network fitted to data, and its values at new points."""

from pathlib import Path
from typing import Annotated

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


def fit(
    data: Annotated[
        str | None,
        typer.Argument(
            help="A shipped sample (co2, photo) or a file: .csv .tsv .parquet .npz .npy .png .jpg .wav.",
            show_default=False,
        ),
    ] = None,
    *,
    inputs: Inputs = None,
    target: Target = None,
    header: Header = None,
    size: Size = None,
    limit: Limit = None,
    validation: Annotated[
        float | None,
        typer.Option(help="Share held out; 0 to fit every point.", show_default="0.2", rich_help_panel=DATA),
    ] = None,
    scales: Annotated[
        str | None,
        typer.Option(
            help="auto, adaptive, or factors of the inputs scaled to [-1, 1], such as 1,2,4,8.",
            show_default="auto",
            rich_help_panel=NETWORK,
        ),
    ] = None,
    width: Width = None,
    depth: Depth = None,
    plain: Annotated[
        bool | None,
        typer.Option(
            "--plain/--no-plain", help="Train a plain network beside it.", show_default="plain", rich_help_panel=NETWORK
        ),
    ] = None,
    steps: Steps = None,
    seconds: Annotated[
        float | None, typer.Option(help="About how long to train, instead of steps.", rich_help_panel=TRAINING)
    ] = None,
    learning_rate: LearningRate = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Rows of a mini-batch, 0 for all.", rich_help_panel=TRAINING)
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed.", show_default="0", rich_help_panel=TRAINING)] = None,
    precision: Precision = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the fit.", show_default="runs/DATA-fit-1, -2, …", rich_help_panel=RESULT),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the interrupted fit in --out.", rich_help_panel=RESULT)
    ] = False,
) -> None:
    """Fit a network to DATA at the scales of the data, and show how well each frequency band is fitted."""
    reading = {"inputs": inputs, "target": target, "header": header, "size": size, "limit": limit}
    options = {
        "validation": validation, "scales": scales, "width": width, "depth": depth, "plain": plain, "steps": steps,
        "seconds": seconds, "learning_rate": learning_rate, "batch_size": batch_size, "seed": seed,
        "precision": precision,
    }  # fmt: skip
    reading = {name: value for name, value in reading.items() if value is not None}
    options = {name: value for name, value in options.items() if value is not None}
    with friendly_errors():
        from simplebias.core.errors import InputError

        if resume:
            if out is None or data is not None or reading or options:
                raise InputError("--resume with --out FOLDER alone: data and options are the fit's own", "others")
            from simplebias.fitting import resume_fit

            run = resume_fit(out)
        else:
            if data is None:
                raise InputError("DATA: a shipped sample (co2, photo) or a file", "none", "See simplebias fit --help.")
            from simplebias.data import read
            from simplebias.fitting import fit as run_fit

            sample = read(data, **reading)
            run = run_fit(sample, out=out if out is not None else free_folder(f"{sample.name}-fit"), **options)
    print_summary(run.provenance["summary"])
    typer.echo(f"\nRun:     {run.path}\nReport:  {run.path}/report.html")
    again = f"Interrupted. To continue: simplebias fit --resume --out {run.path}"
    leave_if_broken_off(run, interrupted=again, what="the fit")
    typer.echo(f"Weights: {run.path}/weights.safetensors")


def predict(
    model: Annotated[Path, typer.Argument(help="Folder of a fit, or its weights.safetensors.", show_default=False)],
    points: Annotated[
        str,
        typer.Argument(
            help="A table with the input columns, a .npy file, or for one input a range such as 0:10:101.",
            show_default=False,
        ),
    ],
    *,
    out: Annotated[
        Path | None, typer.Option(help="A new .csv or .npy file; by default a table on standard output.")
    ] = None,
) -> None:
    """Values of a fitted network at new POINTS."""
    import warnings

    with friendly_errors(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        from simplebias.fitting.predict import ExtrapolationWarning, points_and_values

        text = points_and_values(model, points, out=out)
    for one in caught:
        if issubclass(one.category, ExtrapolationWarning):
            typer.echo(f"simplebias: {one.message}.", err=True)
    if out is None:
        typer.echo(text, nl=False)
    else:
        typer.echo(f"Written: {out}", err=True)
