// Sound of live conversion, in the audio thread: sends the microphone to the server, and plays what comes back.
//
// The first message to the processor is a port to lib/live-worker.js. Messages on that port are buffers: a float64, the
// position of the first sample in the recording, and float32 samples. What comes back waits in a buffer until it has a
// certain length, so that a late message is not heard; after each gap, this length grows.

const HEADER = 8; // bytes
const BATCH_SECONDS = 0.01;
const FIRST_BUFFER_SECONDS = 0.05;
const GROWTH_SECONDS = 0.02;
const LONGEST_BUFFER_SECONDS = 0.3;
const CAPACITY_SECONDS = 4;
const CALM_SECONDS = 2; // what has waited longer than needed for this time is left out
const REPORT_SECONDS = 0.1;

class Live extends AudioWorkletProcessor {
  constructor() {
    super();
    /** @type {MessagePort | null} */
    this.server = null;
    this.batch = new Float32Array(Math.round(BATCH_SECONDS * sampleRate));
    this.filled = 0;
    this.captured = 0; // samples of the microphone

    this.ring = new Float32Array(CAPACITY_SECONDS * sampleRate);
    this.written = 0;
    this.read = 0;
    this.offset = 0; // position of a sample in the recording, minus its position in the ring
    this.wanted = Math.round(FIRST_BUFFER_SECONDS * sampleRate);
    this.flowing = false;
    this.gaps = 0;
    this.least = Infinity; // shortest buffer since `calm` was reset
    this.calm = 0;

    this.peaks = [0, 0];
    this.sinceReport = 0;
    this.port.onmessage = ({data}) => {
      this.server = data;
      data.onmessage = (/** @type {MessageEvent} */ event) => this.arrive(event.data);
    };
  }

  /** @param {ArrayBuffer} message */
  arrive(message) {
    this.offset = new DataView(message).getFloat64(0, true) - this.written;
    for (const sample of new Float32Array(message, HEADER)) this.ring[this.written++ % this.ring.length] = sample;
    if (this.written - this.read > this.ring.length) this.read = this.written - this.wanted;
  }

  /** @param {Float32Array[][]} inputs @param {Float32Array[][]} outputs */
  process([input], [output]) {
    const [played] = output;
    this.capture(input[0] ?? new Float32Array(played.length));
    this.play(played);
    for (const channel of output.slice(1)) channel.set(played);
    this.report(played.length);
    return true;
  }

  /** @param {Float32Array} samples */
  capture(samples) {
    this.peaks[0] = peak(samples, this.peaks[0]);
    this.captured += samples.length;
    for (const sample of samples) {
      this.batch[this.filled++] = sample;
      if (this.filled === this.batch.length) this.send();
    }
  }

  send() {
    this.filled = 0;
    if (!this.server) return;
    const message = new ArrayBuffer(HEADER + 4 * this.batch.length);
    new DataView(message).setFloat64(0, this.captured - this.batch.length, true);
    new Float32Array(message, HEADER).set(this.batch);
    this.server.postMessage(message, [message]);
  }

  /** @param {Float32Array} samples */
  play(samples) {
    const n = samples.length;
    const waiting = this.written - this.read;
    const starts = !this.flowing && waiting >= Math.max(this.wanted, n);
    if (starts) {
      this.flowing = true;
      this.forget();
    }
    if (!this.flowing) return;
    if (waiting < n) return this.interrupt(samples, waiting);
    for (let i = 0; i < n; i++) samples[i] = this.sample(i) * (starts ? i / n : 1);
    const excess = this.excess(waiting, n);
    for (let i = 0; excess && i < n; i++) samples[i] += (this.sample(i + excess) - samples[i]) * (i / n);
    this.read += n + excess;
    this.peaks[1] = peak(samples, this.peaks[1]);
  }

  /** @param {number} index in samples after the position that is read */
  sample(index) {
    return this.ring[(this.read + index) % this.ring.length];
  }

  /** Play the last samples, faded out; then the buffer fills again. @param {Float32Array} samples @param {number} waiting */
  interrupt(samples, waiting) {
    for (let i = 0; i < waiting; i++) samples[i] = this.sample(i) * (1 - i / waiting);
    this.read = this.written;
    this.flowing = false;
    this.gaps++;
    this.wanted = Math.round(Math.min(this.wanted + GROWTH_SECONDS * sampleRate, LONGEST_BUFFER_SECONDS * sampleRate));
  }

  /** Return how many samples to leave out, because the buffer has been longer than needed. @param {number} waiting @param {number} n */
  excess(waiting, n) {
    this.least = Math.min(this.least, waiting - n);
    this.calm += n;
    if (this.calm < CALM_SECONDS * sampleRate) return 0;
    const excess = Math.max(this.least - this.wanted, 0);
    this.forget();
    return excess;
  }

  forget() {
    this.least = Infinity;
    this.calm = 0;
  }

  /** @param {number} n samples since the last call */
  report(n) {
    this.sinceReport += n;
    if (this.sinceReport < REPORT_SECONDS * sampleRate) return;
    this.sinceReport = 0;
    const delay = this.flowing ? (this.captured - this.read - this.offset) / sampleRate : null;
    this.port.postMessage({peaks: this.peaks, gaps: this.gaps, delay});
    this.peaks = [0, 0];
  }
}

/** @param {Float32Array} samples @param {number} least */
function peak(samples, least) {
  for (const sample of samples) least = Math.max(least, Math.abs(sample));
  return least;
}

registerProcessor("myna-live", Live);
