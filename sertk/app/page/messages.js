// What is said when something goes wrong: what happened, what is needed, what to do.
// In: where it happened and an error. Out: three sentences.

export class PageError extends Error {
  constructor(happened, needed, remedy) {
    super([happened, needed, remedy].filter(Boolean).join(" "));
    this.name = "PageError";
  }
}

/** Say why a microphone gives nothing. */
export function ofMicrophone(error) {
  const known = {
    NotAllowedError: [
      "The microphone was refused.",
      "Listening needs your permission, for this page alone.",
      "Allow it in the browser's address bar and start again, or drop a recording here instead.",
    ],
    NotFoundError: [
      "No microphone was found.",
      "Listening needs one.",
      "Plug one in and start again, or drop a recording here instead.",
    ],
    NotReadableError: [
      "The microphone cannot be opened: another program may hold it.",
      "Listening needs it.",
      "Close that program and start again, or choose another device below.",
    ],
    OverconstrainedError: [
      "The chosen microphone is gone.",
      "It was there when the list was made.",
      "Choose another device below, and start again.",
    ],
  };
  known.SecurityError = known.NotAllowedError;
  const told = known[error.name] ?? [
    `The microphone cannot be used (${error.message || error.name}).`,
    "Listening needs a microphone that the browser can open.",
    "Try another device or browser, or drop a recording here instead.",
  ];
  return new PageError(...told);
}

/** Name what this browser lacks, or null. */
export function ofBrowser(scope) {
  if (!scope.isSecureContext) {
    return new PageError(
      "This page was opened over plain http from another machine.",
      "Browsers lend the microphone, and check files, over https or on 127.0.0.1 alone.",
      "Open it there.",
    );
  }
  const needed = {
    WebAssembly: scope.WebAssembly,
    "Web Workers": scope.Worker,
    "Web Audio": scope.OfflineAudioContext,
    AudioWorklet: scope.AudioWorkletNode,
    DecompressionStream: scope.DecompressionStream,
    "Web Cryptography": scope.crypto?.subtle,
  };
  const missing = Object.keys(needed).filter((name) => !needed[name]);
  if (missing.length === 0) return null;
  return new PageError(
    `This browser cannot run the page: it lacks ${missing.join(", ")}.`,
    "Chrome, Edge, Firefox and Safari have had these since 2023.",
    "Update the browser, or open the page in another one.",
  );
}

export function ofSound(name, reason) {
  return new PageError(
    `${name} cannot be read as sound${reason ? ` (${reason})` : ""}.`,
    "WAV, FLAC, OGG and MP3 are read, and what else this browser plays.",
    "Choose another file, or convert this one to WAV.",
  );
}

export function ofBundle(name, why) {
  return new PageError(
    `${name} is no bundle that can be used (${why}).`,
    "A bundle is a zip as `sertk export RUN --to bundle` wrote it, unchanged.",
    "Copy it again from where it came, or export the run again.",
  );
}

export function ofModel(name, reason) {
  return new PageError(
    `The model in ${name} cannot be opened (${String(reason).split("\n")[0].slice(0, 160)}).`,
    "It must be a whole ONNX file, as `sertk export` wrote it.",
    "Export the run again, or drop another bundle here.",
  );
}

export function ofRuntime(reason) {
  return new PageError(
    `The page's runtime cannot be loaded (${String(reason).split("\n")[0].slice(0, 160)}).`,
    "The folder `runtime` must stand beside the page, as `sertk app` wrote it.",
    "Write the page again, and load it again.",
  );
}
