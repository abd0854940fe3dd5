"""Recording prompts: IEEE sentences to read, exercises and tunes to sing, and a guide tone for each of these melodies.

Example:
    melody = melodies()[0]
    tone = guide_tone(melody, root_for(melody, VOICES["alto"]), 44100)

NumPy is imported only where it is used, because the page's process imports this module at its start.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# --- to read ---------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def sentence_lists() -> tuple[tuple[str, ...], ...]:
    """Read 24 of the IEEE's 72 lists of ten phonetically balanced sentences.

    The source is the IEEE Recommended Practice for Speech Quality Measurements, 1969, appendix C. The text is from free
    transcripts, because the printed original was not available. The lists are the first 24 whose words are the same in
    all transcripts.
    """
    text = resources.files("myna.studio").joinpath("sentences.txt").read_text(encoding="utf-8")
    return tuple(tuple(block.splitlines()) for block in text.strip().split("\n\n"))


def sentences() -> tuple[str, ...]:
    """Return all sentences in order."""
    return tuple(sentence for one in sentence_lists() for sentence in one)


# --- to sing ---------------------------------------------------------------------------------------------------------

Height = Literal["low", "middle", "high"]
Shape = Literal["even", "swell"]

_HEIGHTS: dict[Height, float] = {"low": 0.0, "middle": 0.5, "high": 1.0}


@dataclass(frozen=True)
class Note:
    """A note with its pitch relative to the root, or a rest."""

    semitones: float | None  # above the root; None for a rest
    seconds: float
    syllable: str = ""  # ends with "-" inside a word ("Twin-"); if empty, the previous syllable continues
    glide_to: float | None = None  # pitch at the end of a glide, in semitones above the root
    shape: Shape = "even"  # "swell": crescendo and decrescendo


@dataclass(frozen=True)
class Melody:
    """An exercise or a tune of about ten seconds."""

    key: str  # key in `TITLES` and `HINTS`
    notes: tuple[Note, ...]
    height: Height = "middle"  # position in the singer's range
    syllable: str = ""  # sung on each note of an exercise; "" for a tune, which has words

    @property
    def title(self) -> str:
        """English title. The page's translations have the same keys."""
        return TITLES[self.key].format(syllable=self.syllable)

    @property
    def hint(self) -> str:
        """English singing instruction; "" if the melody needs none."""
        return HINTS.get(self.key, "")

    @property
    def text(self) -> str:
        """Words of a tune, or the syllables of an exercise."""
        return " ".join(note.syllable for note in self.notes if note.syllable).replace("- ", "")

    @property
    def seconds(self) -> float:
        return sum(note.seconds for note in self.notes)

    @property
    def lowest(self) -> float:
        return min(_pitches(self.notes))

    @property
    def highest(self) -> float:
        return max(_pitches(self.notes))


def _pitches(notes: Iterable[Note]) -> Iterator[float]:
    for note in notes:
        yield from (pitch for pitch in (note.semitones, note.glide_to) if pitch is not None)


# Displayed titles by `Melody.key`.
TITLES = {
    "held": "Three long notes on “{syllable}”",
    "swell": "Soft, loud and soft again on “{syllable}”",
    "five": "Five notes up and down on “{syllable}”",
    "major": "A scale up and down on “{syllable}”",
    "minor": "A minor scale on “{syllable}”",
    "triad": "A broken chord on “{syllable}”",
    "minor_triad": "A minor chord on “{syllable}”",
    "thirds": "Thirds on “{syllable}”",
    "intervals": "Wider and wider steps on “{syllable}”",
    "octaves": "Octaves on “{syllable}”",
    "siren": "A siren on “{syllable}”",
    "slides": "Slides on “{syllable}”",
    "run": "A quick run on “{syllable}”",
    "short": "Short notes on “{syllable}”",
    "half_steps": "Half steps on “{syllable}”",
    "twinkle": "Twinkle, Twinkle, Little Star",
    "twinkle_2": "Twinkle, Twinkle, Little Star: the middle",
    "jacques": "Frère Jacques",
    "jacques_2": "Frère Jacques: the end",
    "grace": "Amazing Grace",
    "mary": "Mary Had a Little Lamb",
    "row": "Row, Row, Row Your Boat",
    "joyful": "Ode to Joy",
    "saints": "When the Saints Go Marching In",
    "bells": "Jingle Bells",
    "bells_2": "Jingle Bells: the end",
    "syne": "Auld Lang Syne",
    "silent": "Silent Night",
    "bridge": "London Bridge",
    "lune": "Au clair de la lune",
    "yankee": "Yankee Doodle",
}
HINTS = {
    "held": "Keep each note steady to its end.",
    "swell": "Start softly, grow until the middle, and fade.",
    "siren": "Slide without steps.",
    "slides": "Slide from one note into the next.",
    "run": "Light and even.",
    "short": "Short, with a small gap after each.",
}


