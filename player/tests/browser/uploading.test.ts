/** The page that uploads films, against a running gateway behind a slow link. */
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Page } from "playwright-core";
import { expect } from "vitest";

import { overlap, type Range } from "../../src/upload/pieces.js";
import { Ferry } from "../support/ferry.js";
import { eventually, fixture, gateway, temporary } from "../support/run.js";
import { test, type Theatre } from "../support/theatre.js";

/** Thousand bits a second. */
const SLOW = 8000;

/** A part that the page sent. */
interface Sent {
  readonly range: Range;
  status: number | null;
}

/** An upload as the gateway tells of it. */
interface Told {
  readonly state: string;
  readonly here: readonly Range[];
  readonly length: number;
  readonly media: string;
}

/** An upload page with a gateway behind it. */
class Visit {
  readonly page: Page;
  readonly ferry: Ferry;
  /** Parts, in the order in which they left. */
  readonly sent: Sent[] = [];
  /** Addresses of uploads that were made, by the names of their files. */
  readonly made = new Map<string, string>();

  constructor(page: Page, ferry: Ferry) {
    this.page = page;
    this.ferry = ferry;
    page.on("dialog", (dialog) => void dialog.accept()); // whether to leave
    page.on("request", (request) => {
      const [from, last] = (request.headers()["content-range"] ?? "").match(/\d+/g)?.map(Number) ?? [];
      if (from === undefined || last === undefined) return;
      const sent: Sent = { range: [from, last + 1], status: null };
      this.sent.push(sent);
      void request.response().then((response) => (sent.status = response?.status() ?? null));
    });
    page.on("response", (response) => {
      if (response.status() !== 201) return;
      const facts = response.request().headers()["upload-metadata"] ?? "";
      const name = /filename (\S+?)(?:,|$)/.exec(facts)?.[1] ?? "";
      this.made.set(Buffer.from(name, "base64").toString(), response.headers().location ?? "");
    });
  }

  row(name: string) {
    return this.page.getByRole("listitem").filter({ hasText: name });
  }

  act(name: string, what: string): Promise<void> {
    return this.row(name).getByRole("button", { name: what }).click();
  }

  choose(...films: string[]): Promise<void> {
    return this.page.locator("#files").setInputFiles(films);
  }

  whole(name: string): Promise<void> {
    return this.row(name).getByText("all there").waitFor({ timeout: 50_000 });
  }

  /** What the gateway says of the upload of a file, or of the only one; asked for beside the page. */
  async told(name?: string): Promise<Told | null> {
    const of = (): string | undefined =>
      name === undefined ? [...this.made.values()][0] : this.made.get(name);
    const at = await eventually("it is made", of);
    const response = await fetch(new URL(at, this.ferry.target));
    return response.ok ? ((await response.json()) as Told) : null;
  }

  /** Waits until so many bytes of it are there; says which. */
  arrived(bytes: number): Promise<Told> {
    return eventually(`${bytes} bytes are there`, async () => {
      const told = await this.told();
      return told && count(told.here) >= bytes ? told : undefined;
    });
  }

  /** The bytes of a film that was sent. */
  async original(media: string): Promise<Buffer> {
    const response = await fetch(`${this.ferry.target}/v1/media/${media}/original`);
    return Buffer.from(await response.arrayBuffer());
  }
}

const count = (ranges: readonly Range[]): number => ranges.reduce((sum, [from, to]) => sum + to - from, 0);

/** A film of the fixtures under a name of its own: 16 MB, its `moov` last. */
function film(name: string): { readonly name: string; readonly path: string; readonly bytes: Buffer } {
  const folder = path.join(temporary(), "films");
  mkdirSync(folder, { recursive: true });
  const bytes = readFileSync(fixture("frames/ladder.mp4"));
  // No two are alike: the place of a box that says nothing.
  const place = Buffer.from(`\0\0\0\0free${name}`);
  place.writeUInt32BE(place.length);
  const file = path.join(folder, name);
  const all = Buffer.concat([bytes, place]);
  writeFileSync(file, all);
  return { name, path: file, bytes: all };
}

