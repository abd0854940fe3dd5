// A place for files: drop them, or press to choose them.

import {html, useRef, useState} from "../vendor/preact.js";
import {useId} from "./basics.js";
import {Icon} from "./icons.js";

/** Suffixes of audio files, for the `accept` of a DropZone. */
export const SOUND = "audio/*,.wav,.flac,.mp3,.ogg,.oga,.opus,.m4a,.aac,.aif,.aiff,.wma,.mp4,.webm";

/**
 * @param {{label: import("../vendor/preact.js").ComponentChildren, hint?: import("../vendor/preact.js").ComponentChildren,
 *   accept?: string, multiple?: boolean, folder?: boolean, onFiles: (files: File[]) => void, small?: boolean, disabled?: boolean,
 *   icon?: import("./icons.js").IconName}} props
 *   hint: a second, quiet line; small: one line high, for a list that has files already
 */
export function DropZone({label, hint, accept, multiple = true, folder = false, onFiles, small = false, disabled = false, icon = "upload"}) {
  const [over, setOver] = useState(false);
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  const id = useId();

  /** @param {File[]} files */
  function offer(files) {
    if (files.length && !disabled) onFiles(multiple ? files : files.slice(0, 1));
  }

  return html`<div
    class=${`drop-zone ${small ? "small" : ""} ${over ? "over" : ""}`}
    onDragOver=${(/** @type {DragEvent} */ event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      setOver(true);
    }}
    onDragLeave=${() => setOver(false)}
    onDrop=${(/** @type {DragEvent} */ event) => {
      event.preventDefault();
      setOver(false);
      offer([...(event.dataTransfer?.files ?? [])]);
    }}
  >
    <input
      ref=${input} id=${id} type="file" accept=${accept} multiple=${multiple} webkitdirectory=${folder || undefined} disabled=${disabled}
      onChange=${(/** @type {any} */ event) => {
        const {currentTarget} = event;
        offer([...currentTarget.files]);
        currentTarget.value = ""; // so that the same file can be chosen again
      }}
    />
    <label for=${id}><${Icon} name=${small ? "add" : icon} size=${small ? 18 : 24} /><span>${label}</span>${hint && html`<span class="quiet">${hint}</span>`}</label>
  </div>`;
}
