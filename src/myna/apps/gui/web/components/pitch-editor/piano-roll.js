// The piano roll of the pitch editor, with its piano keys and its ruler, and its control by the keyboard.

import {html, useEffect, useMemo, useRef} from "../../vendor/preact.js";
import {t} from "../../lib/texts.js";
import {useCanvas} from "../canvas.js";
import {Rail, Ruler, useWheel} from "../timeline.js";
import {Gestures, wheelOverKeys} from "./gestures.js";
import {paintKeys, paintRoll} from "./paint.js";

/** @typedef {import("./model.js").Editor} Editor */

/** @param {{editor: Editor, describedBy: string}} props describedBy: id of the text about what is chosen */
export function PianoRoll({editor, describedBy}) {
  return html`<div class="roll-grid">
    <div></div>
    <${Ruler} transport=${editor.sound} view=${editor.view} />
    <${Keys} editor=${editor} />
    <${Roll} editor=${editor} describedBy=${describedBy} />
    <div></div>
    <${Rail} view=${editor.view} />
  </div>`;
}

/** @param {{editor: Editor}} props */
function Keys({editor}) {
  const [range, key] = [editor.range.value, editor.key.value];
  const {ref} = useCanvas((context, width, height) => {
    paintKeys(context, {view: editor.view.peek(), range: editor.range.peek(), width, height}, key);
  }, [range, key]);
  useEffect(() => {
    const canvas = /** @type {HTMLCanvasElement} */ (ref.current);
    const onWheel = (/** @type {WheelEvent} */ event) => {
      const {top, height} = canvas.getBoundingClientRect();
      wheelOverKeys(editor, event, (event.clientY - top) / height);
    };
    canvas.addEventListener("wheel", onWheel, {passive: false});
    return () => canvas.removeEventListener("wheel", onWheel);
  }, [editor]);
  return html`<canvas class="roll-keys" ref=${ref} aria-hidden="true"></canvas>`;
}

/** @param {{editor: Editor, describedBy: string}} props */
function Roll({editor, describedBy}) {
  const area = useRef(/** @type {HTMLElement | null} */ (null));
  const size = () => /** @type {HTMLElement} */ (area.current).getBoundingClientRect();
  const {ref} = useCanvas((context, width, height) => {
    const {notes, before, after, frame_seconds: frame} = editor.data.peek();
    paintRoll(context, {view: editor.view.peek(), range: editor.range.peek(), width, height}, {
      notes, before: {cents: before, frame}, after: {cents: after, frame}, spectrum: editor.spectrum, key: editor.key.peek(), edits: editor.edits.peek(),
      selected: editor.selected.peek(), note: editor.note.peek(), by: editor.by.peek(), line: editor.line.peek(),
    });
  }, [
    editor.data.value, editor.view.value, editor.range.value, editor.key.value, editor.edits.value, editor.selected.value, editor.note.value,
    editor.by.value, editor.line.value, editor.drawn.value,
  ]);
  useWheel(area, editor.view);
  const gestures = useMemo(() => new Gestures(
    editor,
    () => ({view: editor.view.peek(), range: editor.range.peek(), width: size().width, height: size().height}),
    ({clientX, clientY}) => ({x: clientX - size().left, y: clientY - size().top}),
  ), [editor]);
  return html`<div
    class=${`roll ${editor.tool.value}`} ref=${area} role="application" tabindex="0" aria-label=${t("pitch.roll")} aria-describedby=${describedBy}
    onPointerDown=${(/** @type {PointerEvent} */ event) => gestures.press(event)} onPointerMove=${(/** @type {PointerEvent} */ event) => gestures.move(event)}
    onPointerUp=${(/** @type {PointerEvent} */ event) => gestures.release(event)} onPointerCancel=${(/** @type {PointerEvent} */ event) => gestures.cancel(event)}
    onKeyDown=${(/** @type {KeyboardEvent} */ event) => onKey(event, editor)}
  ><canvas ref=${ref} aria-hidden="true"></canvas><div class="playhead"></div></div>`;
}

/** Keys of the roll itself; those of the whole editor are handled by the editor. @param {KeyboardEvent} event @param {Editor} editor */
function onKey(event, editor) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const act = /** @type {Record<string, () => void>} */ ({
    ArrowLeft: () => editor.step(-1),
    ArrowRight: () => editor.step(1),
    ArrowUp: () => editor.nudge(1, event.shiftKey),
    ArrowDown: () => editor.nudge(-1, event.shiftKey),
    Enter: () => editor.playChosen(),
    Escape: () => editor.chooseStretch(null),
    Delete: () => editor.restore(),
    Backspace: () => editor.restore(),
  })[event.key];
  if (!act) return;
  editor.sound.sound.load();
  act();
  event.preventDefault();
  event.stopPropagation(); // the arrow keys do not move the position
}
