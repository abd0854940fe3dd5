// A canvas of the size of its element. It is drawn again when its size, the theme or the drawn values change.

import {useEffect, useMemo, useRef} from "../vendor/preact.js";
import {theme} from "../lib/theme.js";

/** @typedef {(context: CanvasRenderingContext2D, width: number, height: number) => void} Paint in CSS pixels */

const SCHEMES = ["(prefers-color-scheme: dark)", "(prefers-contrast: more)"];

/** Draws into a canvas, at most once per frame of the screen. */
class Painter {
  constructor() {
    /** @type {HTMLCanvasElement | null} */
    this.canvas = null;
    /** @type {Paint} */
    this.paint = () => {};
    this.frame = 0;
  }

  request() {
    if (!this.frame) this.frame = requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.frame = 0;
    const {canvas} = this;
    const context = canvas?.getContext("2d");
    if (!canvas || !context) return;
    const {width, height} = canvas.getBoundingClientRect();
    const dense = devicePixelRatio;
    const size = [Math.round(width * dense), Math.round(height * dense)];
    if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
    if (!width || !height) return;
    context.setTransform(dense, 0, 0, dense, 0, 0);
    context.clearRect(0, 0, width, height);
    this.paint(context, width, height);
  }
}

/**
 * Return a ref for a canvas element, and a function that draws it again.
 * @param {Paint} paint
 * @param {any[]} shown values that are drawn; a change draws the canvas again
 * @returns {{ref: {current: HTMLCanvasElement | null}, repaint: () => void}}
 */
export function useCanvas(paint, shown) {
  const ref = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const painter = useMemo(() => new Painter(), []);
  painter.paint = paint;
  useEffect(() => {
    const canvas = /** @type {HTMLCanvasElement} */ (ref.current);
    painter.canvas = canvas;
    const repaint = () => painter.request();
    const observer = new ResizeObserver(repaint);
    observer.observe(canvas);
    const schemes = SCHEMES.map((query) => matchMedia(query));
    for (const scheme of schemes) scheme.addEventListener("change", repaint);
    return () => {
      observer.disconnect();
      for (const scheme of schemes) scheme.removeEventListener("change", repaint);
      cancelAnimationFrame(painter.frame);
    };
  }, []);
  useEffect(() => painter.request(), [...shown, theme.value]);
  return {ref, repaint: useMemo(() => () => painter.request(), [])};
}
