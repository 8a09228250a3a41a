// The profile of a speaker: the record of sertk.predict.Profile, in and out of text.
// In: mean vectors of pieces of speech, or JSON. Out: {model, count, shape, mean}.
import { PageError } from "./messages.js";

const SCHEMA_VERSION = 1;

/** Average vectors, with the five digits of a file, so that it predicts what its file does. */
export function averaged(vectors, shape, model) {
  if (vectors.length === 0) {
    throw new PageError(
      "The recording contains no speech.",
      "A voice is enrolled by pieces of speech, better ten or more.",
      "Check the microphone and its level, and record again.",
    );
  }
  const mean = Array.from({ length: vectors[0].length }, (_, n) => {
    const sum = vectors.reduce((total, vector) => total + vector[n], 0);
    return Number(Math.fround(sum / vectors.length).toPrecision(5));
  });
  return { schema_version: SCHEMA_VERSION, model, count: vectors.length, shape, mean };
}

export function written(profile) {
  return `${JSON.stringify(profile)}\n`;
}

/** Read a profile of one model. */
export function readProfile(text, name, model, shape) {
  let record;
  try {
    record = JSON.parse(text);
  } catch {
    throw damaged(name, "it is not JSON");
  }
  if (!Number.isInteger(record?.schema_version) || typeof record.model !== "string") {
    throw damaged(name, "it lacks the entries of one");
  }
  if (record.schema_version > SCHEMA_VERSION) {
    throw new PageError(
      `${name} was written by a newer version of sertk (schema ${record.schema_version}).`,
      `This page reads schemas up to ${SCHEMA_VERSION}.`,
      "Use the page of a newer version of sertk.",
    );
  }
  if (record.model !== model) {
    throw new PageError(
      `The profile ${name} was written with another model.`,
      "A profile holds what one model computes of a voice.",
      "Open the bundle of that model, or enrol again with this one.",
    );
  }
  const { count, mean } = record;
  const size = shape.reduce((product, length) => product * length, 1);
  const numbers = Array.isArray(mean) && mean.length === size && mean.every(Number.isFinite);
  if (!numbers || String(record.shape) !== String(shape)) throw damaged(name, `it does not hold ${size} numbers`);
  if (!Number.isInteger(count) || count < 1) throw damaged(name, "its count is not a positive integer");
  return { schema_version: SCHEMA_VERSION, model, count, shape, mean };
}

function damaged(name, why) {
  return new PageError(
    `Cannot read ${name} as the profile of a speaker (${why}).`,
    "A profile is a file that this page saved or `sertk enrol` wrote.",
    "Choose another file, or enrol again.",
  );
}
