// A window on a timeline, in seconds: zoom, scroll, and the ticks of its ruler.

import {clock} from "./format.js";

/** @typedef {{start: number, seconds: number, whole: number}} View the shown stretch of a timeline of `whole` seconds */

const SHORTEST_SECONDS = 0.25;
const STEPS = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600];
const TICK_PIXELS = 72; // least distance of two ticks

/** The whole timeline. @param {number} seconds @returns {View} */
export function wholeView(seconds) {
  return {start: 0, seconds, whole: seconds};
}

/**
 * A view that shows as much of a stretch as the timeline has.
 * @param {View} view
 * @param {number} start
 * @param {number} seconds
 * @returns {View}
 */
export function shown({whole}, start, seconds) {
  const length = Math.min(Math.max(seconds, Math.min(SHORTEST_SECONDS, whole)), whole);
  return {start: Math.max(0, Math.min(start, whole - length)), seconds: length, whole};
}

/**
 * Show a stretch that is shorter by `factor`, in which `time` keeps its place.
 * @param {View} view
 * @param {number} factor
 * @param {number} time
 */
export function zoomed(view, factor, time) {
  const {seconds} = shown(view, 0, view.seconds / factor);
  return shown(view, time - (time - view.start) * (seconds / view.seconds), seconds);
}

/** @param {View} view @param {number} by seconds */
export function panned(view, by) {
  return shown(view, view.start + by, view.seconds);
}

/**
 * Turn the page if a time is not in sight.
 * @param {View} view
 * @param {number} time
 */
export function turned(view, time) {
  if (time >= view.start && time <= view.start + view.seconds) return view;
  return shown(view, time - 0.02 * view.seconds, view.seconds);
}

/** Place of a time in a view: 0 at its start, 1 at its end. @param {View} view @param {number} time */
export function placeOf(view, time) {
  return (time - view.start) / view.seconds;
}

/** Time at a place of a view, within the timeline. @param {View} view @param {number} place */
export function timeAt(view, place) {
  return Math.max(0, Math.min(view.whole, view.start + place * view.seconds));
}

/**
 * Ticks of a ruler that is `width` pixels wide.
 * @param {View} view
 * @param {number} width
 * @returns {{time: number, text: string, place: number}[]}
 */
export function ticks(view, width) {
  const most = Math.max(1, width / TICK_PIXELS);
  const step = STEPS.find((one) => view.seconds / one <= most) ?? /** @type {number} */ (STEPS.at(-1));
  const first = Math.ceil(view.start / step - 1e-9);
  const last = Math.floor((view.start + view.seconds) / step + 1e-9);
  return Array.from({length: last - first + 1}, (_, index) => {
    const time = (first + index) * step;
    return {time, text: step < 1 ? clock(time + 1e-6, {tenths: true}) : clock(time + 1e-6), place: placeOf(view, time)};
  });
}
