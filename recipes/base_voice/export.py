"""A trained voice -> what ships: weights in half precision, without what only training needs.

As base weights, `G_0.pth` and `D_0.pth`: the speakers are forgotten but for their mean, from which a new voice begins.
As a voice, `G_<step>.pth` and `config.json`: one speaker, without discriminators.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from torch import Tensor

from myna.config import Config
from myna.storage import checkpoint
from myna.storage.checkpoint import Checkpoint

SPEAKERS, HIGHEST_HZ = "emb_g.weight", "highest_hz"


def halved(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in weights.items()}


def export_base(logs: Path, folder: Path) -> None:
    n_speakers = Config.template("myna-lite").model.n_speakers
    generator, judges = (checkpoint.read(newest(logs, kind), kind) for kind in ("G", "D"))
    weights = dict(generator.weights)
    weights[SPEAKERS] = weights[SPEAKERS].mean(0, keepdim=True).repeat(n_speakers, 1)
    weights[HIGHEST_HZ] = weights[HIGHEST_HZ].max().repeat(n_speakers)
    folder.mkdir(parents=True, exist_ok=True)
    for name, one in (("G_0.pth", weights), ("D_0.pth", judges.weights)):
        checkpoint.write(folder / name, Checkpoint(halved(one), 0, 0.0, None, {"steps": generator.extra["step"]}))


def export_voice(logs: Path, folder: Path, speaker: str) -> None:
    path, config = newest(logs, "G"), Config.read(logs / "config.json")
    generator, row = checkpoint.read(path), config.speaker_id(speaker)
    weights = dict(generator.weights)
    for name in (SPEAKERS, HIGHEST_HZ):
        weights[name] = weights[name][row : row + 1]
    plain = config.plain()
    plain["model"]["n_speakers"] = 1
    plain["spk"], plain["pitch"] = {speaker: 0}, {speaker: plain["pitch"][speaker]}
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint.write(folder / path.name, Checkpoint(halved(weights), generator.iteration, 0.0, None))
    Config.parse(plain).write(folder / "config.json")


def newest(logs: Path, kind: checkpoint.Kind) -> Path:
    path = checkpoint.latest(logs, kind)
    if path is None:
        raise SystemExit(f"there is no {kind}_*.pth in {logs}")
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["base", "voice"])
    parser.add_argument("logs", type=Path, help="logs/44k of the training")
    parser.add_argument("folder", type=Path, help="src/myna/weights/myna-lite, or src/myna/voices/NAME")
    parser.add_argument("--speaker", help="of the voice")
    arguments = parser.parse_args()
    if arguments.what == "base":
        export_base(arguments.logs, arguments.folder)
    else:
        export_voice(arguments.logs, arguments.folder, arguments.speaker)
