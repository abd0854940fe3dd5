"""myna's own content encoder, which can encode a stream, and is small enough to be bundled.

The network consists of the first layers of Whisper base (Radford et al. 2022), but has narrower feed-forward networks,
and local instead of global attention. It was trained further (`recipes/content_encoder`), so that its content does not
depend on voice and pitch. It computes the probabilities of `N_SOUNDS` sounds and returns the average of the sounds'
codes, weighted by the probabilities. Such a mixture of shared codes contains little information about voice and pitch
(docs/experiments.md). All stages have a bounded look-ahead, so that a stream gives the same content as the whole
recording, with a constant delay: 198 ms for myna-content-1, 38 ms for myna-content-2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from importlib import resources

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from myna.audio.real_stft import RealStft
from myna.audio.spectrogram import mel_filterbank
from myna.errors import CheckpointError
from myna.storage.quantization import unpacked

SAMPLE_RATE = 16000
FRAME_SAMPLES = 320
N_FFT = 400
HOP_LENGTH = 160
N_MELS = 80
QUIET = 1e-7  # lower limit of the power in mel bands, reached in silence
CHANNELS = 512
N_HEADS = 8
WIDE_CHANNELS = 1536  # feed-forward channels: the most important ones of Whisper's 2048
BACK_FRAMES = 40  # number of earlier frames to which a frame attends in a block
QUERY_FRAMES = 32  # number of query frames whose attention is computed together
N_SOUNDS = 512
CODE_CHANNELS = 256
# Number of later frames to which a frame attends, in each block, by the name of the encoder.
AHEAD_FRAMES = {"myna-content-1": (3, 3, 3), "myna-content-2": (1, 0, 0)}


Attention = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]  # query, key, value, additive mask -> (..., queries, D)


class Stage(nn.Module):
    """A layer that computes one output step from each window of `size` input steps; windows start `stride` steps apart.

    `forward` takes padded input, (B, C, T) or (B, N), and returns one step for each complete window. `padded` adds
    `left` and `right` zeros to the ends; then there are T / `stride` output steps.
    """

    size: int
    stride: int
    left: int
    right: int

    def padded(self, x: Tensor) -> Tensor:
        result: Tensor = self(F.pad(x, (self.left, self.right)))
        return result


class LogMel(Stage):
    """Map samples (B, N) to log-mel frames (B, N_MELS, T); the 10 ms of a frame are at the centre of its window."""

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

    def exportable(self) -> nn.Module:
        return _RealLogMel(self)

    def power(self, audio: Tensor) -> Tensor:
        """Return the power spectrogram (B, N_FFT / 2 + 1, T)."""
        frames = audio.unfold(-1, N_FFT, HOP_LENGTH) * self.window
        return torch.view_as_real(torch.fft.rfft(frames)).square().sum(-1).transpose(1, 2)

    @staticmethod
    def compressed(power: Tensor) -> Tensor:
        """Compress power as Whisper does, but with the fixed floor `QUIET` instead of a floor 80 dB below the peak."""
        return power.clamp_min(QUIET).log10() / 4 + 1


class _RealLogMel(LogMel):
    """`LogMel` without complex numbers, for ONNX export."""

    def __init__(self, original: LogMel) -> None:
        super().__init__()
        self.stft = RealStft(original.window, HOP_LENGTH, padding=0)

    def power(self, audio: Tensor) -> Tensor:
        real, imaginary = self.stft.analysis(audio.unsqueeze(1))
        return (real.square() + imaginary.square())[:, 0]


class Convolution(Stage):
    """Convolution with kernel size 3, GELU and a learned offset; maps padded (B, C, T) to (B, CHANNELS, T / stride)."""

    size, left = 3, 1

    def __init__(self, in_channels: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.right = 2 - stride
        self.convolution = nn.Conv1d(in_channels, CHANNELS, self.size, stride)
        self.offset = nn.Parameter(torch.zeros(CHANNELS))  # initialised with the mean of Whisper's position embeddings

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(self.convolution(x)) + self.offset[:, None]


class Block(Stage):
    """Transformer layer in which each frame attends to `BACK_FRAMES` frames before it and `ahead_frames` after it.

    Whisper's position embeddings, which end after 30 s, are replaced by a learned bias for each head and distance.
    """

    left, stride = BACK_FRAMES, 1

    def __init__(self, ahead_frames: int) -> None:
        super().__init__()
        self.right, self.size = ahead_frames, BACK_FRAMES + 1 + ahead_frames
        self.attention_norm = nn.LayerNorm(CHANNELS)
        self.query = nn.Linear(CHANNELS, CHANNELS)
        self.key = nn.Linear(CHANNELS, CHANNELS, bias=False)
        self.value = nn.Linear(CHANNELS, CHANNELS)
        self.distances = nn.Parameter(torch.zeros(N_HEADS, self.size))
        self.output = nn.Linear(CHANNELS, CHANNELS)
        self.norm = nn.LayerNorm(CHANNELS)
        self.widen = nn.Linear(CHANNELS, WIDE_CHANNELS)
        self.narrow = nn.Linear(WIDE_CHANNELS, CHANNELS)
        self.attention: Attention = F.scaled_dot_product_attention

    def exportable(self) -> nn.Module:
        self.attention = _plain_attention  # the exporter supports fused attention only for a single group of queries
        return self

    def forward(self, hidden: Tensor) -> Tensor:
        hidden = hidden.transpose(1, 2)
        here = hidden[:, self.left : hidden.shape[1] - self.right]
        here = self.with_feed_forward(here + self.output(self.attend(self.attention_norm(hidden))))
        return here.transpose(1, 2)

    def with_feed_forward(self, hidden: Tensor) -> Tensor:
        """Add the output of the feed-forward network to hidden frames (..., C)."""
        result: Tensor = hidden + self.narrow(F.gelu(self.widen(self.norm(hidden))))
        return result

    def attend(self, hidden: Tensor) -> Tensor:
        """Apply local attention: map padded hidden frames (B, left + T + right, C) to (B, T, C)."""
        n_frames = hidden.shape[1] - self.size + 1
        # Process the queries in groups. The keys of a group range from the first key of its first query to the last key
        # of its last query.
        hidden = F.pad(hidden, (0, 0, 0, -n_frames % QUERY_FRAMES))
        span = QUERY_FRAMES + self.size - 1
        query = self.query(hidden[:, self.left : hidden.shape[1] - self.right])
        query = query.unflatten(1, (-1, QUERY_FRAMES)).unflatten(-1, (N_HEADS, -1)).transpose(2, 3)
        key, value = (
            one(hidden).unfold(1, span, QUERY_FRAMES).unflatten(2, (N_HEADS, -1)).transpose(3, 4)
            for one in (self.key, self.value)
        )
        heard = self.attention(query, key, value, self.preferences(QUERY_FRAMES).to(query.dtype))
        return heard.transpose(2, 3).flatten(3).flatten(1, 2)[:, :n_frames]

    def preferences(self, n_queries: int) -> Tensor:
        """Return the attention bias of each head, query and key, (N_HEADS, n_queries, n_queries + size - 1).

        It depends on the distance between query and key, and is -inf outside the query's context.
        """
        device = self.distances.device
        keys = torch.arange(n_queries + self.size - 1, device=device)
        distance = keys - torch.arange(n_queries, device=device)[:, None]
        unseen = (distance < 0) | (distance >= self.size)
        return self.distances[:, distance.clamp(0, self.size - 1)].masked_fill(unseen, -torch.inf)


def _plain_attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    scores = query @ key.mT / math.sqrt(query.shape[-1]) + mask
    return scores.softmax(-1) @ value


class ContentNetwork(nn.Module):
    """Map samples (B, N) at 16 kHz to content (B, CODE_CHANNELS, N // 320)."""

    def __init__(self, ahead_frames: Sequence[int]) -> None:
        super().__init__()
        self.log_mel = LogMel()
        self.stem = nn.ModuleList([Convolution(N_MELS, stride=1), Convolution(CHANNELS, stride=2)])
        self.blocks = nn.ModuleList(Block(n_frames) for n_frames in ahead_frames)
        self.norm = nn.LayerNorm(CHANNELS)
        self.sounds = nn.Linear(CHANNELS, N_SOUNDS)
        self.codes = nn.Linear(N_SOUNDS, CODE_CHANNELS)

    @property
    def stages(self) -> list[Stage]:
        return [stage for stage in (self.log_mel, *self.stem, *self.blocks) if isinstance(stage, Stage)]

    @property
    def look_ahead_samples(self) -> int:
        """Number of samples after its end on which a content frame depends."""
        samples_per_step, n_samples = 1, 0
        for stage in self.stages:
            n_samples += stage.right * samples_per_step
            samples_per_step *= stage.stride
        return n_samples

    def forward(self, audio: Tensor) -> Tensor:
        whole = audio[..., : audio.shape[-1] // FRAME_SAMPLES * FRAME_SAMPLES]
        return self.mixture(self.logits(self.from_mel(self.log_mel.padded(whole)))).transpose(1, 2)

    def from_mel(self, mel: Tensor) -> Tensor:
        """Map log-mel frames (B, N_MELS, 2 T) to hidden frames (B, CHANNELS, T)."""
        hidden = mel
        for stage in self.stages[1:]:
            hidden = stage.padded(hidden)
        return hidden

    def logits(self, hidden: Tensor) -> Tensor:
        """Map hidden frames (B, CHANNELS, T) to logits of the sounds (B, T, N_SOUNDS)."""
        logits: Tensor = self.sounds(self.norm(hidden.transpose(1, 2)))
        return logits

    def mixture(self, logits: Tensor) -> Tensor:
        """Map logits (B, T, N_SOUNDS) to content (B, T, CODE_CHANNELS)."""
        content: Tensor = self.codes(logits.softmax(-1))
        return content


class EmbeddedEncoder:
    """Encoder of 16 kHz audio: `encoder(audio (N,)) -> (CODE_CHANNELS, N // 320)`, at least one frame."""

    channels = CODE_CHANNELS

    def __init__(self, network: ContentNetwork, device: str = "cpu") -> None:
        self.network = network.to(device).eval()
        self.device = torch.device(device)

    @torch.inference_mode()
    def __call__(self, audio: Tensor) -> Tensor:
        audio = F.pad(audio.to(self.device), (0, max(FRAME_SAMPLES - len(audio), 0)))
        content: Tensor = self.network(audio[None])[0]
        return content


def load_embedded(name: str, device: str = "cpu") -> EmbeddedEncoder:
    """Load a bundled encoder, one of `AHEAD_FRAMES`.

    Raises:
        CheckpointError: the weights are missing from the installation, or are damaged.
    """
    from safetensors.torch import load

    try:
        network = ContentNetwork(AHEAD_FRAMES[name])
        weights = resources.files("myna").joinpath("weights", f"{name}.safetensors")
        network.load_state_dict(unpacked(load(weights.read_bytes())))
    except (OSError, RuntimeError) as error:
        raise CheckpointError(f"myna's own content encoder is missing or damaged; reinstall myna ({error})") from error
    return EmbeddedEncoder(network, device)
