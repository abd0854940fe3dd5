"""Covers from file to file: what is kept, matched, cached, replaced and refused."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from myna.audio import io
from myna.audio.marking.manifest import SUFFIXES, can_sign, validation_state
from myna.audio.marking.tags import manifest_types
from myna.errors import AudioError, FileError, MissingExtraError
from myna.options import ConversionOptions, CoverOptions
from myna.progress import silent
from myna.song import cover
from myna.song.cover import CoverMaker, CoverSummary
from myna.song.cover_files import STEMS, CoverFiles
from myna.song.mixdown import MixHeaders, MixSources, mix_files
from song.fakes import RATE, Middle, Parrot, song

DRY = CoverOptions(reverb=0.0)


class Studio:
    """A folder with a song, a converter, a separator that counts its loads, and a cache."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.converter, self.n_loaded = folder, Parrot(folder / "voice.pth"), 0
        self.cache: Path | None = folder / "cache"

    def record(self, audio: np.ndarray, name: str = "song.wav", rate: int = RATE) -> Path:
        soundfile.write(self.folder / name, audio.T, rate, "FLOAT" if name.endswith("wav") else None)
        return self.folder / name

    def load(self) -> Middle:
        self.n_loaded += 1
        return Middle()

    def cover(
        self,
        path: Path,
        options: CoverOptions = DRY,
        conversion: ConversionOptions | None = None,
        output: str = "cover.wav",
        **files: Path,
    ) -> CoverSummary:
        maker = CoverMaker(self.converter, self.load, options, conversion or ConversionOptions(), self.cache)  # type: ignore[arg-type]
        return maker.make(CoverFiles(path, self.folder / output, **files))

    def read(self, name: str) -> np.ndarray:
        return io.read(self.folder / name, mono=False)[0]


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path)


def test_the_stems_have_one_length_and_add_up(studio: Studio) -> None:
    path = studio.record(song())
    summary = studio.cover(path, CoverOptions(reverb=0.3), stems=studio.folder / "stems")
    stems = {name: studio.read(f"stems/song.{name}.wav") for name in STEMS}
    assert {stem.shape for stem in stems.values()} == {(2, 6 * RATE)} == {studio.read("cover.wav").shape}
    np.testing.assert_allclose(stems["vocals"] + stems["accompaniment"], song(), atol=1e-6)
    total = stems["converted"] + stems["reverb"] + stems["accompaniment"]
    np.testing.assert_allclose(stems["mix"], total, atol=1e-6)
    np.testing.assert_allclose(studio.read("cover.wav"), stems["mix"], atol=1e-4)
    assert summary.seconds == 6 and summary.mix.n_channels == 2 and summary.reused == ()