@lru_cache(maxsize=1)
def melodies() -> tuple[Melody, ...]:
    """Return all exercises and tunes, interleaved so that an early end includes some of both."""
    exercises, tunes = _exercises(), _tunes()
    every = len(exercises) / len(tunes)
    # Spread the tunes evenly among the exercises.
    order = sorted(
        [(float(i), melody) for i, melody in enumerate(exercises)]
        + [((i + 0.5) * every, melody) for i, melody in enumerate(tunes)],
        key=lambda one: one[0],
    )
    return tuple(melody for _, melody in order)


def _exercises() -> list[Melody]:
    """Return each pattern on several syllables, at different heights, so that each vowel occurs at several heights."""
    patterns: list[tuple[str, Sequence[str], list[Note]]] = [
        ("five", ("la", "mi", "no"), _twice([0, 2, 4, 5, 7, 5, 4, 2, 0], 0.45)),
        ("held", ("ah", "eh", "ee", "oh", "oo"), _apart([0, 4, 7], 2.4)),
        ("triad", ("na", "lo", "vi"), _twice([0, 4, 7, 12, 7, 4, 0], 0.5)),
        ("siren", ("oo", "ah", "ee"), [*_glides([0, 12, 0], 2.0), *_glides([2, 14, 2], 2.0)]),
        ("major", ("la", "nu", "me"), _line([0, 2, 4, 5, 7, 9, 11, 12, 11, 9, 7, 5, 4, 2, 0], 0.45)),
        ("intervals", ("ma", "yo"), _line([0, 2, 0, 4, 0, 5, 0, 7, 0, 9, 0, 12, 0], 0.55)),
        ("swell", ("ah", "oh", "ee"), _apart([0, 5], 4.0, "swell")),
        ("run", ("la", "di"), _twice([0, 2, 4, 5, 7, 9, 7, 5, 4, 2, 0], 0.22, times=3)),
        ("minor", ("na", "lu"), _line([0, 2, 3, 5, 7, 8, 10, 12, 10, 8, 7, 5, 3, 2, 0], 0.45)),
        ("short", ("ha", "pa"), _twice([0, 4, 7, 12, 7, 4, 0], 0.42, gap=0.5)),
        ("thirds", ("mo", "ya"), _line([0, 4, 2, 5, 4, 7, 5, 9, 7, 5, 4, 2, 0], 0.5)),
        ("slides", ("ah", "oo"), [*_glides([0, 4, 7, 4, 0], 1.0), *_glides([1, 5, 8, 5, 1], 1.0)]),
        ("minor_triad", ("no", "le"), _twice([0, 3, 7, 12, 7, 3, 0], 0.5)),
        ("octaves", ("yo", "ma"), _line([0, 12, 0, 2, 14, 2, 4, 16, 4], 0.8)),
        ("half_steps", ("nu", "mi"), _twice([0, 1, 2, 3, 4, 3, 2, 1, 0], 0.45)),
    ]
    heights: tuple[Height, ...] = ("middle", "low", "high")
    found = []
    for turn in range(max(len(syllables) for _, syllables, _ in patterns)):
        for i, (key, syllables, notes) in enumerate(patterns):
            if turn < len(syllables):
                # A glide after another note continues its syllable; all other notes start the syllable again.
                sung = [
                    note
                    if note.semitones is None or (note.glide_to is not None and before and before.semitones is not None)
                    else Note(note.semitones, note.seconds, syllables[turn], note.glide_to, note.shape)
                    for before, note in zip([None, *notes], notes, strict=False)
                ]
                found.append(Melody(key, tuple(sung), heights[(turn + i) % 3], syllables[turn]))
    return found


_BREATH_SECONDS = 0.5


def _line(pitches: Sequence[float], seconds: float, last: float = 3.0) -> list[Note]:
    """Return consecutive notes of `seconds` each; the duration of the last note is `last` times `seconds`."""
    return [*(Note(pitch, seconds) for pitch in pitches[:-1]), Note(pitches[-1], last * seconds)]


