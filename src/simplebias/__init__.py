"""simplebias: see, explain and use the simplicity bias of neural networks.

Everything is imported when it is first used, so `import simplebias` itself costs next to nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simplebias import (
        condensation,
        core,
        data,
        fitting,
        frequency,
        integrations,
        landscape,
        networks,
        pde,
        reports,
        solving,
        sweeps,
        training,
    )
    from simplebias.core.citation import cite
    from simplebias.core.errors import DivergenceError, InputError, Outcome, SimplebiasError, StorageError
    from simplebias.core.run import Run
    from simplebias.core.schedule import at_steps, every, log_steps
    from simplebias.core.snapshot import Measure, Neurons, Record, Snapshot, take_snapshot
    from simplebias.core.task import Classification, Regression, Task
    from simplebias.dispatch import reduce
    from simplebias.fitting import fit
    from simplebias.integrations import watch
    from simplebias.landscape import embed
    from simplebias.observation import observe
    from simplebias.solving import solve
    from simplebias.sweeps import Specification, open_sweep, sweep
    from simplebias.training import minimise, resume, train

__version__ = "0.1.0"

_HOMES = {
    "reduce": "dispatch",
    "cite": "core.citation",
    "DivergenceError": "core.errors",
    "InputError": "core.errors",
    "Outcome": "core.errors",
    "SimplebiasError": "core.errors",
    "StorageError": "core.errors",
    "Run": "core.run",
    "at_steps": "core.schedule",
    "every": "core.schedule",
    "log_steps": "core.schedule",
    "Measure": "core.snapshot",
    "Neurons": "core.snapshot",
    "Record": "core.snapshot",
    "Snapshot": "core.snapshot",
    "take_snapshot": "core.snapshot",
    "Classification": "core.task",
    "Regression": "core.task",
    "Task": "core.task",
    "fit": "fitting",
    "embed": "landscape",
    "observe": "observation",
    "solve": "solving",
    "Specification": "sweeps",
    "open_sweep": "sweeps",
    "sweep": "sweeps",
    "minimise": "training",
    "resume": "training",
    "train": "training",
    "watch": "integrations",
}
_ROOMS = (
    "claims",
    "condensation",
    "core",
    "data",
    "fitting",
    "frequency",
    "integrations",
    "landscape",
    "networks",
    "observation",
    "pde",
    "reports",
    "solving",
    "sweeps",
    "torch",
    "training",
)

__all__ = [
    "Classification",
    "DivergenceError",
    "InputError",
    "Measure",
    "Neurons",
    "Outcome",
    "Record",
    "Regression",
    "Run",
    "SimplebiasError",
    "Snapshot",
    "Specification",
    "StorageError",
    "Task",
    "at_steps",
    "cite",
    "condensation",
    "core",
    "data",
    "embed",
    "every",
    "fit",
    "fitting",
    "frequency",
    "integrations",
    "landscape",
    "log_steps",
    "minimise",
    "networks",
    "observe",
    "open_sweep",
    "pde",
    "reduce",
    "reports",
    "resume",
    "solve",
    "solving",
    "sweep",
    "sweeps",
    "take_snapshot",
    "train",
    "training",
    "watch",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"simplebias.{_HOMES[name]}"), name)
    if name in _ROOMS:
        return importlib.import_module(f"simplebias.{name}")
    raise AttributeError(f"module 'simplebias' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, "__version__"})
