"""The configuration derived from weights equals the one they were created with."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from test_sovits_names import CONFIGS, DUMPS, config_of

from myna.config import Config
from myna.storage import checkpoint
from myna.zoo.derivation import derive, merge
from myna.zoo.recognition import family_of

GOLDEN = sorted(path.parent for path in (Path(__file__).parents[1] / "golden").rglob("G_*.pth"))
# Neither visible in the weights nor determined by convention, or used in training only.
UNDERIVABLE = {"p_dropout", "speech_encoder", "n_layers_q", "use_spectral_norm", "speaker_embedding", "pretrained"}
UNUSED_BY_MOST = {"n_layers_trans_flow", "gen_istft_n_fft", "gen_istft_hop_size", "subbands"}


def weights_of(dump: str) -> dict[str, Any]:
    return {name: SimpleNamespace(shape=tuple(shape)) for name, shape in DUMPS[dump].items()}


def effective(config: Config, keys: Iterable[str]) -> dict[str, Any]:
    values = config.model_dump(mode="json", by_alias=True)["model"]
    return {key: values[key] for key in keys}


@pytest.mark.parametrize("dump", CONFIGS)
def test_the_configuration_of_full_size_voices_is_derived(dump: str) -> None:
    expected = config_of(dump)
    derived, remarks = merge(derive(weights_of(dump)), None)
    keys = set(expected.plain()["model"]) - UNDERIVABLE - UNUSED_BY_MOST
    assert effective(derived, keys) == effective(expected, keys)
    assert (derived.data.sample_rate, derived.data.hop_length, derived.data.n_fft) == (44100, 512, 2048)
    assert not remarks
    assert family_of(DUMPS[dump]) == "so-vits-svc"


@pytest.mark.parametrize("folder", GOLDEN, ids=lambda path: path.name)
def test_the_configuration_of_small_voices_is_derived(folder: Path) -> None:
    weights = checkpoint.read(next(folder.glob("G_*.pth"))).weights
    given = Config.read(folder / "config.json")
    merged, remarks = merge(derive(weights), given)
    assert not remarks
    assert merged.model == given.model
    keys = {name for name in given.plain()["model"] if name not in UNDERIVABLE | UNUSED_BY_MOST}
    assert effective(merge(derive(weights), None)[0], keys) == effective(given, keys)


def test_released_weights_give_the_same_configuration() -> None:
    weights = {name: tensor for name, tensor in weights_of("41tiny").items() if not name.startswith("enc_q.")}
    assert merge(derive(weights), None)[0].model == merge(derive(weights_of("41tiny")), None)[0].model


def test_all_forms_of_weight_norm_give_the_same_configuration() -> None:
    weights = weights_of("40")
    torch_spelling = {
        name.replace("weight_g", "parametrizations.weight.original0").replace(
            "weight_v", "parametrizations.weight.original1"
        ): tensor
        for name, tensor in weights.items()
    }
    fused = {
        name.replace("weight_v", "weight"): tensor for name, tensor in weights.items() if not name.endswith("weight_g")
    }
    assert derive(torch_spelling) == derive(fused) == derive(weights)


def test_weights_take_precedence_and_each_disagreement_is_reported() -> None:
    given = Config.template("so-vits-svc-4.1").with_values(model={"ssl_dim": 256, "n_layers": 3})
    given = Config.parse(given.plain() | {"spk": {"alto": 0, "tenor": 999}})
    merged, remarks = merge(derive(weights_of("41")), given)
    assert (merged.model.content_channels, merged.model.n_layers) == (768, 6)
    assert merged.speakers == {"alto": 0}
    assert any(
        "model.ssl_dim is 768 in the weights, which are used, but 256 in config.json" in line for line in remarks
    )
    assert any("tenor" in line for line in remarks)
    assert len(remarks) == 3
