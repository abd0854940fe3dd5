// States that can be undone and redone.

const MOST = 500;

/** @template T @typedef {{past: T[], now: T, future: T[]}} History */

/** @template T @param {T} now @returns {History<T>} */
export function begun(now) {
  return {past: [], now, future: []};
}

/** @template T @param {History<T>} history @param {T} next @returns {History<T>} */
export function changed({past, now}, next) {
  return {past: [...past, now].slice(-MOST), now: next, future: []};
}

/** @template T @param {History<T>} history @returns {History<T>} */
export function undone(history) {
  const {past, now, future} = history;
  if (!past.length) return history;
  return {past: past.slice(0, -1), now: /** @type {T} */ (past.at(-1)), future: [now, ...future]};
}

/** @template T @param {History<T>} history @returns {History<T>} */
export function redone(history) {
  const {past, now, future} = history;
  if (!future.length) return history;
  return {past: [...past, now], now: future[0], future: future.slice(1)};
}
