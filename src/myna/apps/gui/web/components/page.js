// The frame of one page: its heading, its content, and the bar that stays in sight.

import {html} from "../vendor/preact.js";

/** @typedef {import("../vendor/preact.js").ComponentChildren} Children */

/**
 * @param {{title: Children, lead?: Children, aside?: Children, children?: Children, bar?: Children, class?: string}} props
 *   lead: one quiet sentence; aside: controls beside the heading; bar: an ActionBar
 */
export function Page({title, lead, aside, children, bar, ...rest}) {
  return html`<div class=${`page ${rest.class ?? ""}`}>
    <div class="page-body">
      <div class="page-head">
        <div><h1>${title}</h1>${lead && html`<p class="lead">${lead}</p>`}</div>
        ${aside}
      </div>
      ${children}
    </div>
    ${bar}
  </div>`;
}
