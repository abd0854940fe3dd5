// The way from a voice in training to the page Sing.

import {go} from "../../lib/store.js";
import {chooseVoice} from "../sing/settings.js";

/** Choose a voice on the page Sing, and show that page. @param {string} name name of a voice, also of a checkpoint */
export function singWith(name) {
  chooseVoice(name);
  go("sing");
}
