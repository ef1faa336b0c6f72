/**
 * `test` with a browser for the tests of a file, and for each test a theatre: servers and pages that are gone after it.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import path from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, test as plain } from "vitest";

import { Origin, type Rule } from "./origin.js";
import { discard, eventually, segmented } from "./run.js";
import { launch, type OpenOptions, Viewer } from "./viewer.js";

/** As much of a `manifest.json` as tests look at. */
export interface RawManifest {
  title: string;
  state: string;
  duration: number;
  renditions: RawRendition[];
}

/** See {@link RawManifest}. */
export interface RawRendition {
  id: string;
  kind: string;
  codec: string;
  mime: string;
  timescale: number;
  init: string;
  initData: string;
  media: string;
  segments: { start: number; durations: number[]; sizes: number[] };
  fragments: [ticks: number, offset: number, key: number][][];
  available: [first: number, last: number][];
}

/** What a film is shown with. */
export interface ShowOptions extends OpenOptions {
  /** Rules of the server from the start. */
  readonly rules?: readonly Rule[];
}

/** A film on show. */
export interface Show {
  readonly viewer: Viewer;
  readonly origin: Origin;
  /** As the server has it. */
  readonly manifest: RawManifest;
}

/** What one test opens. */
export class Theatre {
  readonly browser: Browser;
  readonly #open: { close(): Promise<void> }[] = [];

  constructor(browser: Browser) {
    this.browser = browser;
  }

  /** A server of its own with a film below `/film/`: a fixture's name, or a folder. */
  async origin(film: string): Promise<Origin> {
    const origin = this.keep(await Origin.start());
    origin.folder("/film/", path.isAbsolute(film) ? film : await segmented(film));
    return origin;
  }

  /** A page of its own in which the film of this server plays. */
  async view(origin: Origin, options: OpenOptions = {}): Promise<Viewer> {
    return this.keep(await Viewer.open(this.browser, origin, "/film/manifest.json", options));
  }

  /** Both at once. */
  async show(film: string, options: ShowOptions = {}): Promise<Show> {
    const { rules = [], ...open } = options;
    const origin = await this.origin(film);
    for (const rule of rules) origin.rule(rule);
    const folder = path.isAbsolute(film) ? film : await segmented(film);
    return { origin, viewer: await this.view(origin, open), manifest: manifestOf(folder) };
  }

  /** Closes it after the test. */
  keep<T extends { close(): Promise<void> }>(thing: T): T {
    this.#open.unshift(thing);
    return thing;
  }

  async close(): Promise<void> {
    for (const thing of this.#open) await thing.close();
  }
}

// Runs after each file that uses this module: a runner's process may be killed rather than end.
afterAll(discard);

/** `test`, with a `theatre`. */
export const test = plain.extend<{ theatre: Theatre; browser: Browser }>({
  browser: [
    // The runner reads from this pattern what a fixture needs.
    // eslint-disable-next-line no-empty-pattern
    async ({}, use) => {
      const browser = await launch();
      await use(browser);
      await browser.close();
    },
    { scope: "file" },
  ],
  theatre: async ({ browser }, use) => {
    const theatre = new Theatre(browser);
    await use(theatre);
    await theatre.close();
  },
});

/** Where the engine runs. */
export const modes = [
  { where: "the main thread", worker: false },
  { where: "a worker", worker: true },
] as const;

/** The manifest in a folder that `segue segment` made. */
export function manifestOf(folder: string): RawManifest {
  return JSON.parse(readFileSync(path.join(folder, "manifest.json"), "utf8")) as RawManifest;
}

/** A rule that changes the manifest on its way. */
export function changed(change: (manifest: RawManifest) => void): Rule {
  const edit = (body: Buffer): Buffer => {
    const manifest = JSON.parse(body.toString()) as RawManifest;
    change(manifest);
    return Buffer.from(JSON.stringify(manifest));
  };
  return { match: /manifest\.json/, fault: { do: "edit", edit } };
}

/** The rendition with this id. */
export function rendition(manifest: RawManifest, id: string): RawRendition {
  const found = manifest.renditions.find((other) => other.id === id);
  if (!found) throw new Error(`no rendition ${id}`);
  return found;
}

/** Requests for media of a film on show. */
export const MEDIA = /\.m4s/;

/** Waits until no media is on its way, and none was asked for in half a second. */
export function quiet(origin: Origin): Promise<true> {
  return eventually("no media is asked for", () => {
    const asked = origin.asked(MEDIA);
    const last = asked.at(-1);
    const still =
      last !== undefined && performance.now() - last.at > 500 && asked.every(({ end }) => end !== undefined);
    return still || undefined;
  });
}

/** Milliseconds of all stalls. */
export function stalled({ stalls }: { readonly stalls: readonly { readonly ms: number }[] }): number {
  return stalls.reduce((sum, { ms }) => sum + ms, 0);
}

/** Seconds that went by unseen. */
export function skipped({ skips }: { readonly skips: readonly (readonly [number, number])[] }): number {
  return skips.reduce((sum, [from, to]) => sum + to - from, 0);
}
