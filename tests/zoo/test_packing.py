"""A packed voice equals the original, in one verified file."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from myna.apps.cli import svc
from myna.conversion.vocoding import load_vocoder
from myna.errors import CheckpointError, ConfigError
from myna.models.noise import SilentNoise
from myna.models.vocoder import Vocoder
from myna.storage import torch_file
from myna.voice import Voice
from myna.zoo.inspection import inspect
from myna.zoo.mixing import mix
from myna.zoo.opening import open_voice
from myna.zoo.packing import is_packed, read_packed, unpack
from small_vocoders import write_vocoder

GOLDEN = Path(__file__).parents[1] / "golden"
FORK = GOLDEN / "fork" / "so-vits-svc-4.0v1"
FOLDERS = sorted(path.parent for path in GOLDEN.rglob("G_*.pth"))


def same_weights(one: Voice, other: Voice, tolerance: float = 0.0) -> None:
    first, second = one.synthesizer.state_dict(), other.synthesizer.state_dict()
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        torch.testing.assert_close(second[name], tensor, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_packing_and_unpacking_keep_the_voice(tmp_path: Path, folder: Path) -> None:
    voice = Voice.load(folder)
    packed = tmp_path / "voice.safetensors"
    open_voice(voice.path).pack(packed)
    assert Voice.load(packed).config == voice.config
    same_weights(Voice.load(packed), voice)
    weights, config, *_ = unpack(packed, tmp_path / "apart")
    assert config.read_text() == (folder / "config.json").read_text() or json.loads(config.read_text()) == json.loads(
        (folder / "config.json").read_text()
    )
    assert weights.name == "G_3.pth"
    same_weights(Voice.load(weights), voice)
    before, after = (torch_file.read(path)["model"] for path in (voice.path, weights))
    assert all(torch.equal(after[name], tensor.float()) for name, tensor in before.items())


def test_half_precision_and_release_make_a_small_file(tmp_path: Path) -> None:
    voice = open_voice(FORK / "G_3.pth")
    whole, small = tmp_path / "whole.safetensors", tmp_path / "small.safetensors"
    voice.pack(whole)
    cover = "A low voice.\nIt likes short lines."
    voice.pack(small, half=True, release=True, licence="CC0-1.0", author="alice", cover=cover)
    assert small.stat().st_size < 0.5 * whole.stat().st_size
    same_weights(Voice.load(small), Voice.load(whole), tolerance=2e-3)
    found = inspect(small)
    assert (found.licence, found.author, found.cover) == ("CC0-1.0", "alice", cover)
    assert (found.half_precision, found.trainable) == (True, False)
    assert found.iteration == 3
    open_voice(small).pack(tmp_path / "again.safetensors", author="bob")
    again = read_packed(tmp_path / "again.safetensors").card
    assert again is not None and (again.licence, again.author, again.cover) == ("CC0-1.0", "bob", cover)


def test_a_modified_packed_voice_is_refused(tmp_path: Path) -> None:
    packed = tmp_path / "voice.safetensors"
    open_voice(FORK / "G_3.pth").pack(packed, licence="CC-BY-4.0")
    packed.write_bytes(packed.read_bytes().replace(b"CC-BY-4.0", b"CC-BY-5.0"))
    with pytest.raises(CheckpointError, match="the card does not match the stored SHA-256"):
        Voice.load(packed)
    content = bytearray(packed.read_bytes().replace(b"CC-BY-5.0", b"CC-BY-4.0"))
    content[-100] ^= 1
    packed.write_bytes(content)
    with pytest.raises(CheckpointError, match="the weights do not match the stored SHA-256"):
        Voice.load(packed)
    packed.write_bytes(content[:-200])
    with pytest.raises(CheckpointError, match="is damaged or incomplete"):
        Voice.load(packed)


def test_a_voice_packed_before_hashes_were_added_is_read(tmp_path: Path) -> None:
    packed, old = tmp_path / "voice.safetensors", tmp_path / "old.safetensors"
    open_voice(FORK / "G_3.pth").pack(packed, cover="A low voice.")
    with safe_open(packed, "pt") as file:
        card = file.metadata()["myna"].replace('"cover"', '"about"')
    save_file(load_file(packed), old, {"myna": card})
    same_weights(Voice.load(old), Voice.load(packed))
    assert inspect(old).cover == "A low voice."


def test_safetensors_of_another_program_are_read_but_not_unpacked(tmp_path: Path) -> None:
    weights = {name: one.clone() for name, one in torch_file.read(FORK / "G_3.pth")["model"].items()}
    save_file(weights, tmp_path / "voice.safetensors")
    assert is_packed(tmp_path / "voice.safetensors")
    shutil.copy(FORK / "config.json", tmp_path)
    same_weights(Voice.load(tmp_path), Voice.load(FORK))
    with pytest.raises(CheckpointError, match="it contains only weights"):
        unpack(tmp_path / "voice.safetensors", tmp_path / "apart")


def test_a_mix_interpolates_the_weights_of_two_voices(tmp_path: Path) -> None:
    content = torch_file.read(FORK / "G_3.pth")
    content["model"] = {name: 3 * tensor for name, tensor in content["model"].items()}
    torch.save(content, tmp_path / "G_3.pth")
    shutil.copy(FORK / "config.json", tmp_path)
    one, other = open_voice(FORK / "G_3.pth"), open_voice(tmp_path / "G_3.pth")
    mix(one, other, 0.25, tmp_path / "mixed.safetensors")
    mixed = open_voice(tmp_path / "mixed.safetensors").recognised.weights
    torch.testing.assert_close(mixed["pre.weight"], 1.5 * one.recognised.weights["pre.weight"])
    with pytest.raises(ConfigError, match=r"do not fit each other: .*is \(.* and \("):
        mix(one, open_voice(next((GOLDEN / "4.1" / "whisper-ppg").glob("G_*.pth"))), 0.5, tmp_path / "no.safetensors")
    assert not (tmp_path / "no.safetensors").exists()


def test_pack_unpack_mix_and_inspect_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for words in (
        ["pack", "-m", str(FORK), "-o", "alice.safetensors", "--half", "--cover", "A low voice.\nIt likes it low."],
        ["unpack", "alice.safetensors"],
        ["mix", str(FORK / "G_3.pth"), "alice/G_3.pth", "-o", "mixed.safetensors", "--share", "0.3"],
        ["inspect", "mixed.safetensors", "alice.safetensors"],
    ):
        result = CliRunner().invoke(svc, words, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        if "alice.safetensors" in words and words[0] != "pack":
            assert re.search(r"A low voice\.\n *It likes it low\.", result.stdout) or words[0] == "mix"
    assert CliRunner().invoke(svc, ["unpack", "alice.safetensors"]).exception is not None
    assert {path.name for path in tmp_path.iterdir()} == {"alice.safetensors", "alice", "mixed.safetensors"}


def test_a_vocoder_is_packed_with_the_voice(tmp_path: Path) -> None:
    vocoder = write_vocoder(tmp_path / "vocoder")
    packed, again, small = (tmp_path / f"{name}.safetensors" for name in ("packed", "again", "small"))
    arguments = ["pack", "-m", str(FORK / "G_3.pth"), "-o", str(packed), "--vocoder", str(vocoder)]
    done = CliRunner().invoke(svc, arguments, catch_exceptions=False)
    assert done.exit_code == 0 and f"with {vocoder}" in done.stdout and " --enhance" in done.stdout
    same_weights(Voice.load(packed), Voice.load(FORK))
    open_voice(packed).pack(again)
    open_voice(packed).pack(small, half=True)
    card = read_packed(again).card
    assert card is not None and card.format == 2 and card.parts["vocoder"]["mini_nsf"]
    assert inspect(packed).facts == {"vocoder": "packed with the voice, for --enhance"}

    mel, f0 = torch.full((1, 128, 8), -4.0), torch.full((1, 8), 220.0)

    def sound(loaded: Vocoder) -> torch.Tensor:
        with torch.inference_mode():
            return loaded.synthesize(mel, f0, SilentNoise()).audio

    expected = sound(load_vocoder(vocoder))
    for path, tolerance in ((packed, 0.0), (again, 0.0), (small, 1e-2)):
        torch.testing.assert_close(sound(load_vocoder(None, voice=path)), expected, rtol=0, atol=tolerance)
    torch.testing.assert_close(sound(load_vocoder(packed)), expected, rtol=0, atol=0)

    unpacked = unpack(packed, tmp_path / "apart")
    assert unpacked.vocoder == tmp_path / "apart" / "nsf_hifigan" / "model"
    torch.testing.assert_close(sound(load_vocoder(unpacked.vocoder)), expected, rtol=0, atol=0)
    (tmp_path / "apart" / "G_3.pth").unlink()
    (tmp_path / "apart" / "config.json").unlink()
    with pytest.raises(ConfigError, match="nsf_hifigan/model exists already"):
        unpack(packed, tmp_path / "apart")
