// The worker in which the network is computed, so that the page stays smooth.
// In: messages {id, load: bytes, weights, runtime}, {id, waveform, output}, {id, speaker} or
// {id, resample: [waveform, from, to]}. Out: {id, ...} or {id, failed, where}.
import { resample } from "./dsp.js";

const [MEAN, COUNT] = ["speaker_mean", "speaker_count"]; // inputs of graphs that enrol

let ort;
let session;
let speaker = {}; // those inputs; zeros for nobody

/** Open a graph, and the files of weights that lie beside it: [{path, data}]. */
async function load(bytes, weights, runtime) {
  try {
    ort ??= await import("./runtime/ort.js");
  } catch (error) {
    throw Object.assign(error, { where: "runtime" });
  }
  const [mjs, wasm] = ["js", "wasm"].map((end) => new URL(`./runtime/ort-wasm.${end}`, import.meta.url));
  ort.env.wasm.wasmPaths = { mjs: mjs.href, wasm: wasm.href };
  ort.env.wasm.wasmBinary = runtime;
  ort.env.wasm.numThreads = 1; // more would need headers that not every server can set
  const made = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"], externalData: weights });
  await session?.release();
  session = made;
  const input = session.inputMetadata.find(({ name }) => name === MEAN);
  const enrolled = input ? input.shape.slice(1) : null;
  speaker = {};
  if (enrolled) enrol(null, enrolled);
  return { enrolled };
}

function enrol(profile, shape) {
  const size = shape.reduce((product, length) => product * length, 1);
  const mean = profile ? Float32Array.from(profile.mean) : new Float32Array(size);
  const count = Float32Array.of(profile?.count ?? 0);
  speaker = {
    [MEAN]: new ort.Tensor("float32", mean, [1, ...shape]),
    [COUNT]: new ort.Tensor("float32", count, [1, 1]),
  };
  return {};
}

async function run(waveform, output) {
  const begun = performance.now();
  const input = new ort.Tensor("float32", waveform, [1, waveform.length]);
  const found = await session.run({ waveform: input, ...speaker }, [output]);
  return { values: Array.from(found[output].data), ms: performance.now() - begun };
}

function answered(data) {
  if (data.load) return load(data.load, data.weights, data.runtime);
  if (data.speaker) return enrol(data.speaker.profile, data.speaker.shape);
  if (data.resample) return { waveform: resample(...data.resample) };
  return run(data.waveform, data.output);
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
