// The worker in which the network is computed, so that the page stays smooth.
// In: messages {id, load: bytes}, {id, waveform} or {id, resample: [waveform, from, to]}.
// Out: {id, ...} or {id, failed, where}.
import { resample } from "./dsp.js";

let ort;
let session;

async function load(bytes) {
  try {
    ort ??= await import("./runtime/ort.js");
  } catch (error) {
    throw Object.assign(error, { where: "runtime" });
  }
  const [mjs, wasm] = ["js", "wasm"].map((end) => new URL(`./runtime/ort-wasm.${end}`, import.meta.url));
  ort.env.wasm.wasmPaths = { mjs: mjs.href, wasm: wasm.href };
  ort.env.wasm.numThreads = 1; // more would need headers that not every server can set
  const made = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
  await session?.release();
  session = made;
  return {};
}

async function predict(waveform) {
  const begun = performance.now();
  const input = new ort.Tensor("float32", waveform, [1, waveform.length]);
  const { probabilities } = await session.run({ waveform: input });
  return { probabilities: Array.from(probabilities.data), ms: performance.now() - begun };
}

function answered(data) {
  if (data.load) return load(data.load);
  if (data.resample) return { waveform: resample(...data.resample) };
  return predict(data.waveform);
}

// one after the other, in the order of asking
let queue = Promise.resolve();
self.onmessage = ({ data }) => {
  queue = queue.then(async () => {
    try {
      self.postMessage({ id: data.id, ...(await answered(data)) });
    } catch (error) {
      self.postMessage({ id: data.id, failed: String(error?.message ?? error), where: error?.where });
    }
  });
};
