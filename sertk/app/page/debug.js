// Compare this browser with Python on given clips. In: clips.json. Out: a table for each.
import { drawWaveform } from "./charts.js";
import { fetchAll } from "./download.js";
import { ofBrowser } from "./messages.js";
import { Model } from "./model.js";
import { find, make, showLoading, tell } from "./view.js";

const CLOSE = 1e-3;

const [BUNDLE, RUNTIME] = ["bundle.zip", "runtime/ort-wasm.wasm"];

async function open() {
  const lacking = ofBrowser(window);
  if (lacking) throw lacking;
  const files = await fetchAll([RUNTIME, BUNDLE], showLoading);
  showLoading();
  const model = await Model.open(files.get(BUNDLE), BUNDLE, files.get(RUNTIME));
  find("loading").hidden = true;
  const { clips, speaker } = await (await fetch("clips.json")).json();
  let largest = 0;
  for (const clip of clips) largest = Math.max(largest, await compare(model, clip, speaker));
  find("status").textContent = clips.length
    ? `${clips.length} ${clips.length === 1 ? "clip" : "clips"}. Largest difference of a probability: ${largest.toExponential(1)}.`
    : "No clips. Add some with sertk app --clips FILE.";
  find("status").dataset.largest = String(largest);
}

/** Show a clip, and compare its prediction with nobody enrolled and with the speaker of the page. */
async function compare(model, clip, speaker) {
  const bytes = new Uint8Array(await (await fetch(clip.file)).arrayBuffer());
  const waveform = await model.decode(bytes, clip.name);
  const part = make("section", "", { class: "clip" });
  const player = make("audio", "", { src: clip.file, controls: "", preload: "none" });
  const canvas = make("canvas", "", { class: "waveform", role: "img", "aria-label": "Waveform" });
  part.append(make("h2", clip.name), canvas, player);
  let largest = await compareWith(part, model, waveform, clip, "");
  if (speaker) {
    await model.enrol(speaker);
    const words = `Speaker enrolled with ${speaker.count} pieces of speech: `;
    largest = Math.max(largest, await compareWith(part, model, waveform, clip.enrolled, words));
    await model.enrol(null);
  }
  find("clips").append(part);
  drawWaveform(canvas, waveform);
  return largest;
}

async function compareWith(part, model, waveform, python, who) {
  const answer = await model.whole(waveform);
  const [here, there] = [answer.probabilities, python.probabilities];
  const apart = here && there ? here.map((p, n) => Math.abs(p - there[n])) : [];
  const same = here && there ? answer.label === python.label : !here && !there;
  const largest = same && !here ? 0 : Math.max(...apart, 0);
  const verdict = same && largest <= CLOSE ? "agrees" : same ? "same label, larger difference" : "differs";
  const words = here ? `largest difference ${largest.toExponential(1)}` : answer.label;
  part.append(make("p", `${who}${verdict}, ${words}`, { class: verdict === "agrees" ? "good" : "bad" }));
  if (here && there) part.append(table(model.classes, there, here, apart));
  part.append(make("p", here ? `Computed in ${model.ms.toFixed(1)} ms.` : "", { class: "note" }));
  return largest;
}

function table(classes, there, here, apart) {
  const made = make("table");
  const head = make("tr");
  for (const word of ["class", "Python", "browser", "difference"]) {
    head.append(make("th", word, word === "class" ? { scope: "col" } : { scope: "col", class: "number" }));
  }
  made.append(make("thead"), make("tbody"));
  made.tHead.append(head);
  classes.forEach((name, n) => {
    const line = make("tr");
    const cells = [there[n].toFixed(6), here[n].toFixed(6), apart[n].toExponential(1)];
    line.append(make("th", name, { scope: "row" }));
    line.append(...cells.map((cell) => make("td", cell, { class: "number" })));
    made.tBodies[0].append(line);
  });
  return made;
}

open().catch((error) => {
  find("status").textContent = "";
  find("loading").hidden = true;
  tell(error);
});
