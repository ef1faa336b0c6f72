import { expect } from "vitest";

import { modes, quiet, rendition, stalled, test } from "../support/theatre.js";

const FILM = "frames/numbered.mp4";
/** Seconds of a segment of that film. */
const SEGMENT = 4;
/** Seconds that may be held behind what is wanted: up to a keyframe, and not in crumbs. */
const SLACK = 13;

test("fetching stops at the seconds that are wanted, and goes on as they are played", async ({ theatre }) => {
  const limits = { ahead: 8, segments: 1 };
  const { viewer, origin } = await theatre.show(FILM, { paused: true, limits });
  await viewer.until("8 s", (recorder) => recorder.around().ahead > 7.9, null);
  await quiet(origin);
  expect((await viewer.notes()).most.ahead).toBeLessThanOrEqual(8 + SEGMENT + 0.1);
  await viewer.set({ playbackRate: 4 });
  await viewer.play();
  const notes = await viewer.past(24);
  expect(stalled(notes)).toBe(0);
  expect(notes.most.ahead).toBeLessThanOrEqual(8 + SEGMENT + 0.1);
});

for (const { where, worker } of modes) {
  test(`how much is fetched can be said while it plays, engine in ${where}`, async ({ theatre }) => {
    const { viewer, origin } = await theatre.show(FILM, { worker, limits: { ahead: 2, segments: 1 } });
    await viewer.past(1);
    await viewer.pause();
    await quiet(origin);
    const before = (await viewer.notes()).most.ahead;
    expect(before).toBeLessThanOrEqual(2 * SEGMENT + 0.1);
    const limits = await viewer.page.evaluate(() => {
      const { player } = globalThis.recorder;
      if (player) player.limits = { ahead: 25 };
      return player?.limits;
    });
    expect(limits).toMatchObject({ ahead: 25, segments: 1, behind: 30 });
    await viewer.until("25 s", (recorder) => recorder.around().ahead > 24, null);
    await quiet(origin);
    expect((await viewer.notes()).most.ahead).toBeLessThanOrEqual(25 + SEGMENT + 0.1);
  });
}

test("the segments that are wanted are fetched even where they last longer", async ({ theatre }) => {
  const { viewer, origin } = await theatre.show(FILM, { paused: true, limits: { ahead: 1, segments: 3 } });
  await viewer.until("3 segments", (recorder) => recorder.around().ahead >= 3 * 4 - 0.1, null);
  await quiet(origin);
  expect((await viewer.notes()).most.ahead).toBeLessThanOrEqual(4 * SEGMENT + 0.1);
});

test("fetching stops at the bytes that are allowed, and goes on as they are played", async ({ theatre }) => {
  const bytes = 300_000;
  const { viewer, origin, manifest } = await theatre.show(FILM, {
    paused: true,
    limits: { ahead: 60, bytes },
  });
  const rate = rendition(manifest, "v1").segments.sizes.reduce((a, b) => a + b) / manifest.duration;
  await viewer.until("a segment", (recorder) => recorder.around().ahead > 3.9, null);
  await quiet(origin);
  const most = bytes / rate;
  expect((await viewer.notes()).most.ahead).toBeGreaterThan(most - 2 * SEGMENT);
  expect((await viewer.notes()).most.ahead).toBeLessThan(most + SEGMENT);
  await viewer.set({ playbackRate: 4 });
  await viewer.play();
  const notes = await viewer.past(24);
  expect(stalled(notes)).toBe(0);
  expect(notes.most.ahead).toBeLessThan(most + SEGMENT);
});

test("what was played is let go, and no more than that", async ({ theatre }) => {
  const { viewer } = await theatre.show(FILM, { limits: { ahead: 10, behind: 5, segments: 1 } });
  await viewer.set({ playbackRate: 4 });
  const notes = await viewer.past(40);
  expect(notes.most.behind).toBeLessThanOrEqual(5 + SLACK);
  expect(notes.buffered.length).toBe(1);
  const [from] = notes.buffered[0] ?? [0];
  expect(notes.time - from).toBeGreaterThanOrEqual(4.9);
  expect(notes.most.ahead).toBeLessThanOrEqual(10 + SEGMENT + 0.1);
  expect(stalled(notes)).toBe(0);
});

/** Makes SourceBuffers refuse: as if full while this holds. `appended` counts what went in. */
const refuse = (full: string): string => `
  const append = SourceBuffer.prototype.appendBuffer;
  globalThis.refused = 0;
  let appended = 0;
  SourceBuffer.prototype.appendBuffer = function (bytes) {
    const held = Array.from({ length: this.buffered.length }, (_, i) => this.buffered.end(i) - this.buffered.start(i)).reduce((a, b) => a + b, 0);
    if (${full}) { globalThis.refused += 1; throw new DOMException("full", "QuotaExceededError"); }
    appended += bytes.byteLength;
    return append.call(this, bytes);
  };`;

test("a buffer that is full once is no end", async ({ theatre }) => {
  const before = refuse("appended > 100000 && globalThis.refused < 1");
  const { viewer } = await theatre.show(FILM, { before });
  await viewer.set({ playbackRate: 4 });
  const notes = await viewer.past(16);
  expect(await viewer.page.evaluate("refused")).toBe(1);
  expect(notes.said.filter(({ event }) => event.type === "error")).toEqual([]);
  expect(notes.skips).toEqual([]);
});

test("a buffer that holds little is used as far as it goes", async ({ theatre }) => {
  const { viewer } = await theatre.show(FILM, { before: refuse("held > 10") });
  await viewer.set({ playbackRate: 4 });
  const notes = await viewer.past(40);
  expect(await viewer.page.evaluate<number>("refused")).toBeGreaterThan(0);
  expect(notes.said.filter(({ event }) => event.type === "error")).toEqual([]);
  expect(notes.skips).toEqual([]);
  expect(stalled(notes)).toBeLessThan(1500);
});

test("with default limits half a minute is held on each side", async ({ theatre }) => {
  const { viewer } = await theatre.show(FILM);
  await viewer.set({ playbackRate: 4 });
  const notes = await viewer.past(50);
  expect(notes.most.ahead).toBeGreaterThan(25);
  expect(notes.most.ahead).toBeLessThanOrEqual(30 + SEGMENT + 0.1);
  expect(notes.most.behind).toBeGreaterThan(25);
  expect(notes.most.behind).toBeLessThanOrEqual(30 + SLACK);
});
