// Recording booth: shows a prompt to read or sing, plays its guide tone, and records one take of it.
//
// The sound is checked and kept by functions of the page that uses the booth. A take stays in the booth until it is kept
// or the prompt changes, also while the server does not answer.

import {batch, html, signal, useEffect, useMemo, useRef} from "../vendor/preact.js";
import {upload} from "../lib/api.js";
import {number} from "../lib/format.js";
import {Microphone, problemOf, wav} from "../lib/microphone.js";
import {release, takeOver} from "../lib/playing.js";
import {t} from "../lib/texts.js";
import {Button, Field, Select} from "./basics.js";
import {Icon} from "./icons.js";

/** @typedef {import("../lib/types.js").Upload} Upload */
/** @template T @typedef {import("../vendor/preact.js").Signal<T>} Signal */

/**
 * @typedef {{semitones: number | null, seconds: number, syllable: string, glide_to: number | null, shape: "even" | "swell"}} Note
 *   pitch in semitones above the root, null for a rest
 * @typedef {{kind: "spoken" | "sung", title: string, text: string, hint: string, language: string, notes: Note[],
 *   guide: string | null, number: number, total: number, most_seconds: number}} Prompt
 *   guide: address of the guide tone; most_seconds: a longer take ends by itself
 * @typedef {{good: boolean, lines: {text: string, serious: boolean}[]}} Report
 * @typedef {{url: string, file: File, sent: Upload | null, report: Report | null, processed: boolean, seconds: number}} Take
 *   sent: null until the file has been uploaded; report: null until it has been checked; processed: the system changes the sound
 * @typedef {"idle" | "opening" | "counting" | "recording" | "sending"} State
 */

const COUNT_FROM = 3;
const COUNT_SECONDS = 0.8;
const PRE_ROLL_SECONDS = 0.3; // kept from before the end of the count, for people who start early
const FLOOR_DB = -60; // lower end of the meter
const RED_DB = -3; // above this level, a slightly louder word would clip
const FALL_DB_PER_SECOND = 60;
const CLIPPED = 0.997; // some converters clip slightly below full scale
const HOLD_SECONDS = 1.5; // how long the meter shows its peak
const DEVICE_STORED = "myna-microphone";

// Elements that use the keys themselves.
const TAKES_KEYS = "input, textarea, select, button, a, audio, video, summary, dialog, [contenteditable], [role=slider]";

/** State of the booth: the microphone, the take, and the sound that it plays. */
class Session {
  constructor() {
    this.state = signal(/** @type {State} */ ("idle"));
    this.count = signal(COUNT_FROM);
    /** Message for the person, and its kind. */
    this.status = signal({text: "", kind: /** @type {"" | "good" | "bad" | "count"} */ ("")});
    /** @type {Signal<Take | null>} */
    this.take = signal(null);
    this.seconds = signal(0); // of the running recording
    this.level = signal(FLOOR_DB); // dB
    this.peak = signal(FLOOR_DB); // dB, held for a while
    this.clipped = signal(false);
    /** Sound that is played: the guide tone or the take. @type {Signal<"guide" | "own" | null>} */
    this.plays = signal(null);
    /** Share of the guide tone that has been played. @type {Signal<number | null>} */
    this.place = signal(null);
    /** @type {Signal<MediaDeviceInfo[]>} */
    this.devices = signal([]);
    this.device = signal(localStorage.getItem(DEVICE_STORED) ?? "");
    /** @type {Microphone | null} */
    this.microphone = null;
    /** @type {HTMLAudioElement | null} */
    this.audio = null;
    this.turn = 0; // number of the attempt; late callbacks of an abandoned attempt compare it and do nothing
    this.peakAt = 0; // ms
    // Set at each render of the booth.
    this.mostSeconds = Infinity;
    this.visible = () => true;
    this.check = /** @type {(upload: Upload) => Promise<Report>} */ (async () => ({good: true, lines: []}));
    this.kept = /** @type {(upload: Upload) => Promise<void>} */ (async () => {});
  }

  /** @param {string} text @param {"" | "good" | "bad" | "count"} [kind] */
  tell(text, kind = "") {
    this.status.value = {text, kind};
  }

