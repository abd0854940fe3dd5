// The log of a job, updated while the job runs.

import {html, useEffect, useLayoutEffect, useRef, useState} from "../vendor/preact.js";
import {get} from "../lib/api.js";
import {t} from "../lib/texts.js";
import {IconButton} from "./basics.js";
import {copyText} from "./copy.js";
import {Icon} from "./icons.js";

const EVERY_MS = 1500;
const NEAR_END = 24; // pixels; further up, a person is reading, so the log does not scroll

/** @param {{job: import("../lib/types.js").Job}} props */
export function JobLog({job}) {
  const [open, setOpen] = useState(false);
  return html`<details class="job-log" onToggle=${(/** @type {any} */ event) => setOpen(event.currentTarget.open)}>
    <summary><${Icon} name="chevron" size=${14} />${t(open ? "frame.hide_log" : "frame.show_log")}</summary>
    ${open && html`<${Lines} job=${job} />`}
  </details>`;
}

/** @param {{job: import("../lib/types.js").Job}} props */
function Lines({job}) {
  const [text, setText] = useState(/** @type {string | null} */ (null));
  const [error, setError] = useState(/** @type {Error | null} */ (null));
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const follows = useRef(true);
  const works = ["running", "stopping"].includes(job.state);

  useEffect(() => {
    let over = false;
    const load = () => get(`jobs/${job.id}/log`).then(
      (found) => {
        if (over) return;
        setText(String(found ?? ""));
        setError(null);
      },
      (caught) => !over && setError(caught),
    );
    load();
    const timer = works ? setInterval(load, EVERY_MS) : undefined;
    return () => {
      over = true;
      clearInterval(timer);
    };
  }, [job.id, job.state]);
  useLayoutEffect(() => {
    if (box.current && follows.current) box.current.scrollTop = box.current.scrollHeight;
  }, [text]);

  if (error) return html`<p class="help bad" role="alert">${error.message}</p>`;
  return html`<div class="log-box">
    <pre
      ref=${box} class="log" tabindex="0" dir="ltr" role="region" aria-label=${t("frame.log_of", {name: job.title})}
      onScroll=${(/** @type {any} */ {currentTarget: {scrollTop, scrollHeight, clientHeight}}) => (follows.current = scrollTop + clientHeight > scrollHeight - NEAR_END)}
    >${text === null ? "…" : text || t("frame.empty_log")}</pre>
    ${text && html`<${IconButton} icon="copy" size=${16} label=${t("frame.copy_log")} act=${() => copyText(text)} />`}
  </div>`;
}
