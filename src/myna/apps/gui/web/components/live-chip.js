// Chip in the top bar while live conversion runs, on every page: the voice, and the button that stops it.

import {html} from "../vendor/preact.js";
import {post} from "../lib/api.js";
import {href, live, voices} from "../lib/store.js";
import {t} from "../lib/texts.js";
import {failed} from "./toast.js";

export function LiveChip() {
  const {state = "stopped", voice, next_voice: next} = live.value ?? {};
  if (state === "stopped") return null;
  const name = voice ?? next;
  const title = voices.value?.find((one) => one.name === name)?.title ?? name ?? t("frame.live");
  return html`<span class="live-chip">
    <a href=${href("live")}><span class=${`live-dot ${state}`} aria-hidden="true"></span><span class="unseen">${t("frame.live")}: ${title}</span><span class="wide-only" aria-hidden="true">${title}</span></a>
    <button type="button" disabled=${state === "stopping"} aria-label=${t("live.stop")} onClick=${() => void post("live/stop").then((found) => (live.value = found), failed)}>${t("frame.stop")}</button>
  </span>`;
}
