// Pitch: the notes of a result, to be corrected by hand. The address names the result: #/pitch/7.

import {html, useEffect, useState} from "../vendor/preact.js";
import {Problem} from "../components/basics.js";
import {MixNote} from "../components/mix-note.js";
import {Page} from "../components/page.js";
import {PitchEditor} from "../components/pitch-editor/editor.js";
import {openEditor} from "../components/pitch-editor/model.js";
import {href, results} from "../lib/store.js";
import {t} from "../lib/texts.js";

/** @param {{rest: string[]}} props */
export default function Pitch({rest: [given]}) {
  const number = Number(given);
  const result = results.value?.find((one) => one.number === number);
  const title = result ? html`${result.song} <span class="result-voice">${result.voice}</span>` : t("frame.pitch");
  return html`<${Page} title=${title} class="pitch" back=${{href: href("sing"), title: t("frame.sing")}}>
    ${result?.has_tracks && html`<${MixNote} result=${result} always />`}
    <${Opened} key=${number} number=${number} />
  </${Page}>`;
}

/** @param {{number: number}} props */
function Opened({number}) {
  const [editor, setEditor] = useState(/** @type {import("../components/pitch-editor/model.js").Editor | null} */ (null));
  const [error, setError] = useState(/** @type {Error | null} */ (null));
  const open = () => {
    setError(null);
    openEditor(number).then(setEditor, setError);
  };
  useEffect(open, []);
  if (error) return html`<${Problem} error=${error} retry=${open} />`;
  if (!editor) return html`<div class="pitch-waiting" role="status"><span class="spinner"></span><p>${t("pitch.reading")}</p></div>`;
  return html`<${PitchEditor} editor=${editor} />`;
}
