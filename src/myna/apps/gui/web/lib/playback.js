// Playback of a comparison: its audible track and its position. The state is in signals, which the player shows.

import {signal} from "../vendor/preact.js";
import {release, takeOver} from "./playing.js";
import {soundOf} from "./sound.js";

/** @typedef {import("./types.js").Comparison} Comparison */

export class Playback {
  /** @param {Comparison} comparison */
  constructor({tracks, seconds}) {
    this.tracks = tracks;
    this.seconds = seconds;
    this.sound = soundOf(tracks, seconds);
    /** Position in seconds. */
    this.place = signal(0);
    /** Index of the audible track; at first the result, not the source. */
    this.chosen = signal(Math.min(1, tracks.length - 1));
    this.equal = signal(true);
    /** @type {import("../vendor/preact.js").Signal<"paused" | "loading" | "playing">} */
    this.state = signal("paused");
    /** One flag per track, null before loading. @type {import("../vendor/preact.js").Signal<boolean[] | null>} */
    this.playable = signal(null);
    /** Tracks that could not be loaded. @type {import("../vendor/preact.js").Signal<number[]>} */
    this.broken = signal([]);
    /** @type {Promise<boolean[]> | null} */
    this.loading = null;
    this.dragged = false;
    this.frame = 0;
    this.closed = false;
  }

  toggle() {
    if (this.state.peek() === "paused") return this.start();
    this.pause();
  }

  async start() {
    takeOver(this);
    this.state.value = "loading";
    const loaded = this.playable.peek() !== null || (await this.load());
    if (this.closed || this.state.peek() === "paused") return; // closed or paused during loading
    if (!loaded) return this.pause();
    if (this.place.peek() > this.seconds - 0.05) this.place.value = 0;
    this.state.value = "playing";
    this.goOn();
  }

  pause() {
    if (this.state.peek() === "paused") return;
    this.sound.stop();
    this.state.value = "paused";
    release(this);
  }

  /** Load the tracks; resolve to true if at least one can be played. */
  async load() {
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

  /** Play from the position, unless it is being dragged. */
  goOn() {
    if (this.state.peek() !== "playing" || this.dragged) return;
    this.sound.stop(); // needed if Play was pressed twice during loading
    this.sound.start(this.place.peek(), this.volumes());
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.follow());
  }

  follow() {
    if (this.state.peek() !== "playing" || this.dragged) return;
    this.place.value = Math.min(this.seconds, this.sound.time);
    if (this.place.peek() >= this.seconds) return this.pause();
    this.frame = requestAnimationFrame(() => this.follow());
  }

  /** @param {number} to seconds */
  seek(to) {
    this.place.value = Math.max(0, Math.min(this.seconds, to));
    this.sound.stop();
    this.goOn();
  }

  /** Playback pauses while the position is dragged. @param {boolean} dragged */
  drag(dragged) {
    this.dragged = dragged;
    if (dragged) this.sound.stop();
    else this.goOn();
  }

  /** @param {number} index */
  choose(index) {
    if (index < 0 || index >= this.tracks.length || this.playable.peek()?.[index] === false) return;
    this.chosen.value = index;
    this.sound.mix(this.volumes());
  }

  /** @param {boolean} equal all tracks as loud as the quietest */
  setEqual(equal) {
    this.equal.value = equal;
    this.sound.mix(this.volumes());
  }

  volumes() {
    return this.tracks.map(({gain}, index) => (index === this.chosen.peek() ? (this.equal.peek() ? gain : 1) : 0));
  }

  close() {
    this.closed = true;
    this.pause();
    this.sound.close();
  }
}
