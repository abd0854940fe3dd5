"""Forms of the page, made from option dataclasses and from the keys of `config.json`.

A form has one field for each option: its title, help, unit, range, choices and default. If the option has no effect on
the chosen voice, the field also states the reason. Titles and help lines are translated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_type_hints

from pydantic import BaseModel

from myna.apps.gui.texts import complete_texts, option_keys
from myna.assets.presence import vocoder_here
from myna.config import Config, TrainConfig
from myna.keys import Key, page_keys
from myna.options import ConversionOptions, EvaluateOptions, TrainOptions, words_of
from myna.studio.voice_facts import VoiceFacts

FormName = Literal["conversion", "evaluation", "training", "training_keys"]
Group = Literal["main", "more", "expert"]
FieldType = Literal["number", "integer", "text", "choice", "boolean", "speaker"]


class Choice(BaseModel):
    """A value that a field can take, and its name for people."""

    value: str | None
    title: str


class FormField(BaseModel):
    """One field of a form."""

    name: str
    title: str
    help: str
    unit: str | None
    type: FieldType
    choices: list[Choice] | None
    low: float | None
    high: float | None
    step: float | None
    default: Any
    optional: bool  # whether the field may be empty
    group: Group
    inert: str | None  # reason why the field has no effect with the chosen voice; None if it has an effect


class Form(BaseModel):
    """The fields of a form, in the order of the page."""

    fields: list[FormField]


@dataclass(frozen=True)
class _Selection:
    """Fields of an option dataclass that the page shows; fields in neither `main` nor `more` are for experts."""

    options: type[Any]
    main: tuple[str, ...]
    more: tuple[str, ...]
    # Options that name files or devices of this computer, or that the page asks for elsewhere.
    hidden: tuple[str, ...] = ()


_SELECTIONS = {
    "conversion": _Selection(
        ConversionOptions,
        main=("speaker", "transpose", "cluster_infer_ratio"),
        more=(
            *("speaker_mix", "auto_transpose", "transpose_step", "auto_predict_f0"),
            *("autotune", "vibrato", "formant_shift", "loudness_mix", "noise_scale", "soften_pauses_db"),
        ),
        hidden=("cluster_model_path", "diffusion_model_path", "diffusion_config_path", "vocoder", "pitch"),
    ),
    "evaluation": _Selection(
        EvaluateOptions, main=("similarity", "quality", "words"), more=("f0_method", "language"), hidden=("whisper",)
    ),
    "training": _Selection(
        TrainOptions,
        main=(),
        more=(),
        hidden=(
            *("pretrained_dir", "device", "devices", "num_nodes"),
            *("max_minutes", "save_minutes", "epochs", "batch_size"),
        ),
    ),
}


def form(
    name: FormName,
    language: str,
    voice: VoiceFacts | None = None,
    config: Config | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> Form:
    """Return a form in a language.

    Args:
        voice: the chosen voice; None means that no field is marked as inert.
        config: configuration whose values are the defaults of "training_keys"; None leaves them empty.
        defaults: default options of the chosen voice.
    """
    said = complete_texts(language)
    if name == "training_keys":
        section = None if config is None else config.train
        return Form(fields=[_key_field(key, said, section) for key in page_keys(TrainConfig).values()])
    selection = _SELECTIONS[name]
    hints = get_type_hints(selection.options)
    order = {spec.name: spec for spec in fields(selection.options) if spec.name not in selection.hidden}
    names = [*selection.main, *selection.more, *(one for one in order if one not in selection.main + selection.more)]
    reasons = {} if voice is None else _inert(voice)
    made = []
    for one in names:
        field = _option_field(selection, order[one], hints[one], said)
        inert = said[f"form.{reasons[one]}"] if one in reasons else None
        if field.type == "speaker" and voice is not None:
            field.choices = [Choice(value=speaker, title=speaker) for speaker in voice.speakers]
        default = (defaults or {}).get(one, field.default)
        made.append(field.model_copy(update={"inert": inert, "default": default}))
    return Form(fields=made)


def _inert(voice: VoiceFacts) -> dict[str, str]:
    """Return the options without effect for a voice, each with the key of the text that states the reason."""
    found: dict[str, str] = {}
    if len(voice.speakers) < 2:
        found |= dict.fromkeys(("speaker", "speaker_mix"), "one_speaker")
    if not voice.retrieval:
        found |= dict.fromkeys(("cluster_infer_ratio", "cluster_everywhere"), "no_retrieval")
    if not voice.has_latent:
        found["noise_scale"] = "no_latent"
    if not voice.follows_pitch:
        found |= dict.fromkeys(("autotune", "vibrato", "formant_shift"), "no_f0")
    if not voice.predicts_pitch:
        found["auto_predict_f0"] = "no_predictor"
    if not voice.follows_loudness:
        found["soften_pauses_db"] = "no_loudness"
    if not voice.vocoder and not vocoder_here():
        found |= dict.fromkeys(("enhance", "enhancer_adaptive_key"), "no_vocoder")
    if not voice.pitch:
        found |= dict.fromkeys(("auto_transpose", "transpose_step"), "no_pitch")
    return found


def _option_field(selection: _Selection, spec: Any, hint: Any, said: dict[str, str]) -> FormField:
    title, help = option_keys(selection.options, spec.name)
    low, high = spec.metadata["low"], spec.metadata["high"]
    kind, choices = _kind(spec.name, hint)
    named = [Choice(value=one, title=said.get(f"{title}.{one}", one)) for one in choices]
    return FormField(
        name=spec.name,
        title=said[title],
        help=said[help],
        unit=said.get(f"{title}.unit"),
        type=kind,
        choices=named or None,
        low=low,
        high=high,
        step=_step(kind, low, high),
        default=spec.default,
        optional=NoneType in get_args(hint),
        group="main" if spec.name in selection.main else "more" if spec.name in selection.more else "expert",
        inert=None,
    )


def _key_field(key: Key, said: dict[str, str], section: TrainConfig | None) -> FormField:
    value = None if section is None else getattr(section, key.attribute)
    title, help = option_keys(TrainConfig, key.attribute)
    low, high = key.limits
    kind: FieldType = "integer" if key.type is int else "number"
    return FormField(
        name=key.name,
        title=said[title],
        help=said[help],
        unit=said.get(f"{title}.unit"),
        type=kind,
        choices=None,
        low=low,
        high=high,
        step=1 if kind == "integer" else None,
        default=value if isinstance(value, int | float) else None,  # empty for a word, for example "auto"
        optional=True,
        group="main",
        inert=None,
    )


def _kind(name: str, hint: Any) -> tuple[FieldType, list[str]]:
    if words := words_of(hint):
        return "choice", list(words)
    parts = [part for part in (get_args(hint) or (hint,)) if part is not NoneType]
    if name == "speaker":
        return "speaker", []
    types: dict[Any, FieldType] = {bool: "boolean", int: "integer", float: "number", str: "text", Path: "text"}
    return types[parts[0]], []


def _step(kind: FieldType, low: float | None, high: float | None) -> float | None:
    """Return the step of a slider: small enough for a useful choice, large enough to set by mouse."""
    if kind == "integer":
        return 1
    if kind != "number" or low is None or high is None:
        return None
    return 1 if high - low > 50 else 0.01 if high - low <= 1 else 0.1
