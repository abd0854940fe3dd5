// The microphone: records unprocessed sound without loss.

import {t} from "./texts.js";

const WORKLET = new URL("./recorder-worklet.js", import.meta.url);
const PATIENCE_MS = 500; // a suspended audio context never replies

/** Records one take: call `open`, then `keep` to start the take, then `close` to get the samples. */
export class Microphone {
  /**
   * @param {{onPeak?: (peak: number) => void, onLost?: () => void, preRollSeconds?: number}} [options]
   *   onPeak: gets the peak (0 to 1) of each 20 ms; onLost: the microphone was unplugged; preRollSeconds: sound to keep
   *   from before `keep` was called
   */
  constructor({onPeak = () => {}, onLost = () => {}, preRollSeconds = 0} = {}) {
    this.onPeak = onPeak;
    this.onLost = onLost;
    this.preRollSeconds = preRollSeconds;
    /** @type {Float32Array[]} */
    this.batches = [];
    this.kept = 0; // number of samples
    this.keeping = false;
    /** True if the system changes the sound although the page asked it not to. */
    this.processed = false;
    /** @type {string | undefined} */
    this.deviceId = undefined;
  }

  /**
   * Request the microphone and start measuring.
   * @param {string} [deviceId] the preferred device
   * @throws {Error} `problemOf` says why
   */
  async open(deviceId) {
    this.stream = await requestMicrophone(deviceId);
    try {
      const [track] = this.stream.getAudioTracks();
      track.addEventListener("ended", this.onLost);
      const {echoCancellation, noiseSuppression, autoGainControl, deviceId: used} = track.getSettings();
      this.processed = Boolean(echoCancellation || noiseSuppression || autoGainControl);
      this.deviceId = used;
      this.context = new AudioContext({latencyHint: "interactive"});
      await this.context.audioWorklet.addModule(WORKLET);
      await this.context.resume();
      const node = new AudioWorkletNode(this.context, "myna-recorder", {
        numberOfOutputs: 0,
        channelCount: 1,
        channelCountMode: "explicit",
      });
      this.node = node;
      this.flushed = new Promise((resolve) => {
        node.port.onmessage = ({data}) => (data === null ? resolve(null) : this.take(data));
      });
      this.source = new MediaStreamAudioSourceNode(this.context, {mediaStream: this.stream});
      this.source.connect(node);
    } catch (error) {
      this.release();
      throw error;
    }
  }

  get sampleRate() {
    return this.context?.sampleRate ?? 48000;
  }

  get seconds() {
    return this.kept / this.sampleRate;
  }

  /** @param {Float32Array} batch */
  take(batch) {
    this.batches.push(batch);
    this.kept += batch.length;
    // Before the take starts, keep only the pre-roll.
    while (!this.keeping && this.kept - this.batches[0].length > this.preRollSeconds * this.sampleRate) {
      this.kept -= /** @type {Float32Array} */ (this.batches.shift()).length;
    }
    let peak = 0;
    for (const sample of batch) peak = Math.max(peak, Math.abs(sample));
    this.onPeak(peak);
  }

  keep() {
    this.keeping = true;
  }

  /** End the recording and return all kept samples as one array. */
  async close() {
    const patience = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS));
    this.node?.port.postMessage("end");
    await Promise.race([this.flushed, patience]);
    this.release();
    const samples = new Float32Array(this.kept);
    let at = 0;
    for (const batch of this.batches) {
      samples.set(batch, at);
      at += batch.length;
    }
    return samples;
  }

  release() {
    for (const track of this.stream?.getTracks() ?? []) {
      track.removeEventListener("ended", this.onLost);
      track.stop();
    }
    this.source?.disconnect();
    if (this.context && this.context.state !== "closed") this.context.close();
  }
}

/**
 * Request a microphone, without the processing meant for calls: cancelling echo and noise also removes parts of the voice.
 * @param {string} [deviceId] the preferred device
 */
export function requestMicrophone(deviceId) {
  /** @type {MediaTrackConstraints} */
  const asked = {echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: {ideal: 1}};
  if (deviceId) asked.deviceId = {ideal: deviceId};
  return navigator.mediaDevices.getUserMedia({audio: asked});
}

/**
 * Encode as mono WAV with 24 bits, which is enough for any microphone.
 * @param {Float32Array} samples
 * @param {number} sampleRate
 * @param {string} name file name
 */
export function wav(samples, sampleRate, name) {
  const view = new DataView(new ArrayBuffer(44 + 3 * samples.length));
  const word = (/** @type {number} */ at, /** @type {string} */ letters) => (
    [...letters].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)))
  );
  word(0, "RIFF");
  view.setUint32(4, 36 + 3 * samples.length, true);
  word(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, sampleRate, true);
  view.setUint32(28, 3 * sampleRate, true);
  view.setUint16(32, 3, true);
  view.setUint16(34, 24, true);
  word(36, "data");
  view.setUint32(40, 3 * samples.length, true);
  samples.forEach((sample, i) => {
    const value = Math.round(Math.max(-1, Math.min(1, sample)) * 0x7fffff);
    view.setUint16(44 + 3 * i, value & 0xffff, true);
    view.setInt8(46 + 3 * i, value >> 16);
  });
  return new File([view.buffer], name, {type: "audio/wav"});
}

/**
 * Return a line that says why the microphone is unavailable, and what to do.
 * @param {any} error
 */
export function problemOf(error) {
  return t(`microphone.${reasonOf(error)}`, {port: location.port || 80});
}

/** @param {any} error */
function reasonOf(error) {
  if (!globalThis.isSecureContext || !navigator.mediaDevices?.getUserMedia) return "insecure";
  if (["NotAllowedError", "SecurityError"].includes(error?.name)) return "denied";
  if (["NotFoundError", "OverconstrainedError"].includes(error?.name)) return "no_microphone";
  return "busy";
}
