"""How condensed models are that others trained, and that PyPI's wheels carry: a digit recogniser and three face nets.

    pip install --no-deps --target FOLDER digit-recognizer-py facenet-pytorch
    PYTHONPATH=FOLDER python benchmarks/pretrained_condensation.py [--mnist FOLDER] [--pictures FILE ...]

No speed is measured, and there is no bound. Only the files of weights are read from the two packages, as tensors alone,
and none of their code is run; their other dependencies are not needed. The networks are written down here: the CNN of
digit-recognizer-py (ReLU), and PNet, RNet and ONet of the MTCNN face detector in facenet-pytorch (PReLU), the columns
of whose first dense layer are brought into PyTorch's order of flattened channels. InceptionResnetV1 of facenet-pytorch
is left out: its weights are downloaded, not shipped.

Told are, of each layer whose channels are no outputs, for the rows (weights, bias): effective neurons at a cosine
similarity of 0.9 and 0.95, in brackets those of random rows of the same shape; the share with a twin above 0.95; and
how many channels `simplebias.torch.reduce` leaves at a tolerance of 1 % on 1000 inputs, in brackets how many of those
that go are dropped, not merged. The change is measured on these inputs and on 5000 others, over all outputs of a net
side by side (of face nets probabilities, boxes and landmarks). Inputs of the first are MNIST's test pictures (`--mnist`
with the folder of its idx files, by default the environment's SIMPLEBIAS_MNIST; without it the shipped digits,
enlarged), those of the face nets squares cut at random places and of random sizes from pictures (by default the shipped
photograph, which is grey). Exit status 0.
"""

import argparse
import importlib.util
import os
import platform
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from simplebias.condensation import cosine_similarity, effective_neurons
from simplebias.core.errors import InputError
from simplebias.data import read
from simplebias.data.samples import SAMPLES
from simplebias.torch import reduce
from simplebias.torch.files import load_into
from simplebias.torch.looking import outputs_of

LEVELS, TWIN, TOLERANCE = (0.9, 0.95), 0.95, 0.01
REDUCED, OTHERS = 1000, 5000
INSTALL = "pip install --no-deps digit-recognizer-py facenet-pytorch"


def shipped(package: str, file: str) -> Path:
    """A file of an installed package, which is not imported."""
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise InputError(f"the package {package}", "an environment without it", INSTALL)
    return Path(next(iter(found.submodule_search_locations))) / file


