// A button that plays one recording, for example a take or a checkpoint's sample.

import {html, signal, useEffect, useMemo} from "../vendor/preact.js";
import {release, takeOver} from "../lib/playing.js";
import {t} from "../lib/texts.js";
import {IconButton} from "./basics.js";
import {failed} from "./toast.js";

/** A recording that is loaded when it is first played. */
class Clip {
  /** @param {string} url */
  constructor(url) {
    this.url = url;
    this.plays = signal(false);
    /** @type {HTMLAudioElement | null} */
    this.audio = null;
  }

  play() {
    this.audio ??= this.load();
    takeOver(this);
    this.plays.value = true;
    this.audio.play().catch((error) => {
      if (error.name === "AbortError") return; // paused before it began
      this.pause();
      failed(new Error(t("frame.unplayable")));
    });
  }

  load() {
    const audio = new Audio(this.url);
    audio.addEventListener("ended", () => this.pause());
    return audio;
  }

  pause() {
    this.audio?.pause();
    this.plays.value = false;
    release(this);
  }
}

/**
 * @param {{url: string, label: string, disabled?: boolean, kind?: string, atOnce?: boolean}} props
 *   label: what is played, for example a file's name; atOnce: begin to play as soon as the button is there
 */
export function PlayButton({url, label, disabled = false, kind = "round", atOnce = false}) {
  const clip = useMemo(() => new Clip(url), [url]);
  useEffect(() => {
    if (atOnce) clip.play();
    return () => clip.pause();
  }, [clip]);
  const plays = clip.plays.value;
  return html`<${IconButton}
    icon=${plays ? "pause" : "play"} label=${t(plays ? "frame.pause_it" : "frame.play_it", {name: label})} kind=${kind} disabled=${disabled}
    act=${() => (plays ? clip.pause() : clip.play())}
  />`;
}
