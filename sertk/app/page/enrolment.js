// The part "Your voice": record or choose speech, enrol it, keep and exchange the profile.
// In: a model that enrols. Out: the model with a speaker, kept in this browser for its next visit.
import { loudestDb } from "./dsp.js";
import { PageError } from "./messages.js";
import { readProfile, written } from "./profile.js";
import { Recorder } from "./recorder.js";
import { offer } from "./table.js";
import { find, showMeter, tell } from "./view.js";

const SECONDS = 30; // of a recording
const LEAST = 1; // seconds; what is shorter is no speech
const WAIT = 4; // seconds for the first sample
const TICK = 100; // ms

export class Enrolment {
  #model = null;
  #recorder = null;
  #timer;
  #opened;
  #work = 0; // counts up, so that what comes too late is dropped
  #begins;
  #changed;

  /** `begins` is called before the microphone is opened, `changed` when another speaker is enrolled. */
  constructor({ begins, changed }) {
    this.#begins = begins;
    this.#changed = changed;
    find("enrol").addEventListener("click", () => this.toggle());
    find("enrol-cancel").addEventListener("click", () => this.cancel());
    find("profile-forget").addEventListener("click", () => this.#guard(() => this.#take(null)));
    find("profile-save").addEventListener("click", () => {
      offer(written(this.#model.speaker), "application/json", "speaker.json");
    });
    for (const [id, use] of [
      ["enrol-files", (files) => this.#read(files)],
      ["profile-open", ([file]) => this.open(file)],
    ]) {
      find(id).addEventListener("change", ({ target }) => {
        const files = [...target.files];
        target.value = "";
        if (files.length) use(files);
      });
    }
  }

  /** Take another model, with the speaker that this browser keeps for it. */
  async use(model) {
    this.cancel();
    this.#model = model;
    find("voice").hidden = !model.enrolled;
    tell(null, "voice-trouble");
    if (!model.enrolled) return;
    const profile = this.#kept();
    if (profile) await model.enrol(profile);
    this.#show();
  }

  get recording() {
    return this.#recorder !== null;
  }

  /** Start to record, or enrol by what is recorded so far. */
  toggle() {
    return this.#guard(() => (this.recording ? this.#finish() : this.#record()));
  }

  /** Stop without enrolling. */
  cancel() {
    this.#work += 1;
    this.#close();
    this.#show();
  }

  /** Open the file of a profile. */
  open(file) {
    return this.#guard(async () => {
      if (!this.#model?.enrolled) {
        throw new PageError(
          "This model cannot enrol a speaker.",
          "A profile is for a model that was trained with --standardize enrolment.",
          "Drop the bundle of such a model first.",
        );
      }
      this.cancel();
      const { spec, enrolled } = this.#model;
      await this.#take(readProfile(await file.text(), file.name, spec.weights_sha256, enrolled));
    }, this.#model?.enrolled ? "voice-trouble" : "trouble");
  }

  async #guard(act, place = "voice-trouble") {
    tell(null, place);
    try {
      await act();
    } catch (error) {
      this.cancel();
      tell(error, place);
    }
  }

  async #record() {
    this.#begins();
    const recorder = (this.#recorder = new Recorder());
    this.#show();
    const lost = () => {
      if (this.#recorder !== recorder) return;
      this.cancel();
      tell(new PageError("The microphone was disconnected.", "", "Connect it and record again."), "voice-trouble");
    };
    try {
      await recorder.open({ device: find("device").value, keep: SECONDS + 1, lost });
    } catch (error) {
      if (this.#recorder !== recorder) return;
      throw error;
    }
    if (this.#recorder !== recorder) {
      recorder.close(); // canceled while the browser asked for permission
      return;
    }
    this.#opened = performance.now();
    this.#status("Recording.");
    this.#timer = setInterval(() => this.#guard(() => this.#tick()), TICK);
    this.#tick();
  }

  #tick() {
    const { rate, ring, seconds } = this.#recorder;
    if (ring.total === 0 && performance.now() - this.#opened > 1000 * WAIT) {
      throw new PageError("The microphone returns no audio.", "", "Choose another device below, and record again.");
    }
    const left = Math.ceil(Math.max(SECONDS - seconds, 0));
    this.#progress(`Keep talking: ${left} s left`, seconds, SECONDS);
    const frame = this.#recorder.last(Math.round(0.05 * rate));
    if (frame.length) showMeter("enrol-", loudestDb(frame, rate, 0.05), this.#model.silenceDb);
    return seconds >= SECONDS ? this.#finish() : undefined;
  }

  async #finish() {
    const { rate, ring } = this.#recorder;
    const recorded = ring ? this.#recorder.last(Math.round(SECONDS * rate)) : new Float32Array(0);
    this.#close();
    if (recorded.length < LEAST * (rate ?? 1)) {
      throw new PageError(
        "The recording is too short.",
        `It needs at least ${LEAST} second of speech, better ${SECONDS}.`,
        "Record again, and keep talking.",
      );
    }
    await this.#enrol(async () => [await this.#model.resampled(recorded, rate)]);
  }

  #read(files) {
    return this.#guard(() =>
      this.#enrol(async () => {
        const waveforms = [];
        for (const file of files) {
          this.#progress(`Reading ${file.name}`);
          const bytes = new Uint8Array(await file.arrayBuffer());
          waveforms.push(await this.#model.decode(bytes, file.name));
        }
        return waveforms;
      }),
    );
  }

