"""`svc infer` with a voice of random weights on disk."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from tiny_voice import RATE, BandEnergies, write_voice

from myna.apps.cli import main
from myna.retrieval import retrieval_file


@pytest.fixture(autouse=True)
def _voice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("myna.features.extractor.load_encoder", lambda name, device: BandEnergies())
    monkeypatch.chdir(tmp_path)
    write_voice("voice", 9, 10)
    time = np.arange(3 * 44100) / 44100
    tone = sum(np.sin(2 * np.pi * 240 * k * time) / k for k in range(1, 9)) * 0.1
    soundfile.write("song.flac", np.stack([tone, tone], axis=1), 44100)


def svc(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["infer", *arguments])
    return int(ended.value.code or 0)


def run(*arguments: str, status: int = 0) -> None:
    """Run any command."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert int(ended.value.code or 0) == status


def test_a_folder_of_checkpoints_converts_to_the_pitch_of_the_speaker(capsys: pytest.CaptureFixture[str]) -> None:
    assert svc("song.flac", "-m", "voice", "-s", "tenor", "--auto-transpose", "-d", "cpu", "--json") == 0
    (summary,) = json.loads(capsys.readouterr().out)["converted"]
    assert (summary["output"], summary["transpose"]) == ("song.out.flac", -12)
    assert summary["source_pitch"]["median_hz"] == pytest.approx(240, rel=0.01)
    sung, rate = soundfile.read("song.out.flac")
    assert (rate, len(sung)) == (RATE, 3 * RATE) and np.abs(sung).max() > 0


