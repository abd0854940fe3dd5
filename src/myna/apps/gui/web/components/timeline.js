// The ruler, the zoom and the scrolling of a timeline that shows a part of a sound.

import {html, useEffect, useLayoutEffect, useMemo, useRef, useSignalEffect, useState} from "../vendor/preact.js";
import {clock} from "../lib/format.js";
import {t} from "../lib/texts.js";
import {panned, placeOf, shown, ticks, timeAt, turned, wholeView, zoomed} from "../lib/timeline.js";
import {IconButton} from "./basics.js";

/** @typedef {import("../lib/transport.js").Transport<any>} Transport */
/** @typedef {import("../lib/timeline.js").View} View */
/** @typedef {import("../vendor/preact.js").Signal<View>} ViewSignal */

const STEP_SECONDS = 2;
const ZOOM = 2;
const LABEL_PIXELS = 36; // of a tick at the right end
const WHEEL_ZOOM = 1.0015; // for a pixel of the wheel

/**
 * Show a timeline in an element: set the custom property --place of the element to the place of the position in the view, and turn the page
 * when the position leaves it.
 * @param {{current: HTMLElement | null}} root
 * @param {Transport} transport
 * @param {ViewSignal} view
 */
export function usePosition(root, transport, view) {
  useSignalEffect(() => {
    const place = transport.place.value;
    if (!transport.dragged) view.value = turned(view.peek(), place);
    root.current?.style.setProperty("--place", String(placeOf(view.value, place)));
  });
}

/**
 * Zoom with Ctrl and the wheel, and scroll with a sideways wheel.
 * @param {{current: HTMLElement | null}} element whose width is that of the view
 * @param {ViewSignal} view
 */
export function useWheel(element, view) {
  useEffect(() => {
    const area = /** @type {HTMLElement} */ (element.current);
    const onWheel = (/** @type {WheelEvent} */ event) => {
      const {left, width} = area.getBoundingClientRect();
      if (event.ctrlKey || event.metaKey) {
        view.value = zoomed(view.peek(), WHEEL_ZOOM ** -event.deltaY, timeAt(view.peek(), (event.clientX - left) / width));
      } else {
        const by = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
        if (!by) return;
        view.value = panned(view.peek(), (by / width) * view.peek().seconds);
      }
      event.preventDefault();
    };
    // Preact's handlers are passive, so that the page would zoom as well.
    area.addEventListener("wheel", onWheel, {passive: false});
    return () => area.removeEventListener("wheel", onWheel);
  }, [view]);
}

/**
 * Handlers with which pressing seeks, and dragging moves the position.
 * @param {Transport} transport
 * @param {ViewSignal} view
 * @param {{current: HTMLElement | null}} area element whose width is that of the view
 */
export function seeking(transport, view, area) {
  /** @type {{pointer: number, before: number} | null} */
  let dragged = null;
  const time = (/** @type {PointerEvent} */ event) => {
    const {left, width} = /** @type {HTMLElement} */ (area.current).getBoundingClientRect();
    return timeAt(view.peek(), (event.clientX - left) / width);
  };
  const drop = (/** @type {PointerEvent} */ event, /** @type {number} */ to) => {
    if (dragged?.pointer !== event.pointerId) return;
    dragged = null;
    transport.place.value = to;
    transport.drag(false);
  };
  return {
    onPointerDown: (/** @type {PointerEvent} */ event) => {
      if (event.button !== 0) return;
      dragged = {pointer: event.pointerId, before: transport.place.peek()};
      /** @type {HTMLElement} */ (event.currentTarget).setPointerCapture(event.pointerId);
      transport.drag(true);
      transport.seek(time(event));
    },
    onPointerMove: (/** @type {PointerEvent} */ event) => {
      if (dragged?.pointer === event.pointerId) transport.seek(time(event));
    },
    onPointerUp: (/** @type {PointerEvent} */ event) => drop(event, time(event)),
    // A touch that turns into scrolling does not seek.
    onPointerCancel: (/** @type {PointerEvent} */ event) => drop(event, dragged?.before ?? 0),
  };
}

/**
 * The position and its times, for the mouse and the keyboard.
 * @param {{transport: Transport, view: ViewSignal}} props
 */
export function Ruler({transport, view}) {
  const ref = useRef(/** @type {HTMLElement | null} */ (null));
  const [width, setWidth] = useState(600);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(([{contentRect}]) => setWidth(contentRect.width));
    observer.observe(/** @type {HTMLElement} */ (ref.current));
    return () => observer.disconnect();
  }, []);
  const seek = useMemo(() => seeking(transport, view, ref), [transport, view]);
  return html`<div class="ruler" ref=${ref} ...${seek}>
    ${ticks(view.value, width).map(({text, place}) => html`<span class="tick" key=${text} style=${{left: `${100 * place}%`}}>${(1 - place) * width > LABEL_PIXELS && text}</span>`)}
    <${Position} transport=${transport} />
  </div>`;
}

