"""`simplebias sweep`, `phase` and `where`: many trainings, the phase diagram, and the place of an initialisation."""

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simplebias.cli.terminal import friendly_errors

if TYPE_CHECKING:
    import xarray

    from simplebias.sweeps import Specification

Out = Annotated[Path | None, typer.Option(help="Folder of the sweep.", show_default="runs/NAME-1, -2, …")]
Workers = Annotated[int | None, typer.Option(help="Local processes; by default threads of this one.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the sweep in --out.")]
Status = Annotated[bool, typer.Option("--status", help="Only say how far the sweep in --out has come.")]
Memory = Annotated[float, typer.Option(help="GiB that all trainings at once may take.")]
INTERRUPTED = 130
SHALLOW = {"gamma": "0.6:1.4:9", "gamma_prime": "-0.4:0.4:9", "width": "1000,2000,4000,8000,16000"}
DEEP = {"gamma": "1:3.25:10", "gamma_prime": "0", "width": "128,256,512,1024"}
"""The usual places of a diagram of two-layer networks, and of deeper ones."""
PHASE = ("relative_change", "features", "fit")
"""What a phase diagram is made of."""


def sweep(
    specification: Annotated[
        Path | None, typer.Argument(help="A TOML file with a table [axes].", show_default=False)
    ] = None,
    *,
    out: Out = None,
    workers: Workers = None,
    memory: Memory = 1.0,
    resume: Resume = False,
    status: Status = False,
) -> None:
    """Train a network in every cell of a grid; the result opens with simplebias.open_sweep(FOLDER)."""
    with friendly_errors():
        if status:
            _say_status(out)
            return
        from simplebias.core.errors import InputError
        from simplebias.sweeps import Specification
        from simplebias.sweeps.store import Store

        if specification is not None:
            given = Specification.read(specification)
        elif resume and out is not None:
            given = Store(out).specification
        else:
            raise InputError("a TOML file with a table [axes]", "none", "With --resume and --out none is needed.")
        name = "sweep" if specification is None else specification.stem
        data, folder = _run(given, name, out, workers, memory, resume)
        typer.echo(f"{data['outcome'].size} cells along {', '.join(map(str, data['outcome'].dims))}")
        _say_counts(folder)


def phase(
    *,
    gamma: Annotated[
        str | None,
        typer.Option(
            help="Values of γ: FIRST:LAST:COUNT, or numbers with commas.", show_default="0.6:1.4:9; deep 1:3.25:10"
        ),
    ] = None,
    gamma_prime: Annotated[
        str | None, typer.Option(help="Values of γ′, likewise.", show_default="-0.4:0.4:9; deep 0")
    ] = None,
    width: Annotated[
        str | None, typer.Option(help="At least three widths.", show_default="1000,2000,…,16000; deep 128,256,512,1024")
    ] = None,
    depth: Annotated[int, typer.Option(help="Hidden layers; of more than one γ is that of all weights together.")] = 1,
    seeds: Annotated[int, typer.Option(help="How many seeds.")] = 2,
    until: Annotated[float, typer.Option(help="Loss at which a training ends.")] = 1e-6,
    steps: Annotated[int, typer.Option(help="Steps of a training, at most.")] = 20_000,
    activation: Annotated[str, typer.Option(help="Activation.")] = "relu",
    data: Annotated[str, typer.Option(help="four-points, a shipped sample, or a file.")] = "four-points",
    limit: Annotated[int, typer.Option(help="Rows of the data.")] = 45,
    precision: Annotated[str, typer.Option(help="float32 or float64.")] = "float32",
    out: Out = None,
    workers: Workers = None,
    memory: Memory = 1.0,
    resume: Resume = False,
    status: Status = False,
) -> None:
    """Measure the phase diagram: where two-layer networks, or layers of deeper ones, stay linear and where condense."""
    with friendly_errors():
        if status:
            _say_status(out)
            return
        from simplebias.core.errors import check_positive
        from simplebias.sweeps import Specification

        check_positive(depth, "depth", integer=True)
        places = SHALLOW if depth == 1 else DEEP
        given = (gamma, gamma_prime, width)
        gammas, primes, widths = (
            numbers(own if own is not None else usual, name)
            for own, (name, usual) in zip(given, places.items(), strict=True)
        )
        axes = {"gamma": gammas, "gamma_prime": primes, "width": [int(one) for one in widths], "seed": seeds}
        specification = Specification(
            axes, settings={"activation": activation, "data": data, "limit": limit, "depth": depth},
            measures=PHASE if depth == 1 else ("relative_change",),
            steps=steps, until=until, experiment="phase", precision=precision,
        )  # fmt: skip
        found, folder = _run(specification, "phase", out, workers, memory, resume)
        _say_counts(folder)
        _diagram(found, folder)


