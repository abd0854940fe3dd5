"""Files with the quirks of other tools: configurations of other voices, unusual metadata."""

from __future__ import annotations

import argparse
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from myna.config import Config
from myna.features.content import CONTENT_ENCODERS
from myna.retrieval import retrieval_file
from myna.storage import torch_file
from myna.zoo.inspection import inspect
from myna.zoo.opening import open_voice
from myna.zoo.recognition import NotAVoiceError

GOLDEN = Path(__file__).parents[1] / "golden"
VOICE_256 = GOLDEN / "4.1" / "vec256l9-vol"
RVC = GOLDEN / "rvc" / "v2-48k.pth"


def with_config(folder: Path, tmp_path: Path, **changes: dict[str, Any]) -> Path:
    """Changed configuration of a recorded voice."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps(Config.read(folder / "config.json").with_values(**changes).plain()))
    return path


@pytest.mark.parametrize(
    "model", [{"speech_encoder": "vec768l12", "ssl_dim": 768}, {"speech_encoder": "whisper-ppg"}, {"ssl_dim": 768}]
)
def test_an_encoder_of_the_width_of_the_weights_is_chosen(tmp_path: Path, model: dict[str, Any]) -> None:
    opened = open_voice(VOICE_256 / "G_3.pth", with_config(VOICE_256, tmp_path, model=model))
    assert CONTENT_ENCODERS[opened.config.content_encoder].channels == opened.config.model.content_channels == 256
    assert opened.remarks
    opened.build()


def test_a_configured_encoder_of_the_right_width_is_kept(tmp_path: Path) -> None:
    config = with_config(VOICE_256, tmp_path, model={"speech_encoder": "hubertsoft"})
    opened = open_voice(VOICE_256 / "G_3.pth", config)
    assert (opened.config.content_encoder, opened.remarks) == ("hubertsoft", [])


def test_an_unsupported_encoder_is_reported(tmp_path: Path) -> None:
    found = inspect(VOICE_256 / "G_3.pth", with_config(VOICE_256, tmp_path, model={"speech_encoder": "wavlm-large"}))
    assert not found.sings
    assert any("no content encoder 'wavlm-large'" in line for line in found.suspicious)


@pytest.mark.parametrize(
    "changes",
    [{"data": {"hop_length": 320, "sampling_rate": 32000}}, {"model": {"synthesizer": "direct"}}],
    ids=["another hop", "a light voice's"],
)
def test_a_configuration_of_another_kind_of_voice_is_corrected(tmp_path: Path, changes: dict[str, Any]) -> None:
    opened = open_voice(VOICE_256 / "G_3.pth", with_config(VOICE_256, tmp_path, **changes))
    assert opened.remarks
    assert (opened.config.data.sample_rate, opened.config.data.hop_length) == (44100, 512)
    assert opened.config.model == open_voice(VOICE_256 / "G_3.pth").config.model


def test_a_configuration_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text((VOICE_256 / "config.json").read_text(), encoding="utf-8-sig")
    assert Config.read(path) == Config.read(VOICE_256 / "config.json")


def rvc(tmp_path: Path, **changes: Any) -> Path:
    path = tmp_path / "voice.pth"
    torch.save(torch_file.read(RVC) | changes, path)
    return path


def test_the_training_length_is_read_from_files_of_rvc_and_applio(tmp_path: Path) -> None:
    assert inspect(rvc(tmp_path, info="200epoch")).iteration == 200
    applio = rvc(tmp_path, info="300epoch_12000step", epoch=300, step=12000, author="Anna", model_name="alto")
    found, card = inspect(applio), open_voice(applio).describe({})
    assert (found.iteration, found.step, found.author, found.made_with) == (300, 12000, "Anna", "Applio")
    assert (card["epoch"], card["step"], card["author"]) == (300, 12000, "Anna")


def test_a_rate_that_the_decoder_does_not_have(tmp_path: Path) -> None:
    opened = open_voice(rvc(tmp_path, config=None, sr="40k"))
    assert opened.config.data.sample_rate == 100 * opened.config.data.hop_length
    assert any("40000 Hz" in line for line in opened.remarks)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"vocoder": "RefineGAN"}, "its decoder is RefineGAN"),
        ({"embedder_model": "spin"}, "the content encoder spin"),
        ({"version": "voras_beta"}, "it is a voice of VoRAS"),
    ],
)
def test_rvc_voices_with_unsupported_parts_are_refused(tmp_path: Path, changes: dict[str, str], why: str) -> None:
    path = rvc(tmp_path, **changes)
    with pytest.raises(NotAVoiceError, match=f"a voice of RVC .*{why}"):
        open_voice(path)
    found = inspect(path)
    assert not found.sings and why in found.what


def test_other_files_of_a_voice_are_recognized(tmp_path: Path) -> None:
    index = tmp_path / "index.safetensors"
    retrieval_file.write_index(index, {"anna": torch.ones(3, 8), "bob": torch.ones(2, 8)})
    with np.load(Path(__file__).parents[1] / "retrieval" / "faiss.npz") as recorded:
        (tmp_path / "added.index").write_bytes(recorded["full"].tobytes())
        (tmp_path / "feature_and_index.pkl").write_bytes(recorded["pickled"].tobytes())
    torch.save(torch.ones(3), tmp_path / "a.wav.soft.pt")
    torch.save({"dims": {}, "model_state_dict": {}}, tmp_path / "medium.pt")
    torch.save({"args": argparse.Namespace(a=1), "model": {"mask_emb": torch.ones(1)}}, tmp_path / "hubert.pt")
    found = {path.name: inspect(path).what for path in tmp_path.iterdir()}
    assert {found.pop(name) for name in ("index.safetensors", "added.index", "feature_and_index.pkl")} == {
        "a retrieval index"
    }
    assert found == {
        "a.wav.soft.pt": "an array, perhaps features of a recording",
        "medium.pt": "a content encoder (Whisper)",
        "hubert.pt": "a content encoder in fairseq's format",
    }


def test_a_pickle_with_other_classes_is_not_an_index(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"a": Path("b")}))
    assert not retrieval_file.is_index(tmp_path / "a.pkl")