def test_the_same_seed_gives_the_same_sound() -> None:
    sung = {}
    for name, seed in (("a.wav", "3"), ("b.wav", "3"), ("c.wav", "4")):
        assert svc("song.flac", "-o", name, "-m", "voice/G_9.pth", "--seed", seed, "-d", "cpu") == 0
        sung[name], _ = soundfile.read(name, dtype="int16")  # a signature differs each time
    assert (sung["a.wav"] == sung["b.wav"]).all() and (sung["a.wav"] != sung["c.wav"]).any()


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        (["-m", "voice", "-s", "Anna"], 5, "no speaker 'Anna'; this voice has: Sängerin, tenor"),
        (["-m", "voice", "-s", "Sängerin", "--auto-transpose"], 5, "choose the shift with --transpose"),
        (["-m", "nowhere"], 4, "nowhere"),
        (["-m", "voice", "-r", "0.5"], 5, "svc train-index"),
        (["-m", "voice", "-r", "0.5", "-k", "kmeans.pt"], 4, "cannot read kmeans.pt"),
        (["-m", "voice", "-r", "0.5", "-k", "song.flac"], 4, "song.flac is a recording"),
        (["-m", "voice", "-r", "0.5", "-k", "voice/G_9.pth"], 4, "not a cluster model"),
        (["-m", "voice", "--speaker-mix", "Anna:1"], 5, "no speaker 'Anna'; this voice has: Sängerin, tenor"),
        ([], 4, "logs"),
    ],
)
def test_missing_voices_and_wrong_options_are_errors(
    arguments: list[str], status: int, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert svc("song.flac", *arguments, "-d", "cpu") == status
    assert reason in capsys.readouterr().err.splitlines()[-1]
    assert not Path("song.out.flac").exists()


def sung(name: str, *arguments: str) -> np.ndarray:
    assert svc("song.flac", "-o", name, "-m", "voice", "-d", "cpu", *arguments) == 0
    return soundfile.read(name)[0]


def test_centroids_and_an_index_change_the_result() -> None:
    plain = sung("a.wav", "-s", "tenor")
    centres = torch.rand(20, 16, generator=torch.Generator().manual_seed(0))
    retrieval_file.write_centroids(Path("kmeans.pt"), {"tenor": centres, "Sängerin": centres})
    clustered = sung("b.wav", "-s", "tenor", "-k", "kmeans.pt", "-r", "0.5")
    retrieval_file.write_index(Path("voice/index.safetensors"), {"tenor": centres})
    retrieved = sung("c.wav", "-s", "tenor", "-r", "0.5")
    assert len(plain) == len(clustered) == len(retrieved)
    assert not np.array_equal(plain, clustered) and not np.array_equal(clustered, retrieved)
    np.testing.assert_array_equal(sung("d.wav", "-s", "tenor", "-k", "kmeans.pt"), plain)


@pytest.mark.parametrize("name", ["index.safetensors", "kmeans.pt"])
def test_an_index_in_a_packed_voice_has_the_effect_of_one_beside_it(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    vectors = {speaker: torch.rand(20, 16).half().float() for speaker in ("tenor", "Sängerin")}
    write = {"index.safetensors": retrieval_file.write_index, "kmeans.pt": retrieval_file.write_centroids}[name]
    write(Path("voice") / name, vectors)
    drawn = sung("a.wav", "-s", "tenor", "-r", "0.5")
    run("pack", "-m", "voice", "-o", "packed.safetensors")
    Path("voice", name).unlink()
    np.testing.assert_array_equal(sung("b.wav", "-m", "packed.safetensors", "-s", "tenor", "-r", "0.5"), drawn)
    np.testing.assert_array_equal(sung("c.wav", "-k", "packed.safetensors", "-s", "tenor", "-r", "0.5"), drawn)
    run("unpack", "packed.safetensors")
    assert Path("packed", name).is_file()
    np.testing.assert_array_equal(sung("d.wav", "-m", "packed", "-s", "tenor", "-r", "0.5"), drawn)
    run("inspect", "packed.safetensors")
    assert "20 vectors of tenor" in capsys.readouterr().out

    run("pack", "-m", "packed.safetensors", "-o", "without.safetensors", "--no-index")
    assert svc("song.flac", "-m", "without.safetensors", "-r", "0.5", "-d", "cpu") == 5
    assert "svc train-index" in capsys.readouterr().err.splitlines()[-1]
    assert svc("song.flac", "-m", "voice", "-k", "without.safetensors", "-r", "0.5", "-d", "cpu") == 4
    assert "pack it with --index FILE" in capsys.readouterr().err.splitlines()[-1]
    run("pack", "-m", "without.safetensors", "-o", "again.safetensors", "--index", "packed.safetensors")
    np.testing.assert_array_equal(sung("e.wav", "-m", "again.safetensors", "-s", "tenor", "-r", "0.5"), drawn)


def test_an_index_of_another_encoder_is_not_packed(capsys: pytest.CaptureFixture[str]) -> None:
    retrieval_file.write_index(Path("voice/index.safetensors"), {"tenor": torch.rand(3, 8)})
    run("pack", "-m", "voice", "-o", "packed.safetensors", status=5)
    told = capsys.readouterr().err.splitlines()[-1]
    assert "(8 channels instead of 16)" in told and "leave it out with --no-index" in told
    assert not Path("packed.safetensors").exists()


def test_an_index_of_faiss_is_read_and_compared_with_the_voice(capsys: pytest.CaptureFixture[str]) -> None:
    with np.load(Path(__file__).parents[1] / "retrieval" / "faiss.npz") as recorded:
        Path("added.index").write_bytes(recorded["full"].tobytes())
        Path("feature_and_index.pkl").write_bytes(recorded["pickled"].tobytes())
    for name in ("added.index", "feature_and_index.pkl"):
        assert svc("song.flac", "-m", "voice", "-d", "cpu", "-k", name, "-r", "0.5") == 5
        assert "(6 channels instead of 16)" in capsys.readouterr().err.splitlines()[-1]


def test_a_mix_differs_from_both_speakers() -> None:
    Path("mix.json").write_text('[{"seconds": 0, "tenor": 1}, {"seconds": 3, "Sängerin": 1}]', encoding="utf-8")
    alone = sung("a.wav", "-s", "tenor"), sung("b.wav", "-s", "Sängerin")
    mixed = sung("c.wav", "--speaker-mix", "tenor:0.7,Sängerin:0.3"), sung("d.wav", "--speaker-mix", "mix.json")
    for one in mixed:
        assert not any(np.array_equal(one, other) for other in alone)
    np.testing.assert_allclose(sung("e.wav", "--speaker-mix", "tenor:5"), alone[0], atol=1e-4)
