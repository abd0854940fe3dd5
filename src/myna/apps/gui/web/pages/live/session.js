// Live conversion as this page controls it: what is chosen, the sound of this browser, and requests to the server.

import {computed, effect, signal} from "../../vendor/preact.js";
import {patch, post} from "../../lib/api.js";
import {LiveSound, playTone} from "../../lib/live-sound.js";
import {problemOf} from "../../lib/microphone.js";
import {playing} from "../../lib/playing.js";
import {live, voices} from "../../lib/store.js";
import {t} from "../../lib/texts.js";
import {failed} from "../../components/toast.js";

/** @typedef {import("../../lib/types.js").LiveSettings} LiveSettings */
/** @typedef {import("../../lib/types.js").Voice} Voice */
/** @template T @typedef {import("../../vendor/preact.js").Signal<T>} Signal */
/**
 * @typedef {object} Chosen
 * @property {string | null} voice
 * @property {Partial<LiveSettings>} settings those that a person has changed
 * @property {boolean} automatic the transposition follows the singer
 * @property {number | null} block seconds; null lets the server choose
 * @property {"browser" | "devices"} place whose microphone and speaker: this browser's, or those of the studio's computer
 * @property {string} input name of a device of the studio's computer, "" for the usual one
 * @property {string} output
 * @property {string} second name of a second output of the studio's computer, "" for none
 * @property {string} microphone id of a device, "" for the usual one
 * @property {string} speaker
 * @property {string} monitor "" for none
 */

const STORED = "myna-live";
const GAP_MS = 10_000; // as on the server
const FLOOR_DB = -60;

/** @type {LiveSettings} */
const USUAL = {transpose: 0, speaker: null, speaker_mix: null, dry_wet: 1, gate_db: -50, bypass: false};

/** What is chosen on this page; a reloaded page remembers it. @type {Signal<Chosen>} */
export const chosen = signal({
  voice: null, settings: {}, automatic: true, block: null, place: "browser", input: "", output: "", second: "", microphone: "", speaker: "", monitor: "",
  ...JSON.parse(localStorage.getItem(STORED) ?? "{}"),
});
effect(() => {
  const {settings: {bypass: _, ...settings}, ...rest} = chosen.value; // a session never begins with the bypass
  localStorage.setItem(STORED, JSON.stringify({...rest, settings}));
});

/** @param {Partial<Chosen>} values */
export function choose(values) {
  chosen.value = {...chosen.value, ...values};
}

// ---- State

/** The sound of this browser while it is open. @type {Signal<LiveSound | null>} */
export const sound = signal(null);
/** "test": the microphone is measured; "opening": the browser asks for it; "sings": it belongs to the session. @type {Signal<"" | "test" | "opening" | "sings">} */
export const use = signal("");
/** The microphone was unplugged. */
export const unplugged = signal(false);

export const isActive = computed(() => (live.value?.state ?? "stopped") !== "stopped");
/** A voice sings. */
export const isRunning = computed(() => live.value?.state === "running" && live.value.voice !== null);
/** The devices of the studio's computer are tested with a tone. */
export const isTest = computed(() => isActive.value && !live.value?.voice && !live.value?.next_voice);

/** The voice that sings or is chosen. @type {import("../../vendor/preact.js").ReadonlySignal<Voice | null>} */
export const voice = computed(() => {
  const {state, voice: current, next_voice: next} = live.value ?? {};
  const name = (state === "running" || state === "loading" ? next ?? current : null) ?? chosen.value.voice;
  const all = voices.value ?? [];
  return all.find((one) => one.name === name) ?? all[0] ?? null;
});

/** Measurements of the audio thread. @type {Signal<import("../../lib/live-sound.js").Measured>} */
export const measured = signal({peaks: [0, 0], gaps: 0, delay: null});
/** Times of the gaps in this browser. @type {number[]} */
let gaps = [];

/** Number of gaps that were heard in the last ten seconds, in this browser and before. */
export const recentGaps = computed(() => {
  void measured.value;
  return (live.value?.report.recent_gaps ?? 0) + gaps.filter((time) => time > Date.now() - GAP_MS).length;
});

