"""The cache of slow steps: entries that are reused or removed, and the state after failures and killed processes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

import processes
from myna.errors import ConfigError
from myna.storage.stage_cache import StageCache, default_cache_folder, digest_of, digest_of_values


class Step:
    """Writes a file of `size` bytes and counts its calls."""

    def __init__(self, size: int = 10) -> None:
        self.calls, self.size = 0, size

    def __call__(self, folder: Path) -> dict[str, int]:
        self.calls += 1
        (folder / "sound.wav").write_bytes(bytes(self.size))
        return {"size": self.size}


def test_a_result_is_found_again_for_the_same_inputs_only(tmp_path: Path) -> None:
    step = Step()
    with StageCache(tmp_path / "new" / "cache") as cache:
        first = cache.get("separated", {"song": "a", "net": 1}, step)
        again = cache.get("separated", {"net": 1, "song": "a"}, step)
        assert (first.is_new, again.is_new, step.calls) == (True, False, 1)
        assert (again.folder / "sound.wav").read_bytes() == bytes(10) and again.facts == {"size": 10}
        for name, inputs in (("separated", {"song": "a", "net": 2}), ("converted", {"song": "a", "net": 1})):
            assert cache.get(name, inputs, step).is_new


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_after_an_error_the_results_before_it_stay_and_nothing_else(error: BaseException, tmp_path: Path) -> None:
    def fail(folder: Path) -> dict[str, int]:
        (folder / "sound.wav").write_bytes(bytes(10))
        raise error

    step = Step()
    with pytest.raises(type(error)), StageCache(tmp_path) as cache:
        kept = cache.get("separated", {}, step)
        cache.get("converted", {}, fail)
    assert [path.name for path in tmp_path.iterdir()] == [kept.folder.name]
    with StageCache(tmp_path) as cache:
        assert not cache.get("separated", {}, step).is_new


def test_the_entries_not_used_for_the_longest_time_are_removed(tmp_path: Path) -> None:
    step, names = Step(1000), ("a", "b", "c")
    for age, name in enumerate(reversed(names)):
        with StageCache(tmp_path) as cache:
            facts = cache.get(name, {}, step).folder / "facts.json"
        os.utime(facts, (1e9 - 100 * age, 1e9 - 100 * age))
    with StageCache(tmp_path, most_bytes=2500) as cache:
        assert not cache.get("a", {}, step).is_new  # the oldest is now the newest
    assert sorted(path.name[0] for path in tmp_path.iterdir()) == ["a", "c"]


def test_entries_that_another_process_uses_are_not_removed(tmp_path: Path) -> None:
    with StageCache(tmp_path) as cache:
        used = cache.get("used", {}, Step(1000)).folder
        StageCache(tmp_path).get("unused", {}, Step(1000))
        script = f"""
from pathlib import Path
from myna.storage.stage_cache import StageCache
with StageCache(Path({str(tmp_path)!r}), most_bytes=0):
    pass
"""
        processes.run([sys.executable, "-c", script], check=True)
        assert [path.name for path in tmp_path.iterdir() if path.name.startswith("used")] == [used.name]


def test_an_entry_without_facts_is_computed_again(tmp_path: Path) -> None:
    step = Step()
    with StageCache(tmp_path) as cache:
        folder = cache.get("a", {}, step).folder
    for damage in ("", "{", None):
        if damage is None:
            (folder / "facts.json").unlink()
        else:
            (folder / "facts.json").write_text(damage)
        with StageCache(tmp_path) as cache:
            assert cache.get("a", {}, step).is_new
    assert step.calls == 4


def test_the_folder_and_the_size_are_those_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYNA_CACHE", str(tmp_path))
    assert default_cache_folder() == tmp_path
    monkeypatch.delenv("MYNA_CACHE")
    if sys.platform == "linux":
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        assert default_cache_folder() == tmp_path / "myna"
        monkeypatch.setenv("XDG_CACHE_HOME", "relative")
        assert default_cache_folder() == Path.home() / ".cache" / "myna"
    monkeypatch.setenv("MYNA_CACHE_GB", "much")
    with pytest.raises(ConfigError, match="MYNA_CACHE_GB is 'much'"):
        StageCache(tmp_path)


def test_digests_are_those_of_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert digest_of(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest_of_values({"a": 1, "b": [None, "노"]}) == digest_of_values({"b": [None, "노"], "a": 1})
