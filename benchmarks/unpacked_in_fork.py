"""Load the output of `svc unpack` in so-vits-svc-fork and compare the audio that both generate.

    python benchmarks/unpacked_in_fork.py FORK_PYTHON [G_1000.pth ...]

FORK_PYTHON is the interpreter of an installed so-vits-svc-fork 4.2.30. The default voices are the golden ones of the
fork's templates. myna packs and unpacks each voice. The fork builds its own class from the `config.json`. It reads the
weights with its own loader, which must not warn, and again with PyTorch's strict loader, and then generates audio. Both
programs use the same latent noise; all other random numbers are zero.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

GOLDEN = Path(__file__).parents[1] / "tests" / "golden" / "fork"
N_FRAMES = 60
NOISE_SCALE = 0.4
TOLERANCE = 1e-4


def inputs(model: dict[str, Any]) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        "content": torch.randn(1, model["ssl_dim"], N_FRAMES, generator=generator),
        "f0": 200 + 50 * torch.rand(1, N_FRAMES, generator=generator),
        "voiced": (torch.rand(1, N_FRAMES, generator=generator) > 0.3).float(),
        "speaker": torch.tensor([0]),
        "noise": torch.randn(1, model["inter_channels"], N_FRAMES, generator=generator),
    }


def in_the_fork(folder: Path) -> None:
    import warnings

    from so_vits_svc_fork import utils
    from so_vits_svc_fork.hparams import HParams
    from so_vits_svc_fork.modules.synthesizers import SynthesizerTrn

    config = json.loads((folder / "config.json").read_text())
    hps, given = HParams(**config), inputs(config["model"])
    synthesizer = SynthesizerTrn(
        hps.data.filter_length // 2 + 1, hps.train.segment_size // hps.data.hop_length, **hps.model
    )
    (weights,) = folder.glob("G_*.pth")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the fork warns about missing and mismatched tensors
        utils.load_checkpoint(weights, synthesizer, None)
    synthesizer.load_state_dict(torch.load(weights, weights_only=True)["model"], strict=True)
    synthesizer.eval()

    def normal(like: torch.Tensor, **_: Any) -> torch.Tensor:
        return given["noise"] if like.shape == given["noise"].shape else torch.zeros_like(like)

    torch.randn_like, torch.rand_like = normal, lambda like, **_: torch.zeros_like(like)
    torch.rand = torch.randn = lambda *shape, **_: torch.zeros(*shape)
    with torch.no_grad():
        audio = synthesizer.infer(
            given["content"], given["f0"], given["voiced"], g=given["speaker"][:, None], noice_scale=NOISE_SCALE
        )
    torch.save(audio, folder / "audio.pt")


def generate_here(folder: Path) -> torch.Tensor:
    from myna.models.interface import Conditions, Sampling
    from myna.models.noise import SilentNoise
    from myna.voice import Voice

    class LatentNoise(SilentNoise):
        """Random source that returns the given latent noise, and zeros for every other request."""

        def normal(self, name: Any, shape: Any, like: torch.Tensor) -> torch.Tensor:
            return given["noise"] if name == "latent_noise" else like.new_zeros(shape)

    voice = Voice.load(folder)
    given = inputs(json.loads((folder / "config.json").read_text())["model"])

    conditions = Conditions(given["content"], given["f0"], given["voiced"] > 0, given["speaker"])
    return voice.synthesizer.generate(conditions, Sampling(LatentNoise(), noise_scale=NOISE_SCALE)).audio


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fork_python")
    parser.add_argument("voices", type=Path, nargs="*")
    arguments = parser.parse_args()
    from myna.zoo.opening import open_voice
    from myna.zoo.packing import unpack

    worst = 0.0
    for path in arguments.voices or sorted(GOLDEN.glob("*/G_*.pth")):
        with tempfile.TemporaryDirectory() as temporary:
            packed, folder = Path(temporary) / "voice.safetensors", Path(temporary) / "voice"
            open_voice(path).pack(packed)
            unpack(packed, folder)
            subprocess.run([arguments.fork_python, "-W", "ignore", __file__, "inside", str(folder)], check=True)
            theirs = torch.load(folder / "audio.pt", weights_only=True)
            apart = float((generate_here(folder) - theirs).abs().max())
        print(f"{path}: maximum difference {apart:.2g}, loudest sample {float(theirs.abs().max()):.2g}")
        worst = max(worst, apart)
    sys.exit(0 if worst < TOLERANCE else 1)


if __name__ == "__main__":
    if sys.argv[1:2] == ["inside"]:
        in_the_fork(Path(sys.argv[2]))
    else:
        main()
