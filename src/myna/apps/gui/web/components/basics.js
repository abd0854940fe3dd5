// The small building blocks of all pages.

import {html, useMemo, useRef} from "../vendor/preact.js";
import {percent} from "../lib/format.js";
import {t} from "../lib/texts.js";
import {Icon} from "./icons.js";

/** @typedef {import("../vendor/preact.js").ComponentChildren} Children */
/** @typedef {import("./icons.js").IconName} IconName */

let lastId = 0;

/** Return an id that no other element of the page has, the same at each render of a component. */
export function useId() {
  return useMemo(() => `id-${++lastId}`, []);
}

/**
 * A button with a text.
 * @param {{children?: Children, act?: (event: MouseEvent) => void, icon?: IconName, kind?: "main" | "plain" | "quiet" | "danger",
 *   disabled?: boolean, busy?: boolean, title?: string, type?: "button" | "submit", class?: string, [other: string]: any}} props
 *   kind: "main" is the one important button of a page; busy: a spinner takes the place of the icon, and the button is off
 */
export function Button({children, act, icon, kind = "plain", disabled = false, busy = false, type = "button", ...rest}) {
  return html`<button
    ...${rest} type=${type} class=${`button ${kind} ${rest.class ?? ""}`} disabled=${disabled || busy}
    aria-busy=${busy ? "true" : undefined} onClick=${act}
  >
    ${busy ? html`<${Spinner} />` : icon && html`<${Icon} name=${icon} size=${18} />`}
    <span>${children}</span>
  </button>`;
}

/**
 * A link that looks like a button, for example to download a file.
 * @param {{children?: Children, href: string, icon?: IconName, download?: boolean | string, kind?: string}} props
 */
export function ButtonLink({children, href, icon, download, kind = "plain"}) {
  return html`<a class=${`button ${kind}`} href=${href} download=${download}>
    ${icon && html`<${Icon} name=${icon} size=${18} />`}<span>${children}</span>
  </a>`;
}

/**
 * A button with an icon only; screen readers read its label, which is also its tooltip.
 * @param {{icon: IconName, label: string, act?: (event: MouseEvent) => void, disabled?: boolean, kind?: string,
 *   size?: number, class?: string, [other: string]: any}} props
 */
export function IconButton({icon, label, act, disabled = false, kind = "quiet", size = 20, ...rest}) {
  return html`<button
    ...${rest} type="button" class=${`icon-button ${kind} ${rest.class ?? ""}`} title=${label} aria-label=${label}
    disabled=${disabled} onClick=${act}
  ><${Icon} name=${icon} size=${size} /></button>`;
}

/**
 * A labelled control. `children` is a function that gets the ids {id, describedBy} for the control.
 * @param {{label: Children, help?: Children, error?: string | null, aside?: Children, class?: string,
 *   children: (ids: {id: string, describedBy: string | undefined}) => Children}} props
 *   aside: at the end of the line of the label, for example a reset button
 */
export function Field({label, help, error, aside, children, ...rest}) {
  const id = useId();
  const described = [help && `${id}-help`, error && `${id}-error`].filter(Boolean).join(" ") || undefined;
  return html`<div class=${`field ${rest.class ?? ""}`}>
    <div class="field-head"><label for=${id}>${label}</label>${aside}</div>
    ${children({id, describedBy: described})}
    ${help && html`<p class="help" id=${`${id}-help`}>${help}</p>`}
    ${error && html`<p class="help bad" id=${`${id}-error`} role="alert">${error}</p>`}
  </div>`;
}

/**
 * A choice from a list.
 * @param {{id?: string, value: any, choices: {value: any, title: string, disabled?: boolean}[], onChange: (value: any) => void,
 *   label?: string, describedBy?: string, disabled?: boolean}} props label: name for assistive technology if there is no Field
 */
export function Select({id, value, choices, onChange, label, describedBy, disabled = false}) {
  const chosen = choices.findIndex((choice) => choice.value === value);
  return html`<span class="select">
    <select
      id=${id} value=${String(chosen)} aria-label=${label} aria-describedby=${describedBy} disabled=${disabled}
      onChange=${(/** @type {any} */ event) => onChange(choices[Number(event.currentTarget.value)].value)}
    >
      ${chosen < 0 && html`<option value="-1" disabled>${t("frame.choose")}</option>`}
      ${choices.map((choice, index) => html`<option value=${String(index)} disabled=${choice.disabled}>${choice.title}</option>`)}
    </select>
    <${Icon} name="chevron" size=${16} />
  </span>`;
}

/**
 * A switch that is on or off.
 * @param {{value: boolean, onChange: (value: boolean) => void, children?: Children, label?: string, disabled?: boolean,
 *   id?: string, describedBy?: string}} props children: the visible label
 */
export function Switch({value, onChange, children, label, disabled = false, id, describedBy}) {
  const box = html`<input
    id=${id} type="checkbox" role="switch" checked=${value} disabled=${disabled} aria-label=${label}
    aria-describedby=${describedBy}
    onChange=${(/** @type {any} */ event) => onChange(event.currentTarget.checked)}
  />`;
  return children ? html`<label class="switch">${box}<span>${children}</span></label>` : html`<span class="switch">${box}</span>`;
}

