// Converts the microphone's audio from any sample rate to 16 kHz, 16-bit chunks of 32 ms. Runs on the audio thread.

const RATE = 16000;
const PIECE = 512;
const PHASES = 320; // between two samples of the device; 160 are exact for 44.1 kHz, 1 for 48 kHz
const CROSSINGS = 16; // of the low pass, on each side

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.step = sampleRate / RATE;
    const cutoff = Math.min(1, 1 / this.step) * 0.92;
    this.half = Math.ceil(CROSSINGS / cutoff);
    this.filters = Array.from({ length: PHASES }, (_, phase) => lowPass(cutoff, this.half, phase / PHASES));
    this.held = new Float32Array(4 * this.half + 4096);
    this.count = this.half; // silence before the first sample
    this.position = this.half; // of the next output sample, in device samples
    this.piece = new Int16Array(PIECE);
    this.filled = 0;
    this.peak = 0;
  }

  process(inputs) {
    const input = inputs[0][0];
    if (!input) return true;
    this.held.set(input, this.count);
    this.count += input.length;
    while (this.position + this.half + 1 < this.count) {
      this.put(this.sample());
      this.position += this.step;
    }
    const used = Math.floor(this.position) - this.half;
    this.held.copyWithin(0, used, this.count);
    this.count -= used;
    this.position -= used;
    return true;
  }

  sample() {
    let whole = Math.floor(this.position);
    let phase = Math.round((this.position - whole) * PHASES);
    if (phase === PHASES) {
      whole += 1;
      phase = 0;
    }
    const filter = this.filters[phase];
    const first = whole - this.half + 1;
    let sum = 0;
    for (let tap = 0; tap < filter.length; tap += 1) sum += this.held[first + tap] * filter[tap];
    return sum;
  }

  put(value) {
    const bounded = Math.max(-1, Math.min(1, value));
    this.peak = Math.max(this.peak, Math.abs(bounded));
    this.piece[this.filled] = Math.round(bounded * 32767);
    this.filled += 1;
    if (this.filled < PIECE) return;
    this.port.postMessage({ sound: this.piece.buffer, peak: this.peak }, [this.piece.buffer]);
    this.piece = new Int16Array(PIECE);
    this.filled = 0;
    this.peak = 0;
  }
}

// A windowed sinc for a sample at `after` (0 to 1) past the middle tap. The taps add up to 1.
function lowPass(cutoff, half, after) {
  const taps = Float32Array.from({ length: 2 * half }, (_, tap) => {
    const distance = tap - half + 1 - after;
    const window = 0.5 + 0.5 * Math.cos((Math.PI * distance) / half);
    const turn = Math.PI * cutoff * distance;
    return window * (turn === 0 ? 1 : Math.sin(turn) / turn);
  });
  const sum = taps.reduce((total, tap) => total + tap, 0);
  return taps.map((tap) => tap / sum);
}

registerProcessor("capture", Capture);
