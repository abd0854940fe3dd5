"""Report on a recording's quality as training data: its measures, its problems, and advice on them.

`studio.takes` makes the reports. This module does not import NumPy, because the page's process imports it to show the
reports.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from myna.config import PitchRange

Kind = Literal["spoken", "sung"]
ProblemKey = Literal[
    "silent",
    "too_short",
    "too_long",
    "too_quiet",
    "clipped",
    "noisy",
    "background",
    "narrow_band",
    "dull",
    "not_pitched",
]

# Message and advice for each problem. The translations on the page use the same keys.
PROBLEMS: dict[str, str] = {
    "silent": "The recording is silent. Check that the right microphone is selected and switched on.",
    "too_short": "Only {seconds:.1f} s of sound. Start after the count-in, and stop after the last word.",
    "too_long": "{seconds:.0f} s is too long. Record one sentence or one tune at a time.",
    "too_quiet": "It is very quiet ({level_dbfs:.0f} dB). Move closer to the microphone, or raise its level.",
    "clipped": "The loudest parts are clipped. Move away from the microphone, or lower its level.",
    "noisy": "Noisy room: only {snr_db:.0f} dB below the voice. Switch off fans, close windows, move closer.",
    "background": "Some noise, {snr_db:.0f} dB below the voice. Usable; a quieter room is better.",
    "narrow_band": "Telephone quality: nothing above {highest_hz:.0f} Hz. Use a wired microphone.",
    "dull": "Nothing above {highest_hz:.0f} Hz. Usable; a wired microphone may be clearer.",
    "not_pitched": "No melody was found. Sing the notes; listen to the guide tone first.",
}
# Recordings with these problems are useless or harm the voice; the other problems are minor.
_SERIOUS = frozenset(("silent", "too_short", "too_quiet", "clipped", "noisy", "narrow_band", "not_pitched"))


@dataclass(frozen=True)
class Problem:
    """A defect of a recording."""

    key: ProblemKey
    numbers: Mapping[str, float] = field(default_factory=dict)  # values for the placeholders in the text

    @property
    def serious(self) -> bool:
        """True if the take should be recorded again."""
        return self.key in _SERIOUS

    def text(self, texts: Mapping[str, str] = PROBLEMS) -> str:
        """Format the message; `texts` are `PROBLEMS` or their translation."""
        return texts[self.key].format(**self.numbers)


@dataclass(frozen=True, kw_only=True)
class TakeReport:
    """Measures of a recording, and the problems found in it."""

    kind: Kind
    seconds: float
    sounding_seconds: float
    level_dbfs: float  # RMS of the sounding parts
    peak_dbfs: float
    clipped_samples: int
    clipped_share: float  # share of clipped samples among the sounding samples in the worst half minute
    noise_dbfs: float  # level of the stationary noise
    offset: float  # DC offset caused by a faulty sound card; full scale is 1
    highest_hz: float  # bandwidth; half the sample rate if the recording is not band-limited
    voiced_share: float  # share of voiced frames among the sounding frames
    steady_share: float  # share of loud voiced frames that begin a quarter of a second of steady pitch
    pitch: PitchRange | None
    problems: tuple[Problem, ...]

    @property
    def snr_db(self) -> float:
        return self.level_dbfs - self.noise_dbfs

    def has(self, key: ProblemKey) -> bool:
        return any(problem.key == key for problem in self.problems)

    @property
    def good(self) -> bool:
        """True if the recording has no serious problem."""
        return not any(problem.serious for problem in self.problems)
