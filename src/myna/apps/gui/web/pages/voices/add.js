// Adding voices: files, archives, a folder of this computer or an address on the hub; then a review of the voices that were found.

import {html, useEffect, useRef, useState} from "../../vendor/preact.js";
import {ApiError, del, post, upload} from "../../lib/api.js";
import {bytes, percent} from "../../lib/format.js";
import {session, useResource} from "../../lib/store.js";
import {t} from "../../lib/texts.js";
import {Button, Field, IconButton, Problem, Progress, Spinner, TextInput} from "../../components/basics.js";
import {Dialog} from "../../components/dialog.js";
import {DropZone} from "../../components/drop-zone.js";
import {Icon} from "../../components/icons.js";
import {failed, toast} from "../../components/toast.js";
import {awaitVoice} from "./actions.js";
import {Review} from "./review.js";

/** @typedef {{file: File, sent: number, id: string | null, error: string | null}} Sent sent: 0 to 1 */

/**
 * @param {{files: File[], onClose: () => void}} props files: what was dropped on the page, empty to choose in the dialog
 */
export function AddDialog({files, onClose}) {
  const [sent, setSent] = useState(/** @type {Sent[]} */ ([]));
  const [review, setReview] = useState(/** @type {import("./review.js").Found | null} */ (null));
  const [error, setError] = useState(/** @type {Error | null} */ (null));
  const closed = useRef(new AbortController());

  useEffect(() => {
    if (files.length) send(files);
    return () => closed.current.abort();
  }, []);

  /** @param {File} file @param {Partial<Sent>} now */
  const update = (file, now) => setSent((old) => old.map((one) => (one.file === file ? {...one, ...now} : one)));

  /** @param {File[]} chosen */
  async function send(chosen) {
    setError(null);
    const known = sent.filter(({id}) => id);
    setSent([...known, ...chosen.map((file) => ({file, sent: 0, id: null, error: null}))]);
    const {signal} = closed.current;
    const most = session.value?.limits.file_bytes ?? Infinity;
    const ids = /** @type {string[]} */ (known.map(({id}) => id));
    for (const file of chosen) {
      try {
        if (file.size > most) throw new ApiError(t("voices.too_large", {size: bytes(file.size), most: bytes(most)}), "large", 413);
        const {id} = await upload(file, {signal, onProgress: (part) => update(file, {sent: part})});
        update(file, {id, sent: 1});
        ids.push(id);
      } catch (caught) {
        if (signal.aborted) return;
        update(file, {error: /** @type {Error} */ (caught).message});
      }
    }
    if (!ids.length) return;
    try {
      const found = await post("voices/review", {uploads: ids});
      if (!signal.aborted) setReview(found);
    } catch (caught) {
      if (!signal.aborted) setError(/** @type {Error} */ (caught));
    }
  }

  /** @param {any[]} proposals */
  async function add(proposals) {
    awaitVoice(await post("voices/add", {proposals}));
    onClose();
  }

  if (review) return html`<${Review} found=${review} broken=${sent.filter((one) => one.error)} onMore=${send} onAdd=${add} onClose=${onClose} />`;
  const reading = sent.length > 0 && sent.some(({id}) => id) && sent.every(({id, error: lost}) => id || lost) && !error;
  return html`<${Dialog} title=${t("voices.add")} wide onClose=${onClose}>
    ${sent.length === 0 && html`
      <${DropZone} label=${t("voices.drop")} hint=${t("voices.drop_hint")} onFiles=${send} />
      <p class="or-line"><span>${t("voices.or")}</span></p>
      <${Address} onClose=${onClose} />`}
    ${sent.length > 0 && html`<ul class="sent-files" aria-label=${t("voices.files")}>${sent.map(({file, sent: part, id, error: lost}) => html`<li key=${file}>
      <span class="sent-name" dir="auto">${file.name}</span><span class=${lost ? "bad" : "quiet"}>${lost ?? (id ? bytes(file.size) : percent(part))}</span>
      ${!id && !lost && html`<${Progress} fraction=${part} label=${file.name} />`}
    </li>`)}</ul>`}
    ${reading && html`<p class="reading-files" role="status"><${Spinner} />${t("voices.reading")}</p>`}
    ${error && html`<${Problem} error=${error} />`}
    ${(error || (sent.length > 0 && sent.every((one) => one.error))) && html`<${DropZone} small label=${t("voices.other_files")} onFiles=${(/** @type {File[]} */ chosen) => send(chosen)} />`}
  </${Dialog}>`;
}

/** An address on the hub, or a folder of this computer. @param {{onClose: () => void}} props */
function Address({onClose}) {
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(/** @type {Error | null} */ (null));
  const local = session.value?.local ?? false;

  /** @param {Event} event */
  async function send(event) {
    event.preventDefault();
    const typed = text.trim().replace(/^"(.*)"$/, "$1"); // a path copied in Windows has quotes
    if (!typed || busy) return;
    setBusy(true);
    setError(null);
    try {
      if (local && isFolder(typed)) {
        const {path, voices: n} = await post("voices/folder", {path: typed});
        toast(t("voices.folder_read", {n, path}));
      } else awaitVoice(await post("voices/download", {address: typed}));
      onClose();
    } catch (caught) {
      setError(/** @type {Error} */ (caught));
      setBusy(false);
    }
  }

  const folder = local && isFolder(text.trim());
  return html`<form class="address" onSubmit=${send}>
    <${Field} label=${t(local ? "voices.address_local" : "voices.address")} help=${t(local ? "voices.address_help_local" : "voices.address_help")} error=${error?.message}>${(/** @type {any} */ ids) => html`<div class="address-line">
      <${TextInput} ...${ids} value=${text} onChange=${setText} placeholder=${t("voices.address_example")} spellcheck="false" autocapitalize="off" />
      <${Button} type="submit" kind="plain" busy=${busy} disabled=${!text.trim()} icon=${folder ? "folder" : "download"}>${t(folder ? "voices.read_folder" : "frame.download")}</${Button}>
    </div>`}</${Field}>
  </form>
  ${local && html`<${Folders} />`}`;
}

/** The folders of other programs whose voices are used where they are. */
function Folders() {
  const {data, reload} = useResource("voices/folders", {}, ["voices"]);
  const folders = /** @type {{path: string, voices: number}[]} */ (data ?? []);
  if (!folders.length) return null;

  /** @param {string} path */
  async function forget(path) {
    try {
      await del("voices/folder", {path});
      reload();
      toast(t("voices.folder_forgotten", {path}), {undo: () => post("voices/folder", {path}).catch(failed)});
    } catch (error) {
      failed(/** @type {Error} */ (error));
    }
  }

  return html`<section class="folders" aria-labelledby="folders-title">
    <h3 id="folders-title">${t("voices.folders")}</h3>
    <ul>${folders.map(({path, voices: n}) => html`<li key=${path}>
      <${Icon} name="folder" size=${18} /><code dir="ltr">${path}</code><span class="quiet">${t("voices.count", {n})}</span>
      <${IconButton} icon="close" size=${18} label=${t("voices.forget_folder", {path})} act=${() => forget(path)} />
    </li>`)}</ul>
  </section>`;
}

/** Return whether a text is a path, for example "/home/anna/RVC", "~/voices" or "C:\\RVC". @param {string} text */
function isFolder(text) {
  return /^["']?([/~.\\]|[A-Za-z]:[\\/])/.test(text);
}
