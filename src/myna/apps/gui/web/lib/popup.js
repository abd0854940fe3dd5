// A list that a button opens: it closes when something else is pressed or gets the focus.

import {useEffect, useRef, useState} from "../vendor/preact.js";

/**
 * State of a list and of the button with `aria-haspopup` that opens it.
 * @param {(root: HTMLElement) => HTMLElement | null | undefined} first the control that gets the focus when the list opens
 */
export function usePopup(first) {
  const [open, setOpen] = useState(false);
  const root = useRef(/** @type {HTMLElement | null} */ (null));

  useEffect(() => {
    if (!open) return;
    first(/** @type {HTMLElement} */ (root.current))?.focus({preventScroll: true});
    const outside = (/** @type {Event} */ event) => {
      if (!root.current?.contains(/** @type {Node} */ (event.target))) setOpen(false);
    };
    document.addEventListener("pointerdown", outside);
    document.addEventListener("focusin", outside);
    return () => {
      document.removeEventListener("pointerdown", outside);
      document.removeEventListener("focusin", outside);
    };
  }, [open]);

  /** Close the list and return the focus to the button. */
  function close() {
    setOpen(false);
    /** @type {HTMLElement | null | undefined} */ (root.current?.querySelector("[aria-haspopup]"))?.focus();
  }

  return {open, setOpen, root, close};
}
