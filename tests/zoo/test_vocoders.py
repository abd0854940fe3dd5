"""Vocoder files are recognised by their tensors, with or without a config.json, and in every spelling of the names."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from myna.apps.cli import svc
from myna.audio.spectrogram import VOCODER_POWER_FLOOR, MelSettings
from myna.errors import CheckpointError, ConfigError
from myna.models.noise import SilentNoise
from myna.models.vocoder import Vocoder
from myna.zoo.inspection import inspect
from myna.zoo.vocoders import (
    VocoderConfig,
    check_vocoder,
    open_vocoder,
    vocoder_from_stored,
    vocoder_in,
    vocoder_to_stored,
)
from small_vocoders import GOLDEN_VOCODER, SMALL_PC_NSF, fused

SMALL = SMALL_PC_NSF.model_copy(update={"mini_nsf": False, "pc_aug": False})


def stored(config: VocoderConfig = SMALL, seed: int = 0) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    return vocoder_to_stored(Vocoder(config.sizes, config.mel).state_dict())


def written(folder: Path, content: Any, config: VocoderConfig | dict[str, Any] | None) -> Path:
    path = folder / "model"
    torch.save(content, path)
    if config is not None:
        plain = config if isinstance(config, dict) else config.model_dump(mode="json")
        (folder / "config.json").write_text(json.dumps(plain), encoding="utf-8")
    return path


def sound(vocoder: Vocoder) -> torch.Tensor:
    with torch.inference_mode():
        mel = torch.full((1, vocoder.mel.n_mels, 8), -4.0)
        return vocoder.synthesize(mel, torch.full((1, 8), 220.0), SilentNoise()).audio


def new_spelling(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    old = {"weight_g": "parametrizations.weight.original0", "weight_v": "parametrizations.weight.original1"}
    return {name.replace(name.split(".")[-1], old.get(name.split(".")[-1], name.split(".")[-1])): one
            for name, one in weights.items()}  # fmt: skip


@pytest.mark.parametrize("mini_nsf", [False, True])
@pytest.mark.parametrize("form", ["plain", "fused", "new names", "training", "bare", "folder"])
def test_every_form_of_a_file_gives_the_same_sound(tmp_path: Path, mini_nsf: bool, form: str) -> None:
    config = SMALL.model_copy(update={"mini_nsf": mini_nsf})
    weights = stored(config)
    expected = sound(_built(config, weights))
    content: dict[str, Any] = {
        "fused": {"generator": fused(weights)},
        "new names": {"generator": new_spelling(weights)},
        "training": {
            "state_dict": {
                **{f"generator.{name}": one for name, one in weights.items()},
                "discriminator.msd.discriminators.0.convs.0.bias": torch.ones(1),
            },
            "global_step": 3,
        },
        "bare": weights,
    }.get(form, {"generator": weights})
    path = written(tmp_path, content, config)
    opened = open_vocoder(tmp_path if form == "folder" else path)
    assert opened.title == ("PC-NSF-HiFiGAN" if mini_nsf else "NSF-HiFiGAN")
    assert not opened.remarks
    torch.testing.assert_close(sound(opened.build()), expected, rtol=0, atol=1e-6)
    assert inspect(path).what == f"a vocoder ({opened.title})"


def _built(config: VocoderConfig, weights: dict[str, torch.Tensor]) -> Vocoder:
    vocoder = Vocoder(config.sizes, config.mel).eval()
    vocoder.load_state_dict(vocoder_from_stored(weights))
    return vocoder


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"mini_nsf": True},
        {"resblock": "2", "resblock_dilation_sizes": ((1, 3), (1, 3))},
        {"upsample_rates": (8, 4, 4, 4), "upsample_kernel_sizes": (16, 8, 8, 8), "num_mels": 80},
        {"upsample_rates": (10, 6, 4), "upsample_kernel_sizes": (20, 12, 8), "hop_size": 240},
    ],
    ids=lambda values: ",".join(values) or "usual",
)
def test_the_sizes_follow_from_the_weights(tmp_path: Path, values: dict[str, Any]) -> None:
    config = VocoderConfig.model_validate({**SMALL.model_dump(), **values})
    path = written(tmp_path, {"generator": stored(config)}, None)
    opened = open_vocoder(path)
    assert opened.config.sizes == config.sizes
    assert len(opened.remarks) == 1 and "assumed are sampling_rate 44100" in opened.remarks[0]
    torch.testing.assert_close(sound(opened.build()), sound(_built(config, stored(config))), rtol=0, atol=1e-6)


def test_a_rate_that_no_shape_determines_is_taken_from_the_json(tmp_path: Path) -> None:
    values = {"upsample_rates": (10, 6, 4), "upsample_kernel_sizes": (22, 12, 8), "hop_size": 240}
    config = VocoderConfig.model_validate({**SMALL.model_dump(), **values})
    assert open_vocoder(written(tmp_path, {"generator": stored(config)}, config)).config == config


def test_keys_missing_from_the_json_are_inferred(tmp_path: Path) -> None:
    path = written(tmp_path, {"generator": stored()}, {"sampling_rate": 48000, "fmax": 20000})
    opened = open_vocoder(path)
    assert opened.config.sizes == SMALL.sizes
    assert (opened.config.mel.sample_rate, opened.config.mel.mel_fmax) == (48000, 20000)
    assert opened.remarks == ["config.json lacks some keys; assumed are n_fft 2048, win_size 2048, fmin 40.0"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"num_mels": 80}, "num_mels is 80, but the weights have 128"),
        ({"upsample_initial_channel": 512}, "upsample_initial_channel is 512, but the weights have 32"),
        ({"resblock_kernel_sizes": [3, 7]}, r"resblock_kernel_sizes is \[3, 7\], but the weights have \[3, 5\]"),
        ({"upsample_rates": [8, 4, 4, 2, 2]}, r"upsample_rates is \[8, 4, 4, 2, 2\]|does not fit a kernel"),
        ({"mini_nsf": True}, "mini_nsf is True, but the weights have False"),
        ({"hop_size": 256}, "hop_size is 256, but the product of upsample_rates is 512"),
        ({"upsample_rates": [16, 2, 8, 2, 1]}, "upsample_rates is|does not fit a kernel"),
        ({"fmax": 30000}, "fmin and fmax must be between 0 and half the sampling_rate"),
        ({"sampling_rate": "much"}, "sampling_rate: input should be a valid integer"),
        ([1, 2], "is not the configuration of a vocoder"),
        ("", "is not the configuration of a vocoder"),
    ],
)
def test_a_json_that_does_not_fit_is_refused_in_one_line(tmp_path: Path, values: Any, message: str) -> None:
    plain = {**SMALL.model_dump(mode="json"), **values} if isinstance(values, dict) else values
    path = written(tmp_path, {"generator": stored()}, None)
    (tmp_path / "config.json").write_text(json.dumps(plain), encoding="utf-8")
    with pytest.raises(ConfigError, match=message) as raised:
        open_vocoder(path)
    assert str(tmp_path / "config.json") in str(raised.value) and "\n" not in str(raised.value)


def test_files_that_are_no_vocoder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="there is no"):
        open_vocoder(tmp_path / "absent")
    with pytest.raises(CheckpointError, match="has no vocoder"):
        open_vocoder(tmp_path)
    voice = next((GOLDEN_VOCODER.parent / "4.1").glob("*/G_3.pth"))
    with pytest.raises(CheckpointError, match="is not a vocoder"):
        open_vocoder(voice)
    incomplete = {name: one for name, one in stored().items() if not name.startswith("resblocks")}
    with pytest.raises(CheckpointError, match="incomplete"):
        open_vocoder(written(tmp_path, {"generator": incomplete}, SMALL))
    without_pitch = {name: one for name, one in stored().items() if not name.startswith("m_source")}
    with pytest.raises(CheckpointError, match="is not a vocoder"):
        open_vocoder(written(tmp_path, {"generator": without_pitch}, SMALL))
    missing = {name: one for name, one in stored().items() if not name.startswith("conv_post")}
    with pytest.raises(CheckpointError, match="do not fit the configuration"):
        open_vocoder(written(tmp_path, {"generator": missing}, SMALL)).build()


def test_a_code_in_the_file_is_never_executed(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "executed",))

    path = written(tmp_path, {"generator": stored(), "other": Evil()}, SMALL)
    with pytest.raises(CheckpointError, match="refused"):
        open_vocoder(path)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"sample_rate": 48000}, "the vocoder's sample rate is 44100 Hz, but the diffusion model has 48000 Hz"),
        ({"hop_length": 256}, "the vocoder's hop length is 512 samples, but the diffusion model has 256 samples"),
        ({"n_mels": 80}, "the vocoder's n mels is 128, but|mel bands"),
        ({"mel_fmax": 22050.0}, "the vocoder's mel fmax is 16000 Hz, but the diffusion model has 22050 Hz"),
    ],
)
def test_a_vocoder_of_other_mel_spectrograms_is_refused(changed: dict[str, Any], message: str) -> None:
    own = open_vocoder(GOLDEN_VOCODER).config.mel
    check_vocoder(own, own, "the diffusion model")
    with pytest.raises(ConfigError, match=message):
        check_vocoder(own, MelSettings(**{**vars(own), **changed}), "the diffusion model")
    assert own.power_floor == VOCODER_POWER_FLOOR


def test_the_command_shows_the_facts(tmp_path: Path) -> None:
    shutil.copytree(GOLDEN_VOCODER, tmp_path / "nsf_hifigan")
    done = CliRunner().invoke(svc, ["inspect", str(tmp_path / "nsf_hifigan" / "model")], catch_exceptions=False)
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0].endswith("model: a vocoder (NSF-HiFiGAN), 0.4 MB")
    for line in ("sample rate  44100 Hz", "mel bands    128, 40 to 16000 Hz", "usable       yes, with --vocoder"):
        assert f"  {line}" in lines
    (tmp_path / "nsf_hifigan" / "config.json").write_text('{"num_mels": 80}')
    done = CliRunner().invoke(svc, ["inspect", str(tmp_path / "nsf_hifigan" / "model")], catch_exceptions=False)
    assert "num_mels is 80, but the weights have 128" in done.stdout
    assert vocoder_in({"generator": {"a": 1}}) is None
