// Sound of a comparison: several tracks on one timeline, one of which is audible.
// Both classes have `load`, `start` (at a time), `stop`, and `mix` (with one volume per track).

/** @typedef {import("./types.js").Track} Track */

// Decoded audio takes 11 MB per minute. Longer comparisons are streamed, with a short gap at each change of track.
const MOST_DECODED_SECONDS = 30 * 60;
const FADE_SECONDS = 0.01; // long enough to avoid clicks, too short to notice

/** @type {AudioContext | null} */
let shared = null;

/** The audio context of the page. */
function audioContext() {
  return (shared ??= new AudioContext());
}

/**
 * Return the sound of tracks, decoded if they are short enough.
 * @param {Track[]} tracks
 * @param {number} seconds length of the timeline
 */
export function soundOf(tracks, seconds) {
  return seconds * tracks.length > MOST_DECODED_SECONDS ? new Streamed(tracks) : new Decoded(tracks);
}

/** Decodes all tracks and plays them in sync; a change of track is a crossfade. */
class Decoded {
  /** @param {Track[]} tracks */
  constructor(tracks) {
    this.tracks = tracks;
    /** @type {(AudioBuffer | null)[]} */
    this.buffers = tracks.map(() => null);
    /** Position `from` is played at context time `at`. @type {{nodes: AudioBufferSourceNode[], gains: GainNode[], from: number, at: number} | null} */
    this.playing = null;
  }

  /** Resolve to one flag per track, which is true if the track can be played. */
  async load() {
    const context = audioContext();
    const resumed = context.resume(); // must happen during the click, because browsers require a user gesture
    const loaded = await Promise.allSettled(this.tracks.map(async ({url}) => {
      const response = await fetch(url);
      if (!response.ok) throw new Error(response.statusText);
      return oneChannel(await context.decodeAudioData(await response.arrayBuffer()));
    }));
    await resumed;
    this.buffers = loaded.map((one) => (one.status === "fulfilled" ? one.value : null));
    return this.buffers.map((buffer) => buffer !== null);
  }

  /** @param {number} time @param {number[]} volumes */
  start(time, volumes) {
    const context = audioContext();
    context.resume(); // in case a phone call suspended it
    const at = context.currentTime + FADE_SECONDS;
    const gains = this.buffers.map((_, index) => {
      const gain = new GainNode(context, {gain: 0});
      gain.gain.setTargetAtTime(volumes[index], at, FADE_SECONDS / 3);
      gain.connect(context.destination);
      return gain;
    });
    const nodes = this.buffers.flatMap((buffer, index) => {
      if (buffer === null || time >= buffer.duration) return [];
      const node = new AudioBufferSourceNode(context, {buffer});
      node.connect(gains[index]);
      node.start(at, time);
      return [node];
    });
    this.playing = {nodes, gains, from: time, at};
  }

  get time() {
    if (!this.playing) return 0;
    return this.playing.from + Math.max(0, audioContext().currentTime - this.playing.at);
  }

  /** @param {number[]} volumes */
  mix(volumes) {
    const now = audioContext().currentTime;
    this.playing?.gains.forEach(({gain}, index) => {
      gain.cancelScheduledValues(now);
      gain.setTargetAtTime(volumes[index], now, FADE_SECONDS / 3);
    });
  }

  stop() {
    if (!this.playing) return;
    this.mix(this.buffers.map(() => 0));
    for (const node of this.playing.nodes) node.stop(audioContext().currentTime + 3 * FADE_SECONDS);
    this.playing = null;
  }

  close() {
    this.stop();
    this.buffers = [];
  }
}

/** Streams the tracks with the browser's own player and plays only the selected one. */
class Streamed {
  /** @param {Track[]} tracks */
  constructor(tracks) {
    this.tracks = tracks;
    /** @type {HTMLAudioElement[]} */
    this.elements = [];
    /** @type {HTMLAudioElement | null} */
    this.audible = null;
    this.from = 0;
    this.started = false;
  }

  /** @returns {Promise<boolean[]>} */
  load() {
    this.elements = [];
    return Promise.all(this.tracks.map(({url}) => new Promise((resolve) => {
      const audio = new Audio();
      this.elements.push(audio);
      audio.addEventListener("loadedmetadata", () => resolve(true), {once: true});
      audio.addEventListener("error", () => resolve(false), {once: true});
      audio.src = url;
    })));
  }

  /** @param {number} time @param {number[]} volumes */
  start(time, volumes) {
    this.audible = null;
    this.started = true;
    this.from = time;
    this.mix(volumes);
  }

  get time() {
    return this.audible?.currentTime ?? this.from;
  }

  /** @param {number[]} volumes */
  mix(volumes) {
    if (!this.started) return;
    const next = this.elements[volumes.findIndex((volume) => volume > 0)];
    if (!next) return;
    if (next !== this.audible) {
      next.currentTime = this.time;
      next.play().catch(() => {}); // rejected if stopped before playback begins
      this.audible?.pause();
      this.audible = next;
    }
    next.volume = Math.max(...volumes);
  }

  stop() {
    this.audible?.pause();
    this.audible = null;
    this.started = false;
  }

  close() {
    this.stop();
    for (const audio of this.elements) audio.removeAttribute("src");
  }
}

/** Return the mean of the channels, which is the downmix that a conversion uses. @param {AudioBuffer} buffer */
function oneChannel(buffer) {
  if (buffer.numberOfChannels === 1) return buffer;
  const {length, sampleRate, numberOfChannels} = buffer;
  const mixed = new AudioBuffer({length, sampleRate, numberOfChannels: 1});
  const samples = mixed.getChannelData(0);
  for (let channel = 0; channel < numberOfChannels; channel++) {
    const from = buffer.getChannelData(channel);
    for (let index = 0; index < length; index++) samples[index] += from[index] / numberOfChannels;
  }
  return mixed;
}
