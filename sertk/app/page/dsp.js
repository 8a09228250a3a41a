// Arithmetic on waveforms, the same as sertk's in Python: what stands before the graph.
// In: Float32Array at a rate. Out: Float32Array, levels, windows, spectra. No browser needed.

/** Round as Python does: a half goes to the even neighbor. */
export function roundHalfEven(value) {
  const down = Math.floor(value);
  const rest = value - down;
  if (rest !== 0.5) return Math.round(value);
  return down % 2 === 0 ? down : down + 1;
}

/** Average the channels. */
export function mixDown(channels) {
  if (channels.length === 1) return channels[0];
  const mixed = new Float32Array(channels[0].length);
  for (const channel of channels) {
    for (let n = 0; n < mixed.length; n++) mixed[n] += channel[n] / channels.length;
  }
  return mixed;
}

/** Whether channels cancel each other: but for offsets their mean is silent, and they are not. */
export function cancels(channels, mixed) {
  const energy = (samples) => {
    const offset = mean(samples);
    return samples.reduce((sum, value) => sum + (value - offset) ** 2, 0);
  };
  const each = channels.reduce((sum, channel) => sum + energy(channel), 0) / channels.length;
  return each > 1e-8 * mixed.length && energy(mixed) < 1e-3 * each;
}

/** Subtract lines between means, and the mean of what is left, as the step `remove_offset` says. */
export function removeOffset(waveform, sampleRate, windowSeconds, blockSeconds) {
  const block = Math.max(roundHalfEven(blockSeconds * sampleRate), 1);
  const reach = roundHalfEven(windowSeconds / blockSeconds / 2);
  const total = waveform.length;
  const edges = [];
  for (let edge = 0; edge < total; edge += block) edges.push(edge);
  edges.push(total);
  const sums = new Float64Array(total + 1);
  for (let n = 0; n < total; n++) sums[n + 1] = sums[n] + waveform[n];
  const means = edges.map((_, k) => {
    const first = edges[Math.max(k - reach, 0)];
    const last = edges[Math.min(k + reach, edges.length - 1)];
    return (sums[last] - sums[first]) / (last - first);
  });
  const made = new Float32Array(total);
  let rest = 0;
  for (let n = 0; n < total; n++) {
    const k = Math.floor(n / block);
    const share = (n - edges[k]) / (edges[k + 1] - edges[k]);
    made[n] = waveform[n] - (means[k] + share * (means[k + 1] - means[k]));
    rest += made[n];
  }
  const mean = Math.fround(rest / total);
  return made.map((value) => value - mean);
}

const EDGE_SECONDS = 0.1; // as in sertk.audio.resample
const EDGE_LEAST = 1e-4;

/**
 * Resample by a Kaiser-windowed sinc, whose band is soxr HQ's: whole up to 0.91 of the lower half.
 * Beyond its ends the waveform goes on at the mean of its first and last 0.1 s, if there is one.
 */
export function resample(waveform, from, to) {
  if (from === to) return waveform;
  const edge = Math.max(roundHalfEven(EDGE_SECONDS * from), 1);
  const before = edgeOf(waveform.subarray(0, edge));
  const after = edgeOf(waveform.subarray(-edge));
  const shared = divisor(from, to);
  const [step, phases] = [from / shared, to / shared]; // output n stands at n * step / phases
  const cutoff = 0.957 * Math.min(1, to / from); // of half the input's rate
  const reach = Math.ceil(88 / cutoff);
  const kernels = new Map();
  const made = new Float32Array(Math.round((waveform.length * to) / from));
  for (let n = 0; n < made.length; n++) {
    const phase = (n * step) % phases;
    const below = (n * step - phase) / phases;
    if (!kernels.has(phase)) kernels.set(phase, kernelAt(phase / phases, cutoff, reach));
    const kernel = kernels.get(phase);
    const first = below - reach + 1;
    const end = first + kernel.length;
    const inside = Math.min(end, waveform.length);
    let sum = 0;
    for (let k = first; k < 0; k++) sum += before * kernel[k - first];
    for (let k = Math.max(first, 0); k < inside; k++) sum += waveform[k] * kernel[k - first];
    for (let k = waveform.length; k < end; k++) sum += after * kernel[k - first];
    made[n] = sum;
  }
  return made;
}

function edgeOf(samples) {
  const level = mean(samples);
  return Math.abs(level) > EDGE_LEAST ? level : 0;
}

function mean(samples) {
  return samples.reduce((sum, value) => sum + value, 0) / samples.length;
}

const BETA = 12; // of Kaiser's window: 118 dB

/** Weigh the samples around a place that is `rest` behind one of them; they sum to 1. */
function kernelAt(rest, cutoff, reach) {
  const kernel = new Float64Array(2 * reach);
  let total = 0;
  for (let n = 0; n < kernel.length; n++) {
    const time = n - reach + 1 - rest;
    const share = time / reach;
    if (Math.abs(share) >= 1) continue;
    const angle = Math.PI * cutoff * time;
    const sinc = angle === 0 ? 1 : Math.sin(angle) / angle;
    kernel[n] = sinc * bessel(BETA * Math.sqrt(1 - share * share));
    total += kernel[n];
  }
  return kernel.map((weight) => weight / total);
}

function divisor(a, b) {
  return b === 0 ? a : divisor(b, a % b);
}

