// The A/B player. Gradio runs this once for each player of the page, with `element`, `props` and `watch` in its scope.
// `props.value` is a `Comparison` of myna.evaluation.report.comparison, `props.texts` are the words of `player.py`.
// All is built of nodes: the name of a song is text, whatever it looks like.

// What the players of a page share: one clock for sound, and the one that plays.
const page = (globalThis.mynaPlayers ??= {context: null, playing: null, listens: false});

// Decoded sound takes 11 MB a minute. What is longer in all is streamed, where a change of track has a short gap.
const MOST_DECODED_SECONDS = 30 * 60;
const FADE_SECONDS = 0.01; // long enough that no change clicks, too short to hear
const STEP_SECONDS = 2;

// ---- Sound: `load`, `start` at a time, `stop`, `mix` with a volume for each track; both kinds do the same.

// Every track is decoded and all play at once, sample by sample together; a change of track is a cross-fade.
class Decoded {
  constructor(tracks) {
    this.tracks = tracks;
    this.buffers = tracks.map(() => null);
    this.playing = null; // {nodes, gains, from, at}: the time that sounds at the clock's `at`
  }

  // Which tracks can be played.
  async load() {
    const context = (page.context ??= new AudioContext());
    const resumed = context.resume(); // within the click: browsers ask for one
    const results = await Promise.allSettled(this.tracks.map(async (track) => {
      const response = await fetch(address(track));
      if (!response.ok) throw new Error(response.statusText);
      return oneChannel(await context.decodeAudioData(await response.arrayBuffer()));
    }));
    await resumed;
    this.buffers = results.map((result) => result.value ?? null);
    return this.buffers.map((buffer) => buffer !== null);
  }

  start(time, volumes) {
    const {context} = page;
    context.resume(); // where a call on the phone interrupted it
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
    const {from, at} = this.playing;
    return from + Math.max(0, page.context.currentTime - at);
  }

  mix(volumes) {
    if (this.playing) this.fade(volumes);
  }

  stop() {
    if (!this.playing) return;
    const {nodes} = this.playing;
    this.fade(this.buffers.map(() => 0));
    for (const node of nodes) node.stop(page.context.currentTime + 3 * FADE_SECONDS);
    this.playing = null;
  }

  fade(volumes) {
    const now = page.context.currentTime;
    this.playing.gains.forEach(({gain}, index) => {
      gain.cancelScheduledValues(now);
      gain.setTargetAtTime(volumes[index], now, FADE_SECONDS / 3);
    });
  }

  close() {
    this.stop();
    this.buffers = [];
  }
}

// The browser reads each track as it plays, and only the one that is heard plays.
class Streamed {
  constructor(tracks) {
    this.tracks = tracks;
    this.elements = [];
    this.heard = null;
  }

  load() {
    this.elements = [];
    return Promise.all(this.tracks.map((track) => new Promise((resolve) => {
      const audio = new Audio();
      this.elements.push(audio);
      audio.addEventListener("loadedmetadata", () => resolve(true), {once: true});
      audio.addEventListener("error", () => resolve(false), {once: true});
      audio.src = address(track);
    })));
  }

  start(time, volumes) {
    this.heard = null;
    this.from = time;
    this.mix(volumes);
  }

  get time() {
    return this.heard?.currentTime ?? this.from;
  }

  mix(volumes) {
    if (this.heard === undefined) return;
    const next = this.elements[volumes.findIndex((volume) => volume > 0)];
    if (next && next !== this.heard) {
      next.currentTime = this.time;
      next.play().catch(() => {}); // stopped again before it began
      this.heard?.pause();
      this.heard = next;
    }
    if (next) next.volume = Math.max(...volumes);
  }

  stop() {
    this.heard?.pause();
    this.heard = undefined;
  }

  close() {
    this.stop();
    for (const audio of this.elements) audio.removeAttribute("src");
  }
}

function address({path}) {
  // Relative, as Gradio's own: the page may lie below a path of a proxy.
  return `gradio_api/file=${path.split("/").map(encodeURIComponent).join("/")}`;
}

// The mean of the channels, which is what a conversion hears of its source.
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

// ---- The page

