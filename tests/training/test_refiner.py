"""Training of tiny refiners: the loss falls, a run resumes exactly, and the files are those of so-vits-svc 4.1."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
import yaml
from tiny import make_dataset
from trainings import Recorder, assert_same_bits

from myna.apps.cli import main
from myna.audio.spectrogram import shifted_mel_spectrogram
from myna.config import Config
from myna.errors import CheckpointError, ConfigError
from myna.models.interface import RefinerSampling
from myna.models.noise import SeededNoise
from myna.options import RefinerTrainOptions
from myna.storage import torch_file
from myna.training.clip_list import list_clips
from myna.training.dataset import ClipDataset, Collate, Excerpts
from myna.training.loop import TrainSummary
from myna.training.refiner import MelAnalysis, train_refiner
from myna.units import semitones_to_ratio
from myna.zoo import diffusion
from myna.zoo.diffusion import Kind, RefinerConfig, open_refiner
from myna.zoo.inspection import inspect
from myna.zoo.vocoders import VocoderConfig
from small_vocoders import GOLDEN_VOCODER

GOLDEN = Path(__file__).parents[1] / "golden" / "diffusion"
SMALL = {"n_layers": 2, "n_chans": 16, "n_hidden": 8}
QUICK = {"batch_size": 2, "num_workers": 0, "lr": 3e-3, "interval_log": 2, "interval_val": 1000}
KINDS: tuple[Kind, ...] = ("diffusion", "rectified-flow")
pytestmark = pytest.mark.usefixtures("small_and_alone")
Sections = dict[str, Any]


def make_refiner_config(folder: Path, kind: Kind = "diffusion", **sections: Sections) -> RefinerConfig:
    """Write the clips of a tiny voice, and return the configuration of a tiny refiner for it."""
    voice = Config.read(make_dataset(folder))
    plain = RefinerConfig.template(kind).with_voice(voice).model_dump(mode="json")
    for changes in ({"model": SMALL, "train": QUICK, "data": {"duration": 0.2}}, sections):
        for section, values in changes.items():
            plain[section] |= values
    return RefinerConfig.parse(plain)


def train(
    folder: Path, config: RefinerConfig, logs: str = "logs", recorder: Recorder | None = None, **options: Any
) -> TrainSummary:
    chosen = RefinerTrainOptions(device="cpu", **options)
    return train_refiner(Config.read(folder / "config.json"), config, folder / logs, chosen, recorder)


@pytest.mark.parametrize("kind", KINDS)
def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path: Path, kind: Kind) -> None:
    config = make_refiner_config(tmp_path, kind)
    train(tmp_path, config, "whole", max_steps=4)
    # An epoch has 3 steps: the second run starts in the middle of the first epoch and ends in the second.
    train(tmp_path, config, "parts", max_steps=2)
    resumed = Recorder()
    train(tmp_path, config, "parts", resumed, max_steps=4)
    assert [report.step for report in resumed.reports] == [3, 4]
    assert resumed.plans[0].origin.endswith("model_2.pt")
    assert_same_bits(tmp_path / "whole" / "model_4.pt", tmp_path / "parts" / "model_4.pt")


@pytest.mark.parametrize("kind", KINDS)
def test_training_lowers_the_loss_and_brings_a_noisy_mel_closer_to_the_recording(tmp_path: Path, kind: Kind) -> None:
    # A narrow network could not predict the noise of 128 bands.
    sizes = {"n_layers": 1, "n_chans": 256, "use_pitch_aug": False}
    config = make_refiner_config(tmp_path, kind, model=sizes, train={"lr": 1e-3, "batch_size": 4})
    losses, distances = [], []
    voice = Config.read(tmp_path / "config.json")
    clips = dataset(tmp_path, voice, 0.0)
    batch = Collate(1, silence=-11.5)([clips.beginning(0)])
    mel, conditions = batch.input.spectrogram, batch.input.conditions
    for n_steps in (1, 80):
        train(tmp_path, config, max_steps=n_steps)
        refiner = open_refiner(tmp_path / "logs").build()
        with torch.no_grad():
            rows = [refiner(conditions, mel, torch.ones(1, 1, mel.shape[2]), SeededNoise.of(i)) for i in range(20)]
        losses.append(float(torch.stack(rows).mean()))
        refined = refiner.refine(conditions, mel, RefinerSampling(SeededNoise.of(0), 300, 50))
        distances.append(float((refined - mel).abs().mean()))
    assert losses[1] < 0.96 * losses[0], losses
    assert distances[1] < 0.97 * distances[0], (losses, distances)


def test_a_checkpoint_has_the_form_of_so_vits_svc(tmp_path: Path) -> None:
    theirs = torch_file.read(GOLDEN / "model_1.pt")
    given = yaml.safe_load((GOLDEN / "diffusion.yaml").read_text())
    names = ("n_layers", "n_chans", "n_hidden", "use_pitch_aug", "k_step_max")
    config = make_refiner_config(tmp_path, model={name: given["model"][name] for name in names})
    train(tmp_path, config, max_steps=2)
    ours = torch.load(tmp_path / "logs" / "model_2.pt", weights_only=True)
    assert ours.keys() == {"global_step", "model", "optimizer", "myna"} and ours["global_step"] == 2
    # One speaker, therefore no speaker embedding; the order of the parameters is that of the optimizer's moments.
    assert set(ours["model"]) == set(theirs["model"]) - {"spk_embed.weight"}
    parameters = [name for name in theirs["model"] if not is_constant(name) and name != "spk_embed.weight"]
    assert [name for name in ours["model"] if not is_constant(name)] == parameters
    assert len(ours["optimizer"]["state"]) == len(parameters)
    plain = torch.optim.AdamW([torch.nn.Parameter(ours["model"][name]) for name in parameters])
    plain.load_state_dict(ours["optimizer"])
    opened = open_refiner(tmp_path / "logs")
    assert (opened.step, opened.kind, opened.sizes.max_k_step, opened.config.spk) == (2, "diffusion", 300, {"anna": 0})
    facts = inspect(tmp_path / "logs" / "model_2.pt").facts
    assert any("2" in value for value in facts.values()), facts


def is_constant(name: str) -> bool:
    return name.startswith("decoder.") and not name.startswith("decoder.denoise_fn")


def test_a_run_continues_from_a_checkpoint_of_so_vits_svc_and_from_base_weights(tmp_path: Path) -> None:
    config = make_refiner_config(tmp_path)
    train(tmp_path, config, max_steps=2)
    path = tmp_path / "logs" / "model_2.pt"
    content = torch.load(path, weights_only=True)
    del content["myna"], content["optimizer"]  # so-vits-svc stores no optimizer by default
    torch.save(content, path)
    recorder = Recorder()
    assert train(tmp_path, config, recorder=recorder, max_steps=3).step == 3
    assert any("the optimizer starts again" in note for note in recorder.notes)
    base = Recorder()
    (tmp_path / "base").mkdir()
    torch.save(content, tmp_path / "base" / "model_0.pt")
    assert train(tmp_path, config, "base", base, max_steps=1).steps == 1
    assert base.plans[0].origin == f"from the base weights {tmp_path / 'base' / 'model_0.pt'}"


def test_an_interrupted_run_saves_and_old_checkpoints_are_deleted(tmp_path: Path) -> None:
    config = make_refiner_config(tmp_path, train={"interval_val": 1, "interval_force_save": 2})
    assert not train(tmp_path, config, recorder=Recorder(terminate_at=5)).complete
    names = sorted(path.name for path in (tmp_path / "logs").glob("model_*"))
    assert names == ["model_2.pt", "model_4.pt", "model_5.pt"]
    assert RefinerConfig.read(tmp_path / "logs" / "config.yaml") == config


def test_the_log_has_mels_and_with_a_vocoder_audio(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    config = make_refiner_config(tmp_path, train={"interval_val": 2}, model={"k_step_max": 100})
    train(tmp_path, config, max_steps=2, vocoder=GOLDEN_VOCODER)
    events = EventAccumulator(str(tmp_path / "logs"))
    events.Reload()
    tags = events.Tags()
    assert {"loss/denoiser", "validation/loss", "validation/mel", "learning_rate"} <= set(tags["scalars"])
    assert {"validation_0/recording_mel", "validation_0/refined_mel"} <= set(tags["images"])
    assert {"validation_0/recording", "validation_0/refined"} <= set(tags["audio"])


def dataset(folder: Path, voice: Config, max_key_shift: float, max_frames: int = 20) -> ClipDataset:
    excerpts = Excerpts(max_frames, max_key_shift > 0, MelAnalysis(VocoderConfig().mel), max_key_shift)
    return ClipDataset(list_clips(folder / "train.txt", voice), voice, excerpts)


def test_an_excerpt_has_the_mel_of_the_whole_clip(tmp_path: Path) -> None:
    voice = Config.read(make_dataset(tmp_path))
    clips = dataset(tmp_path, voice, 0.0)
    audio = torch.from_numpy(soundfile.read(clips.clips[0].path, dtype="float32")[0])[None]
    for key_shift in (0.0, 4.0, -5.0):
        whole = shifted_mel_spectrogram(audio, VocoderConfig().mel, key_shift)[0]
        part = clips.excerpt(0, 8, 10, key_shift=key_shift)
        torch.testing.assert_close(part.spectrogram, whole[:, 8:18])


def test_a_transposed_clip_has_the_mel_of_a_tone_at_its_f0(tmp_path: Path) -> None:
    voice = Config.read(make_dataset(tmp_path))
    clips = dataset(tmp_path, voice, 5.0)
    examples = [clips[epoch, 0] for epoch in range(12)]
    shifted = [one for one in examples if one.key_shift]
    assert shifted and all(abs(one.key_shift) <= 5 for one in shifted) and len(shifted) < len(examples)
    settings = VocoderConfig().mel
    for one in shifted:
        hertz = 220 * semitones_to_ratio(one.key_shift)
        assert torch.allclose(one.f0, torch.tensor(hertz), rtol=1e-4)
        time = torch.arange(one.audio.shape[0] * 2) / settings.sample_rate
        tone = shifted_mel_spectrogram(torch.sin(2 * np.pi * hertz * time)[None], settings)[0]
        assert int(tone[:, 10].argmax()) == int(one.spectrogram[:, 10].argmax())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": {"encoder": "vec256l9"}}, r"data\.encoder is vec256l9, but the clips were prepared for vec768l12"),
        ({"data": {"encoder_out_channels": 7}}, r"encoder_out_channels is 7, but .* for 6; svc pre-config --refiner"),
        ({"data": {"sampling_rate": 32000}}, r"sampling_rate is 32000, but .* 44100"),
        ({"spk": {"anna": 1}}, r"the voice has anna as speaker 0, which does not fit spk"),
        ({"model": {"type": "Naive"}}, r"model\.type is 'Naive'; types .* are Diffusion, RectifiedFlow"),
        ({"model": {"k_step_max": 2000}}, r"k_step_max is 2000, above model\.timesteps 1000"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(tmp_path: Path, change: Sections, message: str) -> None:
    config = make_refiner_config(tmp_path, **change)
    with pytest.raises(ConfigError, match=message) as error:
        train(tmp_path, config, max_steps=1)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.glob("logs/model_*"))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: content["myna"].update(step=-1), r"model_1\.pt is damaged: step is not a valid count"),
        (lambda content: content.update(myna=3), r"model_1\.pt is damaged: step is not a valid count"),
        (lambda content: content["optimizer"]["state"].pop(0), r"does not fit this voice: .*; svc train-diff -r"),
        (lambda content: content["model"].pop("unit_embed.bias"), r"model_1\.pt: .* is missing"),
        (lambda content: content.pop("model"), r"is not a diffusion: train in another folder"),
    ],
)
def test_a_damaged_checkpoint_is_refused_in_one_line(
    tmp_path: Path, damage: Callable[[dict[str, Any]], Any], message: str
) -> None:
    config = make_refiner_config(tmp_path)
    train(tmp_path, config, max_steps=1)
    path = tmp_path / "logs" / "model_1.pt"
    content = torch.load(path, weights_only=True)
    damage(content)
    torch.save(content, path)
    with pytest.raises(CheckpointError, match=message) as error:
        train(tmp_path, config, max_steps=2)
    assert "\n" not in str(error.value)


def test_a_folder_of_another_refiner_is_refused(tmp_path: Path) -> None:
    config = make_refiner_config(tmp_path)
    train(tmp_path, config, max_steps=1)
    with pytest.raises(CheckpointError, match=r"model_1\.pt is not a rectified flow: train in another folder"):
        train(tmp_path, config.of_kind("rectified-flow"), max_steps=2)
    other = config.model_copy(update={"spk": {"boris": 0, "anna": 0}})
    other.write(tmp_path / "logs" / "config.yaml")
    moved = RefinerConfig.parse(config.model_dump(mode="json") | {"spk": {"anna": 0, "boris": 1}})
    with pytest.raises(ConfigError, match=r"was trained with another number for boris: train in another folder"):
        train(tmp_path, moved, max_steps=2)


def test_the_commands_from_clips_to_a_refiner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_dataset(tmp_path)
    (tmp_path / "configs").mkdir()
    voice = tmp_path / "configs" / "config.json"
    (tmp_path / "config.json").rename(voice)
    monkeypatch.chdir(tmp_path)
    paths = ["-i", "dataset", "-f", "filelists", "-c", "configs/config.json"]

    def svc(*words: str) -> str:
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        captured = capsys.readouterr()
        assert not ended.value.code, captured.err
        return captured.out + captured.err

    assert "configs/diffusion.yaml" in svc("pre-config", *paths, "--refiner", "diffusion")
    path = tmp_path / "configs" / "diffusion.yaml"
    written = yaml.safe_load(path.read_text())
    assert written["spk"] == {"anna": 0} and written["data"]["encoder_out_channels"] == 6
    assert written["data"]["training_files"] == "filelists/train.txt" and written["model"]["type"] == "Diffusion"
    written["model"] |= SMALL
    written["train"] |= QUICK
    path.write_text(yaml.safe_dump(written))
    svc("pre-config", *paths, "--refiner", "rectified-flow")
    again = yaml.safe_load(path.read_text())
    assert again["model"] == written["model"] | {"type": "RectifiedFlow"} and again["infer"]["method"] == "euler"

    output = svc("train-diff", "-c", "configs/diffusion.yaml", "--max-steps", "2", "-d", "cpu")
    found = re.search(r"2 steps in .*: logs/44k/diffusion/model_2\.pt\. .*(svc infer .*)", output)
    assert found and found[1].split()[2:] == [
        *("song.wav", "-m", "logs/44k", "-shd", "-dm", "logs/44k/diffusion", "-dc", "logs/44k/diffusion/config.yaml"),
    ]
    assert diffusion.open_refiner(Path("logs/44k/diffusion")).config.model.type == "RectifiedFlow"


def test_a_refiner_of_a_voice_in_another_folder_has_a_folder_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_dataset(tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs" / "anna").mkdir(parents=True)
    (tmp_path / "config.json").rename(tmp_path / "configs" / "anna" / "config.json")
    with pytest.raises(SystemExit):
        main(["pre-config", "-i", "dataset", "-c", "configs/anna/config.json", "--refiner", "diffusion"])
    written = yaml.safe_load((tmp_path / "configs" / "anna" / "diffusion.yaml").read_text())
    assert written["env"]["expdir"] == "logs/anna/diffusion"
