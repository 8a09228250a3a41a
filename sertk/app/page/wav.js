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

/** Say whether the header promises more than there is: a browser would decode what is left. */
export function cutWav(bytes) {
  if (!isWav(bytes)) return false;
  const promised = viewOf(bytes).getUint32(4, true);
  // two bytes of tolerance: some writers leave the pad byte of the last chunk out
  return !UNKNOWN.includes(promised) && bytes.length + 2 < promised + 8;
}

const UNKNOWN = [0, 0x7fffffff, 0xffffffff]; // what is written where the length is not known yet

function isWav(bytes) {
  return bytes.length >= 28 && wordAt(bytes, 0) === "RIFF" && wordAt(bytes, 8) === "WAVE";
}

function wordAt(bytes, at) {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}

function viewOf(bytes) {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
