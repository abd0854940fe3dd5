"""Shallow diffusion: a refiner and a vocoder after the synthesizer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
import yaml
from click.testing import CliRunner

from myna.apps.cli import svc
from myna.assets import BUNDLED_VOICES
from myna.audio.io import read
from myna.config import Config
from myna.conversion.converter import Converter
from myna.conversion.refinement import Encode, Refinement
from myna.conversion.settings import ConversionSettings
from myna.errors import CheckpointError, ConfigError, MissingExtraError
from myna.features.extractor import FeatureExtractor
from myna.features.loudness import loudness
from myna.models.interface import Conditions, Generated, Sampling
from myna.models.noise import SeededNoise
from myna.models.sizes import RefinerSizes
from myna.options import ConversionOptions
from myna.realtime.carried import can_carry
from myna.voice import Voice
from myna.zoo.diffusion import MODULES, Kind, to_stored

VOCODER = Path(__file__).parents[1] / "golden" / "vocoder"
SIZES = RefinerSizes(
    content_channels=256,
    condition_channels=16,
    n_speakers=1,
    key_shift=True,
    n_mels=128,
    channels=24,
    n_layers=2,
    max_k_step=300,
)
SHALLOW = {"shallow_diffusion": True, "vocoder": VOCODER}
Options = dict[str, Any]


@pytest.fixture(scope="module")
def voice() -> Voice:
    return Voice.load("joe")


@pytest.fixture(scope="module")
def song(voice: Voice) -> np.ndarray:
    audio, _ = read(Path(BUNDLED_VOICES) / "song.flac", voice.config.data.sample_rate)
    return audio[voice.config.data.sample_rate :][: 2 * voice.config.data.sample_rate]


def make_refiner(folder: Path, sizes: RefinerSizes = SIZES, kind: Kind = "diffusion", **values: Any) -> Path:
    """Write a refiner with random weights and its yaml file."""
    torch.manual_seed(0)
    module = MODULES[kind](sizes)
    torch.nn.init.normal_(module.denoiser.output_conv.weight, std=0.1)
    folder.mkdir(parents=True, exist_ok=True)
    torch.save({"global_step": 8, "model": to_stored(module.state_dict(), kind, sizes)}, folder / "model_8.pt")
    config = {
        "data": {"sampling_rate": 44100, "block_size": 512, "encoder_out_channels": sizes.content_channels},
        "model": {"k_step_max": sizes.max_k_step, "n_spk": sizes.n_speakers},
        "infer": {"speedup": 10, "method": "unipc"},
        "spk": {"joe": 0},
    }
    for section, changes in values.items():
        config[section] = changes if section == "spk" else {**config[section], **changes}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return folder / "model_8.pt"


@pytest.fixture(scope="module")
def refiner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_refiner(tmp_path_factory.mktemp("diffusion"))


def load(voice: Voice, refiner: Path, config: Config | None = None, **options: Any) -> Refinement:
    chosen = ConversionOptions(**{**SHALLOW, "diffusion_model_path": refiner, **options})
    refinement = Refinement.load(config or voice.config, voice.path, [0], chosen)
    assert refinement is not None
    return refinement


@dataclass
class Player:
    """A synthesizer that plays the same samples (N,) each time."""

    audio: torch.Tensor
    n_calls: int = 0

    def generate(self, conditions: Conditions, sampling: Sampling) -> Generated:
        self.n_calls += 1
        return Generated(self.audio[None, None], conditions.f0)


@pytest.fixture
def player(song: np.ndarray) -> Player:
    return Player(torch.from_numpy(song[: 40 * 512]))


@pytest.fixture
def conditions() -> Conditions:
    torch.manual_seed(0)
    f0 = torch.full((1, 40), 220.0)
    return Conditions(torch.randn(1, 256, 40), f0, f0 > 0, torch.tensor([0]), torch.full((1, 40), -20.0))


def never(audio: np.ndarray, n_frames: int) -> torch.Tensor:
    raise AssertionError("the content was computed again")


@torch.inference_mode()
def generate(
    refinement: Refinement, player: Player, conditions: Conditions, encode: Encode = never, seed: int = 0
) -> torch.Tensor:
    sampling = Sampling(SeededNoise.of(seed), noise_scale=0.0)
    return refinement.after(player, encode).generate(conditions, sampling).audio


def test_k_step_0_returns_the_vocoded_mel_of_the_voice(
    voice: Voice, refiner: Path, player: Player, conditions: Conditions
) -> None:
    refinement = load(voice, refiner, k_step=0)
    with torch.inference_mode():
        mel = refinement.vocoder.analysis(player.audio[None])
        expected = refinement.vocoder.synthesize(mel, conditions.f0, SeededNoise.of(0)).audio
    torch.testing.assert_close(generate(refinement, player, conditions), expected)
    assert player.n_calls == 1


def test_the_refined_sound_is_as_long_as_the_voices_and_depends_on_the_seed(
    voice: Voice, refiner: Path, player: Player, conditions: Conditions
) -> None:
    refinement = load(voice, refiner, k_step=50)
    once, again, other = (generate(refinement, player, conditions, seed=seed) for seed in (1, 1, 2))
    assert once.shape == (1, 1, 40 * 512)
    assert torch.equal(once, again)
    assert not torch.equal(once, other)


def test_the_yaml_file_has_the_defaults(voice: Voice, refiner: Path) -> None:
    refinement = load(voice, refiner)
    assert (refinement.k_step, refinement.speedup, refinement.method) == (100, 10, "unipc")
    chosen = load(voice, refiner, k_step=30, speedup=5, diffusion_method="ddim")
    assert (chosen.k_step, chosen.speedup, chosen.method) == (30, 5, "ddim")
    assert chosen.refiner is refinement.refiner  # not loaded again


def test_diffusion_alone_does_not_use_the_voices_network(
    voice: Voice, player: Player, conditions: Conditions, tmp_path: Path
) -> None:
    path = make_refiner(tmp_path, replace(SIZES, max_k_step=1000))
    alone = load(voice, path, shallow_diffusion=False, only_diffusion=True, speedup=200)
    assert generate(alone, player, conditions).isfinite().all()
    assert player.n_calls == 0


def test_the_second_encoding_is_that_of_the_voices_output(
    voice: Voice, refiner: Path, player: Player, conditions: Conditions
) -> None:
    refinement, heard = load(voice, refiner, k_step=20, second_encoding=True), []

    def encode(audio: np.ndarray, n_frames: int) -> torch.Tensor:
        heard.append((audio, n_frames))
        return torch.zeros(256, n_frames)

    changed = generate(refinement, player, conditions, encode)
    ((audio, n_frames),) = heard
    np.testing.assert_array_equal(audio, player.audio.numpy())
    assert n_frames == 40
    assert not torch.equal(changed, generate(load(voice, refiner, k_step=20), player, conditions))


def test_a_voice_without_loudness_gives_the_loudness_of_its_output(
    voice: Voice, refiner: Path, player: Player, conditions: Conditions
) -> None:
    deaf = voice.config.with_values(model={"vol_embedding": False})
    own, given = load(voice, refiner, deaf, k_step=20), load(voice, refiner, k_step=20)
    measured = conditions._replace(loudness=torch.from_numpy(loudness(player.audio.numpy(), 512))[None])
    assert torch.equal(generate(own, player, conditions), generate(given, player, measured))
    assert not torch.equal(generate(own, player, conditions), generate(given, player, conditions))


def test_speakers_are_matched_by_name(voice: Voice, conditions: Conditions, player: Player, tmp_path: Path) -> None:
    two = voice.config.with_values(model={"n_speakers": 2}, spk={"anna": 1})
    path = make_refiner(tmp_path, replace(SIZES, n_speakers=2), spk={"anna": 0, "joe": 1})
    refinement = load(voice, path, two, k_step=20)
    assert refinement.speakers.tolist() == [[0, 1], [1, 0]]
    alone, mixed = (
        generate(refinement, player, conditions._replace(speaker=speaker))
        for speaker in (torch.tensor([1]), torch.tensor([[[0.0], [1.0]]]))
    )
    torch.testing.assert_close(alone, mixed)


@pytest.mark.parametrize("kind", ["diffusion", "rectified-flow"])
def test_a_damaged_refiner_is_named(
    kind: Kind, voice: Voice, player: Player, conditions: Conditions, tmp_path: Path
) -> None:
    path = make_refiner(tmp_path, kind=kind)
    content = torch.load(path, weights_only=True)
    content["model"]["unit_embed.bias"][0] = torch.nan
    torch.save(content, path)
    with pytest.raises(CheckpointError, match=r"model_8.pt generates NaN: its weights are damaged"):
        generate(load(voice, path, k_step=20), player, conditions)


@pytest.mark.parametrize(
    ("sizes", "values", "options", "message"),
    [
        ({}, {}, {"k_step": 301}, "was trained up to k_step 300, and not for 301; lower --k-step"),
        ({}, {}, {"shallow_diffusion": False, "only_diffusion": True}, "use --shallow-diffusion instead of --only"),
        ({}, {}, {"diffusion_method": "euler"}, "no solver euler; choose --diffusion-method from ddim, pndm"),
        ({"content_channels": 768}, {}, {}, "takes content of 768 channels, and the voice has 256"),
        ({"n_speakers": 3}, {"spk": {}}, {}, "was trained for 3 speakers, and the voice has 1"),
        ({}, {"spk": {"anna": 0}}, {}, "was trained for anna, not for joe"),
        ({}, {"data": {"sampling_rate": 48000}}, {}, "has a sample rate of 48000 Hz, and the voice 44100"),
        ({}, {"data": {"block_size": 441}}, {}, "has 441 samples per frame, and the voice 512"),
        ({}, {"model": {"n_layers": 9}}, {}, "model.n_layers is 9, but the weights have 2"),
        ({"n_mels": 80}, {}, {}, "the vocoder's n mels is 128, but the diffusion model has 80"),
    ],
)
def test_what_does_not_fit_is_refused_before_any_sound_is_computed(
    sizes: Options, values: Options, options: Options, message: str, voice: Voice, tmp_path: Path
) -> None:
    path = make_refiner(tmp_path, replace(SIZES, **sizes), **values)
    chosen = ConversionOptions(**{**SHALLOW, "diffusion_model_path": path, **options})
    with pytest.raises(ConfigError, match=message) as raised:
        Converter(voice).check(chosen)
    assert "\n" not in str(raised.value)


def test_another_content_encoder_is_refused(voice: Voice, tmp_path: Path) -> None:
    path = make_refiner(tmp_path, data={"encoder": "vec256l9"})
    other = voice.config.with_values(model={"speech_encoder": "hubertsoft"})
    with pytest.raises(ConfigError, match="content encoder vec256l9, and the voice with hubertsoft"):
        load(voice, path, other)


def test_a_missing_refiner_or_library_is_named(
    voice: Voice, refiner: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ConversionOptions(**SHALLOW)
    with pytest.raises(ConfigError, match=r"there is no diffusion model in .*; name one with -dm"):
        Refinement.load(voice.config, tmp_path / "G_0.pth", [0], options)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"needs the extra 'diffusion': pip install 'myna\[diffusion\]'"):
        load(voice, refiner)
    assert load(voice, make_refiner(tmp_path, kind="rectified-flow")).method is None  # a flow needs no library


def test_the_refiner_beside_the_voice_is_the_default(voice: Voice, tmp_path: Path) -> None:
    path = make_refiner(tmp_path / "diffusion")
    found = Refinement.load(voice.config, tmp_path / "G_0.pth", [0], ConversionOptions(**SHALLOW))
    assert found is not None and found.path == path
    assert Refinement.load(voice.config, tmp_path / "G_0.pth", [0], ConversionOptions()) is None


@pytest.mark.parametrize(
    "options",
    [
        {"shallow_diffusion": True, "only_diffusion": True},
        {"shallow_diffusion": True, "enhance": True},
        {"only_diffusion": True, "formant_shift": 2.0},
        {"only_diffusion": True, "auto_predict_f0": True},
        {"k_step": 1001},
        {"speedup": 0},
        {"diffusion_method": "ancestral"},
    ],
)
def test_options_that_exclude_each_other(options: Options) -> None:
    with pytest.raises(ConfigError, match=r"exclude|must be"):
        ConversionOptions(**options)


def test_a_stream_with_a_refinement_is_not_carried(voice: Voice, refiner: Path) -> None:
    encoder = FeatureExtractor(voice.config).encoder
    options = {True: ConversionOptions(**SHALLOW, diffusion_model_path=refiner), False: ConversionOptions()}
    for refined, chosen in options.items():
        settings = ConversionSettings.resolve(voice.config, voice.path, chosen)
        assert can_carry(voice, encoder, settings) is not refined


def test_slices_join_without_clicks(voice: Voice, refiner: Path, song: np.ndarray) -> None:
    options = ConversionOptions(**SHALLOW, diffusion_model_path=refiner, k_step=20, max_chunk_seconds=1, mark=False)
    converted = Converter(voice).convert(song, 44100, options)
    assert converted.summary.n_slices > 1
    assert len(converted.audio) == len(song)
    # A click is a jump between two samples that is larger than any other. Near the joins, the largest one is not.
    jumps = np.abs(np.diff(converted.audio))
    near = jumps[44100 - 2205 : 44100 + 2205].max()
    assert near <= np.delete(jumps, np.s_[44100 - 2205 : 44100 + 2205]).max()


def test_svc_infer_refines(refiner: Path, song: np.ndarray, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "song.wav", song[:44100], 44100)

    def infer(name: str, *flags: str) -> np.ndarray:
        words = ["infer", str(tmp_path / "song.wav"), "-m", "joe", "-o", str(tmp_path / name), *flags]
        result = CliRunner().invoke(svc, words)
        assert result.exit_code == 0, result.output
        return read(tmp_path / name, 44100)[0]

    flags = ("-shd", "-dm", str(refiner), "-dc", str(refiner.with_name("config.yaml")), "--vocoder", str(VOCODER))
    once, again = (infer(name, *flags, "-ks", "20", "--diffusion-method", "ddim") for name in ("a.wav", "b.wav"))
    other = infer("c.wav", *flags, "-ks", "20", "--speedup", "5", "--second-encoding")
    assert len(once) == 44100
    np.testing.assert_array_equal(once, again)
    assert not np.array_equal(once, other)
    words = ["infer", str(tmp_path / "song.wav"), "-m", "joe", *flags, "-ks", "900"]
    result = CliRunner().invoke(svc, words)
    assert "was trained up to k_step 300, and not for 900; lower --k-step" in str(result.exception)
    assert not (tmp_path / "song.out.wav").exists()
