"""A vocoder trains with a voice's clips and loop, resumes exactly, and is published in the field's form."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import soundfile
import torch
from click.testing import CliRunner
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tiny import make_dataset
from trainings import Recorder, assert_same_bits, run

from myna.apps.cli import svc
from myna.assets import BUNDLED_VOICES
from myna.audio.io import read
from myna.config import Config
from myna.errors import AssetError, CheckpointError, ConfigError
from myna.models.noise import SilentNoise
from myna.storage import checkpoint
from myna.training.vocoder import training_config
from myna.zoo.vocoders import PUBLISHED, VocoderConfig, open_vocoder
from small_vocoders import GOLDEN_VOCODER, SMALL_PC_NSF, write_vocoder

pytestmark = pytest.mark.usefixtures("small_and_alone")
SMALL = SMALL_PC_NSF.model_copy(update={"mini_nsf": False, "pc_aug": False})


def vocoder_config(folder: Path, base: VocoderConfig = SMALL, **train: Any) -> Path:
    """Write clips, and the configuration of a training from random weights; return the path of the latter."""
    voice = Config.read(make_dataset(folder))
    values = {"batch_size": 2, "segment_size": 8 * 512, "log_interval": 2, "num_workers": 0, "ckpt_name_by_step": True}
    config = training_config(voice, base, from_scratch=True).with_values(train=values | train)
    config.write(folder / "vocoder.json")
    return folder / "vocoder.json"


@pytest.mark.parametrize("mini_nsf", [False, True])
def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path: Path, mini_nsf: bool) -> None:
    base = SMALL.model_copy(update={"mini_nsf": mini_nsf, "noise_sigma": 0.1 if mini_nsf else 0.0})
    config = vocoder_config(tmp_path, base)
    run(config, tmp_path / "whole", max_steps=3)
    run(config, tmp_path / "parts", max_steps=2)
    resumed = Recorder()
    summary = run(config, tmp_path / "parts", resumed, max_steps=3)
    assert [report.step for report in resumed.reports] == [3]
    assert summary.path == tmp_path / "parts" / PUBLISHED
    for name in ("G_3.pth", "D_3.pth", str(PUBLISHED)):
        assert_same_bits(tmp_path / "whole" / name, tmp_path / "parts" / name)


def test_training_lowers_the_loss_and_logs_mels_and_audio(tmp_path: Path) -> None:
    recorder = Recorder()
    config = vocoder_config(tmp_path, learning_rate=2e-3, adversarial_start=1000)
    run(config, tmp_path / "run", recorder, max_steps=24)
    mel = [report.losses["mel"] for report in recorder.reports]
    assert sum(mel[-4:]) < 0.8 * sum(mel[:4])
    assert recorder.reports[0].losses.keys() == {"discriminator", "synthesizer", "mel"}
    logged = EventAccumulator(str(tmp_path / "run")).Reload().Tags()
    assert {"loss/mel", "validation/mel", "learning_rate"} <= set(logged["scalars"])
    assert {"validation_0/sung_mel", "validation_0/recording_mel", "segment/sung_mel"} <= set(logged["images"])
    assert {"validation_0/sung", "validation_0/recording"} <= set(logged["audio"])


def test_the_result_opens_as_a_vocoder_of_the_field(tmp_path: Path) -> None:
    run(vocoder_config(tmp_path), tmp_path / "run", max_steps=1)
    path = tmp_path / "run" / PUBLISHED
    content = torch.load(path, weights_only=True)
    assert content.keys() == {"generator"}
    golden = torch.load(GOLDEN_VOCODER / "model", weights_only=True)["generator"]
    of_two_kernels = {name for name in golden if "resblocks" not in name}
    assert of_two_kernels == {name for name in content["generator"] if "resblocks" not in name}
    plain = json.loads(path.with_name("config.json").read_text())
    assert plain.keys() >= json.loads((GOLDEN_VOCODER / "config.json").read_text()).keys()
    opened, of_checkpoint, of_folder = map(open_vocoder, (path, tmp_path / "run" / "G_1.pth", tmp_path / "run"))
    assert opened.config == of_checkpoint.config == of_folder.config == SMALL
    assert not opened.remarks
    mel, f0 = torch.full((1, 128, 8), -4.0), torch.full((1, 8), 220.0)
    with torch.inference_mode():
        one, other = (each.build().synthesize(mel, f0, SilentNoise()).audio for each in (opened, of_checkpoint))
    assert torch.equal(one, other)


@pytest.mark.parametrize("mini_nsf", [False, True])
def test_fine_tuning_starts_from_a_vocoder(tmp_path: Path, mini_nsf: bool) -> None:
    base = SMALL.model_copy(update={"mini_nsf": mini_nsf})
    path = write_vocoder(tmp_path / "base", base)
    recorder = Recorder()
    config = vocoder_config(tmp_path, base, learning_rate=1e-9)
    run(config, tmp_path / "run", recorder, max_steps=1, from_scratch=False, pretrained_dir=path)
    assert recorder.plans[0].origin == f"from the vocoder {path}"
    before = torch.load(path, weights_only=True)["generator"]
    after = torch.load(tmp_path / "run" / PUBLISHED, weights_only=True)["generator"]
    assert before.keys() == after.keys()
    assert all(torch.allclose(after[name], one, rtol=0, atol=1e-6) for name, one in before.items())
    assert checkpoint.read(tmp_path / "run" / "G_1.pth").extra["step"] == 1


def test_bad_starts_are_refused_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MYNA_ASSETS", raising=False)
    config = vocoder_config(tmp_path)
    other = write_vocoder(tmp_path / "other", SMALL.model_copy(update={"fmax": 15000.0}))
    for pretrained, kind, message in (
        (other, ConfigError, "has other sizes or other mel spectrograms"),
        (config, CheckpointError, "is a JSON file"),
        (None, AssetError, "there is no vocoder"),
    ):
        with pytest.raises(kind, match=message):
            run(config, tmp_path / "run", max_steps=1, from_scratch=False, pretrained_dir=pretrained)
    voice = Config.read(tmp_path / "config.json")
    wrong_rate = VocoderConfig(sampling_rate=48000)
    with pytest.raises(ConfigError, match="sample rate is 48000 Hz, but the clips were prepared for 44100 Hz"):
        training_config(voice, wrong_rate, from_scratch=True)


def test_the_command_trains_resumes_and_its_result_enhances(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_dataset(tmp_path)
    write_vocoder(tmp_path / "pretrain" / "nsf_hifigan", SMALL)

    def svc_line(*arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(svc, [*arguments], catch_exceptions=False)
        assert done.exit_code == code, done.output
        return done.stdout.strip() or done.stderr.strip()

    train = ("train-vocoder", "-c", "config.json", "-d", "cpu", "--batch-size", "2", "--max-steps")
    first = svc_line(*train, "1")
    assert "logs/vocoder/nsf_hifigan/model. next: svc infer song.wav --enhance --vocoder logs/vocoder" in first
    kept = Config.read("logs/vocoder/config.json")
    assert (kept.model.synthesizer, kept.train.learning_rate, kept.train.max_gradient) == ("vocoder", 1e-5, None)
    shutil.rmtree("pretrain")  # resuming needs neither the first vocoder nor the flags
    assert "1 steps in" in svc_line(*train, "2")
    assert Path("logs/vocoder/G_2.pth").is_file()
    assert "a vocoder (NSF-HiFiGAN)" in svc_line("inspect", "logs/vocoder/G_2.pth")

    joe, _ = read(Path(BUNDLED_VOICES) / "song.flac", 44100)
    soundfile.write("song.wav", joe[:44100], 44100)
    svc_line("infer", "song.wav", "-m", "joe", "-d", "cpu", "--enhance", "--vocoder", "logs/vocoder")
    assert soundfile.info("song.out.wav").frames == 44100

    Path("voice").mkdir()
    shutil.copy("config.json", "voice")
    done = CliRunner().invoke(svc, [*train, "1", "-m", "voice"])
    assert isinstance(done.exception, ConfigError) and "holds a voice" in str(done.exception)