def _twice(pitches: Sequence[float], seconds: float, *, times: int = 2, gap: float = 0.0) -> list[Note]:
    """Return a line `times` times; each repetition follows a breath and is a semitone higher.

    `gap` is the share of each note's duration that is silent.
    """
    notes: list[Note] = []
    for turn in range(times):
        if turn:
            notes.append(Note(None, _BREATH_SECONDS))
        for note in _line([pitch + turn for pitch in pitches], seconds, last=2.0):
            notes.append(Note(note.semitones, note.seconds * (1 - gap)))
            if gap:
                notes.append(Note(None, note.seconds * gap))
    return notes


def _apart(pitches: Sequence[float], seconds: float, shape: Shape = "even") -> list[Note]:
    """Return long notes separated by breaths."""
    notes: list[Note] = []
    for pitch in pitches:
        if notes:
            notes.append(Note(None, _BREATH_SECONDS))
        notes.append(Note(pitch, seconds, shape=shape))
    return notes


def _glides(pitches: Sequence[float], seconds: float) -> list[Note]:
    """Return glides from each pitch to the next, followed by a breath."""
    return [
        *(Note(left, seconds, glide_to=right) for left, right in pairwise(pitches)),
        Note(None, _BREATH_SECONDS),
    ]


# Tunes by their keys in `TITLES`: the duration of a beat in seconds, and lines of "word:pitch*beats". A word may be
# split into syllables ("Twin- kle"). The pitch is in semitones above the root. "*1" may be omitted. Notes joined by "+"
# share one syllable. All known composers and poets died before 1935.
_TUNES: dict[str, tuple[float, tuple[str, ...]]] = {
    "twinkle": (
        0.5,
        (
            "Twin-:0 kle,:0 twin-:7 kle,:7 lit-:9 tle:9 star,:7*2",
            "how:5 I:5 won-:4 der:4 what:2 you:2 are.:0*2",
        ),
    ),
    "twinkle_2": (
        0.5,
        (
            "Up:7 a-:7 bove:5 the:5 world:4 so:4 high,:2*2",
            "like:7 a:7 dia-:5 mond:5 in:4 the:4 sky.:2*2",
        ),
    ),
    "jacques": (
        0.5,
        (
            "Frè-:0 re:2 Jac-:4 ques,:0 Frè-:0 re:2 Jac-:4 ques,:0",
            "dor-:4 mez-:5 vous?:7*2 Dor-:4 mez-:5 vous?:7*2",
        ),
    ),
    "jacques_2": (
        0.5,
        (
            "Son-:7*0.5 nez:9*0.5 les:7*0.5 ma-:5*0.5 ti-:4 nes!:0",
            "Son-:7*0.5 nez:9*0.5 les:7*0.5 ma-:5*0.5 ti-:4 nes!:0",
            "Ding,:0 dang,:-5 dong.:0*2 Ding,:0 dang,:-5 dong.:0*2",
        ),
    ),
    "grace": (
        0.55,
        (
            "A-:-5 ma-:0*2 zing:4*0.5+0*0.5 grace,:4*2 how:2 sweet:0*2 the:-3 sound:-5*2",
            "that:-5 saved:0*2 a:4*0.5+0*0.5 wretch:4*2 like:2 me.:7*4",
        ),
    ),
    "mary": (
        0.45,
        (
            "Ma-:4 ry:2 had:0 a:2 lit-:4 tle:4 lamb,:4*2 lit-:2 tle:2 lamb,:2*2 lit-:4 tle:7 lamb,:7*2",
            "Ma-:4 ry:2 had:0 a:2 lit-:4 tle:4 lamb,:4 its:4 fleece:2 was:2 white:4 as:2 snow.:0*3",
        ),
    ),
    "row": (
        0.3,
        (
            "Row,:0*3 row,:0*3 row:0*2 your:2 boat:4*3 gent-:4*2 ly:2 down:4*2 the:5 stream.:7*5",
            "Mer-:12 ri-:12 ly,:12 mer-:7 ri-:7 ly,:7 mer-:4 ri-:4 ly,:4 mer-:0 ri-:0 ly,:0",
            "life:7*2 is:5 but:4*2 a:2 dream.:0*5",
        ),
    ),
    "joyful": (
        0.5,
        (
            "Joy-:4 ful,:4 joy-:5 ful,:7 we:7 a-:5 dore:4 thee,:2",
            "God:0 of:0 glo-:2 ry,:4 Lord:4*1.5 of:2*0.5 love.:2*2",
        ),
    ),
    "saints": (
        0.45,
        (
            "Oh:0 when:4 the:5 saints:7*4 go:0 march-:4 ing:5 in,:7*4",
            "oh:0 when:4 the:5 saints:7*2 go:4*2 march-:0*2 ing:4*2 in.:2*3",
        ),
    ),
    "bells": (
        0.4,
        (
            "Jin-:4 gle:4 bells,:4*2 jin-:4 gle:4 bells,:4*2",
            "jin-:4 gle:7 all:0*1.5 the:2*0.5 way.:4*4",
        ),
    ),
    "bells_2": (
        0.4,
        (
            "Oh:5 what:5 fun:5*1.5 it:5*0.5 is:5 to:4 ride:4 in:4*0.5 a:4*0.5",
            "one:7 horse:7 o-:5 pen:2 sleigh.:0*4",
        ),
    ),
    "syne": (
        0.5,
        (
            "Should:-5 auld:0*1.5 ac-:0*0.5 quain-:0 tance:4 be:2*1.5 for-:0*0.5 got,:2",
            "and:4 nev-:0*1.5 er:0*0.5 brought:4 to:7 mind?:9*3",
        ),
    ),
    "silent": (
        0.5,
        (
            "Si-:7*1.5+9*0.5 lent:7 night,:4*3 ho-:7*1.5+9*0.5 ly:7 night,:4*3",
            "all:14*2 is:14 calm,:11*3 all:12*2 is:12 bright.:7*3",
        ),
    ),
    "bridge": (
        0.45,
        (
            "Lon-:7*1.5 don:9*0.5 Bridge:7 is:5 fall-:4 ing:5 down,:7*2",
            "fall-:2 ing:4 down,:5*2 fall-:4 ing:5 down.:7*2",
            "Lon-:7*1.5 don:9*0.5 Bridge:7 is:5 fall-:4 ing:5 down,:7*2 my:2*2 fair:7*2 la-:4 dy.:0*3",
        ),
    ),
    "lune": (
        0.5,
        (
            "Au:0 clair:0 de:0 la:2 lu-:4*2 ne,:2*2",
            "mon:0 a-:4 mi:2 Pier-:2 rot.:0*4",
        ),
    ),
    "yankee": (
        0.4,
        (
            "Yan-:0 kee:0 Doo-:2 dle:4 went:0 to:4 town,:2 a-:-5",
            "rid-:0 ing:0 on:2 a:4 po-:0*2 ny.:-1*2",
        ),
    ),
}