function make(tag, attributes = {}, ...children) {
  const drawn = ["svg", "path"].includes(tag);
  const node = drawn ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function clock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

function letter(index) {
  return String.fromCharCode("A".charCodeAt(0) + index);
}

// Build the player of a comparison into `element`; the answer ends it.
function build(comparison, texts) {
  const {tracks, seconds} = comparison;
  const named = (text, index) => texts[text].replace("{name}", () => tracks[index].name);
  const sound = new (seconds * tracks.length > MOST_DECODED_SECONDS ? Streamed : Decoded)(tracks);

  let place = 0; // seconds
  let chosen = Math.min(1, tracks.length - 1); // the result: the source is known
  let playable = null; // for each track, once it is loaded
  let loading = null;
  let plays = false;
  let closed = false;
  let dragged = null; // the pointer that moves the place, and where it was before
  let frame = 0;

  // -- What is seen

  const play = make("button", {type: "button", class: "play"}, make("span", {class: "icon", "aria-hidden": "true"}));
  const buttons = tracks.map((track, index) => make(
    "button", {type: "button", class: "track", title: track.name, style: colour(index)},
    make("span", {class: "letter"}, letter(index)), " ", make("span", {class: "name", dir: "auto"}, track.name),
  ));
  const equal = make("input", {type: "checkbox"});
  equal.checked = true;
  const time = make("span", {class: "time"});
  const problem = make("p", {class: "problem", role: "alert"});
  const controls = make(
    "div", {class: "controls"}, play, time,
    make("div", {class: "tracks", role: "group", "aria-label": texts.tracks}, ...buttons),
  );
  if (tracks.length > 1) controls.append(make("label", {class: "equal"}, equal, texts.equal_loudness));

  const lines = comparison.notes.map((note) => make("path", {class: "line", d: `M0 ${note.place}H1000`}));
  const curves = tracks.map((track, index) => make("path", {class: "curve", d: track.curve, style: colour(index)}));
  const pitch = make(
    "svg", {viewBox: "0 0 1000 100", preserveAspectRatio: "none", role: "img", "aria-label": texts.pitch},
    ...lines, ...curves,
  );
  const spectra = tracks.map((track, index) => plot(
    "spectrum",
    make("img", {
      alt: named("spectrogram", index), src: track.spectrogram, draggable: "false",
      style: `width: ${(100 * track.seconds) / seconds}%`,
    }),
    make("span", {class: "caption", "aria-hidden": "true"}, `${letter(index)} ${track.name}`),
  ));
  const slider = make("div", {
    class: "times", role: "slider", tabindex: "0",
    "aria-label": texts.position, "aria-valuemin": "0", "aria-valuemax": seconds,
  }, make("div", {class: "rail"}), ...labels(comparison.times, "left"));
  const plots = make(
    "div", {class: "plots"},
    make("div", {class: "axis"}, ...labels(comparison.notes, "top")), plot("pitch", pitch),
    ...spectra.flatMap((one) => [make("div", {class: "axis"}, ...labels(comparison.frequencies, "top")), one]),
    make("div"), slider,
  );
  const root = make(
    "div", {class: `player n${tracks.length}`, role: "group", "aria-label": texts.player},
    controls, problem, plots, make("p", {class: "keys"}, texts.keys),
  );
  element.replaceChildren(root);

  function colour(index) {
    return `--track: var(--track-${index})`;
  }

  function plot(kind, ...children) {
    return make("div", {class: `plot ${kind}`}, ...children, make("div", {class: "head"}));
  }

  function labels(list, side) {
    return list.map((label) => make("span", {style: `${side}: ${label.place}%`}, label.text));
  }

  // -- What it does

  function showPlace() {
    plots.style.setProperty("--place", `${Math.min(100, (100 * place) / seconds)}%`);
    time.textContent = `${clock(place)} / ${clock(seconds)}`;
    slider.setAttribute("aria-valuenow", place.toFixed(2));
    slider.setAttribute("aria-valuetext", clock(place));
  }

  function showState() {
    const state = loading && !playable ? "loading" : plays ? "pause" : "play";
    play.setAttribute("aria-label", texts[state]);
    play.title = texts[state];
    play.dataset.state = state;
    buttons.forEach((button, index) => {
      button.setAttribute("aria-pressed", index === chosen);
      button.disabled = playable !== null && !playable[index];
      spectra[index].classList.toggle("chosen", index === chosen);
      curves[index].classList.toggle("chosen", index === chosen);
    });
    pitch.append(curves[chosen]); // above the others
  }

  function volumes() {
    return tracks.map((track, index) => (index === chosen ? (equal.checked ? track.gain : 1) : 0));
  }

  // Whether something can be heard.
  async function load() {
    loading ??= sound.load();
    showState();
    playable = await loading;
    problem.replaceChildren(...tracks.flatMap((_, index) => (
      playable[index] ? [] : [make("span", {}, named("unplayable", index))]
    )));
    if (playable.includes(true)) {
      if (!playable[chosen]) chosen = playable.indexOf(true);
    } else {
      playable = loading = null; // the next press tries again
    }
    showState();
    return playable !== null;
  }

  async function start() {
    page.playing?.pause();
    page.playing = {pause};
    for (const other of document.querySelectorAll("audio, video")) other.pause();
    plays = true;
    const loaded = playable !== null || (await load());
    if (closed || !plays) return; // changed meanwhile
    if (!loaded) return pause();
    if (place > seconds - 0.05) place = 0;
    showState();
    goOn();
  }

  // Play from `place`, unless a finger still moves it.
  function goOn() {
    if (!plays || !playable || dragged) return;
    sound.stop(); // also where Play was pressed twice while it loaded
    sound.start(place, volumes());
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(follow);
  }

  function pause() {
    if (!plays) return;
    sound.stop();
    plays = false;
    page.playing = null;
    showState();
  }

  function follow() {
    if (!plays || !playable || dragged) return;
    if (!root.isConnected) return pause();
    place = Math.min(seconds, sound.time);
    showPlace();
    if (place >= seconds) return pause();
    frame = requestAnimationFrame(follow);
  }

  function seek(to) {
    place = Math.max(0, Math.min(seconds, to));
    showPlace();
    sound.stop();
    goOn();
  }

  function choose(index) {
    if (index < 0 || index >= tracks.length || buttons[index].disabled) return;
    chosen = index;
    sound.mix(volumes());
    showState();
  }

  play.addEventListener("click", () => (plays ? pause() : start()));
  buttons.forEach((button, index) => button.addEventListener("click", () => choose(index)));
  equal.addEventListener("change", () => sound.mix(volumes()));

  // A press in a plot moves to there; while it is dragged the sound rests.
  plots.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !event.target.closest(".plot, .times")) return;
    dragged = {pointer: event.pointerId, before: place};
    plots.setPointerCapture(event.pointerId);
    slider.focus({preventScroll: true}); // so that the keys work from here
    seek(timeAt(event));
    event.preventDefault();
  });
  plots.addEventListener("pointermove", (event) => {
    if (dragged?.pointer === event.pointerId) seek(timeAt(event));
  });
  plots.addEventListener("pointerup", (event) => drop(event, timeAt(event)));
  // A finger that goes on to scroll the page did not mean to move.
  plots.addEventListener("pointercancel", (event) => drop(event, dragged?.before));

  function drop(event, to) {
    if (dragged?.pointer !== event.pointerId) return;
    dragged = null;
    seek(to);
  }

  function timeAt(event) {
    const box = slider.getBoundingClientRect();
    return (seconds * (event.clientX - box.left)) / box.width;
  }

  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || (event.target === equal && event.key === " ")) return;
    // With a Korean keyboard the key of A says "ㅁ": then the place of the key counts.
    const typed = /^[!-~]$/.test(event.key) ? event.key : event.code.replace(/^(Key|Digit|Numpad)(?=.$)/, "");
    if (event.key === " ") { if (!event.repeat) play.click(); }
    else if (event.key === "ArrowLeft") seek(place - STEP_SECONDS);
    else if (event.key === "ArrowRight") seek(place + STEP_SECONDS);
    else if (event.target === slider && event.key === "Home") seek(0);
    else if (event.target === slider && event.key === "End") seek(seconds);
    else if (/^[1-9]$/.test(typed)) choose(Number(typed) - 1);
    else if (/^[A-I]$/i.test(typed)) choose(typed.toUpperCase().charCodeAt(0) - "A".charCodeAt(0));
    else return;
    event.preventDefault();
  });
  // Firefox presses a focused button when the space bar comes up.
  root.addEventListener("keyup", (event) => {
    if (event.key === " " && event.target !== equal) event.preventDefault();
  });

  showPlace();
  showState();
  return () => {
    closed = true;
    pause();
    sound.close();
  };
}

if (!page.listens) {
  page.listens = true;
  // Another player of the page, Gradio's own, begins: ours ends.
  document.addEventListener("play", () => page.playing?.pause(), true);
}

let end = () => {};
function show() {
  end();
  if (props.value?.tracks) {
    end = build(props.value, props.texts);
  } else {
    end = () => {};
    element.replaceChildren(make("p", {class: "empty"}, props.texts.empty));
  }
}
watch(["value", "texts"], show);
show();
