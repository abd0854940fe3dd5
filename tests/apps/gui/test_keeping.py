"""The tab of the voices without a browser: adding, downloading, packing, exporting, deleting."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import gradio as gr
import pytest

from hub_server import Hub, serving
from myna.apps.actions.pack import CardText
from myna.apps.gui.card import card_html
from myna.apps.gui.jobs import Job, Jobs, JobState, Report, Task
from myna.apps.gui.studio import KEEP, LANES, LOOK, SING, Studio, shows_errors
from myna.apps.gui.tabs import keeping as tab
from myna.apps.gui.tasks import singing
from myna.apps.gui.tasks.keeping import DownloadVoice
from myna.apps.gui.tasks.singing import DescribeVoice
from myna.apps.gui.texts import texts
from myna.assets.hub import Address, fetch_voice
from myna.config import Config
from myna.errors import AssetError, ConfigError, MynaError
from myna.models.synthesizers.light import LightSynthesizer
from myna.storage import checkpoint
from myna.studio.voices import Library, Origin
from myna.studio.workspace import Workspace
from myna.zoo.packing import read_card
from myna.zoo.sovits import generator_to_stored

FORK = Path(__file__).parents[2] / "golden" / "fork" / "so-vits-svc-4.0v1"
WEIGHTS, CONFIG = FORK / "G_3.pth", FORK / "config.json"
EVIL = "<img src=x onerror=alert(1)>"
Result = TypeVar("Result")


class HereJobs(Jobs):
    """Jobs run in this process, which can reach the hub of the test; lanes in `held` only queue them."""

    held: tuple[str, ...] = ()

    def submit(self, lane: str, task: Task[Result], title: str) -> Job[Result]:
        job = Job(len(self._jobs) + 1, lane, task, title)
        self._jobs[job.id] = job
        if lane in self.held:
            return job
        told: list[Any] = []
        try:
            job.result = task.run(Report(lambda *one: told.append(one)))
            job.state = JobState.DONE
        except MynaError as error:
            job.error, job.state = str(error), JobState.FAILED
        job.facts["told"] = told
        job.ended.set()
        return job


@pytest.fixture(autouse=True)
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serving(tmp_path / "cache", monkeypatch) as server:
        yield server


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    workspace = Workspace(tmp_path / "studio")
    workspace.create()
    (uploads := tmp_path / "uploads").mkdir()
    return Studio(workspace, Library(workspace), HereJobs(LANES), uploads)


def upload(studio: Studio, *paths: Path) -> list[str]:
    """Copy files into the upload folder as the page does, each into a folder of its own."""
    sent = []
    for number, path in enumerate(paths):
        (folder := studio.uploads / str(number)).mkdir(exist_ok=True)
        sent.append(str(shutil.copy(path, folder)))
    return sent


def names(studio: Studio) -> list[str]:
    return [name for _, name in tab.choices(studio, None)]


# --- add -------------------------------------------------------------------------------------------------------------


def test_uploaded_files_become_a_voice_of_the_list(studio: Studio) -> None:
    assert tab.choices(studio, None) == [("joe · bundled", "joe")]
    assert tab.add_voice(studio, upload(studio, WEIGHTS, CONFIG), "Alto", None) == "Alto"
    assert tab.choices(studio, None) == [("Alto · yours", "Alto"), ("joe · bundled", "joe")]
    card = tab.card_of(studio, "Alto", None)
    assert "so-vits-svc 4" in card and "alice, bob" in card and "44100 Hz" in card and "MB" in card


def test_only_uploaded_files_are_read(studio: Studio, tmp_path: Path) -> None:
    for outside in (WEIGHTS, studio.uploads / ".." / "studio" / "voices", tmp_path / "none"):
        with pytest.raises(ConfigError, match="only files that were sent through the page"):
            tab.add_voice(studio, [str(outside)], "Alto", None)
    (link := studio.uploads / "G_9.pth").symlink_to(WEIGHTS)
    with pytest.raises(ConfigError, match="only files that were sent"):
        tab.add_voice(studio, [str(link)], "Alto", None)
    with pytest.raises(ConfigError, match="give the voice a name first"):
        tab.add_voice(studio, upload(studio, WEIGHTS), " ", None)
    assert names(studio) == ["joe"]


def test_a_refusal_reaches_the_page_as_one_line(studio: Studio, tmp_path: Path) -> None:
    (path := tmp_path / f"{EVIL[:4]}.pth").write_text("la")
    with pytest.raises(gr.Error) as shown:
        shows_errors(tab.add_voice)(studio, upload(studio, path), "Alto", None)
    assert shown.value.message.startswith("&lt;img.pth is not a checkpoint")


def test_names_that_are_not_in_the_list_do_nothing(studio: Studio) -> None:
    tab.add_voice(studio, upload(studio, WEIGHTS), "Alto", None)
    for name in ("../voices/Alto", "Alto/../Alto", "..", ".", "", str(studio.workspace.voices / "Alto"), "bob"):
        for act in (tab.submit_export, tab.ask_to_delete, tab.idle):
            with pytest.raises(ConfigError, match="no voice"):
                act(studio, name, None)
        with pytest.raises(ConfigError, match="no voice"):
            tab.submit_packing(studio, name, None, card=CardText(), half=False, release=False, index=True)
        with pytest.raises(ConfigError, match="no voice"):
            studio.voices.delete(name)
        assert "no voice" in tab.card_of(studio, name, None)
    with pytest.raises(ConfigError, match="choose a voice first"):
        tab.ask_to_delete(studio, None, None)
    assert names(studio) == ["Alto", "joe"]


def test_names_are_escaped(studio: Studio) -> None:
    speakers = {**json.loads(CONFIG.read_text("utf-8")), "spk": {EVIL: 0}}
    (config := studio.uploads / "config.json").write_text(json.dumps(speakers))
    voice = tab.add_voice(studio, [*upload(studio, WEIGHTS), str(config)], EVIL, None)
    assert voice == "img src=x onerror=alert(1)"
    card = tab.card_of(studio, voice, None)
    assert "&lt;img src=x" in card and "<img" not in card
    assert "<img" not in tab.card_of(studio, EVIL, None)


def test_a_broken_voice_says_so_on_its_card(studio: Studio) -> None:
    (folder := studio.workspace.voices / "broken").mkdir()
    (folder / "G_1.pth").write_text("version https://git-lfs.github.com/spec/v1\n")
    assert "is a Git LFS pointer" in tab.card_of(studio, "broken", None)


def test_the_card_of_a_voice_without_names(studio: Studio) -> None:
    tab.add_voice(studio, upload(studio, WEIGHTS), "Alto", None)
    found = DescribeVoice(voice=studio.voices.find("Alto")).run(Report(lambda *_: None))
    assert card_html(replace(found, speakers=[], n_speakers=2), None).count("<dt>") >= 5


# --- the hub ---------------------------------------------------------------------------------------------------------


def test_a_download_appears_in_the_list(studio: Studio, hub: Hub) -> None:
    hub.give("anna/alto", {"44k/G_3.pth": WEIGHTS.read_bytes(), "44k/config.json": CONFIG.read_bytes()})
    job = tab.submit_download(studio, " anna/alto ", None)
    assert (job.lane, job.title, job.error) == (KEEP, "hf://anna/alto", None)
    assert job.result == "hf://anna/alto/44k/G_3.pth"
    assert names(studio) == ["joe", job.result]
    assert studio.voices.find(job.result).origin is Origin.HUB
    assert "alice, bob" in tab.card_of(studio, job.result, None)
    assert "hub's cache" in tab.ask_to_delete(studio, job.result, None)
    # A second download asks the hub again, which may have a newer file.
    hub.asked.clear()
    tab.submit_download(studio, "hf://anna/alto/44k", None)
    assert hub.asked


def test_a_download_reports_its_progress(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("myna.assets.hub._WATCH_SECONDS", 0.01)
    monkeypatch.setattr("myna.apps.gui.jobs._REPORT_SECONDS", 0.0)
    hub.give("anna/alto", {"G_3.pth": WEIGHTS.read_bytes(), "kmeans.pt": bytes(3_000_000)})
    told: list[tuple[str, Any]] = []
    DownloadVoice(Address("anna/alto")).run(Report(lambda *one: told.append(one)))
    fractions = [value[1] for kind, value in told if kind == "progress" and value[0] == "anna/alto"]
    assert fractions and fractions == sorted(fractions) and fractions[-1] == 1.0


def test_a_failed_download_has_the_message_of_the_command(
    studio: Studio, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.give("anna/text", {"README.md": b"me"})
    for text in ("nobody/nothing", "anna/text"):
        fetch_voice.cache_clear()
        with pytest.raises(AssetError) as said:
            fetch_voice(Address(text))
        assert tab.submit_download(studio, text, None).error == str(said.value)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert tab.submit_download(studio, "anna/alto", None).error == (
        "hf://anna/alto is unavailable: HF_HUB_OFFLINE is set"
    )
    with pytest.raises(AssetError, match=r"'../../etc' is not a repository: write owner/name"):
        tab.submit_download(studio, "../../etc", None)
    with pytest.raises(ConfigError, match="enter a repository first, as owner/name"):
        tab.submit_download(studio, "", None)
    assert names(studio) == ["joe"]


# --- pack and export -------------------------------------------------------------------------------------------------

TEXT = CardText(licence="CC0-1.0", author="Anna", cover="It likes\nlong vowels.")


def test_a_voice_is_packed_for_download(studio: Studio) -> None:
    tab.add_voice(studio, upload(studio, WEIGHTS, CONFIG), "Alto", None)
    chosen: dict[str, Any] = {"card": TEXT, "half": True, "release": True, "index": True}
    job = tab.submit_packing(studio, "Alto", None, **chosen)
    assert job.error is None
    (path,) = tab.files_made(studio.jobs.all(KEEP))
    assert path.name == "Alto.safetensors" and path.resolve().is_relative_to(studio.uploads.resolve())
    card = read_card(path)
    assert card is not None and card.released
    assert (card.licence, card.author, card.cover) == (TEXT.licence, TEXT.author, TEXT.cover)
    # It can be added as it is, and packed again without repeating the details.
    assert tab.add_voice(studio, [str(path)], "Alto", None) == "Alto 2"
    assert "CC0-1.0" in tab.card_of(studio, "Alto 2", None)
    tab.submit_packing(studio, "Alto 2", None, card=CardText(), half=True, release=True, index=False)
    again = read_card(tab.files_made(studio.jobs.all(KEEP))[0])
    assert again is not None and again.author == "Anna"
    # Only existing files are offered.
    path.unlink()
    assert [one.name for one in tab.files_made(studio.jobs.all(KEEP))] == ["Alto 2.safetensors"]


def light_voice(folder: Path) -> list[Path]:
    """The files of a light voice of a few channels."""
    folder.mkdir()
    small = {"hidden_channels": 8, "n_layers": 1, "n_fine_layers": 1, "gin_channels": 4, "ssl_dim": 8}
    config = Config.template("myna-lite").with_values(model=small, spk={"Anna": 0})
    weights = generator_to_stored(LightSynthesizer(config.model, config.data).state_dict())
    checkpoint.write(folder / "G_7.pth", checkpoint.Checkpoint(weights, 1, 1e-4, None))
    config.write(folder / "config.json")
    return [folder / "G_7.pth", folder / "config.json"]


def test_an_exported_voice_is_one_of_the_list(studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("myna.onnx.export.content_graph", lambda network: b"encoder")  # the real one is slow to make
    tab.add_voice(studio, upload(studio, *light_voice(tmp_path / "light")), "Alto", None)
    job = tab.submit_export(studio, "Alto", None)
    assert job.error is None
    path, encoder = tab.files_made([job])
    assert (path.name, encoder.name) == ("Alto.onnx", "Alto.content.onnx")
    with pytest.raises(MynaError, match=r"^Alto.content.onnx is damaged, or not an ONNX graph"):
        tab.add_voice(studio, [str(encoder)], "Alto", None)
    graph = tab.add_voice(studio, [str(path)], "Graph", None)
    assert "as an ONNX graph" in tab.card_of(studio, graph, None)
    loaded = singing.load_converter(Report(lambda *_: None), DescribeVoice(voice=studio.voices.find(graph)))
    assert loaded.voice.path.name == "Alto.onnx"
    # An exported voice can be neither exported nor packed again.
    for job in (
        tab.submit_export(studio, graph, None),
        tab.submit_packing(studio, graph, None, card=CardText(), half=False, release=False, index=True),
    ):
        assert job.error is not None and "an ONNX graph has no weights" in job.error


def test_without_the_extra_its_line_says_what_to_install(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    assert tab.submit_export(studio, "joe", None).error == (
        "an ONNX graph needs the extra 'onnx': pip install 'myna[onnx]'"
    )


# --- in use ---------------------------------------------------------------------------------------------------------


def test_a_voice_in_use_is_neither_renamed_nor_deleted(studio: Studio) -> None:
    tab.add_voice(studio, upload(studio, WEIGHTS), "Alto", None)
    assert tab.ask_to_delete(studio, "Alto", None) == "Delete Alto for good?"
    studio.jobs.held = LANES  # type: ignore[attr-defined]
    job = studio.jobs.submit(SING, DescribeVoice(voice=studio.voices.find("Alto")), "song → Alto")
    for act in (tab.idle, tab.ask_to_delete):
        with pytest.raises(ConfigError, match=r"Alto is in use: song → Alto. Wait until that is done"):
            act(studio, "Alto", None)
    job.state = JobState.DONE
    studio.jobs.submit(LOOK, DescribeVoice(voice=studio.voices.find("Alto")), "look")  # short jobs do not count
    assert tab.idle(studio, "Alto", None).name == "Alto"


def test_a_download_in_its_own_process_can_be_stopped(tmp_path: Path) -> None:
    """In a real lane, from a server that never answers."""
    import socket

    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        jobs = Jobs([KEEP])
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")
            patch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
            job = jobs.submit(KEEP, DownloadVoice(Address("anna/alto")), "x")
            connection, _ = server.accept()
        jobs.cancel(job)
        time.sleep(0.1)
        jobs.cancel(job)
        assert job.ended.wait(30)
        assert job.state is JobState.CANCELLED
        connection.close()
        jobs.close()


def test_every_text_has_its_korean() -> None:
    english, korean = ({key for key in texts(one) if key.startswith("library.")} for one in ("en", "ko"))
    assert english == korean
    for key in english:
        for language in ("en", "ko"):
            assert texts(language)[key].strip()
