// Compare this browser with Python on given clips. In: clips.json. Out: a table for each.
import { drawWaveform } from "./charts.js";
import { ofBrowser } from "./messages.js";
import { Model } from "./model.js";
import { find, make, tell } from "./view.js";

const CLOSE = 1e-3;

async function open() {
  const lacking = ofBrowser(window);
  if (lacking) throw lacking;
  const bytes = new Uint8Array(await (await fetch("bundle.zip")).arrayBuffer());
  const model = await Model.open(bytes, "bundle.zip");
  const { clips } = await (await fetch("clips.json")).json();
  let largest = 0;
  for (const clip of clips) largest = Math.max(largest, await compare(model, clip));
  find("status").textContent = clips.length
    ? `${clips.length} ${clips.length === 1 ? "clip" : "clips"}. Largest difference of a probability: ${largest.toExponential(1)}.`
    : "No clips. Add some with sertk app --clips FILE.";
  find("status").dataset.largest = String(largest);
}

async function compare(model, clip) {
  const bytes = new Uint8Array(await (await fetch(clip.file)).arrayBuffer());
  const waveform = await model.decode(bytes, clip.name);
  const answer = await model.whole(waveform);
  const [here, there] = [answer.probabilities, clip.probabilities];
  const apart = here && there ? here.map((p, n) => Math.abs(p - there[n])) : [];
  const same = here && there ? answer.label === clip.label : !here && !there;
  const largest = same && !here ? 0 : Math.max(...apart, 0);
  const verdict = same && largest <= CLOSE ? "agrees" : same ? "same label, larger difference" : "differs";
  const part = make("section", "", { class: "clip" });
  const words = here
    ? `${verdict}: largest difference ${largest.toExponential(1)}`
    : `${verdict}: ${answer.label}`;
  part.append(make("h2", clip.name), make("p", words, { class: verdict === "agrees" ? "good" : "bad" }));
  const player = make("audio", "", { src: clip.file, controls: "", preload: "none" });
  const canvas = make("canvas", "", { class: "waveform", role: "img", "aria-label": "Waveform" });
  part.append(canvas, player);
  if (here && there) part.append(table(model.classes, there, here, apart));
  part.append(make("p", here ? `Computed in ${model.ms.toFixed(1)} ms.` : "", { class: "note" }));
  find("clips").append(part);
  drawWaveform(canvas, waveform);
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
  tell(error);
});
