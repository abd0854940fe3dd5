import {html} from "../vendor/preact.js";
import {Page} from "../components/page.js";
import {t} from "../lib/texts.js";

export default function Place() {
  return html`<${Page} title=${t("frame.voices")} />`;
}
