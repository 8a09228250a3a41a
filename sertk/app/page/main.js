// The page: event handlers. In: clicks, keys, files. Out: everything that is shown.
import { Spectrogram, drawTimeline, drawValence, drawWaveform, span } from "./charts.js";
import { fetchAll } from "./download.js";
import { loudestDb } from "./dsp.js";
import { Enrolment } from "./enrolment.js";
import { PageError, ofBrowser } from "./messages.js";
import { LONGEST, Model } from "./model.js";
import { Recorder, devices } from "./recorder.js";
import { csv, json, offer } from "./table.js";
import {
  describeTimeline,
  find,
  make,
  prepareBars,
  say,
  showAbout,
  showAnswer,
  showLevel,
  showLoading,
  showRows,
  tell,
} from "./view.js";

const EVERY = 0.5; // seconds from answer to answer
const SHOWN = 6; // seconds of waveform and spectrogram
const ALONG = 180; // seconds of a timeline while listening
const KEPT = 20_000; // answers: almost three hours
const COLUMN = 0.02; // seconds of sound between columns of the spectrogram
const [BUNDLE, RUNTIME] = ["bundle.zip", "runtime/ort-wasm.wasm"]; // what is loaded with a progress bar

const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
const page = { model: null, mode: "loading", rows: [], source: "", file: null, recordedBefore: 0, work: 0 };
const enrolment = new Enrolment({
  begins: stop,
  changed: () => page.file && take(page.file), // what is shown was predicted for another speaker
});
let [recorder, runtime] = [null, null];
let spectrogram = new Spectrogram(Math.round(SHOWN / COLUMN));
let [asking, drawnColumns, lastDrawn, sound] = [false, 0, 0, null];

/** Load a model; the one before stays if this one cannot be used. */
async function loadModel(bytes, name) {
  find("status").textContent = `Loading ${name} …`;
  try {
    const model = await Model.open(bytes, name, runtime);
    await enrolment.use(model);
    page.model?.close();
    page.model = model;
  } finally {
    find("status").textContent = page.model ? "Ready." : "No model is loaded.";
  }
  const { model } = page;
  page.work += 1;
  page.source = "";
  stop();
  forget();
  find("gate").value = String(model.silenceDb);
  find("gate").dispatchEvent(new Event("input"));
  prepareBars(model.classes);
  showAnswer(null, "No sound yet");
  showAbout(model, name);
  find("valence-part").hidden = !model.valence;
  find("band").textContent = `0 to ${Math.round(model.sampleRate / 2000)} kHz`;
  find("start").disabled = false;
  setMode("idle");
  drawAll();
}

async function fetchModel() {
  tell(null);
  find("again").hidden = true;
  find("status").textContent = "Loading the model …";
  try {
    const files = await fetchAll([RUNTIME, BUNDLE], showLoading);
    runtime = files.get(RUNTIME);
    showLoading();
    if (!page.model) await loadModel(files.get(BUNDLE), BUNDLE);
  } catch (error) {
    if (!page.model) find("status").textContent = "No model is loaded.";
    find("again").hidden = !error.again;
    tell(error);
  } finally {
    find("loading").hidden = true;
  }
}

function setMode(mode) {
  page.mode = mode;
  const on = mode === "listening" || mode === "paused";
  find("start").classList.toggle("on", on);
  find("start-words").textContent = on ? "Stop listening" : "Start listening";
  find("pause").disabled = !on;
  find("pause").textContent = mode === "paused" ? "Resume" : "Pause";
  if (mode === "listening") find("status").textContent = "Listening.";
  if (mode === "paused") find("status").textContent = "Paused. The microphone stays open.";
  if (mode === "idle" && page.model) find("status").textContent = "Ready.";
}

async function start() {
  if (!page.model || page.mode === "opening") return;
  tell(null);
  stop();
  if (enrolment.recording) enrolment.cancel();
  setMode("opening");
  page.work += 1;
  if (page.source !== "microphone") forget();
  page.source = "microphone";
  find("player").hidden = true;
  find("player").pause();
  const opening = (recorder = new Recorder());
  try {
    await opening.open({
      device: find("device").value,
      keep: Math.max(SHOWN, page.model.clipSeconds) + 1,
      lost: () => {
        stop();
        tell(new PageError("The microphone was disconnected.", "", "Connect it and start again."));
      },
    });
  } catch (error) {
    if (recorder !== opening) return;
    recorder = null;
    setMode("idle");
    tell(error);
    return;
  }
  if (recorder !== opening) {
    opening.close(); // stopped while the browser asked for permission
    return;
  }
  page.opened = performance.now();
  page.recordedBefore = page.rows.length ? page.rows.at(-1).end : 0;
  spectrogram = new Spectrogram(Math.round(SHOWN / COLUMN));
  drawnColumns = 0;
  sound = null;
  setMode("listening");
  showAnswer(null, "Listening …");
  listDevices();
  requestAnimationFrame(draw);
}

