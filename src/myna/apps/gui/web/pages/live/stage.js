// What is heard now: state, pitch, levels, delay and gaps.

import {html} from "../../vendor/preact.js";
import {clock, number} from "../../lib/format.js";
import {live} from "../../lib/store.js";
import {t} from "../../lib/texts.js";
import {Problem, Spinner} from "../../components/basics.js";
import {Icon} from "../../components/icons.js";
import {PitchTrace} from "./pitch-trace.js";
import {delays, isRunning, isTest, levels, recentGaps, settings, unplugged, use, voice} from "./session.js";

const FLOOR_DB = -60;
const LOUD_DB = -1; // the sound is close to clipping
const PARTS = ["device", "way", "buffer", "look_ahead"];

export function Stage() {
  const problem = live.value?.problem;
  return html`<section class="card live-stage" data-state=${live.value?.state ?? "stopped"} aria-label=${t("live.now")}>
    <${Head} />
    ${unplugged.value && html`<${Problem} error=${t("live.unplugged")} />`}
    ${problem && html`<${Problem} error=${problem} />`}
    <${PitchTrace} />
    <div class="live-meters">
      <${Meter} name=${t("live.microphone")} index=${0} />
      <${Meter} name=${t("live.output")} index=${1} />
    </div>
    <${Facts} />
  </section>`;
}

function Head() {
  const {state = "stopped", next_voice: next, report, recording} = live.value ?? {};
  const title = voice.value?.title ?? "";
  const texts = {
    stopped: use.value === "opening" ? t("live.opening") : t("live.stopped"),
    loading: isTest.value ? t("live.testing") : t("live.loading", {voice: title}),
    stopping: t("live.stopping"),
    running: isTest.value ? t("live.testing") : settings.value.bypass ? t("live.bypassed") : next ? t("live.loading", {voice: title}) : t("live.running", {voice: title}),
  };
  const busy = state === "loading" || state === "stopping" || Boolean(next);
  return html`<div class="live-head">
    <p class="live-state" role="status">
      ${busy ? html`<${Spinner} />` : html`<span class=${`live-dot ${state}`} aria-hidden="true"></span>`}
      <span>${texts[state]}</span>
    </p>
    ${recording && report?.recorded_seconds !== null && html`<p class="live-recording"><span class="recording-dot" aria-hidden="true"></span>${t("live.recording")} ${clock(report?.recorded_seconds ?? 0)}</p>`}
    <p class="live-clock quiet">${state === "running" && report?.seconds ? clock(report.seconds) : ""}</p>
  </div>`;
}

/** @param {{name: string, index: number}} props */
function Meter({name, index}) {
  const db = Math.max(levels.value[index], FLOOR_DB);
  const share = 1 - db / FLOOR_DB;
  return html`<span class="live-meter-name">${name}</span>
    <div class="live-meter" role="meter" aria-label=${name} aria-valuemin=${FLOOR_DB} aria-valuemax="0" aria-valuenow=${Math.round(db)} aria-valuetext=${t("live.db", {db: Math.round(db)})}>
      <div class=${db > LOUD_DB ? "meter-bar loud" : "meter-bar"} style=${{transform: `scaleX(${share})`}}></div>
    </div>
    <span class="live-meter-value quiet">${db > FLOOR_DB ? t("live.db", {db: String(Math.round(db)).replace("-", "−")}) : "–"}</span>`;
}

function Facts() {
  const report = live.value?.report;
  const all = delays.value;
  const gaps = recentGaps.value;
  const ms = (/** @type {number} */ seconds) => t("live.ms", {n: Math.round(1000 * seconds)});
  const parts = all && PARTS.filter((name) => name in all.parts).map((name) => `${t(`live.part_${name}`)} ${ms(all.parts[name])}`).join(" · ");
  const [median = 0, , p99 = 0] = report?.compute ?? [];
  const measured = isRunning.value && median > 0;
  return html`<dl class="live-facts">
    <div><dt>${t("live.delay")}</dt><dd class="live-delay">${all ? ms(all.sum) : "–"}</dd><dd class="quiet">${parts || t("live.delay_hint")}</dd></div>
    <div><dt>${t("live.gaps")}</dt><dd class=${gaps ? "live-gaps bad" : "live-gaps"}>${isRunning.value ? (gaps ? t("live.gaps_n", {n: gaps}) : t("live.gaps_none")) : "–"}</dd>
      <dd class="quiet">${gaps ? t("live.gaps_hint") : ""}</dd></div>
    <div><dt>${t("live.compute")}</dt><dd>${measured ? ms(median) : "–"}</dd>
      <dd class="quiet">${measured ? t("live.compute_of", {block: Math.round(1000 * (report?.block ?? 0)), p99: Math.round(1000 * p99), load: number(100 * median / (report?.block || 1), 0)}) : ""}</dd></div>
  </dl>`;
}

/** The notice that the voice is synthetic. */
export function Notice() {
  return html`<p class="live-notice"><${Icon} name="info" size=${18} /><span>${t("live.notice")}</span></p>`;
}
