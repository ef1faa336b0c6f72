/**
 * Keeps up with a medium that is still arriving: reads its manifest again until everything is there.
 *
 * @module
 */

import { sleep } from "./loader.js";
import { type Manifest, readManifest } from "./manifest.js";
import { PlayerError } from "./errors.js";

/** Milliseconds between two readings. */
const EVERY = 1500;
/** Milliseconds before the first repetition of a reading that failed; doubled for each more. */
const BACKOFF = 200;
const TRIES = 6;

/** Fetches and reads a manifest; what fails on the way is tried again a few times. Rejects with a `PlayerError` of code `manifest`. */
export async function fetchManifest(url: string, signal: AbortSignal): Promise<Manifest> {
  let last: unknown;
  for (let tries = 0; tries < TRIES; tries += 1) {
    if (tries > 0) await sleep(BACKOFF * 2 ** (tries - 1), signal);
    try {
      const response = await fetch(url, { signal });
      if (response.ok) return readManifest(await response.json(), url);
      last = new Error(`${response.status}`);
      if (response.status < 500 && response.status !== 429) break;
    } catch (cause) {
      signal.throwIfAborted();
      if (cause instanceof PlayerError) throw cause;
      last = cause;
    }
  }
  throw new PlayerError("manifest", `${url}: ${last instanceof Error ? last.message : "no answer"}`, {
    cause: last,
  });
}

/** Whether more of the medium is to come. */
export function isArriving({ state, renditions }: Manifest): boolean {
  if (state === "receiving" || state === "playable") return true;
  return renditions.some(({ segments, available }) => {
    return available.reduce((sum, [first, last]) => sum + last - first + 1, 0) < segments.length;
  });
}

/** Calls back with each new reading until nothing more is to come. Resolves then; rejects when `signal` aborts. */
export async function follow(
  manifest: Manifest,
  read: (manifest: Manifest) => void,
  signal: AbortSignal,
): Promise<void> {
  for (let known = manifest; isArriving(known);) {
    await sleep(EVERY, signal);
    try {
      const response = await fetch(known.url, { signal, cache: "no-cache" });
      if (!response.ok) continue;
      known = readManifest(await response.json(), known.url);
      read(known);
    } catch {
      // The next reading may do better; media requests say what is wrong with the network.
      signal.throwIfAborted();
    }
  }
}
