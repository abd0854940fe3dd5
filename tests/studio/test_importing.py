"""Import of voices by content: archives, pairs of files, and folders of other programs."""

from __future__ import annotations

import io
import shutil
import stat
import zipfile
from pathlib import Path

import pytest
import torch

from myna.assets import BUNDLED_VOICES
from myna.errors import ConfigError
from myna.retrieval import retrieval_file
from myna.studio import importing, installs
from myna.studio.importing import SentFile, review, unpack
from myna.studio.voices import Library, Origin
from myna.studio.workspace import Workspace

GOLDEN = Path(__file__).parents[1] / "golden"
RVC, RVC_V1 = GOLDEN / "rvc" / "v2-48k.pth", GOLDEN / "rvc" / "v1-48k.pth"  # 768 and 256 channels of content
SOVITS = GOLDEN / "fork" / "so-vits-svc-4.0v1"  # 768 channels
SOVITS_256 = GOLDEN / "4.1" / "vec256l9-vol"


class Sender:
    """A person who sends files, each to a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.count = folder, 0

    def send(self, path: Path, name: str) -> SentFile:
        self.count += 1
        target = self.folder / str(self.count) / Path(name).name
        target.parent.mkdir()
        shutil.copyfile(path, target)
        return SentFile(name, name, target)

    def index(self, name: str, channels: int) -> SentFile:
        retrieval_file.write_index(self.folder / "index", {"alice": torch.rand(5, channels)})
        return self.send(self.folder / "index", name)


@pytest.fixture
def sender(tmp_path: Path) -> Sender:
    return Sender(tmp_path)


def test_weights_index_and_configuration_find_each_other(sender: Sender) -> None:
    found = review(
        [
            sender.send(RVC, "Anna_e200_s4000.pth"),
            sender.send(RVC, "Anna_e100_s2000.pth"),
            sender.index("added_IVF256_Flat_nprobe_1_Anna_v2.index", 768),
            sender.send(SOVITS / "G_3.pth", "Berta/G_3.pth"),
            sender.send(SOVITS / "config.json", "Berta/config.json"),
            sender.send(Path(__file__), "readme.txt"),
        ]
    )
    anna, berta = found.proposals
    assert (anna.name, anna.weights, anna.config) == ("Anna", "Anna_e200_s4000.pth", None)
    assert anna.retrieval == "added_IVF256_Flat_nprobe_1_Anna_v2.index" and anna.sure
    assert (berta.name, berta.config, berta.retrieval, berta.sure) == ("Berta", "Berta/config.json", None, True)
    assert [(one.file, one.why) for one in found.left][1] == (
        "Anna_e100_s2000.pth",
        "an older checkpoint of the same voice",
    )
    assert found.left[0].file == "readme.txt"


def test_an_index_of_another_width_never_fits(sender: Sender) -> None:
    found = review([sender.send(RVC, "Anna.pth"), sender.index("Anna.index", 256)])
    assert [one.retrieval for one in found.proposals] == [None]
    assert [one.file for one in found.left] == ["Anna.index"]


def test_an_index_with_another_name_is_a_question(sender: Sender) -> None:
    (anna,) = review([sender.send(RVC, "Anna.pth"), sender.index("zoe.index", 768)]).proposals
    assert (anna.retrieval, anna.question, anna.file) == ("zoe.index", "other_name", "zoe.index")


def test_width_separates_two_voices_with_their_indexes(sender: Sender) -> None:
    files = [
        sender.send(RVC, "a.pth"),
        sender.send(RVC_V1, "b.pth"),
        sender.index("b.index", 256),
        sender.index("a.index", 768),
    ]
    assert [(one.retrieval, one.sure) for one in review(files).proposals] == [("a.index", True), ("b.index", True)]


def test_one_configuration_for_two_voices_is_a_question(sender: Sender) -> None:
    files = [
        sender.send(SOVITS / "G_3.pth", "one/anna.pth"),
        sender.send(SOVITS / "G_3.pth", "two/zoe.pth"),
        sender.send(SOVITS / "config.json", "config.json"),
    ]
    assert [one.question for one in review(files).proposals] == ["config_for_many"] * 2


def test_a_light_voice_takes_its_name_from_its_configuration_and_needs_it(sender: Sender) -> None:
    joe = BUNDLED_VOICES / "joe"
    weights = sender.send(joe / "G_893.pth", "G_893.pth")
    (proposal,) = review([weights, sender.send(joe / "config.json", "config.json")]).proposals
    assert (proposal.name, proposal.config, proposal.sure) == ("joe", "config.json", True)
    (left,) = review([weights]).left
    assert left.why == "a voice of myna without its config.json; send both together"


# --- archives --------------------------------------------------------------------------------------------------------


def archive(folder: Path, **files: bytes) -> Path:
    path = folder / "voices.zip"
    with zipfile.ZipFile(path, "w") as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    return path


def test_an_archive_is_unpacked_without_its_folders_and_hidden_files(tmp_path: Path) -> None:
    path = archive(
        tmp_path, **{"Anna/G.pth": b"1", "Anna/G:?.index": b"2", "__MACOSX/._G.pth": b"3", "Anna/.DS_Store": b"4"}
    )
    found = list(unpack(path, tmp_path / "out"))
    assert [(name, place.read_bytes()) for name, place in found] == [("Anna/G.pth", b"1"), ("Anna/G:?.index", b"2")]
    assert [place.name for _, place in found] == ["G.pth", "G .index"]


def test_a_checkpoint_is_no_archive_although_it_is_a_zip_file(tmp_path: Path) -> None:
    assert not importing.is_archive(RVC)
    assert importing.is_archive(archive(tmp_path, a=b"1"))


@pytest.mark.parametrize("name", ["../evil.pth", "/etc/evil.pth", "a/../../evil.pth", "C:/evil.pth", "..\\evil.pth"])
def test_an_archive_cannot_write_outside(tmp_path: Path, name: str) -> None:
    path = archive(tmp_path, **{name: b"1"})
    with pytest.raises(ConfigError, match="contains a path outside its folder"):
        list(unpack(path, tmp_path / "out"))
    assert not list(tmp_path.rglob("evil.pth"))


def test_an_archive_with_a_link_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "voices.zip"
    with zipfile.ZipFile(path, "w") as opened:
        link = zipfile.ZipInfo("G.pth")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        opened.writestr(link, "/etc/passwd")
    with pytest.raises(ConfigError, match="has a link"):
        list(unpack(path, tmp_path / "out"))


def test_an_archive_that_grows_too_large_is_refused_whatever_it_states(tmp_path: Path) -> None:
    path = tmp_path / "voices.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("G.pth", bytes(3_000_000))
    assert path.stat().st_size < 10_000
    with pytest.raises(ConfigError, match="larger than"):
        list(unpack(path, tmp_path / "out", most_bytes=1_000_000))


def test_a_damaged_archive_is_one_line(tmp_path: Path) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as opened:
        opened.writestr("G.pth", b"0" * 1000)
    (tmp_path / "voices.zip").write_bytes(content.getvalue().replace(b"0" * 900, b"1" * 900))
    with pytest.raises(ConfigError, match="cannot be unpacked"):
        list(unpack(tmp_path / "voices.zip", tmp_path / "out"))


# --- folders of other programs ---------------------------------------------------------------------------------------


def rvc_folder(root: Path) -> Path:
    for place in ("assets/weights", "logs/anna", "logs/mute"):
        (root / place).mkdir(parents=True)
    shutil.copyfile(RVC, root / "assets/weights/anna.pth")
    shutil.copyfile(RVC, root / "logs/anna/G_2333333.pth")
    shutil.copyfile(RVC, root / "logs/anna/D_2333333.pth")
    retrieval_file.write_index(root / "logs/anna/added_IVF1_Flat_nprobe_1_anna_v2.index", {"0": torch.rand(5, 768)})
    return root


def sovits_folder(root: Path) -> Path:
    for place in ("logs/44k", "configs"):
        (root / place).mkdir(parents=True)
    for name in ("G_0.pth", "G_1000.pth", "G_2000.pth", "D_2000.pth"):
        shutil.copyfile(SOVITS / "G_3.pth", root / "logs/44k" / name)
    shutil.copyfile(SOVITS / "config.json", root / "configs/config.json")
    return root


def test_the_voices_of_rvc_and_so_vits_svc_are_found_where_they_are(tmp_path: Path) -> None:
    rvc = rvc_folder(tmp_path / "rvc")
    anna, *checkpoints = installs.find_voices(rvc)
    assert (anna.name, anna.weights) == ("anna", rvc / "assets/weights/anna.pth")
    assert anna.retrieval == rvc / "logs/anna/added_IVF1_Flat_nprobe_1_anna_v2.index"
    assert [one.weights.name for one in checkpoints] == ["G_2333333.pth"]
    sovits = sovits_folder(tmp_path / "so-vits-svc")
    (voice,) = installs.find_voices(sovits)
    assert (voice.name, voice.weights) == ("so-vits-svc", sovits / "logs/44k/G_2000.pth")
    assert voice.config == sovits / "configs/config.json"


def test_a_folder_is_listed_until_it_is_removed_and_its_files_stay(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "studio")
    workspace.create()
    library = Library(workspace)
    folder = sovits_folder(tmp_path / "svc")
    installs.add_folder(workspace, folder)
    voice = library.find("svc")
    assert (voice.origin, voice.path, voice.config) == (
        Origin.FOUND,
        folder / "logs/44k/G_2000.pth",
        folder / "configs/config.json",
    )
    with pytest.raises(ConfigError, match="belongs to another program"):
        library.throw("svc")
    installs.remove_folder(workspace, folder)
    assert "svc" not in [one.name for one in library.all()] and voice.path.is_file()


def test_only_folders_with_voices_can_be_added(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "studio")
    workspace.create()
    (tmp_path / "empty").mkdir()
    for folder, reason in (
        (tmp_path / "absent", "there is no folder"),
        (Path("relative"), "there is no folder"),
        (tmp_path / "empty", "there are no voices"),
        (workspace.voices, "are here already"),
    ):
        with pytest.raises(ConfigError, match=reason):
            installs.add_folder(workspace, folder)
    assert installs.folders(workspace) == []
