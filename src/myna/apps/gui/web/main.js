// Start of the page: the language, the connection, and the frame around all pages.

import {html, render} from "./vendor/preact.js";
import {Frame} from "./components/frame.js";
import {start} from "./lib/store.js";
import {language, setLanguage} from "./lib/texts.js";

const texts = setLanguage(language.value, {keep: false}).catch(() => {}); // without texts, the frame shows that the server is unavailable
const session = start();
await texts;
render(html`<${Frame} />`, /** @type {HTMLElement} */ (document.getElementById("app")));
await session;
