"""Kinds of files that myna opens: for each, functions that write valid files (seeds), damage them, and open them."""

from __future__ import annotations

import io
import json
import random
import shutil
import struct
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

from fuzz.model_files import NEVER_OPENED, STRUCTURED
from fuzz.mutations import BYTES, revalued, written
from myna.errors import MynaError

TESTS = Path(__file__).parents[1]
GOLDEN = TESTS / "golden"
VOICES = [
    GOLDEN / "fork" / "quickvc-istft" / "G_3.pth",
    GOLDEN / "4.1" / "tiny-shared-flow-depthwise" / "G_3.pth",
    GOLDEN / "rvc" / "v2-48k.pth",
    GOLDEN / "sovits3" / "voice.pth",
]
RATE = 22050


@dataclass(frozen=True)
class Target:
    """Functions for a kind of file.

    `seeds` writes valid files into a folder. `damage` writes a damaged copy of a seed, and returns the name of the
    damage. `open` opens a file as a command would; it may raise only `MynaError`, and must raise it after the damage
    in `never_opened`.
    """

    seeds: Callable[[Path], list[Path]]
    damage: Callable[[Path, Path, random.Random], str]
    open: Callable[[Path], None]
    never_opened: frozenset[str] = frozenset()


def byte_damage(seed: Path, target: Path, dice: random.Random) -> str:
    mutation = dice.choice(BYTES)
    target.write_bytes(mutation(seed.read_bytes(), dice))
    return mutation.__name__


# Model files


def model_seeds(folder: Path) -> list[Path]:
    return [_copied(voice, folder / str(number)) for number, voice in enumerate(VOICES)]


def model_damage(seed: Path, target: Path, dice: random.Random) -> str:
    if dice.random() < 0.5:
        return byte_damage(seed, target, dice)
    mutation = dice.choice(STRUCTURED)
    mutation(seed, target, dice)
    return mutation.__name__


def open_model(path: Path) -> None:
    from myna.zoo.opening import open_voice

    open_voice(path).build()


# Cards of packed voices, as `svc inspect` prints them


def packed_seeds(folder: Path) -> list[Path]:
    from myna.zoo.opening import open_voice

    packed = folder / "voice.safetensors"
    open_voice(VOICES[2]).pack(packed, author="anna", licence="CC0", cover="A bright voice.")
    return [packed]


def packed_damage(seed: Path, target: Path, dice: random.Random) -> str:
    """Damage the bytes, or put strange values into the header or into the card, whose hash is then updated."""
    if dice.random() < 0.3:
        return byte_damage(seed, target, dice)
    import hashlib

    data = seed.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header, tensors = json.loads(data[8 : 8 + length]), data[8 + length :]
    if dice.random() < 0.7:
        card = revalued(json.loads(header["__metadata__"]["myna"]), dice)
        header["__metadata__"]["myna"] = json.dumps(card)
        header["__metadata__"]["myna_sha256"] = hashlib.sha256(header["__metadata__"]["myna"].encode()).hexdigest()
    else:
        header = revalued(header, dice)
    text = json.dumps(header).encode()
    target.write_bytes(struct.pack("<Q", len(text)) + text + tensors)
    return "revalued"


def inspect_card(path: Path) -> None:
    """Run `svc inspect` in this process; check that it prints no characters that control a terminal."""
    from myna.apps.cli import svc

    for arguments in (["inspect", str(path)], ["inspect", str(path), "--json"]):
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            try:
                svc(arguments, standalone_mode=False)
                failed = None
            except MynaError as error:
                failed = error
        printed = out.getvalue() + err.getvalue()
        steering = [
            one
            for one in printed
            if one != "\n" and (ord(one) < 32 or 127 <= ord(one) < 160 or one in "\u202d\u202e\u2066\u2067")
        ]
        assert not steering, f"control characters are printed: {steering[:3]}"
        if failed is not None:
            raise failed


# Sound