/** Parts of the delay in seconds, by name, and their sum; null before the first sound. */
export const delays = computed(() => {
  const {delay} = measured.value;
  const report = live.value?.report;
  if (!isRunning.value || !report?.seconds) return null;
  const parts = {...report.delays};
  if (live.value?.place === "browser") {
    if (use.value !== "sings" || delay === null) return null; // only the page with the microphone knows its part
    Object.assign(parts, {device: sound.value?.deviceSeconds ?? 0, way: delay}); // the server does not know the browser's
  }
  return {parts, sum: Object.values(parts).reduce((sum, part) => sum + part, 0)};
});

/** @param {number} peak */
const db = (peak) => Math.max(FLOOR_DB, 20 * Math.log10(Math.max(peak, 1e-6)));

/** Levels of microphone and output in dB. */
export const levels = computed(() => {
  if (use.value) return measured.value.peaks.map(db);
  const report = live.value?.report;
  return isActive.value && report ? [report.source_db, report.output_db] : [FLOOR_DB, FLOOR_DB];
});

// ---- Sound of this browser

/** @param {import("../../lib/live-sound.js").Measured} now */
function take(now) {
  const added = now.gaps - measured.value.gaps;
  gaps = [...gaps, ...Array(Math.max(added, 0)).fill(Date.now())].filter((time) => time > Date.now() - GAP_MS);
  measured.value = now;
}

async function openSound() {
  playing.value?.pause(); // so that the microphone does not record it
  const {microphone, speaker, monitor} = chosen.value;
  const opened = new LiveSound({onMeasured: take, onLost: lost, onClosed: closeSound});
  try {
    await opened.open(microphone, speaker);
  } catch (error) {
    throw new Error(problemOf(error));
  }
  sound.value = opened;
  if (monitor) await opened.useMonitor(monitor).catch(failed);
  listDevices();
  return opened;
}

function closeSound() {
  sound.value?.close();
  sound.value = null;
  use.value = "";
  unplugged.value = false;
  measured.value = {peaks: [0, 0], gaps: 0, delay: null};
  gaps = [];
}

/** The microphone was unplugged: wait until it, or another one that was chosen meanwhile, is there. */
function lost() {
  unplugged.value = true;
}

async function plugInAgain() {
  const wanted = chosen.value.microphone;
  if (!unplugged.value || !sound.value) return;
  if (wanted && !devices.value.some(({deviceId}) => deviceId === wanted)) return;
  try {
    await sound.value.plugIn(wanted);
    unplugged.value = false;
  } catch {
    // It is not there yet.
  }
}

/** Microphones and speakers; browsers name them only after the microphone was allowed. @type {Signal<MediaDeviceInfo[]>} */
export const devices = signal([]);

export async function listDevices() {
  const found = await navigator.mediaDevices?.enumerateDevices().catch(() => []);
  devices.value = (found ?? []).filter(({deviceId, label}) => deviceId && label && !["default", "communications"].includes(deviceId));
  await plugInAgain();
}
navigator.mediaDevices?.addEventListener("devicechange", listDevices);

/** @param {"microphone" | "speaker" | "monitor"} which @param {string} id */
export async function chooseDevice(which, id) {
  choose({[which]: id});
  const open = sound.value;
  if (!open) return;
  try {
    if (which === "microphone") await open.plugIn(id);
    else if (which === "speaker") await open.useSpeaker(id);
    else await open.useMonitor(id);
    if (which === "microphone") unplugged.value = false;
  } catch (error) {
    failed(new Error(which === "microphone" ? problemOf(error) : t("live.no_speaker")));
  }
}

// ---- Start and stop

