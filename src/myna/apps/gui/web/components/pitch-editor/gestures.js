// Pointer gestures on the piano roll: move a note, draw a line, choose a stretch, scroll, and zoom with two fingers.

import {panned, shown, timeAt, zoomed} from "../../lib/timeline.js";
import {drawn} from "./edits.js";
import {noteAt, noteOf, rangeOf, rangeZoomed, timeOf} from "./roll.js";

/** @typedef {import("./model.js").Editor} Editor */
/** @typedef {import("./roll.js").Roll} Roll */
/** @typedef {{x: number, y: number}} Point */
/**
 * @typedef {"note" | "line" | "stretch" | "scroll" | "pinch"} Kind
 * @typedef {{kind: Kind, from: Point, view: import("../../lib/timeline.js").View, range: import("./roll.js").Range}} Gesture
 *   view, range: at its beginning
 */

const CLICK_PIXELS = 4; // a press that moves by less is a click

/** Gestures on the roll of an editor. */
export class Gestures {
  /** @param {Editor} editor @param {() => Roll} roll @param {(event: PointerEvent) => Point} place of a pointer in the roll */
  constructor(editor, roll, place) {
    this.editor = editor;
    this.roll = roll;
    this.place = place;
    /** Pointers that are down. @type {Map<number, Point>} */
    this.down = new Map();
    /** @type {Gesture | null} */
    this.gesture = null;
    this.moving = false;
    /** Distance of two fingers at the beginning of a pinch. */
    this.apart = 1;
  }

  /** @param {PointerEvent} event */
  press(event) {
    if (event.button !== 0) return;
    const {editor} = this;
    editor.sound.sound.load(); // during the click, so that the change can be played afterwards
    /** @type {HTMLElement} */ (event.currentTarget).setPointerCapture(event.pointerId);
    const from = this.place(event);
    this.down.set(event.pointerId, from);
    if (this.down.size === 2) return this.pinch();
    const hit = noteAt(this.roll(), editor.data.peek().notes, from.x, from.y);
    const tool = editor.tool.peek();
    if (tool === "draw") {
      editor.line.value = [[timeOf(this.roll(), from.x), noteOf(this.roll(), from.y)]];
      this.begin("line", from);
    } else if (hit >= 0) {
      editor.chooseNote(hit);
      this.begin(tool === "move" ? "note" : "stretch", from);
    } else this.begin(tool === "move" ? "scroll" : "stretch", from);
  }

  /** @param {Kind} kind @param {Point} from */
  begin(kind, from) {
    this.gesture = {kind, from, view: this.editor.view.peek(), range: this.editor.range.peek()};
  }

  pinch() {
    this.abandon();
    const [one, other] = [...this.down.values()];
    this.begin("pinch", middle(one, other));
    this.apart = distance(one, other);
  }

  /** @param {PointerEvent} event */
  move(event) {
    const {gesture, editor} = this;
    if (!gesture || !this.down.has(event.pointerId)) return;
    const to = this.place(event);
    this.down.set(event.pointerId, to);
    const roll = this.roll();
    if (gesture.kind === "pinch") return this.pinched(gesture);
    if (distance(gesture.from, to) < CLICK_PIXELS && !this.moving) return;
    this.moving = true;
    if (gesture.kind === "note") {
      editor.by.value = editor.landing(noteOf(roll, to.y) - noteOf(roll, gesture.from.y), event.altKey || event.shiftKey);
    } else if (gesture.kind === "line") {
      editor.line.value = [...editor.line.peek(), [timeOf(roll, to.x), noteOf(roll, to.y)]];
    } else if (gesture.kind === "stretch") {
      const [start, end] = [timeOf(roll, gesture.from.x), timeOf(roll, to.x)].sort((one, other) => one - other);
      editor.chooseStretch({start, end});
    } else {
      const {view, range} = gesture;
      editor.view.value = panned(view, ((gesture.from.x - to.x) / roll.width) * view.seconds);
      editor.range.value = rangeOf(range.top + ((to.y - gesture.from.y) / roll.height) * range.notes, range.notes);
    }
  }

  /** Zoom in time by the distance of the fingers, and scroll with them. @param {Gesture} gesture */
  pinched({from, view, range}) {
    const [one, other] = [...this.down.values()];
    const to = middle(one, other);
    const roll = this.roll();
    const factor = distance(one, other) / Math.max(1, this.apart);
    const larger = zoomed(view, factor, timeAt(view, from.x / roll.width));
    this.editor.view.value = shown(larger, larger.start - ((to.x - from.x) / roll.width) * larger.seconds, larger.seconds);
    this.editor.range.value = rangeOf(range.top + ((to.y - from.y) / roll.height) * range.notes, range.notes);
  }

  /** @param {PointerEvent} event */
  release(event) {
    this.down.delete(event.pointerId);
    const {gesture, editor, moving} = this;
    if (!gesture) return;
    this.gesture = null;
    this.moving = false;
    const to = this.place(event);
    if (gesture.kind === "note") editor.move(editor.by.peek());
    else if (gesture.kind === "line") {
      const before = editor.edits.peek();
      editor.apply(drawn(before, editor.line.peek()));
      if (before === editor.edits.peek()) editor.line.value = [];
    } else if (!moving && gesture.kind !== "pinch" && editor.note.peek() < 0) {
      editor.chooseStretch(null);
      editor.sound.seek(timeOf(this.roll(), to.x));
    }
  }

  /** @param {PointerEvent} event */
  cancel(event) {
    this.down.delete(event.pointerId);
    this.abandon();
  }

  /** End the gesture without a change, and remove what it has drawn. */
  abandon() {
    this.gesture = null;
    this.moving = false;
    this.editor.by.value = 0;
    this.editor.line.value = [];
  }
}

/**
 * Scroll and zoom the range of notes with the wheel over the keys.
 * @param {Editor} editor
 * @param {WheelEvent} event
 * @param {number} place 0 at the top, 1 at the bottom
 */
export function wheelOverKeys(editor, event, place) {
  const range = editor.range.peek();
  event.preventDefault();
  if (event.ctrlKey || event.metaKey) editor.range.value = rangeZoomed(range, 1.0015 ** -event.deltaY, range.top - place * range.notes);
  else editor.range.value = rangeOf(range.top - event.deltaY * 0.02, range.notes);
}

/** @param {Point} one @param {Point} other */
function distance(one, other) {
  return Math.hypot(one.x - other.x, one.y - other.y);
}

/** @param {Point} one @param {Point} other */
function middle(one, other) {
  return {x: (one.x + other.x) / 2, y: (one.y + other.y) / 2};
}
