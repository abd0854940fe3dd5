// Recording booth: shows a prompt, plays its guide tone and records a take. Gradio runs this script once for each booth
// on a page, with `element`, `props`, `trigger`, `watch` and `upload` in scope. `props.value` is a prompt, and
// `props.report` is the result of checking a take; `booth.py` describes both. `props.texts` contains the texts.
// Everything is built from DOM nodes, so that a prompt is always plain text.

const COUNT_FROM = 3;
const COUNT_SECONDS = 0.8;
const PRE_ROLL_SECONDS = 0.3; // audio kept from before the end of the count, for people who start early
const FLOOR_DB = -60; // lower end of the meter
const RED_DB = -3; // above this level, a slightly louder word would clip
const CLIPPED = 0.997; // some converters clip slightly below full scale
const HOLD_SECONDS = 1.5; // how long the meter shows its peak
const BATCH = 1024; // samples per message of the recorder: about 20 ms

// Runs in the audio thread, so that no samples are lost when the page is busy.
const RECORDER = `
  class Recorder extends AudioWorkletProcessor {
    constructor() {
      super();
      this.batch = new Float32Array(${BATCH});
      this.filled = 0;
      this.ended = false;
      this.port.onmessage = () => {
        this.ended = true;
        this.send();
        this.port.postMessage(null);
      };
    }
    send() {
      if (this.filled) this.port.postMessage(this.batch.slice(0, this.filled));
      this.filled = 0;
    }
    process([input]) {
      if (this.ended) return false;
      for (const sample of input[0] ?? []) {
        this.batch[this.filled++] = sample;
        if (this.filled === this.batch.length) this.send();
      }
      return true;
    }
  }
  registerProcessor("myna-recorder", Recorder);
`;

// ---- Recording

// Records one take: call `open`, then `keep` to start the take, then `close` to get the samples.
class Microphone {
  constructor(onBatch, onLost) {
    this.onBatch = onBatch;
    this.onLost = onLost;
    this.batches = [];
    this.kept = 0; // number of samples
    this.keeping = false;
  }

  async open(deviceId) {
    // Turn off the processing meant for calls: cancelling echo and noise also removes parts of the voice.
    const asked = {echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: {ideal: 1}};
    if (deviceId) asked.deviceId = {ideal: deviceId};
    this.stream = await navigator.mediaDevices.getUserMedia({audio: asked});
    try {
      const [track] = this.stream.getAudioTracks();
      track.addEventListener("ended", this.onLost);
      const {echoCancellation, noiseSuppression, autoGainControl, deviceId: used} = track.getSettings();
      this.processed = Boolean(echoCancellation || noiseSuppression || autoGainControl);
      this.deviceId = used;
      this.context = new AudioContext({latencyHint: "interactive"});
      const module = URL.createObjectURL(new Blob([RECORDER], {type: "text/javascript"}));
      try {
        await this.context.audioWorklet.addModule(module);
      } finally {
        URL.revokeObjectURL(module);
      }
      await this.context.resume();
      this.node = new AudioWorkletNode(this.context, "myna-recorder", {
        numberOfOutputs: 0,
        channelCount: 1,
        channelCountMode: "explicit",
      });
      this.flushed = new Promise((resolve) => {
        this.node.port.onmessage = ({data}) => (data === null ? resolve() : this.take(data));
      });
      this.source = new MediaStreamAudioSourceNode(this.context, {mediaStream: this.stream});
      this.source.connect(this.node);
    } catch (error) {
      this.release();
      throw error;
    }
  }

  get sampleRate() {
    return this.context.sampleRate;
  }

  get seconds() {
    return this.kept / this.sampleRate;
  }

  take(batch) {
    this.batches.push(batch);
    this.kept += batch.length;
    // Before the take starts, keep only the pre-roll.
    while (!this.keeping && this.kept - this.batches[0].length > PRE_ROLL_SECONDS * this.sampleRate) {
      this.kept -= this.batches.shift().length;
    }
    let peak = 0;
    for (const sample of batch) peak = Math.max(peak, Math.abs(sample));
    this.onBatch(peak);
  }

