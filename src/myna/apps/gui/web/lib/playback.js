// Playback of a comparison: its audible track and its position. The state is in signals, which the player shows.

import {signal} from "../vendor/preact.js";
import {soundOf} from "./sound.js";
import {Transport} from "./transport.js";

/** @typedef {import("./types.js").Comparison} Comparison */

/** @extends {Transport<ReturnType<typeof soundOf>>} */
export class Playback extends Transport {
  /** @param {Comparison} comparison */
  constructor({tracks, seconds}) {
    super(soundOf(tracks, seconds), seconds);
    this.tracks = tracks;
    /** Index of the audible track; at first the result, not the source. */
    this.chosen = signal(Math.min(1, tracks.length - 1));
    this.equal = signal(true);
    /** One flag per track, null before loading. @type {import("../vendor/preact.js").Signal<boolean[] | null>} */
    this.playable = signal(null);
    /** Tracks that could not be loaded. @type {import("../vendor/preact.js").Signal<number[]>} */
    this.broken = signal([]);
    /** @type {Promise<boolean[]> | null} */
    this.loading = null;
  }

  /** Load the tracks; resolve to true if at least one can be played. */
  async load() {
    if (this.playable.peek() !== null) return true;
    this.loading ??= this.sound.load();
    const playable = await this.loading;
    this.broken.value = playable.flatMap((fine, index) => (fine ? [] : [index]));
    if (!playable.includes(true)) {
      this.loading = null; // so that the next press tries again
      return false;
    }
    if (!playable[this.chosen.peek()]) this.chosen.value = playable.indexOf(true);
    this.playable.value = playable;
    return true;
  }

  /** @param {number} index */
  choose(index) {
    if (index < 0 || index >= this.tracks.length || this.playable.peek()?.[index] === false) return;
    this.chosen.value = index;
    this.mix();
  }

  /** @param {boolean} equal all tracks as loud as the quietest */
  setEqual(equal) {
    this.equal.value = equal;
    this.mix();
  }

  volumes() {
    return this.tracks.map(({gain}, index) => (index === this.chosen.peek() ? (this.equal.peek() ? gain : 1) : 0));
  }
}
