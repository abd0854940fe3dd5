// The waveform of a song: listen, seek, and mark a stretch of it.

import {html, signal, useEffect, useMemo, useRef, useSignalEffect} from "../vendor/preact.js";
import {clock} from "../lib/format.js";
import {release, takeOver} from "../lib/playing.js";
import {t} from "../lib/texts.js";
import {colour, theme} from "../lib/theme.js";
import {IconButton} from "./basics.js";

/** @typedef {{start: number, seconds: number}} Stretch */

const HEIGHT = 72; // pixels
const SHORTEST_SECONDS = 1;
const STEP_SECONDS = 1;

/** A waveform drawn by wavesurfer.js in an element. */
class Drawing {
  /** @param {{url: string, peaks: number[], seconds: number}} sound */
  constructor(sound) {
    this.sound = sound;
    this.plays = signal(false);
    this.place = signal(0); // seconds
    /** @type {any} */
    this.surfer = null;
    /** @type {any} */
    this.regions = null;
    /** @type {any} */
    this.region = null;
    /** @type {(mark: Stretch) => void} */
    this.onMark = () => {};
    /** @type {Stretch | null} */
    this.mark = null;
    this.ready = false;
    this.showing = false; // while a stretch is drawn that the person did not drag
    this.closed = false;
  }

  /** @param {HTMLElement} element */
  async open(element) {
    // Loaded with the first song, because the page is usable without it.
    const {WaveSurfer, Regions} = await import("../vendor/wavesurfer.js");
    if (this.closed) return;
    const {url, peaks, seconds} = this.sound;
    const regions = Regions.create();
    const nonce = document.querySelector("meta[name=csp-nonce]")?.getAttribute("content") ?? undefined;
    this.surfer = WaveSurfer.create({
      container: element, height: HEIGHT, url, peaks: [peaks], duration: seconds, normalize: true,
      barWidth: 2, barGap: 1, barRadius: 2, cursorWidth: 2, dragToSeek: false, cspNonce: nonce, plugins: [regions], ...colours(),
    });
    this.regions = regions;
    this.surfer.on("play", () => {
      takeOver(this);
      this.plays.value = true;
    });
    this.surfer.on("pause", () => this.stopped());
    this.surfer.on("finish", () => this.stopped());
    this.surfer.on("timeupdate", (/** @type {number} */ time) => (this.place.value = time));
    regions.enableDragSelection({color: colours().markColor});
    regions.on("region-created", (/** @type {any} */ region) => {
      this.region?.remove(); // a new stretch replaces the old one
      this.region = region;
      if (!this.showing) this.onMark(within(region, seconds));
    });
    regions.on("region-updated", (/** @type {any} */ region) => this.onMark(within(region, seconds)));
    this.surfer.on("ready", () => {
      this.ready = true; // before this, a region would have no width
      this.show(this.mark);
    });
  }

  /** Draw the marked stretch. @param {Stretch | null} mark */
  show(mark) {
    this.mark = mark;
    if (!this.ready || !mark) return;
    const options = {start: mark.start, end: mark.start + mark.seconds, minLength: SHORTEST_SECONDS, color: colours().markColor};
    if (this.region) this.region.setOptions(options);
    else {
      this.showing = true;
      this.regions.addRegion(options);
      this.showing = false;
    }
  }

  repaint() {
    this.surfer?.setOptions(colours());
    this.region?.setOptions({color: colours().markColor});
  }

  stopped() {
    this.plays.value = false;
    release(this);
  }

  toggle() {
    this.surfer?.playPause();
  }

  pause() {
    this.surfer?.pause();
  }

  /** @param {number} time seconds */
  seek(time) {
    const to = Math.max(0, Math.min(this.sound.seconds, time));
    this.place.value = to;
    this.surfer?.setTime(to);
  }

  close() {
    this.closed = true;
    release(this);
    this.surfer?.destroy();
  }
}

/** Colours of the page, for the canvas. */
function colours() {
  return {
    waveColor: colour("--wave"), progressColor: colour("--accent"), cursorColor: colour("--text"), markColor: colour("--mark"),
  };
}

/** @param {{start: number, end: number}} region @param {number} seconds length of the song @returns {Stretch} */
function within({start, end}, seconds) {
  const from = Math.max(0, Math.min(start, seconds - SHORTEST_SECONDS));
  return {start: from, seconds: Math.max(Math.min(SHORTEST_SECONDS, seconds), Math.min(end, seconds) - from)};
}

/**
 * @param {{url: string, peaks: number[], seconds: number, label: string, mark: Stretch | null, onMark: (mark: Stretch) => void,
 *   onPlace?: (seconds: number) => void, spans?: [number, number][], seek?: {time: number} | null}} props
 *   mark: the marked stretch; onPlace: the position has moved; spans: stretches with a warning, in seconds; seek: a new object moves the position to its time
 */
export function Waveform({url, peaks, seconds, label, mark, onMark, onPlace = () => {}, spans = [], seek = null}) {
  const element = useRef(/** @type {HTMLElement | null} */ (null));
  const drawing = useMemo(() => new Drawing({url, peaks, seconds}), [url]);
  drawing.onMark = onMark;

  useEffect(() => {
    drawing.open(/** @type {HTMLElement} */ (element.current));
    return () => drawing.close();
  }, [drawing]);
  useSignalEffect(() => onPlace(drawing.place.value));
  useEffect(() => drawing.show(mark), [drawing, mark?.start, mark?.seconds]);
  useEffect(() => {
    if (seek) drawing.seek(seek.time);
  }, [drawing, seek]);
  useEffect(() => {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const repaint = () => drawing.repaint();
    repaint();
    dark.addEventListener("change", repaint);
    return () => dark.removeEventListener("change", repaint);
  }, [drawing, theme.value]);

  const plays = drawing.plays.value;
  return html`<div class="waveform">
    <${IconButton}
      icon=${plays ? "pause" : "play"} kind="round" label=${t(plays ? "frame.pause_it" : "frame.play_it", {name: label})} act=${() => drawing.toggle()}
    />
    <div class="wave">
      <div class="wave-drawing" ref=${element}></div>
      ${spans.map(([from, to]) => html`<span class="wave-span" style=${{left: `${(100 * from) / seconds}%`, width: `${(100 * (to - from)) / seconds}%`}}></span>`)}
      <${Position} drawing=${drawing} label=${label} />
    </div>
  </div>`;
}

/** The position, for the keyboard. @param {{drawing: Drawing, label: string}} props */
function Position({drawing, label}) {
  const {seconds} = drawing.sound;
  const place = drawing.place.value;
  return html`
    <div
      class="wave-position" role="slider" tabindex="0" aria-label=${t("sing.position", {name: label})} aria-valuemin="0"
      aria-valuemax=${seconds.toFixed(1)} aria-valuenow=${place.toFixed(1)} aria-valuetext=${clock(place)}
      onKeyDown=${(/** @type {KeyboardEvent} */ event) => {
        const to = {
          ArrowLeft: place - STEP_SECONDS, ArrowRight: place + STEP_SECONDS, PageDown: place - 10 * STEP_SECONDS,
          PageUp: place + 10 * STEP_SECONDS, Home: 0, End: seconds,
        }[event.key];
        if (event.key === " ") drawing.toggle();
        else if (to !== undefined) drawing.seek(to);
        else return;
        event.preventDefault();
      }}
    ></div>
    <span class="wave-time">${clock(place)} / ${clock(seconds)}</span>`;
}
