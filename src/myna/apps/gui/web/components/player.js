// A/B player: several recordings of a song on one timeline, with their pitch over note names and their spectrograms.

import {html, useEffect, useMemo, useRef, useSignalEffect} from "../vendor/preact.js";
import {clock} from "../lib/format.js";
import {Playback} from "../lib/playback.js";
import {t} from "../lib/texts.js";
import {Switch} from "./basics.js";
import {Icon} from "./icons.js";

/** @typedef {import("../lib/types.js").Comparison} Comparison */
/** @typedef {import("../lib/types.js").Label} Label */

const STEP_SECONDS = 2;

/**
 * @param {{comparison: Comparison}} props if a comparison with the same tracks is loaded again, playback continues
 */
export function Player({comparison}) {
  const playback = useMemo(() => new Playback(comparison), [comparison.tracks.map(({url}) => url).join("\n")]);
  useEffect(() => () => playback.close(), [playback]);
  const {tracks} = comparison;
  return html`<div
    class=${`player n${tracks.length}`} role="group" aria-label=${t("player.player")}
    onKeyDown=${(/** @type {KeyboardEvent} */ event) => onKey(event, playback)} onKeyUp=${onKeyUp}
  >
    <${Controls} playback=${playback} />
    <${Broken} playback=${playback} />
    <${Plots} comparison=${comparison} playback=${playback} />
    <p class="keys">${t("player.keys")}</p>
  </div>`;
}

/** @param {number} index */
function letter(index) {
  return String.fromCharCode("A".charCodeAt(0) + index);
}

/** @param {{playback: Playback}} props */
function Controls({playback}) {
  const {tracks} = playback;
  const state = playback.state.value;
  const label = t({paused: "player.play", loading: "player.loading", playing: "player.pause"}[state]);
  return html`<div class="player-controls">
    <button type="button" class="play" aria-label=${label} title=${label} data-state=${state} onClick=${() => playback.toggle()}>
      ${state === "loading" ? html`<span class="spinner"></span>` : html`<${Icon} name=${state === "playing" ? "pause" : "play"} size=${22} />`}
    </button>
    <${Time} playback=${playback} />
    <div class="tracks" role="group" aria-label=${t("player.tracks")}>
      ${tracks.map((track, index) => html`<button
        key=${index} type="button" class=${`track track-${index}`} title=${track.name} aria-pressed=${String(index === playback.chosen.value)}
        disabled=${playback.playable.value?.[index] === false} onClick=${() => playback.choose(index)}
      ><span class="letter">${letter(index)}</span> <span class="name" dir="auto">${track.name}</span></button>`)}
    </div>
    ${tracks.length > 1 && html`<${Switch} value=${playback.equal.value} onChange=${(/** @type {boolean} */ equal) => playback.setEqual(equal)}>${t("player.equal_loudness")}</${Switch}>`}
  </div>`;
}

/** @param {{playback: Playback}} props */
function Time({playback}) {
  return html`<span class="time">${clock(playback.place.value)} / ${clock(playback.seconds)}</span>`;
}

/** @param {{playback: Playback}} props */
function Broken({playback}) {
  return html`<div role="alert">${playback.broken.value.map((index) => html`<p key=${index} class="help bad">
    ${t("player.unplayable", {name: playback.tracks[index].name})}
  </p>`)}</div>`;
}

/** @param {{comparison: Comparison, playback: Playback}} props */
function Plots({comparison, playback}) {
  const {tracks, seconds, notes, frequencies} = comparison;
  const root = useRef(/** @type {HTMLElement | null} */ (null));
  const drag = useMemo(() => dragging(playback, root), [playback]);
  // The position is a CSS custom property, so that no component is rendered sixty times a second.
  useSignalEffect(() => {
    root.current?.style.setProperty("--place", String(Math.min(1, playback.place.value / seconds)));
  });
  const chosen = playback.chosen.value;
  // The chosen curve is drawn last, above the others.
  const order = [...tracks.keys()].filter((index) => index !== chosen).concat(chosen);
  const pitch = html`<svg viewBox="0 0 1000 100" preserveAspectRatio="none" role="img" aria-label=${t("player.pitch")}>
    ${notes.map((note) => html`<path class="line" d=${`M0 ${note.place}H1000`} />`)}
    ${order.map((index) => html`<path
      key=${index} class=${`curve track-${index} ${index === chosen ? "chosen" : ""}`} d=${tracks[index].curve}
    />`)}
  </svg>`;
  return html`<div class="plots" ref=${root} ...${drag}>
    <${Axis} labels=${notes} />
    <div class="plot pitch">${pitch}<div class="head"></div></div>
    ${tracks.map((track, index) => html`
      <${Axis} labels=${frequencies} />
      <div class=${`plot spectrum ${index === chosen ? "chosen" : ""}`}>
        <img
          alt=${t("player.spectrogram", {name: track.name})} src=${track.spectrogram} draggable=${false}
          style=${{width: `${(100 * track.seconds) / seconds}%`}}
        />
        <span class="caption" aria-hidden="true" dir="auto">${letter(index)} ${track.name}</span>
        <div class="head"></div>
      </div>`)}
    <div></div>
    <${Timeline} comparison=${comparison} playback=${playback} />
  </div>`;
}