function stop() {
  if (!recorder) return;
  recorder.close();
  recorder = null;
  setMode("idle");
  showLevel(-90, page.model.silenceDb);
}

async function pause() {
  if (page.mode === "paused") {
    await recorder.resume();
    setMode("listening");
    requestAnimationFrame(draw);
  } else if (page.mode === "listening") {
    await recorder.pause();
    setMode("paused");
  }
}

/** Predict the latest clip; the timer calls this. */
async function listen() {
  if (page.mode !== "listening" || asking || !recorder) return;
  const { model } = page;
  const recorded = recorder.seconds;
  if (recorded === 0 && performance.now() - page.opened > 4000) {
    stop();
    tell(new PageError("The microphone returns no audio.", "", "Choose another device below, and start again."));
  }
  if (recorded < Math.min(model.clipSeconds, model.shortSeconds)) return;
  asking = true;
  const work = page.work;
  try {
    const answer = await model.latest(recorder);
    if (page.mode !== "listening" || page.work !== work || page.model !== model) return;
    const end = page.recordedBefore + recorded;
    const before = page.rows.at(-1)?.end ?? 0;
    const wide = Math.min(end - before, 2 * EVERY);
    keep({ source: page.source, start: end - answer.seconds, end, at: end - wide, span: wide, ...answer });
    const seconds = answer.seconds.toFixed(1);
    const took = answer.probabilities ? `, computed in ${model.ms.toFixed(0)} ms` : "";
    showAnswer(answer, `The last ${seconds} s${took}`);
    say(answer);
    drawAlong();
  } catch (error) {
    if (page.model !== model) return; // replaced while it computed
    stop();
    tell(error);
  } finally {
    asking = false;
  }
}

function keep(row) {
  page.rows.push(row);
  if (page.rows.length > KEPT) page.rows.shift();
  for (const id of ["csv", "json", "clear"]) find(id).disabled = false;
}

function forget() {
  page.rows = [];
  page.file = null;
  for (const id of ["csv", "json", "clear"]) find(id).disabled = true;
  drawAlong();
}

/** Predict a recording as a whole and along it. */
async function predict(bytes, file) {
  const { model } = page;
  const { name } = file;
  if (!model) throw new PageError("No model is loaded.", "", "Drop a bundle here first.");
  stop();
  const work = ++page.work;
  find("status").textContent = `Reading ${name} …`;
  try {
    const waveform = await model.decode(bytes, name);
    if (work !== page.work) return;
    page.source = name;
    forget();
    page.file = file;
    showSound(bytes, waveform);
    const seconds = waveform.length / model.sampleRate;
    if (seconds <= LONGEST) {
      const answer = await model.whole(waveform);
      if (work !== page.work) return;
      const short = answer.short ? "; short, unreliable" : "";
      showAnswer(answer, `${name}, ${seconds.toFixed(1)} s${short}`);
      say(answer, 0);
    } else {
      showAnswer(null, `${name}: ${(seconds / 60).toFixed(0)} minutes, see the timeline`);
    }
    for await (const row of model.along(waveform)) {
      if (work !== page.work) return;
      const wide = Math.min(model.clipSeconds / 2, row.end - row.start);
      keep({ source: name, at: row.start, span: wide, ...row });
      if (page.rows.length % 20 !== 0) continue;
      drawAlong();
      find("status").textContent = `${name}: ${Math.round((100 * row.end) / seconds)} %`;
    }
    drawAlong();
  } catch (error) {
    if (work === page.work) throw error;
  } finally {
    if (work === page.work) setMode("idle");
  }
}

function showSound(bytes, waveform) {
  const { model } = page;
  sound = waveform;
  spectrogram = new Spectrogram(600);
  drawWaveform(find("waveform"), waveform);
  spectrogram.drawAll(find("spectrogram"), waveform, model.sampleRate);
  const level = loudestDb(waveform, model.sampleRate, model.gate.frame_seconds);
  showLevel(level, model.silenceDb);
  const player = find("player");
  URL.revokeObjectURL(player.src);
  player.src = URL.createObjectURL(new Blob([bytes]));
  player.hidden = false;
}

