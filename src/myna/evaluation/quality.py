"""DNSMOS: predicted listener ratings of speech quality, from 1 to 5.

Reddy et al., DNSMOS P.835: a non-intrusive perceptual objective speech quality metric, ICASSP 2022. Only the network of
the package speechmos is used, not its Python code.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from myna.assets import find_in_package, package_folder
from myna.errors import MissingExtraError
from myna.evaluation.recording import SAMPLE_RATE

_WINDOW_SAMPLES = round(9.01 * SAMPLE_RATE)  # input length of the network

# Coefficients (highest power first) of the parabolas that map the network's outputs to ratings. The authors fitted the
# coefficients to their listening tests.
_RATINGS = {
    "dnsmos_sig": (-0.08397278, 1.22083953, 0.0052439),
    "dnsmos_bak": (-0.13166888, 1.60915514, -0.39604546),
    "dnsmos_ovr": (-0.06766283, 1.11546468, 0.04602535),
}


@lru_cache(maxsize=1)
def load_dnsmos() -> Any:
    """Load the network as an ONNX Runtime session.

    Raises:
        MissingExtraError: speechmos is not installed.
        AssetError: the network in the package is damaged, or is a different version.
    """
    if package_folder("speechmos") is None:
        raise MissingExtraError("it", "eval")
    network = find_in_package("speechmos", "dnsmos_models/sig_bak_ovr.onnx")
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = torch.get_num_threads()
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")  # idle threads do not occupy their cores
    return onnxruntime.InferenceSession(network, settings, providers=["CPUExecutionProvider"])


def rate(session: Any, audio: NDArray[np.float32]) -> dict[str, float]:
    """Rate voice, background and overall quality; each rating is the mean over 9 s windows that start every second.

    Args:
        session: network from `load_dnsmos`.
        audio: samples (N,) at 16 kHz; audio shorter than a window is repeated to fill it, as in the authors' code.
    """
    while len(audio) < _WINDOW_SAMPLES:
        audio = np.concatenate([audio, audio])
    # As in the authors' code, the number of whole seconds determines the windows, so a last window that fits may be
    # omitted.
    n_windows = max(1, len(audio) // SAMPLE_RATE - 9)
    starts = (count * SAMPLE_RATE for count in range(n_windows))
    windows = (audio[np.newaxis, start : start + _WINDOW_SAMPLES] for start in starts)
    raw = np.array([session.run(None, {"input_1": window.astype(np.float32)})[0][0] for window in windows])
    return {
        name: float(np.polyval(parabola, column).mean())
        for (name, parabola), column in zip(_RATINGS.items(), raw.T, strict=True)
    }
