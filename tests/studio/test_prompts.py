"""Prompts to read and sing, and the pitch of the guide tone."""

from __future__ import annotations

import numpy as np
import pytest

from myna.features.f0 import F0_ESTIMATORS
from myna.studio.prompts import (
    TITLES,
    VOICES,
    Melody,
    Note,
    guide_tone,
    melodies,
    midi_to_hz,
    root_for,
    sentence_lists,
    sentences,
    voice_of,
)

RATE = 44100
HOP = 441


def test_sentences_come_in_lists_of_ten() -> None:
    assert len(sentences()) >= 150  # recommended by the article
    assert {len(one) for one in sentence_lists()} == {10}
    assert len(set(sentences())) == len(sentences())
    for sentence in sentences():
        assert sentence[0].isupper() and sentence.endswith(".") and sentence.isascii()
        assert 4 <= len(sentence.split()) <= 12 and sentence == " ".join(sentence.split())


@pytest.mark.parametrize(
    ("list_number", "position", "sentence"),
    [
        (1, 1, "The birch canoe slid on the smooth planks."),
        (2, 10, "The girl at the booth sold fifty bonds."),
        (11, 1, "Oak is strong and also gives shade."),  # as the encyclopedia quotes list 11
        (11, 10, "Move the vat over the hot fire."),
        (24, 10, "Madam, this is the best brand of corn."),
    ],
)
def test_sentences_have_the_positions_of_the_standard(list_number: int, position: int, sentence: str) -> None:
    assert sentence_lists()[list_number - 1][position - 1] == sentence


def test_there_are_enough_melodies() -> None:
    found = melodies()
    assert len(found) >= 50
    assert len({(melody.key, melody.syllable, melody.height) for melody in found}) == len(found)
    assert {melody.key for melody in found} == set(TITLES)
    assert sum(melody.seconds for melody in found) > 300
    for melody in found:
        assert 5 <= melody.seconds <= 15, melody.title  # about ten seconds, and no longer than a clip
        assert melody.notes[0].syllable and "{" not in melody.title
        assert melody.highest - melody.lowest <= 19, melody.title


def test_syllables_are_joined_to_words() -> None:
    twinkle = next(melody for melody in melodies() if melody.key == "twinkle")
    assert twinkle.text == "Twinkle, twinkle, little star, how I wonder what you are."
    row = next(melody for melody in melodies() if melody.key == "row")
    assert row.text.startswith("Row, row, row your boat gently down the stream. Merrily, merrily,")


@pytest.mark.parametrize("voice", VOICES)
def test_melodies_lie_within_the_singers_range(voice: str) -> None:
    where = VOICES[voice]  # type: ignore[index]
    for melody in melodies():
        root = root_for(melody, where)
        assert where.low <= root + melody.lowest and root + melody.highest <= where.high, melody.title


def test_melodies_for_the_high_range_lie_higher() -> None:
    notes = (Note(0, 1.0, "la"), Note(7, 1.0, "la"))
    low, middle, high = (
        root_for(Melody("major", notes, height), VOICES["alto"]) for height in ("low", "middle", "high")
    )
    assert low == VOICES["alto"].low and high == VOICES["alto"].high - 7 and low < middle < high


@pytest.mark.parametrize(
    ("median_hz", "spoken", "voice"),
    [
        (110, True, "baritone"),  # typical for men
        (85, True, "bass"),
        (200, True, "mezzo"),  # typical for women
        (250, True, "soprano"),
        (midi_to_hz(57.5), False, "tenor"),
        (midi_to_hz(70), False, "soprano"),
        (20, False, "bass"),
        (2000, False, "soprano"),
    ],
)
def test_the_vocal_range_follows_from_the_median_pitch(median_hz: float, spoken: bool, voice: str) -> None:
    assert voice_of(median_hz, spoken=spoken) == voice


def test_a_median_pitch_of_zero_is_an_error() -> None:
    with pytest.raises(ValueError, match="0"):
        voice_of(0)


@pytest.mark.parametrize("voice", ["bass", "tenor", "soprano"])
@pytest.mark.parametrize("key", sorted(TITLES))
def test_the_guide_tone_is_in_tune(key: str, voice: str) -> None:
    melody = next(melody for melody in melodies() if melody.key == key)
    root = root_for(melody, VOICES[voice])  # type: ignore[index]
    tone = guide_tone(melody, root, RATE)
    assert len(tone) == round(melody.seconds * RATE) and tone.dtype == np.float32
    f0 = F0_ESTIMATORS["swift"](tone, RATE, HOP, "cpu")
    start = 0.0
    errors = []
    for note in melody.notes:
        end = start + note.seconds
        if note.semitones is not None:
            moment = start + 0.6 * note.seconds  # after attack and slur
            pitch = note.semitones if note.glide_to is None else note.semitones + 0.6 * (note.glide_to - note.semitones)
            estimated = f0[int(moment * RATE / HOP)]
            if estimated:
                errors.append(1200 * np.log2(estimated / midi_to_hz(root + pitch)))
            elif note.seconds > 0.15:
                errors.append(np.inf)
        start = end
    assert np.median(np.abs(errors)) < 10  # the estimator itself is off by up to 7 on steady tones
    assert np.max(np.abs(errors)) < 40, np.round(errors)  # short notes are shorter than the estimator's window


def test_the_guide_tone_does_not_click() -> None:
    """A click would have energy above the harmonics."""
    for melody in melodies():
        tone = guide_tone(melody, root_for(melody, VOICES["alto"]), RATE)
        assert np.abs(tone).max() < 0.36 and tone[0] == 0 and abs(tone[-1]) < 1e-3
        spectrum = np.abs(np.fft.rfft(tone * np.hanning(len(tone)))) ** 2
        edge = int(6000 / RATE * len(tone))
        assert spectrum[edge:].sum() < 1e-7 * spectrum.sum(), melody.title


def test_rests_are_silent_and_swells_are_loudest_in_the_middle() -> None:
    melody = Melody("swell", (Note(0, 1.0, "ah", shape="swell"), Note(None, 0.5), Note(0, 1.0, "ah")))
    tone = guide_tone(melody, 60, RATE)
    assert not tone[RATE : RATE + RATE // 2].any()

    def level(start: float, end: float) -> float:
        return float(np.sqrt(np.mean(tone[int(start * RATE) : int(end * RATE)] ** 2)))

    assert level(0.4, 0.6) > 2.5 * level(0.05, 0.15)
    assert level(1.7, 1.8) == pytest.approx(level(2.2, 2.3), rel=0.02)
