"""Response models of live conversion."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import BaseModel, Field

from myna.apps.gui.live.live import LiveState, Place, State

Pitch = list[tuple[float, float | None]]


class LiveSettingsView(BaseModel):
    """Settings that may change during live conversion."""

    transpose: float = Field(0.0, description="shift in semitones")
    speaker: str | None = Field(None, description="null for the voice's first speaker")
    speaker_mix: str | None = Field(None, description='shares of several speakers, e.g. "alto:0.7,tenor:0.3"')
    dry_wet: float = Field(1.0, description="share of the voice in the output; the rest is the source")
    gate_db: float | None = Field(-50.0, description="level below which the output is silent; null for no gate")
    bypass: bool = Field(False, description="whether the output is the source, with the same delay")


class LiveReportView(BaseModel):
    """Measurements, ten times a second. Times are in seconds."""

    seconds: float
    source_db: float = Field(description="peak level of the microphone, relative to full scale")
    output_db: float = Field(description="peak level of the output")
    source_pitch: Pitch = Field(description="times and f0 in Hz of the last second; null where unvoiced")
    voice_pitch: Pitch = Field(description="the same of the output, at the times of the source")
    heard_seconds: float = Field(description="singing that was measured for the automatic transposition")
    recorded_seconds: float | None
    block: float = Field(description="length of a block")
    compute: list[float] = Field(description="median, 95th and 99th percentile of the time that a block takes")
    delays: dict[str, float] = Field(description="parts of the delay")
    recent_gaps: int = Field(description="gaps in the last ten seconds")
    n_gaps: int


class LiveView(BaseModel):
    """State of live conversion."""

    state: State
    place: Place | None = Field(
        description="whose microphone and speaker: the page's or those of the studio's computer"
    )
    voice: str | None = Field(description="the voice that sings")
    next_voice: str | None = Field(description="the voice that is being loaded")
    settings: LiveSettingsView
    automatic: bool = Field(description="whether the transposition follows the first ten seconds of singing")
    recording: bool
    result: int | None = Field(description="the result that the last recording became")
    problem: str | None = Field(description="one line about the last thing that did not work")
    report: LiveReportView


def live_view(state: LiveState, shown: Callable[[str], str]) -> LiveView:
    """Return the response model of a state.

    Args:
        shown: function that removes private paths from a message.
    """
    report = state.report
    measured = {name: getattr(report, name) for name in LiveReportView.model_fields if hasattr(report, name)}
    source_db, output_db = report.levels_db
    names = ("state", "place", "voice", "next_voice", "automatic", "recording", "result")
    return LiveView(
        **{name: getattr(state, name) for name in names},
        problem=None if state.problem is None else shown(state.problem),
        settings=LiveSettingsView() if state.settings is None else LiveSettingsView(**vars(state.settings)),
        report=LiveReportView(**measured, source_db=source_db, output_db=output_db),
    )


class SoundDeviceView(BaseModel):
    """A microphone or an output of the studio's computer."""

    name: str
    is_default: bool


class LiveDevicesView(BaseModel):
    """Sound devices of the studio's computer."""

    inputs: list[SoundDeviceView]
    outputs: list[SoundDeviceView]
    problem: str | None = Field(description="why there are none, with the way out")
