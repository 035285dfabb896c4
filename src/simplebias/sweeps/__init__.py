"""Sweeps: thousands of trainings along named axes, bundled, resumable, on one machine or many; and phase diagrams."""

from simplebias.sweeps.diagram import named_points, phase_diagram
from simplebias.sweeps.execute import sweep, sweep_status
from simplebias.sweeps.executors import WorkersLost, compute
from simplebias.sweeps.experiments import EXPERIMENTS, Experiment, PhaseDiagram, Training
from simplebias.sweeps.layout import Bundle, Layout, lay_out
from simplebias.sweeps.measures import MEASURES
from simplebias.sweeps.places import place, place_network
from simplebias.sweeps.specification import Specification
from simplebias.sweeps.store import open_sweep

__all__ = [
    "EXPERIMENTS",
    "MEASURES",
    "Bundle",
    "Experiment",
    "Layout",
    "PhaseDiagram",
    "Specification",
    "Training",
    "WorkersLost",
    "compute",
    "lay_out",
    "named_points",
    "open_sweep",
    "phase_diagram",
    "place",
    "place_network",
    "sweep",
    "sweep_status",
]
