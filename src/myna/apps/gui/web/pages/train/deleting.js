// Deletion of a voice in training, with a confirmation and an undo.

import {del, post} from "../../lib/api.js";
import {bytes} from "../../lib/format.js";
import {announce, go, projects, route} from "../../lib/store.js";
import {t} from "../../lib/texts.js";
import {ask} from "../../components/dialog.js";
import {failed, toast} from "../../components/toast.js";
import {forgetDraft} from "./draft.js";

/**
 * Delete a voice in training if the person agrees.
 * @param {string} name
 * @param {number} size bytes on disk
 */
export async function deleteProject(name, size) {
  const agreed = await ask({
    title: t("train.delete_title", {name}), text: t("train.delete_text", {size: bytes(size)}), yes: t("frame.delete"), danger: true,
  });
  if (!agreed) return;
  const {page, rest} = route.value;
  if (page === "train" && rest[0] === name) go("train");
  try {
    const {trash_id: id} = await del("project", {name});
    projects.value = (projects.value ?? []).filter((one) => one.name !== name);
    forgetDraft(name);
    toast(t("train.deleted", {name}), {undo: () => post(`trash/${id}/restore`).then(() => announce("projects"), failed)});
  } catch (error) {
    failed(/** @type {Error} */ (error));
  }
}
