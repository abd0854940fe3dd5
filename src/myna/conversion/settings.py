"""Settings of a conversion: a voice and a person's options, resolved and checked once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from myna.config import Config, PitchRange
from myna.conversion.speaker_mix import SpeakerMix
from myna.errors import ConfigError
from myna.models.families import SYNTHESIZERS
from myna.models.noise import SeededNoise
from myna.options import ConversionOptions
from myna.retrieval.speakers import SpeakerRetrieval, require_retrieval

# Attenuation of the noise in a source's pauses, for voices that were trained on clean recordings only: they turn that
# noise into breath.
_USUAL_SOFTENING_DB = 15.0


@dataclass(frozen=True)
class ConversionSettings:
    """Everything about a conversion that does not depend on the song."""

    options: ConversionOptions
    speaker: int | SpeakerMix  # an index, or several speakers in shares
    noise_scale: float
    softening_db: float  # attenuation of the source's pauses
    voice_pitch: PitchRange | None  # of the recordings of the speaker with the largest share, if the voice stores it
    retrieval: SpeakerRetrieval | None  # None where content is not blended

    @classmethod
    def resolve(
        cls,
        config: Config,
        path: Path,
        options: ConversionOptions,
        device: str = "cpu",
        loaded: SpeakerRetrieval | None = None,
    ) -> Self:
        """Resolve `options` for the voice of `config` in the file `path`.

        Args:
            loaded: retrieval data from an earlier call, used again where it is the same file.

        Raises:
            ConfigError: the voice cannot do what the options ask.
            CheckpointError: the file contains no retrieval data.
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
        )

    def speaker_at(self, seconds: NDArray[np.float64]) -> Tensor:
        """Return the speaker in frames at these moments (T,), as `models.interface.Conditions` takes it."""
        if isinstance(self.speaker, int):
            return torch.tensor([self.speaker])
        return torch.from_numpy(self.speaker.at(seconds))[None]

    def noise_at(self, start: int, device: str = "cpu") -> SeededNoise:
        """Return the noise of a slice that begins at the sample `start`, independent of everything before it."""
        state = np.random.SeedSequence([self.options.seed, start]).generate_state(1, np.uint64)
        return SeededNoise.of(int(state[0]), device)


def _softening_db(config: Config, options: ConversionOptions) -> float:
    if not config.model.loudness_embedding:
        return 0.0
    if options.soften_pauses_db is not None:
        return options.soften_pauses_db
    return 0.0 if config.data.content_versions else _USUAL_SOFTENING_DB  # trained on noisy versions as well