def test_the_voice_gets_the_level_and_the_place_of_the_original(studio: Studio) -> None:
    studio.cover(studio.record(song()), stems=studio.folder)
    original, sung = studio.read("song.vocals.wav"), studio.read("song.converted.wav")
    assert np.abs(sung[0] - sung[1]).max() < 1e-3
    middle = slice(RATE // 4, RATE)
    assert 20 * np.log10(sung[0, middle].std() / original[0, middle].std()) == pytest.approx(0, abs=0.5)


def test_levels_of_vocals_and_music_are_those_of_the_options(studio: Studio) -> None:
    path = studio.record(song())
    for name, options in (("plain", DRY), ("moved", CoverOptions(reverb=0, vocals_db=-6, accompaniment_db=3))):
        studio.cover(path, options, stems=studio.folder / name)
    for stem, db in (("converted", -6), ("accompaniment", 3)):
        plain, moved = (studio.read(f"{name}/song.{stem}.wav") for name in ("plain", "moved"))
        np.testing.assert_allclose(moved, plain * 10 ** (db / 20), atol=1e-6)


def test_a_loud_mix_is_limited_and_turned_down(studio: Studio) -> None:
    path = studio.record(song())
    assert studio.cover(path).mix.limited_db == 0
    loud = studio.cover(path, CoverOptions(reverb=0, vocals_db=24)).mix
    assert loud.limited_db == pytest.approx(3, abs=0.01) and loud.turned_down_db > 1
    assert np.abs(studio.read("cover.wav")).max() <= 10 ** (-1 / 20) + 1e-4


@pytest.mark.parametrize(("rate", "n_channels"), [(8000, 1), (48000, 1), (192000, 2), (44100, 6)])
def test_a_cover_has_the_rate_and_length_of_its_song_and_at_most_two_channels(
    rate: int, n_channels: int, studio: Studio
) -> None:
    audio = song(2.345, rate)
    audio = audio[:1] if n_channels == 1 else np.concatenate([audio, np.zeros((n_channels - 2, audio.shape[1]))])
    path = studio.record(audio, rate=rate)
    summary = studio.cover(path, CoverOptions(reverb=0.1, force=True), output="cover.flac")
    about = io.info(studio.folder / "cover.flac")
    assert (about.sample_rate, about.n_samples, about.n_channels) == (rate, audio.shape[1], min(n_channels, 2))
    assert (summary.sample_rate, summary.mix.n_channels) == (rate, min(n_channels, 2))


def test_a_format_of_few_rates_gets_the_nearest_rate(studio: Studio) -> None:
    studio.cover(studio.record(song(2, 96000), rate=96000), output="cover.mp3")
    assert io.info(studio.folder / "cover.mp3").sample_rate == 48000
    assert studio.read("cover.mp3").shape == (2, 96000)


@pytest.mark.parametrize("suffix", [".mp3", ".flac", ".m4a"])
def test_tags_and_picture_are_those_of_the_original(suffix: str, studio: Studio) -> None:
    tags = io.Tags(title="노래\n☃", artist="Ánna", album="A" * 3000, track_number="3/12")
    picture = io.Picture(b"\xff\xd8\xff\xe0" + bytes(1000) + b"\xff\xd9", "mjpeg", 30, 20)
    source = studio.folder / f"song{suffix}"
    with io.Writer(source, RATE, channels=2, tags=tags, picture=picture) as writer:
        writer.write(song(2))
    studio.cover(source, output=f"cover{suffix}")
    found = io.info(studio.folder / f"cover{suffix}").tags
    expected = io.info(source).tags
    assert (found.title, found.artist, found.album) == (expected.title, expected.artist, expected.album)
    kept = io.read_picture(source)
    assert kept is not None and io.read_picture(studio.folder / f"cover{suffix}") == kept


@pytest.mark.skipif(not can_sign(), reason="needs the extra 'provenance'")
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_signed_cover_keeps_tags_and_picture(suffix: str, studio: Studio) -> None:
    source = studio.folder / f"song{suffix}"
    picture = None if suffix == ".wav" else io.Picture(b"\xff\xd8\xff\xe0" + bytes(1000) + b"\xff\xd9", "mjpeg", 30, 20)
    with io.Writer(source, RATE, channels=2, tags=io.Tags(title="노래"), picture=picture) as writer:
        writer.write(song(2))
    studio.cover(source, output=f"cover{suffix}", stems=studio.folder)
    cover = studio.folder / f"cover{suffix}"
    assert validation_state(cover) == "own" and manifest_types(cover) == ["trainedAlgorithmicMedia"]
    assert io.info(cover).tags.title == "노래" and io.read_picture(cover) == io.read_picture(source)
    np.testing.assert_allclose(studio.read(cover.name), studio.read("song.mix.wav"), atol=0.02)


@pytest.mark.skipif(not can_sign(), reason="needs the extra 'provenance'")
def test_converted_stems_are_signed(studio: Studio) -> None:
    studio.cover(studio.record(song(2)), stems=studio.folder)
    signed = {name for name in STEMS if manifest_types(studio.folder / f"song.{name}.wav")}
    assert signed == {"converted", "reverb", "mix"}


def test_results_of_the_stages_are_used_again(studio: Studio) -> None:
    path = studio.record(song())
    studio.cover(path)
    again = studio.cover(path, CoverOptions(reverb=0.2, vocals_db=-3))
    assert again.reused == ("separation", "conversion")
    other = studio.cover(path, conversion=ConversionOptions(transpose=12))
    assert other.reused == ("separation",) and studio.converter.asked[-1].transpose == 12
    studio.converter.voice.path.write_bytes(b"other weights")
    assert studio.cover(path).reused == ("separation",)
    path.rename(studio.folder / "renamed.wav")
    assert studio.cover(studio.folder / "renamed.wav").reused == ("separation", "conversion")
    assert len(studio.converter.asked) == 3


def test_without_a_cache_nothing_stays(studio: Studio) -> None:
    studio.cache = None
    path = studio.record(song(2))
    for _ in range(2):
        assert studio.cover(path).reused == ()
    assert {one.name for one in studio.folder.iterdir()} == {"song.wav", "voice.pth", "cover.wav"}


def test_a_cache_that_cannot_be_written_is_an_error_with_the_way_out(studio: Studio) -> None:
    path = studio.record(song(2))
    studio.cache = studio.folder / "full"
    studio.cache.write_text("")
    with pytest.raises(FileError, match=r"cannot write .*full.* MYNA_CACHE can name a folder on another disk"):
        studio.cover(path)
    studio.cache = None
    assert studio.cover(path).seconds == 2


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("finished", [(), ("separation",), ("separation", "conversion")])
def test_after_a_failure_finished_stages_stay_and_the_cover_does_not(
    finished: tuple[str, ...], error: BaseException, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = ("separate_file", "convert_file", "mix_files")[len(finished)]
    path = studio.record(song(2))

    def fail(*_arguments: Any) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(studio.converter if failing == "convert_file" else cover, failing, fail)
        with pytest.raises(type(error)):
            studio.cover(path, stems=studio.folder / "stems")
    assert {one.name for one in studio.folder.iterdir()} == {"song.wav", "voice.pth", "cache"}
    assert studio.cover(path).reused == finished


def test_given_stems_replace_separated_ones(studio: Studio) -> None:
    path, whole = studio.record(song()), song()
    vocals = studio.record(np.repeat(whole.mean(axis=0, keepdims=True), 2, axis=0), "vocals.flac")
    music = studio.record(0.1 * np.random.default_rng(0).normal(size=(2, 6 * 48000)), "music.wav", 48000)
    summary = studio.cover(path, vocals=vocals, accompaniment=music, stems=studio.folder / "stems")
    assert (studio.n_loaded, summary.levels, summary.reused) == (0, None, ())
    played = studio.read("stems/song.accompaniment.wav")
    assert played.shape == (2, 6 * RATE) and played.std() == pytest.approx(0.1 * (44.1 / 48) ** 0.5, rel=0.05)
    studio.cover(path, accompaniment=music)
    assert studio.n_loaded == 1 and len(studio.converter.asked) == 2


@pytest.mark.parametrize(
    ("audio", "reason"),
    [
        (lambda: song()[:, : 3 * RATE], r"stem.wav does not fit .*song.wav: it has 3.00 s, the song 6.00 s"),
        (lambda: np.zeros((2, 6 * RATE)), r"the vocals of .*song.wav are silent"),
    ],
)
def test_a_stem_that_does_not_fit_is_refused(audio: Callable[[], np.ndarray], reason: str, studio: Studio) -> None:
    path, stem = studio.record(song()), studio.record(audio(), "stem.wav")
    with pytest.raises(AudioError, match=reason):
        studio.cover(path, vocals=stem)
    assert not (studio.folder / "cover.wav").exists()


def test_an_instrumental_is_refused_unless_forced(studio: Studio) -> None:
    path = studio.record(song() * [[1], [-1]] * 0.01 + song(music_level=0.2) - song(music_level=0.0))
    with pytest.raises(AudioError, match=r"song.wav has hardly any vocals \(\d+ dB below the song\).*--force"):
        studio.cover(path)
    assert not studio.converter.asked
    assert studio.cover(path, CoverOptions(force=True, reverb=0)).reused == ("separation",)


def test_a_voice_alone_is_converted_as_it_is(studio: Studio) -> None:
    path = studio.record(song(music_level=0.0))
    summary = studio.cover(path, stems=studio.folder)
    assert summary.is_voice_alone and summary.levels is not None and not summary.levels.has_accompaniment
    assert not studio.read("song.accompaniment.wav").any()
    np.testing.assert_allclose(studio.read("song.vocals.wav"), song(music_level=0.0), atol=1e-6)


def test_silence_is_refused(studio: Studio) -> None:
    with pytest.raises(AudioError, match="is silent"):
        studio.cover(studio.record(np.zeros((2, RATE))))
    assert not (studio.folder / "cover.wav").exists()


def test_a_cover_never_replaces_a_recording(studio: Studio) -> None:
    path = studio.record(song(2))
    stem = studio.record(song(2), "song.vocals.wav")
    before = path.read_bytes(), stem.read_bytes()
    for files in ({"output": "song.wav"}, {"vocals": stem, "stems": studio.folder}):
        with pytest.raises(AudioError, match="would overwrite"):
            studio.cover(path, **files)  # type: ignore[arg-type]
    assert (path.read_bytes(), stem.read_bytes()) == before


def test_an_octave_moves_the_vocals_only_and_needs_no_library(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "python_stretch", None)
    path = studio.record(song(2))
    octave = studio.cover(path, CoverOptions(transpose_all=-12, reverb=0), ConversionOptions(transpose=1))
    assert studio.converter.asked[-1].transpose == -11 and octave.music_shift == 0
    for options, conversion in (
        (CoverOptions(transpose_all=2), ConversionOptions()),
        (DRY, ConversionOptions(auto_transpose=True, transpose_step="semitone")),
    ):
        with pytest.raises(MissingExtraError, match=r"myna\[cover\]"):
            studio.cover(path, options, conversion)


def test_music_moves_with_the_vocals(studio: Studio) -> None:
    pytest.importorskip("python_stretch")
    path = studio.record(song(3))
    options = CoverOptions(transpose_all=7, reverb=0)
    assert studio.cover(path, options, stems=studio.folder).music_shift == -5
    spectrum = np.abs(np.fft.rfft(studio.read("song.accompaniment.wav")[0, RATE : 2 * RATE]))
    assert np.argmax(spectrum[:200]) == pytest.approx(110 * 2 ** (-5 / 12), abs=2)
    assert studio.cover(path, options).reused == ("separation", "conversion", "transposition")


def test_memory_does_not_grow_with_the_song(studio: Studio) -> None:
    def peak(seconds: int) -> int:
        noise = np.random.default_rng(0).normal(0, 0.1, (2, seconds * 8000))
        stereo, mono = studio.record(noise, rate=8000), studio.record(noise[:1], "sung.wav", 8000)
        sources = MixSources(stereo, mono, stereo, 8000, seconds * 8000)
        headers = MixHeaders(stereo, io.Tags(), io.Tags(), None)
        tracemalloc.start()
        mix_files(sources, CoverOptions(reverb=0.2), studio.folder / "cover.wav", headers, {}, silent)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(2)
    assert peak(90) < 1.2 * peak(30)
