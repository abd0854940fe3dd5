// Pitch of the singer and of the voice in the last seconds, which moves to the left as time passes.

import {effect, html, signal, useEffect} from "../../vendor/preact.js";
import {noteName} from "../../lib/format.js";
import {live, route} from "../../lib/store.js";
import {t} from "../../lib/texts.js";
import {colour, theme} from "../../lib/theme.js";
import {useCanvas} from "../../components/canvas.js";
import {isActive, isRunning} from "./session.js";

/** @typedef {[number, number | null][]} Pitch */

const SHOWN_SECONDS = 8;
const A4_HZ = 440;
const A4_NUMBER = 69; // MIDI number
const OCTAVE = 12;
const LEAST_SEMITONES = 24;
const MARGIN_SEMITONES = 3;
const OUTLIERS = 0.03; // share of the frames that the scale need not show, at each end
const AXIS_WIDTH = 40;
const GAP_SECONDS = 0.06; // between two frames of one note
const JUMP_SEMITONES = 3; // a line does not connect larger steps
const EASE = 0.08; // share of the way that scale and clock move towards their goals per frame of the screen

/** The last seconds of both contours, oldest first. @type {{source: Pitch, voice: Pitch}} */
const trace = {source: [], voice: []};
/** Time of the newest frame minus the time of the page, in seconds; null before the first frame. @type {number | null} */
let ahead = null;

/** f0 in Hz of the newest frames, null where unvoiced. */
export const now = signal(/** @type {{source: number | null, voice: number | null}} */ ({source: null, voice: null}));

/** @param {Pitch} known @param {Pitch} added */
function append(known, added) {
  const last = known.at(-1)?.[0] ?? -Infinity;
  known.push(...added.filter(([time]) => time > last + 0.001));
  const oldest = (known.at(-1)?.[0] ?? 0) - SHOWN_SECONDS - 2;
  while (known.length && known[0][0] < oldest) known.shift();
}

effect(() => {
  const report = live.value?.report;
  if (!isRunning.value || !report?.seconds) {
    trace.source.length = trace.voice.length = 0;
    ahead = null;
    now.value = {source: null, voice: null};
    return;
  }
  append(trace.source, report.source_pitch);
  append(trace.voice, report.voice_pitch);
  const newest = trace.source.at(-1);
  if (newest) ahead ??= newest[0] - performance.now() / 1000;
  now.value = {source: newest?.[1] ?? null, voice: trace.voice.at(-1)?.[1] ?? null};
});

/** @param {number} hz */
const midi = (hz) => A4_NUMBER + OCTAVE * Math.log2(hz / A4_HZ);

/** Lowest and highest shown MIDI number; they follow the pitch slowly. */
const range = {low: 48, high: 72};

function follow() {
  const sung = [...trace.source, ...trace.voice].flatMap(([, hz]) => (hz ? [midi(hz)] : [])).sort((one, other) => one - other);
  if (!sung.length) return;
  const outliers = Math.floor(OUTLIERS * sung.length); // octave errors, and pitches of breath
  let low = sung[outliers] - MARGIN_SEMITONES;
  let high = sung[sung.length - 1 - outliers] + MARGIN_SEMITONES;
  const missing = Math.max(LEAST_SEMITONES - (high - low), 0) / 2;
  low -= missing;
  high += missing;
  range.low += EASE * (low - range.low);
  range.high += EASE * (high - range.high);
}

/** Time at the right end. */
function clock() {
  const newest = trace.source.at(-1)?.[0];
  if (newest === undefined || ahead === null) return 0;
  ahead += EASE * (newest - performance.now() / 1000 - ahead);
  return performance.now() / 1000 + ahead;
}

/** @type {{theme: string, line: string, quiet: string, source: string, voice: string}} */
let colours = {theme: "", line: "", quiet: "", source: "", voice: ""};

function paintColours() {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const key = `${theme.value} ${dark}`;
  if (colours.theme !== key) {
    colours = {theme: key, line: colour("--line"), quiet: colour("--quiet"), source: colour("--track-0"), voice: colour("--track-1")};
  }
  return colours;
}

/** @param {CanvasRenderingContext2D} context @param {number} width @param {number} height */
function paint(context, width, height) {
  const {line, quiet, source, voice} = paintColours();
  follow();
  const end = clock();
  const y = (/** @type {number} */ note) => height * (1 - (note - range.low) / (range.high - range.low));
  const x = (/** @type {number} */ time) => width - ((end - time) / SHOWN_SECONDS) * (width - AXIS_WIDTH);
  context.font = "12px system-ui, sans-serif";
  context.textBaseline = "middle";
  for (let note = Math.ceil(range.low); note <= range.high; note++) {
    const named = note % OCTAVE === 0 || (note % OCTAVE === 7 && range.high - range.low < 40);
    if (!named) continue;
    context.fillStyle = line;
    context.fillRect(AXIS_WIDTH, Math.round(y(note)), width - AXIS_WIDTH, 1);
    context.fillStyle = quiet;
    if (y(note) > 8 && y(note) < height - 8) context.fillText(noteName(A4_HZ * 2 ** ((note - A4_NUMBER) / OCTAVE)), 4, y(note));
  }
  context.save();
  context.beginPath();
  context.rect(AXIS_WIDTH, 0, width - AXIS_WIDTH, height);
  context.clip();
  context.lineCap = context.lineJoin = "round";
  draw(context, trace.source, source, 2.5, x, y);
  draw(context, trace.voice, voice, 3, x, y);
  context.restore();
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Pitch} pitch
 * @param {string} colour
 * @param {number} width
 * @param {(time: number) => number} x
 * @param {(note: number) => number} y
 */
function draw(context, pitch, colour, width, x, y) {
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.beginPath();
  /** @type {[number, number] | null} time and note of the last frame */
  let last = null;
  for (const [time, hz] of pitch) {
    const note = hz ? midi(hz) : null;
    if (note !== null && last && time - last[0] < GAP_SECONDS && Math.abs(note - last[1]) < JUMP_SEMITONES) {
      context.moveTo(x(last[0]), y(last[1]));
      context.lineTo(x(time), y(note));
    }
    last = note === null ? null : [time, note];
  }
  context.stroke();
}

/** The moving contours, with the notes that are sung now. */
export function PitchTrace() {
  const {ref, repaint} = useCanvas(paint, [isRunning.value]);
  useEffect(() => {
    if (!isRunning.value) return;
    let frame = 0;
    const draw = () => {
      if (route.peek().page === "live") repaint();
      frame = requestAnimationFrame(draw);
    };
    draw();
    return () => cancelAnimationFrame(frame);
  }, [isRunning.value]);
  const {source, voice} = now.value;
  const note = (/** @type {number | null} */ hz) => (hz ? noteName(hz) : "–");
  return html`<div class="live-pitch">
    <canvas ref=${ref} role="img" aria-label=${t("live.trace")}></canvas>
    ${!isActive.value && html`<p class="live-invitation">${t("live.invitation")}</p>`}
    <p class="live-legend">
      <span class="live-key source"><span>${t("live.you")}</span> <b class="live-note">${note(source)}</b></span>
      <span class="live-key voice"><span>${t("frame.voice")}</span> <b class="live-note">${note(voice)}</b></span>
    </p>
  </div>`;
}
