"""Settings of a conversion: the user's options, resolved for a voice and checked once."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from myna.config import Config, PitchRange
from myna.conversion.refinement import Refinement
from myna.conversion.speaker_mix import SpeakerMix
from myna.conversion.vocoding import load_vocoder
from myna.errors import ConfigError
from myna.features.pitch_edits import PitchEdits, read_pitch_edits
from myna.models.families import SYNTHESIZERS
from myna.models.noise import SeededNoise
from myna.models.vocoder import Vocoder
from myna.options import ComputePrecision, ConversionOptions
from myna.retrieval.speakers import SpeakerRetrieval, require_retrieval
from myna.scales import Autotune

# Default attenuation of the noise in the source's pauses, for voices that were trained only on clean recordings. These
# voices convert this noise to breath.
_USUAL_SOFTENING_DB = 15.0


@dataclass(frozen=True)
class ConversionSettings:
    """Settings of a conversion that do not depend on the recording."""

    options: ConversionOptions
    speaker: int | SpeakerMix  # speaker index, or shares of several speakers
    noise_scale: float
    softening_db: float  # attenuation of the pauses in the source
    # Pitch of the recordings of the speaker with the largest share; None if not in the configuration.
    voice_pitch: PitchRange | None
    retrieval: SpeakerRetrieval | None  # None uses the content without retrieval
    autotune: Autotune | None  # None moves no notes to a key
    edits: PitchEdits
    refinement: Refinement | None = None  # shallow diffusion after the synthesizer; None for none
    vocoder: Vocoder | None = None  # vocoder of the enhancer; None without the enhancer
    precision: ComputePrecision = "fp32"  # precision of the decoder; `precision.choose_precision` chooses it

    @classmethod
    def resolve(
        cls,
        config: Config,
        path: Path,
        options: ConversionOptions,
        device: str = "cpu",
        loaded: SpeakerRetrieval | None = None,
    ) -> Self:
        """Resolve `options` for the voice with this `config` and the weights file `path`.

        Args:
            loaded: retrieval data from an earlier call, reused if it comes from the same file.

        Raises:
            ConfigError: the voice does not support the options.
            CheckpointError: the chosen retrieval file contains no retrieval data, or the file of the diffusion model or
                the vocoder is not one.
            AssetError: the options need a vocoder, and there is none.
            MissingExtraError: the options need diffusers, which is not installed.
        """
        speaker: int | SpeakerMix
        if options.speaker_mix is not None:
            speaker = SpeakerMix.parse(options.speaker_mix, config)
            indices = speaker.indices
        else:
            speaker = config.speaker_id(options.speaker)
            indices = [speaker]
        names = [name for name, index in config.speakers.items() if index == indices[0]]
        voice_pitch = next((config.pitch[name] for name in names if name in config.pitch), None)
        if options.auto_predict_f0 and not config.model.predict_f0:
            raise ConfigError("this voice cannot predict pitch; leave --auto-predict-f0 out")
        if options.auto_transpose and voice_pitch is None:
            raise ConfigError(
                "config.json does not store the pitch of this voice's recordings ('svc pre-hubert' adds it); "
                "choose the shift with --transpose"
            )
        if not config.model.follows_pitch and (chosen := options.of_pitch):
            raise ConfigError(f"this voice is not conditioned on pitch; leave {' and '.join(map(_flag, chosen))} out")
        retrieval = None
        if options.cluster_infer_ratio:
            file = options.cluster_model_path or require_retrieval(path)
            same = loaded is not None and loaded.path == file
            retrieval = loaded if same else SpeakerRetrieval.load(file, config, device)
            assert retrieval is not None
            for index in indices:
                retrieval.of(index)
        usual_noise_scale = SYNTHESIZERS[config.model.synthesizer].usual_noise_scale
        return cls(
            options=options,
            speaker=speaker,
            noise_scale=usual_noise_scale if options.noise_scale is None else options.noise_scale,
            softening_db=_softening_db(config, options),
            voice_pitch=voice_pitch,
            retrieval=retrieval,
            autotune=None if options.autotune is None else Autotune.parse(options.autotune),
            edits=PitchEdits() if options.pitch is None else read_pitch_edits(options.pitch),
            refinement=Refinement.load(config, path, indices, options, device),
            vocoder=load_vocoder(options.vocoder, device) if options.enhance else None,
        )

    def speaker_at(self, seconds: NDArray[np.float64]) -> Tensor:
        """Return the `speaker` field of `models.interface.Conditions` for frames at these times (T,)."""
        if isinstance(self.speaker, int):
            return torch.tensor([self.speaker])
        return torch.from_numpy(self.speaker.at(seconds))[None]

    @property
    def key(self) -> Hashable:
        """Key of the settings that affect a slice; it excludes the voice, the recording and the pitch edits."""
        speaker = self.speaker
        mix = speaker if isinstance(speaker, int) else (speaker.seconds.tobytes(), speaker.shares.tobytes())
        return replace(self.options, pitch=None), mix

    def noise_at(self, start: int, device: str = "cpu") -> SeededNoise:
        """Return the noise for a slice that begins at sample `start`; it depends only on the seed and on `start`."""
        state = np.random.SeedSequence([self.options.seed, start]).generate_state(1, np.uint64)
        return SeededNoise.of(int(state[0]), device)


def _flag(option: str) -> str:
    return f"--{option.replace('_', '-')}"


def _softening_db(config: Config, options: ConversionOptions) -> float:
    if not config.model.loudness_embedding:
        return 0.0
    if options.soften_pauses_db is not None:
        return options.soften_pauses_db
    # Voices with content versions were trained on noisy audio too.
    return 0.0 if config.data.content_versions else _USUAL_SOFTENING_DB