/** The position as a slider; apart from the ruler, because it changes sixty times a second. @param {{transport: Transport}} props */
function Position({transport}) {
  const {seconds} = transport;
  const place = Math.round(10 * transport.place.value) / 10;
  return html`<div
    class="position" role="slider" tabindex="0" aria-label=${t("player.position")} aria-valuemin="0" aria-valuemax=${seconds.toFixed(1)}
    aria-valuenow=${place.toFixed(1)} aria-valuetext=${clock(place, {tenths: true})}
  ></div>`;
}

/** A bar that scrolls a timeline while only a part of it is shown. @param {{view: ViewSignal}} props */
export function Rail({view}) {
  const ref = useRef(/** @type {HTMLElement | null} */ (null));
  const {start, seconds, whole} = view.value;
  const drag = useMemo(() => {
    /** @type {{pointer: number, x: number, start: number} | null} */
    let dragged = null;
    return {
      onPointerDown: (/** @type {PointerEvent} */ event) => {
        const {left, width} = /** @type {HTMLElement} */ (ref.current).getBoundingClientRect();
        const at = ((event.clientX - left) / width) * whole;
        const now = view.peek();
        if (at < now.start || at > now.start + now.seconds) view.value = shown(now, at - now.seconds / 2, now.seconds);
        dragged = {pointer: event.pointerId, x: event.clientX, start: view.peek().start};
        /** @type {HTMLElement} */ (ref.current).setPointerCapture(event.pointerId);
      },
      onPointerMove: (/** @type {PointerEvent} */ event) => {
        if (dragged?.pointer !== event.pointerId) return;
        const {width} = /** @type {HTMLElement} */ (ref.current).getBoundingClientRect();
        view.value = shown(view.peek(), dragged.start + ((event.clientX - dragged.x) / width) * whole, view.peek().seconds);
      },
      onPointerUp: () => (dragged = null),
      onPointerCancel: () => (dragged = null),
    };
  }, [view, whole]);
  return html`<div class="scroll-rail" ref=${ref} aria-hidden="true" ...${drag}>
    ${seconds < whole && html`<div class="scroll-thumb" style=${{left: `${(100 * start) / whole}%`, width: `${(100 * seconds) / whole}%`}}></div>`}
  </div>`;
}

/** @param {{transport: Transport, view: ViewSignal}} props */
export function ZoomButtons({transport, view}) {
  const {seconds, whole} = view.value;
  const zoom = (/** @type {number} */ factor) => zoomBy(transport, view, factor);
  return html`<div class="zoom" role="group" aria-label=${t("tracks.zoom")}>
    <${IconButton} icon="minus" label=${t("tracks.zoom_out")} disabled=${seconds >= whole} act=${() => zoom(1 / ZOOM)} />
    <${IconButton} icon="fit" label=${t("tracks.zoom_whole")} disabled=${seconds >= whole} act=${() => (view.value = wholeView(whole))} />
    <${IconButton} icon="add" label=${t("tracks.zoom_in")} act=${() => zoom(ZOOM)} />
  </div>`;
}

/** Zoom around the position if it is in sight, else around the middle. @param {Transport} transport @param {ViewSignal} view @param {number} factor */
function zoomBy(transport, view, factor) {
  const now = view.peek();
  const place = placeOf(now, transport.place.peek());
  view.value = zoomed(now, factor, place >= 0 && place <= 1 ? transport.place.peek() : now.start + now.seconds / 2);
}

/**
 * Handle the keys of a timeline; return true if there was something to do.
 * @param {KeyboardEvent} event
 * @param {Transport} transport
 * @param {ViewSignal} view
 */
export function onTimelineKey(event, transport, view) {
  const target = /** @type {HTMLInputElement} */ (event.target);
  const typing = target.tagName === "INPUT" || target.tagName === "SELECT";
  if (event.ctrlKey || event.metaKey || event.altKey || typing) return false;
  const onPosition = target.getAttribute("role") === "slider";
  const place = transport.place.peek();
  if (event.key === " ") {
    if (target.tagName === "BUTTON" && !target.classList.contains("play")) return false;
    if (!event.repeat) transport.toggle();
  } else if (event.key === "ArrowLeft") transport.seek(place - STEP_SECONDS);
  else if (event.key === "ArrowRight") transport.seek(place + STEP_SECONDS);
  else if (onPosition && event.key === "Home") transport.seek(0);
  else if (onPosition && event.key === "End") transport.seek(transport.seconds);
  else if (event.key === "+" || event.key === "=") zoomBy(transport, view, ZOOM);
  else if (event.key === "-") zoomBy(transport, view, 1 / ZOOM);
  else return false;
  event.preventDefault();
  return true;
}