function bessel(x) {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > sum * 1e-16; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

/** Cut quiet ends as the record's step `trim` says; a silent waveform comes back whole. */
export function trim(waveform, step) {
  const { top_db: topDb, frame_samples: frame, hop_samples: hop } = step;
  const half = frame / 2;
  const total = waveform.length;
  const sums = new Float64Array(total + 1);
  for (let n = 0; n < total; n++) sums[n + 1] = sums[n] + waveform[n] * waveform[n];
  const power = [];
  for (let center = 0; center < total + 1; center += hop) {
    const first = Math.max(center - half, 0);
    const end = Math.min(center + half, total);
    power.push((sums[Math.max(end, first)] - sums[first]) / frame);
  }
  const loudest = power.reduce((a, b) => Math.max(a, b), 0);
  if (loudest <= step.silent_below_power) return waveform;
  const needed = loudest * 10 ** (-topDb / 10);
  const first = power.findIndex((p) => p > needed);
  const last = power.findLastIndex((p) => p > needed);
  return waveform.slice(first * hop, Math.min((last + 1) * hop, total));
}

/** Measure the loudest whole frame: root mean square, dB re full scale. */
export function loudestDb(waveform, sampleRate, frameSeconds) {
  if (waveform.length === 0) return -200;
  const wanted = Math.max(roundHalfEven(frameSeconds * sampleRate), 1);
  const frame = Math.min(wanted, waveform.length);
  let loudest = 1e-20;
  for (let start = 0; start + frame <= waveform.length; start += frame) {
    let sum = 0;
    for (let n = start; n < start + frame; n++) sum += waveform[n] * waveform[n];
    loudest = Math.max(loudest, sum / frame);
  }
  return 10 * Math.log10(loudest);
}

/** Cut a recording into windows; the last is filled up with silence. */
export function* windows(waveform, sampleRate, window, hop) {
  const length = roundHalfEven(window * sampleRate);
  const step = roundHalfEven(hop * sampleRate);
  let first = 0;
  let ended = 0;
  for (; first + length <= waveform.length; first += step) {
    ended = first + length;
    const cut = waveform.slice(first, ended);
    yield { start: first / sampleRate, end: ended / sampleRate, waveform: cut };
  }
  if (waveform.length > ended && waveform.length > first) {
    const padded = new Float32Array(length);
    padded.set(waveform.subarray(first));
    yield { start: first / sampleRate, end: waveform.length / sampleRate, waveform: padded };
  }
}

/** Keep the last samples of a stream. */
export class Ring {
  constructor(length) {
    this.held = new Float32Array(length);
    this.total = 0; // samples that ever came
  }

  push(samples) {
    const { length } = this.held;
    const kept = samples.length > length ? samples.subarray(samples.length - length) : samples;
    const skipped = samples.length - kept.length;
    const place = (this.total + skipped) % length;
    const upToEnd = Math.min(kept.length, length - place);
    this.held.set(kept.subarray(0, upToEnd), place);
    this.held.set(kept.subarray(upToEnd), 0);
    this.total += samples.length;
  }

  /** The last so many samples, fewer where fewer came. */
  last(count) {
    const { length } = this.held;
    const there = Math.min(count, length, this.total);
    const made = new Float32Array(there);
    const first = (((this.total - there) % length) + length) % length;
    const upToEnd = Math.min(there, length - first);
    made.set(this.held.subarray(first, first + upToEnd), 0);
    made.set(this.held.subarray(0, there - upToEnd), upToEnd);
    return made;
  }
}

/** Measure how far the level of the liveliest band moves, in dB, as the record's `steady` says. */
export function modulationDb(waveform, sampleRate, how) {
  const size = 2 ** Math.round(Math.log2(how.frame_seconds * sampleRate));
  const spectra = [];
  for (let first = 0; first + size <= waveform.length; first += size / 2) {
    spectra.push(spectrum(waveform.subarray(first, first + size)));
  }
  const sum = (powers) => powers.reduce((a, b) => a + b, 0);
  const loudest = spectra.reduce((most, powers) => Math.max(most, sum(powers)), 0);
  const floor = Math.max(loudest * 10 ** (-how.floor_db / 10), 1e-20);
  const edges = how.band_edges_hz.map((hertz) => Math.ceil((hertz * size) / sampleRate));
  let widest = 0;
  for (let band = 0; band + 1 < edges.length; band++) {
    const levels = spectra
      .map((powers) => sum(powers.subarray(edges[band], edges[band + 1])))
      .map((power) => 10 * Math.log10(Math.max(power, floor)))
      .sort((a, b) => a - b);
    const [low, high] = how.percentiles.map((percent) => percentile(levels, percent));
    widest = Math.max(widest, high - low);
  }
  return widest;
}

/** Interpolate between sorted values. */
function percentile(sorted, percent) {
  const place = (percent / 100) * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
}

/** Power of each frequency of a Hann-windowed frame, in dB; the length is a power of two. */
export function spectrumDb(frame) {
  return Float32Array.from(spectrum(frame), (power) => 10 * Math.log10(power + 1e-12));
}

function spectrum(frame) {
  const size = frame.length;
  const re = new Float64Array(size);
  const im = new Float64Array(size);
  const bits = Math.log2(size);
  for (let n = 0; n < size; n++) {
    let mirrored = 0;
    for (let bit = 0; bit < bits; bit++) mirrored |= ((n >> bit) & 1) << (bits - 1 - bit);
    re[mirrored] = frame[n] * (0.5 - 0.5 * Math.cos((2 * Math.PI * n) / size));
  }
  for (let span = 1; span < size; span *= 2) {
    for (let n = 0; n < span; n++) {
      const angle = (-Math.PI * n) / span;
      const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
      for (let low = n; low < size; low += 2 * span) {
        const high = low + span;
        const [x, y] = [re[high] * cos - im[high] * sin, re[high] * sin + im[high] * cos];
        [re[high], im[high]] = [re[low] - x, im[low] - y];
        [re[low], im[low]] = [re[low] + x, im[low] + y];
      }
    }
  }
  return re.subarray(0, size / 2).map((value, k) => value * value + im[k] * im[k]);
}
