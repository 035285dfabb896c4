"""Make the data files that the package ships, from the packages that carry the originals.

Needs statsmodels, scikit-learn and scikit-image, which simplebias itself does not depend on:

    python benchmarks/make_samples.py            # writes src/simplebias/data/samples/
    python benchmarks/make_samples.py --check    # compares what is there, exit status 1 if it differs
"""

import gzip
import io
import struct
import sys
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent.parent / "src" / "simplebias" / "data" / "samples"


def co2() -> dict[str, bytes]:
    """Weekly CO2 at Mauna Loa: dates written in ISO, missing weeks left empty as in the original."""
    from statsmodels.datasets import co2 as original

    lines = ["date,co2"]
    for date, value in original.load_pandas().data["co2"].items():
        lines.append(f"{date:%Y-%m-%d},{'' if np.isnan(value) else value}")
    return {"co2.csv": ("\n".join(lines) + "\n").encode()}


def digits() -> dict[str, bytes]:
    """UCI handwritten digits: 8 × 8 pixels from 0 to 16 as idx files."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images, labels = bunch.images.astype(np.uint8), bunch.target.astype(np.uint8)
    head = struct.pack(">BBBBIII", 0, 0, 8, 3, *images.shape)
    return {
        "digits-images-idx3-ubyte.gz": gzip.compress(head + images.tobytes(), mtime=0),
        "digits-labels-idx1-ubyte.gz": gzip.compress(
            struct.pack(">BBBBI", 0, 0, 8, 1, len(labels)) + labels.tobytes(), mtime=0
        ),
    }


def photo() -> dict[str, bytes]:
    """scikit-image's `camera`, each 2 × 2 pixels averaged to one."""
    from PIL import Image
    from skimage.data import camera

    small = Image.fromarray(camera()).resize((256, 256), Image.Resampling.BOX)
    buffer = io.BytesIO()
    small.save(buffer, "PNG", optimize=True)
    return {"photo.png": buffer.getvalue()}


def same(content: bytes, path: Path) -> bool:
    """Whether a file holds the same data; compression may differ between versions of zlib."""
    if not path.is_file():
        return False
    if path.suffix == ".gz":
        return gzip.decompress(content) == gzip.decompress(path.read_bytes())
    if path.suffix == ".png":
        from PIL import Image

        return bool(np.array_equal(np.asarray(Image.open(io.BytesIO(content))), np.asarray(Image.open(path))))
    return content == path.read_bytes()


def main() -> int:
    """Write or check all files."""
    differing = []
    for name, content in (co2() | digits() | photo()).items():
        if "--check" not in sys.argv:
            FOLDER.mkdir(parents=True, exist_ok=True)
            (FOLDER / name).write_bytes(content)
        elif not same(content, FOLDER / name):
            differing.append(name)
    print(f"differing: {', '.join(differing)}" if differing else "all samples are in place")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