  /** Compute the profile of recordings, unless something else was begun meanwhile. */
  async #enrol(recordings) {
    this.cancel();
    const work = this.#work;
    this.#status("Computing the profile.");
    this.#progress("Computing the profile");
    const told = (done, all) => {
      if (work === this.#work) this.#progress(`Piece ${done + 1} of ${all}`, done, all);
    };
    try {
      const profile = await this.#model.profileOf(await recordings(), told);
      if (work === this.#work) await this.#take(profile);
    } catch (error) {
      if (work === this.#work) throw error; // else the model was replaced while it computed
    }
  }

  async #take(profile) {
    await this.#model.enrol(profile);
    const stored = this.#keep(profile);
    this.#show();
    if (!stored) {
      this.#status(`${find("voice-status").textContent} This browser stores nothing: closing the page forgets it.`);
    }
    this.#changed();
  }

  get #key() {
    return `sertk speaker ${this.#model.spec.weights_sha256}`;
  }

  #keep(profile) {
    try {
      if (profile) localStorage.setItem(this.#key, written(profile));
      else localStorage.removeItem(this.#key);
      return true;
    } catch {
      return false; // storage is full, or switched off
    }
  }

  #kept() {
    const { spec, enrolled } = this.#model;
    try {
      const text = localStorage.getItem(this.#key);
      return text && readProfile(text, "", spec.weights_sha256, enrolled);
    } catch {
      return null;
    }
  }

  #close() {
    clearInterval(this.#timer);
    this.#recorder?.close();
    this.#recorder = null;
  }

  #status(words) {
    find("voice-status").textContent = words;
  }

  #progress(words, done, all) {
    find("enrolling").hidden = false;
    find("enrol-level").hidden = !this.recording;
    find("enrol-words").textContent = words;
    if (all) Object.assign(find("enrol-progress"), { value: done, max: all });
    else find("enrol-progress").removeAttribute("value");
    find("enrol-cancel").hidden = false;
  }

  /** Show who is enrolled, and what can be done. */
  #show() {
    const speaker = this.#model?.speaker ?? null;
    find("enrol").classList.toggle("on", this.recording);
    find("enrol-start-words").textContent = this.recording ? "Stop and enrol" : `Record ${SECONDS} seconds`;
    find("enrolling").hidden = find("enrol-cancel").hidden = !this.recording;
    for (const id of ["profile-save", "profile-forget"]) find(id).disabled = !speaker;
    const pieces = speaker?.count === 1 ? "piece" : "pieces";
    this.#status(speaker ? `Enrolled with ${speaker.count} ${pieces} of speech.` : "No voice is enrolled.");
  }
}
