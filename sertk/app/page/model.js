// A model: the steps of its metadata in order: before_the_graph, the graph, after_the_graph.
// In: the bytes of a bundle; waveforms. Out: predictions with the columns of sertk's timelines, and
// profiles of speakers.
import { WEIGHTS, readBundle, readSpec, text } from "./bundle.js";
import { cancels, loudestDb, mixDown, modulationDb, removeOffset, roundHalfEven, trim, windows } from "./dsp.js";
import { PageError, ofModel, ofRuntime, ofSound } from "./messages.js";
import { averaged } from "./profile.js";
import { cutWav, rateOfWav } from "./wav.js";

export const LONGEST = 120; // seconds of a recording that may get a single answer
const MOST = 1200; // seconds that are held in memory
const STEPS = ["decode", "mix_down", "resample", "remove_offset", "trim"];
// of bundles that were written before their record named the step
const REMOVE_OFFSET = { window_seconds: 0.5, block_seconds: 0.01 };

export class Model {
  /** Open a bundle; nothing in it is run but the graph, by the runtime whose bytes are given. */
  static async open(bytes, source, runtime) {
    const files = await readBundle(bytes, source);
    const spec = readSpec(files, source);
    const strange = spec.before_the_graph.filter(({ step }) => !STEPS.includes(step));
    if (strange.length) {
      throw new PageError(
        `The model in ${source} needs the unknown preprocessing step '${strange[0].step}'.`,
        `This page supports ${STEPS.join(", ")}.`,
        "Use the page of the version of sertk that exported it.",
      );
    }
    const weights = [...files.keys()]
      .filter((name) => name.endsWith(WEIGHTS))
      .map((name) => ({ path: name, data: files.get(name) }));
    const graph = files.get("model.onnx");
    const size = weights.reduce((sum, { data }) => sum + data.length, graph.length);
    const model = new Model(spec, text(files.get("MODEL_CARD.md")), size);
    await model.#start({ load: graph, weights, runtime }, source);
    return model;
  }

  #worker;
  #waiting = new Map();
  #asked = 0;

  constructor(spec, card, size) {
    this.spec = spec;
    this.card = card;
    this.size = size;
    this.classes = spec.classes;
    this.sampleRate = spec.sample_rate;
    this.clipSeconds = spec.clip_seconds;
    this.valence = spec.after_the_graph.valence;
    this.gate = spec.after_the_graph.no_speech;
    this.silenceDb = this.gate.below_db;
    this.shortSeconds = spec.after_the_graph.short_below_seconds;
    this.offset = this.#step("remove_offset") ?? REMOVE_OFFSET;
    this.ms = NaN; // that the last answer took
    this.speaker = null; // the profile that is enrolled
  }

