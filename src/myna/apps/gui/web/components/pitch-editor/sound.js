// Playback in the pitch editor: the edited voice or the one before the edits, alone or with the rest of the song.

import {signal} from "../../vendor/preact.js";
import {Stems} from "../../lib/stems.js";
import {Transport} from "../../lib/transport.js";

/** @typedef {import("../../lib/types.js").PitchView} PitchView */

/** @extends {Transport<Stems>} */
export class EditorSound extends Transport {
  /** @param {PitchView} data */
  constructor({sample_rate: rate, seconds, tracks}) {
    super(new Stems({rate, seconds, tracks: tracks.map(({samples: url, channels, sample_rate}) => ({url, channels, rate: sample_rate}))}), seconds);
    this.names = tracks.map(({name}) => name);
    /** Volumes at which the tracks are as loud relative to the voice as in the mix. */
    this.balance = tracks.map(({volume}) => volume);
    /** @type {import("../../vendor/preact.js").Signal<"edited" | "unedited">} */
    this.heard = signal("edited");
    /** True if the rest of the song is played with the voice. */
    this.music = signal(false);
    this.hasMusic = this.names.length > 2;
  }

  volumes() {
    const voices = ["edited", "unedited"];
    return this.names.map((name, index) => (voices.includes(name) ? Number(name === this.heard.peek()) : this.music.peek() ? this.balance[index] : 0));
  }

  /** @param {"edited" | "unedited"} heard */
  hear(heard) {
    this.heard.value = heard;
    this.mix();
  }

  /** @param {boolean} on */
  setMusic(on) {
    this.music.value = on;
    this.mix();
  }

  /** Use the edited voice as it is now. @param {PitchView} data */
  renew({tracks, changed}) {
    const index = this.names.indexOf("edited");
    this.sound.replace(index, tracks[index].samples, changed);
  }
}
