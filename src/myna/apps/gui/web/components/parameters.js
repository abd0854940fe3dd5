// The panel of parameters, made from a form of the server.

import {html} from "../vendor/preact.js";
import {number} from "../lib/format.js";
import {t} from "../lib/texts.js";
import {Field, Fold, IconButton, Select, Switch, TextInput} from "./basics.js";

/** @typedef {import("../lib/types.js").FormField} FormField */
/** @typedef {import("../lib/types.js").Values} Values */

/**
 * All fields of a form: the main ones, and those for more and for experts folded away.
 * @param {{form: import("../lib/types.js").Form | null, values: Values, onChange: (values: Values) => void, hide?: string[]}} props
 *   values: only what differs from the defaults; hide: names of fields that the page shows elsewhere
 */
export function Parameters({form, values, onChange, hide = []}) {
  if (!form) return html`<div class="parameters loading" aria-hidden="true"></div>`;
  const group = (/** @type {string} */ name) => form.fields.filter((field) => field.group === name && !hide.includes(field.name));
  const drawn = (/** @type {FormField[]} */ fields) => fields.map(
    (field) => html`<${Parameter} key=${field.name} field=${field} values=${values} onChange=${onChange} />`,
  );
  return html`<div class="parameters">
    ${drawn(group("main"))}
    ${["more", "expert"].map((name) => {
      const fields = group(name);
      if (!fields.length) return null;
      const changed = fields.filter((field) => field.name in values).length;
      return html`<${Fold} key=${name} title=${t(`frame.${name}`)} note=${changed ? t("frame.changed", {n: changed}) : ""}>
        <div class="parameter-grid">${drawn(fields)}</div>
      </${Fold}>`;
    })}
  </div>`;
}

/**
 * One field, with an arrow that returns it to its default and, if it does nothing now, the reason.
 * @param {{field: FormField, values: Values, onChange: (values: Values) => void}} props
 */
function Parameter({field, values, onChange}) {
  const changed = field.name in values;
  const value = changed ? values[field.name] : field.default;

  /** @param {any} next */
  function set(next) {
    const {[field.name]: _, ...rest} = values;
    onChange(next === field.default || (next === null && field.optional && field.default === null) ? rest : {...rest, [field.name]: next});
  }

  const reset = changed && html`<${IconButton}
    class="reset" icon="reset" size=${16} label=${t("frame.reset", {name: field.title, value: shown(field, field.default)})}
    act=${() => set(field.default)}
  />`;
  return html`<${Field}
    class=${`parameter parameter-${field.type} ${field.inert ? "inert" : ""} ${changed ? "changed" : ""}`} label=${field.title} help=${field.inert ?? field.help} aside=${reset}
  >${(/** @type {any} */ ids) => control(field, value, set, ids)}</${Field}>`;
}

/**
 * @param {FormField} field
 * @param {any} value
 * @param {(value: any) => void} set
 * @param {{id: string, describedBy: string | undefined}} ids
 */
function control(field, value, set, ids) {
  const off = Boolean(field.inert);
  const {type, choices, optional} = field;
  if (type === "boolean") return html`<${Switch} ...${ids} value=${Boolean(value)} onChange=${set} disabled=${off} />`;
  if (choices) {
    const all = optional && !choices.some((choice) => choice.value === null) ? [{value: null, title: t("frame.automatic")}, ...choices] : choices;
    return html`<${Select} ...${ids} value=${value} choices=${all} onChange=${set} disabled=${off} />`;
  }
  if (type === "number" || type === "integer") return html`<${NumberInput} ...${ids} field=${field} value=${value} onChange=${set} />`;
  return html`<${TextInput} ...${ids} value=${value ?? ""} disabled=${off} onChange=${(/** @type {string} */ text) => set(text === "" && optional ? null : text)} />`;
}

/**
 * A number, with a slider if its range is known.
 * @param {{field: Pick<FormField, "title" | "type" | "low" | "high" | "step" | "unit" | "optional" | "inert">, value: number | null, onChange: (value: number | null) => void, id: string,
 *   describedBy: string | undefined}} props
 */
export function NumberInput({field, value, onChange, id, describedBy}) {
  const {low, high, optional, unit} = field;
  const step = field.step ?? (field.type === "integer" ? 1 : "any");
  const range = {min: low ?? undefined, max: high ?? undefined, step, disabled: Boolean(field.inert)};

  /** @param {Event} event */
  function typed(event) {
    const input = /** @type {HTMLInputElement} */ (event.currentTarget);
    if (input.value === "" && optional) return onChange(null);
    const next = clamp(Number(input.value), low, high);
    if (input.value === "" || Number.isNaN(next)) {
      input.value = value === null ? "" : String(value);
      return;
    }
    input.value = String(next);
    onChange(next);
  }

  return html`<div class="number-input">
    ${low !== null && high !== null && html`<input
      ...${range} type="range" aria-label=${field.title} value=${value ?? low} class=${value === null ? "unset" : ""} style=${{"--share": share(value ?? low, low, high)}}
      onInput=${(/** @type {any} */ event) => onChange(Number(event.currentTarget.value))}
    />`}
    <input
      ...${range} step="any" id=${id} aria-describedby=${describedBy} type="number" class="input" value=${value ?? ""} placeholder=${optional ? t("frame.automatic_short") : undefined}
      onChange=${typed}
    />
    ${unit && html`<span class="unit">${unit}</span>`}
  </div>`;
}

/** @param {number} value @param {number} low @param {number} high */
function share(value, low, high) {
  return String((value - low) / (high - low));
}

/** @param {number} value @param {number | null} low @param {number | null} high */
function clamp(value, low, high) {
  return Math.min(high ?? Infinity, Math.max(low ?? -Infinity, value));
}

/** A value as the panel shows it. @param {FormField} field @param {any} value */
function shown({choices, unit}, value) {
  if (value === null || value === "") return t("frame.automatic");
  if (typeof value === "boolean") return t(value ? "frame.on" : "frame.off");
  const text = choices?.find((choice) => choice.value === value)?.title ?? (typeof value === "number" ? number(value) : String(value));
  return unit ? `${text} ${unit}` : text;
}
