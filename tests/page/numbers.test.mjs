// The page's arithmetic against Python's. In: numbers.json, which tests/test_app_numbers.py writes.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const at = process.env.SERTK_PAGE;
const numbers = JSON.parse(readFileSync(`${at}/numbers.json`, "utf-8"));
const {
  Ring, cancels, loudestDb, mixDown, modulationDb, removeOffset, resample, roundHalfEven, spectrumDb, trim, windows,
} = await import(`${at}/dsp.js`);
const { readBundle, readSpec } = await import(`${at}/bundle.js`);
const { csv } = await import(`${at}/table.js`);
const { cutWav, rateOfWav } = await import(`${at}/wav.js`);
const { averaged, readProfile, written } = await import(`${at}/profile.js`);
const { ofBrowser, ofMicrophone } = await import(`${at}/messages.js`);

const wave = (name) => {
  const bytes = readFileSync(`${at}/${name}.f32`);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
};

const close = (found, wanted, within) => {
  assert.equal(found.length, wanted.length);
  const apart = found.reduce((most, value, n) => Math.max(most, Math.abs(value - wanted[n])), 0);
  assert.ok(apart <= within, `${apart} apart`);
};

test("rounding is Python's", () => {
  for (const [value, rounded] of numbers.rounded) assert.equal(roundHalfEven(value), rounded);
});

test("trimming keeps what sertk.audio.trim keeps", () => {
  for (const { name, step } of numbers.trims) {
    const trimmed = trim(wave(name), step);
    close(trimmed, wave(`${name}_trimmed`), 0);
  }
});

test("the offset that is removed is sertk.audio's", () => {
  for (const { name } of numbers.levels) {
    close(removeOffset(wave(name), 16000, ...numbers.offset), wave(`${name}_centered`), 5e-7);
  }
});

test("channels that cancel are known", () => {
  const [one, silent] = [wave("speech"), wave("silent")];
  const other = one.map((value) => -value);
  assert.equal(cancels([one, other], mixDown([one, other])), true);
  assert.equal(cancels([one, one], mixDown([one, one])), false);
  assert.equal(cancels([silent, silent], mixDown([silent, silent])), false);
  const moved = (samples, offset) => samples.map((value) => value + offset);
  const [here, there] = [moved(one, 0.1), moved(other, 0.1)]; // an offset is no sound
  assert.equal(cancels([here, there], mixDown([here, there])), true);
  const [high, low] = [moved(silent, 0.1), moved(silent, -0.1)];
  assert.equal(cancels([high, low], mixDown([high, low])), false);
});

test("levels are sertk.predict.sound's", () => {
  for (const { name, rate, seconds, db } of numbers.levels) {
    assert.ok(Math.abs(loudestDb(wave(name), rate, seconds) - db) < 1e-6);
  }
});

test("movements of levels are sertk.predict.sound's", () => {
  for (const { name, rate, db } of numbers.modulations) {
    assert.ok(Math.abs(modulationDb(wave(name), rate, numbers.steady) - db) < 1e-4);
  }
});

test("windows are where sertk.predict.sound puts them", () => {
  for (const { name, rate, window, hop, places } of numbers.windows) {
    const found = [...windows(wave(name), rate, window, hop)];
    close(
      found.flatMap(({ start, end }) => [start, end]),
      places.flat(),
      1e-9,
    );
    for (const piece of found) assert.equal(piece.waveform.length, roundHalfEven(window * rate));
  }
});

test("resampling is close to soxr's", () => {
  for (const { name, from, to } of numbers.resampled) {
    close(resample(wave(name), from, to), wave(`${name}_${to}`), 1e-3);
  }
});

test("spectra are numpy's", () => close(spectrumDb(wave("frame")), wave("frame_db"), 1e-3));

test("channels are averaged", () => {
  close(mixDown([Float32Array.of(1, 0), Float32Array.of(0, 0.5)]), [0.5, 0.25], 0);
});