  #step(name) {
    return this.spec.before_the_graph.find(({ step }) => step === name);
  }

  #withoutOffset(waveform) {
    return removeOffset(waveform, this.sampleRate, this.offset.window_seconds, this.offset.block_seconds);
  }

  async #start(message, source) {
    this.#worker = new Worker(new URL("./engine.js", import.meta.url), { type: "module" });
    this.#worker.onmessage = ({ data }) => {
      this.#waiting.get(data.id)?.(data);
      this.#waiting.delete(data.id);
    };
    this.#worker.onerror = (event) => {
      this.#fail({ failed: event.message || "its worker did not start", where: "runtime" });
    };
    const answer = await this.#ask(message);
    if (answer.failed) {
      this.close();
      throw answer.where ? ofRuntime(answer.failed) : ofModel(source, answer.failed);
    }
    this.enrolled = answer.enrolled; // shape of a speaker's mean vector; null if none can be enrolled
  }

  #ask(message) {
    const id = this.#asked++;
    return new Promise((give) => {
      this.#waiting.set(id, give);
      this.#worker.postMessage({ id, ...message });
    });
  }

  #fail(answer) {
    for (const give of this.#waiting.values()) give(answer);
    this.#waiting.clear();
  }

  close() {
    this.#worker?.terminate();
    this.#fail({ failed: "it was closed" });
  }

  /** Decode a file, and bring it to the model's rate: mono, not trimmed. */
  async decode(bytes, name) {
    if (cutWav(bytes)) throw ofSound(name, "it is truncated");
    const rate = rateOfWav(bytes) ?? 48000;
    let buffer;
    try {
      const context = new OfflineAudioContext(1, 1, Math.min(Math.max(rate, 8000), 96000));
      buffer = await context.decodeAudioData(bytes.slice().buffer);
    } catch {
      throw ofSound(name, "its content is damaged or in another format");
    }
    if (buffer.duration > MOST) {
      throw new PageError(
        `${name} is ${Math.round(buffer.duration / 60)} minutes long.`,
        `The limit of this page is ${MOST / 60} minutes.`,
        "Cut the file, or use `sertk predict --timeline`.",
      );
    }
    const channels = Array.from({ length: buffer.numberOfChannels }, (_, n) => buffer.getChannelData(n));
    const mixed = mixDown(channels);
    if (mixed.length === 0) throw ofSound(name, "it has no samples");
    if (cancels(channels, mixed)) throw ofSound(name, "its channels cancel each other");
    if (!mixed.every(Number.isFinite)) throw ofSound(name, "it has samples that are not finite");
    return this.resampled(mixed, buffer.sampleRate);
  }

  /** Bring a waveform to the model's rate. */
  async resampled(waveform, rate) {
    if (rate === this.sampleRate) return waveform;
    const answer = await this.#ask({ resample: [waveform, rate, this.sampleRate] });
    if (answer.failed) throw ofSound("The sound", answer.failed);
    return answer.waveform;
  }

  /** Answer for the last clip of a recorder. */
  async latest(recorder) {
    const wanted = Math.min(this.clipSeconds, recorder.seconds);
    // a little more than is needed, so that the filter has no edge in the clip
    const held = recorder.last(Math.ceil((wanted + 0.02) * recorder.rate));
    const waveform = await this.resampled(held, recorder.rate);
    const count = Math.min(roundHalfEven(wanted * this.sampleRate), waveform.length);
    const last = this.#withoutOffset(waveform.subarray(waveform.length - count));
    const answer = await this.answer(last);
    return { ...answer, seconds: count / this.sampleRate, short: this.#isShort(count) };
  }

  /** Answer for a whole recording, its quiet ends cut off. */
  async whole(waveform) {
    const kept = this.#trimmed(waveform);
    const answer = await this.answer(kept);
    return { ...answer, seconds: waveform.length / this.sampleRate, short: this.#isShort(kept.length) };
  }

  #trimmed(waveform) {
    const step = this.#step("trim");
    const centered = this.#withoutOffset(waveform);
    return step ? trim(centered, step) : centered;
  }

  /** Answer along a recording: windows as long as a clip, every half clip, not trimmed. */
  async *along(waveform) {
    const window = this.clipSeconds;
    for (const piece of windows(waveform, this.sampleRate, window, window / 2)) {
      const length = roundHalfEven((piece.end - piece.start) * this.sampleRate);
      const padded = new Float32Array(piece.waveform.length);
      padded.set(this.#withoutOffset(piece.waveform.subarray(0, length)));
      const answer = await this.answer(padded, length);
      yield { start: piece.start, end: piece.end, short: this.#isShort(length), ...answer };
    }
  }

  #isShort(samples) {
    return samples / this.sampleRate < this.shortSeconds;
  }

  /** Answer for a waveform as it is; silence and steady noise are not given to the graph. */
  async answer(waveform, length = waveform.length) {
    const level = this.#level(waveform);
    if (!this.#speaks(waveform.subarray(0, length), level)) return this.#labeled(null, level);
    const { values, ms } = await this.#run(waveform, "probabilities");
    this.ms = ms;
    return this.#labeled(values, level);
  }

  async #run(waveform, output) {
    const answer = await this.#ask({ waveform, output });
    if (answer.failed) throw ofModel("use", answer.failed);
    return answer;
  }

  /** Enrol the speaker of all following predictions; null for nobody. */
  async enrol(profile) {
    const answer = await this.#ask({ speaker: { profile, shape: this.enrolled } });
    if (answer.failed) throw ofModel("use", answer.failed);
    this.speaker = profile;
  }

  /** Compute the profile of a voice; `progressed` gets the pieces that are done, and all. */
  async profileOf(waveforms, progressed = () => {}) {
    const pieces = waveforms.flatMap((waveform) => this.#pieces(waveform));
    const vectors = [];
    for (const [n, piece] of pieces.entries()) {
      progressed(n, pieces.length);
      if (this.#speaks(piece)) vectors.push((await this.#run(piece, "vector")).values);
    }
    return averaged(vectors, this.enrolled, this.spec.weights_sha256);
  }

  /** Give a recording, or windows as long as a clip of a long one, as sertk.predict enrols by. */
  #pieces(waveform) {
    const length = this.clipSeconds;
    if (waveform.length / this.sampleRate <= 2 * length) return [this.#trimmed(waveform)];
    return [...windows(waveform, this.sampleRate, length, length)].map((piece) => {
      const samples = roundHalfEven((piece.end - piece.start) * this.sampleRate);
      return this.#withoutOffset(piece.waveform.subarray(0, samples));
    });
  }

  #level(waveform) {
    return loudestDb(waveform, this.sampleRate, this.gate.frame_seconds);
  }

  #speaks(waveform, level = this.#level(waveform)) {
    return level > this.silenceDb && !this.#isSteady(waveform);
  }

  #isSteady(waveform) {
    const { steady } = this.gate; // bundles of before this measure have none
    if (!steady || waveform.length < steady.from_seconds * this.sampleRate) return false;
    return modulationDb(waveform, this.sampleRate, steady) < steady.below_modulation_db;
  }

  #labeled(probabilities, level) {
    if (probabilities === null) {
      return { label: this.gate.answer, probability: null, valence: null, loudest_db: level, probabilities };
    }
    const probability = Math.max(...probabilities);
    const label = this.classes[probabilities.indexOf(probability)];
    const valence = this.valence && probabilities.reduce((sum, p, n) => sum + p * this.valence[n], 0);
    return { label, probability, valence, loudest_db: level, probabilities };
  }
}
