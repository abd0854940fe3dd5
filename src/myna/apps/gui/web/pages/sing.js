// Sing: a song, a voice, a key, and the results.

import {html} from "../vendor/preact.js";
import {Page} from "../components/page.js";
import {t} from "../lib/texts.js";

export default function Sing() {
  return html`<${Page} title=${t("frame.sing")} />`;
}
