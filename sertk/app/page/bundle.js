// Read a bundle into memory and verify it, by the rules of sertk.predict.bundle.
// In: bytes of a zip. Out: name -> bytes, each with the sha256 that is listed in bundle.json.
import { PageError, ofBundle } from "./messages.js";

const SCHEMA_VERSION = 2;
const INDEX = "bundle.json";
const NEEDED = ["model.onnx", "spec.json", "MODEL_CARD.md", "LICENSE.txt"];
const MOST = 100; // files
const LARGEST = 2 ** 30; // bytes of all files together, unpacked
export const WEIGHTS = ".safetensors"; // suffix of an encoder's file, beside a model that keeps none of its own
const [END, ENTRY, LOCAL] = [0x06054b50, 0x02014b50, 0x04034b50];
const [STORED, DEFLATED] = [0, 8];

/** Read every file of a bundle. */
export async function readBundle(bytes, source) {
  const files = await unzip(bytes, source);
  const sums = indexOf(files, source);
  const missing = NEEDED.filter((name) => !files.has(name));
  if (missing.length) throw ofBundle(source, `missing files: ${missing.join(", ")}`);
  for (const name of files.keys()) {
    if (name !== INDEX && !Object.hasOwn(sums, name)) throw ofBundle(source, `${name} is not in its index`);
  }
  for (const [name, expected] of Object.entries(sums)) {
    if (!files.has(name) || (await sha256(files.get(name))) !== expected) {
      throw ofBundle(source, `${name} was changed`);
    }
  }
  return files;
}

export async function sha256(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Read the metadata of a model. */
export function readSpec(files, source) {
  let record;
  try {
    record = JSON.parse(text(files.get("spec.json")));
  } catch {
    throw ofBundle(source, "its spec.json is damaged");
  }
  if (!(record.schema_version <= SCHEMA_VERSION)) throw newer(source, record);
  const known = Array.isArray(record.classes) && record.sample_rate > 0 && record.clip_seconds > 0;
  if (!known || !Array.isArray(record.before_the_graph) || !record.after_the_graph?.no_speech) {
    throw ofBundle(source, "its spec.json is incomplete");
  }
  return record;
}

export function text(bytes) {
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}

function indexOf(files, source) {
  let index;
  try {
    index = JSON.parse(text(files.get(INDEX)));
    if (!Number.isInteger(index.schema_version) || typeof index.sha256 !== "object") throw Error();
  } catch {
    throw ofBundle(source, `its ${INDEX} is missing or damaged`);
  }
  if (index.schema_version > SCHEMA_VERSION) throw newer(source, index);
  return index.sha256;
}

function newer(source, record) {
  return new PageError(
    `${source} was written by sertk ${record.sertk_version} (schema ${record.schema_version}).`,
    `This page reads schemas up to ${SCHEMA_VERSION}.`,
    "Use the page of a newer version of sertk.",
  );
}

/** Unfold a zip. */
export async function unzip(bytes, source) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    return await unfolded(bytes, view, entries(view, source), source);
  } catch (error) {
    if (error instanceof PageError) throw error;
    throw ofBundle(source, "it is truncated or damaged"); // a place beyond the end of the file
  }
}

async function unfolded(bytes, view, listed, source) {
  const files = new Map();
  if (listed.length > MOST) throw ofBundle(source, `it contains ${listed.length} files, over ${MOST}`);
  const total = listed.reduce((sum, { size }) => sum + size, 0);
  if (total > LARGEST) throw ofBundle(source, `it unpacks to ${(total / 1e9).toFixed(1)} GB`);
  for (const { name, method, packed, size, at } of listed) {
    if (/[/\\:]/.test(name) || name.startsWith(".")) {
      throw ofBundle(source, `it contains the path '${name}', which is outside the archive`);
    }
    if (files.has(name)) throw ofBundle(source, "two of its files have the same name");
    if (view.getUint32(at, true) !== LOCAL) throw ofBundle(source, `${name} is misplaced`);
    const start = at + 30 + view.getUint16(at + 26, true) + view.getUint16(at + 28, true);
    const content = bytes.subarray(start, start + packed);
    if (content.length !== packed) throw ofBundle(source, `${name} is truncated`);
    const whole = method === DEFLATED ? await inflate(content, size) : content;
    if (method !== DEFLATED && method !== STORED) throw ofBundle(source, `${name} has an unsupported compression`);
    if (whole.length !== size) throw ofBundle(source, `${name} has a wrong size`);
    files.set(name, whole);
  }
  return files;
}

function entries(view, source) {
  let end = view.byteLength - 22;
  while (end >= 0 && end > view.byteLength - 22 - 65536 && view.getUint32(end, true) !== END) end--;
  if (end < 0 || view.getUint32(end, true) !== END) throw ofBundle(source, "it is not a zip file");
  const found = [];
  let at = view.getUint32(end + 16, true);
  for (let left = view.getUint16(end + 10, true); left > 0; left--) {
    if (view.getUint32(at, true) !== ENTRY) throw ofBundle(source, "its list of files is damaged");
    const [name, extra, comment] = [28, 30, 32].map((offset) => view.getUint16(at + offset, true));
    found.push({
      name: text(new Uint8Array(view.buffer, view.byteOffset + at + 46, name)),
      method: view.getUint16(at + 10, true),
      packed: view.getUint32(at + 20, true),
      size: view.getUint32(at + 24, true),
      at: view.getUint32(at + 42, true),
    });
    at += 46 + name + extra + comment;
  }
  return found;
}

/** Inflate, and stop as soon as there is more than was promised. */
async function inflate(content, size) {
  const stream = new Blob([content]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  const whole = new Uint8Array(size);
  let there = 0;
  for (const reader = stream.getReader(); ;) {
    const { done, value } = await reader.read();
    if (done) return whole.subarray(0, there);
    if (there + value.length > size) throw Error("longer than promised");
    whole.set(value, there);
    there += value.length;
  }
}
