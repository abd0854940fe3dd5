// The form that a studio with a password shows first.

import {html, useState} from "../vendor/preact.js";
import {post} from "../lib/api.js";
import {start} from "../lib/store.js";
import {t} from "../lib/texts.js";
import {Button, Field, Problem, TextInput} from "./basics.js";

export function Login() {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [error, setError] = useState(/** @type {Error | null} */ (null));
  const [busy, setBusy] = useState(false);

  /** @param {Event} event */
  async function enter(event) {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await post("login", {name, password});
      await start();
    } catch (caught) {
      setError(/** @type {Error} */ (caught));
    }
    setBusy(false);
  }

  return html`<main class="login">
    <form class="card" onSubmit=${enter}>
      <h1>myna</h1>
      <${Field} label=${t("frame.name")}>${(/** @type {any} */ ids) => html`<${TextInput} ...${ids} value=${name} onChange=${setName} autocomplete="username" required />`}</${Field}>
      <${Field} label=${t("frame.password")}>${(/** @type {any} */ ids) => html`<${TextInput} ...${ids} type="password" value=${password} onChange=${setPassword} autocomplete="current-password" required />`}</${Field}>
      ${error && html`<${Problem} error=${error} />`}
      <${Button} kind="main" type="submit" busy=${busy}>${t("frame.enter")}</${Button}>
    </form>
  </main>`;
}
