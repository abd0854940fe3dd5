// Deleted items that can still be restored.

import {html} from "../../vendor/preact.js";
import {del, post} from "../../lib/api.js";
import {bytes, when} from "../../lib/format.js";
import {useResource} from "../../lib/store.js";
import {t} from "../../lib/texts.js";
import {Button, Empty, IconButton, Problem, Spinner} from "../../components/basics.js";
import {Dialog, ask} from "../../components/dialog.js";
import {Icon} from "../../components/icons.js";
import {failed, toast} from "../../components/toast.js";

/** @typedef {{id: string, kind: string, name: string, title: string, deleted_at: string, bytes: number}} Trashed */

const ICONS = /** @type {Record<string, import("../../components/icons.js").IconName>} */ ({
  voice: "voices", result: "sing", project: "train", recording: "file", preset: "file",
});

/** @param {{onClose: () => void}} props */
export function Trash({onClose}) {
  const {data, error, reload} = useResource("trash", {}, ["trash"]);
  const items = /** @type {Trashed[] | null} */ (data);

  /** @param {Trashed} item */
  async function restore({id, title}) {
    try {
      await post(`trash/${id}/restore`);
      toast(t("voices.restored", {name: title}));
      reload();
    } catch (caught) {
      failed(/** @type {Error} */ (caught));
    }
  }

  /** @param {Trashed[]} which */
  async function destroy(which) {
    const sure = which.length === 1 ? t("voices.sure_for_good", {name: which[0].title}) : t("voices.sure_empty", {n: which.length});
    const size = which.reduce((sum, item) => sum + item.bytes, 0);
    if (!await ask({title: sure, text: t("voices.sure_text", {size: bytes(size)}), yes: t("voices.delete_for_good"), danger: true})) return;
    try {
      for (const {id} of which) await del(`trash/${id}`);
    } catch (caught) {
      failed(/** @type {Error} */ (caught));
    }
    reload();
  }

  return html`<${Dialog}
    title=${t("voices.trash")} wide onClose=${onClose}
    actions=${items && items.length > 1 && html`<${Button} kind="danger" icon="trash" act=${() => destroy(items)}>${t("voices.empty_trash")}</${Button}>`}
  >
    ${error ? html`<${Problem} error=${error} retry=${reload} />` : items === null ? html`<${Spinner} label=${t("voices.trash")} />` : items.length === 0
      ? html`<${Empty} icon="trash" title=${t("voices.trash_empty")}>${t("voices.trash_kept")}</${Empty}>`
      : html`<p class="quiet">${t("voices.trash_kept")}</p><ul class="trash-list">${items.map((item) => html`<li key=${item.id}>
          <${Icon} name=${ICONS[item.kind] ?? "file"} />
          <div class="trash-text"><p class="trash-title" dir="auto">${item.title}</p><p class="quiet">${[t(`voices.kind_${item.kind}`), bytes(item.bytes), t("voices.deleted_at", {when: when(item.deleted_at)})].join(" · ")}</p></div>
          <${Button} kind="quiet" icon="reset" aria-label=${t("voices.restore_it", {name: item.title})} act=${() => restore(item)}>${t("voices.restore")}</${Button}>
          <${IconButton} icon="trash" kind="danger" label=${t("voices.destroy_it", {name: item.title})} act=${() => destroy([item])} />
        </li>`)}</ul>`}
  </${Dialog}>`;
}
