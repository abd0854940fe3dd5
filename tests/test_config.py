"""Reading and writing preserves a config.json, and errors name what is wrong in it."""

from __future__ import annotations

import json
import locale
from pathlib import Path
from typing import Any, get_args

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
        ({"data": {"sampling_rate": 1}}, r"data\.sampling_rate: .*greater than or equal to 8000, got 1"),
        ({"model": {"n_layers": 10**6}}, r"model\.n_layers: .*less than or equal to 1000, got 1000000"),
        ({"train": {"batch_size": 0}}, r"train\.batch_size.*greater than 0, got 0"),
        ({"model": {"type_": "vocos"}}, r"'hifi-gan', 'istft', 'ms-istft', 'mb-istft' or 'source-filter', got 'vocos'"),
        ({"spk": {"anna": "first"}}, r"spk\.anna: .*integer"),
        ({"train": {"learning_rate": float("inf")}}, r"train\.learning_rate: .*finite number, got inf"),
        ({"train": None}, "train: input should be an object, got None"),
        ([1], "JSON object"),
    ],
)
def test_invalid_value_is_reported_with_the_valid_ones(values: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Config.parse(values)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", r"config\.json is empty"),
        (b"\xff\xfe", r"config\.json is empty"),
        (b"{", "is not JSON: line 1, column 2: expecting property name"),
        (b"<html>404</html>", "is not JSON: line 1, column 1: expecting value"),
        (b'{\n  "spk": {"a": 0},\n}', "is not JSON: line [23], column [0-9]+: there is an extra comma before it"),
        (
            b'{"train": {"betas": [0.8, 0.9,]}}',
            "is not JSON: line 1, column [0-9]+: there is an extra comma before it",
        ),
        (
            b'{\n  // my voice\n  "spk": {}}',
            "is not JSON: line 2, column 3: comments are not allowed in JSON; delete the comment",
        ),
        (
            b'# my voice\n{"spk": {}}',
            "is not JSON: line 1, column 1: comments are not allowed in JSON; delete the comment",
        ),
        (
            b'{"spk": {} /* mine */}',
            "is not JSON: line 1, column 12: comments are not allowed in JSON; delete the comment",
        ),
        (b'{"spk": \n{"\xb0\xa1": 0}}', r"is not text in UTF-8 \(line 2\); save it in UTF-8"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "is nested too deeply"),
        (b"[" * 100_000, "is nested too deeply"),
        (b'{"train":{"seed":' + b"9" * 5000 + b"}}", "contains a number with thousands of digits"),
        (b'{"train":{"epochs":' + b"9" * 4000 + b"}}", "epochs: an integer of more than 64 bits"),
        (b'{"train":{"epochs":' + b"[" * 300 + b"]" * 300 + b"}}", "train.epochs: "),
        (b'{"spk": 3}', "spk: .*dictionary, got 3"),
        (b'{"spk": [1, 2]}', "spk: .*dictionary, got"),
        (b'{"spk": {"anna": null}}', r"spk\.anna: .*integer"),
        (b"[]", "JSON object"),
        (None, "cannot read"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_unreadable_file_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: bytes | None, message: str
) -> None:
    monkeypatch.setattr(locale, "getpreferredencoding", lambda _: "UTF-8")
    path = tmp_path / "config.json"
    if text is not None:
        path.write_bytes(text)
    with pytest.raises(ConfigError, match=message) as refused:
        Config.read(path)
    assert str(path) in str(refused.value) and "\n" not in str(refused.value) and len(str(refused.value)) < 500


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_every_unicode_encoding_is_read(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "config.json").write_bytes('{"spk": {"가수": 1}}'.encode(encoding))
    assert Config.read(tmp_path / "config.json").speakers == {"가수": 1}


def test_the_encoding_of_the_system_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locale, "getpreferredencoding", lambda _: "cp949")
    (tmp_path / "config.json").write_bytes('{"spk": {"가수": 1}}'.encode("euc-kr"))
    assert Config.read(tmp_path / "config.json").speakers == {"가수": 1}


@pytest.mark.parametrize(
    ("given", "speakers"),
    [
        (["anna", "zoe"], {"anna": 0, "zoe": 1}),
        ("anna", {"anna": 0}),
        ({"0": "anna", "3": "zoe"}, {"anna": 0, "zoe": 3}),
        ({"anna": "2"}, {"anna": 2}),
        ({"0": 0, "1": 1}, {"0": 0, "1": 1}),
        ({"0": "1"}, {"0": 1}),
    ],
)
def test_other_forms_of_the_speakers_are_rows(given: object, speakers: dict[str, int]) -> None:
    assert Config.parse({"spk": given}).speakers == speakers


def test_speakers_without_names_are_chosen_by_number() -> None:
    config = Config.parse({"model": {"n_speakers": 3}})
    assert [config.speaker_id(name) for name in (None, "0", "2")] == [0, 0, 2]
    for wrong in ("3", "-1", "anna", "9" * 5000, "²"):
        with pytest.raises(ConfigError, match="choose one by its number, 0 to 2, or omit the speaker"):
            config.speaker_id(wrong)


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


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"upsample_rates": []}, "upsample_kernel_sizes must have a value for each of upsample_rates"),
        ({"upsample_kernel_sizes": [16]}, "upsample_kernel_sizes must have a value for each of upsample_rates"),
        ({"upsample_rates": [8, 8, 2, 2, 0]}, "upsample_rates"),
        ({"resblock_kernel_sizes": [3, 7]}, "resblock_dilation_sizes must have as many items"),
        ({"resblock_dilation_sizes": [[1, 3, 5], [1, 0, 5], [1, 3, 5]]}, "resblock_dilation_sizes"),
    ],
)
def test_the_stages_of_a_decoder_fit_each_other(values: dict[str, Any], part: str) -> None:
    plain = Config.template("so-vits-svc-4.0v1").plain()
    plain["model"] |= values
    with pytest.raises(ConfigError, match=part):
        Config.parse(plain)
