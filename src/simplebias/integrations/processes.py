"""Trainings in several processes: the first one watches, and all stop together."""

import torch


def rank() -> int:
    """The number of this process in a distributed training, 0 where there is none."""
    distributed = torch.distributed
    return distributed.get_rank() if distributed.is_available() and distributed.is_initialized() else 0


def agreed(answer: bool) -> bool:
    """The answer of the first process, in all; every process must ask.

    Args:
        answer: of this process.

    Returns:
        That of the first.

    Example:
        >>> agreed(True)
        True
    """
    distributed = torch.distributed
    if not distributed.is_available() or not distributed.is_initialized() or distributed.get_world_size() == 1:
        return answer
    told = [answer]
    distributed.broadcast_object_list(told, src=0)
    return bool(told[0])
