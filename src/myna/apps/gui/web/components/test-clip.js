// Test clip: a short song, converted to a voice on the first request.

import {html, useEffect, useState} from "../vendor/preact.js";
import {address, post} from "../lib/api.js";
import {percent} from "../lib/format.js";
import {jobs, keep} from "../lib/store.js";
import {t} from "../lib/texts.js";
import {Button, Chip, IconButton, Spinner} from "./basics.js";
import {isActive} from "./job-card.js";
import {PlayButton} from "./play-button.js";
import {failed} from "./toast.js";

/** Reason why a voice cannot be used now; null if it can. @param {import("../lib/types.js").Voice} voice */
export function silentReason({problem, needs}) {
  if (problem) return problem;
  const missing = needs.find(({here}) => !here);
  return missing ? t("voices.needs_first", {name: missing.title}) : null;
}

/**
 * A button that plays the test clip of a voice, and first makes it if there is none.
 * @param {{voice: import("../lib/types.js").Voice, again?: boolean}} props again: with a text, and the offer to make the clip again
 */
export function TestClip({voice, again = false}) {
  const {name, title} = voice;
  const [wanted, setWanted] = useState(false);
  const made = (jobs.value ?? []).filter(({kind, about}) => kind === "test" && about.voice === name);
  const job = made.find(isActive);
  const lost = made[0]?.state === "failed" ? made[0] : null;
  const reason = silentReason(voice);

  useEffect(() => {
    if (!wanted || !lost?.error) return;
    setWanted(false);
    failed(new Error(lost.error));
  }, [lost?.id]);

  async function make() {
    setWanted(true);
    try {
      keep(await post("voice/test", {}, {name}));
    } catch (error) {
      setWanted(false);
      failed(/** @type {Error} */ (error));
    }
  }

  if (job) {
    const progress = job.state === "waiting" ? t("jobs.waiting") : percent(job.fraction ?? 0);
    return html`<span class="test-clip"><${Chip}><span aria-live="polite">${t("voices.test_making")} ${progress}</span></${Chip}><span class="icon-button round"><${Spinner} label=${t("voices.test_making")} /></span></span>`;
  }
  if (!voice.has_test && again) {
    return !reason && html`<${Button} kind="quiet" icon="play" act=${make}>${t("voices.test_make")}</${Button}>`;
  }
  if (!voice.has_test) {
    return html`<${IconButton} icon="play" kind="round" label=${reason ?? t("frame.play_it", {name: title})} disabled=${reason !== null} act=${make} />`;
  }
  // The number of the job in the address keeps the browser from playing an older clip again.
  const url = address("voice/test", {name, made: made[0]?.id});
  return html`<span class="test-clip">
    ${again && html`<${Button} kind="quiet" icon="retry" disabled=${reason !== null} act=${make}>${t("voices.test_again")}</${Button}>`}
    <${PlayButton} key=${url} url=${url} label=${title} atOnce=${wanted} />
  </span>`;
}
