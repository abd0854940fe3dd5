// The frame around all pages: the rail of places, the top bar, and the page that the address names.

import {html, useEffect, useLayoutEffect, useRef, useState} from "../vendor/preact.js";
import {connection, href, locked, route, session} from "../lib/store.js";
import {LANGUAGE_NAMES, language, setLanguage, t} from "../lib/texts.js";
import {setTheme, theme} from "../lib/theme.js";
import {Announcer} from "./announcer.js";
import {Problem, Spinner} from "./basics.js";
import {Questions} from "./dialog.js";
import {Icon} from "./icons.js";
import {JobsMenu} from "./jobs-menu.js";
import {LiveChip} from "./live-chip.js";
import {Login} from "./login.js";
import {Menu} from "./menu.js";
import {Toasts} from "./toast.js";

// Places of the rail, in the order of the work.
const PLACES = /** @type {const} */ (["sing", "live", "train", "voices"]);

/** Modules of the pages; each exports a component as default, which gets the rest of the address as `rest`. */
const PAGES = /** @type {Record<string, () => Promise<any>>} */ ({
  sing: () => import("../pages/sing.js"),
  live: () => import("../pages/live.js"),
  train: () => import("../pages/train.js"),
  voices: () => import("../pages/voices.js"),
  pitch: () => import("../pages/pitch.js"),
  jobs: () => import("../pages/jobs.js"),
  doctor: () => import("../pages/doctor.js"),
});

export function Frame() {
  const {page} = route.value;
  useEffect(() => {
    document.title = `${t(`frame.${page}`)} – myna`;
  });
  if (locked.value) return html`<${Login} /><${Toasts} />`;
  return html`
    <a class="skip" href="#content" onClick=${skip}>${t("frame.skip")}</a>
    <header class="top-bar"><${TopBar} /></header>
    <nav class="rail" aria-label=${t("frame.places")}>
      ${PLACES.map((place) => html`<a key=${place} href=${href(place)} aria-current=${place === (page === "pitch" ? "sing" : page) ? "page" : undefined}>
        <${Icon} name=${place} size=${22} /><span>${t(`frame.${place}`)}</span>
      </a>`)}
    </nav>
    <main id="content" tabindex="-1">
      <${Connection} />
      <${Pages} />
    </main>
    <${Announcer} />
    <${Toasts} />
    <${Questions} />`;
}

/** Move the focus past the rail; the address of the page stays. @param {Event} event */
function skip(event) {
  event.preventDefault();
  document.getElementById("content")?.focus();
}

function TopBar() {
  const device = session.value?.device;
  return html`
    <a class="brand" href=${href("sing")}><${Mark} /><span>myna</span></a>
    <div class="top-tools">
      <${LiveChip} />
      <${JobsMenu} />
      <a class="button quiet device" href=${href("doctor")} aria-current=${route.value.page === "doctor" ? "page" : undefined} title=${device?.reason ?? t("frame.doctor")}>
        <${Icon} name="device" size=${18} /><span class="wide-only">${device?.name ?? t("frame.device")}</span>
      </a>
      <${Menu} icon="language" label=${t("frame.language")} items=${(session.value?.languages ?? ["en"]).map((code) => ({
        title: LANGUAGE_NAMES[code] ?? code, checked: code === language.value, act: () => void setLanguage(code),
      }))} />
      <${Menu} icon=${({light: "sun", dark: "moon"})[theme.value] ?? "auto"} label=${t("frame.theme")} items=${[
        {title: t("frame.theme_auto"), icon: "auto", checked: theme.value === "auto", act: () => setTheme("auto")},
        {title: t("frame.theme_light"), icon: "sun", checked: theme.value === "light", act: () => setTheme("light")},
        {title: t("frame.theme_dark"), icon: "moon", checked: theme.value === "dark", act: () => setTheme("dark")},
      ]} />
    </div>`;
}

function Mark() {
  return html`<svg class="mark" viewBox="0 0 24 24" width="24" height="24" aria-hidden="true"><path d="M4 13.500v-3M8 16V8M12 19V5M16 16V8M20 13.500v-3" /></svg>`;
}

/** Message that the connection is lost, shown until it is back. */
function Connection() {
  const lost = connection.value === "lost";
  return html`<div role="status">${lost && html`<p class="connection"><${Spinner} />${t("frame.lost")}</p>`}</div>`;
}

/** All pages that have been visited. They stay mounted, so that playback continues and typed text is kept. */
function Pages() {
  const {page, rest} = route.value;
  const [visited, setVisited] = useState(/** @type {string[]} */ ([]));
  const scrolled = useRef(/** @type {Record<string, number>} */ ({}));
  const shown = useRef(page);

  useEffect(() => {
    const remember = () => (scrolled.current[shown.current] = scrollY);
    addEventListener("scroll", remember, {passive: true});
    return () => removeEventListener("scroll", remember);
  }, []);
  useLayoutEffect(() => {
    if (!visited.includes(page)) setVisited([...visited, page]);
    if (shown.current === page) return;
    shown.current = page;
    scrollTo({top: scrolled.current[page] ?? 0, behavior: "instant"});
    document.getElementById("content")?.focus({preventScroll: true});
  }, [page]);

  const all = visited.includes(page) ? visited : [...visited, page];
  return html`${all.map((name) => html`<div key=${name} hidden=${name !== page} class="place">
    <${Loaded} name=${name} rest=${name === page ? rest : []} />
  </div>`)}`;
}

/** A page whose module is loaded when it is first visited. @param {{name: string, rest: string[]}} props */
function Loaded({name, rest}) {
  const [module, setModule] = useState(/** @type {any} */ (null));
  const [error, setError] = useState(/** @type {Error | null} */ (null));
  const load = () => {
    setError(null);
    PAGES[name]().then(setModule, setError);
  };
  useEffect(load, []);
  const last = useRef(rest);
  if (rest.length || name === route.value.page) last.current = rest;
  if (error) return html`<${Problem} error=${t("frame.page_lost")} retry=${load} />`;
  return module && html`<${module.default} rest=${last.current} />`;
}

