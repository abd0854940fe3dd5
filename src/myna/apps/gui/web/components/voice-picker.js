// The choice of a voice, the same on every page.

import {html, useState} from "../vendor/preact.js";
import {address} from "../lib/api.js";
import {noteName} from "../lib/format.js";
import {usePopup} from "../lib/popup.js";
import {href, voices} from "../lib/store.js";
import {t} from "../lib/texts.js";
import {Empty, TextInput} from "./basics.js";
import {Icon} from "./icons.js";
import {PlayButton} from "./play-button.js";

/** @typedef {import("../lib/types.js").Voice} Voice */

const SEARCH_FROM = 8; // with fewer voices, a search field is in the way

/** The facts of a voice in one line. @param {Voice} voice */
export function voiceFacts({kind, speakers, pitch, problem}) {
  if (problem) return problem;
  const hz = Object.values(pitch)[0];
  return [kind, speakers.length > 1 && t("frame.speakers", {n: speakers.length}), hz && t("frame.around", {note: noteName(hz)})]
    .filter(Boolean).join(" · ");
}

/**
 * A button that shows the chosen voice and opens the list of all.
 * @param {{value: string | null, onChange: (name: string) => void, unlisted?: Voice | null}} props
 *   value: name of a voice; unlisted: a voice that can be chosen, too, for example a checkpoint of a voice in training
 */
export function VoicePicker({value, onChange, unlisted = null}) {
  const {open, setOpen, root, close} = usePopup((list) => list.querySelector("input[type=search]")
    ?? list.querySelector("[aria-pressed=true]") ?? list.querySelector(".voice-option"));
  const [sought, setSought] = useState("");
  const all = voices.value && unlisted ? [unlisted, ...voices.value] : voices.value;
  const chosen = all?.find(({name}) => name === value);
  const found = (all ?? []).filter((voice) => fits(voice, sought));

  /** @param {KeyboardEvent} event */
  function onKeyDown(event) {
    if (!open) return;
    const options = /** @type {HTMLElement[]} */ ([.../** @type {HTMLElement} */ (root.current).querySelectorAll(".voice-option")]);
    const at = options.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const to = {ArrowDown: Math.min(at + 1, options.length - 1), ArrowUp: Math.max(at - 1, 0)}[event.key];
    if (event.key === "Escape") close();
    else if (to !== undefined) options[to]?.focus();
    else return;
    event.preventDefault();
  }

  if (all && !all.length) {
    return html`<${Empty} icon="voices" title=${t("frame.no_voices")} action=${html`<a class="button plain" href=${href("voices")}>${t("frame.add_voices")}</a>`} />`;
  }
  return html`<div class="voice-picker" ref=${root} onKeyDown=${onKeyDown}>
    <button
      type="button" class="voice-chosen" aria-haspopup="dialog" aria-expanded=${String(open)}
      disabled=${!all} onClick=${() => setOpen(!open)}
    >
      <span class="unseen">${t("frame.voice")}</span>
      <${Portrait} voice=${chosen} />
      <span class="voice-text">
        <span class="voice-name" dir="auto">${chosen?.title ?? (all ? t("frame.choose_voice") : "…")}</span>
        <span class="quiet">${chosen ? voiceFacts(chosen) : " "}</span>
      </span>
      <${Icon} name="chevron" size=${18} />
    </button>
    ${open && html`<div class="voice-list" role="dialog" aria-label=${t("frame.voice")}>
      ${(all ?? []).length >= SEARCH_FROM && html`<${TextInput} type="search" label=${t("frame.search")} placeholder=${t("frame.search")} value=${sought} onChange=${setSought} />`}
      <ul>
        ${found.map((voice) => html`<li class="voice-row" key=${voice.name}>
          <button
            type="button" class="voice-option" aria-pressed=${String(voice.name === value)}
            onClick=${() => {
              onChange(voice.name);
              close();
            }}
          >
            <${Portrait} voice=${voice} />
            <span class="voice-text"><span class="voice-name" dir="auto">${voice.title}</span><span class="quiet">${voiceFacts(voice)}</span></span>
            ${voice.name === value && html`<${Icon} name="check" size=${18} />`}
          </button>
          ${voice.has_test && html`<${PlayButton} url=${address("voice/test", {name: voice.name})} label=${voice.title} />`}
        </li>`)}
      </ul>
      ${!found.length && html`<p class="quiet none">${t("frame.nothing_found")}</p>`}
    </div>`}
  </div>`;
}

/** Return whether a voice has all words of a search. @param {Voice} voice @param {string} sought */
export function fits({title, name, tags, author, notes}, sought) {
  const text = [title, name, ...tags, author ?? "", notes].join(" ").toLocaleLowerCase();
  return sought.toLocaleLowerCase().split(/\s+/).every((word) => text.includes(word));
}

/** A disc with the first letter of the voice. @param {{voice: Voice | undefined}} props */
export function Portrait({voice}) {
  const [first = ""] = voice?.title ?? "";
  return html`<span class="portrait" aria-hidden="true">${first ? first.toLocaleUpperCase() : html`<${Icon} name="voices" />`}</span>`;
}
