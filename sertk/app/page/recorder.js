// The microphone: open, record, close. In: a device. Out: the last seconds, mono, at its own rate.
// Browsers would resample it, but lose up to 10 dB of the highest octave's end; dsp.js does not.
import { Ring } from "./dsp.js";
import { PageError, ofMicrophone } from "./messages.js";

export class Recorder {
  #context;
  #stream;
  #worklet;

  /** Open a microphone, and keep its last seconds; `lost` is called when it goes away by itself. */
  async open({ device, keep, lost }) {
    if (!navigator.mediaDevices?.getUserMedia) throw ofMicrophone({ name: "NotFoundError" });
    const exact = device ? { deviceId: { exact: device } } : {};
    // unprocessed: models are trained on recordings without these
    const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    try {
      this.#stream = await navigator.mediaDevices.getUserMedia({ audio: { ...exact, ...plain } });
    } catch (error) {
      throw ofMicrophone(error);
    }
    try {
      await this.#connect(keep);
    } catch (error) {
      this.close();
      throw error instanceof PageError ? error : ofMicrophone(error);
    }
    this.#stream.getAudioTracks()[0].onended = () => lost();
  }

  async #connect(keep) {
    this.#context = new AudioContext();
    const source = this.#context.createMediaStreamSource(this.#stream);
    this.rate = this.#context.sampleRate;
    this.ring = new Ring(Math.ceil(keep * this.rate));
    await this.#context.audioWorklet.addModule(new URL("./worklet.js", import.meta.url));
    this.#worklet = new AudioWorkletNode(this.#context, "tap", { numberOfOutputs: 0 });
    this.#worklet.port.onmessage = ({ data }) => this.ring.push(data);
    source.connect(this.#worklet);
    await this.#context.resume();
  }

  /** Seconds recorded since it was opened. */
  get seconds() {
    return this.ring.total / this.rate;
  }

  /** The last samples, at the rate of the microphone. */
  last(samples) {
    return this.ring.last(samples);
  }

  pause() {
    return this.#context.suspend();
  }

  resume() {
    return this.#context.resume();
  }

  /** Close the microphone; the browser's indicator goes off. */
  close() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#context?.close();
    this.#stream = this.#context = undefined;
  }
}

/** List the microphones; they have names once one was allowed. */
export async function devices() {
  if (!navigator.mediaDevices?.enumerateDevices) return [];
  const found = await navigator.mediaDevices.enumerateDevices();
  return found.filter(({ kind }) => kind === "audioinput");
}
