import { mkdirSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { source as axe } from "axe-core";
import type { BrowserContextOptions, Page } from "playwright-core";
import { expect } from "vitest";

import { gaps, type Range } from "../../src/upload/pieces.js";
import { type Berth, Harbour } from "../support/harbour.js";
import { numbers } from "../support/numbers.js";
import { eventually, segmented, temporary } from "../support/run.js";
import { test, type Theatre } from "../support/theatre.js";

const MiB = 1 << 20;

/** A file of bytes that differ, on a disk of its own. */
function file(
  name: string,
  length: number,
): { readonly name: string; readonly path: string; readonly bytes: Buffer } {
  const folder = path.join(temporary(), "uploads");
  mkdirSync(folder, { recursive: true });
  const random = numbers(length);
  const bytes = Buffer.alloc(length);
  for (let at = 0; at + 4 <= length; at += 4) bytes.writeUInt32LE(random(2 ** 32), at);
  writeFileSync(path.join(folder, name), bytes);
  return { name, path: path.join(folder, name), bytes };
}

async function visit(theatre: Theatre, film: string | null = null, options: BrowserContextOptions = {}) {
  const harbour = theatre.keep(await Harbour.start(film));
  const context = theatre.keep(await theatre.browser.newContext(options));
  const page = await context.newPage();
  page.on("dialog", (dialog) => void dialog.accept()); // whether to leave
  await page.goto(`${harbour.address}/upload`);
  return { harbour, page };
}

const choose = (page: Page, ...paths: string[]): Promise<void> => page.locator("#files").setInputFiles(paths);
const row = (page: Page, name: string) => page.getByRole("listitem").filter({ hasText: name });
const berth = (harbour: Harbour, name: string): Promise<Berth> =>
  eventually(`${name} is asked for`, () => harbour.berth(name));
const whole = (page: Page, name: string): Promise<void> => row(page, name).getByText("all there").waitFor();

/** Holds parts back, but for so many. */
function held(harbour: Harbour, free = 0): () => void {
  harbour.free = free;
  let release = (): void => undefined;
  harbour.gate = new Promise<void>((resolve) => (release = resolve));
  return release;
}

/** Parts tile the file: no byte is missing, and none came twice. */
function expectTiled({ length, parts }: Berth): void {
  expect(gaps(length, parts)).toEqual([]);
  expect(parts.reduce((sum, [from, to]) => sum + to - from, 0)).toBe(length);
}

test("films that are chosen arrive whole, one after the other, with their names", async ({ theatre }) => {
  const { harbour, page } = await visit(theatre);
  const [a, b] = [file("Große Fahrt.mp4", 5 * MiB + 3), file("b.mov", 1000)];
  await choose(page, a.path, b.path);
  await whole(page, a.name);
  await whole(page, b.name);
  for (const { name, bytes } of [a, b]) {
    const there = await berth(harbour, name);
    expectTiled(there);
    expect(there.bytes?.equals(bytes)).toBe(true);
  }
  expect((await berth(harbour, a.name)).facts).toEqual({
    filename: "Große Fahrt.mp4",
    title: "Große Fahrt",
    filetype: "video/mp4",
  });
  expect([...harbour.berths.keys()]).toEqual(["u1", "u2"]);
});

test("what the gateway wants goes first, also what it wants meanwhile", async ({ theatre }) => {
  const { harbour, page } = await visit(theatre);
  const release = held(harbour);
  const { name, path: from } = file("wanted.mp4", 24 * MiB);
  await choose(page, from);
  const there = await berth(harbour, name);
  await eventually("it listens", () => there.listeners.size > 0 || undefined);
  const wanted: Range = [20 * MiB, 21 * MiB];
  harbour.tell(there, { wants: [wanted] });
  await eventually("it comes beside the others", () => harbour.asked.includes(wanted[0]) || undefined);
  expect(harbour.asked.length).toBeLessThanOrEqual(3);
  release();
  await whole(page, name);
  expectTiled(there);
});

test("a large film goes in parts of 10 MiB", async ({ theatre }) => {
  const { harbour, page } = await visit(theatre);
  const { name, path: from } = file("large.mp4", 4);
  truncateSync(from, 101_000_000);
  await choose(page, from);
  await whole(page, name);
  const there = await berth(harbour, name);
  expectTiled(there);
  expect(there.parts.map(([at, to]) => to - at).sort((a, b) => a - b)).toEqual([
    101_000_000 % (10 * MiB),
    ...Array.from({ length: 9 }, () => 10 * MiB),
  ]);
});

test("it is held back and goes on, and nothing that arrived is sent again", async ({ theatre }) => {
  const { harbour, page } = await visit(theatre);
  const { name, path: from, bytes } = file("held.mp4", 12 * MiB);
  const release = held(harbour, 2);
  await choose(page, from);
  const there = await berth(harbour, name);
  await eventually("some is there", () => there.parts.length === 2 || undefined);
  await row(page, name).getByRole("button", { name: /Pause/ }).click();
  await row(page, name).getByText("paused").waitFor();
  release();
  await row(page, name)
    .getByRole("button", { name: /Resume/ })
    .click();
  await whole(page, name);
  expect(there.bytes?.equals(bytes)).toBe(true);
  expect(harbour.berths.size).toBe(1);
});

test("after a reload its file is asked for again, and it goes on from what is there", async ({ theatre }) => {
  const { harbour, page } = await visit(theatre);
  const { name, path: from, bytes } = file("again.mp4", 12 * MiB);
  const release = held(harbour, 2);
  await choose(page, from);
  const there = await berth(harbour, name);
  await eventually("some is there", () => there.parts.length === 2 || undefined);
  await page.reload();
  await row(page, name).getByText("Choose the file again to go on").waitFor();
  release();
  const before = there.parts.length;
  const kept = there.here;
  const [chooser] = await Promise.all([
    page.waitForEvent("filechooser"),
    row(page, name)
      .getByRole("button", { name: /Choose file/ })
      .click(),
  ]);
  await chooser.setFiles(file("other.mp4", 5).path);
  await row(page, name).getByText("That is another file").waitFor();
  // Dropped beside the others it is known by its name.
  await choose(page, from);
  await whole(page, name);
  expect(there.bytes?.equals(bytes)).toBe(true);
  expect(harbour.berths.size).toBe(1);
  const sent = there.parts.slice(before);
  expect(sent.every(([at]) => !kept.some(([low, high]) => low <= at && at < high))).toBe(true);
  await page.reload();
  await page.getByRole("heading", { name: "Upload films" }).waitFor();
  expect(await page.getByRole("listitem").count()).toBe(0);
});

test("a part that fails is sent again, and after three times it says why and can be tried again", async ({
  theatre,
}) => {
  const { harbour, page } = await visit(theatre);
  const { name, path: from, bytes } = file("faulty.mp4", 3 * MiB);
  harbour.faults.push(500, "broken");
  await choose(page, from);
  await whole(page, name);
  expect((await berth(harbour, name)).bytes?.equals(bytes)).toBe(true);
  const second = file("faultier.mp4", MiB);
  harbour.faults.push(500, 500, 500, 500);
  await choose(page, second.path);
  await row(page, second.name).getByText("The disk is on fire").waitFor();
  await row(page, second.name)
    .getByRole("button", { name: /Try again/ })
    .click();
  await whole(page, second.name);
  expect((await berth(harbour, second.name)).bytes?.equals(second.bytes)).toBe(true);
});

test("one that the gateway has forgotten can be started over", async ({ theatre }) => {
  const { harbour, page } = await visit(theatre);
  const { name, path: from, bytes } = file("forgotten.mp4", 6 * MiB);
  const release = held(harbour);
  await choose(page, from);
  await berth(harbour, name);
  harbour.berths.clear();
  release();
  await row(page, name)
    .getByRole("button", { name: /Start over/ })
    .click();
  await whole(page, name);
  expect((await berth(harbour, name)).bytes?.equals(bytes)).toBe(true);
});

test("one that is cancelled is taken back and asked for no more", async ({ theatre }) => {
  const { harbour, page } = await visit(theatre);
  const release = held(harbour);
  const [a, b] = [file("first.mp4", 4 * MiB), file("second.mp4", 1000)];
  await choose(page, a.path, b.path);
  await berth(harbour, a.name);
  await row(page, b.name).getByText("waits for its turn").waitFor();
  await row(page, a.name)
    .getByRole("button", { name: /Cancel/ })
    .click();
  release();
  await whole(page, b.name);
  await eventually("it is taken back", () => harbour.removed.length === 1 || undefined);
  expect(harbour.berth(a.name)).toBeUndefined();
  await page.reload();
  await page.getByRole("heading", { name: "Upload films" }).waitFor();
  expect(await page.getByRole("listitem").count()).toBe(0);
});

test("a film plays, and is sought in, while it is on its way", async ({ theatre }) => {
  const { harbour, page } = await visit(theatre, await segmented("frames/numbered.mp4"));
  const release = held(harbour);
  const { name, path: from } = file("playing.mp4", 8 * MiB);
  await choose(page, from);
  const there = await berth(harbour, name);
  await eventually("it listens", () => there.listeners.size > 0 || undefined);
  harbour.tell(there, { state: "playable", media: "film" });
  await row(page, name).getByRole("button", { name: "Watch" }).click();
  await page.locator("segue-video").waitFor();
  expect(await row(page, name).getByRole("link", { name }).getAttribute("href")).toBe("/watch/film");
  await page.evaluate(async () => {
    const video = document.querySelector("segue-video");
    if (!video) throw new Error("there is no film");
    await customElements.whenDefined("segue-video");
    await video.play();
    video.currentTime = 41;
  });
  await eventually("it plays there", async () => {
    const at = await page.evaluate(() => document.querySelector("segue-video")?.currentTime ?? 0);
    return at > 41.2 || undefined;
  });
  expect(there.state).toBe("playable");
  release();
  await whole(page, name);
});

test("files are taken wherever on the page they are dropped", async ({ theatre }) => {
  const { harbour, page } = await visit(theatre);
  await page.evaluate(() => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File(["a film"], "dropped.mp4", { type: "video/mp4" }));
    const drop = new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true });
    document.body.dispatchEvent(drop);
    if (!drop.defaultPrevented) throw new Error("the browser would open it");
  });
  await whole(page, "dropped.mp4");
  expect((await berth(harbour, "dropped.mp4")).bytes?.toString()).toBe("a film");
});

