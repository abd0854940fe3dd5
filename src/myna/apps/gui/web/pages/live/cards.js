// The voice and its controls, and the devices.

import {html, useEffect} from "../../vendor/preact.js";
import {shift} from "../../lib/format.js";
import {canChooseSpeaker} from "../../lib/live-sound.js";
import {live, useResource} from "../../lib/store.js";
import {t} from "../../lib/texts.js";
import {Button, Card, Field, Fold, Problem, Segmented, Select, Spinner, Switch} from "../../components/basics.js";
import {NumberInput} from "../../components/parameters.js";
import {VoicePicker} from "../../components/voice-picker.js";
import {
  automatic, change, choose, chooseDevice, chooseVoice, chosen, devices, isActive, isRunning, isTest, listDevices, settings, stop,
  testDevices, testMicrophone, testSpeaker,
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
  if (heard < ENOUGH_SECONDS) return t("live.auto_listening", {n: Math.floor(heard), of: ENOUGH_SECONDS});
  return t("live.auto_found", {n: shift(transpose)});
}

export function SoundCard() {
  const {place, block} = chosen.value;
  const blocks = [{value: null, title: t("frame.automatic_short")}, ...BLOCKS.map((value) => ({value, title: String(1000 * value)}))];
  const places = [{value: "browser", title: t("live.place_browser")}, {value: "devices", title: t("live.place_devices")}];
  return html`<${Card} class="live-sound" title=${t("live.sound")} aside=${html`<${Segmented}
    label=${t("live.place")} value=${place} choices=${places} disabled=${isActive.value} onChange=${(/** @type {"browser" | "devices"} */ value) => choose({place: value})}
  />`}>
    <div class="live-fields">
      ${place === "browser" ? html`<${BrowserDevices} />` : html`<${ComputerDevices} />`}
      <div class="field"><div class="field-head"><span class="live-label">${t("live.block")}</span></div>
        <${Segmented} label=${t("live.block")} value=${block} disabled=${isActive.value} choices=${blocks} onChange=${(/** @type {number | null} */ value) => choose({block: value})} />
        <p class="help">${t("live.block_help")}</p></div>
      ${place === "browser" ? html`<${Tests} />` : html`<${DeviceTest} />`}
    </div>
  </${Card}>`;
}

/** Microphone and speakers of this browser. */
function BrowserDevices() {
  useEffect(() => void listDevices(), []);
  const {microphone, speaker, monitor} = chosen.value;
  const kinds = (/** @type {string} */ kind) => devices.value.filter((one) => one.kind === kind).map(({deviceId, label}) => ({value: deviceId, title: label}));
  const usual = {value: "", title: t("live.usual_device")};
  const set = (/** @type {"microphone" | "speaker" | "monitor"} */ which) => (/** @type {string} */ id) => void chooseDevice(which, id);
  return html`
    <${Device} label=${t("live.microphone")} value=${microphone} choices=${[usual, ...kinds("audioinput")]} set=${set("microphone")} />
    ${canChooseSpeaker && html`
      <${Device} label=${t("live.speaker")} value=${speaker} choices=${[usual, ...kinds("audiooutput")]} set=${set("speaker")} />
      <${Device} label=${t("live.monitor")} help=${t("live.monitor_help")} value=${monitor} choices=${[{value: "", title: t("live.no_monitor")}, ...kinds("audiooutput")]} set=${set("monitor")} />`}`;
}

/** Measurement of the microphone, and a tone for the speaker, while no voice sings. */
function Tests() {
  const testing = use.value === "test";
  return html`<div class="live-tests">
      <${Button} icon=${testing ? "stop" : "sing"} disabled=${isActive.value || use.value === "opening"} act=${testMicrophone}>${t(testing ? "live.test_end" : "live.test_microphone")}</${Button}>
      <${Button} icon="play" disabled=${isActive.value} busy=${toneSounds.value} act=${testSpeaker}>${t("live.test_speaker")}</${Button}>
  </div>`;
}

/** A tone on the devices of the studio's computer, while no voice sings; the microphone is measured. */
function DeviceTest() {
  const runs = isTest.value && live.value?.state !== "stopping";
  return html`<div class="live-tests">
    <${Button} icon=${runs ? "stop" : "play"} disabled=${isActive.value && !runs} act=${runs ? stop : testDevices}>${t(runs ? "live.test_end" : "live.test_devices")}</${Button}>
  </div>`;
}

/** Devices of the studio's computer, or the reason why there are none. */
function ComputerDevices() {
  const {data, loading, reload} = useResource("live/devices");
  const {input, output, second} = chosen.value;
  if (loading) return html`<p class="quiet live-looking"><${Spinner} />${t("live.looking")}</p>`;
  if (!data || data.problem) return html`<div class="live-looking"><${Problem} error=${data?.problem ?? t("frame.offline")} retry=${reload} /></div>`;
  const named = (/** @type {{name: string, is_default: boolean}[]} */ all) => [
    {value: "", title: t("live.usual_is", {name: all.find((one) => one.is_default)?.name ?? ""})}, ...all.map(({name}) => ({value: name, title: name})),
  ];
  const off = isActive.value;
  return html`
    <${Device} label=${t("live.microphone")} value=${input} choices=${named(data.inputs)} disabled=${off} set=${(/** @type {string} */ name) => choose({input: name})} />
    <${Device} label=${t("live.speaker")} value=${output} choices=${named(data.outputs)} disabled=${off} set=${(/** @type {string} */ name) => choose({output: name})} />
    <${Device} label=${t("live.monitor")} help=${t("live.monitor_help")} value=${second} disabled=${off} set=${(/** @type {string} */ name) => choose({second: name})}
      choices=${[{value: "", title: t("live.no_monitor")}, ...data.outputs.map((/** @type {{name: string}} */ {name}) => ({value: name, title: name}))]} />`;
}

/** @param {{label: string, help?: string, value: string, choices: {value: string, title: string}[], disabled?: boolean, set: (id: string) => void}} props */
function Device({label, help, value, choices, disabled = false, set}) {
  const known = choices.some((choice) => choice.value === value) ? choices : [...choices, {value, title: t("live.absent_device")}];
  return html`<${Field} label=${label} help=${help}>${(/** @type {any} */ ids) => html`<${Select} ...${ids} value=${value} choices=${known} disabled=${disabled} onChange=${set} />`}</${Field}>`;
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
