// The header of a WAV file. In: bytes. Out: its sample rate, or null where it is another format.

/** Read the rate, so that a WAV is decoded as it is; the rest of the format is the browser's. */
export function rateOfWav(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const word = (at) => String.fromCharCode(...bytes.subarray(at, at + 4));
  if (bytes.length < 28 || word(0) !== "RIFF" || word(8) !== "WAVE") return null;
  for (let at = 12; at + 16 <= bytes.length;) {
    if (word(at) === "fmt ") return view.getUint32(at + 12, true);
    const size = view.getUint32(at + 4, true);
    at += 8 + size + (size % 2);
  }
  return null;
}
