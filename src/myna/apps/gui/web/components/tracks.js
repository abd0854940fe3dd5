// The stems of a result as tracks under one timeline, each with its volume, and the original song to compare.

import {html, signal, useEffect, useMemo, useRef, useState} from "../vendor/preact.js";
import {clock, number} from "../lib/format.js";
import {HIGHEST_DB, LOWEST_DB, Mixer, amplitude} from "../lib/mixer.js";
import {t} from "../lib/texts.js";
import {colour} from "../lib/theme.js";
import {wholeView} from "../lib/timeline.js";
import {Segmented} from "./basics.js";
import {useCanvas} from "./canvas.js";
import {Icon} from "./icons.js";
import {Rail, Ruler, ZoomButtons, onTimelineKey, seeking, usePosition, useWheel} from "./timeline.js";
import {failed} from "./toast.js";

/** @typedef {import("../lib/types.js").StemSet} StemSet */
/** @typedef {import("../lib/types.js").StemTrack} StemTrack */
/** @typedef {import("../lib/mixer.js").Levels} Levels */
/** @typedef {import("../vendor/preact.js").Signal<import("../lib/timeline.js").View>} ViewSignal */

const BAR_PIXELS = 2;
const BAR_GAP = 1;
const STEP_DB = 0.5;

/**
 * @param {{set: StemSet, onLevels: (levels: Levels) => void, children?: import("../vendor/preact.js").ComponentChildren}} props
 *   onLevels: called after the person has changed a level and released its control; children: at the end of the bar above the tracks
 */
export function Tracks({set, onLevels, children}) {
  const mixer = useMemo(() => new Mixer(set), [set.tracks.map(({samples}) => samples).join("\n")]);
  useEffect(() => () => mixer.close(), [mixer]);
  const view = useMemo(() => signal(wholeView(mixer.seconds)), [mixer]);
  const root = useRef(/** @type {HTMLElement | null} */ (null));
  usePosition(root, mixer, view);
  const outlines = useOutlines(set.tracks.map(({outline}) => outline));
  // One scale for all tracks, so that they can be compared.
  const loudest = Math.max(1, ...outlines.map((peaks) => peaks?.reduce((most, peak) => Math.max(most, peak), 0) ?? 0));

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    if (onTimelineKey(event, mixer, view) || event.ctrlKey || event.metaKey || event.altKey) return;
    // On a Korean layout, the B key yields "ㅠ", so fall back to the physical key.
    if (event.key.toLowerCase() !== "b" && event.code !== "KeyB") return;
    mixer.hear(mixer.heard.peek() === "mix" ? "original" : "mix");
    event.preventDefault();
  }

  return html`<div class="stems" ref=${root} role="group" aria-label=${t("tracks.tracks")} onKeyDown=${onKey}>
    <div class="stems-bar">
      <${PlayPause} transport=${mixer} />
      <${Time} transport=${mixer} />
      <${Heard} mixer=${mixer} />
      ${children}
      <${ZoomButtons} transport=${mixer} view=${view} />
    </div>
    <div class="stems-grid">
      <div class="stem-corner"></div>
      <${Ruler} transport=${mixer} view=${view} />
      ${set.tracks.map((track, index) => html`<${Track} key=${track.name} mixer=${mixer} track=${track} index=${index} view=${view} peaks=${outlines[index]} scale=${1 / loudest} onLevels=${onLevels} />`)}
      <div class="stem-corner"></div>
      <${Rail} view=${view} />
    </div>
    <p class="keys">${t("tracks.keys")}</p>
  </div>`;
}

/** @param {{transport: import("../lib/transport.js").Transport<any>}} props */
export function PlayPause({transport}) {
  const state = transport.state.value;
  const label = t({paused: "player.play", loading: "player.loading", playing: "player.pause"}[state]);
  return html`<button type="button" class="play" aria-label=${label} title=${label} data-state=${state} onClick=${() => transport.toggle()}>
    ${state === "loading" ? html`<span class="spinner"></span>` : html`<${Icon} name=${state === "playing" ? "pause" : "play"} size=${22} />`}
  </button>`;
}

/** @param {{transport: import("../lib/transport.js").Transport<any>}} props */
export function Time({transport}) {
  return html`<span class="time">${clock(transport.place.value)} / ${clock(transport.seconds)}</span>`;
}

/** @param {{mixer: Mixer}} props */
function Heard({mixer}) {
  return html`<${Segmented}
    class="heard" label=${t("tracks.heard")} value=${mixer.heard.value} onChange=${(/** @type {"mix" | "original"} */ to) => mixer.hear(to)}
    choices=${[{value: "mix", title: t("tracks.mix")}, {value: "original", title: t("tracks.original")}]}
  />`;
}

/**
 * @param {{mixer: Mixer, track: StemTrack, index: number, view: ViewSignal, peaks: Uint8Array | null, scale: number,
 *   onLevels: (levels: Levels) => void}} props scale: factor for the peaks, with which the highest peak of all tracks is 1
 */
