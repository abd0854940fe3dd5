"""Record f0.npz: outputs of torchcrepe 0.0.24 and torchfcpe 0.0.4 for one short signal.

Both import unneeded packages that break on many machines, so these are replaced by mocks. Run in the environment of the
tests: `python record_f0.py`.
"""

import sys
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import torch

for name in (
    "torchaudio",
    "torchaudio.transforms",
    "librosa",
    "resampy",
    "scipy",
    "scipy.io",
    "einops",
    "local_attention",
):
    sys.modules[name] = MagicMock()
import torchcrepe  # noqa: E402

# Without librosa, torchfcpe uses its own copy of librosa's filterbank.
sys.modules["librosa"] = sys.modules["librosa.filters"] = None  # type: ignore[assignment]
import torchfcpe  # noqa: E402
import torchfcpe.mel_fn_librosa  # noqa: E402

torch.set_grad_enabled(False)
n = np.arange(4800)
harmonics = sum(np.sin(2 * np.pi * k * 197.3 * n / 16000 + k * k) / k for k in range(1, 12))
audio = (0.2 * harmonics * (1 + 0.3 * np.sin(n * n * 1e-6))).astype(np.float32)
signal = torch.from_numpy(audio)
arrays = {"audio": audio}
for size in ("tiny", "full"):
    torchcrepe.load.model("cpu", size)
    # Windows centred on samples 0, 1600 and 3200; the first is half empty.
    (windows,) = torchcrepe.preprocess(signal[None, :3201], 16000, 1600, None, "cpu", True)
    arrays[f"crepe_{size}"] = torchcrepe.infer(windows, size, "cpu").numpy()
fcpe = torchfcpe.spawn_bundled_infer_model("cpu")
mel = fcpe.wav2mel(signal[None, :, None], 16000)[:, :30]
arrays["fcpe_mel"] = mel[0, ::10].numpy()
arrays["fcpe"] = fcpe.model(mel)[0, ::10].numpy()
arrays["rmvpe_filterbank_every_16th"] = torchfcpe.mel_fn_librosa.mel(
    sr=16000, n_fft=1024, n_mels=128, fmin=30, fmax=8000, htk=True
)[::16]
np.savez_compressed(Path(__file__).with_name("f0.npz"), **{name: np.float32(array) for name, array in arrays.items()})
