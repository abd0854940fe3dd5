"""Record mel.npz: filterbanks of librosa 0.11.0, and so-vits-svc-fork 4.2.30's spectrograms of one short signal.

Run in an environment with both installed: `python record.py`.
"""

from types import SimpleNamespace

import librosa
import numpy as np
import torch
from so_vits_svc_fork.modules import mel_processing

FILTERBANKS = {
    "44k": (44100, 2048, 80, 0.0, None),
    "16k": (16000, 400, 80, 0.0, None),
    "band": (22050, 1024, 40, 55.0, 7600.0),
}

arrays = {
    f"filterbank_{name}": librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=n_mels, fmin=fmin, fmax=fmax)
    for name, (rate, n_fft, n_mels, fmin, fmax) in FILTERBANKS.items()
}
n = np.arange(4096)
tones = 0.3 * np.sin(2 * np.pi * 220 * n / 44100) + 0.2 * np.sin(2 * np.pi * 3517.3 * n / 44100 + 1)
arrays["audio"] = (tones + 0.05 * np.sin(n * n * 1e-3)).astype(np.float32)
settings = SimpleNamespace(
    data=SimpleNamespace(
        **{"filter_length": 2048, "hop_length": 512, "win_length": 2048, "sampling_rate": 44100},
        **{"n_mel_channels": 80, "mel_fmin": 0.0, "mel_fmax": None},
    )
)
audio = torch.from_numpy(arrays["audio"])[None]
arrays["spectrogram_every_16th_bin"] = mel_processing.spectrogram_torch(audio, settings)[0].numpy()[::16]
arrays["mel"] = mel_processing.mel_spectrogram_torch(audio, settings)[0].numpy()
np.savez_compressed("mel.npz", **arrays)
