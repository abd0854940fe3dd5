// Playback of a timeline: whether it plays, and where. Its state is in signals, which a player draws.

import {signal} from "../vendor/preact.js";
import {release, takeOver} from "./playing.js";

/**
 * @typedef {{load: () => Promise<any>, start: (time: number, volumes: number[]) => void, stop: () => void,
 *   mix: (volumes: number[]) => void, close: () => void, readonly time: number}} Sound
 *   load: make ready to play; start: play all tracks from a time in seconds, each with its volume; mix: change the volumes
 */

const AT_END_SECONDS = 0.05;

/** @template {Sound} S */
export class Transport {
  /** @param {S} sound @param {number} seconds length of the timeline */
  constructor(sound, seconds) {
    this.sound = sound;
    this.seconds = seconds;
    /** Position in seconds. */
    this.place = signal(0);
    /** @type {import("../vendor/preact.js").Signal<"paused" | "loading" | "playing">} */
    this.state = signal("paused");
    /** Time at which to pause, null for the end. @type {number | null} */
    this.until = null;
    this.dragged = false;
    this.frame = 0;
    this.closed = false;
  }

  /** Volumes of all tracks, 1 for unchanged. @returns {number[]} */
  volumes() {
    return [1];
  }

  /** Load the sound; resolve to true if there is something to play. @returns {Promise<boolean>} */
  async load() {
    await this.sound.load();
    return true;
  }

  toggle() {
    if (this.state.peek() === "paused") return this.start();
    this.pause();
  }

  /** Play from the position, or from the beginning if it is at the end. */
  async start() {
    takeOver(this);
    this.state.value = "loading";
    const loaded = await this.load();
    if (this.closed || this.state.peek() === "paused") return; // closed or paused during loading
    if (!loaded) return this.pause();
    if (this.place.peek() > this.seconds - AT_END_SECONDS) this.place.value = 0;
    this.state.value = "playing";
    this.goOn();
  }

  /** Play a stretch. @param {number} from seconds @param {number} to seconds */
  audition(from, to) {
    this.seek(from);
    this.until = Math.min(to, this.seconds);
    if (this.state.peek() === "paused") this.start();
  }

  pause() {
    this.until = null;
    if (this.state.peek() === "paused") return;
    this.sound.stop();
    this.state.value = "paused";
    release(this);
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
    const end = this.until ?? this.seconds;
    this.place.value = Math.min(end, this.sound.time);
    if (this.place.peek() >= end) return this.pause();
    this.frame = requestAnimationFrame(() => this.follow());
  }

  /** @param {number} to seconds */
  seek(to) {
    this.until = null;
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

  /** Apply the volumes to what plays. */
  mix() {
    this.sound.mix(this.volumes());
  }

  close() {
    this.closed = true;
    this.pause();
    this.sound.close();
  }
}
