// The header of a WAV file. In: bytes. Out: its sample rate, and whether all of it is there.

/** Read the rate, so that a WAV is decoded as it is, or null of another format. */
export function rateOfWav(bytes) {
  if (!isWav(bytes)) return null;
  const view = viewOf(bytes);
  for (let at = 12; at + 16 <= bytes.length;) {
    if (wordAt(bytes, at) === "fmt ") return view.getUint32(at + 12, true);
    const size = view.getUint32(at + 4, true);
    at += 8 + size + (size % 2);
  }
  return null;
}

/** Say whether samples are missing at the end: a browser would decode what is left. */
export function cutWav(bytes) {
  if (!isWav(bytes)) return false;
  const view = viewOf(bytes);
  for (let at = 12; at + 8 <= bytes.length;) {
    const size = view.getUint32(at + 4, true);
    if (wordAt(bytes, at) === "data") return lost(bytes.length, at + 8 + size);
    at += 8 + size + (size % 2);
  }
  return lost(bytes.length, 8 + view.getUint32(4, true)); // it ends before its samples begin
}

// The rules of sertk.audio.headers: sizes within 64 KiB of these stand for "not known yet", and
// headers count up to 64 bytes too many.
const PLACEHOLDERS = [2 ** 31, 2 ** 32];

function lost(size, declared) {
  const unset = PLACEHOLDERS.some((edge) => Math.abs(declared - edge) <= 2 ** 16);
  return declared - size > 64 && !unset;
}

function isWav(bytes) {
  return bytes.length >= 28 && wordAt(bytes, 0) === "RIFF" && wordAt(bytes, 8) === "WAVE";
}

function wordAt(bytes, at) {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}

function viewOf(bytes) {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
