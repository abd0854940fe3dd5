// Playback of the stems of a result: their mix, or the original song to compare.

import {computed, signal} from "../vendor/preact.js";
import {Stems} from "./stems.js";
import {Transport} from "./transport.js";

/** @typedef {import("./types.js").StemSet} StemSet */
/** @typedef {import("./types.js").StemTrack} StemTrack */
/** @typedef {import("./types.js").Level} Level */

export const LOWEST_DB = -40;
export const HIGHEST_DB = 12;

/** Levels by the name of their track. @typedef {Record<string, Level>} Levels */

/**
 * Return true if a track is heard in the mix; solo takes precedence over mute.
 * @param {Levels} levels
 * @param {string} name
 */
export function isHeard(levels, name) {
  const {muted, solo} = levels[name];
  return solo || (!muted && !Object.values(levels).some((one) => one.solo));
}

/** @param {number} db */
export function amplitude(db) {
  return 10 ** (db / 20);
}

/** @extends {Transport<Stems>} */
export class Mixer extends Transport {
  /** @param {StemSet} set */
  constructor({sample_rate: rate, seconds, tracks}) {
    super(new Stems({rate, seconds, tracks: tracks.map(({samples: url, channels}) => ({url, channels, rate}))}), seconds);
    this.tracks = tracks;
    /** @type {import("../vendor/preact.js").Signal<Levels>} */
    this.levels = signal(Object.fromEntries(tracks.map(({name, level}) => [name, level])));
    /** @type {import("../vendor/preact.js").Signal<"mix" | "original">} */
    this.heard = signal("mix");
    /** For each track, true if it is heard in the mix. */
    this.audible = computed(() => this.tracks.map(({name}) => isHeard(this.levels.value, name)));
  }

  /** @param {string} name @param {Partial<Level>} change */
  setLevel(name, change) {
    const levels = this.levels.peek();
    this.levels.value = {...levels, [name]: {...levels[name], ...change}};
    this.mix();
  }

  /** @param {"mix" | "original"} heard */
  hear(heard) {
    this.heard.value = heard;
    this.mix();
  }

  volumes() {
    if (this.heard.peek() === "original") return this.tracks.map(({in_original: within}) => (within ? 1 : 0));
    const levels = this.levels.peek();
    return this.tracks.map(({name}) => (isHeard(levels, name) ? amplitude(levels[name].gain_db) : 0));
  }
}