  keep() {
    this.keeping = true;
  }

  // Return all kept samples as one array.
  async close() {
    // A suspended audio context never replies, so wait for a limited time.
    const patience = new Promise((resolve) => setTimeout(resolve, 500));
    this.node.port.postMessage("end");
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

// Encode as mono WAV with 24 bits, which is enough for any microphone.
function wav(samples, sampleRate) {
  const view = new DataView(new ArrayBuffer(44 + 3 * samples.length));
  const word = (at, letters) => [...letters].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
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
  return new File([view.buffer], "take.wav", {type: "audio/wav"});
}

// Return the key of the text that explains why the microphone is unavailable.
function reason(error) {
  if (!globalThis.isSecureContext || !navigator.mediaDevices?.getUserMedia) return "insecure";
  if (["NotAllowedError", "SecurityError"].includes(error?.name)) return "denied";
  if (["NotFoundError", "OverconstrainedError"].includes(error?.name)) return "no_microphone";
  return "busy";
}

// ---- Display

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick") node.addEventListener("click", value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}

function draw(tag, attributes) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

const say = (key, values = {}) =>
  (props.texts?.[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

// Draw the notes as bars, with time to the right and pitch upwards. `move` positions the playback line.
function drawing(notes, label) {
  const width = 600;
  const height = 110;
  const ends = notes.flatMap((note) => [note.semitones, note.glide_to]).filter((pitch) => typeof pitch === "number");
  const low = Math.min(...ends);
  const span = Math.max(Math.max(...ends) - low, 4);
  const total = notes.reduce((sum, note) => sum + note.seconds, 0);
  const y = (pitch) => height - 12 - ((pitch - low) / span) * (height - 24);
  const svg = draw("svg", {viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label, class: "notes"});
  let at = 0;
  for (const note of notes) {
    const left = (at / total) * width;
    const right = ((at + note.seconds) / total) * width;
    if (typeof note.semitones === "number") {
      const end = typeof note.glide_to === "number" ? note.glide_to : note.semitones;
      const gap = 8; // room for the rounded ends of a bar
      svg.append(draw("line", {
        x1: left + gap, x2: Math.max(right - gap, left + gap + 0.01), y1: y(note.semitones), y2: y(end),
        class: note.shape === "swell" ? "note swell" : "note",
      }));
    }
    at += note.seconds;
  }
  const line = draw("line", {y1: 0, y2: height, class: "now", visibility: "hidden"});
  svg.append(line);
  const move = (share) => {
    line.setAttribute("visibility", share === null ? "hidden" : "visible");
    if (share !== null) for (const x of ["x1", "x2"]) line.setAttribute(x, share * width);
  };
  return {svg, move};
}

const booth = {
  state: "idle", // "opening", "counting", "recording", "sending", then "idle" again
  microphone: null,
  take: null, // {path, url}, or {path: null, url, file} until the upload is complete
  device: null,
  guide: null, // the Audio element that is playing
  own: null,
  turn: 0, // number of the attempt; late callbacks of an abandoned attempt compare it and do nothing
  level: {db: FLOOR_DB, peak: FLOOR_DB, peakAt: 0, clipped: false},
};

const view = {};

function build() {
  view.place = make("span", {class: "place"});
  view.title = make("span", {class: "title"});
  view.text = make("p", {class: "text"});
  view.hint = make("p", {class: "hint"});
  view.drawing = make("div", {class: "drawing"});
  view.hear = make("button", {type: "button", class: "quiet hear", onclick: toggleGuide});
  view.record = make("button", {type: "button", class: "record", onclick: toggle});
  view.listen = make("button", {type: "button", class: "quiet listen", onclick: toggleOwn});
  view.clock = make("span", {class: "clock", role: "timer"});
  view.count = make("div", {class: "count", "aria-hidden": "true"});
  view.bar = make("div", {class: "bar"});
  view.hold = make("div", {class: "hold"});
  view.meter = make("div", {
    class: "meter", role: "meter", "aria-valuemin": FLOOR_DB, "aria-valuemax": 0, "aria-valuenow": FLOOR_DB,
  }, view.bar, make("div", {class: "red"}), view.hold);
  view.status = make("p", {class: "status", role: "status", "aria-live": "assertive"});
  view.report = make("ul", {class: "report", "aria-live": "polite"});
  view.device = make("select", {class: "device"});
  view.device.addEventListener("change", () => (booth.device = view.device.value));
  view.deviceLabel = make("label", {class: "devices", hidden: true}, make("span"), view.device);
  view.back = make("button", {type: "button", class: "quiet back", onclick: () => turn(-1)});
  view.keep = make("button", {type: "button", class: "keep", onclick: keep});
  view.skip = make("button", {type: "button", class: "quiet skip", onclick: () => turn(1)});
  view.root = make("section", {class: "booth"},
    make("header", {}, view.title, view.place),
    make("div", {class: "prompt"}, view.text, view.hint, view.drawing, view.count),
    make("div", {class: "row"}, view.record, view.clock, view.hear, view.listen),
    view.meter, view.status, view.report,
    make("div", {class: "row turn"}, view.back, view.keep, view.skip),
    view.deviceLabel,
  );
  element.replaceChildren(view.root);
}

// Set the texts that do not depend on the state.
function name() {
  view.root.setAttribute("aria-label", say("booth"));
  view.meter.setAttribute("aria-label", say("level"));
  view.back.textContent = say("back");
  view.skip.textContent = say("skip");
  view.deviceLabel.firstChild.textContent = say("microphone");
}

function showPrompt() {
  forgetTake();
  abandon();
  const prompt = props.value;
  view.root.hidden = !prompt;
  if (!prompt) return;
  view.title.textContent = prompt.title ?? "";
  view.place.textContent = prompt.total ? say("place", {number: prompt.number, total: prompt.total}) : "";
  view.text.textContent = prompt.text ?? "";
  view.text.lang = prompt.language ?? "en";
  view.hint.textContent = prompt.hint ?? "";
  const notes = prompt.notes ?? [];
  booth.drawing = notes.length ? drawing(notes, say("notes")) : null;
  view.drawing.replaceChildren(...(booth.drawing ? [booth.drawing.svg] : []));
  view.root.dataset.kind = prompt.kind ?? "spoken";
  refresh();
}

function showReport() {
  const report = props.report;
  const ours = booth.take && report && report.path === booth.take.path ? report : null;
  view.report.replaceChildren(...(ours?.lines ?? []).map((line) =>
    make("li", {class: line.serious ? "serious" : "note"}, line.text)));
  if (ours) tell(say(ours.good ? "good" : "not_good"), ours.good ? "good" : "bad");
  view.root.dataset.verdict = ours ? (ours.good ? "good" : "bad") : "";
}

function tell(text, kind = "") {
  view.status.textContent = text;
  view.status.dataset.kind = kind;
}

function refresh() {
  const {state} = booth;
  view.root.dataset.state = state;
  const running = state === "recording";
  const starting = state === "opening" || state === "counting";
  view.record.textContent =
    running ? say("stop") : starting ? say("cancel") : state === "sending" ? say("sending") :
    booth.take ? say("again") : say("record");
  view.record.disabled = state === "sending";
  view.hear.hidden = !props.value?.guide;
  view.hear.textContent = booth.guide ? say("hush") : say("hear");
  view.hear.disabled = state !== "idle";
  view.listen.hidden = !booth.take;
  view.listen.textContent = booth.own ? say("hush") : say("listen");
  view.listen.disabled = state !== "idle";
  view.keep.textContent = booth.take && booth.take.path === null ? say("send_again") : say("keep");
  view.keep.disabled = state !== "idle" || !booth.take;
  view.skip.disabled = state !== "idle";
  view.back.disabled = state !== "idle" || !(props.value?.number > 1);
  view.count.hidden = state !== "counting";
  if (state === "idle" && !booth.take) view.clock.textContent = "";
}

function showLevel(now) {
  const {level, microphone} = booth;
  if (!microphone) return;
  if (now - level.peakAt > HOLD_SECONDS * 1000) level.peak = level.db;
  const share = (db) => Math.max(0, Math.min(1, 1 - db / FLOOR_DB));
  view.bar.style.transform = `scaleX(${share(level.db)})`;
  view.hold.style.left = `${100 * share(level.peak)}%`;
  view.meter.dataset.clipped = level.clipped;
  if (booth.state === "recording") {
    const {seconds} = microphone;
    view.clock.textContent = say("seconds", {seconds: seconds.toFixed(1)});
    if (level.clipped) tell(say("too_loud"), "bad");
    if (seconds >= props.most_seconds) {
      finish();
      return;
    }
  }
  level.db = Math.max(FLOOR_DB, level.db - 1); // falls by 60 dB per second at 60 frames per second
  requestAnimationFrame(showLevel);
}

function measure(peak) {
  const {level} = booth;
  const db = Math.max(FLOOR_DB, 20 * Math.log10(peak + 1e-6));
  level.db = Math.max(level.db, db);
  if (db >= level.peak) {
    level.peak = db;
    level.peakAt = performance.now();
    view.meter.setAttribute("aria-valuenow", Math.round(db));
  }
  if (peak >= CLIPPED && booth.state === "recording") level.clipped = true;
}

function quiet() {
  view.bar.style.transform = "scaleX(0)";
  view.hold.style.left = "0";
}

// ---- Actions

function toggle() {
  if (booth.state === "idle") record();
  else if (booth.state === "recording") finish();
  else if (booth.state !== "sending") abandon();
}

const wait = (seconds) => new Promise((resolve) => setTimeout(resolve, 1000 * seconds));

async function record() {
  stopPlaying();
  const mine = ++booth.turn;
  const given_up = () => mine !== booth.turn;
  booth.state = "opening";
  view.report.replaceChildren();
  view.root.dataset.verdict = "";
  tell(say("asking"));
  refresh();
  const microphone = new Microphone(measure, () => lost(mine));
  try {
    if (!globalThis.isSecureContext) throw new Error("insecure");
    await microphone.open(booth.device);
  } catch (error) {
    if (given_up()) return;
    booth.state = "idle";
    tell(say(reason(error), {port: location.port || 80}), "bad");
    refresh();
    return;
  }
  if (given_up()) {
    microphone.release();
    return;
  }
  booth.microphone = microphone;
  booth.level = {db: FLOOR_DB, peak: FLOOR_DB, peakAt: 0, clipped: false};
  booth.state = "counting";
  refresh();
  requestAnimationFrame(showLevel);
  listDevices(microphone.deviceId);
  for (let count = COUNT_FROM; count > 0; count--) {
    view.count.textContent = count;
    tell(String(count), "count");
    await wait(COUNT_SECONDS);
    if (given_up()) return;
  }
  microphone.keep();
  booth.state = "recording";
  tell(say(props.value?.kind === "sung" ? "sing" : "speak"));
  refresh();
}

async function finish() {
  const mine = booth.turn;
  const {microphone} = booth;
  booth.state = "sending";
  tell(say("sending"));
  refresh();
  const samples = await microphone.close();
  booth.microphone = null;
  quiet();
  const file = wav(samples, microphone.sampleRate);
  view.clock.textContent = say("seconds", {seconds: (samples.length / microphone.sampleRate).toFixed(1)});
  if (mine !== booth.turn) return;
  forgetTake();
  booth.take = {path: null, url: URL.createObjectURL(file), file, processed: microphone.processed};
  send();
}

async function send() {
  const {take} = booth;
  booth.state = "sending";
  tell(say("sending"));
  refresh();
  try {
    const sent = await upload(take.file);
    if (!sent?.path) throw new Error("no path");
    take.path = sent.path;
    take.file = null;
  } catch {
    // The file is kept and can be sent again.
  }
  if (take !== booth.take) return;
  booth.state = "idle";
  if (take.path === null) tell(say("not_sent"), "bad");
  else {
    tell(take.processed ? say("processed") : say("checking"), take.processed ? "bad" : "");
    trigger("taken", {path: take.path, number: props.value?.number ?? null, kind: props.value?.kind ?? "spoken"});
  }
  refresh();
}

// Cancel the current attempt, but keep an earlier take.
function abandon() {
  booth.turn++;
  booth.microphone?.release();
  booth.microphone = null;
  booth.state = "idle";
  stopPlaying();
  quiet();
  view.clock.textContent = "";
  tell("");
  showReport();
  refresh();
}

function forgetTake() {
  if (booth.take) URL.revokeObjectURL(booth.take.url);
  booth.take = null;
}

function lost(mine) {
  if (mine !== booth.turn || !["counting", "recording"].includes(booth.state)) return;
  abandon();
  tell(say("lost"), "bad");
}

function keep() {
  if (!booth.take || booth.state !== "idle") return;
  stopPlaying();
  if (booth.take.path === null) {
    send();
    return;
  }
  trigger("kept", {path: booth.take.path, number: props.value?.number ?? null});
  view.keep.disabled = true; // until the next prompt arrives
}

function turn(step) {
  if (booth.state !== "idle") return;
  stopPlaying();
  trigger("turned", {step, number: props.value?.number ?? null});
}

function play(which, address, onTime) {
  const audio = new Audio(address);
  booth[which] = audio;
  const end = () => {
    if (booth[which] === audio) booth[which] = null;
    onTime(null);
    refresh();
  };
  audio.addEventListener("ended", end);
  audio.addEventListener("pause", end);
  audio.addEventListener("error", end);
  const follow = () => {
    if (booth[which] !== audio) return;
    if (audio.duration) onTime(audio.currentTime / audio.duration);
    requestAnimationFrame(follow);
  };
  audio.play().then(follow, end);
  refresh();
}

function stopPlaying() {
  for (const which of ["guide", "own"]) {
    const audio = booth[which];
    booth[which] = null;
    audio?.pause();
  }
}

function toggleGuide() {
  const playing = booth.guide;
  stopPlaying();
  if (!playing) play("guide", props.value.guide, (share) => booth.drawing?.move(share));
  else refresh();
}

function toggleOwn() {
  const playing = booth.own;
  stopPlaying();
  if (!playing && booth.take) play("own", booth.take.url, () => {});
  else refresh();
}

// Browsers reveal the names of microphones only after access is granted.
async function listDevices(used) {
  const devices = await navigator.mediaDevices.enumerateDevices().catch(() => []);
  const inputs = devices.filter((device) => device.kind === "audioinput" && device.deviceId && device.label);
  view.deviceLabel.hidden = inputs.length < 2;
  view.device.replaceChildren(...inputs.map(({deviceId, label}) =>
    make("option", {value: deviceId, selected: deviceId === used}, label)));
}

// Space starts and stops while the booth is visible, unless the focused element uses the key.
const TAKES_KEYS = "input, textarea, select, button, a, audio, video, summary, [contenteditable], [role=slider]";
function press(event) {
  if (!element.isConnected) {
    document.removeEventListener("keydown", press);
    booth.microphone?.release();
    return;
  }
  if (event.key === "Escape" && ["opening", "counting", "recording"].includes(booth.state)) {
    abandon();
    return;
  }
  const free = !event.target.closest?.(TAKES_KEYS) && !event.repeat && !event.ctrlKey && !event.metaKey && !event.altKey;
  if (event.key === " " && free && view.root.offsetParent !== null && booth.state !== "sending") {
    event.preventDefault();
    toggle();
  }
}

build();
name();
showPrompt();
document.addEventListener("keydown", press);
addEventListener("pagehide", () => booth.microphone?.release());
watch("value", showPrompt);
watch("report", () => {
  showReport();
  refresh();
});
watch("texts", () => {
  name();
  refresh();
});
