"""Which scales a multi-scale module needs, from the data, given as tensors."""

from typing import Any

from simplebias.core.types import ArrayLike
from simplebias.frequency import ScaleAdvice, suggest_scales


def scales_from(points: ArrayLike, values: ArrayLike, **options: Any) -> ScaleAdvice:
    """Scales and Fourier-feature bandwidth for what is to be learned, by the spectrum of the data.

    Args:
        points: `(points, inputs)` or `(points,)`, a tensor on any device or an array.
        values: `(points, outputs)` or `(points,)`: targets, or targets minus outputs of a model.
        options: those of `simplebias.frequency.suggest_scales`: `weight_std`, `minimum`, `share`, `order`.

    Returns:
        The advice: `scales` for `MultiScale`, `feature_std` for `FourierFeatures`, and `bandwidth`, what they follow
        from; printed it says so in words.

    Raises:
        InputError: for bad data, fewer than four points, constant values, or options out of range.

    References:
        Rules of thumb; multi-scale networks of arXiv:2007.11207; Fourier features of arXiv:2006.10739.

    Example:
        >>> import torch
        >>> x = torch.linspace(-1, 1, 201)[:-1]
        >>> scales_from(x, torch.sin(20 * torch.pi * x)).scales
        (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
    """
    return suggest_scales(points, values, **options)
