"""myna's own content encoder: small enough to travel in the package, and able to hear a stream.

A convolutional network of 10 ms log-mel frames, distilled from Whisper base (`recipes/content_encoder`). It says how
much each of `N_SOUNDS` sounds is heard, and gives the mixture of their codes: what a mixture of shared codes cannot
say, the voice and the pitch, is not in it (docs/experiments.md). Every stage looks back and a little ahead, never
further, so that a stream gives the same content as the whole recording, `LOOK_AHEAD_SAMPLES` later.
"""

from __future__ import annotations

import math
from importlib import resources

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from myna.audio.spectrogram import mel_filterbank
from myna.errors import CheckpointError

SAMPLE_RATE = 16000
FRAME_SAMPLES = 320
N_FFT = 512
HOP_LENGTH = 160
N_MELS = 80
QUIET = 1e-6  # power below which all is silence: that is 0 for the network
CHANNELS = 256
EXPANSION = 3
KERNEL_SIZE = 9
N_BLOCKS = 8
STEM_FRAMES = 6  # mel frames that the first convolution hears; it takes two steps at a time
N_SOUNDS = 400
CODE_CHANNELS = 128
WEIGHTS = "myna-content-1.safetensors"

# What comes after the end of a content frame and is still heard for it: 191 ms.
LOOK_AHEAD_SAMPLES = (N_FFT - HOP_LENGTH) // 2 + (STEM_FRAMES - 2) // 2 * HOP_LENGTH + N_BLOCKS * FRAME_SAMPLES


class Stage(nn.Module):
    """A map of windows of `size` steps, every `stride` steps; `left` and `right` zeros make it keep the length.

    Its `forward` takes padded input, (B, C, T) or (B, N), and gives one step for each whole window.
    """

    size: int
    stride: int
    left: int
    right: int

    def padded(self, x: Tensor) -> Tensor:
        result: Tensor = self(F.pad(x, (self.left, self.right)))
        return result


class LogMel(Stage):
    """Samples (B, N) to log-mel frames (B, N_MELS, T), 0 in silence; each window has its 10 ms in its middle."""

    size, stride = N_FFT, HOP_LENGTH
    left = right = (N_FFT - HOP_LENGTH) // 2
    window: Tensor
    filterbank: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(N_FFT), persistent=False)
        self.register_buffer("filterbank", mel_filterbank(SAMPLE_RATE, N_FFT, N_MELS), persistent=False)

    def forward(self, audio: Tensor) -> Tensor:
        return self.compressed(self.filterbank @ self.power(audio))

    def power(self, audio: Tensor) -> Tensor:
        """(B, N_FFT / 2 + 1, T)"""
        frames = audio.unfold(-1, N_FFT, HOP_LENGTH) * self.window
        return torch.view_as_real(torch.fft.rfft(frames)).square().sum(-1).transpose(1, 2)

    @staticmethod
    def compressed(power: Tensor) -> Tensor:
        return ((power + QUIET).log() - math.log(QUIET)) / 4


class Stem(Stage):
    """Log-mel every 10 ms to hidden frames every 20 ms."""

    size, stride = STEM_FRAMES, 2
    left = right = (STEM_FRAMES - 2) // 2

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(N_MELS, CHANNELS, STEM_FRAMES, stride=2)

    def forward(self, mel: Tensor) -> Tensor:
        hidden: Tensor = self.convolution(mel)
        return hidden


class Block(Stage):
    """ConvNeXt's block (Liu et al. 2022), which sees seven frames back and one ahead."""

    size, stride = KERNEL_SIZE, 1
    left, right = KERNEL_SIZE - 2, 1

    def __init__(self) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(CHANNELS, CHANNELS, KERNEL_SIZE, groups=CHANNELS)
        self.norm = nn.LayerNorm(CHANNELS)
        self.widen = nn.Linear(CHANNELS, EXPANSION * CHANNELS)
        self.narrow = nn.Linear(EXPANSION * CHANNELS, CHANNELS)
        self.scale = nn.Parameter(torch.full((CHANNELS,), 0.1))

    def forward(self, hidden: Tensor) -> Tensor:
        change = self.norm(self.depthwise(hidden).transpose(1, 2))
        change = self.narrow(F.gelu(self.widen(change))) * self.scale
        result: Tensor = hidden[..., self.left : hidden.shape[-1] - self.right] + change.transpose(1, 2)
        return result


