"""Draw docs/images/theory.png: mel spectrograms of a conversion, with the noise of a diffusion at several levels.

    python docs/tools/theory_picture.py

The phrase and the voice are bundled. No trained diffusion model is bundled, so its result is an empty panel.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from myna import ConversionOptions, Converter
from myna.assets import BUNDLED_SONG
from myna.audio.io import read
from myna.audio.spectrogram import MelSettings, mel_spectrogram
from myna.evaluation.drawing.image import coloured
from myna.models.diffusion.gaussian import GaussianDiffusion
from myna.models.diffusion.mel_scale import scaled
from myna.models.noise import SeededNoise
from myna.models.sizes import RefinerSizes
from myna.zoo.vocoders import VocoderConfig

PICTURE = Path(__file__).parents[1] / "images" / "theory.png"
VOICE = "joe"
K_STEPS = (50, 100, 300)
FIRST_FRAME, N_FRAMES = 100, 220  # the excerpt of the phrase, in frames of 11.6 ms
DARKEST, BRIGHTEST = -1.0, 0.6  # range of the colours, on the scale of `mel_scale`

# In pixels. Each value of a mel spectrogram is a square, so that the noise stays sharp and the file small.
VALUE, GAP, TITLE, MARGIN = 2, 24, 34, 16
GROUND, TEXT, FAINT = "#ffffff", "#1c2128", "#667080"
EMPTY = """A denoiser starts from a noisy mel below
and returns its result here. No trained
denoiser is bundled, so nothing is shown."""


def main() -> None:
    mel_settings = VocoderConfig().mel
    source, converted = phrase(mel_settings.sample_rate)
    before, start = (scaled(mel_of(audio, mel_settings)) for audio in (source, converted))
    diffusion = GaussianDiffusion(tiny(mel_settings.n_mels))
    noise = SeededNoise.of(0).normal("mel_noise", start.shape, start)
    noised = [diffusion.noised(start, torch.tensor([k_step - 1]), noise) for k_step in K_STEPS]
    draw(
        [("Source", before), (f"Conversion to {VOICE}: x_0", start), ("Refined", None)],
        [(title(diffusion, k_step), mel) for k_step, mel in zip(K_STEPS, noised, strict=True)],
    )


def phrase(sample_rate: int) -> tuple[Tensor, Tensor]:
    """Return the bundled phrase and its conversion, which has the pitch of the voice, both (1, N)."""
    source, rate = read(BUNDLED_SONG)
    converter = Converter.load(VOICE)
    converted = converter.convert(source, rate, ConversionOptions(auto_transpose=True)).audio
    assert converter.sample_rate == sample_rate
    return torch.from_numpy(read(BUNDLED_SONG, sample_rate)[0])[None], torch.from_numpy(converted)[None]


def mel_of(audio: Tensor, settings: MelSettings) -> Tensor:
    """Return the excerpt of the log-mel spectrogram of `audio` (1, N): (1, n_mels, N_FRAMES)."""
    return mel_spectrogram(audio, settings)[..., FIRST_FRAME : FIRST_FRAME + N_FRAMES]


def tiny(n_mels: int) -> RefinerSizes:
    """Return the sizes of an untrained diffusion; the noise does not depend on them, only on the levels."""
    return RefinerSizes(
        content_channels=1, condition_channels=1, n_speakers=1, key_shift=False, n_mels=n_mels, channels=4, n_layers=1
    )


def title(diffusion: GaussianDiffusion, k_step: int) -> str:
    """Return the formula of the mel spectrogram from which `--k-step` starts, with its numbers."""
    level = np.array([k_step - 1.0])
    alpha, sigma = float(diffusion.schedule.alpha_at(level)[0]), float(diffusion.schedule.sigma_at(level)[0])
    return f"-ks {k_step}: {alpha:.2f} x_0 + {sigma:.2f} noise"


def draw(*rows: list[tuple[str, Tensor | None]]) -> None:
    """Draw rows of panels, each a title and a mel spectrogram (1, n_mels, N_FRAMES); None is an empty panel."""
    n_mels = next(mel.shape[1] for _, mel in rows[0] if mel is not None)
    width, height = VALUE * N_FRAMES, VALUE * n_mels
    across, down = width + GAP, height + TITLE + GAP
    image = Image.new("RGB", (2 * MARGIN + 3 * across - GAP, MARGIN + len(rows) * down), GROUND)
    pencil, font = ImageDraw.Draw(image), ImageFont.load_default(18)
    for row, panels in enumerate(rows):
        for column, (name, mel) in enumerate(panels):
            left, top = MARGIN + column * across, row * down + TITLE
            pencil.text((left, top - 8), name, TEXT, font, "ls")
            if mel is None:
                pencil.rectangle((left, top, left + width - 1, top + height - 1), outline=FAINT, width=2)
                middle = left + width // 2, top + height // 2
                pencil.multiline_text(middle, EMPTY, FAINT, font, "mm", spacing=10, align="center")
            else:
                image.paste(panel(mel[0]), (left, top))
    image.quantize(256).save(PICTURE, optimize=True)


def panel(mel: Tensor) -> Image.Image:
    """Return a mel spectrogram (n_mels, T) as an image with low frequencies at the bottom."""
    share = ((mel.flip(0) - DARKEST) / (BRIGHTEST - DARKEST)).clamp(0, 1)
    levels = Image.fromarray((255 * share).to(torch.uint8).numpy())
    return coloured(levels.resize((VALUE * mel.shape[1], VALUE * mel.shape[0]), Image.Resampling.NEAREST))


if __name__ == "__main__":
    main()