  /** Start a take, end it, or cancel it. @param {boolean} sung */
  toggle(sung) {
    const state = this.state.peek();
    if (state === "idle") this.record(sung);
    else if (state === "recording") this.finish();
    else if (state !== "sending") this.abandon();
  }

  /** @param {boolean} sung */
  async record(sung) {
    takeOver(this); // playback would be recorded
    const mine = ++this.turn;
    const givenUp = () => mine !== this.turn;
    this.state.value = "opening";
    this.tell(t("booth2.asking"));
    const microphone = new Microphone({
      onPeak: (peak) => this.measure(peak), onLost: () => this.lost(mine), preRollSeconds: PRE_ROLL_SECONDS,
    });
    try {
      if (!globalThis.isSecureContext) throw new Error("insecure");
      await microphone.open(this.device.peek() || undefined);
    } catch (error) {
      if (givenUp()) return;
      this.state.value = "idle";
      this.tell(problemOf(error), "bad");
      return;
    }
    if (givenUp()) {
      microphone.release();
      return;
    }
    this.microphone = microphone;
    batch(() => {
      this.level.value = FLOOR_DB;
      this.peak.value = FLOOR_DB;
      this.clipped.value = false;
      this.seconds.value = 0;
      this.state.value = "counting";
    });
    this.follow(performance.now());
    this.listDevices(microphone.deviceId);
    for (let count = COUNT_FROM; count > 0; count--) {
      this.count.value = count;
      this.tell(String(count), "count");
      await wait(COUNT_SECONDS);
      if (givenUp()) return;
    }
    microphone.keep();
    this.state.value = "recording";
    this.tell(t(sung ? "booth2.sing" : "booth2.speak"));
  }

  async finish() {
    const {microphone} = this;
    const mine = this.turn;
    if (!microphone || this.state.peek() !== "recording") return;
    this.state.value = "sending";
    this.tell(t("booth2.sending"));
    const samples = await microphone.close();
    this.microphone = null;
    this.quiet();
    if (mine !== this.turn) return;
    const file = wav(samples, microphone.sampleRate, "take.wav");
    this.forget();
    this.take.value = {
      url: URL.createObjectURL(file), file, sent: null, report: null, processed: microphone.processed,
      seconds: samples.length / microphone.sampleRate,
    };
    await this.send();
  }

  /** Upload the take and have it checked; without an answer, the take stays and can be sent again. */
  async send() {
    const take = this.take.peek();
    if (!take) return;
    this.state.value = "sending";
    this.tell(t("booth2.sending"));
    try {
      const sent = take.sent ?? (await upload(take.file));
      if (this.take.peek()?.file !== take.file) return;
      this.take.value = {...take, sent};
      this.tell(t("booth2.checking"));
      const report = await this.check(sent);
      if (this.take.peek()?.file !== take.file) return;
      this.take.value = {...take, sent, report};
      if (take.processed) this.tell(t("booth2.processed"), "bad");
      else this.tell(t(report.good ? "booth2.good" : "booth2.not_good"), report.good ? "good" : "bad");
    } catch (error) {
      if (this.take.peek()?.file !== take.file) return;
      this.tell(`${/** @type {Error} */ (error).message} ${t("booth2.not_sent")}`, "bad");
    }
    this.state.value = "idle";
  }

  /** Keep the take, or send it first if it could not be sent. */
  async keep() {
    const take = this.take.peek();
    if (!take || this.state.peek() !== "idle") return;
    this.stop();
    if (!take.sent || !take.report) {
      await this.send();
      return;
    }
    this.state.value = "sending";
    try {
      await this.kept(take.sent);
    } catch (error) {
      this.tell(/** @type {Error} */ (error).message, "bad");
    }
    this.state.value = "idle";
  }

  /** Cancel the current attempt, but keep an earlier take. */
  abandon() {
    this.turn++;
    this.microphone?.release();
    this.microphone = null;
    this.stop();
    this.quiet();
    this.state.value = "idle";
    this.tell("");
  }