def where(
    *,
    network: Annotated[str, typer.Option(help="two-layer or mlp.")] = "two-layer",
    init: Annotated[str, typer.Option(help="lecun, he, ntk, xavier, mean-field, power:t, phase:γ,γ′ …")] = "lecun",
    width: Annotated[int, typer.Option(help="Neurons of each hidden layer.")] = 1000,
    depth: Annotated[int | None, typer.Option(help="Hidden layers of an mlp.", show_default="2")] = None,
    inputs: Annotated[int, typer.Option(help="Number of inputs.")] = 1,
    outputs: Annotated[int, typer.Option(help="Number of outputs.")] = 1,
    weights: Annotated[
        Path | None,
        typer.Option(help="Place these instead: .safetensors of untrained weights, or a run's folder."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="PyTorch model of --weights: package.module:function that makes it.")
    ] = None,
) -> None:
    """Tell where an initialisation lies in the phase diagram, and what to change to get into another regime."""
    with friendly_errors():
        from simplebias.core.errors import InputError, check_choice

        if model is not None:
            from simplebias.cli.modules import where_module

            if weights is None:
                raise InputError("--weights, a .safetensors file or a state_dict, with --model", "none")
            lines = where_module(weights, model)
        elif weights is not None:
            lines = _lines_of_weights(weights)
        else:
            from simplebias.sweeps import place

            check_choice(network, "network", ("two-layer", "mlp"))
            if network == "two-layer" and depth not in {None, 1}:
                raise InputError("--depth 1 for a two-layer network", str(depth), "For more: --network mlp.")
            layers = 1 if network == "two-layer" else 2 if depth is None else depth
            lines = place(init, width=width, inputs=inputs, outputs=outputs, depth=layers)
        for line in lines:
            typer.echo(line)


def _lines_of_weights(path: Path) -> list[str]:
    """The place of the network in a file, or of a run's networks before training."""
    from simplebias.core.run import INITIAL
    from simplebias.observation.reducing import open_networks
    from simplebias.sweeps import place_network

    file = path.suffix.lower() == ".safetensors"
    found = open_networks(path / INITIAL if path.is_dir() else path, activation="relu" if file else None)
    label, network = next(iter(found.networks.items()))
    lead = ["Taken as weights before training: where they are trained, their place says nothing."] if file else []
    return lead + ([f"Seed {label}:"] if label else []) + place_network(network)


def numbers(text: str, name: str) -> list[float]:
    """Numbers as given on the command line.

    Args:
        text: `0.6:1.4:9` for nine from 0.6 to 1.4, or `0.5,1,1.75`.
        name: of the option.

    Returns:
        The numbers, without what rounding adds.

    Raises:
        InputError: if they cannot be read.

    Example:
        >>> numbers("0.6:1:3", "gamma"), numbers("1,2", "gamma")
        ([0.6, 0.8, 1.0], [1.0, 2.0])
    """
    from simplebias.core.errors import InputError

    try:
        if ":" not in text:
            return [float(part) for part in text.split(",")]
        first, last, count = text.split(":")
        low, high, places = float(first), float(last), int(count)
        if places < 2:
            raise ValueError
        return [round(low + (high - low) * place / (places - 1), 10) for place in range(places)]
    except ValueError:
        raise InputError(f"{name} as FIRST:LAST:COUNT or numbers with commas", repr(text)) from None


def _run(
    specification: "Specification", name: str, out: Path | None, workers: int | None, memory: float, resume: bool
) -> "tuple[xarray.Dataset, Path]":
    from simplebias.cli.options import free_folder
    from simplebias.sweeps import sweep as run_sweep

    folder = out if out is not None else free_folder(name)
    data = run_sweep(specification, out=folder, workers=workers, memory=memory * 2**30, resume=resume)
    if bool((data["outcome"] < 0).any()):
        _say_counts(folder)
        typer.echo(f"Interrupted. To go on: the same command with --resume --out {folder}", err=True)
        raise typer.Exit(INTERRUPTED)
    return data, folder


def _say_status(out: Path | None) -> None:
    from simplebias.core.errors import InputError

    if out is None:
        raise InputError("--out FOLDER of the sweep", "--status alone")
    _say_counts(out)


def _say_counts(folder: Path) -> None:
    from simplebias.sweeps import sweep_status

    counts = sweep_status(folder)
    typer.echo(f"{folder}: " + ", ".join(f"{count} {name}" for name, count in counts.items()))


def _diagram(found: "xarray.Dataset", folder: Path) -> None:
    """Write the diagram as a page, and say where the boundary lies."""
    from simplebias.core.run import Run
    from simplebias.sweeps import phase_diagram
    from simplebias.sweeps.store import Store
    from simplebias.sweeps.summary import data_card, layer_curves, summarise

    diagram, store = phase_diagram(found), Store(folder)
    summary = summarise(diagram)
    details = {"summary": summary, "data": data_card(store.specification)}
    drawn = layer_curves(diagram) if "layer" in diagram["slope"].dims else diagram
    page = Run(drawn, provenance=store.provenance | details).report(folder / "report.html")
    layers = diagram["layer"].values if "layer" in diagram["slope"].dims else [None]
    for prime, layer in itertools.product(diagram["gamma_prime"].values, layers):
        row = diagram.sel(gamma_prime=prime)
        row = row if layer is None else row.sel(layer=layer)
        name = f"γ′ = {prime:+.2f}" if layer is None else f"layer {layer}"
        measured, theory = float(row["boundary"]), float(row["predicted_boundary"])
        shown = "not crossed" if measured != measured else f"{measured:.3f}"
        typer.echo(f"{name}: slope 0 at γ = {shown}, theory {theory:.2f}")
    typer.echo(f"\n{summary['headline']}\nReport: {page}")
