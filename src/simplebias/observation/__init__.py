"""Observation: one run from data to summary, see `observe`; and from a run to small networks, see `reduce_run`."""

from simplebias.observation.observe import observe, read_again, resume_observation
from simplebias.observation.options import Options, as_seeds
from simplebias.observation.reducing import reduce_run
from simplebias.observation.retraining import Retrained, retrain
from simplebias.observation.summary import summarise

__all__ = [
    "Options",
    "Retrained",
    "as_seeds",
    "observe",
    "read_again",
    "reduce_run",
    "resume_observation",
    "retrain",
    "summarise",
]
