// Sound of stems: tracks of one song that play together, in step to the sample, each with a volume.
//
// Whole stems do not fit into memory: ten minutes of one in stereo are 212 MB of 32-bit floats. Media elements use little
// memory, but start tens of milliseconds apart and drift. So the samples are fetched in pieces of two seconds, and the
// clock of one audio context starts each piece at its sample. The context has the sample rate of the song. A track of
// another rate is resampled piece by piece; each piece contains one sample of the next one, so that no gap is left.

/** @typedef {{url: string, channels: number, rate: number}} StemSource samples of a track: GET url?first=…&count=… */

const PIECE_SECONDS = 2;
const AHEAD_SECONDS = 5; // scheduled before it is heard; timers of pages in the background run once a second
const LEAD_SECONDS = 0.04; // from a start to the first sample, so that no track is late
const FADE_SECONDS = 0.01;
const TICK_MS = 200;
const KEPT_BYTES = 96e6; // of decoded pieces
const FULL_SCALE = 2; // of 16-bit samples; stems may exceed 1, their mix does not

/** @type {Map<number, AudioContext>} */
const contexts = new Map();

/** The audio context of a sample rate. @param {number} rate */
function contextAt(rate) {
  let context = contexts.get(rate);
  if (!context) contexts.set(rate, (context = new AudioContext({sampleRate: rate})));
  return context;
}

export class Stems {
  /** @param {{rate: number, seconds: number, tracks: StemSource[]}} stems rate: of the song */
  constructor({rate, seconds, tracks}) {
    this.rate = rate;
    this.tracks = tracks;
    this.size = PIECE_SECONDS * rate;
    this.count = Math.ceil(seconds / PIECE_SECONDS);
    /** Pieces by track and number, the last used one last. @type {Map<string, Promise<AudioBuffer>>} */
    this.pieces = new Map();
    /** @type {Run | null} */
    this.run = null;
    this.from = 0;
    this.volumes = tracks.map(() => 0);
  }

  /** Resume the audio context. Browsers allow this only during a click. */
  load() {
    return contextAt(this.rate).resume();
  }

  /** @param {number} time @param {number[]} volumes */
  start(time, volumes) {
    this.stop();
    this.from = time;
    this.volumes = volumes;
    const run = new Run(this, contextAt(this.rate), Math.round(time * this.rate));
    this.run = run;
    run.begin();
  }

  get time() {
    return this.run ? this.run.time : this.from;
  }

  /** @param {number[]} volumes */
  mix(volumes) {
    this.volumes = volumes;
    this.run?.mix(volumes);
  }

  stop() {
    this.from = this.time;
    this.run?.end();
    this.run = null;
  }

  /**
   * Replace a track of which some stretches have changed. What plays goes on.
   * @param {number} track
   * @param {string} url
   * @param {[number, number][]} stretches in seconds, (start, end)
   */
  replace(track, url, stretches) {
    this.tracks[track] = {...this.tracks[track], url};
    for (const [start, end] of stretches) {
      // A piece contains the first sample of the next one.
      const first = Math.max(0, Math.ceil(start / PIECE_SECONDS) - 1);
      for (let number = first; number * PIECE_SECONDS < end; number++) this.pieces.delete(`${track}:${number}`);
    }
    if (this.run) this.start(this.time, this.volumes);
  }

  /** A piece of a track, from memory or from the server. @param {number} track @param {number} number */
  piece(track, number) {
    const key = `${track}:${number}`;
    const known = this.pieces.get(key);
    const piece = known ?? this.fetch(track, number);
    this.pieces.delete(key);
    this.pieces.set(key, piece);
    if (!known) {
      piece.catch(() => this.pieces.delete(key)); // the next request tries again
      const most = Math.max(KEPT_BYTES / (this.size * 2 * 4), 4 * this.tracks.length);
      for (const old of this.pieces.keys()) {
        if (this.pieces.size <= most) break;
        this.pieces.delete(old);
      }
    }
    return piece;
  }

  /** @param {number} track @param {number} number */
  async fetch(track, number) {
    const {url, channels, rate} = this.tracks[track];
    const count = PIECE_SECONDS * rate + 1;
    const address = new URL(url, document.baseURI);
    address.searchParams.set("first", String(number * PIECE_SECONDS * rate));
    address.searchParams.set("count", String(count));
    const response = await fetch(address);
    if (!response.ok) throw new Error(response.statusText);
    return decoded(contextAt(this.rate), new Int16Array(await response.arrayBuffer()), channels, count, rate);
  }

