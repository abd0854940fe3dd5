"""Config keys describe themselves, and the options of `svc train` that override keys follow them."""

from __future__ import annotations

import sys
from dataclasses import fields
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

import processes
from myna.config import Config, DataConfig, ModelConfig, PitchRange, TrainConfig, find_key
from myna.errors import ConfigError
from myna.keys import keys_of, page_keys
from myna.options import TrainOptions, overrides

SECTIONS = (Config, TrainConfig, DataConfig, ModelConfig, PitchRange)
OVERRIDING = [spec for spec in fields(TrainOptions) if spec.metadata["key"] is not None]


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_has_one_line_of_help(section: type) -> None:
    for key in keys_of(section).values():
        assert key.help and "\n" not in key.help and not key.help.endswith("."), key.name
        assert key.note is not None, key.name


@pytest.mark.parametrize(
    ("path", "limits", "text"),
    [
        ("train.epochs", (1, None), "at least 1"),
        ("train.batch_size", (1, None), 'at least 1 or "auto"'),
        ("train.lr_decay", (0, 1), "above 0, at most 1"),
        ("train.max_gradient", (0, None), "above 0"),
        ("train.bf16_run", (None, None), "true or false"),
        ("model.p_dropout", (0, 1), "at least 0, below 1"),
        ("data.unit_interpolate_mode", (None, None), '"nearest" or "left"'),
        ("train.seed", (None, None), ""),
    ],
)
def test_range_follows_the_declaration(path: str, limits: tuple[float | None, float | None], text: str) -> None:
    assert (find_key(path).limits, find_key(path).range) == (limits, text)


def test_page_has_keys_in_its_own_order() -> None:
    assert [*page_keys(TrainConfig)][:4] == ["batch_size", "epochs", "log_interval", "eval_interval"]


@pytest.mark.parametrize("spec", OVERRIDING, ids=[spec.name for spec in OVERRIDING])
def test_option_that_overrides_a_key_takes_its_type_and_help(spec: object) -> None:
    key = find_key(spec.metadata["key"])  # type: ignore[attr-defined]
    assert set(get_args(get_type_hints(TrainOptions)[spec.name])) == {key.type, type(None)}  # type: ignore[attr-defined]
    assert spec.metadata["help"].startswith(key.help)  # type: ignore[attr-defined]


def test_overrides_reach_the_configuration() -> None:
    assert overrides(TrainOptions()) == {}
    chosen = overrides(TrainOptions(epochs=3, batch_size=2, max_steps=5))
    assert chosen == {"train": {"epochs": 3, "batch_size": 2}}
    assert Config().with_values(**chosen).train.epochs == 3
    with pytest.raises(ConfigError, match="epochs must be at least 1; got 0"):
        TrainOptions(epochs=0)


def test_tables_of_the_training_guide_match_the_declarations() -> None:
    script = Path(__file__).parents[1] / "docs" / "tools" / "key_tables.py"
    done = processes.run([sys.executable, script, "--check"])
    assert done.returncode == 0, done.stderr
