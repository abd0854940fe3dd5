"""Batches of clips: every clip once an epoch, in an order that depends only on seed and epoch."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from tiny import BANDWIDTH_HZ, make_dataset

from myna.config import Config
from myna.errors import ConfigError, MynaError
from myna.training import batch_size, train
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


def test_processes_share_the_clips_and_have_the_same_number_of_batches() -> None:
    shares = [EpochBatches(7, 2, seed=1, rank=rank, world_size=2) for rank in range(2)]
    used = [indices(share) for share in shares]
    assert set(used[0] + used[1]) == set(range(7))
    assert len(used[0]) == len(used[1]) == 4


def test_excerpts_of_long_clips_differ_by_epoch_and_stay_aligned_with_their_features(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("myna.training.families.MAX_FRAMES", 8)
    config = Config.read(make_dataset(tmp_path, (1.0,)))
    clips = ClipDataset(list_clips(tmp_path / "train.txt", config), config)
    whole, starts = clips.excerpt(0, 0, 1000), set()
    for epoch in range(6):
        cut = clips[epoch, 0]
        assert torch.equal(cut.audio, clips[epoch, 0].audio)
        (start,) = [t for t in range(whole.f0.shape[0] - 7) if torch.equal(whole.content[:, t : t + 8], cut.content)]
        assert torch.equal(cut.audio, whole.audio[start * 512 : (start + 8) * 512])
        assert torch.equal(cut.spectrogram, whole.spectrogram[:, start : start + 8])
        starts.add(start)
    assert len(starts) > 1


@pytest.mark.parametrize("hop_length", [256, 320, 512])
def test_the_spectrogram_of_an_excerpt_equals_that_of_the_whole_clip(tmp_path: Path, hop_length: int) -> None:
    path = make_dataset(tmp_path, (0.4,), data={"hop_length": hop_length})
    config = Config.read(path)
    clips = ClipDataset(list_clips(tmp_path / "train.txt", config), config)
    whole = clips.excerpt(0, 0, 1000)
    n_frames = whole.f0.shape[0]
    for start in (0, 1, 3, 10, n_frames - 5, n_frames - 1):
        excerpt = clips.excerpt(0, start, 4)
        assert excerpt.spectrogram.shape[1] == excerpt.f0.shape[0] == min(4, n_frames - start)
        torch.testing.assert_close(excerpt.spectrogram, whole.spectrogram[:, start : start + 4])


def test_excerpts_for_the_light_voice_are_as_long_as_the_decoded_segment(tmp_path: Path) -> None:
    config = Config.read(make_dataset(tmp_path, (0.5, 0.05), template="myna-lite"))
    clips = ClipDataset(list_clips(tmp_path / "train.txt", config), config)
    assert config.train.segment_size == 8 * 512
    assert [clips[0, index].f0.shape[0] for index in range(2)] == [8, 4]
    assert clips.beginning(0).f0.shape[0] == 43
    assert len({clips[epoch, 0].content[0, 0].item() for epoch in range(8)}) > 1


def test_the_length_of_a_clip_at_another_sample_rate_is_in_frames_of_the_voice(tmp_path: Path) -> None:
    """A second at 96 kHz is a second."""
    config = Config.read(make_dataset(tmp_path, (1.0,)))
    (clip,) = (tmp_path / "dataset" / "anna").glob("*.wav")
    soundfile.write(clip, np.full(96000, 0.1), 96000)
    (listed,) = list_clips(tmp_path / "train.txt", config)
    assert listed.n_frames == 44100 // 512 == ClipDataset([listed], config).beginning(0).f0.shape[0]


def test_volume_augmentation_changes_loudness_with_the_audio(tmp_path: Path) -> None:
    config = Config.read(make_dataset(tmp_path, (0.5,), vol_aug=True)).with_values(model={"vol_embedding": True})
    clips = ClipDataset(list_clips(tmp_path / "train.txt", config), config)
    whole = clips.excerpt(0, 0, 1000)
    gains = []
    for epoch in range(8):
        cut = clips[epoch, 0]
        gains.append(float(20 * torch.log10(cut.audio.abs().max() / whole.audio.abs().max())))
        assert torch.allclose(cut.loudness, whole.loudness + gains[-1], atol=1e-3)
        assert cut.audio.abs().max() <= 1
    assert 0.0 in gains and len(set(gains)) > 1


def test_epochs_take_content_and_loudness_from_different_versions(tmp_path: Path) -> None:
    config = Config.read(make_dataset(tmp_path, (0.5,))).with_values(data={"content_versions": 2})
    (clip,) = list_clips(tmp_path / "train.txt", config)
    features, bandwidth_hz, _ = read_features(features_path(clip.path))
    versions = tuple(VersionFeatures(features.content + far, features.loudness + far) for far in (10, 20))
    write_features(features_path(clip.path), ClipFeatures(features, bandwidth_hz, versions), {})
    clips = ClipDataset([clip], config)
    examples = [clips[epoch, 0] for epoch in range(20)]
    shifts = [round(float((one.content - features.content).mean())) for one in examples]
    assert set(shifts) == {0, 10, 20}
    assert [round(float((one.loudness - features.loudness).mean())) for one in examples] == shifts
    assert torch.equal(clips.beginning(0).content, features.content), "validation uses the clip as recorded"
    with pytest.raises(ConfigError, match=r"not for data\.content_versions 1; run svc pre-hubert again"):
        ClipDataset([clip], config.with_values(data={"content_versions": 1}))[0, 0]


def test_batches_are_padded_to_the_decoded_segment(tmp_path: Path) -> None:
    config = Config.read(make_dataset(tmp_path, (0.05, 0.1)))
    clips = ClipDataset(list_clips(tmp_path / "train.txt", config), config)
    batch = Collate(20)([clips[0, 0], clips[0, 1]])
    assert batch.input.lengths.tolist() == [4, 8]
    assert batch.audio.shape == (2, 1, 20 * 512)
    assert batch.input.conditions.content.shape == (2, 6, 20)
    assert not batch.audio[0, 0, 4 * 512 :].any()
    assert batch.bandwidth_hz.tolist() == [BANDWIDTH_HZ] * 2


def test_errors_name_missing_and_unsuitable_clips(tmp_path: Path) -> None:
    config = Config.read(make_dataset(tmp_path, (0.2, 0.1)))
    with pytest.raises(ConfigError, match="svc pre-config writes it"):
        list_clips(tmp_path / "nothing.txt", config)
    clip, other = sorted((tmp_path / "dataset" / "anna").glob("*.wav"))
    (tmp_path / "list.txt").write_text(f"{clip}\n{tmp_path / 'gone.wav'}\n")
    with pytest.raises(ConfigError, match=r"1 clips in .* do not exist: .*gone\.wav; run svc pre-config again"):
        list_clips(tmp_path / "list.txt", config)
    clips = ClipDataset(list_clips(tmp_path / "train.txt", config), config)
    clip.write_bytes(other.read_bytes())
    with pytest.raises(ConfigError, match=r"has 8 frames, but its features 17; run svc pre-hubert again"):
        clips.beginning(0)
    (clip.parent / f"{clip.name}.features.safetensors").write_bytes(b"half")
    with pytest.raises(MynaError, match="svc pre-hubert"):
        clips.beginning(0)
    with pytest.raises(
        ConfigError, match=r"is not in the folder of a speaker \(this voice has: boris\); run svc pre-config again"
    ):
        list_clips(tmp_path / "train.txt", config.model_copy(update={"speakers": {"boris": 0}}))


def test_a_batch_size_is_tried_with_discriminators_that_start_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = Config.read(make_dataset(tmp_path, template="myna-lite", adversarial_start=100))
    state = TrainState.create(config, torch.device("cpu"))
    clips = ClipDataset(list_clips(tmp_path / "train.txt", config), config)
    for name, found in (("mem_get_info", (1 << 40, 1 << 40)), ("memory_reserved", 0), ("max_memory_allocated", 0)):
        monkeypatch.setattr(torch.cuda, name, lambda device, found=found: found)
    for name in ("empty_cache", "reset_peak_memory_stats"):
        monkeypatch.setattr(torch.cuda, name, lambda *arguments: None)
    steps = []
    monkeypatch.setattr(train, "add_gradients", lambda engine, state, *others, **more: steps.append(state.step))
    fabric = SimpleNamespace(world_size=1, device=torch.device("cpu"))
    engine: Any = SimpleNamespace(fabric=fabric, config=config)
    assert batch_size._fits(train.VoiceTrainee(engine, state, config, tmp_path, frozenset()), clips, 2)
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
