// Drawings on canvases: waveform, spectrogram, timeline, valence. In: samples and rows. Out: pixels.
// Colors come from the style sheet, so that dark mode needs nothing here.
import { cividis, css } from "./colors.js";
import { spectrumDb } from "./dsp.js";

const ROWS = 256; // of the picture of a spectrogram

/** Clear a canvas, at the pixels of the screen. */
function fresh(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const scale = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  const style = getComputedStyle(canvas);
  const color = (name) => style.getPropertyValue(`--${name}`).trim();
  pen.font = `12px ${style.fontFamily}`;
  return { pen, width, height, color };
}

/** Draw the envelope of a waveform, which fills `share` of the width from the right. */
export function drawWaveform(canvas, waveform, share = 1) {
  const { pen, width, height, color } = fresh(canvas);
  const middle = height / 2;
  pen.fillStyle = color("grid");
  pen.fillRect(0, middle - 0.5, width, 1);
  if (waveform.length === 0) return;
  const columns = Math.max(Math.round(width * share), 1);
  const peak = Math.max(
    0.05,
    waveform.reduce((a, b) => Math.max(a, Math.abs(b)), 0),
  );
  pen.fillStyle = color("accent");
  for (let x = 0; x < columns; x++) {
    const first = Math.floor((x * waveform.length) / columns);
    const end = Math.max(Math.floor(((x + 1) * waveform.length) / columns), first + 1);
    let [low, high] = [0, 0];
    for (let n = first; n < end && n < waveform.length; n++) {
      low = Math.min(low, waveform[n]);
      high = Math.max(high, waveform[n]);
    }
    const top = middle - (high / peak) * (middle - 2);
    const size = Math.max(((high - low) / peak) * (middle - 2), 1);
    pen.fillRect(width - columns + x, top, 1, size);
  }
}

/** A picture of frequencies over time, to which columns are added at the right. */
export class Spectrogram {
  constructor(columns) {
    this.picture = document.createElement("canvas");
    this.picture.width = columns;
    this.picture.height = ROWS;
    this.pen = this.picture.getContext("2d");
    this.clear();
  }

  clear() {
    this.next = 0;
    this.pen.fillStyle = css(0);
    this.pen.fillRect(0, 0, this.picture.width, this.picture.height);
  }

  /** How many samples a column takes: about 30 ms, a power of two. */
  static frame(rate) {
    return 2 ** Math.round(Math.log2(0.03 * rate));
  }

  /** Add a column of as many samples, up to a frequency. */
  add(frame, rate, highest = rate / 2) {
    const column = this.pen.createImageData(1, ROWS);
    const levels = spectrumDb(frame);
    const bins = Math.min((highest / rate) * frame.length, levels.length);
    const full = 20 * Math.log10(frame.length / 4); // a full-scale tone, through Hann's window
    for (let row = 0; row < ROWS; row++) {
      const db = levels[Math.floor((row / ROWS) * bins)] - full;
      const [red, green, blue] = cividis((db + 90) / 80);
      column.data.set([red, green, blue, 255], 4 * (ROWS - 1 - row));
    }
    this.pen.putImageData(column, this.next % this.picture.width, 0);
    this.next += 1;
  }

  draw(canvas) {
    const { pen, width, height } = fresh(canvas);
    const columns = this.picture.width;
    const first = this.next % columns;
    const part = (from, count, to) => {
      if (count === 0) return;
      const scale = width / columns;
      pen.drawImage(this.picture, from, 0, count, ROWS, to * scale, 0, count * scale, height);
    };
    part(first, columns - first, 0);
    part(0, first, columns - first);
  }

  /** Draw a whole recording. */
  drawAll(canvas, waveform, rate) {
    this.clear();
    const columns = this.picture.width;
    const size = Spectrogram.frame(rate);
    for (let x = 0; x < columns; x++) {
      const first = Math.round((x * Math.max(waveform.length - size, 0)) / columns);
      const frame = new Float32Array(size);
      frame.set(waveform.subarray(first, first + size));
      this.add(frame, rate);
    }
    this.draw(canvas);
  }
}

/** Choose where the time axis of a timeline begins and ends. */
export function span(rows, least, most) {
  const end = rows.length ? rows.at(-1).at + rows.at(-1).span : 0;
  const begin = Math.max(end - most, 0);
  return { begin, end: Math.max(end, begin + least) };
}