/** Draw the live signal; rarely if the user prefers reduced motion. */
function draw(now) {
  if (page.mode !== "listening" || !recorder) return;
  requestAnimationFrame(draw);
  if (now - lastDrawn < (calm.matches ? 1000 : 40)) return;
  lastDrawn = now;
  const { rate, ring } = recorder;
  const hop = Math.round(COLUMN * rate);
  const first = Math.max(drawnColumns * hop, ring.total - Math.round(SHOWN * rate));
  const recent = recorder.last(ring.total - first);
  let at = 0;
  const size = Spectrogram.frame(rate);
  for (; at + size <= recent.length; at += hop) {
    spectrogram.add(recent.subarray(at, at + size), rate, page.model.sampleRate / 2);
  }
  drawnColumns = Math.round((first + at) / hop);
  spectrogram.draw(find("spectrogram"));
  const shown = recorder.last(Math.round(SHOWN * rate));
  drawWaveform(find("waveform"), shown, shown.length / (SHOWN * rate));
  const frame = shown.subarray(Math.max(shown.length - Math.round(0.05 * rate), 0));
  if (frame.length) showLevel(loudestDb(frame, rate, 0.05), page.model.silenceDb);
}

function drawAlong() {
  const { model, rows, source } = page;
  if (!model) return;
  const live = source === "microphone" || source === "";
  const reach = span(rows, live ? 30 : 0.5, live ? ALONG : Infinity);
  const shown = rows.filter((row) => row.at + row.span >= reach.begin);
  drawTimeline(find("timeline"), shown, model.classes, reach);
  if (model.valence) drawValence(find("valence"), shown, model.classes, reach);
  showRows(rows);
  describeTimeline(rows);
}

function drawAll() {
  drawAlong();
  spectrogram.draw(find("spectrogram"));
  if (page.mode === "listening") return;
  drawWaveform(find("waveform"), sound ?? new Float32Array(0));
}

async function take(file) {
  tell(null);
  try {
    const bytes = new Uint8Array(await file.arrayBuffer());
    const is = (suffix) => file.name.toLowerCase().endsWith(suffix);
    if (is(".zip")) await loadModel(bytes, file.name);
    else if (is(".json")) await enrolment.open(file);
    else await predict(bytes, file);
  } catch (error) {
    tell(error);
  }
}

async function listDevices() {
  const chosen = find("device").value;
  const found = await devices();
  const options = found
    .filter(({ deviceId }) => deviceId && deviceId !== "default")
    .map(({ deviceId, label }, n) => make("option", label || `Microphone ${n + 1}`, { value: deviceId }));
  find("device").replaceChildren(make("option", "Browser default", { value: "" }), ...options);
  find("device").value = options.some(({ value }) => value === chosen) ? chosen : "";
}

function listenToThePage() {
  find("start").addEventListener("click", () => (recorder ? stop() : start()));
  find("pause").addEventListener("click", pause);
  find("clear").addEventListener("click", forget);
  find("again").addEventListener("click", fetchModel);
  find("device").addEventListener("change", () => recorder && start());
  find("rows").addEventListener("toggle", () => showRows(page.rows));
  find("gate").addEventListener("input", ({ target }) => {
    find("gate-words").textContent = `${target.value} dB`;
    if (page.model) page.model.silenceDb = Number(target.value);
    if (!recorder) showLevel(-90, Number(target.value));
  });
  find("csv").addEventListener("click", () => {
    offer(csv(page.rows, page.model.classes), "text/csv", "timeline.csv");
  });
  find("json").addEventListener("click", () => {
    offer(json(page.rows, page.model.spec), "application/json", "timeline.json");
  });
  find("file").addEventListener("change", ({ target }) => {
    if (target.files.length) take(target.files[0]);
    target.value = "";
  });
  document.addEventListener("keydown", (event) => {
    const own = "button, input, select, summary, a, audio, textarea, [contenteditable]";
    if (event.code !== "Space" || event.repeat || event.target.closest(own)) return;
    event.preventDefault();
    if (enrolment.recording) enrolment.toggle();
    else if (!find("start").disabled) find("start").click();
  });
  for (const kind of ["dragenter", "dragover"]) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      find("drop").hidden = false;
    });
  }
  document.addEventListener("dragleave", ({ relatedTarget }) => {
    if (!relatedTarget) find("drop").hidden = true;
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    find("drop").hidden = true;
    if (event.dataTransfer.files.length) take(event.dataTransfer.files[0]);
  });
  window.addEventListener("resize", drawAll);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  window.addEventListener("pagehide", () => {
    stop();
    enrolment.cancel();
  });
  navigator.mediaDevices?.addEventListener?.("devicechange", listDevices);
}

async function open() {
  const lacking = ofBrowser(window);
  if (lacking) {
    find("status").textContent = "";
    tell(lacking);
    return;
  }
  listenToThePage();
  listDevices();
  setInterval(listen, 1000 * EVERY);
  fetchModel();
}

open();
