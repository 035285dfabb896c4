"""The loss landscape: critical points, their embedding in wider and deeper networks, Hessians, plateaus."""

from simplebias.landscape.plateaus import (
    LossSpectrum,
    Plateau,
    find_plateaus,
    loss_spectrum,
    shared_levels,
)

__all__ = [
    "LossSpectrum",
    "Plateau",
    "find_plateaus",
    "loss_spectrum",
    "shared_levels",
]