function axis({ pen, width, height, color }, gutter, { begin, end }, marks) {
  const wide = width - gutter;
  const steps = [0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600];
  const step = steps.find((s) => (s / (end - begin)) * wide > 48) ?? 1200;
  pen.textAlign = "center";
  pen.textBaseline = "bottom";
  for (let time = Math.ceil(begin / step) * step; time <= end; time += step) {
    const x = gutter + ((time - begin) / (end - begin)) * wide;
    pen.fillStyle = color("grid");
    if (marks) pen.fillRect(Math.round(x), 0, 1, height - (marks === "ruled" ? 0 : 16));
    pen.fillStyle = color("muted");
    if (marks !== "ruled" && x < width - 12) pen.fillText(clock(time, step), x, height);
  }
}

export function clock(time, step = 1) {
  if (time < 60 && step < 60) return `${Number(time.toFixed(1))} s`;
  const rest = String(Math.floor(time % 60)).padStart(2, "0");
  return `${Math.floor(time / 60)}:${rest}`;
}

/** Draw probabilities over time, a row per class; a dot marks the top label. */
export function drawTimeline(canvas, rows, classes, reach) {
  const all = fresh(canvas);
  const { pen, width, height, color } = all;
  const gutter = gutterOf(pen, classes);
  const tall = (height - 20) / classes.length;
  const x = (time) => gutter + ((time - reach.begin) / (reach.end - reach.begin)) * (width - gutter);
  pen.textAlign = "left";
  pen.textBaseline = "middle";
  classes.forEach((name, n) => {
    pen.fillStyle = color("wash");
    pen.fillRect(gutter, n * tall, width - gutter, tall - 1);
    pen.fillStyle = color("ink");
    pen.fillText(name.replaceAll("_", " "), 0, (n + 0.5) * tall);
  });
  pen.save();
  pen.beginPath();
  pen.rect(gutter, 0, width - gutter, height);
  pen.clip();
  for (const row of rows) {
    const [left, right] = [x(row.at), x(row.at + row.span)];
    if (right < gutter) continue;
    if (!row.probabilities) {
      pen.fillStyle = color("line");
      pen.fillRect(left, 0, right - left, height - 20);
      continue;
    }
    row.probabilities.forEach((share, n) => {
      pen.fillStyle = css(share);
      pen.fillRect(left, n * tall, right - left + 0.3, tall - 1);
    });
    const top = classes.indexOf(row.label);
    const radius = Math.min(3, (right - left) / 2);
    pen.fillStyle = "#b4470b";
    pen.beginPath();
    pen.arc((left + right) / 2, (top + 0.5) * tall, radius, 0, 7);
    if (radius > 0.8) {
      pen.fill();
      pen.strokeStyle = "#ffffff";
      pen.lineWidth = 1;
      pen.stroke();
    }
  }
  pen.restore();
  axis(all, gutter, reach, null);
}

function gutterOf(pen, classes) {
  const words = [...classes, "unpleasant"];
  return Math.ceil(Math.max(...words.map((word) => pen.measureText(word).width))) + 12;
}

/** Draw pleasant minus unpleasant over time. */
export function drawValence(canvas, rows, classes, reach) {
  const all = fresh(canvas);
  const { pen, width, height, color } = all;
  const gutter = gutterOf(pen, classes);
  const x = (time) => gutter + ((time - reach.begin) / (reach.end - reach.begin)) * (width - gutter);
  const y = (value) => height / 2 - value * (height / 2 - 8);
  axis(all, gutter, reach, "ruled");
  pen.fillStyle = color("muted");
  pen.textAlign = "left";
  pen.textBaseline = "middle";
  for (const [word, value] of [
    ["pleasant", 1],
    ["unpleasant", -1],
  ])
    pen.fillText(word, 0, y(value));
  pen.fillRect(gutter, y(0) - 0.5, width - gutter, 1);
  pen.save();
  pen.beginPath();
  pen.rect(gutter, 0, width - gutter, height);
  pen.clip();
  pen.strokeStyle = pen.fillStyle = color("accent");
  pen.lineWidth = 2;
  pen.lineJoin = "round";
  let before = null;
  for (const row of rows) {
    const here = row.valence === null ? null : [x(row.at + row.span / 2), y(row.valence)];
    pen.beginPath();
    if (here && before) {
      pen.moveTo(...before);
      pen.lineTo(...here);
      pen.stroke();
    } else if (here) {
      pen.arc(...here, 1.5, 0, 7);
      pen.fill();
    }
    before = here;
  }
  pen.restore();
}
