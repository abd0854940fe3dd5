"""Export a trained light voice for the package in half precision, without data that only training needs.

`base` writes the base weights `G_0.pth` and `D_0.pth`, from which new voices are trained. Every speaker embedding in
them is the mean of all trained ones. `voice` writes the voice of one speaker, `G_<step>.pth` and `config.json`, without
discriminators.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from torch import Tensor

from myna.config import Config
from myna.storage import checkpoint
from myna.storage.checkpoint import Checkpoint

SPEAKERS, HIGHEST_HZ = "emb_g.weight", "highest_hz"  # tensors with one row per speaker


def halved(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in weights.items()}


def export_base(logs: Path, folder: Path) -> None:
    """Write base weights with the number of speakers that the template `myna-lite` has."""
    n_speakers = Config.template("myna-lite").model.n_speakers
    generator, discriminators = (checkpoint.read(newest(logs, kind), kind) for kind in ("G", "D"))
    weights = dict(generator.weights)
    weights[SPEAKERS] = weights[SPEAKERS].mean(0, keepdim=True).repeat(n_speakers, 1)
    weights[HIGHEST_HZ] = weights[HIGHEST_HZ].max().repeat(n_speakers)
    folder.mkdir(parents=True, exist_ok=True)
    for name, one in (("G_0.pth", weights), ("D_0.pth", discriminators.weights)):
        checkpoint.write(folder / name, Checkpoint(halved(one), 0, 0.0, None, {"steps": generator.extra["step"]}))


def export_voice(logs: Path, folder: Path, speaker: str) -> None:
    """Write a voice that contains only `speaker`, at speaker index 0."""
    path, config = newest(logs, "G"), Config.read(logs / "config.json")
    generator, index = checkpoint.read(path), config.speaker_id(speaker)
    weights = dict(generator.weights)
    for name in (SPEAKERS, HIGHEST_HZ):
        weights[name] = weights[name][index : index + 1]
    plain = config.plain()
    plain["model"]["n_speakers"] = 1
    plain["spk"], plain["pitch"] = {speaker: 0}, {speaker: plain["pitch"][speaker]}
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint.write(folder / path.name, Checkpoint(halved(weights), generator.iteration, 0.0, None))
    Config.parse(plain).write(folder / "config.json")


def newest(logs: Path, kind: checkpoint.Kind) -> Path:
    path = checkpoint.latest(logs, kind)
    if path is None:
        raise SystemExit(f"no {kind}_*.pth in {logs}; train first, or name the folder of the training run")
    return path


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["base", "voice"])
    parser.add_argument("logs", type=Path, help="logs/44k of the training run")
    parser.add_argument("folder", type=Path, help="src/myna/weights/myna-lite, or src/myna/voices/NAME")
    parser.add_argument("--speaker", help="speaker of the voice")
    a = parser.parse_args(arguments)
    if a.what == "base":
        export_base(a.logs, a.folder)
    elif a.speaker is None:
        parser.error("--speaker is needed for a voice")
    else:
        export_voice(a.logs, a.folder, a.speaker)


if __name__ == "__main__":
    main()