  /** Discard what was recorded for the last prompt. */
  clear() {
    this.abandon();
    this.forget();
    this.clipped.value = false;
  }

  forget() {
    const take = this.take.peek();
    if (take) URL.revokeObjectURL(take.url);
    this.take.value = null;
  }

  /** The microphone was disconnected. @param {number} mine */
  lost(mine) {
    if (mine !== this.turn || !["counting", "recording"].includes(this.state.peek())) return;
    this.abandon();
    this.tell(t("booth2.lost"), "bad");
  }

  // ---- Level

  /** @param {number} peak 0 to 1 */
  measure(peak) {
    const db = Math.max(FLOOR_DB, 20 * Math.log10(peak + 1e-6));
    this.level.value = Math.max(this.level.peek(), db);
    if (db >= this.peak.peek()) {
      this.peak.value = db;
      this.peakAt = performance.now();
    }
    if (peak >= CLIPPED && this.state.peek() === "recording" && !this.clipped.peek()) {
      this.clipped.value = true;
      this.tell(t("booth2.too_loud"), "bad");
    }
  }

  /** Let the meter fall, and end a take that is too long. @param {number} before time of the last frame, ms */
  follow(before) {
    requestAnimationFrame((now) => {
      const {microphone} = this;
      if (!microphone) return;
      if (!this.visible()) return this.abandon();
      this.level.value = Math.max(FLOOR_DB, this.level.peek() - (FALL_DB_PER_SECOND * (now - before)) / 1000);
      if (now - this.peakAt > 1000 * HOLD_SECONDS) this.peak.value = this.level.peek();
      if (this.state.peek() === "recording") {
        this.seconds.value = microphone.seconds;
        if (microphone.seconds >= this.mostSeconds) this.finish();
      }
      this.follow(now);
    });
  }

  /** The meter rests. */
  quiet() {
    this.level.value = FLOOR_DB;
    this.peak.value = FLOOR_DB;
  }

  // ---- Playback

  /** Play the guide tone or the take, or stop it. @param {"guide" | "own"} what @param {string} address */
  play(what, address) {
    const already = this.plays.peek() === what;
    this.stop();
    if (already) return;
    const audio = new Audio(address);
    this.audio = audio;
    takeOver(this);
    this.plays.value = what;
    const end = () => this.audio === audio && this.stop();
    audio.addEventListener("ended", end);
    audio.addEventListener("error", end);
    const follow = () => {
      if (this.audio !== audio) return;
      if (what === "guide" && audio.duration) this.place.value = audio.currentTime / audio.duration;
      requestAnimationFrame(follow);
    };
    audio.play().then(follow, end);
  }

  stop() {
    this.audio?.pause();
    this.audio = null;
    this.plays.value = null;
    this.place.value = null;
    release(this);
  }

  /** Something else begins to play. */
  pause() {
    this.stop();
  }

  // ---- Devices

  /** Browsers reveal the names of microphones only after access was granted. @param {string} [used] */
  async listDevices(used) {
    const devices = await navigator.mediaDevices.enumerateDevices().catch(() => []);
    this.devices.value = devices.filter(({kind, deviceId, label}) => kind === "audioinput" && deviceId && label);
    if (used) this.device.value = used;
  }

  /** @param {string} id */
  chooseDevice(id) {
    this.device.value = id;
    localStorage.setItem(DEVICE_STORED, id);
  }
}

/** @param {number} seconds */
const wait = (seconds) => new Promise((resolve) => setTimeout(resolve, 1000 * seconds));

/**
 * @param {{prompt: Prompt, check: (upload: Upload, prompt: Prompt) => Promise<Report>, keep: (upload: Upload, prompt: Prompt) => Promise<void>,
 *   turn: (step: 1 | -1) => void}} props
 *   check: measures a take; keep: stores it as a recording and shows the next prompt; turn: shows the next or the previous prompt
 */
