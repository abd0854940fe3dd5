"""Correction of the drift between the clocks of two sound cards."""

from __future__ import annotations

from math import exp

# A correction of 0.1 % changes the pitch by 1.7 cents, which is inaudible. Clocks of sound cards differ by less.
_LARGEST = 1e-3
_IRREGULARITY_SECONDS = 0.02  # of callbacks
_SMOOTHING_SECONDS = 4.0  # much longer than the irregularities of the callbacks
_STARTING_SECONDS = 12.0  # in which drivers state wrong delays
_SETTLING_SECONDS = 2.0  # time for measuring the delay to keep
# A proportional-integral controller with critical damping: its time constant is 2 / _GAIN = 40 s.
_GAIN = 0.05  # per second
_INTEGRAL_GAIN = _GAIN**2 / 4


class DriftCorrection:
    """Controller that keeps the delay between input and output constant.

    After the start, the delay is averaged for two seconds. The controller keeps this average, also after interruptions.
    """

    def __init__(self, wanted_seconds: float) -> None:
        """
        Args:
            wanted_seconds: intended delay. The kept delay differs from it at most by the irregularity of callbacks.
        """
        self.kept_seconds = wanted_seconds
        self.correction = 0.0  # relative change of the number of output samples
        self.smooth_seconds: float | None = None  # smoothed delay
        self._is_measured = False  # whether `kept_seconds` is the average
        self._device = _DeviceDelay()
        self._integral = 0.0
        self._elapsed = 0.0

    def restart(self) -> None:
        """Begin a new average, because the delay has jumped. The known difference of the clocks is kept."""
        self.smooth_seconds = None
        self.correction = self._integral
        self._elapsed = 0.0

    def shift(self, seconds: float) -> None:
        """Account for an intended change of the delay."""
        if self.smooth_seconds is not None:
            self.smooth_seconds += seconds

    def update(self, delay_seconds: float, elapsed_seconds: float, device_seconds: float = 0.0) -> None:
        """Update the correction with a new measurement of the delay.

        Args:
            delay_seconds: time between the newest recorded and the newest played sample.
            elapsed_seconds: time since the last measurement.
            device_seconds: delay within the devices, as their drivers state it.
        """
        self._device.update(device_seconds, elapsed_seconds)
        self._elapsed += elapsed_seconds
        if self.smooth_seconds is None:
            self.smooth_seconds = delay_seconds
            return
        self.smooth_seconds += _share(elapsed_seconds, self._elapsed) * (delay_seconds - self.smooth_seconds)
        if self._elapsed < _SETTLING_SECONDS:
            return
        if not self._is_measured:
            self.kept_seconds += _within(self.smooth_seconds - self.kept_seconds, _IRREGULARITY_SECONDS)
            self._is_measured = True
        excess = self.smooth_seconds - self.kept_seconds + self._device.change_seconds
        self._integral = _within(self._integral - _INTEGRAL_GAIN * excess * elapsed_seconds, _LARGEST)
        self.correction = _within(self._integral - _GAIN * excess, _LARGEST)


class _DeviceDelay:
    """Slow change of the delay within the devices.

    A sound server may deliver slightly less than was recorded, and keep the rest in its buffer. When this change was
    not measured, the delay grew by 7 ms in five minutes with PulseAudio.

    Attributes:
        change_seconds: change since the first seconds.
    """

    def __init__(self) -> None:
        self.change_seconds = 0.0
        self._elapsed = 0.0
        self._smooth: float | None = None
        self._first: float | None = None

    def update(self, seconds: float, elapsed_seconds: float) -> None:
        self._elapsed += elapsed_seconds
        averaged = self._elapsed - _STARTING_SECONDS
        if averaged <= 0:
            return
        if self._smooth is None:
            self._smooth = seconds
        # Single values may be wrong by a tenth of a second.
        deviation = _within(seconds - self._smooth, _IRREGULARITY_SECONDS)
        self._smooth += _share(elapsed_seconds, averaged) * deviation
        if averaged < 2 * _SMOOTHING_SECONDS:
            return
        if self._first is None:
            self._first = self._smooth
        self.change_seconds = _within(self._smooth - self._first, _IRREGULARITY_SECONDS)


def _share(elapsed_seconds: float, total_seconds: float) -> float:
    """Return the weight of a new value in an average, which is a plain one until the time constant has passed."""
    if total_seconds < _SMOOTHING_SECONDS:
        return min(elapsed_seconds / max(total_seconds, 1e-9), 1.0)
    return 1 - exp(-elapsed_seconds / _SMOOTHING_SECONDS)


def _within(value: float, largest: float) -> float:
    return min(max(value, -largest), largest)
