// Dialogs above the page. They use the browser's own <dialog>, which keeps the focus inside and closes on Escape.

import {html, signal, useEffect, useRef} from "../vendor/preact.js";
import {t} from "../lib/texts.js";
import {Button, IconButton, useId} from "./basics.js";

/** @typedef {import("../vendor/preact.js").ComponentChildren} Children */
/** @typedef {{title: string, text?: Children, yes?: string, no?: string, danger?: boolean}} Question */

/** @type {import("../vendor/preact.js").Signal<(Question & {answer: (yes: boolean) => void}) | null>} */
const asked = signal(null);

/**
 * Ask a question; resolves to true if the person agrees.
 * @param {Question} question
 * @returns {Promise<boolean>}
 */
export function ask(question) {
  asked.value?.answer(false);
  return new Promise((resolve) => {
    asked.value = {
      ...question,
      answer: (yes) => {
        asked.value = null;
        resolve(yes);
      },
    };
  });
}

/** The place where `ask` shows its question; once on the page. */
export function Questions() {
  const question = asked.value;
  if (!question) return null;
  const {title, text, yes, no, danger, answer} = question;
  return html`<${Dialog} title=${title} onClose=${() => answer(false)} actions=${html`
    <${Button} act=${() => answer(false)}>${no ?? t("frame.cancel")}</${Button}>
    <${Button} kind=${danger ? "danger" : "main"} act=${() => answer(true)}>${yes ?? t("frame.yes")}</${Button}>
  `}>${text && html`<p>${text}</p>`}</${Dialog}>`;
}

/**
 * An open dialog; render it only while it should be open.
 * @param {{title: Children, onClose: () => void, actions?: Children, children?: Children, wide?: boolean}} props
 *   onClose: Escape, the cross or the backdrop was pressed
 */
export function Dialog({title, onClose, actions, children, wide = false}) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const id = useId();
  useEffect(() => {
    const before = /** @type {HTMLElement | null} */ (document.activeElement);
    const shown = /** @type {HTMLDialogElement} */ (dialog.current);
    shown.showModal();
    return () => {
      shown.close();
      if (before?.isConnected) before.focus();
    };
  }, []);
  return html`<dialog
    ref=${dialog} class=${wide ? "dialog wide" : "dialog"} aria-labelledby=${id}
    onCancel=${(/** @type {Event} */ event) => {
      event.preventDefault();
      onClose();
    }}
    onPointerDown=${(/** @type {PointerEvent} */ event) => event.target === dialog.current && onClose()}
  >
    <div class="dialog-body">
      <div class="dialog-head"><h2 id=${id}>${title}</h2><${IconButton} icon="close" label=${t("frame.close")} act=${onClose} /></div>
      <div class="dialog-content">${children}</div>
      ${actions && html`<div class="dialog-actions">${actions}</div>`}
    </div>
  </dialog>`;
}