test("a ring keeps the last samples", () => {
  const ring = new Ring(5);
  ring.push(Float32Array.of(1, 2, 3));
  close(ring.last(9), [1, 2, 3], 0);
  ring.push(Float32Array.of(4, 5, 6, 7));
  close(ring.last(5), [3, 4, 5, 6, 7], 0);
  ring.push(Float32Array.from({ length: 12 }, (_, n) => 10 + n));
  close(ring.last(3), [19, 20, 21], 0);
  assert.equal(ring.total, 19);
});

test("bundles are read as Python reads them, or refused for the same reason", async () => {
  for (const { file, refused } of numbers.bundles) {
    const bytes = new Uint8Array(readFileSync(`${at}/${file}`));
    if (!refused) {
      const files = await readBundle(bytes, file);
      assert.deepEqual(readSpec(files, file).classes, numbers.classes);
      continue;
    }
    await assert.rejects(readBundle(bytes, file), (error) => {
      assert.ok(error.message.includes(refused), `${file}: ${error.message}`);
      return true;
    });
  }
});

test("tables are CSV, and names are no formulas", () => {
  const row = {
    source: '=a "b".wav',
    start: 0,
    end: 1,
    label: "sad",
    probability: 0.5,
    valence: null,
    short: true,
    loudest_db: -20.25,
    probabilities: [0.5, 0.5],
  };
  assert.equal(
    csv([row], ["sad", "x"]),
    "source,start,end,label,probability,valence,short,loudest_db,p_sad,p_x\n" +
      `"'=a ""b"".wav",0,1,sad,0.5,,true,-20.25,0.5,0.5\n`,
  );
});

test("the rate of a WAV is read", () => {
  assert.equal(rateOfWav(new Uint8Array(readFileSync(`${at}/sound.wav`))), 22050);
  assert.equal(rateOfWav(new Uint8Array(40)), null);
});

test("a truncated WAV is recognized by its header", () => {
  const whole = new Uint8Array(readFileSync(`${at}/sound.wav`));
  assert.equal(cutWav(whole), false);
  assert.equal(cutWav(whole.subarray(0, whole.length - 100)), true);
  const streamed = whole.slice(0, whole.length - 100);
  assert.equal(cutWav(streamed), true);
  streamed.fill(255, 40, 44); // who wrote it did not know how long it would be
  assert.equal(cutWav(streamed), false);
  assert.equal(cutWav(new Uint8Array(40)), false);
});

test("messages say what to do", () => {
  const words = ofMicrophone({ name: "NotAllowedError" }).message;
  assert.match(words, /denied.*permission.*Allow it/);
  assert.match(ofMicrophone({ name: "Odd", message: "why" }).message, /\(why\)/);
  assert.match(ofBrowser({}).message, /over http /);
  assert.match(ofBrowser({ isSecureContext: true }).message, /support WebAssembly, Web Workers/);
});

test("profiles are sertk.predict.Profile's", () => {
  const { vectors, record, text } = numbers.profile;
  const made = averaged(vectors, record.shape, record.model);
  close(made.mean, record.mean, 1e-9);
  assert.deepEqual({ ...made, mean: record.mean }, record);
  const read = readProfile(text, "x.json", record.model, record.shape);
  assert.deepEqual(read, record);
  assert.deepEqual(JSON.parse(written(read)), record);
});

test("profiles that do not fit are refused", () => {
  const { record } = numbers.profile;
  const changed = (change) => JSON.stringify({ ...record, ...change });
  for (const [content, words] of [
    ["[", /x\.json as the profile .*not JSON/],
    ["null", /lacks the entries/],
    [changed({ model: 3 }), /lacks the entries/],
    [changed({ model: "another" }), /written with another model/],
    [changed({ schema_version: 2 }), /newer version of sertk/],
    [changed({ shape: [1, 3] }), /does not hold 3 numbers/],
    [changed({ mean: [1, 2] }), /does not hold 3 numbers/],
    [changed({ mean: [1, 2, "3"] }), /does not hold 3 numbers/],
    [changed({ count: 1.5 }), /positive integer/],
  ]) {
    assert.throws(() => readProfile(content, "x.json", record.model, record.shape), { message: words });
  }
  assert.throws(() => averaged([], [3], "m"), { message: /no speech/ });
});
