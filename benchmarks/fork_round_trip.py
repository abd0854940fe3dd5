"""Continue a myna training in so-vits-svc-fork, continue the fork's in myna, and compare the results.

    python benchmarks/fork_round_trip.py FORK_PYTHON [--template so-vits-svc-4.0v1]

FORK_PYTHON is the interpreter of an installed so-vits-svc-fork 4.2.30. First, myna trains a small voice for two steps.
The fork then reads the checkpoints with its own loader, which must not warn. It generates audio, computes its training
losses, takes one step with the optimizers from the checkpoints, and writes new checkpoints. Finally, myna reads those.
All random numbers are zero on both sides; audio, losses and updated weights are compared.
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

MODEL = {"hidden_channels": 24, "filter_channels": 32, "n_layers": 2, "upsample_initial_channel": 64, "n_speakers": 3}
N_FRAMES = 40
SEGMENT = 20  # frames


def inputs(config: dict[str, Any]) -> dict[str, torch.Tensor]:
    """Create the batch of two clips that both programs use.

    The batch has no padding: in the fork, unlike in myna, padding leaks into the last frame of the f0 predictor.
    """
    generator = torch.Generator().manual_seed(0)
    data, model = config["data"], config["model"]
    hop_length, bins = data["hop_length"], data["filter_length"] // 2 + 1
    return {
        "content": torch.randn(2, model["ssl_dim"], N_FRAMES, generator=generator),
        "f0": 200 + 50 * torch.rand(2, N_FRAMES, generator=generator),
        "voiced": (torch.rand(2, N_FRAMES, generator=generator) > 0.3).float(),
        "spectrogram": torch.rand(2, bins, N_FRAMES, generator=generator),
        "audio": 0.1 * torch.randn(2, 1, N_FRAMES * hop_length, generator=generator),
        "speaker": torch.tensor([0, 1]),
        "lengths": torch.tensor([N_FRAMES, N_FRAMES]),
    }


# ---------------------------------------------------------------------------------------------- inside the fork


def in_the_fork(folder: Path) -> None:
    import warnings

    from so_vits_svc_fork import utils
    from so_vits_svc_fork.hparams import HParams
    from so_vits_svc_fork.modules import losses
    from so_vits_svc_fork.modules.decoders.mb_istft import PQMF, subband_stft_loss
    from so_vits_svc_fork.modules.descriminators import MultiPeriodDiscriminator
    from so_vits_svc_fork.modules.mel_processing import mel_spectrogram_torch, spec_to_mel_torch
    from so_vits_svc_fork.modules.synthesizers import SynthesizerTrn

    config = json.loads((folder / "config.json").read_text())
    hps, batch = HParams(**config), inputs(config)
    hop_length = hps.data.hop_length
    synthesizer = SynthesizerTrn(hps.data.filter_length // 2 + 1, SEGMENT, **hps.model)
    discriminators = MultiPeriodDiscriminator(hps.model.use_spectral_norm)
    optimizers = {}
    for kind, module in (("G", synthesizer), ("D", discriminators)):
        optimizers[kind] = torch.optim.AdamW(
            module.parameters(), hps.train.learning_rate, betas=hps.train.betas, eps=hps.train.eps
        )
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # the fork warns about missing and mismatched tensors
            utils.load_checkpoint(folder / f"{kind}_1.pth", module, optimizers[kind])
        # The fork's loader does not load the optimizer state, so PyTorch's strict loader does.
        saved = torch.load(folder / f"{kind}_1.pth", weights_only=True)["optimizer"]
        optimizers[kind].load_state_dict(saved)
        module.eval()

    torch.randn_like = torch.rand_like = lambda like, **_: torch.zeros_like(like)
    torch.rand = torch.randn = lambda *shape, **_: torch.zeros(*shape)
    torch.Tensor.uniform_ = lambda self, low=0.0, high=1.0: self.fill_(low)
    out: dict[str, Any] = {}
    f0, voiced, speaker = batch["f0"][:1], batch["voiced"][:1], batch["speaker"][:1, None]
    with torch.no_grad():
        out["audio"] = synthesizer.infer(batch["content"][:1], f0, voiced, g=speaker, noice_scale=0.0)

    lengths = batch["lengths"]
    generated, subbands, _, mask, (_, z_p, m_p, logs_p, _, logs_q), predicted, _, target = synthesizer(
        batch["content"],
        batch["f0"],
        batch["voiced"],
        batch["spectrogram"],
        g=batch["speaker"][:, None],
        c_lengths=lengths,
        spec_lengths=lengths,
    )
    recording = batch["audio"][:, :, : SEGMENT * hop_length]
    real_mel = spec_to_mel_torch(batch["spectrogram"], hps)[:, :, :SEGMENT]
    fake_mel = mel_spectrogram_torch(generated.squeeze(1), hps)
    _, fake_scores, real_maps, fake_maps = discriminators(recording, generated)
    found = {
        "adversarial": losses.generator_loss(fake_scores)[0],
        "feature_matching": losses.feature_loss(real_maps, fake_maps) / 2,
        "mel": torch.nn.functional.l1_loss(real_mel, fake_mel),
        "kl": losses.kl_loss(z_p, logs_q, m_p, logs_p, mask),
        "f0": torch.nn.functional.mse_loss(predicted, target),
    }
    if config["model"].get("type_") == "mb-istft":
        bands = PQMF(recording.device, hps.model.subbands).analysis(recording)
        found["subband"] = subband_stft_loss(hps, bands, subbands)
    total = found["adversarial"] + 2 * found["feature_matching"] + hps.train.c_mel * found["mel"]
    total = total + hps.train.c_kl * found["kl"] + found["f0"] + found.get("subband", 0)
    optimizers["G"].zero_grad()
    total.backward()
    optimizers["D"].zero_grad()
    real_scores, fake_scores, _, _ = discriminators(recording, generated.detach())
    discriminator_loss = losses.discriminator_loss(real_scores, fake_scores)[0]
    discriminator_loss.backward()
    out["losses"] = {
        name: float(value)
        for name, value in {"discriminator": discriminator_loss, "synthesizer": total, **found}.items()
    }
    for optimizer in optimizers.values():
        optimizer.step()
    for kind, module in (("G", synthesizer), ("D", discriminators)):
        utils.save_checkpoint(module, optimizers[kind], hps.train.learning_rate, 2, folder / f"{kind}_2.pth")
    torch.save(out, folder / "fork.pt")


# ------------------------------------------------------------------------------------------------------- here


def train_here(folder: Path, template: str) -> None:
    """Train for two steps on two clips of noise."""
    import numpy as np
    import soundfile

    from myna.config import Config
    from myna.features.extractor import Features
    from myna.options import TrainOptions
    from myna.training.features_file import ClipFeatures, features_path, write_features
    from myna.training.train import train

    name, _, decoder = template.partition(":")
    config = Config.template(name).with_values(
        model=MODEL | ({"type_": decoder} if decoder else {}),
        train={"num_workers": 0, "batch_size": 2, "base_weights": None},
        data={"training_files": str(folder / "train.txt"), "validation_files": str(folder / "val.txt")},
        spk={"anna": 0},
    )
    random, clips = np.random.default_rng(0), []
    for index in range(2):
        path = folder / "anna" / f"{index}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, 0.1 * random.standard_normal(N_FRAMES * config.data.hop_length), config.data.sample_rate)
        content = random.standard_normal((config.model.content_channels, N_FRAMES), np.float32)
        features = Features(torch.from_numpy(content), torch.full((N_FRAMES,), 220.0), torch.zeros(N_FRAMES))
        write_features(features_path(path), ClipFeatures(features, config.data.sample_rate / 2), {})
        clips.append(path)
    (folder / "train.txt").write_text("".join(f"{clip}\n" for clip in clips))
    (folder / "val.txt").write_text("")
    train(config, folder, TrainOptions(from_scratch=True, max_steps=2, epochs=1, batch_size=1, device="cpu"))


def compare(folder: Path) -> bool:
    """Repeat the fork's computation in myna, compare the results, and resume from the fork's checkpoints."""
    from myna.config import Config
    from myna.models.interface import Conditions, Sampling, TrainingInput
    from myna.models.noise import SilentNoise
    from myna.options import TrainOptions
    from myna.storage import checkpoint
    from myna.training.dataset import Batch
    from myna.training.launch import make_fabric
    from myna.training.state import TrainState, load_start
    from myna.training.step import Engine, add_gradients
    from myna.zoo.discriminators import discriminator_to_stored
    from myna.zoo.sovits import generator_to_stored

    theirs = torch.load(folder / "fork.pt", weights_only=True)
    given = inputs(json.loads((folder / "config.json").read_text()))
    config = Config.read(folder / "config.json").with_values(train={"segment_size": SEGMENT * 512})
    fabric = make_fabric("cpu", 1, 1, "fp32")
    written_by_fork = {kind: (folder / f"{kind}_2.pth").rename(folder / f"later_{kind}.pth") for kind in "GD"}
    state = TrainState.create(config, fabric.device)
    load_start(state, folder, config, TrainOptions())
    batch = Batch(
        TrainingInput(
            Conditions(given["content"], given["f0"], given["voiced"], given["speaker"], torch.zeros(2, N_FRAMES)),
            given["spectrogram"],
            given["lengths"],
        ),
        given["audio"],
        torch.full((2,), config.data.sample_rate / 2),
        [],
    )
    engine = Engine.of(fabric, config, state)
    state.synthesizer.eval()
    first = Conditions(*(value[:1] for value in batch.input.conditions))
    audio = state.synthesizer.generate(first, Sampling(SilentNoise(), noise_scale=0.0)).audio
    losses, _ = add_gradients(engine, state, batch, 1.0, SilentNoise(), is_last=True)
    state.set_learning_rate(config)
    for optimizer in (state.synthesizer_optimizer, state.discriminator_optimizer):
        optimizer.step()

    checks = [("audio", float((audio - theirs["audio"]).abs().max()), 1e-4)]
    for name, value in losses.items():
        checks.append((f"loss {name}", abs(float(value.detach()) / theirs["losses"][name] - 1), 1e-3))
    updated = {
        "G": generator_to_stored(state.synthesizer.state_dict()),
        "D": discriminator_to_stored(state.discriminators.state_dict()),
    }
    kinds: tuple[checkpoint.Kind, ...] = ("G", "D")
    for kind in kinds:
        weights = checkpoint.read(written_by_fork[kind], kind).weights
        assert weights.keys() == updated[kind].keys(), f"{kind}: different tensors"
        # Softmax is invariant to a bias of the keys. Its gradient is rounding noise, which Adam scales to full steps.
        names = [name for name in updated[kind] if not name.endswith("conv_k.bias")]
        apart = max(float((weights[name] - updated[kind][name]).abs().mean()) for name in names)
        checks.append((f"{kind} after a step, worst tensor, in units of the learning rate", apart / 1e-4, 0.01))
    # Resume from the fork's checkpoints.
    for kind, path in written_by_fork.items():
        path.rename(folder / f"{kind}_2.pth")
    resumed = TrainState.create(config, fabric.device)
    load_start(resumed, folder, config, TrainOptions())
    checks.append(("epoch of the fork's file", abs(resumed.epoch - 2), 0))
    for name, value, limit in checks:
        print(f"{'ok ' if value <= limit else 'BAD'} {name}: {value:.2g} (at most {limit:g})")
    return all(value <= limit for _, value, limit in checks)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fork_python")
    parser.add_argument(
        "--template", default="so-vits-svc-4.0v1", help="e.g. quickvc, or quickvc:mb-istft for a decoder"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        train_here(folder, arguments.template)
        subprocess.run([arguments.fork_python, "-W", "ignore", __file__, "inside", str(folder)], check=True)
        sys.exit(0 if compare(folder) else 1)


if __name__ == "__main__":
    if sys.argv[1:2] == ["inside"]:
        in_the_fork(Path(sys.argv[2]))
    else:
        main()
