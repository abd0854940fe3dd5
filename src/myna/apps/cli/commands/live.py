"""`svc live`: convert your voice while you sing."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from myna.apps.actions.device import choose_device
from myna.apps.actions.live import (
    Card,
    LiveSession,
    LiveVoice,
    load_live_voice,
    measure_latency,
    open_card,
    record_to,
)
from myna.apps.cli.flags import device_flag, model_flag, voice_config_flag, voice_files
from myna.apps.cli.live_line import LiveLine, quiet_drivers
from myna.apps.cli.live_typing import HINT, Typing
from myna.apps.cli.report import echo
from myna.apps.cli.result import Result, ResultCommand
from myna.apps.flags import as_flags, collect, option_flags
from myna.options import LIVE_CONVERSION, ConversionOptions, LiveOptions

if TYPE_CHECKING:
    from myna.realtime.engine import LiveReport
    from myna.realtime.paced_files import PacedFile

_file = click.Path(path_type=Path)
_NOTICE = "The voice that others hear is synthetic: tell them. Wear headphones, or the output reaches the microphone."


def live_flags(command: Any) -> Any:
    """Add the flags of `svc live` to a command."""
    decorators = (
        model_flag,
        voice_config_flag,
        click.option("--record", type=_file, help="Folder for recordings of input, voice and output, as .wav."),
        click.option(
            "--seconds", type=click.FloatRange(min=0.1), help="End after this many seconds.  [default: at Ctrl-C]"
        ),
        click.option("--from", "source", type=_file, help="Dry run: recording to use instead of the microphone."),
        click.option("--to", "target", type=_file, help="Dry run: file to write instead of using the output."),
        click.option(
            "--measure-latency",
            is_flag=True,
            help="Measure the delay with bursts of noise; the input must record the output, for example by a cable.",
        ),
        device_flag,
        option_flags(LiveOptions),
        option_flags(ConversionOptions, LIVE_CONVERSION),
    )
    for decorator in reversed(decorators):
        command = decorator(command)
    return command


@click.command("live", cls=ResultCommand)
@live_flags
def command(**chosen: Any) -> Result:
    """Convert your voice while you sing, from the microphone to the headphones or to a virtual cable.

    The speed of this computer is measured before the devices start. During the conversion, one line shows the level of
    the input, the time of a block, the delay and the gaps. Ctrl-C ends the conversion.
    """
    return run(**chosen)


def run(
    model_path: Path,
    config_path: Path | None,
    record: Path | None,
    seconds: float | None,
    source: Path | None,
    target: Path | None,
    measure_latency: bool,
    device: str,
    **chosen: Any,
) -> Result:
    """Run `svc live` with the values of its flags."""
    live = collect(LiveOptions, chosen)
    given = _given(chosen)
    collect(ConversionOptions, chosen)  # so that a wrong flag is reported before anything opens
    if (source is None) != (target is None):
        raise click.UsageError("a dry run needs both --from and --to")
    with quiet_drivers(), ExitStack() as opened:
        card, paced = _card(live, source)
        opened.callback(card.close)
        resolved = choose_device(device)
        echo(f"device: {resolved}", err=True)
        voice = load_live_voice(voice_files(model_path, config_path), given, live, resolved.name)
        conversion = voice.options
        if voice.defaults:
            echo(f"defaults of the voice: {shlex.join(as_flags(ConversionOptions(**voice.defaults)))}", err=True)
        echo(_speed(voice), err=True)
        if measure_latency:
            return _measured(card, voice)
        recorder = record_to(record, card, voice.name, conversion.mark) if record is not None else None
        ready = voice.ready
        session = LiveSession(
            ready.stream,
            card,
            block_seconds=ready.block_seconds,
            reserve_seconds=ready.reserve_seconds,
            recorder=recorder,
        )
        if paced is not None:
            paced.delay_seconds = session.report().latency
        line = LiveLine()
        if paced is None:
            echo(_NOTICE, err=True)
            echo(HINT, err=True)
            Typing(session, voice, given, live, resolved.name, line.message).start()
        last = _sing(session, line, seconds, paced)
    written = list(recorder.paths) if recorder is not None else []
    if paced is not None and target is not None:
        _write(paced, target, voice.name, source, conversion.mark)
        written.append(target)
    return Result({"report": last, "latency": last.latency, "written": written}, _last_line(last, written))


def _given(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of the conversion that a person has given."""
    context = click.get_current_context()
    return {
        name: value
        for name, value in chosen.items()
        if name in LIVE_CONVERSION and context.get_parameter_source(name) is not ParameterSource.DEFAULT
    }


