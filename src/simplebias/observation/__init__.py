"""Observation: one run from data to summary; see `observe`."""

from simplebias.observation.observe import observe, read_again, resume_observation
from simplebias.observation.options import Options, as_seeds
from simplebias.observation.summary import summarise

__all__ = ["Options", "as_seeds", "observe", "read_again", "resume_observation", "summarise"]