  close() {
    this.stop();
    this.pieces.clear();
  }
}

/** One run of playback, from its first sample until it is stopped. */
class Run {
  /** @param {Stems} stems @param {AudioContext} context @param {number} first sample to begin with */
  constructor(stems, context, first) {
    this.stems = stems;
    this.context = context;
    this.first = first;
    /** Time of the context at which `first` is heard; null until its pieces are loaded. @type {number | null} */
    this.at = null;
    this.next = Math.floor(first / stems.size);
    /** @type {GainNode[]} */
    this.gains = [];
    /** @type {Set<AudioBufferSourceNode>} */
    this.nodes = new Set();
    this.timer = 0;
    this.filling = false;
    this.ended = false;
  }

  get time() {
    const {rate} = this.stems;
    const passed = this.at === null ? 0 : Math.max(0, this.context.currentTime - this.at);
    return this.first / rate + passed;
  }

  async begin() {
    const loaded = await this.load(this.next);
    if (this.ended) return;
    const {rate, volumes} = this.stems;
    this.at = Math.ceil((this.context.currentTime + LEAD_SECONDS) * rate) / rate;
    this.gains = volumes.map(() => {
      const gain = new GainNode(this.context, {gain: 0});
      gain.connect(this.context.destination);
      return gain;
    });
    this.mix(volumes, this.at);
    this.schedule(this.next++, loaded);
    this.timer = setInterval(() => this.fill(), TICK_MS);
    this.fill();
  }

  /** Schedule the pieces of the next seconds. */
  async fill() {
    if (this.filling) return;
    this.filling = true;
    const {count: pieces} = this.stems;
    while (!this.ended && this.next < pieces && this.next * PIECE_SECONDS < this.time + AHEAD_SECONDS) {
      const number = this.next++;
      const loaded = await this.load(number);
      if (!this.ended) this.schedule(number, loaded);
    }
    this.filling = false;
  }

  /** Load a piece of every track; null for one that cannot be loaded, which is silent. @param {number} number */
  load(number) {
    return Promise.all(this.stems.tracks.map((_, track) => this.stems.piece(track, number).catch(() => null)));
  }

  /** @param {number} number @param {(AudioBuffer | null)[]} loaded */
  schedule(number, loaded) {
    const {rate, size} = this.stems;
    const at = /** @type {number} */ (this.at) * rate;
    const now = Math.ceil(this.context.currentTime * rate) + 128;
    const begin = number * size;
    // A piece that has come late begins in its middle, so that the tracks stay in step.
    const skipped = Math.max(this.first - begin, now - at - begin + this.first, 0);
    loaded.forEach((buffer, track) => {
      if (!buffer || skipped >= size) return;
      const node = new AudioBufferSourceNode(this.context, {buffer});
      node.connect(this.gains[track]);
      node.start((at + begin + skipped - this.first) / rate, skipped / rate, (size - skipped) / rate);
      this.nodes.add(node);
      node.onended = () => {
        node.disconnect();
        this.nodes.delete(node);
      };
    });
  }

  /** @param {number[]} volumes @param {number} [at] time of the context */
  mix(volumes, at = this.context.currentTime) {
    this.gains.forEach(({gain}, track) => {
      gain.cancelScheduledValues(at);
      gain.setTargetAtTime(volumes[track], at, FADE_SECONDS / 3);
    });
  }

  end() {
    this.ended = true;
    clearInterval(this.timer);
    this.mix(this.gains.map(() => 0));
    for (const node of this.nodes) node.stop(this.context.currentTime + 3 * FADE_SECONDS);
  }
}

/**
 * Decode interleaved 16-bit samples; missing ones are silent.
 * @param {BaseAudioContext} context
 * @param {Int16Array} samples
 * @param {number} channels
 * @param {number} count samples of each channel
 * @param {number} rate
 */
function decoded(context, samples, channels, count, rate) {
  const buffer = context.createBuffer(channels, count, rate);
  const read = Math.min(count, Math.floor(samples.length / channels));
  for (let channel = 0; channel < channels; channel++) {
    const into = buffer.getChannelData(channel);
    for (let index = 0; index < read; index++) into[index] = samples[index * channels + channel] * (FULL_SCALE / 32768);
  }
  return buffer;
}
