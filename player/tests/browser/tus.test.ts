/** `tus-js-client` itself, in Node and in Chromium, against a running gateway. */
import { createHash } from "node:crypto";
import { createReadStream, mkdtempSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { PassThrough, type Readable } from "node:stream";
import type { Page } from "playwright-core";
import * as tus from "tus-js-client";
import { expect } from "vitest";

import { eventually, fixture, gateway, temporary } from "../support/run.js";
import { test, type Theatre } from "../support/theatre.js";

const FILM = fixture("frames/numbered.mp4");
const film = readFileSync(FILM);
const script = path.join(
  path.dirname(createRequire(import.meta.url).resolve("tus-js-client/package.json")),
  "dist/tus.min.js",
);

/** What works the same way wherever it runs. */
const WAYS = [
  ["whole", {}],
  ["in small chunks", { chunkSize: 100_000 }],
  ["in three parts at once", { parallelUploads: 3 }],
  [
    "with its first bytes in the request that makes it",
    { uploadDataDuringCreation: true, chunkSize: 500_000 },
  ],
] as const;

interface Served {
  /** Where uploads are made. */
  readonly endpoint: string;
  readonly address: string;
}

async function serve(theatre: Theatre): Promise<Served> {
  const nothing = mkdtempSync(path.join(temporary(), "nothing-"));
  const { address } = theatre.keep(await gateway(nothing));
  return { address, endpoint: `${address}/v1/uploads` };
}

/** A page of the gateway's origin that has the client. */
async function open(theatre: Theatre, address: string): Promise<Page> {
  const context = theatre.keep(await theatre.browser.newContext({ bypassCSP: true }));
  const page = await context.newPage();
  await page.goto(address);
  await page.addScriptTag({ path: script });
  await page.evaluate((film) => {
    const bytes = Uint8Array.from(atob(film), (letter) => letter.charCodeAt(0));
    Object.assign(globalThis, { film: new File([bytes], "film.mp4", { type: "video/mp4" }) });
  }, film.toString("base64"));
  return page;
}

/** What lies on the page. */
interface Hall {
  readonly tus: typeof tus;
  readonly film: File;
}

/** What came of an upload is the film, byte for byte, and plays. */
async function expectFilm(theatre: Theatre, { address }: Served, upload: string): Promise<void> {
  const media = await eventually("it is ready", async () => {
    const told = (await (await fetch(new URL(upload, address))).json()) as { state: string; media: string };
    return told.state === "ready" ? told.media : undefined;
  });
  const original = await fetch(`${address}/v1/media/${media}/original`);
  expect(Buffer.from(await original.arrayBuffer()).equals(film)).toBe(true);
  const context = theatre.keep(await theatre.browser.newContext());
  const page = await context.newPage();
  await page.goto(`${address}/watch/${media}`);
  await page.evaluate(async () => {
    await customElements.whenDefined("segue-video");
    const video = document.querySelector("segue-video");
    if (!video) throw new Error("there is no film");
    video.muted = true;
    await video.play();
  });
  await eventually("it plays", async () => {
    const at = await page.evaluate(() => document.querySelector("segue-video")?.currentTime ?? 0);
    return at > 0.2 || undefined;
  });
}

/** Uploads, until all has gone or it fails; `file` is the film, where nothing else is given. */
function send(options: Partial<tus.UploadOptions>, file: Buffer | Readable = film): Promise<tus.Upload> {
  return new Promise((resolve, reject) => {
    const upload = new tus.Upload(file, {
      retryDelays: null,
      metadata: { filename: "film.mp4", filetype: "video/mp4" },
      onSuccess: () => resolve(upload),
      onError: reject,
      ...options,
    });
    upload.start();
  });
}

test.for(WAYS)("in Node, %s", async ([, options], { theatre }) => {
  const served = await serve(theatre);
  const { url } = await send({ endpoint: served.endpoint, ...options });
  await expectFilm(theatre, served, url ?? "");
});

test.for(WAYS)("in Chromium, %s", async ([, options], { theatre }) => {
  const served = await serve(theatre);
  const page = await open(theatre, served.address);
  const url = await page.evaluate(
    ([endpoint, options]) =>
      new Promise<string>((resolve, reject) => {
        const { tus, film } = globalThis as unknown as Hall;
        const upload = new tus.Upload(film, {
          endpoint,
          retryDelays: null,
          metadata: { filename: film.name, filetype: film.type },
          onSuccess: () => resolve(upload.url ?? ""),
          onError: reject,
          ...options,
        });
        upload.start();
      }),
    [served.endpoint, options] as const,
  );
  await expectFilm(theatre, served, url);
});

test("in Node, broken off and gone on with", async ({ theatre }) => {
  const served = await serve(theatre);
  const url = await new Promise<string>((resolve, reject) => {
    const upload = new tus.Upload(film, {
      endpoint: served.endpoint,
      chunkSize: 200_000,
      retryDelays: null,
      onError: reject,
      onChunkComplete: (_, accepted) => {
        if (accepted >= 600_000) upload.abort().then(() => resolve(upload.url ?? ""), reject);
      },
    });
    upload.start();
  });
  const offsets: number[] = [];
  await send({
    uploadUrl: url,
    onBeforeRequest: (request) => {
      const offset = request.getHeader("Upload-Offset");
      if (request.getMethod() === "PATCH") offsets.push(Number(offset));
    },
  });
  expect(offsets.length).toBe(1);
  expect(offsets[0]).toBeGreaterThanOrEqual(600_000);
  await expectFilm(theatre, served, url);
});

test("in Chromium, found again after a reload and gone on with", async ({ theatre }) => {
  const served = await serve(theatre);
  const page = await open(theatre, served.address);
  const begun = await page.evaluate(
    (endpoint) =>
      new Promise<string>((resolve, reject) => {
        const { tus, film } = globalThis as unknown as Hall;
        const upload = new tus.Upload(film, {
          endpoint,
          chunkSize: 200_000,
          retryDelays: null,
          fingerprint: () => Promise.resolve("film"),
          onError: reject,
          onChunkComplete: (_, accepted) => {
            if (accepted >= 600_000) upload.abort().then(() => resolve(upload.url ?? ""), reject);
          },
        });
        upload.start();
      }),
    served.endpoint,
  );
  await page.close();
  const second = await page.context().newPage();
  await second.goto(served.address);
  await second.addScriptTag({ path: script });
  const ended = await second.evaluate(
    async ([endpoint, film]) => {
      const { tus } = globalThis as unknown as Hall;
      const bytes = Uint8Array.from(atob(film), (letter) => letter.charCodeAt(0));
      let url = "";
      await new Promise<void>((resolve, reject) => {
        const upload = new tus.Upload(new File([bytes], "film.mp4"), {
          endpoint,
          retryDelays: null,
          fingerprint: () => Promise.resolve("film"),
          onSuccess: () => resolve(),
          onError: reject,
          onBeforeRequest: (request) => {
            if (request.getMethod() === "POST") throw new Error("a second one");
          },
        });
        void upload.findPreviousUploads().then(([previous]) => {
          if (!previous) throw new Error("nothing is remembered");
          upload.resumeFromPreviousUpload(previous);
          url = previous.uploadUrl ?? "";
          upload.start();
        }, reject);
      });
      return url;
    },
    [served.endpoint, film.toString("base64")] as const,
  );
  expect(ended).toBe(begun);
  await expectFilm(theatre, served, ended);
});

test("in Node, of a length that is said last", async ({ theatre }) => {
  const served = await serve(theatre);
  const deferred = { endpoint: served.endpoint, uploadLengthDeferred: true, chunkSize: 300_000 };
  // Of a file the client knows the length, and says of the last piece that it is as long as the others.
  const { url } = await send(deferred, createReadStream(FILM).pipe(new PassThrough()));
  await expectFilm(theatre, served, url ?? "");
});

test("in Chromium, of a length that is said last", async ({ theatre }) => {
  const served = await serve(theatre);
  const page = await open(theatre, served.address);
  const url = await page.evaluate(
    (endpoint) =>
      new Promise<string>((resolve, reject) => {
        const { tus, film } = globalThis as unknown as Hall;
        const upload = new tus.Upload(film.stream().getReader(), {
          endpoint,
          uploadLengthDeferred: true,
          chunkSize: 300_000,
          retryDelays: null,
          onSuccess: () => resolve(upload.url ?? ""),
          onError: reject,
        });
        upload.start();
      }),
    served.endpoint,
  );
  await expectFilm(theatre, served, url);
});

test("with a checksum, and refused with one of other bytes", async ({ theatre }) => {
  const served = await serve(theatre);
  // The client has none of its own; it lets headers be added.
  const summed = (sum: string): Partial<tus.UploadOptions> => ({
    endpoint: served.endpoint,
    onBeforeRequest: (request) => {
      if (request.getMethod() === "PATCH") request.setHeader("Upload-Checksum", `sha256 ${sum}`);
    },
  });
  const sum = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("base64");
  const { url } = await send(summed(sum(film)));
  await expectFilm(theatre, served, url ?? "");
  const refused = await send(summed(sum(Buffer.from("else")))).catch((error: unknown) => error);
  expect((refused as tus.DetailedError).originalResponse?.getStatus()).toBe(460);
});

test("terminated, it is gone", async ({ theatre }) => {
  const served = await serve(theatre);
  const url = await new Promise<string>((resolve, reject) => {
    const upload = new tus.Upload(film, {
      endpoint: served.endpoint,
      chunkSize: 200_000,
      retryDelays: null,
      onError: reject,
      onChunkComplete: () => {
        upload.abort(true).then(() => resolve(upload.url ?? ""), reject);
      },
    });
    upload.start();
  });
  expect((await fetch(url)).status).toBe(404);
  const again = await send({ endpoint: served.endpoint });
  await tus.Upload.terminate(again.url ?? "", { retryDelays: [] });
  expect((await fetch(again.url ?? "")).status).toBe(404);
});
