// Runs in the audio thread, so that no samples are lost when the page is busy. Posts batches of samples of the first
// channel; any message ends the recording and is answered with null after the last batch.

const BATCH = 1024; // samples: about 20 ms

class Recorder extends AudioWorkletProcessor {
  constructor() {
    super();
    this.batch = new Float32Array(BATCH);
    this.filled = 0;
    this.ended = false;
    this.port.onmessage = () => {
      this.ended = true;
      this.send();
      this.port.postMessage(null);
    };
  }

  send() {
    if (this.filled) this.port.postMessage(this.batch.slice(0, this.filled));
    this.filled = 0;
  }

  /** @param {Float32Array[][]} inputs */
  process([input]) {
    if (this.ended) return false;
    for (const sample of input[0] ?? []) {
      this.batch[this.filled++] = sample;
      if (this.filled === BATCH) this.send();
    }
    return true;
  }
}
registerProcessor("myna-recorder", Recorder);