# Codec by the suffix of the container.
CODECS = {
    "wav": "pcm_s16le",
    "flac": "flac",
    "mp3": "libmp3lame",
    "opus": "libopus",
    "m4a": "aac",
    "mkv": "aac",
    "aiff": "pcm_s16be",
}


def sound_seeds(folder: Path) -> list[Path]:
    """Write one second of a tone in containers and codecs that libsndfile or FFmpeg reads."""
    tone = 0.3 * np.sin(2 * np.pi * 220 * np.arange(RATE) / RATE)
    vorbis = folder / "tone.ogg"
    soundfile.write(vorbis, tone, RATE)
    return [vorbis, *(encoded(folder / f"tone.{suffix}", tone, codec) for suffix, codec in CODECS.items())]


def encoded(path: Path, samples: Any, codec: str) -> Path:
    import av

    rate = 48000 if codec == "libopus" else RATE
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray((samples[None] * 32767).astype(np.int16), format="s16", layout="mono")
        frame.sample_rate = RATE
        resampler = av.AudioResampler(stream.format, "mono", rate, stream.codec_context.frame_size or None)
        for part in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return path


def open_sound(path: Path) -> None:
    from myna.audio import io as sound

    for strict in (False, True):
        audio, rate = sound.read(path, strict=strict)
        assert audio.dtype == np.float32 and np.isfinite(audio).all() and rate > 0
    sound.read(path, 16000)


# config.json


def config_seeds(folder: Path) -> list[Path]:
    templates = sorted((TESTS.parent / "src" / "myna" / "templates").glob("*.json"))
    return [_copied(one, folder / one.stem) for one in templates]


def json_damage(seed: Path, target: Path, dice: random.Random) -> str:
    if dice.random() < 0.3:
        return byte_damage(seed, target, dice)
    target.write_bytes(written(revalued(json.loads(seed.read_bytes()), dice), dice))
    return "revalued"


def open_config(path: Path) -> None:
    from myna.config import Config

    Config.read(path)


# Pitch edits


def edit_seeds(folder: Path) -> list[Path]:
    from myna.features.pitch_edits import Draw, PitchEdits, Shift, Silent, Snap, Unvoiced, Vibrato

    edits = Shift(0.5, 1.0, 2.0), Snap(0.0, 3.0, "Am", 0.8), Vibrato(1.0, 2.0, 0.0), Unvoiced(2.5, 2.7)
    path = folder / "edits.json"
    path.write_text(PitchEdits((*edits, Draw(((3.0, 60.0), (4.0, 62.0)), voiced=True), Silent(4.0, 4.5))).text())
    return [path]


def apply_edits(path: Path) -> None:
    from myna.features.pitch_edits import read_pitch_edits

    times = (np.arange(500) + 0.5) / 100
    edited = read_pitch_edits(path).applied(np.where(times % 1 < 0.8, 220.0, 0.0), times)
    assert edited.shape == times.shape and np.isfinite(edited).all() and (edited >= 0).all()


# ONNX graphs


def graph_seeds(folder: Path) -> list[Path]:
    from myna.onnx.export import export
    from myna.zoo.opening import open_voice

    path = folder / "voice.onnx"
    export(open_voice(GOLDEN / "fork" / "quickvc" / "G_3.pth"), path)
    return [path]


