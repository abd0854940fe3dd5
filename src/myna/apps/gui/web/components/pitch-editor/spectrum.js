// The spectrogram behind the notes, in tiles that are loaded when they come into sight.

import {HIGHEST, LOWEST, xOf, yOf} from "./roll.js";

/** @typedef {import("./roll.js").Roll} Roll */

const TILE_SECONDS = 10;
const STRONGEST = 0.55; // opacity of the loudest harmonic

/** @typedef {{levels: Uint8Array, columns: number, rows: number, colour: string, picture: OffscreenCanvas | null}} Tile */

export class Spectrum {
  /** @param {string} url @param {number} seconds @param {() => void} onLoad */
  constructor(url, seconds, onLoad) {
    this.url = url;
    this.seconds = seconds;
    this.onLoad = onLoad;
    /** @type {Map<number, Tile | null>} null while a tile is loaded */
    this.tiles = new Map();
  }

  /** Load the tiles of stretches again when they are next shown. @param {string} url @param {[number, number][]} stretches in seconds */
  renew(url, stretches) {
    this.url = url;
    for (const [start, end] of stretches) {
      for (let number = Math.floor(start / TILE_SECONDS); number * TILE_SECONDS < end; number++) this.load(number);
    }
    this.onLoad();
  }

  /** @param {number} number */
  async load(number) {
    const start = number * TILE_SECONDS;
    const address = new URL(this.url, document.baseURI);
    address.searchParams.set("start", String(start));
    address.searchParams.set("seconds", String(Math.min(TILE_SECONDS, this.seconds - start)));
    if (!this.tiles.has(number)) this.tiles.set(number, null);
    const response = await fetch(address).catch(() => null);
    if (!response?.ok) return; // the notes are there without it
    const rows = Number(response.headers.get("x-rows"));
    const levels = new Uint8Array(await response.arrayBuffer());
    this.tiles.set(number, {levels, rows, columns: levels.length / rows, colour: "", picture: null});
    this.onLoad();
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Roll} roll
   * @param {string} colour
   */
  draw(context, roll, colour) {
    const {start, seconds} = roll.view;
    const top = yOf(roll, HIGHEST);
    const height = yOf(roll, LOWEST) - top;
    for (let number = Math.floor(start / TILE_SECONDS); number * TILE_SECONDS < start + seconds; number++) {
      if (!this.tiles.has(number)) this.load(number);
      const tile = this.tiles.get(number);
      if (!tile?.columns) continue;
      if (!tile.picture || tile.colour !== colour) paint(tile, colour);
      const from = number * TILE_SECONDS;
      const x = xOf(roll, from);
      const width = xOf(roll, Math.min(from + TILE_SECONDS, this.seconds)) - x;
      context.drawImage(/** @type {OffscreenCanvas} */ (tile.picture), x, top, width, height);
    }
  }
}

/** Draw the levels of a tile as opacities of a colour. @param {Tile} tile @param {string} colour */
function paint(tile, colour) {
  const {levels, columns, rows} = tile;
  const picture = new OffscreenCanvas(columns, rows);
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (picture.getContext("2d"));
  const image = context.createImageData(columns, rows);
  for (let index = 0; index < levels.length; index++) image.data[4 * index + 3] = STRONGEST * levels[index] ** 2 / 255;
  context.putImageData(image, 0, 0);
  context.globalCompositeOperation = "source-in";
  context.fillStyle = colour;
  context.fillRect(0, 0, columns, rows);
  tile.picture = picture;
  tile.colour = colour;
}
