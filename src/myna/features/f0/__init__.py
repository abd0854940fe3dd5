"""f0 estimators. Each has its own file; one table lists them.

f0 = F0_ESTIMATORS["swift"](audio, 44100, 512, "cpu")  # (N // 512,) Hz at the middle of each frame, 0 where unvoiced
"""

from __future__ import annotations

from myna.features.f0.crepe import measure_crepe, measure_crepe_tiny
from myna.features.f0.fcpe import measure_fcpe
from myna.features.f0.framing import Estimator, on_frames, widened
from myna.features.f0.live import measure_live
from myna.features.f0.median import median_of
from myna.features.f0.parselmouth import measure_parselmouth
from myna.features.f0.rmvpe import measure_rmvpe
from myna.features.f0.swift import measure_swift
from myna.features.f0.world import measure_dio, measure_harvest
from myna.options import F0Method

_SWIFT, _DIO, _FCPE = (on_frames(measure) for measure in (measure_swift, widened(measure_dio), measure_fcpe))

F0_ESTIMATORS: dict[F0Method, Estimator] = {
    "swift": _SWIFT,
    "live": on_frames(measure_live),
    "dio": _DIO,
    "harvest": on_frames(widened(measure_harvest)),
    "parselmouth": on_frames(widened(measure_parselmouth)),
    "crepe": on_frames(measure_crepe),
    "crepe-tiny": on_frames(measure_crepe_tiny),
    "fcpe": _FCPE,
    "rmvpe": on_frames(measure_rmvpe),
    # The most accurate triple on real singing, and one of the fastest (benchmarks/f0.py).
    "median": median_of(_SWIFT, _DIO, _FCPE),
}
