// Fetch the large files of the page with progress, and keep them for the next visit.
// In: names that downloads.json lists with bytes and sha256. Out: name -> bytes, verified.
//
// The files are kept in the Cache API, under their sha256. A static host decides by itself what
// browsers may keep, and the HTTP cache drops large files first; here, a second visit loads only the
// short list, from any host, and a file that was replaced has another sha256 and is loaded again.
import { sha256 } from "./bundle.js";
import { ofDownload } from "./messages.js";

const LIST = "downloads.json";

/** Load files; `progressed` gets the bytes that are here, and those of all files. */
export async function fetchAll(names, progressed) {
  const listed = await list();
  for (const name of names) {
    if (!listed[name]) throw ofDownload(name, `${LIST} does not list it`);
  }
  const store = await openStore();
  const total = names.reduce((sum, name) => sum + listed[name].bytes, 0);
  const files = new Map();
  let before = 0;
  for (const name of names) {
    const wanted = { name, ...listed[name] };
    const more = (here) => progressed(before + here, total);
    const bytes = (await kept(store, wanted)) ?? (await loaded(store, wanted, more));
    files.set(name, bytes);
    before += bytes.length;
    progressed(before, total);
  }
  return files;
}

/** Write a number of bytes as people read it. */
export function megabytes(bytes) {
  return (bytes / 1e6).toFixed(1);
}

async function list() {
  const answer = await asked(LIST, LIST, "no-cache"); // a host may let browsers keep an old one
  try {
    return await answer.json();
  } catch {
    throw ofDownload(LIST, "it is damaged");
  }
}

async function asked(name, address, cache) {
  let answer;
  try {
    answer = await fetch(address, { cache });
  } catch (error) {
    throw ofDownload(name, error.message);
  }
  if (!answer.ok) throw ofDownload(name, `status ${answer.status}`);
  return answer;
}

// other pages of the same host have their own
const storeName = () => `sertk ${new URL(".", document.baseURI).pathname}`;

async function openStore() {
  try {
    return await caches.open(storeName());
  } catch {
    return null; // some browsers have none in private windows
  }
}

/** Name a file by its content, so that no cache on the way can give an old one. */
function addressOf({ name, sha256: sum }) {
  return new URL(`${name}?sha256=${sum}`, document.baseURI).href;
}

async function kept(store, wanted) {
  try {
    const answer = await store?.match(addressOf(wanted));
    const bytes = answer && new Uint8Array(await answer.arrayBuffer());
    return bytes && (await sha256(bytes)) === wanted.sha256 ? bytes : null;
  } catch {
    return null;
  }
}

async function loaded(store, wanted, progressed) {
  const { name, bytes: size } = wanted;
  // what is kept here needs no second place on the disk
  const answer = await asked(name, addressOf(wanted), store ? "no-store" : "default");
  const bytes = new Uint8Array(size);
  let here = 0;
  const grouped = (number) => number.toLocaleString("en-US");
  const incomplete = () => ofDownload(name, `${grouped(here)} of ${grouped(size)} bytes arrived`);
  try {
    for (const reader = answer.body.getReader(); ;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (here + value.length > size) throw ofDownload(name, `it is longer than ${grouped(size)} bytes`);
      bytes.set(value, here);
      here += value.length;
      progressed(here);
    }
  } catch (error) {
    throw error.name === "PageError" ? error : incomplete();
  }
  if (here < size) throw incomplete();
  if ((await sha256(bytes)) !== wanted.sha256) throw ofDownload(name, "it changed on the way");
  await keep(store, wanted, bytes);
  return bytes;
}

/** Keep a file instead of earlier ones of its name; a full disk costs only the next visit. */
async function keep(store, wanted, bytes) {
  try {
    const address = addressOf(wanted);
    await store?.put(address, new Response(bytes));
    for (const { url } of (await store?.keys()) ?? []) {
      if (url !== address && url.startsWith(address.split("?")[0])) await store.delete(url);
    }
  } catch {
    // it is loaded again next time
  }
}
