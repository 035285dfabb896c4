"""Pages made from plain data: figures of a Run chosen by dimensions, one self-contained report, a gallery of claims."""

from simplebias.reports.figures import figures
from simplebias.reports.gallery import Exhibit, Row, write_gallery
from simplebias.reports.kinds import Figure, draws
from simplebias.reports.page import write_report

__all__ = ["Exhibit", "Figure", "Row", "draws", "figures", "write_gallery", "write_report"]
