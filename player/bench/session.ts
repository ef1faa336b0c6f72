/**
 * One cold page with one player and one film: a server of its own, no cache, a network as slow as wanted.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser, CDPSession } from "playwright-core";

import type { Slowness } from "../tests/support/link.js";
import { Origin } from "../tests/support/origin.js";
import { Viewer } from "../tests/support/viewer.js";
import type { Contender } from "./players.js";

/** The folder with the other players. */
export const modules = fileURLToPath(new URL("../node_modules", import.meta.url));

/** A film: its MP4, and the folder it was cut into. */
export interface Film {
  readonly mp4: string;
  readonly folder: string;
}

/** What came over the network of a page; times are milliseconds since 1970. */
interface Traffic {
  readonly requests: { readonly at: number; readonly id: string }[];
  readonly bytes: { readonly at: number; readonly id: string; readonly length: number }[];
}

/** A page in which a player has begun. */
export class Session {
  readonly viewer: Viewer;
  readonly origin: Origin;
  readonly cdp: CDPSession;
  readonly #traffic: Traffic = { requests: [], bytes: [] };

  private constructor(viewer: Viewer, origin: Origin, cdp: CDPSession) {
    this.viewer = viewer;
    this.origin = origin;
    this.cdp = cdp;
  }

  /** Opens the page, loads the player, and starts the clock and the film. */
  static async open(browser: Browser, contender: Contender, film: Film, slowness: Slowness | null) {
    const origin = await Origin.start();
    origin.folder("/modules/", modules);
    origin.folder("/film/", film.folder);
    origin.folder("/film/film.mp4", film.mp4);
    const viewer = await Viewer.bare(browser, origin);
    const session = new Session(viewer, origin, await viewer.context.newCDPSession(viewer.page));
    await session.#begin(contender, film, slowness);
    return session;
  }

  async #begin({ scripts, reads, play }: Contender, film: Film, slowness: Slowness | null): Promise<void> {
    const { page } = this.viewer;
    for (const url of scripts) {
      if (url.startsWith("/modules/")) await page.addScriptTag({ url });
      else await page.evaluate(`import("${url}").then((module) => { globalThis.Segue = module; })`);
    }
    await this.cdp.send("Network.enable");
    this.#listen();
    await this.slow(slowness);
    const manifest = readFileSync(path.join(film.folder, "manifest.json"), "utf8");
    // As large as the best picture: some players fetch no more than what fits.
    await page.evaluate(`(async () => {
      const { video } = recorder, url = "/film/${reads}", manifest = ${manifest};
      Object.assign(video, { width: 1280, height: 720, muted: true });
      for (const name of ["loadstart", "loadedmetadata", "canplay"]) video.addEventListener(name, () => video.paused && recorder.play(), { once: true });
      recorder.begin();
      ${play}
    })().catch((error) => recorder.failures.push(String(error)))`);
  }

  #listen(): void {
    // What CDP calls a timestamp has a beginning of its own.
    let apart = 0;
    const media = new Set<string>();
    this.cdp.on("Network.requestWillBeSent", ({ requestId, request, timestamp, wallTime }) => {
      apart = (wallTime - timestamp) * 1000;
      if (!new URL(request.url).pathname.startsWith("/film/")) return;
      media.add(requestId);
      this.#traffic.requests.push({ at: wallTime * 1000, id: requestId });
    });
    this.cdp.on("Network.dataReceived", ({ requestId, timestamp, dataLength }) => {
      if (media.has(requestId))
        this.#traffic.bytes.push({ at: timestamp * 1000 + apart, id: requestId, length: dataLength });
    });
  }

  /** Makes the network of the page as slow as this from now on. */
  async slow(slowness: Slowness | null): Promise<void> {
    const rate = slowness ? slowness.kbits * 125 : -1;
    await this.cdp.send("Network.emulateNetworkConditions", {
      offline: false,
      latency: slowness?.rtt ?? 0,
      downloadThroughput: rate,
      uploadThroughput: rate,
    });
  }

  /** Requests made, and bytes that had come, by a time in milliseconds since 1970. */
  by(time: number): { requests: number; bytes: number } {
    return {
      requests: this.#traffic.requests.filter(({ at }) => at <= time).length,
      bytes: this.#traffic.bytes.reduce((sum, { at, length }) => sum + (at <= time ? length : 0), 0),
    };
  }

  async close(): Promise<void> {
    await this.viewer.close();
    await this.origin.close();
  }
}