async function visit(theatre: Theatre, settings: Readonly<Record<string, string>> = {}) {
  const nothing = mkdtempSync(path.join(temporary(), "nothing-"));
  const first = theatre.keep(await gateway(nothing, undefined, settings));
  const ferry = theatre.keep(await Ferry.start(first.address));
  ferry.link.slowness = { kbits: SLOW, rtt: 0 };
  const context = theatre.keep(await theatre.browser.newContext());
  const here = new Visit(await context.newPage(), ferry);
  await here.page.goto(`${ferry.address}/upload`);
  return { here, ferry, first, nothing };
}

/** No part has anything that was there before it left. */
function expectNoneTwice(parts: readonly Sent[], there: readonly Range[]): void {
  for (const { range } of parts) {
    for (const other of there)
      expect(overlap(range, other), `${range.join()} and ${other.join()}`).toBeNull();
  }
}

/** No part has anything of one that was acknowledged. */
function expectTold({ sent }: Visit): void {
  const acknowledged = sent.filter(({ status }) => status === 204).map(({ range }) => range);
  const all = acknowledged.reduce((sum, [from, to]) => sum + to - from, 0);
  const apart = acknowledged.every((range, i) =>
    acknowledged.slice(i + 1).every((other) => !overlap(range, other)),
  );
  expect({ apart, all }).toEqual({ apart: true, all });
}

test("of two films the second plays before the first has arrived, and both arrive whole", async ({
  theatre,
}) => {
  const { here, ferry } = await visit(theatre);
  const [a, b] = [film("first.mp4"), film("second.mp4")];
  await here.choose(a.path, b.path);
  await here.row(b.name).getByRole("button", { name: "Watch" }).waitFor();
  const first = await here.told(a.name);
  expect(count(first?.here ?? [])).toBeLessThan(a.bytes.length / 2);
  ferry.link.slowness = null;
  await here.whole(a.name);
  await here.whole(b.name);
  for (const { name, bytes } of [a, b]) {
    const { media = "" } = (await here.told(name)) ?? {};
    expect((await here.original(media)).equals(bytes)).toBe(true);
  }
  expect(count(here.sent.map(({ range }) => range))).toBe(a.bytes.length + b.bytes.length);
});

test("held back, reloaded and with its gateway killed, it goes on, and nothing acknowledged is sent again", async ({
  theatre,
}) => {
  const { here, ferry, first, nothing } = await visit(theatre);
  const { name, path: from, bytes } = film("stubborn.mp4");
  await here.choose(from);
  await here.arrived(3e6);
  await here.act(name, "Pause");
  await here.row(name).getByText("paused").waitFor();
  const atPause = await here.arrived(3e6);
  let parts = here.sent.length;
  await here.act(name, "Resume");
  const atReload = await here.arrived(count(atPause.here) + 2e6);
  expectNoneTwice(here.sent.slice(parts), atPause.here);

  await here.page.reload();
  await here.row(name).getByText("Choose the file again").waitFor();
  parts = here.sent.length;
  await here.choose(from);
  await here.arrived(count(atReload.here) + 2e6);
  expectNoneTwice(here.sent.slice(parts), atReload.here);

  const atKill = await here.arrived(0);
  parts = here.sent.length;
  await first.kill();
  await here.row(name).getByText("doesn’t answer").waitFor({ timeout: 20_000 });
  expectNoneTwice(here.sent.slice(parts), atKill.here);
  const second = theatre.keep(await gateway(nothing, first.data));
  ferry.target = second.address;
  ferry.link.slowness = null;
  await here.whole(name);
  expectTold(here);
  expect(here.made.size).toBe(1);
  const { media = "" } = (await here.told()) ?? {};
  expect((await here.original(media)).equals(bytes)).toBe(true);
});