/**
 * Two to five choices side by side, of which one is chosen.
 * @param {{label: string, value: any, choices: {value: any, title: Children, disabled?: boolean}[], onChange: (value: any) => void,
 *   class?: string, disabled?: boolean}} props
 */
export function Segmented({label, value, choices, onChange, disabled = false, ...rest}) {
  const name = useId();
  return html`<fieldset class=${`segmented ${rest.class ?? ""}`} disabled=${disabled}>
    <legend class="unseen">${label}</legend>
    ${choices.map((choice) => html`<label>
      <input
        type="radio" name=${name} checked=${choice.value === value} disabled=${choice.disabled}
        onChange=${() => onChange(choice.value)}
      /><span>${choice.title}</span>
    </label>`)}
  </fieldset>`;
}

/**
 * A short fact or tag.
 * @param {{children?: Children, kind?: "" | "good" | "bad" | "accent", icon?: IconName, title?: string}} props
 */
export function Chip({children, kind = "", icon, title}) {
  return html`<span class=${`chip ${kind}`} title=${title}>${icon && html`<${Icon} name=${icon} size=${14} />`}${children}</span>`;
}

/**
 * A bordered part of a page. With a title, it is a section with a heading.
 * @param {{title?: Children, level?: 2 | 3, aside?: Children, children?: Children, class?: string, id?: string}} props
 */
export function Card({title, level = 2, aside, children, ...rest}) {
  const id = useId();
  if (!title) return html`<div id=${rest.id} class=${`card ${rest.class ?? ""}`}>${children}</div>`;
  return html`<section id=${rest.id} class=${`card ${rest.class ?? ""}`} aria-labelledby=${id}>
    <div class="card-head">${level === 2 ? html`<h2 id=${id}>${title}</h2>` : html`<h3 id=${id}>${title}</h3>`}${aside}</div>
    ${children}
  </section>`;
}

/**
 * A part that is folded away until its title is pressed.
 * @param {{title: Children, note?: Children, open?: boolean, onToggle?: (open: boolean) => void, children?: Children,
 *   class?: string}} props note: a quiet remark beside the title
 */
export function Fold({title, note, open = false, onToggle, children, ...rest}) {
  return html`<details
    class=${`fold ${rest.class ?? ""}`} open=${open}
    onToggle=${(/** @type {any} */ event) => onToggle?.(event.currentTarget.open)}
  >
    <summary><${Icon} name="chevron" size=${16} /><span>${title}</span>${note && html`<span class="quiet">${note}</span>`}</summary>
    <div class="fold-body">${children}</div>
  </details>`;
}

/**
 * A bar that shows how much is done.
 * @param {{fraction: number | null, label: string}} props fraction: 0 to 1, null while it is not known
 */
export function Progress({fraction, label}) {
  const value = fraction === null ? undefined : Math.max(0, Math.min(1, fraction));
  return html`<div
    class=${value === undefined ? "progress unknown" : "progress"} role="progressbar" aria-label=${label}
    aria-valuemin="0" aria-valuemax="100" aria-valuenow=${value === undefined ? undefined : Math.round(100 * value)}
    aria-valuetext=${value === undefined ? undefined : percent(value)}
  ><div class="progress-bar" style=${{transform: value === undefined ? undefined : `scaleX(${value})`}}></div></div>`;
}

/** A spinner, shown while something is being loaded. @param {{label?: string}} props */
export function Spinner({label}) {
  return html`<span class="spinner" role=${label ? "status" : undefined} aria-label=${label}></span>`;
}

/**
 * Content of an empty part: a line, and a way to fill it.
 * @param {{icon?: IconName, title: Children, children?: Children, action?: Children}} props
 */
export function Empty({icon, title, children, action}) {
  return html`<div class="empty">
    ${icon && html`<${Icon} name=${icon} size=${32} />`}
    <p class="empty-title">${title}</p>
    ${children && html`<p>${children}</p>`}
    ${action}
  </div>`;
}

/**
 * An error, with the way out.
 * @param {{error: Error | string, retry?: () => void, children?: Children}} props
 */
export function Problem({error, retry, children}) {
  return html`<div class="problem" role="alert">
    <${Icon} name="warning" />
    <p dir="auto">${typeof error === "string" ? error : error.message}</p>
    ${children}
    ${retry && html`<${Button} kind="quiet" icon="retry" act=${retry}>${t("frame.retry")}</${Button}>`}
  </div>`;
}

/**
 * A text field that reports its value when it is changed.
 * @param {{id?: string, value: string, onChange: (value: string) => void, placeholder?: string, label?: string,
 *   describedBy?: string, type?: string, disabled?: boolean, rows?: number, [other: string]: any}} props
 *   rows: with more than one, the text has several lines
 */
export function TextInput({value, onChange, label, describedBy, rows = 1, type = "text", ...rest}) {
  const control = {
    ...rest, class: "input", value, "aria-label": label, "aria-describedby": describedBy, dir: "auto",
    onInput: (/** @type {any} */ event) => onChange(event.currentTarget.value),
  };
  return rows > 1 ? html`<textarea ...${control} rows=${rows}></textarea>` : html`<input ...${control} type=${type} />`;
}

/** Return a function that is the same at each render and calls the newest `act`. @param {(...values: any[]) => any} act */
export function useLatest(act) {
  const latest = useRef(act);
  latest.current = act;
  return useMemo(() => (/** @type {any[]} */ ...values) => latest.current(...values), []);
}
