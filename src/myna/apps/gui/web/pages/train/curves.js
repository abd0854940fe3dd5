// Small plots of the training curves in the colours of the page.

import {html} from "../../vendor/preact.js";
import {number} from "../../lib/format.js";

/** @typedef {import("./types.js").Curve} Curve */
/** @typedef {[number, number]} Point step and value */

const WIDTH = 320;
const HEIGHT = 150;
const [LEFT, RIGHT, TOP, BOTTOM] = [44, 8, 8, 20];
const MOST_DRAWN = 240; // points; more than one per pixel would be invisible
const SMOOTH = 0.85; // decay of the moving average, which removes the noise of single batches
const FEW = 12; // points that need no average

/** @param {{curves: Curve[]}} props */
export function CurveList({curves}) {
  return html`<div class="curves">${curves.map(({tag, title, points}) => html`<figure key=${tag}>
    <figcaption><span class="quiet">${title}</span><b>${short(points[points.length - 1][1])}</b></figcaption>
    <${Drawing} points=${points} title=${title} />
  </figure>`)}</div>`;
}

/** @param {{points: Point[], title: string}} props */
function Drawing({points, title}) {
  const shown = thin(points);
  const values = shown.map(([, value]) => value);
  const [low, high] = range(values);
  const first = shown[0][0];
  const last = Math.max(shown[shown.length - 1][0], first + 1);
  const x = (/** @type {number} */ step) => LEFT + ((step - first) / (last - first)) * (WIDTH - LEFT - RIGHT);
  const y = (/** @type {number} */ value) => TOP + ((high - value) / (high - low)) * (HEIGHT - TOP - BOTTOM);
  const line = (/** @type {string} */ kind, /** @type {number[]} */ heights) => html`<polyline
    class=${kind} points=${heights.map((value, index) => `${x(shown[index][0]).toFixed(1)},${y(value).toFixed(1)}`).join(" ")}
  />`;
  return html`<svg viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label=${`${title}: ${short(values[values.length - 1])}`}>
    ${[low, (low + high) / 2, high].map((value) => html`
      <line class="grid" x1=${LEFT} x2=${WIDTH - RIGHT} y1=${y(value)} y2=${y(value)} />
      <text x=${LEFT - 5} y=${y(value) + 3.5} text-anchor="end">${short(value)}</text>`)}
    <text x=${LEFT} y=${HEIGHT - 5}>${number(first)}</text>
    <text x=${WIDTH - RIGHT} y=${HEIGHT - 5} text-anchor="end">${number(last)}</text>
    ${shown.length === 1 ? html`<circle cx=${x(first)} cy=${y(values[0])} r="2.5" />`
      : shown.length < FEW ? line("smooth", values) : html`${line("raw", values)}${line("smooth", smoothed(values))}`}
  </svg>`;
}

/** A value with three digits, or as a whole number from 100. @param {number} value */
function short(value) {
  return Math.abs(value) >= 100 ? number(value, 0) : String(Number(value.toPrecision(3)));
}

/** At most `MOST_DRAWN` finite points, with the last one. @param {Point[]} points @returns {Point[]} */
function thin(points) {
  const finite = points.filter(([, value]) => Number.isFinite(value));
  if (!finite.length) return [[points[points.length - 1][0], 0]];
  const stride = Math.ceil(finite.length / MOST_DRAWN);
  return finite.filter((_, index) => (finite.length - 1 - index) % stride === 0);
}

/** The moving average, without a bias at its beginning. @param {number[]} values */
function smoothed(values) {
  let [mean, weight] = [0, 0];
  return values.map((value) => {
    mean = SMOOTH * mean + (1 - SMOOTH) * value;
    weight = SMOOTH * weight + (1 - SMOOTH);
    return mean / weight;
  });
}

/** @param {number[]} values @returns {[number, number]} */
function range(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return high > low ? [low, high] : [low - Math.abs(low) / 2 - 1e-6, high + Math.abs(high) / 2 + 1e-6];
}
