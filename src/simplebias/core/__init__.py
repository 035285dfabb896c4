"""The ground floor: what every other room speaks of. Snapshot, Measure, Task, Run, Outcome, array types, citations."""

import importlib
from typing import TYPE_CHECKING, Any

from simplebias.core.citation import (
    Reference,
    bibliography,
    cite,
    parse_bibtex,
)
from simplebias.core.errors import (
    DivergenceError,
    InputError,
    Outcome,
    SimplebiasError,
    StorageError,
    as_array,
    as_points,
    as_values,
    check_choice,
    check_finite,
    check_positive,
    is_traced,
)
from simplebias.core.laplacian import (
    twice_forward,
    value_gradient_laplacian,
    values_gradients_laplacians,
)
from simplebias.core.schedule import (
    as_schedule,
    at_steps,
    every,
    log_steps,
)
from simplebias.core.snapshot import (
    Measure,
    Neurons,
    Record,
    ShowsNeurons,
    Snapshot,
    evaluate,
    take_snapshot,
    wants_key,
)
from simplebias.core.sobolev import (
    ShowsSmoothness,
    Sobolev,
    check_derivative,
    derivatives,
)
from simplebias.core.storage import (
    claim_folder,
    read_marker,
    specification_hash,
    storage_errors,
    write_atomic,
)
from simplebias.core.task import (
    Classification,
    Regression,
    Task,
    predict,
)
from simplebias.core.trigonometry import (
    sincos,
)
from simplebias.core.types import (
    BAND,
    CASE,
    CUTOFF,
    DIRECTION,
    FEATURE,
    FILTER_WIDTH,
    FREQUENCY,
    GROUP,
    INPUT,
    LAYER,
    LOCAL_FREQUENCY,
    MIRROR_FREQUENCY,
    NEURON,
    NEURON_OTHER,
    OUTPUT,
    PART,
    POINT,
    POSITION,
    RECORD,
    SEED,
    THRESHOLD,
    WINDOW,
    ArrayLike,
    Frequencies,
    Key,
    Network,
    Output,
    Point,
    Points,
    Scalar,
    Schedule,
    Spectrum,
    Step,
    Values,
)

if TYPE_CHECKING:
    from simplebias.core.recorder import Recorder, Slot, plan_slots
    from simplebias.core.run import Run, is_record, load_network, provenance, save_tree, step_name

_LAZY = {
    "Recorder": "recorder",
    "Slot": "recorder",
    "plan_slots": "recorder",
    "Run": "run",
    "is_record": "run",
    "load_network": "run",
    "provenance": "run",
    "save_tree": "run",
    "step_name": "run",
}
"""Names whose modules import xarray, which takes seconds: they are imported when first used."""

__all__ = [
    "BAND",
    "CASE",
    "CUTOFF",
    "DIRECTION",
    "FEATURE",
    "FILTER_WIDTH",
    "FREQUENCY",
    "GROUP",
    "INPUT",
    "LAYER",
    "LOCAL_FREQUENCY",
    "MIRROR_FREQUENCY",
    "NEURON",
    "NEURON_OTHER",
    "OUTPUT",
    "PART",
    "POINT",
    "POSITION",
    "RECORD",
    "SEED",
    "THRESHOLD",
    "WINDOW",
    "ArrayLike",
    "Classification",
    "DivergenceError",
    "Frequencies",
    "InputError",
    "Key",
    "Measure",
    "Network",
    "Neurons",
    "Outcome",
    "Output",
    "Point",
    "Points",
    "Record",
    "Recorder",
    "Reference",
    "Regression",
    "Run",
    "Scalar",
    "Schedule",
    "ShowsNeurons",
    "ShowsSmoothness",
    "SimplebiasError",
    "Slot",
    "Snapshot",
    "Sobolev",
    "Spectrum",
    "Step",
    "StorageError",
    "Task",
    "Values",
    "as_array",
    "as_points",
    "as_schedule",
    "as_values",
    "at_steps",
    "bibliography",
    "check_choice",
    "check_derivative",
    "check_finite",
    "check_positive",
    "cite",
    "claim_folder",
    "derivatives",
    "evaluate",
    "every",
    "is_record",
    "is_traced",
    "load_network",
    "log_steps",
    "parse_bibtex",
    "plan_slots",
    "predict",
    "provenance",
    "read_marker",
    "save_tree",
    "sincos",
    "specification_hash",
    "step_name",
    "storage_errors",
    "take_snapshot",
    "twice_forward",
    "value_gradient_laplacian",
    "values_gradients_laplacians",
    "wants_key",
    "write_atomic",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(f"simplebias.core.{_LAZY[name]}"), name)
    raise AttributeError(f"module 'simplebias.core' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
