// All voices as cards, with search, tags and sorting.

import {computed, html, signal, useState} from "../../vendor/preact.js";
import {bytes, noteName} from "../../lib/format.js";
import {href, session, useResource, voices} from "../../lib/store.js";
import {t} from "../../lib/texts.js";
import {ActionBar} from "../../components/action-bar.js";
import {Button, Chip, Empty, Select, Spinner, TextInput} from "../../components/basics.js";
import {Icon} from "../../components/icons.js";
import {JobCard, isActive} from "../../components/job-card.js";
import {Menu} from "../../components/menu.js";
import {Page} from "../../components/page.js";
import {TestClip, silentReason} from "../../components/test-clip.js";
import {Portrait, fits} from "../../components/voice-picker.js";
import {added, addingJobs, deleted, remove, showFolder, singWith} from "./actions.js";
import {AddDialog} from "./add.js";
import {Blend, Pack} from "./making.js";
import {Trash} from "./trash.js";

/** @typedef {import("../../lib/types.js").Voice} Voice */

const sought = signal("");
/** Chosen tags; a voice must have all of them. @type {import("../../vendor/preact.js").Signal<string[]>} */
const chosenTags = signal([]);
const order = signal("origin");

/** Ways to sort; the server lists the person's own voices first. */
const ORDERS = /** @type {Record<string, (one: Voice, other: Voice) => number>} */ ({
  origin: () => 0,
  name: (one, other) => one.title.localeCompare(other.title),
  low: (one, other) => (pitchOf(one) ?? Infinity) - (pitchOf(other) ?? Infinity),
  small: (one, other) => one.bytes - other.bytes,
});

const here = computed(() => (voices.value ?? []).filter(({name}) => !deleted.value.includes(name)));
/** Tags in use, the most frequent first. */
const tags = computed(() => {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const tag of here.value.flatMap((voice) => voice.tags)) counts.set(tag, (counts.get(tag) ?? 0) + 1);
  return [...counts].sort(([one, n], [other, m]) => m - n || one.localeCompare(other)).map(([tag]) => tag);
});
const shown = computed(() => {
  const wanted = chosenTags.value.filter((tag) => tags.value.includes(tag));
  return here.value
    .filter((voice) => fits(voice, sought.value) && wanted.every((tag) => voice.tags.includes(tag)))
    .sort(ORDERS[order.value]);
});

/** Pitch of the first speaker in Hz. @param {Voice} voice @returns {number | undefined} */
export function pitchOf({pitch}) {
  return Object.values(pitch)[0];
}

export function VoiceList() {
  const [adding, setAdding] = useState(/** @type {File[] | null} */ (null));
  const [trash, setTrash] = useState(false);
  const {data: thrown} = useResource("trash", {}, ["trash"]);
  const jobs = addingJobs.value.filter((job) => isActive(job) || job.state !== "cancelled");
  const running = jobs.find(isActive);
  return html`<${Page}
    title=${t("frame.voices")} class="voices" onFiles=${setAdding}
    aside=${html`<${Button} kind="quiet" icon="trash" act=${() => setTrash(true)}>${t("voices.trash")}${thrown?.length > 0 && html` <span class="quiet">${thrown.length}</span>`}</${Button}>`}
    bar=${html`<${ActionBar} label=${t("voices.add")} icon="add" act=${() => setAdding([])} job=${running} note=${html`<p class="quiet">${t("voices.add_hint")}</p>`} />`}
  >
    ${voices.value === null ? html`<${Spinner} label=${t("frame.voices")} />` : html`
      ${here.value.length > 0 && html`<${Tools} />`}
      ${jobs.length > 0 && html`<ul class="adding-jobs" aria-label=${t("voices.adding")}>${jobs.map((job) => html`<li key=${job.id}><${JobCard} job=${job} /></li>`)}</ul>`}
      ${shown.value.length > 0 && html`<ul class="voice-cards" aria-label=${t("frame.voices")}>${shown.value.map((voice) => html`<li key=${voice.name}><${VoiceCard} voice=${voice} /></li>`)}</ul>`}
      ${here.value.length === 0 && html`<${Empty} icon="voices" title=${t("frame.no_voices")} action=${html`<${Button} icon="add" act=${() => setAdding([])}>${t("voices.add")}</${Button}>`}>${t("voices.add_hint")}</${Empty}>`}
      ${here.value.length > 0 && shown.value.length === 0 && html`<${Empty} icon="search" title=${t("frame.nothing_found")} action=${html`<${Button} act=${showAll}>${t("voices.show_all")}</${Button}>`} />`}
    `}
    ${adding && html`<${AddDialog} files=${adding} onClose=${() => setAdding(null)} />`}
    ${trash && html`<${Trash} onClose=${() => setTrash(false)} />`}
  </${Page}>`;
}