def _tunes() -> list[Melody]:
    return [
        Melody(key, tuple(note for line in lines for word in line.split() for note in _word(word, beat)))
        for key, (beat, lines) in _TUNES.items()
    ]


def _word(word: str, beat_seconds: float) -> Iterator[Note]:
    syllable, _, sung = word.partition(":")
    for i, note in enumerate(sung.split("+")):
        pitch, _, beats = note.partition("*")
        yield Note(float(pitch), float(beats or 1) * beat_seconds, "" if i else syllable)


# --- vocal ranges ----------------------------------------------------------------------------------------------------

VoiceName = Literal["bass", "baritone", "tenor", "alto", "mezzo", "soprano"]


@dataclass(frozen=True)
class VoiceRange:
    """Comfortable vocal range, given as MIDI notes."""

    low: int
    high: int


# Each range spans an octave and a fifth, the range of an untrained singer: the central part of the two octaves that
# choirs require.
VOICES: dict[VoiceName, VoiceRange] = {
    "bass": VoiceRange(40, 59),
    "baritone": VoiceRange(45, 64),
    "tenor": VoiceRange(48, 67),
    "alto": VoiceRange(53, 72),
    "mezzo": VoiceRange(57, 76),
    "soprano": VoiceRange(60, 79),
}


def voice_of(median_hz: float, *, spoken: bool = False) -> VoiceName:
    """Return the name of the vocal range that best fits the median pitch of singing, or of speech if `spoken`.

    Singing is compared with the middle of each range, and speech with its lower end, because people speak near the
    lower end of their comfortable singing range.

    Raises:
        ValueError: the pitch is not positive.
    """
    from myna.units import hz_to_note

    if not median_hz > 0:
        raise ValueError(f"the median pitch must be above 0 Hz, got {median_hz}")
    note = hz_to_note(median_hz)

    def distance(name: VoiceName) -> float:
        voice = VOICES[name]
        return abs(note - (voice.low if spoken else (voice.low + voice.high) / 2))

    return min(VOICES, key=distance)


