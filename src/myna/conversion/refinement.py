"""Shallow diffusion: a refiner and a vocoder after the synthesizer, as in so-vits-svc 4.1.

synthesizer ──► mel analysis ──► refiner ──► vocoder ──► audio
                                    ▲ content, f0, loudness, speaker

With `--only-diffusion`, the refiner starts from noise alone, and the synthesizer does not run.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from myna.config import Config, RefinementMethod
from myna.conversion.vocoding import load_vocoder
from myna.errors import CheckpointError, ConfigError, MissingExtraError
from myna.features.content import CONTENT_ENCODERS
from myna.features.loudness import loudness
from myna.models.interface import Conditions, Generated, Refiner, RefinerSampling, Sampling, Synthesizer
from myna.models.vocoder import Vocoder
from myna.options import ConversionOptions
from myna.zoo.diffusion import METHODS, REFINER_FOLDER, OpenedRefiner, configuration_beside, find_refiner, open_refiner
from myna.zoo.vocoders import check_vocoder

USUAL_K_STEP = 100

Encode = Callable[[NDArray[np.float32], int], Tensor]  # (audio (N,), number of frames) -> content (C, T)


@dataclass(frozen=True)
class Refinement:
    """A refiner and its vocoder, checked for a voice, and the options of the refinement."""

    path: Path  # file of the refiner
    refiner: Refiner
    vocoder: Vocoder
    # Share of each of the voice's speakers in each of the refiner's speakers, (n_speakers of the refiner, n_speakers).
    speakers: Tensor
    k_step: int
    speedup: int
    method: RefinementMethod | None
    from_noise: bool  # whether the refiner starts from noise alone
    second_encoding: bool  # whether the refiner's content comes from the synthesizer's output
    # Whether the refiner's loudness comes from the synthesizer's output: for voices that are not conditioned on it.
    own_loudness: bool

    @classmethod
    def load(
        cls, config: Config, path: Path, speakers: Sequence[int], options: ConversionOptions, device: str = "cpu"
    ) -> Refinement | None:
        """Load the refiner and the vocoder that `options` ask for; return None if they ask for none.

        Args:
            config: configuration of the voice.
            path: weights file of the voice.
            speakers: indices of the voice's speakers that the conversion uses.

        Raises:
            ConfigError: the refiner, the vocoder and the voice do not fit each other, or the refiner does not support
                the options.
            CheckpointError: there is no refiner, or its file cannot be used.
            AssetError: there is no vocoder.
            MissingExtraError: diffusers is not installed.
        """
        if not (options.shallow_diffusion or options.only_diffusion):
            return None
        chosen = options.diffusion_model_path or path.parent / REFINER_FOLDER
        if options.diffusion_model_path is None and not chosen.is_dir():
            raise ConfigError(f"there is no diffusion model in {chosen}; name one with -dm")
        opened, refiner = _load(*_versions(find_refiner(chosen), options.diffusion_config_path), device)
        _check_voice(opened, config)
        shares = _speakers(opened, config, speakers)
        k_step = _k_step(opened, options)
        vocoder = load_vocoder(options.vocoder or _named_vocoder(opened), device, path)
        check_vocoder(vocoder.mel, opened.mel, "the diffusion model")
        if opened.kind == "diffusion" and k_step and importlib.util.find_spec("diffusers") is None:
            raise MissingExtraError("a diffusion model", "diffusion")
        return cls(
            path=opened.path,
            refiner=refiner,
            vocoder=vocoder,
            speakers=shares.to(device),
            k_step=k_step,
            speedup=options.speedup or opened.config.speedup_at(k_step),
            method=_method(opened, options),
            from_noise=options.only_diffusion,
            second_encoding=options.second_encoding and options.shallow_diffusion,
            own_loudness=not config.model.loudness_embedding,
        )

    def after(self, synthesizer: Synthesizer, encode: Encode) -> Synthesizer:
        """Return the synthesizer with this refinement after it.

        Args:
            encode: computes the content of audio at the voice's sample rate, for the second encoding.
        """
        return _Refined(synthesizer, self, encode)


@dataclass(frozen=True)
class _Refined:
    """Wrapper that refines a synthesizer's output (batch size 1)."""

    synthesizer: Synthesizer
    refinement: Refinement
    encode: Encode

    def generate(self, conditions: Conditions, sampling: Sampling) -> Generated:
        this, f0, mel = self.refinement, conditions.f0, None
        if not this.from_noise:
            audio, f0 = self.synthesizer.generate(conditions, sampling)
            mel = this.vocoder.analysis(audio[:, 0].float())
            conditions = self._of_output(conditions._replace(f0=f0), audio[0, 0].float())
        refined = this.refiner.refine(
            conditions._replace(speaker=_mixed(conditions.speaker, this.speakers)),
            mel,
            RefinerSampling(sampling.noise, this.k_step, this.speedup, this.method),
        )
        if not refined.isfinite().all():
            raise CheckpointError(f"{this.path} generates NaN: its weights are damaged")
        return Generated(this.vocoder.synthesize(refined, f0, sampling.noise).audio, f0)

    def _of_output(self, conditions: Conditions, audio: Tensor) -> Conditions:
        """Replace the content and the loudness by those of the synthesizer's output (N,), if they are chosen."""
        this, samples, n_frames = self.refinement, audio.cpu().numpy(), conditions.f0.shape[1]
        if this.second_encoding:
            conditions = conditions._replace(content=self.encode(samples, n_frames)[None].to(audio.device))
        if this.own_loudness:
            measured = torch.from_numpy(loudness(samples, this.vocoder.mel.hop_length))
            conditions = conditions._replace(loudness=measured[None].to(audio.device))
        return conditions