def graph_damage(seed: Path, target: Path, dice: random.Random) -> str:
    """Damage the bytes, or remove nodes, rewire them, or change their operators, attributes or tensors."""
    if dice.random() < 0.4:
        return byte_damage(seed, target, dice)
    import onnx

    model = onnx.load(str(seed), load_external_data=False)
    nodes, tensors = model.graph.node, model.graph.initializer
    for _ in range(dice.choice([1, 1, 3])):
        node = dice.choice(nodes)
        kind = dice.randrange(6)
        if kind == 0:
            nodes.remove(node)
        elif kind == 1 and node.input:
            node.input[dice.randrange(len(node.input))] = dice.choice(dice.choice(nodes).output or [""])
        elif kind == 2:
            node.op_type = dice.choice(
                [
                    "Loop",
                    "Scan",
                    "If",
                    "Expand",
                    "Tile",
                    "Range",
                    "Pad",
                    "Identity",
                    "NoSuch",
                    dice.choice(nodes).op_type,
                ]
            )
        elif kind == 3 and node.attribute:
            attribute = dice.choice(node.attribute)
            attribute.i, attribute.f = dice.choice([-1, 0, 2**31, 2**62]), dice.choice([0.0, float("nan"), 1e38])
            if attribute.ints:
                attribute.ints[dice.randrange(len(attribute.ints))] = dice.choice([-1, 0, 2**31, 2**62])
        elif kind == 4 and tensors:
            tensor = dice.choice(tensors)
            if tensor.dims:
                tensor.dims[dice.randrange(len(tensor.dims))] = dice.choice([-1, 0, 1, 2**40])
        elif tensors:
            tensor = dice.choice(tensors)
            if tensor.data_type == onnx.TensorProto.INT64:
                tensor.raw_data = b"".join(
                    struct.pack("<q", dice.choice([-1, 0, 10**9, 2**62])) for _ in range(len(tensor.raw_data) // 8)
                )
            else:
                tensor.data_location = onnx.TensorProto.EXTERNAL
                entry = tensor.external_data.add()
                entry.key, entry.value = "location", dice.choice(["/etc/passwd", "../secret", "nothing"])
    target.write_bytes(model.SerializeToString())
    return "rewired"


def sing_graph(path: Path) -> None:
    """Open a graph and generate half a second of audio with it."""
    from myna.models.interface import Conditions, Sampling
    from myna.models.noise import SilentNoise
    from myna.zoo.opening import open_voice

    opened = open_voice(path)
    frames = 43
    conditions = Conditions(
        content=torch.zeros(1, opened.config.model.content_channels, frames),
        f0=torch.full((1, frames), 220.0),
        voiced=torch.ones(1, frames, dtype=torch.bool),
        speaker=torch.zeros(1, dtype=torch.long),
        loudness=torch.full((1, frames), -30.0),
    )
    audio = opened.build().generate(conditions, Sampling(SilentNoise(), 0.0)).audio
    assert audio.shape[-1] == frames * opened.config.data.hop_length, audio.shape


# Retrieval indexes and k-means centroids


def index_seeds(folder: Path) -> list[Path]:
    from myna.retrieval import retrieval_file

    vectors = {"anna": torch.randn(40, 8), "boris": torch.randn(30, 8)}
    centroids, index = folder / "centroids.pt", folder / "index.safetensors"
    retrieval_file.write_centroids(centroids, vectors)
    retrieval_file.write_index(index, vectors)
    recorded = np.load(TESTS / "retrieval" / "faiss.npz")
    faiss = [folder / f"{name}.index" for name in ("full", "by_array", "by_table", "flat", "product", "sparse")]
    for path in faiss:
        path.write_bytes(recorded[path.stem].tobytes())
    pickled = folder / "index.pkl"
    pickled.write_bytes(recorded["pickled"].tobytes())
    return [centroids, index, pickled, *faiss]


def open_index(path: Path) -> None:
    from myna.retrieval import retrieval_file

    retrieval_file.read(path)


def _copied(source: Path, folder: Path) -> Path:
    folder.mkdir(parents=True)
    if source.name.endswith(".pth") and (source.parent / "config.json").exists():
        shutil.copy(source.parent / "config.json", folder / "config.json")
    return Path(shutil.copy(source, folder / source.name))


TARGETS: dict[str, Target] = {
    "model": Target(model_seeds, model_damage, open_model, frozenset(NEVER_OPENED)),
    "card": Target(packed_seeds, packed_damage, inspect_card),
    "sound": Target(sound_seeds, byte_damage, open_sound),
    "config": Target(config_seeds, json_damage, open_config),
    "edits": Target(edit_seeds, json_damage, apply_edits),
    "graph": Target(graph_seeds, graph_damage, sing_graph),
    "index": Target(index_seeds, byte_damage, open_index),
}