function Track({mixer, track, index, view, peaks, scale, onLevels}) {
  const {name, title, main} = track;
  const {gain_db: gain, muted, solo} = mixer.levels.value[name];
  const off = mixer.heard.value === "mix" ? !mixer.audible.value[index] : !track.in_original;

  /** @param {Partial<import("../lib/types.js").Level>} change */
  function set(change) {
    mixer.setLevel(name, change);
    onLevels(mixer.levels.peek());
  }

  return html`
    <div class=${`stem-head ${main ? "main" : ""} ${off ? "off" : ""}`} role="group" aria-label=${title}>
      <span class="stem-title" dir="auto" title=${title}>${title}</span>
      <${Toggle} letter=${t("tracks.mute_letter")} label=${t("tracks.mute", {name: title})} pressed=${muted} act=${() => set({muted: !muted})} />
      <${Toggle} letter=${t("tracks.solo_letter")} label=${t("tracks.solo", {name: title})} pressed=${solo} act=${() => set({solo: !solo})} />
      <input
        type="range" min=${LOWEST_DB} max=${HIGHEST_DB} step=${STEP_DB} value=${gain} aria-label=${t("tracks.volume", {name: title})} aria-valuetext=${decibels(gain)}
        title=${t("tracks.volume_reset")} style=${{"--share": String((gain - LOWEST_DB) / (HIGHEST_DB - LOWEST_DB))}}
        onInput=${(/** @type {any} */ event) => mixer.setLevel(name, {gain_db: Number(event.currentTarget.value)})} onChange=${() => onLevels(mixer.levels.peek())}
        onDblClick=${() => set({gain_db: 0})}
      />
      <span class="stem-gain">${decibels(gain)}</span>
    </div>
    <${Wave} mixer=${mixer} track=${track} view=${view} peaks=${peaks} scale=${scale} off=${off} />`;
}

/** @param {{letter: string, label: string, pressed: boolean, act: () => void}} props */
function Toggle({letter, label, pressed, act}) {
  return html`<button type="button" class="stem-toggle" aria-label=${label} title=${label} aria-pressed=${String(pressed)} onClick=${act}>${letter}</button>`;
}

/** A level with its sign: "+3 dB", "−2.5 dB", "0 dB". @param {number} db */
function decibels(db) {
  return `${db > 0 ? "+" : db < 0 ? "−" : ""}${number(Math.abs(db), 1)} dB`;
}

/** @param {{mixer: Mixer, track: StemTrack, view: ViewSignal, peaks: Uint8Array | null, scale: number, off: boolean}} props */
function Wave({mixer, track, view, peaks, scale, off}) {
  const area = useRef(/** @type {HTMLElement | null} */ (null));
  const gain = mixer.heard.value === "mix" ? amplitude(mixer.levels.value[track.name].gain_db) : 1;
  const {ref} = useCanvas((context, width, height) => {
    if (!peaks) return;
    context.fillStyle = colour(track.main ? "--accent" : "--track-0");
    drawBars(context, width, height, peaks, peaks.length / mixer.seconds, view.peek(), scale * gain);
  }, [peaks, view.value, scale * gain]);
  const seek = useMemo(() => seeking(mixer, view, area), [mixer, view]);
  useWheel(area, view);
  return html`<div class=${`stem-wave ${off ? "off" : ""}`} ref=${area} ...${seek}><canvas ref=${ref} aria-hidden="true"></canvas><div class="playhead"></div></div>`;
}

/**
 * Peaks of sounds at equal distances, 0 to 255 for full scale; null for those that are not loaded yet.
 * @param {string[]} urls
 * @returns {(Uint8Array | null)[]}
 */
export function useOutlines(urls) {
  const [loaded, setLoaded] = useState(/** @type {Record<string, Uint8Array>} */ ({}));
  useEffect(() => {
    let wanted = true;
    for (const url of urls.filter((one) => !(one in loaded))) {
      fetch(new URL(url, document.baseURI)).then(async (response) => {
        if (!response.ok) throw new Error(response.statusText);
        const peaks = new Uint8Array(await response.arrayBuffer());
        if (wanted) setLoaded((old) => ({...old, [url]: peaks}));
      }).catch((error) => wanted && failed(error));
    }
    return () => void (wanted = false);
  }, [urls.join("\n")]);
  return urls.map((url) => loaded[url] ?? null);
}

/**
 * Draw the peaks in a view as bars, which stay where they are on the timeline when it is scrolled.
 * @param {CanvasRenderingContext2D} context
 * @param {number} width
 * @param {number} height
 * @param {Uint8Array} peaks of the whole timeline
 * @param {number} rate peaks per second
 * @param {import("../lib/timeline.js").View} view
 * @param {number} scale
 */
function drawBars(context, width, height, peaks, rate, view, scale) {
  const step = BAR_PIXELS + BAR_GAP;
  const pixels = width / view.seconds; // per second
  const middle = height / 2;
  for (let x = -((view.start * pixels) % step); x < width; x += step) {
    const first = Math.max(0, Math.floor((view.start + x / pixels) * rate));
    const last = Math.max(first, Math.ceil((view.start + (x + step) / pixels) * rate) - 1);
    let peak = 0;
    for (let index = first; index <= last && index < peaks.length; index++) peak = Math.max(peak, peaks[index]);
    const tall = Math.max(1, Math.min(1, peak * scale) * (height - 8));
    context.beginPath();
    context.roundRect(x, middle - tall / 2, BAR_PIXELS, tall, 1);
    context.fill();
  }
}
