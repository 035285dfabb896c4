"""The real data that the package ships: small files, each with its source and licence."""

import dataclasses
from pathlib import Path
from types import MappingProxyType

FOLDER = Path(__file__).parent / "samples"


@dataclasses.dataclass(frozen=True)
class ShippedSample:
    """One shipped data set.

    Args:
        name: by which `read` knows it.
        file: in the package.
        title: what it is, in a few words.
        rows: entries in the file, with missing ones.
        source: who made it, and from where it was taken.
        licence: under which it may be used.
        units: of columns whose unit the file does not tell, by name.
        maximum: for pictures in idx files, the number stored for white.
    """

    name: str
    file: str
    title: str
    rows: str
    source: str
    licence: str
    units: tuple[tuple[str, str], ...] = ()
    maximum: float = 255.0

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return FOLDER / self.file


SAMPLES = MappingProxyType({
    sample.name: sample
    for sample in (
        ShippedSample(
            name="co2",
            file="co2.csv",
            title="Weekly carbon dioxide in the air at Mauna Loa, Hawaii, March 1958 to December 2001",
            rows="2284 weeks, 59 of them without a value",
            source="C. D. Keeling and T. P. Whorf (2004), Scripps Institution of Oceanography / CDIAC; "
            "from statsmodels",
            licence="public domain",
            units=(("co2", "ppmv"),),
        ),
        ShippedSample(
            name="digits",
            file="digits-images-idx3-ubyte.gz",
            title="Handwritten digits, 8 × 8 pixels with 17 levels of grey, 10 classes",
            rows="1797 pictures",
            source="E. Alpaydin and C. Kaynak (1998), UCI Machine Learning Repository, doi:10.24432/C50P49 "
            "(the test part); from scikit-learn",
            licence="CC BY 4.0",
            maximum=16.0,
        ),
        ShippedSample(
            name="photo",
            file="photo.png",
            title="Photograph of a man with a camera, 256 × 256 pixels, grey",
            rows="65536 pixels, 64 × 64 by default",
            source="Lav Varshney; `camera` of scikit-image, averaged from 512 × 512 pixels",
            licence="CC0 1.0",
        ),
    )
})
"""The shipped samples by name."""