export async function start() {
  if (use.value === "test") closeSound();
  const {automatic, settings, block, place} = chosen.value;
  const asked = {voice: voice.value?.name, settings: {...USUAL, ...settings, bypass: false}, automatic, block_seconds: block, place};
  use.value = "opening";
  try {
    if (place === "devices") {
      playing.value?.pause();
      live.value = await post("live/start", {...asked, ...computerDevices()});
      use.value = "";
    } else {
      const opened = await openSound();
      live.value = await post("live/start", {...asked, sample_rate: opened.sampleRate});
      use.value = "sings";
      opened.connect();
    }
  } catch (error) {
    closeSound();
    failed(/** @type {Error} */ (error));
  }
}

function computerDevices() {
  const {input, output, second} = chosen.value;
  return {input_device: input || null, output_device: output || null, monitor_device: second || null};
}

/** Play a tone on the devices of the studio's computer, and measure its microphone. */
export async function testDevices() {
  playing.value?.pause();
  await post("live/start", {voice: null, automatic: false, place: "devices", ...computerDevices()}).then((state) => (live.value = state), failed);
}

export async function stop() {
  await post("live/stop").then((state) => (live.value = state), failed);
}

// The session has ended: free the microphone.
effect(() => {
  if (!isActive.value && use.value === "sings") closeSound();
});

/** Measure the microphone without converting, or end that. */
export async function testMicrophone() {
  if (use.value === "test") return closeSound();
  use.value = "opening";
  try {
    await openSound();
    use.value = "test";
  } catch (error) {
    closeSound();
    failed(/** @type {Error} */ (error));
  }
}

export const toneSounds = signal(false);

export async function testSpeaker() {
  toneSounds.value = true;
  await playTone(chosen.value.speaker).catch(() => failed(new Error(t("live.no_speaker"))));
  toneSounds.value = false;
}

// ---- Settings while a voice sings

/** Changes that the server has not confirmed. @type {Signal<Partial<LiveSettings> & {automatic?: boolean}>} */
const pending = signal({});
let isSending = false;

/** The settings in use, or those for the next start. */
export const settings = computed(() => {
  const {automatic: _, ...changes} = pending.value;
  return {...USUAL, ...(isActive.value && !isTest.value ? live.value?.settings : chosen.value.settings), ...changes};
});
export const automatic = computed(() => pending.value.automatic ?? (isActive.value && !isTest.value ? live.value?.automatic : chosen.value.automatic) ?? true);

/** Apply settings now, and remember them. @param {Partial<LiveSettings> & {automatic?: boolean}} values */
export function change(values) {
  const {automatic: follows, ...rest} = values;
  const ends = follows === undefined && "transpose" in values ? {automatic: false} : {};
  choose({settings: {...chosen.value.settings, ...rest}, ...ends, ...(follows === undefined ? {} : {automatic: follows})});
  if (!isRunning.value) return;
  pending.value = {...pending.value, ...values, ...ends};
  send();
}

async function send() {
  if (isSending) return; // what has changed meanwhile is sent after it
  isSending = true;
  while (Object.keys(pending.value).length) {
    const sent = pending.value;
    try {
      live.value = await patch("live/settings", sent);
    } catch (error) {
      failed(/** @type {Error} */ (error));
    }
    pending.value = Object.fromEntries(Object.entries(pending.value).filter(([name, value]) => sent[/** @type {keyof typeof sent} */ (name)] !== value));
  }
  isSending = false;
}

/** @param {string} name */
export async function chooseVoice(name) {
  const {speaker: _, speaker_mix: __, ...rest} = chosen.value.settings; // speakers belong to a voice
  choose({voice: name, settings: rest});
  if (isRunning.value && name !== live.value?.voice) await post("live/voice", {voice: name}).then((state) => (live.value = state), failed);
}

/** Continue with the next voice of the list. */
export function nextVoice() {
  const usable = (voices.value ?? []).filter(({problem}) => !problem);
  const at = usable.findIndex(({name}) => name === voice.value?.name);
  if (usable.length > 1) chooseVoice(usable[(at + 1) % usable.length].name);
}

/** @param {boolean} on */
export async function record(on) {
  await post("live/recording", {on}).then((state) => (live.value = state), failed);
}
