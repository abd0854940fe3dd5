// Icons as inline SVG, drawn with the colour of the text around them. They are decoration; the control has the name.

import {html} from "../vendor/preact.js";

// Paths in a 24 x 24 view box.
const PATHS = {
  sing: ["M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3Z", "M5.5 11a6.5 6.5 0 0 0 13 0", "M12 17.5V21"],
  live: ["M4 12h3l2.5-6 4 12 2.5-6h4"],
  train: ["M4 17l5-6 4 3.5L20 6", "M15 6h5v5", "M4 21h16"],
  voices: ["M9 11a3.2 3.2 0 1 0 0-6.4A3.2 3.2 0 0 0 9 11Z", "M3 20c.4-3.6 2.8-5.6 6-5.6s5.6 2 6 5.6", "M16 5.200a3 3 0 0 1 0 5.6", "M17.5 14.800c2 .7 3.2 2.5 3.5 5.2"],
  jobs: ["M4 6h10", "M4 12h16", "M4 18h7", "M18 3.500v5"],
  device: ["M7 7h10v10H7Z", "M10 3v4M14 3v4M10 17v4M14 17v4M3 10h4M3 14h4M17 10h4M17 14h4"],
  language: ["M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Z", "M3.5 9h17M3.5 15h17", "M12 3c-5 5-5 13 0 18 5-5 5-13 0-18Z"],
  sun: ["M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8Z", "M12 2.500v2M12 19.500v2M4.6 4.6 6 6M18 18l1.4 1.400M2.5 12h2M19.5 12h2M4.6 19.4 6 18M18 6l1.4-1.4"],
  moon: ["M20 14.500A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.500Z"],
  auto: ["M12 20.500a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17Z", "M12 3.500v17", "M12 8h5.500M12 12h8.300M12 16h5.5"],
  play: ["M8 5.500v13l10.5-6.500Z"],
  pause: ["M8.5 5.500v13M15.5 5.500v13"],
  stop: ["M7 7h10v10H7Z"],
  record: ["M12 17a5 5 0 1 0 0-10 5 5 0 0 0 0 10Z"],
  add: ["M12 5v14M5 12h14"],
  minus: ["M6 12h12"],
  fit: ["M3.5 12h17", "M7.5 8l-4 4 4 4", "M16.5 8l4 4-4 4"],
  close: ["M6 6l12 12M18 6 6 18"],
  check: ["M5 12.500l4.5 4.500L19 7.5"],
  trash: ["M4.5 7h15", "M9.5 7V4.500h5V7", "M6.5 7l.8 12.500h9.400L17.5 7", "M10.3 10.500v5.500M13.7 10.500v5.5"],
  download: ["M12 4v11", "M7.5 11l4.5 4.5 4.5-4.5", "M4.5 19.500h15"],
  upload: ["M12 15.500v-11", "M7.5 9 12 4.5 16.5 9", "M4.5 19.500h15"],
  retry: ["M19.5 12a7.5 7.5 0 1 1-2.2-5.3", "M19.5 3.500v4.500h-4.5"],
  reset: ["M4.5 12a7.5 7.5 0 1 0 2.2-5.3", "M4.5 3.500v4.500h4.5"],
  undo: ["M8.5 5 4.5 9l4 4", "M4.5 9H14a5 5 0 0 1 0 10H9"],
  redo: ["M15.5 5l4 4-4 4", "M19.5 9H10a5 5 0 0 0 0 10h5"],
  up: ["M6 14.500l6-6 6 6"],
  down: ["M6 9.500l6 6 6-6"],
  input: ["M13 5h6.500v14H13", "M3.5 12h11", "M10.5 8l4 4-4 4"],
  more: ["M4 12a1 1 0 1 0 2 0 1 1 0 1 0-2 0Z", "M11 12a1 1 0 1 0 2 0 1 1 0 1 0-2 0Z", "M18 12a1 1 0 1 0 2 0 1 1 0 1 0-2 0Z"],
  chevron: ["M9 6l6 6-6 6"],
  copy: ["M9 9h10.500v10.500H9Z", "M15 9V4.500H4.500V15H9"],
  terminal: ["M3.5 5h17v14h-17Z", "M7 9.500l3 2.5-3 2.500M12.5 15h4"],
  warning: ["M12 4 2.8 19.500h18.400Z", "M12 10v4.500M12 17h.01"],
  info: ["M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Z", "M12 11v5.500M12 7.800h.01"],
  file: ["M13.5 3.500H6v17h12V8Z", "M13.5 3.500V8H18"],
  folder: ["M3.5 6.500h6l2 2.500h9v10h-17Z"],
  edit: ["M4.5 19.500l1-4L16 5l3 3L8.5 18.500Z"],
  search: ["M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13Z", "M15.3 15.300l5 5"],
  star: ["M12 4l2.4 5.2 5.6.7-4.1 3.9 1.1 5.7-5-2.8-5 2.8 1.1-5.700L4 9.900l5.6-.7Z"],
  loop: ["M5 12V9.500A2.5 2.5 0 0 1 7.5 7H18M15 4l3 3-3 3", "M19 12v2.500a2.5 2.5 0 0 1-2.5 2.500H6M9 20l-3-3 3-3"],
  blend: ["M9 15.500a6 6 0 1 0 0-12 6 6 0 0 0 0 12Z", "M15 20.500a6 6 0 1 0 0-12 6 6 0 0 0 0 12Z"],
  pack: ["M4 8l8-4.500L20 8v8l-8 4.500L4 16Z", "M4 8l8 4.500L20 8M12 12.500v8"],
};

const FILLED = new Set(["play", "stop", "record", "more"]);

/** @typedef {keyof typeof PATHS} IconName */

/**
 * An icon.
 * @param {{name: IconName, size?: number}} props size in pixels
 */
export function Icon({name, size = 20}) {
  return html`<svg
    class=${FILLED.has(name) ? "icon filled" : "icon"} viewBox="0 0 24 24" width=${size} height=${size}
    aria-hidden="true" focusable="false"
  >${PATHS[name].map((d) => html`<path d=${d} />`)}</svg>`;
}
