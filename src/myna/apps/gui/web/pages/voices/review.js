// Review of the files of new voices before they are added: which files belong together, under which name.

import {html, useState} from "../../vendor/preact.js";
import {bytes} from "../../lib/format.js";
import {t} from "../../lib/texts.js";
import {Button, Field, Fold, Problem, Segmented, Select, Switch, TextInput} from "../../components/basics.js";
import {Dialog} from "../../components/dialog.js";
import {DropZone} from "../../components/drop-zone.js";
import {Icon} from "../../components/icons.js";

/** @typedef {{id: string, name: string, bytes: number, what: "weights" | "config" | "retrieval", width: number}} FoundFile width: parts fit if theirs are equal */
/** @typedef {{weights: string, config: string | null, retrieval: string | null, name: string, sure: boolean,
 *   question: string | null, about: "config" | "retrieval" | null, what: string}} Proposal ids of files; about: what the question is about */
/** @typedef {{files: FoundFile[], proposals: Proposal[], left: {file: string, why: string}[]}} Found */
/** @typedef {Omit<Proposal, "config" | "retrieval"> & {config: string | null | undefined, retrieval: string | null | undefined,
 *   wanted: boolean, guess: string | null}} Draft a part that is undefined is a question without an answer; guess: what the question proposes */

const PARTS = /** @type {const} */ (["config", "retrieval"]);

/**
 * @param {{found: Found, broken: {file: File, error: string | null}[], onMore: (files: File[]) => void,
 *   onAdd: (proposals: any[]) => Promise<void>, onClose: () => void}} props broken: files that could not be sent
 */
export function Review({found, broken, onMore, onAdd, onClose}) {
  const {files, left} = found;
  const [drafts, setDrafts] = useState(() => found.proposals.map(draftOf));
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(/** @type {Error | null} */ (null));
  const wanted = drafts.filter((draft) => draft.wanted);
  const reason = reasonNot(wanted);
  // A file that can still be chosen for a voice is not listed as left over.
  const choosable = new Set(files.filter((file) => drafts.some(({weights}) => fits(file, files.find(({id}) => id === weights)))).map(({name}) => name));
  const unused = [...left.filter(({file}) => !choosable.has(file)), ...broken.map(({file, error: why}) => ({file: file.name, why: why ?? ""}))];

  /** @param {number} index @param {Partial<Draft>} now */
  const change = (index, now) => setDrafts(drafts.map((draft, at) => (at === index ? {...draft, ...now} : draft)));

  async function add() {
    setBusy(true);
    setError(null);
    try {
      await onAdd(wanted.map(({weights, config, retrieval, name}) => ({weights, config, retrieval, name: name.trim()})));
    } catch (caught) {
      setError(/** @type {Error} */ (caught));
      setBusy(false);
    }
  }

  return html`<${Dialog} title=${t(drafts.length ? "voices.review" : "voices.nothing_title")} wide onClose=${onClose} actions=${html`
    ${reason && drafts.length > 0 && html`<p class="quiet dialog-reason">${reason}</p>`}
    <${Button} act=${onClose}>${t("frame.cancel")}</${Button}>
    ${drafts.length > 0 && html`<${Button} kind="main" icon="add" busy=${busy} disabled=${reason !== null} act=${add}>${wanted.length === 1 ? t("voices.add_one") : t("voices.add_n", {n: wanted.length})}</${Button}>`}
  `}>
    ${drafts.length === 0 && html`<p>${t("voices.nothing")}</p><${DropZone} small label=${t("voices.other_files")} onFiles=${onMore} />`}
    <ul class="proposals">${drafts.map((draft, index) => html`<li key=${draft.weights}>
      <${ProposalCard} draft=${draft} files=${files} single=${drafts.length === 1} onChange=${(/** @type {Partial<Draft>} */ now) => change(index, now)} />
    </li>`)}</ul>
    ${unused.length > 0 && html`<${Fold} title=${t("voices.left", {n: unused.length})} open=${drafts.length === 0}>
      <ul class="left-files">${unused.map(({file, why}) => html`<li><span dir="auto">${file}</span> <span class="quiet" dir="auto">${why}</span></li>`)}</ul>
    </${Fold}>`}
    ${error && html`<${Problem} error=${error} />`}
  </${Dialog}>`;
}

/** A proposal as it is first shown: what a question is about is left open. @param {Proposal} proposal @returns {Draft} */
function draftOf(proposal) {
  const {about} = proposal;
  return {...proposal, wanted: true, guess: about && proposal[about], ...(about ? {[about]: undefined} : {})};
}

/** Return whether a file can be a part of a voice. @param {FoundFile} file @param {FoundFile | undefined} weights */
function fits(file, weights) {
  return file.what !== "weights" && file.width === weights?.width;
}

/** @param {Draft[]} wanted */
function reasonNot(wanted) {
  if (!wanted.length) return t("voices.none_wanted");
  const open = wanted.find((draft) => PARTS.some((part) => draft[part] === undefined));
  if (open) return t("voices.answer_first", {name: open.name});
  return wanted.some(({name}) => !name.trim()) ? t("voices.no_name") : null;
}

/**
 * @param {{draft: Draft, files: FoundFile[], single: boolean, onChange: (now: Partial<Draft>) => void}} props
 *   single: there is only this one, so that it needs no switch
 */
function ProposalCard({draft, files, single, onChange}) {
  const {name, what, question, about, guess, wanted} = draft;
  const weights = files.find(({id}) => id === draft.weights);
  return html`<div class=${`proposal ${wanted ? "" : "unwanted"}`}>
    <div class="proposal-head">
      <${Icon} name="file" />
      <div class="proposal-text"><p class="proposal-file" dir="auto">${weights?.name ?? draft.weights}</p><p class="quiet">${[what, weights && bytes(weights.bytes)].filter(Boolean).join(" · ")}</p></div>
      ${!single && html`<${Switch} value=${wanted} label=${t("voices.want", {name})} onChange=${(/** @type {boolean} */ to) => onChange({wanted: to})} />`}
    </div>
    ${wanted && html`
      ${question && html`<div class="proposal-question" role="group" aria-label=${question}>
        <${Icon} name="info" size=${18} /><p dir="auto">${question}</p>
        ${about && html`<${Segmented} label=${question} value=${draft[about]} onChange=${(/** @type {any} */ to) => onChange({[about]: to})} choices=${[
          {value: guess, title: t("voices.answer_yes")}, {value: null, title: t("voices.answer_no")},
        ]} />`}
      </div>`}
      <div class="proposal-fields">
        <${Field} label=${t("voices.name")}>${(/** @type {any} */ ids) => html`<${TextInput} ...${ids} value=${name} onChange=${(/** @type {string} */ to) => onChange({name: to})} />`}</${Field}>
        ${PARTS.map((part) => {
          const fitting = files.filter((file) => file.what === part && fits(file, weights));
          return fitting.length > 0 && html`<${Field} key=${part} label=${t(`voices.part_${part}`)}>${(/** @type {any} */ ids) => html`<${Select}
            ...${ids} value=${draft[part]} onChange=${(/** @type {any} */ to) => onChange({[part]: to})}
            choices=${[...fitting.map((file) => ({value: file.id, title: file.name})), {value: null, title: t("voices.part_none")}]}
          />`}</${Field}>`;
        })}
      </div>`}
  </div>`;
}
