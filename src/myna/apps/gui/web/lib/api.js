// Requests to the server. Paths are relative to /api/v1; all answers are JSON.

const BASE = new URL("api/v1/", document.baseURI);

/** An error that the server described, or a lost connection (code "offline"). */
export class ApiError extends Error {
  /**
   * @param {string} message one line for the person, with the way out
   * @param {string} code
   * @param {number} status HTTP status, 0 if there was no answer
   */
  constructor(message, code, status) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/** @typedef {Record<string, string | number | boolean | null | undefined>} Params */

/** Language of the messages, set by lib/texts.js. */
export const settings = {language: "en", offline: "The studio does not answer. Is it still running?"};

/**
 * Return the address of a path of the API, for example for an audio element or a download.
 * @param {string} path
 * @param {Params} [params] null and undefined are left out
 */
export function address(path, params = {}) {
  const url = new URL(path.replace(/^\//, ""), BASE);
  for (const [name, value] of Object.entries(params)) {
    if (value !== null && value !== undefined) url.searchParams.set(name, String(value));
  }
  return url.href;
}

/** @param {string} path @param {Params} [params] @returns {Promise<any>} */
export const get = (path, params) => request("GET", path, params);

/** @param {string} path @param {any} [body] @param {Params} [params] @returns {Promise<any>} */
export const post = (path, body = {}, params) => request("POST", path, params, body);

/** @param {string} path @param {any} body @param {Params} [params] @returns {Promise<any>} */
export const patch = (path, body, params) => request("PATCH", path, params, body);

/** @param {string} path @param {any} body @param {Params} [params] @returns {Promise<any>} */
export const put = (path, body, params) => request("PUT", path, params, body);

/** @param {string} path @param {Params} [params] @param {any} [body] @returns {Promise<any>} */
export const del = (path, params, body) => request("DELETE", path, params, body);

/**
 * @param {string} method
 * @param {string} path
 * @param {Params} [params]
 * @param {any} [body]
 */
async function request(method, path, params, body) {
  /** @type {Record<string, string>} */
  const headers = {"Accept-Language": settings.language};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(address(path, params), {method, headers, body: body && JSON.stringify(body)});
  } catch {
    throw new ApiError(settings.offline, "offline", 0);
  }
  return answer(response.status, await response.text());
}

/**
 * Upload a file as the raw body of a request. A fetch does not report its progress, so this is an XMLHttpRequest.
 * @param {File} file
 * @param {{onProgress?: (fraction: number) => void, signal?: AbortSignal}} [options]
 * @returns {Promise<import("./types.js").Upload>}
 */
export function upload(file, {onProgress, signal} = {}) {
  return new Promise((resolve, reject) => {
    const sent = new XMLHttpRequest();
    sent.open("POST", address("uploads", {name: file.name}));
    sent.setRequestHeader("Accept-Language", settings.language);
    sent.setRequestHeader("Content-Type", "application/octet-stream");
    sent.upload.addEventListener("progress", ({loaded, total}) => onProgress?.(total ? loaded / total : 0));
    sent.addEventListener("load", () => {
      try {
        resolve(answer(sent.status, sent.responseText));
      } catch (error) {
        reject(error);
      }
    });
    sent.addEventListener("error", () => reject(new ApiError(settings.offline, "offline", 0)));
    sent.addEventListener("abort", () => reject(new DOMException("stopped", "AbortError")));
    signal?.addEventListener("abort", () => sent.abort());
    sent.send(file);
  });
}

/**
 * Return the parsed body of an answer.
 * @param {number} status
 * @param {string} text
 * @returns {any}
 */
function answer(status, text) {
  let body = null;
  try {
    body = text ? JSON.parse(text) : null;
  } catch {
    body = text; // a log is plain text
  }
  if (status >= 200 && status < 300) return body;
  // A proxy in front of the studio does not answer in JSON.
  const {message, code} = body?.error ?? {message: `${settings.offline} (${status})`, code: "http"};
  throw new ApiError(message, code, status);
}
