// A button that opens a list of actions.

import {usePopup} from "../lib/popup.js";
import {html} from "../vendor/preact.js";
import {IconButton} from "./basics.js";
import {Icon} from "./icons.js";

/** @typedef {import("../vendor/preact.js").ComponentChildren} Children */
/** @typedef {import("./icons.js").IconName} IconName */

/**
 * @typedef {{title: Children, icon?: IconName, act?: () => void, href?: string, download?: boolean, danger?: boolean,
 *   disabled?: boolean, checked?: boolean}} Item an action, a link, or (with `checked`) one of several choices
 *
 * @param {{label: string, icon?: IconName, items: (Item | null | false | undefined)[], children?: Children,
 *   disabled?: boolean}} props children: content of the button, in place of the icon
 */
export function Menu({label, icon = "more", items, children, disabled = false}) {
  const buttons = () => /** @type {HTMLElement[]} */ (
    [.../** @type {HTMLElement} */ (root.current).querySelectorAll("[role^=menuitem]:not(:disabled)")]
  );
  const {open, setOpen, root, close} = usePopup(() => buttons()[0]);

  /** @param {KeyboardEvent} event */
  function onKeyDown(event) {
    if (!open) return;
    const all = buttons();
    const at = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const to = {ArrowDown: at + 1, ArrowUp: at - 1 + all.length, Home: 0, End: all.length - 1}[event.key];
    if (event.key === "Escape") close();
    else if (event.key === "Tab") setOpen(false);
    else if (to !== undefined) all[to % all.length]?.focus();
    else return;
    if (event.key === "Tab") return;
    event.preventDefault();
    event.stopPropagation();
  }

  const toggle = {act: () => setOpen(!open), "aria-haspopup": "menu", "aria-expanded": String(open)};
  return html`<span class="menu" ref=${root} onKeyDown=${onKeyDown}>
    ${children
      ? html`<button type="button" class="button quiet" disabled=${disabled} aria-label=${label} title=${label} aria-haspopup="menu" aria-expanded=${String(open)} onClick=${toggle.act}>${children}</button>`
      : html`<${IconButton} icon=${icon} label=${label} disabled=${disabled} ...${toggle} />`}
    ${open && html`<div class="menu-list" role="menu" aria-label=${label}>${items.map((item) => item && entry(item, close))}</div>`}
  </span>`;
}

/**
 * @param {Item} item
 * @param {() => void} close
 */
function entry({title, icon, act, href, download, danger, disabled, checked}, close) {
  const content = html`${icon && html`<${Icon} name=${icon} size=${18} />`}<span>${title}</span>
    ${checked && html`<${Icon} name="check" size=${16} />`}`;
  const kind = danger ? "danger" : undefined;
  if (href) return html`<a role="menuitem" class=${kind} href=${href} download=${download} onClick=${close}>${content}</a>`;
  const role = checked === undefined ? "menuitem" : "menuitemradio";
  return html`<button
    type="button" role=${role} aria-checked=${checked === undefined ? undefined : String(checked)} class=${kind} disabled=${disabled}
    onClick=${() => {
      close();
      act?.();
    }}
  >${content}</button>`;
}
