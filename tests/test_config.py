"""Reading and writing preserves a config.json, and errors name what is wrong in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest

from myna.config import Config, TemplateName
from myna.errors import ConfigError

EXAMPLE = Path(__file__).parents[1] / "examples" / "small.json"


def as_read(config: Config) -> dict:
    return json.loads(json.dumps(config.plain()))


@pytest.mark.parametrize("name", [*get_args(TemplateName), str(EXAMPLE)])
def test_reading_and_writing_preserves_every_template(name: str, tmp_path: Path) -> None:
    config = Config.template(name)
    config.refuse_unknown_keys()
    config.write(tmp_path / "Stimme für Anna" / "config.json")
    again = Config.read(tmp_path / "Stimme für Anna" / "config.json")
    assert as_read(again) == as_read(config)
    assert list(tmp_path.rglob("*config.json*")) == [tmp_path / "Stimme für Anna" / "config.json"]


@pytest.mark.parametrize(
    ("name", "encoder", "decoder"),
    [
        ("so-vits-svc-4.0v1", "vec768l12", "nsf-hifigan"),
        ("so-vits-svc-4.0v1-legacy", "vec256l9", "nsf-hifigan"),
        ("so-vits-svc-4.1", "vec768l12", "nsf-hifigan"),
        ("quickvc", "vec768l12", "ms-istft"),
        ("myna-lite", "myna-content-1", "source-filter"),
        (str(EXAMPLE), "whisper-base", "nsf-hifigan"),
    ],
)
def test_template_selects_content_encoder_and_decoder(name: str, encoder: str, decoder: str) -> None:
    config = Config.template(name)
    assert (config.content_encoder, config.model.decoder) == (encoder, decoder)


def test_unknown_template_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"no template 'so-vits'; there are: so-vits-svc-4\.0v1, "):
        Config.template("so-vits")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"train": {"epochs": 0}}, r"train\.epochs: .*greater than 0, got 0"),
        ({"train": {"batch_size": 0}}, r"train\.batch_size.*greater than 0, got 0"),
        ({"model": {"type_": "vocos"}}, r"'hifi-gan', 'istft', 'ms-istft', 'mb-istft' or 'source-filter', got 'vocos'"),
        ({"spk": {"anna": "first"}}, r"spk\.anna: .*integer"),
        ([1], "JSON object"),
    ],
)
def test_invalid_value_is_reported_with_the_valid_ones(values: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Config.parse(values)


@pytest.mark.parametrize(
    ("text", "message"), [("", "is empty"), ("{", "is not JSON"), ("\xff\xfe", "cannot read"), (None, "cannot read")]
)
def test_unreadable_file_is_reported(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "config.json"
    if text is not None:
        path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=message):
        Config.read(path)


def test_mistyped_key_is_reported_with_the_nearest_known_one() -> None:
    config = Config.parse({"train": {"eval_intervall": 5}})
    with pytest.raises(ConfigError, match=r"train\.eval_intervall; did you mean 'eval_interval'\?"):
        config.refuse_unknown_keys()


def test_unknown_keys_survive() -> None:
    values = {"train": {"their_key": 5}, "model": {}, "spk": {"앤": 3}, "theirs": {"a": [1]}}
    assert as_read(Config.parse(values)) == values


def test_changed_values_are_validated_and_the_rest_is_kept() -> None:
    config = Config.template("so-vits-svc-4.1").with_values(train={"epochs": 3}, spk={"anna": 0})
    assert (config.train.epochs, config.train.batch_size, config.speakers) == (3, 6, {"anna": 0})
    with pytest.raises(ConfigError):
        config.with_values(train={"epochs": "many"})


@pytest.mark.parametrize(
    ("values", "expansion"),
    [
        ({}, "left"),
        ({"data": {"unit_interpolate_mode": "nearest"}}, "nearest"),
        ({"data": {"contentvec_final_proj": False}}, "nearest"),
        ({"train": {"ckpt_name_by_step": False}}, "nearest"),
    ],
)
def test_content_expansion_follows_the_tool_that_wrote_the_file(values: dict, expansion: str) -> None:
    assert Config.parse(values).content_expansion == expansion


@pytest.mark.parametrize(
    ("train", "precision"),
    [
        ({}, "fp32"),
        ({"fp16_run": True}, "fp16"),
        ({"bf16_run": True}, "bf16"),
        ({"fp16_run": True, "half_type": "bf16"}, "bf16"),
        ({"half_type": "bf16"}, "fp32"),
    ],
)
def test_precision_of_both_predecessors(train: dict, precision: str) -> None:
    assert Config.parse({"train": train}).train.precision == precision


def test_unknown_speaker_lists_the_known_ones() -> None:
    config = Config.parse({"spk": {"alto": 4, "tenor": 2}})
    assert (config.speaker_id("alto"), config.speaker_id(None)) == (4, 2)
    with pytest.raises(ConfigError, match="no speaker 'Anna'; this voice has: alto, tenor"):
        config.speaker_id("Anna")
    with pytest.raises(ConfigError, match="names no speakers"):
        Config().speaker_id("Anna")
