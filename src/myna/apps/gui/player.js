// A/B player. Gradio runs this script once for each player on the page, with `element`, `props` and `watch` in scope.
// `props.value` is a `Comparison` of myna.evaluation.report.comparison; `props.texts` contains the texts.
// Everything is built from DOM nodes, so that the name of a song is always plain text.

// State shared by all players on the page: the audio context, and the player that is playing.
const page = (globalThis.mynaPlayers ??= {context: null, playing: null, listens: false});

// Decoded audio takes 11 MB per minute. Longer comparisons are streamed, with a short gap at each change of track.
const MOST_DECODED_SECONDS = 30 * 60;
const FADE_SECONDS = 0.01; // long enough to avoid clicks, too short to notice
const STEP_SECONDS = 2;

// ---- Audio. Both classes have `load`, `start` (at a time), `stop`, and `mix` (with one volume per track).

// Decodes all tracks and plays them in sync; a change of track is a crossfade.
class Decoded {
  constructor(tracks) {
    this.tracks = tracks;
    this.buffers = tracks.map(() => null);
    this.playing = null; // {nodes, gains, from, at}: position `from` is played at context time `at`
  }

  // Resolve to one flag per track, which is true if the track can be played.
  async load() {
    const context = (page.context ??= new AudioContext());
    const resumed = context.resume(); // must happen during the click, because browsers require a user gesture
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

// Streams the tracks with the browser's own player and plays only the selected one.
class Streamed {
  constructor(tracks) {
    this.tracks = tracks;
    this.elements = [];
    this.audible = null;
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
    this.audible = null;
    this.from = time;
    this.mix(volumes);
  }

  get time() {
    return this.audible?.currentTime ?? this.from;
  }

  mix(volumes) {
    if (this.audible === undefined) return;
    const next = this.elements[volumes.findIndex((volume) => volume > 0)];
    if (next && next !== this.audible) {
      next.currentTime = this.time;
      next.play().catch(() => {}); // rejected if stopped before playback begins
      this.audible?.pause();
      this.audible = next;
    }
    if (next) next.volume = Math.max(...volumes);
  }

  stop() {
    this.audible?.pause();
    this.audible = undefined;
  }

  close() {
    this.stop();
    for (const audio of this.elements) audio.removeAttribute("src");
  }
}

function address({path}) {
  // The address is relative, like Gradio's own, because a proxy may serve the page below a path.
  return `gradio_api/file=${path.split("/").map(encodeURIComponent).join("/")}`;
}

// Return the mean of the channels, which is the downmix that a conversion uses.
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

// ---- Display

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

// Build the player of a comparison into `element` and return a function that closes it.
function build(comparison, texts) {
  const {tracks, seconds} = comparison;
  const named = (text, index) => texts[text].replace("{name}", () => tracks[index].name);
  const sound = new (seconds * tracks.length > MOST_DECODED_SECONDS ? Streamed : Decoded)(tracks);

  let place = 0; // seconds
  let chosen = Math.min(1, tracks.length - 1); // initially the result, not the source
  let playable = null; // one flag per track, after loading
  let loading = null;
  let plays = false;
  let closed = false;
  let dragged = null; // the pointer that drags the position, and the position before the drag
  let frame = 0;

  // -- Elements

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

  // -- Behaviour

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
    pitch.append(curves[chosen]); // draw it above the others
  }

  function volumes() {
    return tracks.map((track, index) => (index === chosen ? (equal.checked ? track.gain : 1) : 0));
  }

  // Load the tracks; resolve to true if at least one can be played.
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
      playable = loading = null; // so that the next press tries again
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
    if (closed || !plays) return; // it was closed or paused during loading
    if (!loaded) return pause();
    if (place > seconds - 0.05) place = 0;
    showState();
    goOn();
  }

  // Play from `place`, unless it is being dragged.
  function goOn() {
    if (!plays || !playable || dragged) return;
    sound.stop(); // needed if Play was pressed twice during loading
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

  // Pressing in a plot seeks; playback pauses while the pointer drags.
  plots.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !event.target.closest(".plot, .times")) return;
    dragged = {pointer: event.pointerId, before: place};
    plots.setPointerCapture(event.pointerId);
    slider.focus({preventScroll: true}); // so that the keyboard works afterwards
    seek(timeAt(event));
    event.preventDefault();
  });
  plots.addEventListener("pointermove", (event) => {
    if (dragged?.pointer === event.pointerId) seek(timeAt(event));
  });
  plots.addEventListener("pointerup", (event) => drop(event, timeAt(event)));
  // A touch that turns into scrolling does not seek.
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
    // On a Korean layout, the A key yields "ㅁ", so fall back to the physical key.
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
  // Firefox clicks a focused button when the space bar is released.
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
  // Pause when another player of the page, for example Gradio's, starts.
  document.addEventListener("play", () => page.playing?.pause(), true);
}

let end = () => {};
let shown = null;
function show() {
  const now = JSON.stringify([props.value, props.texts]);
  if (now === shown) return; // an update that changes nothing does not stop what plays
  shown = now;
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
