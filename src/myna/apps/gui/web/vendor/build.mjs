// Rebuilds the vendored libraries from the packages in package-lock.json: `npm ci && npm run vendor`.

import {readFileSync, writeFileSync} from "node:fs";
import {build} from "esbuild";

const SOURCES = {
  "preact.js": `
    import {h} from "preact";
    import htm from "htm";
    export {h, render, Fragment} from "preact";
    export {useEffect, useLayoutEffect, useRef, useState, useMemo, useCallback} from "preact/hooks";
    export {signal, computed, effect, batch, untracked, useSignal, useComputed, useSignalEffect} from "@preact/signals";
    export const html = htm.bind(h);
  `,
  "wavesurfer.js": `
    export {default as WaveSurfer} from "wavesurfer.js";
    export {default as Regions} from "wavesurfer.js/plugins/regions";
  `,
};
const PACKAGES = ["preact", "@preact/signals", "@preact/signals-core", "htm", "wavesurfer.js"];

const folder = new URL(".", import.meta.url).pathname;
const {packages} = JSON.parse(readFileSync("package-lock.json", "utf8"));
const version = (/** @type {string} */ name) => `${name} ${packages[`node_modules/${name}`].version}`;

for (const [file, contents] of Object.entries(SOURCES)) {
  const used = PACKAGES.filter((name) => contents.includes(`"${name}"`));
  await build({
    stdin: {contents, resolveDir: process.cwd()},
    outfile: `${folder}${file}`,
    bundle: true,
    format: "esm",
    minify: true,
    target: "es2022",
    legalComments: "none",
    banner: {js: `/* ${used.map(version).join(", ")}; licences: LICENSES.txt. Rebuilt by \`npm run vendor\`. */`},
  });
}

const licences = PACKAGES.map((name) => {
  const text = readFileSync(`node_modules/${name}/LICENSE`, "utf8").trim();
  return `${version(name)}\n\n${text}\n`;
});
writeFileSync(`${folder}LICENSES.txt`, licences.join(`\n${"-".repeat(80)}\n\n`));
