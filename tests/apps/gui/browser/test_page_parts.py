"""Parts of the page that draw nothing: the timeline, the geometry of the piano roll, pitch edits, and their history."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from studio_page import StudioPage


@pytest.fixture(scope="module")
def opened(chromium: Any, server: Any) -> StudioPage:
    page = StudioPage(chromium(), server.url)
    page.open()
    return page


def run(page: StudioPage, module: str, script: str) -> Any:
    """Return what `script`, the body of a function, returns; the exports of a module are in its scope as `m`."""
    found = page.driver.execute_async_script(
        """
        const [module, done] = arguments;
        import(new URL(`static/${module}`, document.baseURI))
          .then((m) => done({value: RUN(m)}), (error) => done({error: String(error)}));
        """.replace("RUN(m)", f"(() => {{ {script} }})()"),
        module,
    )
    assert "error" not in found, found
    return found.get("value")


def test_a_view_keeps_the_time_under_the_pointer_and_stays_on_the_timeline(opened: StudioPage) -> None:
    found = run(
        opened,
        "lib/timeline.js",
        """
        const view = m.wholeView(100);
        const near = m.zoomed(view, 4, 30);
        return {
          near, place: m.placeOf(near, 30), out: m.zoomed(near, 0.01, 30), left: m.panned(near, -1000),
          right: m.panned(near, 1000), turned: m.turned(near, 90), stays: m.turned(near, 40) === near,
          back: m.timeAt(near, m.placeOf(near, 37)),
        };
        """,
    )
    assert found["near"] == {"start": 22.5, "seconds": 25, "whole": 100}
    assert found["place"] == pytest.approx(0.3)
    assert found["out"] == {"start": 0, "seconds": 100, "whole": 100}
    assert (found["left"]["start"], found["right"]["start"]) == (0, 75)
    assert found["turned"]["start"] <= 90 <= found["turned"]["start"] + 25
    assert found["stays"] and found["back"] == pytest.approx(37)


@pytest.mark.parametrize("seconds, width", [(0.5, 300), (12, 600), (600, 900), (10800, 340)])
def test_ticks_lie_at_round_times_and_do_not_overlap(opened: StudioPage, seconds: float, width: int) -> None:
    ticks = run(opened, "lib/timeline.js", f"return m.ticks({{start: 0, seconds: {seconds}, whole: 1e5}}, {width});")
    assert 2 <= len(ticks) <= width / 72 + 1
    texts = [tick["text"] for tick in ticks]
    assert len(set(texts)) == len(texts)
    steps = {round(after["time"] - before["time"], 6) for before, after in pairwise(ticks)}
    assert len(steps) == 1


ROLL = "{view: {start: 10, seconds: 10, whole: 60}, range: {top: 72, notes: 24}, width: 1000, height: 480}"
NOTES = "[{start: 11, end: 12, pitch: 60}, {start: 12, end: 14, pitch: 62.3}, {start: 12.2, end: 12.4, pitch: 67}]"


def test_places_and_pitches_are_inverse(opened: StudioPage) -> None:
    found = run(
        opened,
        "components/pitch-editor/roll.js",
        f"""
        const roll = {ROLL};
        const back = m.noteOf(roll, m.yOf(roll, 61.7));
        return [m.xOf(roll, 12.5), m.timeOf(roll, 250), m.yOf(roll, 60), m.noteOf(roll, 240), back];
        """,
    )
    assert found == pytest.approx([250, 12.5, 240, 60, 61.7])


@pytest.mark.parametrize(
    "time, pitch, expected",
    [(11.5, 60, 0), (11.5, 60.4, 0), (13, 62.3, 1), (13, 60.2, -1), (12.3, 67.2, 2), (12.02, 60, 0), (12.02, 62.2, 1)],
)
def test_a_note_is_hit_where_it_is_drawn(opened: StudioPage, time: float, pitch: float, expected: int) -> None:
    script = f"const roll = {ROLL}; return m.noteAt(roll, {NOTES}, m.xOf(roll, {time}), m.yOf(roll, {pitch}));"
    assert run(opened, "components/pitch-editor/roll.js", script) == expected


def test_the_range_shows_what_is_sung_and_stays_within_the_editor(opened: StudioPage) -> None:
    found = run(
        opened,
        "components/pitch-editor/roll.js",
        f"""
        const around = m.rangeAround({NOTES});
        return [around, m.rangeOf(200, 24), m.rangeOf(0, 24), m.rangeOf(60, 500), m.rangeZoomed(around, 2, 64)];
        """,
    )
    around, high, low, all_notes, near = found
    assert around["top"] >= 69 and around["top"] - around["notes"] <= 58
    assert high["top"] == 96 and low["top"] - low["notes"] == 24 and all_notes == {"top": 96, "notes": 72}
    place = (around["top"] - 64) / around["notes"]
    assert near["notes"] == around["notes"] / 2 and (near["top"] - 64) / near["notes"] == pytest.approx(place)


A_MINOR = "{name: 'Am', title: '', pitch_classes: [0, 2, 4, 5, 7, 9, 11]}"


@pytest.mark.parametrize(
    "pitch, by, key, expected",
    [
        (60.2, 0.2, A_MINOR, 0),  # a hand that trembles moves nothing
        (60.2, 0.9, A_MINOR, 61.0 + 1 - 60.2),  # C sharp is not in the key: of C and D, the nearer is D
        (60.2, 0.6, A_MINOR, 60 - 60.2),
        (60.2, 0.9, "{pitch_classes: [0,1,2,3,4,5,6,7,8,9,10,11]}", 61 - 60.2),
        (60.2, 0.9, "null", 0.9),
    ],
)
def test_a_dragged_note_lands_on_the_key(
    opened: StudioPage, pitch: float, by: float, key: str, expected: float
) -> None:
    script = f"return m.landing({pitch}, {by}, {key});"
    assert run(opened, "components/pitch-editor/edits.js", script) == pytest.approx(expected)


def test_moves_of_one_note_add_up_and_cancel(opened: StudioPage) -> None:
    found = run(
        opened,
        "components/pitch-editor/edits.js",
        """
        const stretch = {start: 1, end: 2};
        const once = m.moved([], stretch, 1);
        const beside = m.moved(once, {start: 2, end: 3}, 1);
        return [once, m.moved(once, stretch, 0.5), m.moved(once, stretch, -1), beside.length];
        """,
    )
    shift = {"kind": "shift", "start": 1, "end": 2}
    assert found == [[{**shift, "semitones": 1}], [{**shift, "semitones": 1.5}], [], 2]


def test_a_drawn_line_has_ascending_times_and_the_last_pitch_of_each(opened: StudioPage) -> None:
    found = run(
        opened,
        "components/pitch-editor/edits.js",
        "return [m.drawn([], [[2, 60], [1.5, 61], [1, 62], [1.5, 64]]), m.drawn([], [[1, 60], [1.001, 61]])];",
    )
    assert found == [[{"kind": "draw", "points": [[1, 62], [1.5, 64], [2, 60]], "voiced": True}], []]


def test_restoring_a_stretch_leaves_what_lies_beside_it(opened: StudioPage) -> None:
    found = run(
        opened,
        "components/pitch-editor/edits.js",
        """
        return m.restored([
          {kind: "shift", start: 0, end: 1, semitones: 1}, {kind: "vibrato", start: 1, end: 4, factor: 0},
          {kind: "silent", start: 2.2, end: 2.8},
          {kind: "draw", points: [[2.5, 60], [3.5, 62], [4.5, 60]], voiced: true},
        ], {start: 2, end: 3});
        """,
    )
    assert found == [
        {"kind": "shift", "start": 0, "end": 1, "semitones": 1},
        {"kind": "vibrato", "start": 1, "end": 2, "factor": 0},
        {"kind": "vibrato", "start": 3, "end": 4, "factor": 0},
        {"kind": "draw", "points": [[3, 61], [3.5, 62], [4.5, 60]], "voiced": True},
    ]


def test_undo_and_redo_return_to_the_states_between(opened: StudioPage) -> None:
    found = run(
        opened,
        "components/pitch-editor/history.js",
        """
        const two = m.changed(m.changed(m.begun(0), 1), 2);
        const one = m.undone(two);
        const none = m.undone(m.undone(one));
        return [one.now, none.now, m.redone(one).now, m.redone(two) === two, m.redone(m.changed(one, 3)).now];
        """,
    )
    assert found == [1, 0, 2, True, 3]


def test_solo_outweighs_mute(opened: StudioPage) -> None:
    script = """
        const level = (muted, solo) => ({gain_db: 0, muted, solo});
        const heard = (levels) => Object.keys(levels).filter((name) => m.isHeard(levels, name));
        return [
          heard({a: level(false, false), b: level(true, false)}), heard({a: level(false, false), b: level(true, true)}),
          m.amplitude(-6).toFixed(3),
        ];
    """
    assert run(opened, "lib/mixer.js", script) == [["a"], ["b"], "0.501"]


def test_stems_play_in_step_across_their_pieces(opened: StudioPage) -> None:
    """Two stems of opposite sign cancel at every sample, and one alone is heard: here over three pieces."""
    opened.find("h1").click()  # before a click, browsers play nothing
    found = opened.driver.execute_async_script(
        """
        const done = arguments[0];
        (async () => {
          const {Stems} = await import(new URL("static/lib/stems.js", document.baseURI));
          const rate = 22050;
          // Samples of noise that depend on their number only.
          const value = (n) => Math.round(8000 * (((n * 1103515245 + 12345) % 65536) / 32768 - 1));
          const real = window.fetch;
          window.fetch = async (address) => {
            const url = new URL(address, document.baseURI);
            const first = Number(url.searchParams.get("first")), count = Number(url.searchParams.get("count"));
            const sign = url.pathname.endsWith("minus") ? -1 : 1;
            return new Response(Int16Array.from({length: count}, (_, i) => sign * value(first + i)).buffer);
          };
          const tracks = ["/plus", "/minus"].map((url) => ({url, channels: 1, rate}));
          const stems = new Stems({rate, seconds: 7, tracks});
          await stems.load();
          const loudest = async (volumes, seconds) => {
            stems.start(0.7, volumes);
            while (!stems.run.at || stems.time < 0.8) await new Promise((go) => setTimeout(go, 20));
            const {context, gains} = stems.run;
            const meter = new AnalyserNode(context, {fftSize: 8192});
            for (const gain of gains) gain.connect(meter);
            const heard = new Float32Array(8192);
            let most = 0;
            while (stems.time < 0.8 + seconds) {
              await new Promise((go) => setTimeout(go, 50));
              meter.getFloatTimeDomainData(heard);
              most = Math.max(most, ...heard.map(Math.abs));
            }
            const time = stems.time;
            stems.stop();
            return {most, time};
          };
          const both = await loudest([1, 1], 4);
          const one = await loudest([1, 0], 0.5);
          window.fetch = real;
          done({both: both.most, one: one.most, time: both.time});
        })().catch((error) => done({error: String(error.stack)}));
        """
    )
    assert "error" not in found, found
    assert found["both"] < 1e-6
    assert 0.4 < found["one"] < 0.6
    assert found["time"] > 4.8
