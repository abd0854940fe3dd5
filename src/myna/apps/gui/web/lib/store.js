// State of the page: the lists of the server, updated through its socket, and the page that the address names.

import {computed, signal, useEffect, useRef, useState} from "../vendor/preact.js";
import {ApiError, get} from "./api.js";

/** @typedef {import("./types.js").Job} Job */
/** @template T @typedef {import("../vendor/preact.js").Signal<T>} Signal */

/** @type {Signal<import("./types.js").Session | null>} */
export const session = signal(null);

/** "open" while the socket is connected. @type {Signal<"open" | "lost">} */
export const connection = signal("open");

/** True while the server asks for a name and password. */
export const locked = signal(false);

// Lists are null until they have been loaded.
/** Newest first. @type {Signal<Job[] | null>} */
export const jobs = signal(null);
/** @type {Signal<import("./types.js").Voice[] | null>} */
export const voices = signal(null);
/** Newest first. @type {Signal<import("./types.js").Result[] | null>} */
export const results = signal(null);
/** @type {Signal<import("./types.js").ProjectRow[] | null>} */
export const projects = signal(null);

/** State of live conversion, null until it is known. @type {Signal<import("./types.js").Live | null>} */
export const live = signal(null);

const LISTS = /** @type {Record<string, Signal<any>>} */ ({jobs, voices, results, projects});

/** Jobs that have not ended. */
export const activeJobs = computed(
  () => (jobs.value ?? []).filter(({state}) => ["waiting", "running", "stopping"].includes(state)),
);

// ---- Events

/** @type {Set<(topic: string, name?: string) => void>} */
const listeners = new Set();

const RETRY_MS = [500, 1000, 2000, 4000];
let failures = 0;

/** Load the session and the lists, and keep them current until the page is closed. */
export async function start() {
  try {
    session.value = await get("session");
    locked.value = false;
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) {
      locked.value = true;
      return;
    }
    connection.value = "lost";
    setTimeout(start, 2000);
    return;
  }
  connect();
}

function connect() {
  const url = new URL("api/v1/events", document.baseURI);
  url.protocol = url.protocol.replace("http", "ws");
  const socket = new WebSocket(url);
  socket.addEventListener("message", ({data}) => receive(JSON.parse(data)));
  socket.addEventListener("close", () => {
    connection.value = "lost";
    setTimeout(start, RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)]);
  });
}

/** @param {{type: string, server_id?: string, job?: Job, live?: import("./types.js").Live, what?: string, name?: string}} event */
function receive(event) {
  if (event.type === "hello") {
    failures = 0;
    connection.value = "open";
    for (const topic of Object.keys(LISTS)) announce(topic);
    get("live").then((found) => (live.value = found), () => {});
  } else if (event.type === "live" && event.live) {
    live.value = event.live;
  } else if (event.type === "job" && event.job) {
    keep(event.job);
  } else if (event.type === "changed" && event.what) {
    announce(event.what, event.name);
  }
}

/**
 * Load again what depends on a topic.
 * @param {string} topic "jobs", "results", "voices", "projects", "presets", "trash", "assets" or "session"
 * @param {string} [name]
 */
export function announce(topic, name) {
  if (topic in LISTS) reload(topic);
  if (topic === "session") get("session").then((found) => (session.value = found), () => {});
  for (const listener of listeners) listener(topic, name);
}

/** @param {string} topic */
async function reload(topic) {
  try {
    LISTS[topic].value = await get(topic);
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) locked.value = true;
  }
}

/**
 * Put a job into the list, as new or in place of its earlier state.
 * @param {Job} job
 */
export function keep(job) {
  const known = jobs.value ?? [];
  jobs.value = known.some(({id}) => id === job.id)
    ? known.map((one) => (one.id === job.id ? job : one))
    : [job, ...known];
}

/** @param {number | null | undefined} id @returns {Job | undefined} */
export function jobOf(id) {
  return jobs.value?.find((job) => job.id === id);
}

/**
 * Load a resource into a component, and again whenever one of its topics changes or the connection returns.
 *
 * `data` keeps its old value while a newer one is loaded, and becomes null if the path changes.
 * @param {string | null} path null loads nothing
 * @param {import("./api.js").Params} [params]
 * @param {string[]} [topics]
 * @returns {{data: any, error: Error | null, loading: boolean, reload: () => void}}
 */
export function useResource(path, params = {}, topics = []) {
  const key = path === null ? null : JSON.stringify([path, params]);
  const [state, setState] = useState(() => ({key, data: null, error: /** @type {Error | null} */ (null)}));
  const [round, setRound] = useState(0);
  const wanted = useRef(key);
  wanted.current = key;

  useEffect(() => {
    if (path === null) return;
    get(path, params).then(
      (data) => wanted.current === key && setState({key, data, error: null}),
      (error) => wanted.current === key && setState((old) => ({key, data: old.key === key ? old.data : null, error})),
    );
  }, [key, round]);
  useEffect(() => {
    const listener = (/** @type {string} */ topic) => {
      if (topics.includes(topic)) setRound((old) => old + 1);
    };
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }, [topics.join()]);

  const current = state.key === key;
  return {
    data: current ? state.data : null,
    error: current ? state.error : null,
    loading: key !== null && (!current || (state.data === null && state.error === null)),
    reload: () => setRound((old) => old + 1),
  };
}

// ---- Place

export const PAGES = ["sing", "live", "train", "voices", "pitch", "jobs", "doctor"];

/** Page that the address names, with the rest of the address. */
export const route = signal(parse(location.hash));

/** @param {string} hash for example "#/train/my%20voice" */
function parse(hash) {
  const [page = "", ...rest] = hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  return PAGES.includes(page) ? {page, rest} : {page: "sing", rest: /** @type {string[]} */ ([])};
}

/**
 * Return the address of a page, for example href("train", "my voice") = "#/train/my%20voice".
 * @param {string[]} parts
 */
export function href(...parts) {
  return `#/${parts.map(encodeURIComponent).join("/")}`;
}

/**
 * Show a page.
 * @param {string[]} parts
 */
export function go(...parts) {
  location.hash = href(...parts);
}

addEventListener("hashchange", () => {
  // After a click on "skip to content", the address names an element.
  if (location.hash.startsWith("#/")) route.value = parse(location.hash);
});
