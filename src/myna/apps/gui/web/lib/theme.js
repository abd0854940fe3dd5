// Light or dark, as in the system's settings or as the person has chosen; theme.js applies the choice before the first paint.

import {signal} from "../vendor/preact.js";

const STORED = "myna-theme";

/** "auto" follows the system. */
export const theme = signal(document.documentElement.dataset.theme ?? "auto");

/** @param {string} chosen "auto", "light" or "dark" */
export function setTheme(chosen) {
  theme.value = chosen;
  if (chosen === "auto") {
    localStorage.removeItem(STORED);
    delete document.documentElement.dataset.theme;
  } else {
    localStorage.setItem(STORED, chosen);
    document.documentElement.dataset.theme = chosen;
  }
}

/**
 * A colour of app.css as it is in the theme in use, for a canvas.
 * @param {string} name for example "--accent"
 */
export function colour(name) {
  // The value of a property is an expression of both themes; the colour of an element is that of the theme in use.
  const probe = document.createElement("span");
  probe.style.forcedColorAdjust = "none";
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}
