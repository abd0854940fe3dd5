"""Clips as batches: every clip once an epoch, in an order that only seed and epoch decide."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from tiny import HIGHEST_HZ, make_dataset

from myna.config import Config
from myna.errors import ConfigError, MynaError
from myna.training import batch_size
from myna.training.batch_size import largest
from myna.training.clip_list import list_clips
from myna.training.dataset import ClipDataset, Collate, EpochBatches
from myna.training.features_file import ClipFeatures, VersionFeatures, features_path, read_features, write_features
from myna.training.state import TrainState


def indices(batches: EpochBatches) -> list[int]:
    return [index for batch in batches for _, index in batch]


def test_each_epoch_has_every_clip_once_in_an_order_of_its_own() -> None:
    batches, orders = EpochBatches(10, 3, seed=1), []
    for batches.epoch in range(3):
        orders.append(indices(batches))
        assert sorted(orders[-1]) == list(range(10))
        assert len(list(batches)) == len(batches) == 4
    assert orders[0] != orders[1] != orders[2]
    batches.epoch = 0
    assert indices(batches) == orders[0]
    batches.first_batch = 2
    assert indices(batches) == orders[0][6:]


def test_processes_share_the_clips_and_have_equally_many_batches() -> None:
    shares = [EpochBatches(7, 2, seed=1, rank=rank, world_size=2) for rank in range(2)]
    heard = [indices(share) for share in shares]
    assert set(heard[0] + heard[1]) == set(range(7))
    assert len(heard[0]) == len(heard[1]) == 4


def test_long_clips_are_cut_elsewhere_each_epoch_and_features_stay_with_their_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("myna.training.families.MAX_FRAMES", 8)
    config = Config.read(make_dataset(tmp_path, (1.0,)))
    clips = ClipDataset(list_clips(tmp_path / "train.txt", config), config)
    whole, starts = clips.piece(0, 0, 1000), set()
    for epoch in range(6):
        cut = clips[epoch, 0]
        assert torch.equal(cut.audio, clips[epoch, 0].audio)
        (start,) = [t for t in range(whole.f0.shape[0] - 7) if torch.equal(whole.content[:, t : t + 8], cut.content)]
        assert torch.equal(cut.audio, whole.audio[start * 512 : (start + 8) * 512])
        assert torch.equal(cut.spectrogram, whole.spectrogram[:, start : start + 8])
        starts.add(start)
    assert len(starts) > 1


@pytest.mark.parametrize("hop_length", [256, 320, 512])
def test_a_piece_has_the_spectrum_that_it_has_in_the_whole(tmp_path: Path, hop_length: int) -> None:
    path = make_dataset(tmp_path, (0.4,), data={"hop_length": hop_length})
    config = Config.read(path)
    clips = ClipDataset(list_clips(tmp_path / "train.txt", config), config)
    whole = clips.piece(0, 0, 1000)
    n_frames = whole.f0.shape[0]
    for start in (0, 1, 3, 10, n_frames - 5, n_frames - 1):
        piece = clips.piece(0, start, 4)
        assert piece.spectrogram.shape[1] == piece.f0.shape[0] == min(4, n_frames - start)
        torch.testing.assert_close(piece.spectrogram, whole.spectrogram[:, start : start + 4])


def test_a_voice_without_a_latent_variable_is_given_what_it_decodes(tmp_path: Path) -> None:
    config = Config.read(make_dataset(tmp_path, (0.5, 0.05), template="myna-lite"))
    clips = ClipDataset(list_clips(tmp_path / "train.txt", config), config)
    assert config.train.segment_size == 8 * 512
    assert [clips[0, index].f0.shape[0] for index in range(2)] == [8, 4]
    assert clips.beginning(0).f0.shape[0] == 43
    assert len({clips[epoch, 0].content[0, 0].item() for epoch in range(8)}) > 1


def test_a_clip_at_another_rate_is_counted_in_frames_of_the_voice(tmp_path: Path) -> None:
    """A second of 96 kHz is a second."""
    config = Config.read(make_dataset(tmp_path, (1.0,)))
    (clip,) = (tmp_path / "dataset" / "anna").glob("*.wav")
    soundfile.write(clip, np.full(96000, 0.1), 96000)
    (listed,) = list_clips(tmp_path / "train.txt", config)
    assert listed.n_frames == 44100 // 512 == ClipDataset([listed], config).beginning(0).f0.shape[0]


def test_volume_augmentation_moves_loudness_with_the_sound(tmp_path: Path) -> None:
    config = Config.read(make_dataset(tmp_path, (0.5,), vol_aug=True)).with_values(model={"vol_embedding": True})
    clips = ClipDataset(list_clips(tmp_path / "train.txt", config), config)
    whole = clips.piece(0, 0, 1000)
    gains = []
    for epoch in range(8):
        cut = clips[epoch, 0]
        gains.append(float(20 * torch.log10(cut.audio.abs().max() / whole.audio.abs().max())))
        assert torch.allclose(cut.loudness, whole.loudness + gains[-1], atol=1e-3)
        assert cut.audio.abs().max() <= 1
    assert 0.0 in gains and len(set(gains)) > 1


def test_a_clip_is_heard_as_another_said_it_in_another_epoch(tmp_path: Path) -> None:
    config = Config.read(make_dataset(tmp_path, (0.5,))).with_values(data={"content_versions": 2})
    (clip,) = list_clips(tmp_path / "train.txt", config)
    features, highest_hz, _ = read_features(features_path(clip.path))
    versions = tuple(VersionFeatures(features.content + far, features.loudness + far) for far in (10, 20))
    write_features(features_path(clip.path), ClipFeatures(features, highest_hz, versions), {})
    clips = ClipDataset([clip], config)
    heard = [clips[epoch, 0] for epoch in range(20)]
    shifts = [round(float((one.content - features.content).mean())) for one in heard]
    assert set(shifts) == {0, 10, 20}
    assert [round(float((one.loudness - features.loudness).mean())) for one in heard] == shifts
    assert torch.equal(clips.beginning(0).content, features.content), "validation hears what was recorded"
    with pytest.raises(ConfigError, match=r"not for data\.content_versions 1; run svc pre-hubert again"):
        ClipDataset([clip], config.with_values(data={"content_versions": 1}))[0, 0]


def test_batches_are_padded_to_what_the_decoder_makes(tmp_path: Path) -> None:
    config = Config.read(make_dataset(tmp_path, (0.05, 0.1)))
    clips = ClipDataset(list_clips(tmp_path / "train.txt", config), config)
    batch = Collate(20)([clips[0, 0], clips[0, 1]])
    assert batch.input.lengths.tolist() == [4, 8]
    assert batch.audio.shape == (2, 1, 20 * 512)
    assert batch.input.conditions.content.shape == (2, 6, 20)
    assert not batch.audio[0, 0, 4 * 512 :].any()
    assert batch.highest_hz.tolist() == [HIGHEST_HZ] * 2


def test_what_is_missing_or_does_not_fit_is_named(tmp_path: Path) -> None:
    config = Config.read(make_dataset(tmp_path, (0.2, 0.1)))
    with pytest.raises(ConfigError, match="svc pre-config writes it"):
        list_clips(tmp_path / "nothing.txt", config)
    clip, other = sorted((tmp_path / "dataset" / "anna").glob("*.wav"))
    (tmp_path / "list.txt").write_text(f"{clip}\n{tmp_path / 'gone.wav'}\n")
    with pytest.raises(ConfigError, match=r"1 clips are named in .* but not there: .*gone\.wav"):
        list_clips(tmp_path / "list.txt", config)
    clips = ClipDataset(list_clips(tmp_path / "train.txt", config), config)
    clip.write_bytes(other.read_bytes())
    with pytest.raises(ConfigError, match=r"has 8 frames and its features 17; run svc pre-hubert again"):
        clips.beginning(0)
    (clip.parent / f"{clip.name}.features.safetensors").write_bytes(b"half")
    with pytest.raises(MynaError, match="svc pre-hubert"):
        clips.beginning(0)
    with pytest.raises(ConfigError, match="lies in no speaker's folder; this voice has: boris"):
        list_clips(tmp_path / "train.txt", config.model_copy(update={"speakers": {"boris": 0}}))


def test_a_batch_size_is_tried_with_the_judges_that_come_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config.read(make_dataset(tmp_path, template="myna-lite", adversarial_start=100))
    state = TrainState.create(config, torch.device("cpu"))
    clips = ClipDataset(list_clips(tmp_path / "train.txt", config), config)
    for name, found in (("mem_get_info", (1 << 40, 1 << 40)), ("memory_reserved", 0), ("max_memory_allocated", 0)):
        monkeypatch.setattr(torch.cuda, name, lambda device, found=found: found)
    for name in ("empty_cache", "reset_peak_memory_stats"):
        monkeypatch.setattr(torch.cuda, name, lambda *arguments: None)
    steps = []
    monkeypatch.setattr(batch_size, "add_gradients", lambda engine, state, *others, **more: steps.append(state.step))
    fabric = SimpleNamespace(world_size=1, device=torch.device("cpu"))
    engine: Any = SimpleNamespace(fabric=fabric, config=config)
    assert batch_size._fits(engine, state, clips, 2)
    assert (steps, state.step) == ([100], 0)


@pytest.mark.parametrize(("capacity", "limit"), [(1, 100), (2, 100), (11, 100), (70, 100), (500, 100), (9, 3)])
def test_the_largest_batch_is_found_in_few_trials(capacity: int, limit: int) -> None:
    trials = []

    def fits(size: int) -> bool:
        trials.append(size)
        return size <= capacity

    found = largest(fits, limit)
    assert found <= min(capacity, limit) and found >= min(capacity, limit) * 7 / 8 - 1
    assert len(trials) <= 12 and len(set(trials)) == len(trials)