class ContentNetwork(nn.Module):
    """Samples (B, N) at 16 kHz to content (B, CODE_CHANNELS, N // 320)."""

    def __init__(self) -> None:
        super().__init__()
        self.log_mel = LogMel()
        self.stem = Stem()
        self.blocks = nn.ModuleList(Block() for _ in range(N_BLOCKS))
        self.norm = nn.LayerNorm(CHANNELS)
        self.sounds = nn.Linear(CHANNELS, N_SOUNDS)
        self.codes = nn.Linear(N_SOUNDS, CODE_CHANNELS)

    @property
    def stages(self) -> list[Stage]:
        return [self.log_mel, self.stem, *(block for block in self.blocks if isinstance(block, Stage))]

    def forward(self, audio: Tensor) -> Tensor:
        whole = audio[..., : audio.shape[-1] // FRAME_SAMPLES * FRAME_SAMPLES]
        return self.mixture(self.logits(self.from_mel(self.log_mel.padded(whole)))).transpose(1, 2)

    def from_mel(self, mel: Tensor) -> Tensor:
        """Log-mel (B, N_MELS, 2 T) to hidden frames (B, CHANNELS, T)."""
        hidden = self.stem.padded(mel)
        for block in self.stages[2:]:
            hidden = block.padded(hidden)
        return hidden

    def logits(self, hidden: Tensor) -> Tensor:
        """Hidden frames (B, CHANNELS, T) to the logits of the sounds (B, T, N_SOUNDS)."""
        logits: Tensor = self.sounds(self.norm(hidden.transpose(1, 2)))
        return logits

    def mixture(self, logits: Tensor) -> Tensor:
        """Logits (B, T, N_SOUNDS) to content (B, T, CODE_CHANNELS)."""
        content: Tensor = self.codes(logits.softmax(-1))
        return content


class ContentStream:
    """Content of audio that comes in blocks: what `push` and `finish` give, joined, is that of the whole recording."""

    def __init__(self, network: ContentNetwork) -> None:
        self.network = network
        self.stages = network.stages
        self.held: list[Tensor | None] = [None] * len(self.stages)  # input that later windows of a stage still need
        self.rest = torch.zeros(1, 0)  # samples of a frame that is not yet whole

    @torch.inference_mode()
    def push(self, audio: Tensor) -> Tensor:
        """Samples (N,) to the content (CODE_CHANNELS, T) that they complete; T may be 0."""
        audio = torch.cat([self.rest, audio[None]], dim=-1)
        whole = audio.shape[-1] // FRAME_SAMPLES * FRAME_SAMPLES
        self.rest = audio[:, whole:]
        return self._advance(audio[:, :whole], last=False)

    @torch.inference_mode()
    def finish(self) -> Tensor:
        """The content (CODE_CHANNELS, T) of the frames that were waiting for what comes after them."""
        return self._advance(self.rest[:, :0], last=True)

    def _advance(self, x: Tensor, *, last: bool) -> Tensor:
        for index, stage in enumerate(self.stages):
            held = self.held[index]
            x = F.pad(x, (stage.left, 0)) if held is None else torch.cat([held, x], dim=-1)
            if last:
                x = F.pad(x, (0, stage.right))
            n_windows = max((x.shape[-1] - stage.size) // stage.stride + 1, 0)
            self.held[index] = x[..., n_windows * stage.stride :]
            if not n_windows:
                return x.new_zeros(CODE_CHANNELS, 0)
            x = stage(x)
        return self.network.mixture(self.network.logits(x))[0].T


class EmbeddedEncoder:
    """Content of 16 kHz audio: `encoder(audio (N,)) -> (CODE_CHANNELS, N // 320)`, at least one frame."""

    channels = CODE_CHANNELS

    def __init__(self, network: ContentNetwork, device: str = "cpu") -> None:
        self.network = network.to(device).eval()
        self.device = torch.device(device)

    @torch.inference_mode()
    def __call__(self, audio: Tensor) -> Tensor:
        audio = F.pad(audio.to(self.device), (0, max(FRAME_SAMPLES - len(audio), 0)))
        content: Tensor = self.network(audio[None])[0]
        return content

    def stream(self) -> ContentStream:
        """A new stream, for one recording as it comes."""
        return ContentStream(self.network)


def load_embedded(device: str = "cpu") -> EmbeddedEncoder:
    """The encoder with the weights that the package carries.

    Raises:
        CheckpointError: the installation lacks them.
    """
    from safetensors.torch import load

    try:
        weights = load(resources.files("myna").joinpath("weights", WEIGHTS).read_bytes())
        network = ContentNetwork()
        network.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    except (OSError, RuntimeError) as error:
        raise CheckpointError(f"myna's own content encoder is not whole; reinstall myna ({error})") from error
    return EmbeddedEncoder(network, device)