test("of a folder that is dropped the films are taken, those of folders in it too", async ({ theatre }) => {
  const { harbour, page } = await visit(theatre);
  const folder = path.join(temporary(), "season");
  for (const name of ["Ep 10.mp4", "ep 2.MOV", "notes.txt", "extras/making of.m4v"]) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), name);
  }
  const bare = path.join(temporary(), "bare");
  mkdirSync(bare, { recursive: true });
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files: [folder, bare], dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"] as const)
    await session.send("Input.dispatchDragEvent", { type, x: 20, y: 300, data });
  const films = ["ep 2.MOV", "Ep 10.mp4", "making of.m4v"];
  await Promise.all(films.map((name) => whole(page, name)));
  const listed = await page.getByRole("listitem").allTextContents();
  expect(listed.map((text) => films.findIndex((name) => text.includes(name)))).toEqual([0, 1, 2]);
  expect(await page.locator("#status").textContent()).toBe("No films are in bare.");
  expect((await berth(harbour, "making of.m4v")).bytes?.toString()).toBe("extras/making of.m4v");
});

test.for<BrowserContextOptions>([
  { viewport: { width: 1280, height: 800 }, colorScheme: "dark" },
  { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, colorScheme: "light" },
])("it has no barrier that a machine can find, and fits its window, %j", async (options, { theatre }) => {
  const { harbour, page } = await visit(theatre, null, options);
  const release = held(harbour);
  const [a, b] = [file(`${"A long name of a film ".repeat(5)}.mp4`, 4 * MiB), file("b.mp4", 1000)];
  await choose(page, a.path, b.path);
  await row(page, b.name).getByText("waits for its turn").waitFor();
  await page.evaluate(axe);
  const found = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: typeof import("axe-core") };
    return (await axe.run()).violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]);
  });
  expect(found).toEqual([]);
  const wide = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return scrollWidth - clientWidth;
  });
  expect(wide).toBe(0);
  release();
});
