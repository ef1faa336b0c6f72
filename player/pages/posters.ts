/**
 * Pictures for the cards of films: one of each film at a tenth of its length, made in this browser and kept in its cache.
 *
 * @module
 */

import { readManifest } from "../src/manifest.js";
import { Thumbnails } from "../src/thumbnails.js";

/** Films whose picture is made at one time; each costs a manifest and a few kilobytes of film. */
const AT_ONCE = 2;
const HEIGHT = 288;
/** Where in a film: past titles and black, before anything is given away. */
const PART = 0.1;
const CACHE = "segue-posters-1";

/** The films that are on their way, in as many lines as there may be at one time. */
const lines: Promise<unknown>[] = Array.from({ length: AT_ONCE }, () => Promise.resolve());
let next = 0;

/**
 * The address of a picture of a film, whose manifest is at `manifest`; `null` where there is none to be had. `version`
 * changes when the film does. The address is good for the life of the page.
 */
export async function poster(manifest: string, version: string, signal: AbortSignal): Promise<string | null> {
  const key = `${manifest}?poster=${encodeURIComponent(version)}`;
  const kept = await stored(key);
  if (kept) return URL.createObjectURL(kept);
  const picture = await inTurn(() => (signal.aborted ? null : draw(manifest, signal)));
  if (!picture) return null;
  await store(key, picture);
  return URL.createObjectURL(picture);
}

/** Does `work` once its line has come to it. */
function inTurn<T>(work: () => T | Promise<T>): Promise<T> {
  const line = next++ % AT_ONCE;
  const done = (lines[line] ?? Promise.resolve()).then(work, work);
  lines[line] = done;
  return done;
}

async function draw(address: string, signal: AbortSignal): Promise<Blob | null> {
  const response = await fetch(address, { signal });
  if (!response.ok) return null;
  const manifest = readManifest(await response.json(), response.url);
  const thumbnails = new Thumbnails(manifest, { height: HEIGHT });
  try {
    const picture = await thumbnails.at(manifest.duration * PART, signal);
    return picture && (await encode(picture));
  } finally {
    thumbnails.close();
  }
}

function encode(picture: ImageBitmap): Promise<Blob | null> {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [picture.width, picture.height];
  canvas.getContext("2d")?.drawImage(picture, 0, 0);
  picture.close();
  return new Promise((done) => canvas.toBlob(done, "image/webp", 0.85));
}

/** Browsers have a cache for secure contexts only; elsewhere pictures are made again. */
async function stored(key: string): Promise<Blob | null> {
  if (!("caches" in globalThis)) return null;
  const cache = await caches.open(CACHE).catch(() => null);
  return (await (await cache?.match(key))?.blob()) ?? null;
}

async function store(key: string, picture: Blob): Promise<void> {
  if (!("caches" in globalThis)) return;
  try {
    await (await caches.open(CACHE)).put(key, new Response(picture));
  } catch {
    // full: made again next time
  }
}