function showAll() {
  sought.value = "";
  chosenTags.value = [];
}

function Tools() {
  const toggle = (/** @type {string} */ tag) => {
    chosenTags.value = chosenTags.value.includes(tag) ? chosenTags.value.filter((one) => one !== tag) : [...chosenTags.value, tag];
  };
  return html`<div class="voice-tools">
    <div class="search-field"><${Icon} name="search" size=${18} /><${TextInput}
      type="search" label=${t("voices.search")} placeholder=${t("voices.search")} value=${sought.value}
      onChange=${(/** @type {string} */ text) => (sought.value = text)}
    /></div>
    <${Select} label=${t("voices.sort")} value=${order.value} onChange=${(/** @type {string} */ to) => (order.value = to)} choices=${[
      {value: "origin", title: t("voices.sort_origin")}, {value: "name", title: t("voices.sort_name")},
      {value: "low", title: t("voices.sort_low")}, {value: "small", title: t("voices.sort_small")},
    ]} />
    ${tags.value.length > 0 && html`<div class="tag-filter" role="group" aria-label=${t("voices.tags")}>${tags.value.map((tag) => html`<button
      key=${tag} type="button" class="tag-choice" dir="auto" aria-pressed=${String(chosenTags.value.includes(tag))} onClick=${() => toggle(tag)}
    >${tag}</button>`)}</div>`}
    <p class="unseen" role="status">${t("voices.count", {n: shown.value.length})}</p>
  </div>`;
}

/** @param {{voice: Voice}} props */
function VoiceCard({voice}) {
  const {name, title, origin, kind, speakers, tags: own, notes, cover, author, licence, problem} = voice;
  const [dialog, setDialog] = useState("");
  const hz = pitchOf(voice);
  const missing = voice.needs.find(({here}) => !here);
  const close = () => setDialog("");
  const facts = [kind, hz && t("frame.around", {note: noteName(hz)}), speakers.length > 1 && t("frame.speakers", {n: speakers.length})];
  const credits = [author, licence, bytes(voice.bytes)];
  return html`<article class=${`voice-tile ${problem ? "broken" : ""}`}>
    <div class="tile-head">
      <${Portrait} voice=${voice} />
      <div class="tile-title">
        <h2><a href=${href("voices", name)} dir="auto">${title}</a></h2>
        <p class="quiet">${facts.filter(Boolean).join(" · ")}</p>
      </div>
      <div class="tile-play"><${TestClip} voice=${voice} /></div>
    </div>
    <div class="chips">
      ${added.value.includes(name) && html`<${Chip} kind="accent">${t("voices.new")}</${Chip}>`}
      <${Chip}>${t(`voices.origin_${origin}`)}</${Chip}>
      ${own.map((tag) => html`<${Chip} key=${tag} kind="accent"><span dir="auto">${tag}</span></${Chip}>`)}
    </div>
    ${problem ? html`<p class="tile-note bad" dir="auto">${problem}</p>` : html`<p class="tile-note" dir="auto">${missing ? t("frame.needs", {name: missing.title, size: bytes(missing.bytes)}) : notes || cover || ""}</p>`}
    <div class="tile-foot">
      <p class="quiet" dir="auto">${credits.filter(Boolean).join(" · ")}</p>
      <${Button} kind="quiet" icon="sing" disabled=${silentReason(voice) !== null} title=${silentReason(voice) ?? t("voices.sing_with", {name: title})} aria-label=${t("voices.sing_with", {name: title})} act=${() => singWith(voice)}>${t("frame.sing")}</${Button}>
      <${Menu} label=${t("voices.more_with", {name: title})} items=${[
        {title: t("voices.edit"), icon: "edit", href: href("voices", name)},
        !problem && {title: t("voices.pack"), icon: "pack", act: () => setDialog("pack")},
        !problem && {title: t("voices.blend"), icon: "blend", act: () => setDialog("blend")},
        session.value?.local && {title: t("voices.show_folder"), icon: "folder", act: () => showFolder(voice)},
        voice.deletable && {title: t("frame.delete"), icon: "trash", danger: true, act: () => remove(voice)},
      ]} />
    </div>
    ${dialog === "pack" && html`<${Pack} voice=${voice} onClose=${close} />`}
    ${dialog === "blend" && html`<${Blend} voice=${voice} onClose=${close} />`}
  </article>`;
}
