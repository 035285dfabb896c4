"""torchvision, and what imports it, for these tests and for the documents that `tests/test_documents.py` runs."""

import importlib.util
from pathlib import Path

import pytest
import torch


def declare_operators():
    """Declare two operators of torchvision where its own cannot be loaded.

    The wheel on PyPI is built for the PyTorch there, which knows GPUs. With another build, such as one for CPUs alone,
    its operators are missing, and its import ends with an error, as do those of Lightning and transformers, which
    import it where it is installed. Networks use none of its operators: that they are declared is enough.
    """
    found = importlib.util.find_spec("torchvision")
    if found is None or found.origin is None or hasattr(torch.ops.torchvision, "nms"):
        return
    try:
        for file in Path(found.origin).parent.glob("_C.*"):
            torch.ops.load_library(file)
    except OSError:
        for name in ("nms", "qnms"):
            torch.library.define(f"torchvision::{name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


@pytest.fixture(scope="session")
def operators():
    """Operators of torchvision, its own or declared."""
    declare_operators()
