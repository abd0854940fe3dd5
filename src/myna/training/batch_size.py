"""Search for the largest batch size that fits in memory, if `batch_size` is "auto"."""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch

from myna.training.dataset import ClipDataset
from myna.training.trainee import Trainee

_log = logging.getLogger(__name__)

ON_CPU = 8  # memory is not the limit on a CPU, and with larger batches, a voice learns less per minute
_SHARE = 0.85  # largest share of a GPU's free memory for a test step; the rest is a reserve, because steps vary


def choose_batch_size(trainee: Trainee, clips: ClipDataset) -> int:
    """Return the configured batch size; for "auto", the size of an earlier search or, if there was none, of a new one.

    The search finds the largest batch that fits in the memory of the GPU, up to the number of clips per process.
    Without CUDA, the size is at most 8.
    """
    wanted, fabric = trainee.config.train.batch_size, trainee.fabric
    if wanted != "auto":
        return wanted
    if trainee.state.batch_size:
        return trainee.state.batch_size
    limit = -(-len(clips) // fabric.world_size)
    if fabric.device.type != "cuda":
        return min(ON_CPU, limit)
    found = largest(lambda size: _fits(trainee, clips, size), limit)
    _log.info("batch size %d found", found)
    return found


def largest(fits: Callable[[int], bool], limit: int) -> int:
    """Return the largest size up to `limit` that fits, within an eighth; size 1 is assumed to fit.

    The size is doubled until it no longer fits. Then the gap to the largest size that fits is halved repeatedly.
    """
    good, bad = 1, limit + 1
    while bad - good > max(1, good // 8):
        size = min(2 * good, limit) if bad > limit else (good + bad) // 2
        if fits(size):
            good = size
        else:
            bad = size
    return good


def _fits(trainee: Trainee, clips: ClipDataset, size: int) -> bool:
    """Return True if every process has enough memory for a step on `size` copies of the longest clip.

    The test reserves three times the memory of the parameters: twice for the optimizers' moments, which do not exist
    yet, and once for the copies of the gradients that processes exchange.
    """
    fabric, device = trainee.fabric, trainee.fabric.device
    longest = max(range(len(clips)), key=lambda index: clips.clips[index].n_frames)
    example = clips.excerpt(longest, 0, clips.excerpts.max_frames)
    batch = trainee.collate([example] * size)
    modules = trainee.modules.values()
    parameter_bytes = sum(p.numel() * p.element_size() for module in modules for p in module.parameters())
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    enough = False
    try:
        trainee.try_batch(batch)
        free, _ = torch.cuda.mem_get_info(device)
        usable = free + torch.cuda.memory_reserved(device)
        enough = torch.cuda.max_memory_allocated(device) + 3 * parameter_bytes < _SHARE * usable
    except torch.cuda.OutOfMemoryError:
        _log.debug("%d clips do not fit", size)
    for module in modules:
        module.zero_grad(set_to_none=True)
    torch.cuda.empty_cache()
    worst = torch.tensor(float(enough), device=device)
    return bool(fabric.all_reduce(worst, reduce_op="min") if fabric.world_size > 1 else worst)
