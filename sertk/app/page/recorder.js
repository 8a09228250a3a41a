// The microphone: opened, heard, closed. In: a device and a rate. Out: mono blocks at that rate.
import { Ring, resample } from "./dsp.js";
import { PageError, ofMicrophone } from "./messages.js";

const KEPT = 130; // seconds

export class Recorder {
  #context;
  #stream;
  #worklet;

  /** Open a microphone; `lost` is called when it goes away by itself. */
  async open({ device, sampleRate, lost }) {
    if (!navigator.mediaDevices?.getUserMedia) throw ofMicrophone({ name: "NotFoundError" });
    const exact = device ? { deviceId: { exact: device } } : {};
    // as the microphone hears it: networks are trained on recordings without these
    const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    try {
      this.#stream = await navigator.mediaDevices.getUserMedia({ audio: { ...exact, ...plain } });
    } catch (error) {
      throw ofMicrophone(error);
    }
    try {
      await this.#connect(sampleRate);
    } catch (error) {
      this.close();
      throw error instanceof PageError ? error : ofMicrophone(error);
    }
    this.wanted = sampleRate;
    this.#stream.getAudioTracks()[0].onended = () => lost();
  }

  async #connect(sampleRate) {
    this.#context = new AudioContext({ sampleRate });
    let source;
    try {
      source = this.#context.createMediaStreamSource(this.#stream);
    } catch {
      // there are browsers that take a microphone at its own rate only; it is resampled here
      await this.#context.close();
      this.#context = new AudioContext();
      source = this.#context.createMediaStreamSource(this.#stream);
    }
    this.rate = this.#context.sampleRate;
    this.ring = new Ring(Math.round(KEPT * this.rate));
    await this.#context.audioWorklet.addModule(new URL("./worklet.js", import.meta.url));
    this.#worklet = new AudioWorkletNode(this.#context, "tap", { numberOfOutputs: 0 });
    this.#worklet.port.onmessage = ({ data }) => this.ring.push(data);
    source.connect(this.#worklet);
    await this.#context.resume();
  }

  /** Seconds heard since it was opened. */
  get seconds() {
    return this.ring.total / this.rate;
  }

  /** The last seconds, at the rate that was asked for. */
  last(seconds) {
    if (this.rate === this.wanted) return this.ring.last(Math.round(seconds * this.rate));
    return resample(this.ring.last(Math.round(seconds * this.rate)), this.rate, this.wanted);
  }

  /** The last samples, at the rate of the microphone, for drawing. */
  raw(samples) {
    return this.ring.last(samples);
  }

  pause() {
    return this.#context.suspend();
  }

  resume() {
    return this.#context.resume();
  }

  /** Close the microphone: the browser's sign goes out. */
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