export function Booth({prompt, check, keep, turn}) {
  const session = useMemo(() => new Session(), []);
  const root = useRef(/** @type {HTMLElement | null} */ (null));
  session.mostSeconds = prompt.most_seconds;
  session.visible = () => Boolean(root.current?.offsetParent);
  session.check = (upload) => check(upload, prompt);
  session.kept = (upload) => keep(upload, prompt);
  const sung = prompt.kind === "sung";

  // A new prompt discards the take of the previous one; loading the same prompt again does not.
  useEffect(() => session.clear(), [prompt.kind, prompt.number, prompt.text]);
  useEffect(() => () => session.clear(), []);
  useEffect(() => {
    const press = (/** @type {KeyboardEvent} */ event) => onKey(event, session, root.current, sung);
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, [session, sung]);

  const state = session.state.value;
  const take = session.take.value;
  const verdict = take?.report ? (take.report.good ? "good" : "bad") : "";
  const idle = state === "idle";
  return html`<div class="booth" data-kind=${prompt.kind} data-state=${state} ref=${root} role="group" aria-label=${t("booth2.booth")}>
    <div class="booth-head">
      <h3>${prompt.title}</h3>
      ${prompt.total > 0 && html`<span class="quiet">${t("booth2.place", {number: prompt.number, total: prompt.total})}</span>`}
    </div>
    <div class="booth-prompt">
      <p class="booth-text" lang=${prompt.language} dir="auto">${prompt.text}</p>
      ${prompt.hint && html`<p class="quiet">${prompt.hint}</p>`}
      ${prompt.notes.length > 0 && html`<${Notes} notes=${prompt.notes} session=${session} />`}
      ${state === "counting" && html`<span class="booth-count" aria-hidden="true">${session.count.value}</span>`}
    </div>
    <${Meter} session=${session} />
    <div class="booth-row">
      <button type="button" class="booth-record" disabled=${state === "sending"} onClick=${() => session.toggle(sung)}>
        <span class="booth-dot" aria-hidden="true"></span><span>${t(`booth2.${recordKey(state, take)}`)}</span>
      </button>
      <${Clock} session=${session} />
      ${prompt.guide && html`<${Button} icon=${session.plays.value === "guide" ? "stop" : "play"} disabled=${!idle}
        act=${() => session.play("guide", /** @type {string} */ (prompt.guide))}>${t(session.plays.value === "guide" ? "booth2.hush" : "booth2.hear")}</${Button}>`}
      ${take && html`<${Button} icon=${session.plays.value === "own" ? "stop" : "play"} disabled=${!idle}
        act=${() => session.play("own", take.url)}>${t(session.plays.value === "own" ? "booth2.hush" : "booth2.listen")}</${Button}>`}
    </div>
    <${Status} session=${session} />
    ${take?.report && html`<ul class="booth-report">${take.report.lines.map(({text, serious}) => html`<li class=${serious ? "serious" : ""}>
      <${Icon} name="warning" size=${16} /><span>${text}</span>
    </li>`)}</ul>`}
    <div class="booth-row booth-turn">
      <${Button} kind="quiet" disabled=${!idle || prompt.number <= 1} act=${() => turn(-1)}>${t("booth2.back")}</${Button}>
      <${Button} kind=${verdict === "good" ? "main" : "plain"} class="booth-keep" icon="check" disabled=${!idle || !take} act=${() => session.keep()}>
        ${t(take && !take.report && idle ? "booth2.send_again" : "booth2.keep")}
      </${Button}>
      <${Button} kind="quiet" disabled=${!idle} act=${() => turn(1)}>${t("booth2.skip")}</${Button}>
    </div>
    <p class="quiet booth-keys">${t("booth2.keys")}</p>
    ${session.devices.value.length > 1 && html`<${Field} class="booth-device" label=${t("booth2.microphone")}>${(/** @type {any} */ ids) => html`<${Select}
      ...${ids} value=${session.device.value} disabled=${!idle}
      choices=${session.devices.value.map(({deviceId, label}) => ({value: deviceId, title: label}))}
      onChange=${(/** @type {string} */ id) => session.chooseDevice(id)}
    />`}</${Field}>`}
  </div>`;
}

/** Text key of the record button. @param {State} state @param {Take | null} take */
function recordKey(state, take) {
  if (state === "recording") return "stop";
  if (state === "opening" || state === "counting") return "cancel";
  if (state === "sending") return "sending";
  return take ? "again" : "record";
}

/**
 * Space starts and ends a take, Enter keeps it, and Escape cancels it, while the booth is visible.
 * @param {KeyboardEvent} event
 * @param {Session} session
 * @param {HTMLElement | null} root
 * @param {boolean} sung
 */
function onKey(event, session, root, sung) {
  if (!root?.offsetParent) return;
  const state = session.state.peek();
  if (event.key === "Escape" && ["opening", "counting", "recording"].includes(state)) {
    session.abandon();
    return;
  }
  const target = /** @type {Element} */ (event.target);
  const free = !target.closest?.(TAKES_KEYS) && !event.repeat && !event.ctrlKey && !event.metaKey && !event.altKey;
  if (!free || state === "sending") return;
  if (event.key === " ") session.toggle(sung);
  else if (event.key === "Enter" && state === "idle" && session.take.peek()) session.keep();
  else return;
  event.preventDefault();
}

/** @param {{session: Session}} props */
function Clock({session}) {
  const seconds = session.state.value === "recording" ? session.seconds.value : session.take.value?.seconds;
  return html`<span class="booth-clock" role="timer">${seconds === undefined ? "" : t("booth2.seconds", {seconds: number(seconds, 1)})}</span>`;
}

/** @param {{session: Session}} props */
function Status({session}) {
  const {text, kind} = session.status.value;
  return html`<p class="booth-status" data-kind=${kind} role="status" aria-live="assertive">${text}</p>`;
}

/** Share of the meter that a level takes. @param {number} db */
const share = (db) => Math.max(0, Math.min(1, 1 - db / FLOOR_DB));

/** The level of the microphone. @param {{session: Session}} props */
function Meter({session}) {
  const peak = session.peak.value;
  return html`<div
    class=${`booth-meter ${session.clipped.value ? "clipped" : ""}`} role="meter" aria-label=${t("booth2.level")} aria-valuemin=${FLOOR_DB}
    aria-valuemax="0" aria-valuenow=${Math.round(peak)}
  >
    <div class="booth-bar" style=${{transform: `scaleX(${share(session.level.value)})`}}></div>
    <div class="booth-red" style=${{left: `${100 * share(RED_DB)}%`}}></div>
    ${peak > FLOOR_DB && html`<div class="booth-hold" style=${{left: `${100 * share(peak)}%`}}></div>`}
  </div>`;
}

const WIDTH = 600; // of the drawing of notes, in its own units
const HEIGHT = 110;
const MARGIN = 12;
const GAP = 8; // room for the rounded ends of a bar
const LEAST_SEMITONES = 4; // a melody of one note is not drawn at the edge

/** The notes as bars, with time to the right and pitch upwards. @param {{notes: Note[], session: Session}} props */
function Notes({notes, session}) {
  const ends = notes.flatMap(({semitones, glide_to: glide}) => [semitones, glide]).filter((pitch) => pitch !== null);
  const low = Math.min(...ends);
  const span = Math.max(Math.max(...ends) - low, LEAST_SEMITONES);
  const total = notes.reduce((sum, {seconds}) => sum + seconds, 0);
  const y = (/** @type {number} */ pitch) => HEIGHT - MARGIN - ((pitch - low) / span) * (HEIGHT - 2 * MARGIN);
  let at = 0;
  const bars = notes.map(({semitones, seconds, glide_to: glide, shape}) => {
    const [left, right] = [at / total, (at + seconds) / total].map((place) => place * WIDTH);
    at += seconds;
    if (semitones === null) return null;
    return html`<line
      class=${shape === "swell" ? "note swell" : "note"} x1=${left + GAP} x2=${Math.max(right - GAP, left + GAP + 0.01)} y1=${y(semitones)} y2=${y(glide ?? semitones)}
    />`;
  });
  const place = session.place.value;
  return html`<svg class="booth-notes" viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label=${t("booth2.notes")}>
    ${bars}
    ${place !== null && html`<line class="now" x1=${place * WIDTH} x2=${place * WIDTH} y1="0" y2=${HEIGHT} />`}
  </svg>`;
}