/** @param {{labels: Label[]}} props */
function Axis({labels}) {
  return html`<div class="axis" aria-hidden="true">${labels.map(({text, place}) => html`<span style=${{top: `${place}%`}}>${text}</span>`)}</div>`;
}

/** @param {{comparison: Comparison, playback: Playback}} props */
function Timeline({comparison, playback}) {
  const place = playback.place.value;
  return html`<div
    class="times" role="slider" tabindex="0" aria-label=${t("player.position")} aria-valuemin="0" aria-valuemax=${comparison.seconds}
    aria-valuenow=${place.toFixed(2)} aria-valuetext=${clock(place)}
  >
    <div class="track-rail"></div>
    ${comparison.times.map(({text, place}) => html`<span style=${{left: `${place}%`}}>${text}</span>`)}
  </div>`;
}

/**
 * Handlers with which pressing in a plot seeks.
 * @param {Playback} playback
 * @param {{current: HTMLElement | null}} root
 */
function dragging(playback, root) {
  /** @type {{pointer: number, before: number} | null} */
  let dragged = null;
  const timeAt = (/** @type {PointerEvent} */ event) => {
    const box = /** @type {HTMLElement} */ (root.current?.querySelector(".times")).getBoundingClientRect();
    return (playback.seconds * (event.clientX - box.left)) / box.width;
  };
  const drop = (/** @type {PointerEvent} */ event, /** @type {number} */ to) => {
    if (dragged?.pointer !== event.pointerId) return;
    dragged = null;
    playback.place.value = Math.max(0, Math.min(playback.seconds, to));
    playback.drag(false);
  };
  return {
    onPointerDown: (/** @type {PointerEvent} */ event) => {
      const target = /** @type {HTMLElement} */ (event.target);
      if (event.button !== 0 || !target.closest(".plot, .times")) return;
      dragged = {pointer: event.pointerId, before: playback.place.peek()};
      root.current?.setPointerCapture(event.pointerId);
      // Keys control the player afterwards.
      /** @type {HTMLElement} */ (root.current?.querySelector(".times")).focus({preventScroll: true});
      playback.drag(true);
      playback.seek(timeAt(event));
      event.preventDefault();
    },
    onPointerMove: (/** @type {PointerEvent} */ event) => {
      if (dragged?.pointer === event.pointerId) playback.seek(timeAt(event));
    },
    onPointerUp: (/** @type {PointerEvent} */ event) => drop(event, timeAt(event)),
    // A touch that turns into scrolling does not seek.
    onPointerCancel: (/** @type {PointerEvent} */ event) => drop(event, dragged?.before ?? 0),
  };
}

/** @param {KeyboardEvent} event @param {Playback} playback */
function onKey(event, playback) {
  const target = /** @type {HTMLElement} */ (event.target);
  if (event.ctrlKey || event.metaKey || event.altKey || (target.tagName === "INPUT" && event.key === " ")) return;
  // On a Korean layout, the A key yields "ㅁ", so fall back to the physical key.
  const typed = /^[!-~]$/.test(event.key) ? event.key : event.code.replace(/^(Key|Digit|Numpad)(?=.$)/, "");
  const onTimeline = target.getAttribute("role") === "slider";
  if (event.key === " ") {
    if (!event.repeat) playback.toggle();
  } else if (event.key === "ArrowLeft") playback.seek(playback.place.peek() - STEP_SECONDS);
  else if (event.key === "ArrowRight") playback.seek(playback.place.peek() + STEP_SECONDS);
  else if (onTimeline && event.key === "Home") playback.seek(0);
  else if (onTimeline && event.key === "End") playback.seek(playback.seconds);
  else if (/^[1-9]$/.test(typed)) playback.choose(Number(typed) - 1);
  else if (/^[A-I]$/i.test(typed)) playback.choose(typed.toUpperCase().charCodeAt(0) - "A".charCodeAt(0));
  else return;
  event.preventDefault();
}

/** Firefox clicks a focused button when the space bar is released. @param {KeyboardEvent} event */
function onKeyUp(event) {
  if (event.key === " " && /** @type {HTMLElement} */ (event.target).tagName !== "INPUT") event.preventDefault();
}
