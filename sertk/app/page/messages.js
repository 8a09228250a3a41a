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
      "The browser denied access to the microphone.",
      "This page needs permission to use the microphone.",
      "Allow it in the address bar and start again, or drop a recording here.",
    ],
    NotFoundError: [
      "No microphone was found.",
      "Live prediction needs a microphone.",
      "Connect one and start again, or drop a recording here.",
    ],
    NotReadableError: [
      "Cannot open the microphone; another program may be using it.",
      "Live prediction needs a microphone.",
      "Close that program and start again, or choose another device below.",
    ],
    OverconstrainedError: [
      "The selected microphone is not connected.",
      "The list of microphones is out of date.",
      "Choose another device below, and start again.",
    ],
  };
  known.SecurityError = known.NotAllowedError;
  const sentences = known[error.name] ?? [
    `Cannot use the microphone (${error.message || error.name}).`,
    "Live prediction needs a microphone that the browser can open.",
    "Try another device or browser, or drop a recording here.",
  ];
  return new PageError(...sentences);
}

/** Describe what this browser lacks; null if nothing. */
export function ofBrowser(scope) {
  if (!scope.isSecureContext) {
    return new PageError(
      "This page was opened over http from another machine.",
      "Browsers allow the microphone and Web Cryptography only over https or on 127.0.0.1.",
      "Open it over https, or on 127.0.0.1.",
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
    `This browser does not support ${missing.join(", ")}.`,
    "Chrome, Edge, Firefox and Safari support these since 2023.",
    "Update the browser, or open the page in another one.",
  );
}

/** Describe a file of the page that did not arrive; another try may help. */
export function ofDownload(name, why) {
  const error = new PageError(
    `Cannot load ${name} (${why}).`,
    "It must be next to the page, complete, as `sertk app` wrote it.",
    "Check the connection and try again, or drop a bundle here.",
  );
  return Object.assign(error, { again: true });
}

export function ofSound(name, reason) {
  return new PageError(
    `Cannot read ${name} as audio${reason ? ` (${reason})` : ""}.`,
    "Supported formats are WAV, FLAC, OGG, MP3 and others that this browser plays.",
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
    `Cannot open the model in ${name} (${String(reason).split("\n")[0].slice(0, 160)}).`,
    "It must be a complete ONNX file written by `sertk export`.",
    "Export the run again, or drop another bundle here.",
  );
}

export function ofRuntime(reason) {
  return new PageError(
    `Cannot load the page's runtime (${String(reason).split("\n")[0].slice(0, 160)}).`,
    "The folder `runtime` must be next to the page, as `sertk app` wrote it.",
    "Run `sertk app` again, and reload the page.",
  );
}