def _mixed(speaker: Tensor, speakers: Tensor) -> Tensor:
    """Convert the voice's speaker indices or mix (see `Conditions`) to those of the refiner."""
    if speaker.dim() == 1:
        return speakers[:, speaker].argmax(0)
    return speakers @ speaker.to(speakers.dtype)


def _versions(path: Path, config_path: Path | None) -> tuple[Path, Path | None, tuple[tuple[int, int], ...]]:
    """Return the files of a refiner, and the sizes and times by which a changed file is noticed."""
    config_path = config_path or configuration_beside(path)
    files = [one for one in (path, config_path) if one is not None and one.exists()]
    return path, config_path, tuple((one.stat().st_size, one.stat().st_mtime_ns) for one in files)


@lru_cache(maxsize=1)
def _load(
    path: Path, config_path: Path | None, versions: tuple[tuple[int, int], ...], device: str
) -> tuple[OpenedRefiner, Refiner]:
    """Load a refiner; the last one stays in memory."""
    opened = open_refiner(path, config_path)
    return opened, opened.build(device)


def _check_voice(opened: OpenedRefiner, config: Config) -> None:
    """Raise `ConfigError` if a refiner takes other features than the voice, or makes frames of another length."""
    sizes, data, model = opened.sizes, opened.config.data, config.model
    if sizes.content_channels != model.content_channels:
        raise ConfigError(
            f"{opened.path} takes content of {sizes.content_channels} channels, and the voice has "
            f"{model.content_channels}: use a diffusion model that was trained with this voice"
        )
    own, given = CONTENT_ENCODERS.get(config.content_encoder), CONTENT_ENCODERS.get(data.content_encoder)
    if "encoder" in data.model_fields_set and None not in (own, given) and own != given:
        raise ConfigError(
            f"{opened.path} was trained with the content encoder {data.content_encoder}, and the voice with "
            f"{config.content_encoder}: use a diffusion model that was trained with this voice"
        )
    for what, theirs, ours in (
        ("a sample rate of {} Hz", data.sampling_rate, config.data.sample_rate),
        ("{} samples per frame", data.block_size, config.data.hop_length),
    ):
        if theirs != ours:
            raise ConfigError(
                f"{opened.path} has {what.format(theirs)}, and the voice {ours}: use a diffusion model that was "
                "trained with this voice"
            )


def _speakers(opened: OpenedRefiner, config: Config, used: Sequence[int]) -> Tensor:
    """Return `Refinement.speakers`: speakers are matched by name or, if one side has no names, by index.

    Raises:
        ConfigError: the refiner was not trained for a speaker.
    """
    n_own, n_speakers, names = config.model.n_speakers, opened.sizes.n_speakers, opened.config.spk
    if names and config.speakers:
        rows = {index: names[name] for name, index in config.speakers.items() if name in names}
        if missing := [name for name, index in config.speakers.items() if index in used and index not in rows]:
            raise ConfigError(
                f"{opened.path} was trained for {', '.join(names)}, not for {', '.join(missing)}: use a diffusion "
                "model that was trained with this voice"
            )
    else:
        rows = {index: index for index in config.speakers.values() or range(n_own)}
        if len(rows) != n_speakers or max(rows) >= n_speakers:
            raise ConfigError(
                f"{opened.path} was trained for {n_speakers} speakers, and the voice has {len(rows)}: use a diffusion "
                "model that was trained with this voice"
            )
    shares = torch.zeros(n_speakers, n_own)
    for index, row in rows.items():
        shares[row, index] = 1
    return shares


def _k_step(opened: OpenedRefiner, options: ConversionOptions) -> int:
    sizes = opened.sizes
    if options.only_diffusion:
        if sizes.max_k_step < sizes.n_levels:
            raise ConfigError(
                f"{opened.path} was trained up to k_step {sizes.max_k_step}: it can refine a voice, but cannot convert "
                "alone; use --shallow-diffusion instead of --only-diffusion"
            )
        return sizes.n_levels
    if options.k_step is None:
        return min(USUAL_K_STEP, sizes.max_k_step)
    if options.k_step > sizes.max_k_step:
        raise ConfigError(
            f"{opened.path} was trained up to k_step {sizes.max_k_step}, and not for {options.k_step}; lower --k-step"
        )
    return options.k_step


def _method(opened: OpenedRefiner, options: ConversionOptions) -> RefinementMethod | None:
    known = METHODS[opened.kind]
    if options.diffusion_method is None:
        return opened.config.method(opened.kind)
    if options.diffusion_method not in known:
        raise ConfigError(
            f"{opened.path} has no solver {options.diffusion_method}; choose --diffusion-method from {', '.join(known)}"
        )
    return options.diffusion_method


def _named_vocoder(opened: OpenedRefiner) -> Path | None:
    """Return the vocoder that the refiner's yaml file names, if it exists in the current folder."""
    named = opened.config.vocoder.ckpt
    return Path(named) if named and Path(named).exists() else None
