// Copying to the clipboard.

import {t} from "../lib/texts.js";
import {failed, toast} from "./toast.js";

/** Copy a text, and show a message. @param {string} text */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text); // absent on a page without https from another computer
    toast(t("frame.copied"));
  } catch {
    failed(new Error(t("frame.not_copied")));
  }
}