test("a place that has not been sent is sought, and plays, while the film is on its way", async ({
  theatre,
}) => {
  const { here, ferry } = await visit(theatre);
  const { name, path: from } = film("sought.mp4");
  await here.choose(from);
  await here.act(name, "Watch");
  const at = await here.page.evaluate(async () => {
    const video = document.querySelector("segue-video");
    if (!video) throw new Error("there is no film");
    await customElements.whenDefined("segue-video");
    video.muted = true;
    const ready = (): boolean => video.readyState >= 1 && video.duration > 1;
    if (!ready()) await new Promise((resolve) => video.addEventListener("loadedmetadata", resolve));
    await video.play();
    return (video.currentTime = video.duration * 0.7);
  });
  const begun = performance.now();
  await eventually("it plays there", async () => {
    const now = await here.page.evaluate(() => document.querySelector("segue-video")?.currentTime ?? 0);
    return now > at + 0.2 || undefined;
  });
  const took = performance.now() - begun;
  const told = await here.told();
  expect(told?.state).toBe("playable");
  expect(count(told?.here ?? [])).toBeLessThan((told?.length ?? 0) * 0.7);
  console.log(`a place that had not been sent played after ${took.toFixed(0)} ms`);
  await here.act(name, "Hide film");
  expect(await here.page.locator("segue-video").count()).toBe(0);
  ferry.link.slowness = null;
  await here.whole(name);
});

test("what is no film is said to be none, and leaves nothing", async ({ theatre }) => {
  const { here } = await visit(theatre);
  const file = path.join(temporary(), "letter.mp4");
  writeFileSync(file, "Dear film, ".repeat(400_000));
  await here.choose(file);
  await here.row("letter.mp4").getByText("no film that can be played").waitFor();
  expect(await here.row("letter.mp4").getByRole("button").allTextContents()).toEqual(["Clear"]);
  await here.act("letter.mp4", "Clear");
  await here.row("letter.mp4").waitFor({ state: "detached" });
  await eventually("the gateway has none of it", async () => (await here.told()) === null || undefined);
});

test("one that is cancelled is gone from the gateway", async ({ theatre }) => {
  const { here, ferry } = await visit(theatre);
  const { name, path: from } = film("unwanted.mp4");
  await here.choose(from);
  const { media } = await here.arrived(1e6);
  await here.act(name, "Cancel");
  await here.row(name).waitFor({ state: "detached" });
  await eventually("it is gone", async () => (await here.told()) === null || undefined);
  expect((await fetch(`${ferry.target}/v1/media/${media}`)).ok).toBe(false);
  expect(await here.page.evaluate(() => localStorage.getItem("segue.uploads"))).toBe("[]");
});

test("a file that the browser may still read goes on by itself after a reload", async ({ theatre }) => {
  const { here, ferry } = await visit(theatre);
  const { name, path: from, bytes } = film("remembered.mp4");
  // Files of the browser's own disk have handles as those have that somebody picks, and need no leave.
  const film64 = readFileSync(from).toString("base64");
  await here.page.evaluate(
    async ([name, film]) => {
      const root = await navigator.storage.getDirectory();
      const handle = await root.getFileHandle(name, { create: true });
      const writable = await handle.createWritable();
      await writable.write(Uint8Array.from(atob(film), (letter) => letter.charCodeAt(0)));
      await writable.close();
      Object.assign(globalThis, { showOpenFilePicker: () => Promise.resolve([handle]) });
    },
    [name, film64] as const,
  );
  await here.page.locator("#files").focus();
  await here.page.keyboard.press("Enter");
  const before = await here.arrived(3e6);
  await here.page.reload();
  const parts = here.sent.length;
  await here.arrived(count(before.here) + 1e6);
  expectNoneTwice(here.sent.slice(parts), before.here);
  ferry.link.slowness = null;
  await here.whole(name);
  const { media = "" } = (await here.told()) ?? {};
  expect((await here.original(media)).equals(bytes)).toBe(true);
});

test("where a token is wanted it is asked for once, and films go up with it and play", async ({
  theatre,
}) => {
  const { here, ferry } = await visit(theatre, { SEGUE_AUTH_UPLOAD: "sender-0123456789" });
  ferry.link.slowness = null;
  await here.page.getByLabel("Whoever runs it has one for you.").fill("sender-0123456789");
  await here.page.getByRole("button", { name: "Go on" }).click();
  await here.page.getByRole("heading", { name: "Upload films" }).waitFor();
  const { name, path: from } = film("private.mp4");
  await here.choose(from);
  await here.whole(name);
  await here.act(name, "Watch");
  await eventually("it plays", async () => {
    const at = await here.page.evaluate(() => document.querySelector("segue-video")?.currentTime ?? 0);
    return at > 0.2 || undefined;
  });
});