def root_for(melody: Melody, voice: VoiceRange) -> int:
    """Return the root (MIDI note) that places a melody at its `height` (low, middle or high) in a vocal range.

    A melody wider than the range exceeds both ends equally.
    """
    free = voice.high - voice.low - (melody.highest - melody.lowest)
    share = _HEIGHTS[melody.height] if free > 0 else 0.5
    return round(voice.low + free * share - melody.lowest)


def midi_to_hz(note: float) -> float:
    """Convert a MIDI note to its frequency in Hz (69 is 440 Hz)."""
    return float(440 * 2 ** ((note - 69) / 12))


# --- guide tone ------------------------------------------------------------------------------------------------------

_HARMONICS = (1.0, 0.35, 0.15, 0.05)  # a soft tone that is audible on a phone's loudspeaker even at 100 Hz
_PEAK = 0.35  # moderate, because the tone may be played on headphones
# Durations of the half-cosine ramps; shorter ramps click.
_ATTACK_SECONDS = 0.03
_RELEASE_SECONDS = 0.06
_SLUR_SECONDS = 0.04


def guide_tone(melody: Melody, root: int, sample_rate: int) -> NDArray[np.float32]:
    """Synthesize a melody with a soft tone.

    Args:
        melody: melody to synthesize.
        root: MIDI note to which the pitches of the melody are relative.
        sample_rate: sample rate in Hz.

    Returns:
        Samples (N,) with a peak of at most `_PEAK`.
    """
    import numpy as np

    edges = np.rint(np.cumsum([0.0, *(note.seconds for note in melody.notes)]) * sample_rate).astype(int)
    pitch = np.zeros(edges[-1])
    level = np.zeros(edges[-1])
    before: Note | None = None
    for i, (note, (start, end)) in enumerate(zip(melody.notes, pairwise(edges), strict=True)):
        if note.semitones is not None:
            after = melody.notes[i + 1] if i + 1 < len(melody.notes) else None
            pitch[start:end] = _pitch(note, before if _slurred(before, note) else None, end - start, sample_rate)
            level[start:end] = _level(note, end - start, sample_rate, _slurred(before, note), _slurred(note, after))
        before = note
    hz = 440 * 2 ** ((root + pitch - 69) / 12)
    phase = 2 * np.pi * np.cumsum(hz) / sample_rate
    tone = np.zeros(edges[-1])
    for number, share in enumerate(_HARMONICS, start=1):
        tone += share * np.sin(number * phase) * (number * hz < sample_rate / 2)
    return (tone * level * (_PEAK / sum(_HARMONICS))).astype(np.float32)


def _slurred(left: Note | None, right: Note | None) -> bool:
    """Return True if both are notes, not rests, on the same syllable."""
    return (
        left is not None
        and right is not None
        and left.semitones is not None
        and right.semitones is not None
        and not right.syllable
    )


def _pitch(note: Note, before: Note | None, n: int, sample_rate: int) -> NDArray[np.float64]:
    """Compute the pitch (n,) of a note in semitones above the root.

    The pitch is a straight line. If the note `before` is given, the line begins with a short ramp from that note's
    pitch.
    """
    import numpy as np

    assert note.semitones is not None
    line = np.linspace(note.semitones, note.semitones if note.glide_to is None else note.glide_to, n)
    reached = None if before is None else (before.semitones if before.glide_to is None else before.glide_to)
    if reached is not None:
        ramp = _ramp(min(n, round(_SLUR_SECONDS * sample_rate)))
        line[: len(ramp)] += (reached - note.semitones) * (1 - ramp)
    return line


def _level(note: Note, n: int, sample_rate: int, slurred_start: bool, slurred_end: bool) -> NDArray[np.float64]:
    """Compute the amplitude envelope (n,); attack and release are omitted where a slur joins two notes."""
    import numpy as np

    level = np.ones(n)
    if note.shape == "swell":
        level *= 0.15 + 0.85 * np.sin(np.linspace(0, np.pi, n)) ** 2
    if not slurred_start:
        attack = _ramp(min(n // 2, round(_ATTACK_SECONDS * sample_rate)))
        level[: len(attack)] *= attack
    if not slurred_end:
        release = _ramp(min(n // 2, round(_RELEASE_SECONDS * sample_rate)))[::-1]
        level[n - len(release) :] *= release
    return level


def _ramp(n: int) -> NDArray[np.float64]:
    """Return a half-cosine ramp (n,) from 0 towards 1."""
    import numpy as np

    return np.asarray(0.5 - 0.5 * np.cos(np.pi * np.arange(n) / max(n, 1)))
