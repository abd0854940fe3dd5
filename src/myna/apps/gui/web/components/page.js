// The frame of one page: its heading, its content, and the bar that stays visible.

import {html, useEffect, useRef, useState} from "../vendor/preact.js";
import {Icon} from "./icons.js";

/** @typedef {import("../vendor/preact.js").ComponentChildren} Children */

/**
 * @param {{title: Children, lead?: Children, aside?: Children, children?: Children, bar?: Children, class?: string,
 *   back?: {href: string, title: string}, onFiles?: (files: File[]) => void}} props
 *   lead: one quiet sentence; back: the page above this one; onFiles: gets files that are dropped anywhere on the page or pasted; aside: controls beside the heading; bar: an ActionBar
 */
export function Page({title, lead, aside, children, bar, back, onFiles, ...rest}) {
  const root = useRef(/** @type {HTMLElement | null} */ (null));
  const over = useFiles(root, onFiles);
  return html`<div ref=${root} class=${`page ${rest.class ?? ""} ${over ? "over" : ""}`}>
    <div class="page-body">
      <div class="page-head">
        <div>
          ${back && html`<a class="back" href=${back.href}><${Icon} name="chevron" size=${16} />${back.title}</a>`}
          <h1 dir="auto">${title}</h1>${lead && html`<p class="lead">${lead}</p>`}
        </div>
        ${aside}
      </div>
      ${children}
    </div>
    ${bar}
  </div>`;
}

/**
 * Take files that are dropped or pasted anywhere while a page is shown; return true while files are dragged over it.
 * A file that is dropped beside a page that takes none is ignored, instead of being opened in its place.
 * @param {{current: HTMLElement | null}} root
 * @param {((files: File[]) => void) | undefined} onFiles
 */
function useFiles(root, onFiles) {
  const [over, setOver] = useState(false);
  const take = useRef(onFiles);
  take.current = onFiles;
  useEffect(() => {
    const shown = () => root.current?.offsetParent !== null;
    const drag = (/** @type {DragEvent} */ event) => {
      if (!event.dataTransfer?.types.includes("Files") || !shown()) return;
      event.preventDefault();
      setOver(Boolean(take.current));
    };
    const leave = (/** @type {DragEvent} */ event) => {
      if (event.relatedTarget === null) setOver(false);
    };
    const offer = (/** @type {DataTransfer | null} */ data) => {
      const files = [...(data?.files ?? [])];
      if (files.length && shown()) take.current?.(files);
    };
    const drop = (/** @type {DragEvent} */ event) => {
      setOver(false);
      if (!shown() || event.defaultPrevented) return; // a drop zone has taken them
      event.preventDefault();
      offer(event.dataTransfer);
    };
    const paste = (/** @type {ClipboardEvent} */ event) => offer(event.clipboardData);
    addEventListener("dragover", drag);
    addEventListener("dragleave", leave);
    addEventListener("drop", drop);
    addEventListener("paste", paste);
    return () => {
      removeEventListener("dragover", drag);
      removeEventListener("dragleave", leave);
      removeEventListener("drop", drop);
      removeEventListener("paste", paste);
    };
  }, []);
  return over;
}
