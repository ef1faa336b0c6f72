/**
 * Parts of the player on a page of their own, without the engine: thumbnails, captions, and what they read.
 *
 * @module
 */

import { mkdtempSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { Page } from "playwright-core";

import type { Origin } from "./origin.js";
import { temporary } from "./run.js";
import type { Theatre } from "./theatre.js";

/** What stands in the page as `parts`. */
export type Parts = typeof import("./page/parts.js");

const HTML = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">
<video width="320" height="180" muted playsinline></video><script type="module" src="/parts/stdin.js"></script>`;

let modules: Promise<string> | undefined;

function bundled(): Promise<string> {
  modules ??= (async () => {
    const outdir = mkdtempSync(path.join(temporary(), "parts-"));
    await build({
      stdin: {
        contents: 'import * as parts from "./parts.js"; globalThis.parts = parts;',
        resolveDir: fileURLToPath(new URL("page", import.meta.url)),
        sourcefile: "parts.js",
      },
      outdir,
      bundle: true,
      splitting: true,
      format: "esm",
      target: "es2022",
      logLevel: "error",
    });
    return outdir;
  })();
  return modules;
}

/** A page with `parts` and a `<video>`, which `source` is shown in natively. */
export async function openParts(theatre: Theatre, origin: Origin, source?: string): Promise<Page> {
  origin.folder("/parts/", await bundled());
  origin.page("/parts.html", HTML);
  const context = theatre.keep(await theatre.browser.newContext());
  const page = await context.newPage();
  await page.goto(`${origin.address}/parts.html`);
  await page.waitForFunction(() => "parts" in globalThis);
  if (source !== undefined) {
    await page.evaluate(async (address) => {
      const { video } = parts;
      video.src = address;
      // Data alone is not yet a picture that can be drawn.
      await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
    }, source);
  }
  return page;
}
