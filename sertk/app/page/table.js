// Answers as files: CSV and JSON with the columns that `sertk predict --timeline` writes.
// In: rows. Out: text, and a download.

const FIRST = ["source", "start", "end", "label", "probability", "valence", "short", "loudest_db"];

/** Flatten rows into the columns of a timeline. */
export function flat(rows, classes) {
  return rows.map((row) => {
    const made = Object.fromEntries(FIRST.map((name) => [name, rounded(row[name])]));
    classes.forEach((name, n) => (made[`p_${name}`] = rounded(row.probabilities?.[n])));
    return made;
  });
}

function rounded(value) {
  if (typeof value !== "number") return value ?? null;
  return Number(value.toFixed(6));
}

/** Write rows as CSV; what has no value is left empty. */
export function csv(rows, classes) {
  const head = [...FIRST, ...classes.map((name) => `p_${name}`)];
  const quoted = (value) => {
    const plain = value === null ? "" : String(value);
    // a name that a spreadsheet would take for a formula is kept a name
    const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(plain) ? `'${plain}` : plain;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const lines = flat(rows, classes).map((row) => head.map((name) => quoted(row[name])));
  return [head.map(quoted), ...lines].map((line) => `${line.join(",")}\n`).join("");
}

/** Write rows as JSON, with what is needed to know what they are. */
export function json(rows, spec) {
  const { model, run, fold, seed, weights_sha256, corpora, synthetic, classes } = spec;
  const about = { model, run, fold, seed, weights_sha256, corpora, synthetic };
  return JSON.stringify({ model: about, rows: flat(rows, classes) }, null, 1);
}

/** Offer text as a file; it goes from the page to the disk, and nowhere else. */
export function offer(content, kind, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type: kind }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
