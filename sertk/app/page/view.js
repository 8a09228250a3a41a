// The content of the page: prediction, model, table. In: predictions. Out: elements.
import { clock } from "./charts.js";
import { megabytes } from "./download.js";

export const find = (id) => document.getElementById(id);

/** Make an element with text; what comes from a file is never read as markup. */
export function make(kind, content = "", about = {}) {
  const made = document.createElement(kind);
  made.textContent = content;
  for (const [name, value] of Object.entries(about)) made.setAttribute(name, value);
  return made;
}

export function percent(share) {
  return `${(100 * share).toFixed(0)} %`;
}

/** Write a class as words. */
export function words(name) {
  return name.replaceAll("_", " ");
}

/** Show an error, or take it away. */
export function tell(error, place = "trouble") {
  find(place).hidden = !error;
  find(place).textContent = error ? (error.message ?? String(error)) : "";
}

/** Show how much of the page's large files is here; without numbers, that the rest takes a moment. */
export function showLoading(here, total) {
  find("loading").hidden = false;
  find("progress-words").textContent = total ? `${megabytes(here)} of ${megabytes(total)} MB` : "Starting the model";
  if (total) Object.assign(find("progress"), { value: here, max: total });
  else find("progress").removeAttribute("value");
}

/** Write an empty bar for every class. */
export function prepareBars(classes) {
  find("bars").replaceChildren(
    ...classes.map((name) => {
      const bar = make("li", "", { class: "bar" });
      const track = make("i", "", { "aria-hidden": "true" });
      track.append(make("b"));
      bar.append(make("span", words(name)), track, make("data", "–"));
      return bar;
    }),
  );
  const longest = Math.max(...classes.map((name) => name.length));
  document.documentElement.style.setProperty("--longest", longest);
  document.documentElement.style.setProperty("--classes", classes.length);
}

/** Show a prediction, or that there is none yet. */
export function showAnswer(answer, of) {
  const probabilities = answer?.probabilities ?? null;
  find("of").textContent = of;
  find("answer").classList.toggle("quietly", probabilities === null);
  find("label").textContent = answer ? words(answer.label) : "–";
  find("probability").textContent = probabilities ? percent(answer.probability) : "";
  [...find("bars").children].forEach((bar, n) => {
    const share = probabilities?.[n];
    const [, track, value] = bar.children;
    bar.classList.toggle("is-top", probabilities !== null && share === answer.probability);
    track.firstChild.style.width = `${100 * (share ?? 0)}%`;
    value.textContent = share === undefined ? "–" : percent(share);
    value.value = share === undefined ? "" : String(share);
  });
}

/** Show a level in dB re full scale, and whether it passes the gate. */
export function showLevel(db, gate) {
  showMeter("", db, gate);
  find("level-words").textContent = db > -90 ? `${db.toFixed(0)} dB` : "";
}

/** Show a level on one of the meters of the page. */
export function showMeter(prefix, db, gate) {
  const place = (value) => Math.min(Math.max((value + 90) / 90, 0), 1);
  const meter = find(`${prefix}meter`);
  find(`${prefix}meter-fill`).style.transform = `scaleX(${place(db)})`;
  find(`${prefix}meter-gate`).style.left = `${100 * place(gate)}%`;
  meter.classList.toggle("below", !(db > gate));
  meter.setAttribute("aria-valuenow", String(Math.round(Math.max(db, -90))));
}

let spoken = { at: -Infinity, label: "" };

/** Speak a label to screen readers: when it changes, and at most every few seconds. */
export function say(answer, seconds = 4) {
  const now = performance.now() / 1000;
  if (answer.label === spoken.label || now - spoken.at < seconds) return;
  spoken = { at: now, label: answer.label };
  const sure = answer.probabilities ? `, ${(100 * answer.probability).toFixed(0)} percent` : "";
  find("said").textContent = words(answer.label) + sure;
}

/** Fill the table of the last answers, if it is open. */
export function showRows(rows) {
  if (!find("rows").open) return;
  find("rows-body").replaceChildren(
    ...rows
      .slice(-20)
      .reverse()
      .map((row) => {
        const line = make("tr");
        const number = (value, digits, scale = 1) =>
          make("td", value === null ? "–" : (scale * value).toFixed(digits), { class: "number" });
        line.append(make("td", row.start.toFixed(2)), make("td", row.end.toFixed(2)));
        line.append(make("td", words(row.label)), number(row.probability, 0, 100), number(row.valence, 2));
        return line;
      }),
  );
}

/** Say what the timeline shows, for those who cannot see it. */
export function describeTimeline(rows) {
  const counts = {};
  for (const row of rows) counts[row.label] = (counts[row.label] ?? 0) + 1;
  const sorted = Object.entries(counts).sort((a, b) => b[1] - a[1]);
  const shares = sorted.map(([name, n]) => `${name} ${percent(n / rows.length)}`).join(", ");
  const until = rows.length ? clock(rows.at(-1).end) : "";
  const summary = rows.length ? `Top labels until ${until}: ${shares}` : "Empty";
  find("timeline").setAttribute("aria-label", `Probabilities over time. ${summary}.`);
}

/** Describe the model: training data, license, score, protocol. */
export function showAbout(model, name) {
  const { spec, card } = model;
  const uar = /^\| UAR \| ([\d.]+) \| (.+?) \|$/m.exec(card);
  const evaluated = /^### (.+), cross-validated$/m.exec(card);
  const where = evaluated?.index < uar?.index ? ` in cross-validation on ${evaluated[1]}` : "";
  const protocol = /^## (?:Evaluation|How it was measured)\n\n(.+)$/m.exec(card);
  const facts = {
    "Trained on": spec.corpora.join(", ") + (spec.synthetic ? " (synthetic speech)" : ""),
    License: spec.license || spec.licence || "unknown",
    Score: uar
      ? `UAR ${uar[1]} % (95 % interval ${uar[2]})${where}; chance ${(100 / spec.classes.length).toFixed(1)} %`
      : "not evaluated on held-out speakers",
    Protocol: protocol?.[1] ?? "unknown",
    Model: `${spec.model}, run ${spec.run}, fold ${spec.fold}, seed ${spec.seed}`,
    Classes: spec.classes.join(", "),
    Input: `the last ${spec.clip_seconds} s at ${spec.sample_rate} Hz; a prediction every half second`,
    File: `${name}, model of ${(model.size / 1e6).toFixed(1)} MB`,
  };
  find("facts").replaceChildren(
    ...Object.entries(facts).flatMap(([term, value]) => [make("dt", term), make("dd", value)]),
  );
  find("synthetic").hidden = !spec.synthetic;
  find("leaky").hidden = !/^> \*\*.*\bleaks\b/m.test(card);
  find("card").textContent = card;
  find("card-part").hidden = false;
}
