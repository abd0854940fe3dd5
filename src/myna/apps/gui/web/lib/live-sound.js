// Microphone and speaker of this browser for live conversion.

import {address} from "./api.js";
import {requestMicrophone} from "./microphone.js";

const WORKLET = new URL("./live-worklet.js", import.meta.url);
const WORKER = new URL("./live-worker.js", import.meta.url);
const TONE_SECONDS = 1.5;
const TONE_HZ = 440;
const TONE_GAIN = 0.1;

/** @typedef {{peaks: [number, number], gaps: number, delay: number | null}} Measured
 *   peaks of microphone and output, gaps since the start, seconds between microphone and output in this browser and on the way */

/** True if this browser can play on a chosen speaker. */
export const canChooseSpeaker = "AudioContext" in globalThis && "setSinkId" in AudioContext.prototype;

/** The open microphone and speaker: call `open`, then `connect` once the server waits for sound, and at the end `close`. */
export class LiveSound {
  /** @param {{onMeasured: (measured: Measured) => void, onLost: () => void, onClosed: () => void}} events
   *   onLost: the microphone was unplugged; onClosed: the server has closed the socket */
  constructor({onMeasured, onLost, onClosed}) {
    this.onMeasured = onMeasured;
    this.onLost = onLost;
    this.onClosed = onClosed;
    /** @type {MediaStream | null} */
    this.stream = null;
    /** @type {MediaStreamAudioSourceNode | null} */
    this.source = null;
    /** @type {HTMLAudioElement | null} */
    this.monitor = null;
    /** @type {MediaStreamAudioDestinationNode | null} */
    this.monitored = null;
    /** @type {string | undefined} */
    this.deviceId = undefined;
  }

  /** @param {string} [microphone] the preferred device @param {string} [speaker] @throws {Error} `problemOf` says why */
  async open(microphone, speaker) {
    this.context = new AudioContext({latencyHint: "interactive"});
    try {
      await this.context.audioWorklet.addModule(WORKLET);
      this.node = new AudioWorkletNode(this.context, "myna-live", {
        channelCount: 1, channelCountMode: "explicit", outputChannelCount: [2],
      });
      this.node.port.onmessage = ({data}) => this.onMeasured(data);
      this.node.connect(this.context.destination);
      await this.plugIn(microphone);
      if (speaker) await this.useSpeaker(speaker);
      await this.context.resume();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Use a microphone, in place of an earlier one. @param {string} [microphone] */
  async plugIn(microphone) {
    const stream = await requestMicrophone(microphone);
    this.unplug();
    this.stream = stream;
    const [track] = stream.getAudioTracks();
    track.addEventListener("ended", this.onLost);
    this.deviceId = track.getSettings().deviceId;
    this.source = new MediaStreamAudioSourceNode(/** @type {AudioContext} */ (this.context), {mediaStream: stream});
    this.source.connect(/** @type {AudioWorkletNode} */ (this.node));
  }

  unplug() {
    for (const track of this.stream?.getTracks() ?? []) {
      track.removeEventListener("ended", this.onLost);
      track.stop();
    }
    this.source?.disconnect();
    this.stream = this.source = null;
  }

  get sampleRate() {
    return this.context?.sampleRate ?? 48000;
  }

  /** Delay of microphone and speaker in seconds, as the browser states it. */
  get deviceSeconds() {
    const settings = /** @type {any} */ (this.stream?.getAudioTracks()[0]?.getSettings() ?? {});
    return (settings.latency ?? 0) + (this.context?.baseLatency ?? 0) + (this.context?.outputLatency ?? 0);
  }

  /** Send the microphone to the server, and play what comes back. */
  connect() {
    const url = new URL(address("live/sound"));
    url.protocol = url.protocol.replace("http", "ws");
    const {port1, port2} = new MessageChannel();
    this.worker = new Worker(WORKER, {type: "module"});
    this.worker.onmessage = () => this.onClosed();
    this.worker.postMessage({url: url.href, port: port1}, [port1]);
    this.node?.port.postMessage(port2, [port2]);
  }

  /** Play on a speaker. @param {string} id "" for the usual one */
  async useSpeaker(id) {
    if (canChooseSpeaker) await /** @type {any} */ (this.context).setSinkId(id);
  }

  /** Play on a second speaker, too. @param {string} id "" for none */
  async useMonitor(id) {
    this.monitor?.pause();
    this.monitor = null;
    if (!id || !this.context || !this.node) return;
    this.monitored ??= new MediaStreamAudioDestinationNode(this.context);
    this.node.connect(this.monitored);
    this.monitor = new Audio();
    this.monitor.srcObject = this.monitored.stream;
    await /** @type {any} */ (this.monitor).setSinkId(id);
    await this.monitor.play();
  }

  close() {
    this.worker?.terminate();
    this.monitor?.pause();
    this.unplug();
    if (this.context && this.context.state !== "closed") this.context.close();
  }
}

/** Play a test tone. @param {string} speaker "" for the usual one */
export async function playTone(speaker) {
  const context = new AudioContext();
  if (speaker && canChooseSpeaker) await /** @type {any} */ (context).setSinkId(speaker);
  const end = context.currentTime + TONE_SECONDS;
  const gain = new GainNode(context, {gain: 0});
  gain.gain.setTargetAtTime(TONE_GAIN, context.currentTime, 0.02);
  gain.gain.setTargetAtTime(0, end - 0.2, 0.04);
  const tone = new OscillatorNode(context, {frequency: TONE_HZ});
  tone.connect(gain).connect(context.destination);
  tone.start();
  tone.stop(end);
  await new Promise((resolve) => tone.addEventListener("ended", resolve, {once: true}));
  await context.close();
}
