// Live: singing into a microphone and hearing a voice.

import {computed, html, useEffect} from "../vendor/preact.js";
import {live, results, route} from "../lib/store.js";
import {t} from "../lib/texts.js";
import {ActionBar} from "../components/action-bar.js";
import {Button, Card} from "../components/basics.js";
import {Page} from "../components/page.js";
import {Help, SoundCard, VoiceCard} from "./live/cards.js";
import {change, isActive, isRunning, isTest, nextVoice, record, settings, start, stop, use, voice} from "./live/session.js";
import {Notice, Stage} from "./live/stage.js";
import {ResultPlayer} from "./sing/result-list.js";

const RECORDED = "live-recorded";

export default function Live() {
  useEffect(() => {
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  return html`<${Page} title=${t("frame.live")} lead=${t("live.lead")} class="live" bar=${html`<${Bar} />`}>
    <div class="live-grid">
      <div class="live-main"><${Stage} /><${SoundCard} /><${Recorded} /></div>
      <div class="live-side"><${VoiceCard} /><${Help} /><${Notice} /></div>
    </div>
  </${Page}>`;
}

/** Keys: B for the bypass, N for the next voice. @param {KeyboardEvent} event */
function onKey(event) {
  const {target, key} = event;
  const typing = target instanceof HTMLElement && target.closest("input:not([type=range], [type=checkbox], [type=radio]), select, textarea, dialog, [role=dialog]");
  if (route.peek().page !== "live" || !isRunning.peek() || typing || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (key.toLowerCase() === "b") change({bypass: !settings.peek().bypass});
  else if (key.toLowerCase() === "n") nextVoice();
  else return;
  event.preventDefault();
}

/** The last recording; null if there is none, or it is not kept yet. */
const recorded = computed(() => results.value?.find(({number}) => number === live.value?.result) ?? null);

/** The last recording, beside its source. */
function Recorded() {
  const result = recorded.value;
  if (!result) return null;
  return html`<${Card} id=${RECORDED} class="live-recorded" title=${t("live.recorded")} aside=${html`<a href="#/sing">${t("live.all_results")}</a>`}><${ResultPlayer} key=${result.number} result=${result} /></${Card}>`;
}

function listen() {
  document.getElementById(RECORDED)?.scrollIntoView({block: "center"});
}

function Bar() {
  const active = isActive.value;
  const state = live.value?.state;
  const one = voice.value;
  const reason = active ? null : !one ? t("sing.no_voice") : one.problem;
  const recording = live.value?.recording ?? false;
  return html`<${ActionBar}
    icon=${active ? "stop" : "live"} label=${t(active ? "frame.stop" : "live.start")} reason=${reason} busy=${use.value === "opening" || state === "stopping"} act=${active ? stop : start}
    note=${html`<p class="quiet">${t(active && !isTest.value ? "live.notice_short" : "live.headphones")}${recorded.value && html` <button type="button" class="link" onClick=${listen}>${t("live.listen")}</button>`}</p>`}
    secondary=${active && html`
      <${Button} icon=${recording ? "stop" : "record"} class=${recording ? "live-record on" : "live-record"} disabled=${!isRunning.value} aria-pressed=${String(recording)} act=${() => record(!recording)}>${t(recording ? "live.record_end" : "live.record")}</${Button}>`}
  />`;
}
