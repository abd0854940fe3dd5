// Recording a song with the microphone.

import {html, signal} from "../../vendor/preact.js";
import {clock} from "../../lib/format.js";
import {Microphone, problemOf, wav} from "../../lib/microphone.js";
import {playing} from "../../lib/playing.js";
import {t} from "../../lib/texts.js";
import {Button} from "../../components/basics.js";
import {failed} from "../../components/toast.js";
import {addFiles} from "./song.js";

const FLOOR_DB = -60; // lower end of the meter

/** The open microphone. @type {import("../../vendor/preact.js").Signal<Microphone | null>} */
export const recording = signal(null);
const opening = signal(false);
const level = signal(0); // 0 to 1 on the meter
const seconds = signal(0);
let takes = 0;

async function record() {
  playing.value?.pause(); // so that it is not recorded
  opening.value = true;
  const microphone = new Microphone({
    onPeak: (peak) => {
      const db = Math.max(FLOOR_DB, 20 * Math.log10(Math.max(peak, 1e-6)));
      level.value = Math.max(1 - db / FLOOR_DB, level.value - 0.02); // falls slowly, so that one can read it
      seconds.value = microphone.seconds;
    },
    onLost: finish,
  });
  try {
    await microphone.open();
    microphone.keep();
    recording.value = microphone;
  } catch (error) {
    failed(new Error(problemOf(error)));
  }
  opening.value = false;
}

async function finish() {
  const microphone = recording.value;
  if (!microphone) return;
  recording.value = null;
  const rate = microphone.sampleRate;
  const samples = await microphone.close();
  if (samples.length) addFiles([wav(samples, rate, `${t("sing.take", {n: ++takes})}.wav`)]);
}

function discard() {
  recording.value?.release();
  recording.value = null;
}

/** The button that starts a recording. */
export function RecordButton() {
  return html`<${Button} icon="sing" busy=${opening.value} act=${record} class="record-button">${t("sing.record")}</${Button}>`;
}

/** The running recording. */
export function Recording() {
  return html`<div class="recording" role="group" aria-label=${t("sing.recording")}>
    <span class="recording-dot" aria-hidden="true"></span>
    <span class="recording-time">${clock(seconds.value)}</span>
    <div class="meter" role="meter" aria-label=${t("sing.level")} aria-valuemin="0" aria-valuemax="100" aria-valuenow=${Math.round(100 * level.value)}>
      <div class=${level.value > 0.95 ? "meter-bar loud" : "meter-bar"} style=${{transform: `scaleX(${level.value})`}}></div>
    </div>
    <${Button} kind="quiet" act=${discard}>${t("frame.cancel")}</${Button}>
    <${Button} kind="main" icon="stop" act=${finish}>${t("sing.finish")}</${Button}>
  </div>`;
}
