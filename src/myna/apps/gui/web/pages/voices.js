// Voices: all voices of this computer, and one of them in its own view.

import {html} from "../vendor/preact.js";
import {VoiceList} from "./voices/list.js";
import {VoiceView} from "./voices/voice-view.js";

/** @param {{rest: string[]}} props rest: empty, or the name of a voice */
export default function Voices({rest}) {
  const name = rest.join("/"); // an address typed by hand may have the slashes of a name
  return name ? html`<${VoiceView} key=${name} name=${name} />` : html`<${VoiceList} />`;
}
