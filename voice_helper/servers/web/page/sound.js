// The loudspeaker and the microphone of the browser, for 16 kHz, 16-bit, mono audio.

const RATE = 16000;
const AHEAD_SECONDS = 0.03; // speech is scheduled this far ahead, so that its start is not cut off

let shared = null;

// One audio context for both. Browsers keep it silent until the user has pressed a button or a key.
export function wake() {
  shared ??= new AudioContext({ latencyHint: "interactive" });
  if (shared.state === "suspended") shared.resume().catch(() => {});
  return shared;
}

// Plays pieces of speech in order.
export class Player {
  #gain = null;
  #meter = null;
  #playing = new Map();
  #ends = 0;
  #muted = false;

  // `played` receives the number of each piece that has been played to its end.
  constructor(played) {
    this.played = played;
    this.playedSamples = 0;
    this.loudest = 0;
  }

  get isPlaying() {
    return this.#playing.size > 0;
  }

  set muted(muted) {
    this.#muted = muted;
    if (this.#gain) this.#gain.gain.value = muted ? 0 : 1;
  }

  // A piece consists of its number (four bytes, little-endian) and its audio.
  play(piece) {
    const context = wake();
    this.#connect(context);
    const number = new DataView(piece).getUint32(0, true);
    const samples = new Int16Array(piece, 4);
    const buffer = context.createBuffer(1, samples.length, RATE);
    buffer.copyToChannel(Float32Array.from(samples, (sample) => sample / 32768), 0);
    const source = new AudioBufferSourceNode(context, { buffer });
    source.connect(this.#gain);
    source.onended = () => {
      if (!this.#playing.delete(number)) return;
      this.playedSamples += samples.length;
      this.played(number);
    };
    this.#playing.set(number, source);
    const starts = Math.max(context.currentTime + AHEAD_SECONDS, this.#ends);
    this.#ends = starts + buffer.duration;
    source.start(starts);
    this.#measure();
  }

  hush() {
    for (const source of this.#playing.values()) source.stop();
    this.#playing.clear();
    this.#ends = 0;
  }

  #connect(context) {
    if (this.#gain) return;
    this.#gain = new GainNode(context, { gain: this.#muted ? 0 : 1 });
    this.#meter = new AnalyserNode(context, { fftSize: 1024 });
    this.#gain.connect(this.#meter).connect(context.destination);
  }

  #measure() {
    const samples = new Float32Array(this.#meter.fftSize);
    const look = () => {
      this.#meter.getFloatTimeDomainData(samples);
      for (const sample of samples) this.loudest = Math.max(this.loudest, Math.abs(sample));
      if (this.isPlaying) setTimeout(look, 50);
    };
    setTimeout(look, 50);
  }
}

// Delivers the microphone's audio while it is open. The device is released as soon as listening ends.
export class Microphone {
  #stream = null;
  #source = null;
  #node = null;
  #wanted = false;

  // `heard` receives each chunk of audio and its peak, from 0 to 1.
  constructor(heard) {
    this.heard = heard;
  }

  static get isAllowed() {
    return window.isSecureContext && Boolean(navigator.mediaDevices?.getUserMedia);
  }

  get isOpen() {
    return this.#node !== null;
  }

  // Opens the device. False if it was closed in the meantime. Throws if there is none or permission was denied.
  async open() {
    this.#wanted = true;
    if (this.#node) return true;
    const context = wake();
    const stream = await navigator.mediaDevices.getUserMedia({
      // the recognizer handles soft voices and noise; doing so here would delay a "stop" by half a second
      audio: { channelCount: 1, echoCancellation: true, noiseSuppression: false, autoGainControl: false },
    });
    await (this.loaded ??= context.audioWorklet.addModule("capture.js"));
    if (!this.#wanted || this.#node) {
      for (const track of stream.getTracks()) track.stop();
      return this.#wanted;
    }
    this.#stream = stream;
    this.#source = new MediaStreamAudioSourceNode(context, { mediaStream: stream });
    this.#node = new AudioWorkletNode(context, "capture", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
    this.#node.port.onmessage = ({ data }) => this.heard(data.sound, data.peak);
    this.#source.connect(this.#node);
    return true;
  }

  close() {
    this.#wanted = false;
    if (!this.#node) return;
    this.#node.port.onmessage = null;
    this.#source.disconnect();
    for (const track of this.#stream.getTracks()) track.stop();
    this.#stream = this.#source = this.#node = null;
  }
}
