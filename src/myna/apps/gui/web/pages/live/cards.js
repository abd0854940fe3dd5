// The voice and its controls, and the devices.

import {html, useEffect} from "../../vendor/preact.js";
import {number} from "../../lib/format.js";
import {canChooseSpeaker} from "../../lib/live-sound.js";
import {live} from "../../lib/store.js";
import {t} from "../../lib/texts.js";
import {Button, Card, Field, Fold, Segmented, Select, Switch} from "../../components/basics.js";
import {NumberInput} from "../../components/parameters.js";
import {VoicePicker} from "../../components/voice-picker.js";
import {
  automatic, change, choose, chooseDevice, chooseVoice, chosen, devices, isActive, isRunning, listDevices, settings, testMicrophone, testSpeaker,
  toneSounds, use, voice,
} from "./session.js";

const BLOCKS = [0.05, 0.1, 0.2, 0.4];
const ENOUGH_SECONDS = 10; // of singing, as on the server
const USUAL_GATE_DB = -50;

/** @param {{title: string, unit: string, low: number, high: number, value: number, set: (value: number) => void, help?: any, aside?: any}} props */
function Slider({title, unit, low, high, value, set, help, aside}) {
  const field = {title, type: /** @type {const} */ ("integer"), low, high, step: 1, unit, optional: false, inert: null};
  return html`<${Field} label=${title} help=${help} aside=${aside}>${(/** @type {any} */ ids) => html`<${NumberInput} ...${ids} field=${field} value=${value} onChange=${set} />`}</${Field}>`;
}

export function VoiceCard() {
  const one = voice.value;
  const {transpose, dry_wet: mix, gate_db: gate, bypass, speaker} = settings.value;
  const speakers = one?.speakers ?? [];
  return html`<${Card} class="live-voice" title=${t("frame.voice")}>
    <${VoicePicker} value=${one?.name ?? null} onChange=${chooseVoice} />
    ${speakers.length > 1 && html`<${Field} label=${t("sing.speaker")}>${(/** @type {any} */ ids) => html`<${Select}
      ...${ids} value=${speaker ?? speakers[0]} choices=${speakers.map((value) => ({value, title: value}))} onChange=${(/** @type {string} */ name) => change({speaker: name})}
    />`}</${Field}>`}
    <${Slider} title=${t("live.transpose")} unit=${t("live.semitones")} low=${-24} high=${24} value=${transpose} set=${(/** @type {number} */ value) => change({transpose: value})}
      aside=${html`<${Switch} value=${automatic.value} onChange=${(/** @type {boolean} */ on) => change({automatic: on})}>${t("frame.automatic")}</${Switch}>`} help=${listening(transpose)} />
    <${Slider} title=${t("live.mix")} unit="%" low=${0} high=${100} value=${Math.round(100 * mix)} set=${(/** @type {number} */ value) => change({dry_wet: value / 100})} help=${t("live.mix_help")} />
    <${Slider} title=${t("live.gate")} unit="dB" low=${-80} high=${0} value=${gate ?? USUAL_GATE_DB} set=${(/** @type {number} */ value) => change({gate_db: value})} help=${t("live.gate_help")} />
    <div class="live-bypass"><${Switch} value=${bypass} disabled=${!isRunning.value} onChange=${(/** @type {boolean} */ on) => change({bypass: on})}>${t("live.bypass")}</${Switch}></div>
    <p class="quiet live-keys">${t("live.keys")}</p>
  </${Card}>`;
}

/** What the automatic transposition does now. @param {number} transpose */
function listening(transpose) {
  if (!automatic.value) return t("live.transpose_help");
  if (!Object.keys(voice.value?.pitch ?? {}).length) return t("live.auto_unknown");
  if (!isRunning.value) return t("live.auto_help");
  const heard = live.value?.report.heard_seconds ?? 0;
  if (heard < ENOUGH_SECONDS) return t("live.auto_listening", {n: number(heard, 0), of: ENOUGH_SECONDS});
  return t("live.auto_found", {n: `${transpose > 0 ? "+" : ""}${transpose}`});
}

