// Upload of recordings to a voice in training, which continues while another page is shown.

import {batch, computed, signal} from "../../vendor/preact.js";
import {post, upload} from "../../lib/api.js";
import {announce} from "../../lib/store.js";
import {t} from "../../lib/texts.js";
import {toast} from "../../components/toast.js";

const BATCH = 20; // files after which the server adds what it has

/** @typedef {{file: File, id: string}} Sent id: of the upload */
/** @typedef {{file: File, error: Error}} Lost */

/** The files that one voice gets. */
class Sending {
  /** @param {string} name of the voice */
  constructor(name) {
    this.name = name;
    this.total = signal(0);
    this.done = signal(0);
    this.share = signal(0); // of the file that is being sent
    /** Files that could not be sent; they can be sent again. @type {import("../../vendor/preact.js").Signal<Lost[]>} */
    this.lost = signal([]);
    this.active = computed(() => this.done.value < this.total.value);
    this.fraction = computed(() => (this.total.value ? (this.done.value + this.share.value) / this.total.value : 0));
    /** @type {File[]} */
    this.waiting = [];
    this.stop = new AbortController();
  }

  /** @param {File[]} files */
  add(files) {
    const running = this.active.peek();
    batch(() => {
      if (!running) this.done.value = this.total.value = 0;
      this.total.value += files.length;
    });
    this.waiting.push(...files);
    if (!running && files.length) this.run();
  }

  async run() {
    this.stop = new AbortController();
    /** @type {Sent[]} */
    let sent = [];
    for (let file = this.waiting.shift(); file; file = this.waiting.shift()) {
      try {
        const options = {onProgress: (/** @type {number} */ share) => (this.share.value = share), signal: this.stop.signal};
        sent.push({file, id: (await upload(file, options)).id});
      } catch (error) {
        if (this.stop.signal.aborted) break;
        this.lose([file], /** @type {Error} */ (error));
      }
      if (sent.length === BATCH || !this.waiting.length) {
        await this.keep(sent);
        sent = [];
      }
      batch(() => {
        this.share.value = 0;
        this.done.value++;
      });
    }
    await this.keep(sent); // of an upload that was cancelled
    this.done.value = this.total.value;
  }

  /** Add uploaded files to the voice. @param {Sent[]} sent */
  async keep(sent) {
    if (!sent.length) return;
    try {
      const {refused} = await post("project/recordings", {uploads: sent.map(({id}) => id)}, {name: this.name});
      if (refused.length) toast(t("train.refused", {names: refused.join(", ")}), {kind: "bad"});
      announce("projects", this.name);
    } catch (error) {
      this.lose(sent.map(({file}) => file), /** @type {Error} */ (error));
    }
  }

  /** Note files that could not be sent. @param {File[]} files @param {Error} error */
  lose(files, error) {
    this.lost.value = [...this.lost.value, ...files.map((file) => ({file, error}))];
  }

  /** Send no more. */
  cancel() {
    this.waiting = [];
    this.stop.abort();
  }

  /** Send again what could not be sent. */
  again() {
    const files = this.lost.value.map(({file}) => file);
    this.lost.value = [];
    this.add(files);
  }
}

/** @type {Map<string, Sending>} */
const all = new Map();

/** @param {string} name of a voice in training */
export function sendingOf(name) {
  const known = all.get(name) ?? new Sending(name);
  all.set(name, known);
  return known;
}