def recogniser() -> nn.Module:
    links: list[nn.Module] = []
    for inputs, kernels in ((1, 32), (32, 64), (64, 128)):
        links += [nn.Conv2d(inputs, kernels, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    dense = nn.Sequential(nn.Linear(128 * 9, 256), nn.ReLU(), nn.Linear(256, 10))
    module = nn.Sequential(OrderedDict(conv_layers=nn.Sequential(*links), flat=nn.Flatten(), fc_layers=dense))
    return load_into(module, shipped("digit_recognizer", "models/handwriting_model.pth")).eval()


class FaceNet(nn.Module):
    """A stage of MTCNN: layers in a row and heads that read the last; the first head tells faces from others."""

    def __init__(self, row: dict[str, nn.Module], heads: dict[str, nn.Module]):
        nn.Module.__init__(self)
        for name, layer in (row | heads).items():
            self.add_module(name, layer)
        self.row, self.heads = tuple(row), tuple(heads)

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        """Probabilities and places, side by side."""
        for name in self.row:
            points = getattr(self, name)(points)
        faces, *places = [getattr(self, name)(points).flatten(1) for name in self.heads]
        return torch.cat((faces.softmax(dim=1), *places), dim=1)


FACES = {
    "pnet": (12, ((10, 3), (16, 3), (32, 3)), (2, 0, 0), 0, (2, 4)),
    "rnet": (24, ((28, 3), (48, 3), (64, 2)), (3, 3, 0), 128, (2, 4)),
    "onet": (48, ((32, 3), (64, 3), (64, 3), (128, 2)), (3, 3, 2, 0), 256, (2, 4, 10)),
}
"""Of each net: pixels of a side, kernels with their side, side of the pooling after them, dense width, outputs."""


def face_net(name: str) -> nn.Module:
    size, kernels, pools, width, outputs = FACES[name]
    row: dict[str, nn.Module] = {}
    inputs, place = 3, 0
    for place, ((count, side), pool) in enumerate(zip(kernels, pools, strict=True), 1):
        row |= {f"conv{place}": nn.Conv2d(inputs, count, side), f"prelu{place}": nn.PReLU(count)}
        row |= {f"pool{place}": nn.MaxPool2d(pool, 2, ceil_mode=True)} if pool else {}
        inputs = count
    if width:
        place += 1
        row |= {"flat": nn.Flatten(), f"dense{place}": nn.LazyLinear(width), f"prelu{place}": nn.PReLU(width)}
        inputs = width
    head = f"{'dense' if width else 'conv'}{place + 1}_"
    last = [nn.Linear(inputs, count) if width else nn.Conv2d(inputs, count, 1) for count in outputs]
    heads: dict[str, nn.Module] = {f"{head}{at}": layer for at, layer in enumerate(last, 1)}
    module = FaceNet(row, heads)
    module(torch.zeros(1, 3, size, size))  # the dense layer finds its inputs
    load_into(module, shipped("facenet_pytorch", f"data/{name}.pt"))
    if width:
        dense: Any = module.get_submodule(f"dense{place}")
        columns = dense.weight.detach().reshape(width, 3, 3, -1)  # along, down, channels
        dense.weight = nn.Parameter(columns.permute(0, 3, 2, 1).reshape(width, -1).contiguous())
    return module.eval()


def digits(folder: Path | None) -> tuple[torch.Tensor, np.ndarray, str]:
    """Pictures as the recogniser takes them, their labels, and what they are."""
    most = REDUCED + OTHERS
    sample = read("digits") if folder is None else read(folder / "t10k-images-idx3-ubyte.gz", limit=most)
    points = torch.tensor(sample.points, dtype=torch.float32)
    points = points.reshape(-1, 1, *sample.image_shape[:2])  # pyright: ignore[reportOptionalSubscript]
    if folder is None:
        points = nn.functional.interpolate(points, (20, 20), mode="bilinear")
        points = nn.functional.pad(points, (4, 4, 4, 4))
    source = "the shipped digits, enlarged" if folder is None else "MNIST's test pictures"
    return (points - 0.1307) / 0.3081, np.asarray(sample.labels), source


def squares(files: list[Path], side: int) -> torch.Tensor:
    """Squares from pictures, as a face net takes them, in numbers from -1 to 1."""
    random, found = np.random.default_rng(side), []
    pictures = [Image.open(file).convert("RGB") for file in files]
    for place in range(REDUCED + OTHERS):
        picture = pictures[place % len(pictures)]
        length = int(np.exp(random.uniform(np.log(side), np.log(min(picture.size)))))
        left, top = (int(random.integers(0, most - length + 1)) for most in picture.size)
        cut = picture.crop((left, top, left + length, top + length)).resize((side, side), Image.Resampling.BOX)
        found.append(np.asarray(cut, np.float32))
    return (torch.tensor(np.stack(found)).permute(0, 3, 1, 2) - 127.5) / 128


def rows_of(layer: Any) -> np.ndarray:
    weight, bias = (getattr(layer, name).detach().numpy() for name in ("weight", "bias"))
    return np.column_stack([weight.reshape(len(weight), -1), bias])


def twins(rows: np.ndarray) -> float:
    """Share of the rows to which another is nearly parallel."""
    cosines = np.array(cosine_similarity(rows))
    np.fill_diagonal(cosines, -1)
    return float(np.mean(cosines.max(axis=1) > TWIN))


def tell(name: str, module: nn.Module, points: torch.Tensor, labels: np.ndarray | None) -> str:
    """Print a row for each layer; what there is to say of the whole."""
    small = reduce(module, points[:REDUCED], tolerance=TOLERANCE)
    for layer, (before, after) in small.widths.items():
        rows = rows_of(module.get_submodule(layer))
        drawn = np.random.default_rng(0).normal(size=rows.shape)
        counts = [np.asarray(effective_neurons(one, LEVELS)).tolist() for one in (rows, drawn)]
        cells = " | ".join(f"{count} ({chance})" for count, chance in zip(*counts, strict=True))
        dropped = int(np.sum(small.assignment[layer] < 0))
        print(f"| {name}, {layer} | {before} | {cells} | {100 * twins(rows):.0f} % | {after} ({dropped}) |", flush=True)
    others = (points[REDUCED:],)
    whole, left = (outputs_of(one, others) for one in (module, small.module))
    off = np.linalg.norm(left - whole) / np.linalg.norm(whole)
    told = f"{name}: {small.verdict} On {len(whole)} other inputs the change is {off:.2g}."
    if labels is not None:
        right = [100 * np.mean(one.argmax(axis=1) == labels[REDUCED:]) for one in (whole, left)]
        told += f" Accuracy {right[0]:.2f} % before, {right[1]:.2f} % after."
    return told + " Parameters {:,} → {:,}.".format(*small.parameters)


def main() -> int:
    parser = argparse.ArgumentParser(description="How condensed pretrained models are that PyPI's wheels carry.")
    parser.add_argument("--mnist", type=Path, default=os.environ.get("SIMPLEBIAS_MNIST"))
    parser.add_argument("--pictures", type=Path, nargs="+", default=[SAMPLES["photo"].path])
    options = parser.parse_args()
    print(
        f"{platform.machine()}, Python {platform.python_version()}, PyTorch {torch.__version__}, "
        f"NumPy {np.__version__}; command: {' '.join(sys.argv)}"
    )
    try:
        modules = {"digit-recognizer-py": recogniser()} | {name: face_net(name) for name in FACES}
    except InputError as error:
        parser.error(str(error))
    points, labels, source = digits(None if options.mnist is None else Path(options.mnist))
    print(f"digits: {source}; faces: {', '.join(file.name for file in options.pictures)}")
    print("| layer | neurons | effective at 0.9 (random) | at 0.95 (random) | with a twin | left at 1 % (dropped) |")
    print("|---|---|---|---|---|---|")
    inputs = {name: squares(options.pictures, side) for name, (side, *_) in FACES.items()}
    told = [
        tell(name, module, inputs.get(name, points), None if name in FACES else labels)
        for name, module in modules.items()
    ]
    print("", *told, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
