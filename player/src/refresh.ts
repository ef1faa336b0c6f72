/**
 * Keeps up with a medium that is still arriving: reads its manifest again until everything is there; when the gateway says that
 * something happened to it, and where nobody says so, every now and then.
 *
 * @module
 */

import { listen, type ServerEvent } from "./events.js";
import { sleep } from "./loader.js";
import { type Manifest, readManifest } from "./manifest.js";
import { PlayerError } from "./errors.js";

/** Milliseconds between two readings, where nobody tells what happens. */
const EVERY = 1500;
/** Milliseconds between two readings at least, and at most where the gateway tells of what happens. */
const OFTEN = 500;
const SELDOM = 5000;
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
  if (!isArriving(manifest)) return;
  const life = new AbortController();
  const end = (): void => life.abort(signal.reason);
  signal.addEventListener("abort", end);
  const bell = new Bell(manifest.url, life.signal);
  try {
    for (let known = manifest; isArriving(known);) {
      await bell.rings();
      const next = await again(known, life.signal);
      if (next) read((known = next));
    }
  } finally {
    end();
    signal.removeEventListener("abort", end);
  }
}

/** A new reading; none where it fails. */
async function again({ url }: Manifest, signal: AbortSignal): Promise<Manifest | undefined> {
  try {
    const response = await fetch(url, { signal, cache: "no-cache" });
    return response.ok ? readManifest(await response.json(), url) : undefined;
  } catch {
    // The next reading may do better; media requests say what is wrong with the network.
    signal.throwIfAborted();
    return undefined;
  }
}

/** Where a gateway tells of what happens, and what it calls the medium of a manifest; `null` for those that nobody tells of. */
export function newsOf(url: string): { readonly events: string; readonly id: string } | null {
  const [, base, id] = /^(.*\/v1\/)media\/([^/]+)\/manifest\.json$/.exec(url.split(/[?#]/)[0] ?? "") ?? [];
  return base !== undefined && id !== undefined ? { events: `${base}events`, id } : null;
}

/** Says when it is time to read again. */
class Bell {
  readonly #signal: AbortSignal;
  #most = EVERY;
  #rung = false;
  #wake = (): void => undefined;

  constructor(url: string, signal: AbortSignal) {
    this.#signal = signal;
    const news = newsOf(url);
    if (!news) return;
    const heard = ({ data }: ServerEvent): void => {
      if (data.includes(news.id)) this.#ring();
    };
    listen(news.events, heard, signal).catch(() => undefined); // aborted
  }

  /** Resolves when something happened, or enough time has passed; rejects when the signal aborts. */
  async rings(): Promise<void> {
    await sleep(OFTEN, this.#signal);
    if (!this.#rung) {
      const rung = new Promise<void>((resolve) => (this.#wake = resolve));
      await Promise.race([rung, sleep(this.#most - OFTEN, this.#signal)]);
    }
    this.#rung = false;
  }

  #ring(): void {
    this.#most = SELDOM;
    this.#rung = true;
    this.#wake();
  }
}
