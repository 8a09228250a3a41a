// Error messages: what was received, what is needed, what to do.
// In: where it happened and an error. Out: three sentences.

export class PageError extends Error {
  constructor(happened, needed, remedy) {
    super([happened, needed, remedy].filter(Boolean).join(" "));
    this.name = "PageError";
  }
}

/** Describe an error of the microphone. */
export function ofMicrophone(error) {
  const known = {
    NotAllowedError: [
      "The browser blocks the microphone.",
      "The page needs your permission to use it.",
      "Allow it in the address bar and start again, or drop a recording here.",
    ],
    NotFoundError: [
      "No microphone was found.",
      "Live predictions need a microphone.",
      "Connect one and start again, or drop a recording here.",
    ],
    NotReadableError: [
      "The microphone cannot be opened: another program may use it.",
      "The browser needs access to it.",
      "Close that program and start again, or choose another device below.",
    ],
    OverconstrainedError: [
      "The selected microphone is disconnected.",
      "It was available when the list was made.",
      "Choose another device below and start again.",
    ],
  };
  known.SecurityError = known.NotAllowedError;
  const sentences = known[error.name] ?? [
    `The microphone cannot be used (${error.message || error.name}).`,
    "The browser must be able to open the microphone.",
    "Try another device or browser, or drop a recording here.",
  ];
  return new PageError(...sentences);
}

/** Describe what this browser lacks; null if nothing. */
export function ofBrowser(scope) {
  if (!scope.isSecureContext) {
    return new PageError(
      "This page was opened over plain http from another machine.",
      "Browsers allow the microphone and checksums over https or on 127.0.0.1 only.",
      "Open the page there.",
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
    `${name} cannot be read as audio${reason ? ` (${reason})` : ""}.`,
    "The page reads WAV, FLAC, OGG, MP3 and other formats that this browser plays.",
    "Choose another file, or convert this one to WAV.",
  );
}

export function ofBundle(name, why) {
  return new PageError(
    `Cannot use ${name} as a bundle (${why}).`,
    "A bundle is an unchanged zip file written by `sertk export RUN --to bundle`.",
    "Copy it again, or export the run again.",
  );
}

export function ofModel(name, reason) {
  return new PageError(
    `The model in ${name} cannot be opened (${String(reason).split("\n")[0].slice(0, 160)}).`,
    "It must be a complete ONNX file from `sertk export`.",
    "Export the run again, or drop another bundle here.",
  );
}

export function ofRuntime(reason) {
  return new PageError(
    `The page's runtime cannot be loaded (${String(reason).split("\n")[0].slice(0, 160)}).`,
    "The folder `runtime` that `sertk app` writes must be beside the page.",
    "Write the page again and reload it.",
  );
}
