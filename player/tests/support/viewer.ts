/**
 * A person with a browser: opens a page with a bare `<video>`, plays a film in it with the player, and says what was seen.
 *
 * @module
 */

import { mkdtempSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";

import type { Origin } from "./origin.js";
import type { Recorder, Seek, StartOptions } from "./page/recorder.js";
import { temporary } from "./run.js";

export type { StartOptions } from "./page/recorder.js";

/** Everything written down in a page. */
export type Notes = ReturnType<Recorder["notes"]>;

const root = fileURLToPath(new URL("../..", import.meta.url));
const HTML = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><style>body{margin:0}</style>
<video width="320" height="180" playsinline></video><script type="module" src="/player/recorder.js"></script>`;

/** Chromium: `CHROMIUM`, else the one of the system. */
export function launch(...args: string[]): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    // Else names of files that are not ASCII are others to it where nobody has set a locale.
    env: { ...process.env, LC_ALL: "C.UTF-8" },
    args: [
      "--no-sandbox",
      "--autoplay-policy=no-user-gesture-required",
      "--mute-audio",
      "--disable-gpu",
      ...args,
    ],
  });
}

let modules: Promise<string> | undefined;

/** A folder with player.js, worker.js and recorder.js, bundled from the sources as they are now. */
export function bundled(): Promise<string> {
  modules ??= bundle();
  return modules;
}

/** Each stands alone, as those that are published. */
async function bundle(): Promise<string> {
  const outdir = mkdtempSync(path.join(temporary(), "player-"));
  const entries = {
    player: "src/index.ts",
    worker: "src/worker.ts",
    captions: "src/captions.ts",
    recorder: "tests/support/page/recorder.ts",
  };
  for (const [name, entry] of Object.entries(entries)) {
    await build({
      entryPoints: { [name]: path.join(root, entry) },
      outdir,
      bundle: true,
      splitting: true,
      external: ["./captions.js"],
      format: "esm",
      target: "es2022",
      minify: true,
      legalComments: "none",
      logLevel: "error",
    });
  }
  return outdir;
}

/** What a page is opened with. */
export interface OpenOptions extends StartOptions {
  /** Runs in the page before anything else; a text, so that it stands alone. */
  readonly before?: string;
}

/** One page that plays one film. */
export class Viewer {
  readonly page: Page;
  readonly context: BrowserContext;

  private constructor(context: BrowserContext, page: Page) {
    this.context = context;
    this.page = page;
  }

  /** Opens a page of its own, with no cache, and loads the film at this address of the server. */
  static async open(
    browser: Browser,
    origin: Origin,
    film: string,
    { before, ...start }: OpenOptions = {},
  ): Promise<Viewer> {
    const viewer = await Viewer.bare(browser, origin, before);
    const url = new URL(film, origin.address).href;
    await viewer.page.evaluate(([at, how]) => globalThis.recorder.start(at, how), [url, start] as const);
    return viewer;
  }

  /** Opens the page and loads nothing. */
  static async bare(browser: Browser, origin: Origin, before?: string): Promise<Viewer> {
    origin.folder("/player/", await bundled());
    origin.page("/watch.html", HTML);
    const context = await browser.newContext();
    if (before !== undefined) await context.addInitScript({ content: before });
    const viewer = new Viewer(context, await context.newPage());
    await viewer.page.goto(`${origin.address}/watch.html`);
    await viewer.page.waitForFunction(() => "recorder" in globalThis);
    return viewer;
  }

  /** Waits until something holds in the page; fails with what was seen instead. */
  async until<A>(
    what: string,
    test: (recorder: Recorder, argument: A) => boolean,
    argument: A,
    limit = 20_000,
  ) {
    const body = `(${String(test)})(globalThis.recorder, ${JSON.stringify(argument)})`;
    try {
      await this.page.waitForFunction(body, undefined, { polling: 25, timeout: limit });
    } catch (cause) {
      const { time, ready, buffered, stalls, said, failures, error } = await this.notes();
      const seen = JSON.stringify({ time, ready, buffered, stalls, said: said.slice(-6), failures, error });
      throw new Error(`in ${limit} ms not so: ${what}: ${seen}`, { cause });
    }
  }

  /** Waits until the playhead has passed a time. */
  async past(time: number, limit?: number): Promise<Notes> {
    await this.until(
      `past ${time} s`,
      ({ video }, t) => video.currentTime >= t && !video.seeking,
      time,
      limit,
    );
    return this.notes();
  }

  /** Waits until the player said something of this kind. */
  async says(kind: string, limit?: number): Promise<Notes> {
    await this.until(
      `says ${kind}`,
      ({ said }, type) => said.some(({ event }) => event.type === type),
      kind,
      limit,
    );
    return this.notes();
  }

  seek(time: number): Promise<Seek> {
    return this.page.evaluate((t) => globalThis.recorder.seek(t), time);
  }

  /** The number of the picture that is shown. */
  number(): Promise<number | null> {
    return this.page.evaluate(() => globalThis.recorder.number());
  }

  notes(): Promise<Notes> {
    return this.page.evaluate(() => globalThis.recorder.notes());
  }

  /** Sets properties of the `<video>`. */
  set(
    values: Partial<Pick<HTMLVideoElement, "playbackRate" | "loop" | "muted" | "currentTime">>,
  ): Promise<void> {
    return this.page.evaluate((v) => void Object.assign(globalThis.recorder.video, v), values);
  }

  play(): Promise<void> {
    return this.page.evaluate(() => globalThis.recorder.play());
  }

  pause(): Promise<void> {
    return this.page.evaluate(() => globalThis.recorder.video.pause());
  }

  close(): Promise<void> {
    return this.context.close();
  }
}
