"""Conversion of recordings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from myna.apps.actions.batch import Batch, run_batch
from myna.errors import AudioError, ConfigError, MynaError
from myna.options import ConversionOptions, parse_options, with_voice_defaults
from myna.progress import Progress, silent

if TYPE_CHECKING:
    from myna.conversion.converter import ConversionSummary, Converter
    from myna.voice import Voice


@dataclass(frozen=True)
class Conversion:
    """A recording and the output file of its conversion."""

    source: Path
    output: Path


# Endings of the names, before the suffix, of results that are written beside their recordings.
_RESULTS = (".out", ".cover")


def plan_conversions(
    inputs: Sequence[Path], output: str | None, recursive: bool, result: str = ".out"
) -> list[Conversion]:
    """Choose a different output file for each recording in `inputs`.

    Args:
        inputs: audio files, and folders of audio files.
        output: folder for the output files or, for a single recording, the output file; a path is a folder if it ends
            with a slash, exists as a folder, or has no suffix. None puts NAME.out.SUFFIX beside each recording.
        recursive: whether to search subfolders too.
        result: end of the file name before the suffix, one of `_RESULTS`.

    Raises:
        AudioError: a folder contains no recording.
        ConfigError: two recordings have the same output file, an output file is one of the recordings, or `output` is
            a file although there are several recordings.
    """
    from myna.audio.folders import is_recording

    one_file = len(inputs) == 1 and not inputs[0].is_dir()
    if output is not None and one_file and not _means_folder(output):
        return [Conversion(inputs[0], Path(output))]
    folder = Path(output) if output is not None else None
    if folder is not None and (folder.is_file() or (is_recording(folder) and not _means_folder(str(output)))):
        raise ConfigError(
            f"-o {output} names one file; the results of several recordings need a folder: -o {folder.stem}"
        )

    planned = []
    for path in inputs:
        if path.is_dir():
            found = _recordings(path, folder, recursive)
            planned += [Conversion(item, _output(item, folder, item.relative_to(path), result)) for item in found]
        else:
            planned.append(Conversion(path, _output(path, folder, Path(path.name), result)))
    taken: dict[Path, Path] = {}
    for one in planned:
        if (other := taken.setdefault(one.output.resolve(), one.source)) != one.source:
            raise ConfigError(f"{other} and {one.source} would both become {one.output}; convert them one by one")
    sources = {one.source.resolve() for one in planned}
    for one in planned:
        if one.output.resolve() in sources:
            raise ConfigError(
                f"the result of {one.source} would replace {one.output}, which is to be converted too; name another "
                "folder with -o"
            )
    return list(dict.fromkeys(planned))


def convert(
    converter: Converter,
    conversions: Sequence[Conversion],
    options: ConversionOptions,
    progress: Progress = silent,
    on_failure: Callable[[MynaError], None] = lambda error: None,
) -> Batch[Conversion, ConversionSummary]:
    """Convert recordings one after the other.

    Args:
        on_failure: see `run_batch`.

    Raises:
        ConfigError: the voice does not support an option in `options`, or there are pitch edits and several recordings.
        MynaError: the conversion of a single recording failed; for several recordings, see `run_batch`.
    """
    if options.pitch is not None and len(conversions) > 1:
        raise ConfigError(f"the pitch edits {options.pitch} belong to one recording; convert it alone")
    converter.check(options)
    return run_batch(
        conversions, lambda one: converter.convert_file(one.source, one.output, options, progress), on_failure
    )


def options_for(
    voice: Voice, given: Mapping[str, Any], defaults: Mapping[str, Any] | None = None
) -> tuple[ConversionOptions, dict[str, Any]]:
    """Add the voice's default options to the options that a user gave.

    Defaults that the voice does not support are left out: retrieval if the voice has no index, and transposition to the
    voice's pitch if that is unknown.

    Args:
        given: values that the user gave, by the name of the option.
        defaults: default values to use instead of those in or beside the voice's file.

    Returns:
        The options, and the defaults that were used.

    Raises:
        ConfigError: the options exclude each other, or a value is out of range.
    """
    from myna.retrieval.speakers import find_retrieval

    own = dict(voice.defaults if defaults is None else defaults)
    if own.get("cluster_infer_ratio") and not given.get("cluster_model_path") and find_retrieval(voice.path) is None:
        del own["cluster_infer_ratio"]
    if own.get("auto_transpose") and not voice.config.pitch:
        del own["auto_transpose"]
    chosen = with_voice_defaults(given, own)
    used = {name: value for name, value in chosen.items() if name not in given}
    return parse_options(ConversionOptions, chosen), used


def noted_defaults(weights: Path, places: Iterable[Path]) -> dict[str, Any] | None:
    """Return the default options in the workspace's notes about a voice, for `options_for`; None if there are none.

    Defaults of voices that were added on the page are not in the notes, but beside the weights.

    Args:
        weights: weights file of the voice.
        places: files and folders that the work reads or writes. The workspace is the one that contains at least one of
            them, or the voice.
    """
    from myna.studio.job_list import workspace_of
    from myna.studio.voices import Library

    workspace = workspace_of(*places, weights)
    return None if workspace is None else Library(workspace).defaults_of(weights)


def _means_folder(output: str) -> bool:
    return output.endswith(("/", "\\")) or Path(output).is_dir() or not Path(output).suffix


def _recordings(folder: Path, results: Path | None, recursive: bool) -> list[Path]:
    """List the audio files of a folder, except hidden files, *.out.*, *.cover.*, and files in the folder `results`.

    Files in `results` are listed if `results` is `folder` itself.

    Raises:
        AudioError: the list is empty.
    """
    from myna.audio.folders import find_recordings

    inside = results is not None and results.resolve() != folder.resolve()
    found = [
        path
        for path in find_recordings(folder, recursive=recursive)
        if not path.stem.endswith(_RESULTS)
        and not (inside and results is not None and path.resolve().is_relative_to(results.resolve()))
    ]
    if not found:
        hint = "" if recursive else "; -re searches subfolders too"
        raise AudioError(f"there are no audio files in {folder}{hint}")
    return found


def _output(recording: Path, folder: Path | None, relative: Path, result: str) -> Path:
    from myna.audio.io import WRITABLE_SUFFIXES

    suffix = recording.suffix if recording.suffix.lower() in WRITABLE_SUFFIXES else ".wav"
    if folder is not None:
        output = (folder / relative).with_suffix(suffix)
        if output.resolve() != recording.resolve():
            return output
    return recording.with_name(f"{recording.stem}{result}{suffix}")