export function SoundCard() {
  useEffect(() => void listDevices(), []);
  const {microphone, speaker, monitor, block} = chosen.value;
  const kinds = (/** @type {string} */ kind) => devices.value.filter((one) => one.kind === kind).map(({deviceId, label}) => ({value: deviceId, title: label}));
  const usual = {value: "", title: t("live.usual_device")};
  const own = use.value !== "";
  return html`<${Card} class="live-sound" title=${t("live.sound")}>
    <${Device} which="microphone" label=${t("live.microphone")} value=${microphone} choices=${[usual, ...kinds("audioinput")]} />
    ${canChooseSpeaker && html`<${Device} which="speaker" label=${t("live.speaker")} value=${speaker} choices=${[usual, ...kinds("audiooutput")]} />
      <${Device} which="monitor" label=${t("live.monitor")} help=${t("live.monitor_help")} value=${monitor} choices=${[{value: "", title: t("live.no_monitor")}, ...kinds("audiooutput")]} />`}
    <div class="field"><div class="field-head"><span class="live-label">${t("live.block")}</span></div>
      <${Segmented} label=${t("live.block")} value=${block} disabled=${isActive.value} choices=${BLOCKS.map((value) => ({value, title: t("live.ms", {n: 1000 * value})}))} onChange=${(/** @type {number} */ value) => choose({block: value})} />
      <p class="help">${t("live.block_help")}</p></div>
    <div class="live-tests">
      <${Button} icon=${use.value === "test" ? "stop" : "sing"} disabled=${isActive.value || (own && use.value !== "test")} act=${testMicrophone}>${t(use.value === "test" ? "live.test_end" : "live.test_microphone")}</${Button}>
      <${Button} icon="play" disabled=${isActive.value} busy=${toneSounds.value} act=${testSpeaker}>${t("live.test_speaker")}</${Button}>
    </div>
    <p class="live-hint"><span>${t("live.headphones")}</span></p>
  </${Card}>`;
}

/** @param {{which: "microphone" | "speaker" | "monitor", label: string, help?: string, value: string, choices: {value: string, title: string}[]}} props */
function Device({which, label, help, value, choices}) {
  const known = choices.some((choice) => choice.value === value) ? choices : [...choices, {value, title: t("live.absent_device")}];
  return html`<${Field} label=${label} help=${help}>${(/** @type {any} */ ids) => html`<${Select} ...${ids} value=${value} choices=${known} onChange=${(/** @type {string} */ id) => chooseDevice(which, id)} />`}</${Field}>`;
}

const SYSTEMS = ["windows", "mac", "linux"];

/** Sing in other programs, by system. */
export function Help() {
  const agent = navigator.userAgent;
  const own = agent.includes("Windows") ? "windows" : agent.includes("Mac") ? "mac" : "linux";
  return html`<${Card} class="live-help" title=${t("live.help")}>
    <p>${t("live.help_lead")}</p>
    ${[own, ...SYSTEMS.filter((one) => one !== own)].map((system) => html`<${Fold} key=${system} title=${t(`live.help_${system}`)} open=${false}>
      <ol class="live-steps">
        <li>${t(`live.help_${system}_cable`)}${system === "linux" && html`<pre dir="ltr">${LINUX_CABLE}</pre>`}</li>
        <li>${t("live.help_speaker", {cable: CABLES[system]})}</li>
        <li>${t("live.help_monitor")}</li>
      </ol>
    </${Fold}>`)}
    <${Fold} title=${t("live.help_programs")}>
      <ul class="live-steps"><li>${t("live.help_discord")}</li><li>${t("live.help_obs")}</li><li>${t("live.help_zoom")}</li></ul>
    </${Fold}>
  </${Card}>`;
}

const CABLES = /** @type {Record<string, string>} */ ({windows: "CABLE Input", mac: "BlackHole 2ch", linux: "myna"});
const LINUX_CABLE = `pactl load-module module-null-sink sink_name=myna
pactl load-module module-remap-source master=myna.monitor source_name=myna_microphone`;