def _card(live: LiveOptions, source: Path | None) -> tuple[Card, PacedFile | None]:
    if source is not None:
        from myna.realtime.paced_files import PacedFile

        paced = PacedFile(source)
        return paced, paced
    card, advice = open_card(live)
    for sentence in advice:
        echo(sentence, err=True)
    return card, None


def _sing(session: LiveSession, line: LiveLine, seconds: float | None, paced: PacedFile | None) -> LiveReport:
    """Show the state until the time is over, the file ends, or a person ends it."""
    last = session.report()
    try:
        with session:
            for news in session.news():
                if isinstance(news, str):
                    line.message(news)
                    continue
                last = news
                if line.is_due():
                    line.show(last, session.pitch_hz())
                if last.seconds >= (seconds or math.inf) or (paced is not None and paced.is_done):
                    break
    except KeyboardInterrupt:
        pass  # the normal end of live conversion
    finally:
        line.end()
    return last


def _measured(card: Card, voice: LiveVoice) -> Result:
    ready = voice.ready
    echo("playing bursts of noise: turn the output down", err=True)
    found = measure_latency(card, ready.block_seconds, ready.reserve_seconds)
    stream = ready.stream.delay_samples / ready.stream.sample_rate
    total = found.seconds + stream
    values = {"round_trip": found, "stream_seconds": stream, "seconds": total}
    parts = (
        f"{1e3 * found.seconds:.0f} ms of devices and reserve, measured with four bursts that agree within "
        f"{1e3 * found.spread_seconds:.1f} ms, and {1e3 * stream:.0f} ms of the voice"
    )
    return Result(values, f"{1e3 * total:.0f} ms from the microphone to the output: {parts}")


def _write(paced: PacedFile, target: Path, voice: str, source: Path | None, mark: bool) -> None:
    from functools import partial

    from myna.audio import io
    from myna.audio.marking.embedding import marked
    from myna.audio.marking.manifest import add_manifest
    from myna.audio.marking.tags import conversion_tags

    tags = conversion_tags(voice, source)
    sign = partial(add_manifest, description=tags.comment, source=source)
    with io.Writer(target, paced.output_rate, tags=tags, finish=sign) as writer:
        for block in marked(paced.played, paced.output_rate) if mark else paced.played:
            writer.write(block)


def _speed(voice: LiveVoice) -> str:
    ready = voice.ready
    block, took = 1e3 * ready.block_seconds, 1e3 * ready.compute.p95
    return f"{voice.name}: a block of {block:.0f} ms takes {took:.0f} ms, a load of {took / block:.0%}"


def _last_line(report: LiveReport, written: list[Path]) -> str:
    gaps = "no gaps" if not report.n_gaps else f"{report.n_gaps} gaps"
    line = f"{report.seconds:.0f} s, {gaps}, delay {1e3 * report.latency:.0f} ms"
    if written:
        return f"{line}: {', '.join(map(str, written))}"
    if report.n_gaps:
        return f"{line}. Fewer gaps: --reserve-seconds {report.buffer + 0.05:.2f}, or a longer block (-b)"
    return f"{line}. Measure the delay: svc live --measure-latency"
