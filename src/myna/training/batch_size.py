"""How many clips a step takes, where `batch_size` is "auto"."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

import torch

from myna.models.noise import SeededNoise
from myna.training.dataset import ClipDataset, Collate
from myna.training.families import MAX_FRAMES
from myna.training.state import TrainState
from myna.training.step import Engine, add_gradients

_log = logging.getLogger(__name__)

ON_CPU = 8  # memory is no limit there, and with larger batches the voice learns less a minute
_SHARE = 0.85  # of the free memory of a GPU that a step may take; the rest is for what varies


def choose_batch_size(engine: Engine, state: TrainState, clips: ClipDataset) -> int:
    """What the configuration says; for "auto" what was found before, else the most that the device holds."""
    wanted = engine.config.train.batch_size
    if wanted != "auto":
        return wanted
    if state.batch_size:
        return state.batch_size
    limit = -(-len(clips) // engine.fabric.world_size)
    if engine.fabric.device.type != "cuda":
        return min(ON_CPU, limit)
    found = largest(lambda size: _fits(engine, state, clips, size), limit)
    _log.info("batch size %d found", found)
    return found


def largest(fits: Callable[[int], bool], limit: int) -> int:
    """The largest size up to `limit` for which `fits` is true, to within an eighth; 1 needs no trial.

    Sizes double until one does not fit; then the gap is halved.
    """
    good, bad = 1, limit + 1
    while bad - good > max(1, good // 8):
        size = min(2 * good, limit) if bad > limit else (good + bad) // 2
        if fits(size):
            good = size
        else:
            bad = size
    return good


def _fits(engine: Engine, state: TrainState, clips: ClipDataset, size: int) -> bool:
    """Whether a step on `size` of the longest clips leaves memory to spare, on every process.

    The moments of the optimisers, which are not there yet, take twice the parameters; the copies of gradients that
    processes exchange, once.
    """
    fabric, device = engine.fabric, engine.fabric.device
    longest = max(range(len(clips)), key=lambda index: clips.clips[index].n_frames)
    example = clips.beginning(longest)
    batch = Collate(min(MAX_FRAMES, clips.clips[longest].n_frames))([example] * size)
    judged = replace(state, step=max(state.step, engine.config.train.adversarial_start))  # the dearest kind of step
    held = sum(p.numel() * p.element_size() for m in (state.synthesizer, state.discriminators) for p in m.parameters())
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    enough = False
    try:
        add_gradients(engine, judged, batch, 1.0, SeededNoise(), is_last=False)
        free, _ = torch.cuda.mem_get_info(device)
        usable = free + torch.cuda.memory_reserved(device)
        enough = torch.cuda.max_memory_allocated(device) + 3 * held < _SHARE * usable
    except torch.cuda.OutOfMemoryError:
        _log.debug("%d clips do not fit", size)
    for module in (state.synthesizer, state.discriminators):
        module.zero_grad(set_to_none=True)
    torch.cuda.empty_cache()
    worst = torch.tensor(float(enough), device=device)
    return bool(fabric.all_reduce(worst, reduce_op="min") if fabric.world_size > 1 else worst)
