// Link from a voice in training to the page Sing.

import {get} from "../../lib/api.js";
import {go} from "../../lib/store.js";
import {failed} from "../../components/toast.js";
import {chooseUnlisted} from "../sing/settings.js";

/** Choose a voice on the page Sing, and show that page. @param {string} name name of a voice, also of a checkpoint */
export async function singWith(name) {
  try {
    chooseUnlisted(await get("voice", {name}));
    go("sing");
  } catch (error) {
    failed(/** @type {Error} */ (error));
  }
}
