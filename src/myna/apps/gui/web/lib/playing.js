// One thing plays at a time: whatever starts to play stops what played before.

import {signal} from "../vendor/preact.js";

/** @typedef {{pause: () => void}} Playable */

/** @type {import("../vendor/preact.js").Signal<Playable | null>} */
export const playing = signal(null);

/** Pause the current playback and make `next` the current one. @param {Playable} next */
export function takeOver(next) {
  if (playing.peek() !== next) playing.peek()?.pause();
  playing.value = next;
}

/** Report that a playback has ended. @param {Playable} one */
export function release(one) {
  if (playing.peek() === one) playing.value = null;
}
