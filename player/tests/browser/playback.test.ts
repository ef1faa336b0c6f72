import { expect } from "vitest";

import {
  changed,
  manifestOf,
  MEDIA,
  modes,
  quiet,
  rendition,
  skipped,
  stalled,
  test,
} from "../support/theatre.js";
import { segmented } from "../support/run.js";

const FILM = "frames/numbered.mp4";

for (const { where, worker } of modes) {
  test(`a film plays from its first picture, engine in ${where}`, async ({ theatre }) => {
    const { viewer } = await theatre.show(FILM, { worker });
    const notes = await viewer.past(2);
    expect(notes.shown[0]?.media).toBe(0);
    expect(stalled(notes)).toBe(0);
    expect(notes.skips).toEqual([]);
    expect(notes.failures).toEqual([]);
  });

  test(`a paused film shows picture 0, engine in ${where}`, async ({ theatre }) => {
    const { viewer } = await theatre.show(FILM, { worker, paused: true });
    await viewer.until("a picture", ({ shown }) => shown.length > 0, null);
    expect(await viewer.number()).toBe(0);
  });

  test(`a film ends at its end, engine in ${where}`, async ({ theatre }) => {
    const { viewer } = await theatre.show(FILM, { worker, start: 57.5 });
    await viewer.until("ended", ({ video }) => video.ended, null);
    const notes = await viewer.notes();
    expect(notes.duration).toBeCloseTo(60, 1);
    expect(notes.time).toBeCloseTo(notes.duration, 1);
    expect(notes.happened.filter(({ name }) => name === "ended")).toHaveLength(1);
    expect(await viewer.number()).toBe(1499);
  });
}

test("the first picture needs a manifest and one request each for video and audio", async ({ theatre }) => {
  const { viewer, origin } = await theatre.show(FILM);
  await viewer.until("a picture", ({ shown }) => shown.length > 0, null);
  const paths = origin.asked(/^\/film\//).map(({ path }) => path);
  expect(paths[0]).toBe("/film/manifest.json");
  expect(paths[1]).toBe("/film/v1/1.m4s");
  expect(paths).toContain("/film/a1/1.m4s");
  expect(paths.filter((path) => path.includes("init"))).toEqual([]);
});

test("a manifest that the page has already is not asked for", async ({ theatre }) => {
  const manifest = manifestOf(await segmented(FILM));
  const { viewer, origin } = await theatre.show(FILM, { manifest });
  await viewer.past(0.5);
  expect(origin.asked(/manifest/)).toEqual([]);
});

test("a film starts where it is told to, and fetches nothing before", async ({ theatre }) => {
  const { viewer, origin } = await theatre.show(FILM, { start: 33.42, paused: true });
  await viewer.until("a picture", ({ shown }) => shown.length > 0, null);
  expect(await viewer.number()).toBe(835);
  const asked = origin.asked(MEDIA).map(({ path }) => Number(/(\d+)\.m4s/.exec(path)?.[1]));
  expect(Math.min(...asked)).toBeGreaterThanOrEqual(9);
});

test("a film that loops begins again without ending", async ({ theatre }) => {
  const { viewer } = await theatre.show(FILM, { start: 58.5 });
  await viewer.set({ loop: true });
  await viewer.past(59.5);
  await viewer.until(
    "again at the start",
    ({ video }) => video.currentTime > 0.5 && video.currentTime < 10,
    null,
  );
  const { happened, shown } = await viewer.notes();
  expect(happened.filter(({ name }) => name === "ended")).toEqual([]);
  expect(Math.min(...shown.map(({ media }) => media))).toBeLessThan(0.2);
});

test("a film that has ended plays again from its start", async ({ theatre }) => {
  const { viewer } = await theatre.show(FILM, { start: 59 });
  await viewer.until("ended", ({ video }) => video.ended, null);
  await viewer.play();
  await viewer.until(
    "again",
    ({ video }) => video.currentTime > 0.5 && video.currentTime < 10 && !video.paused,
    null,
  );
});

test("a film plays twice as fast without a stall", async ({ theatre }) => {
  const { viewer } = await theatre.show(FILM);
  await viewer.set({ playbackRate: 2 });
  const { shown, ...notes } = await viewer.past(8);
  const [first, last] = [shown[0], shown.at(-1)];
  expect(stalled(notes)).toBe(0);
  expect(
    ((last?.media ?? 0) - (first?.media ?? 0)) / (((last?.at ?? 0) - (first?.at ?? 0)) / 1000),
  ).toBeGreaterThan(1.7);
});

test("pictures are stepped through one by one, forwards and backwards", async ({ theatre }) => {
  const { viewer } = await theatre.show(FILM, { start: 5, paused: true });
  await viewer.until("a picture", ({ shown }) => shown.length > 0, null);
  const steps = [125, 126, 127, 128, 129, 128, 127, 126, 125, 124];
  const seen: (number | null)[] = [];
  for (const n of steps) seen.push((await viewer.seek((n + 0.5) / 25)).number);
  expect(seen).toEqual(steps);
});

test("a film whose sound outlasts its pictures ends with its sound", async ({ theatre }) => {
  const { viewer } = await theatre.show("frames/ends-in-sound.mp4", { start: 6 });
  await viewer.until("ended", ({ video }) => video.ended, null);
  const notes = await viewer.notes();
  expect(notes.time).toBeCloseTo(12, 1);
  expect(notes.said.filter(({ event }) => event.type === "error")).toEqual([]);
});

test("a film whose first picture comes late plays", async ({ theatre }) => {
  const { viewer } = await theatre.show("frames/late.mp4");
  const notes = await viewer.past(2.5);
  expect(notes.shown[0]?.media).toBeCloseTo(1.2, 1);
  expect(notes.said.filter(({ event }) => event.type === "error")).toEqual([]);
});

test("a film whose sound begins late shows its pictures from the first one", async ({ theatre }) => {
  const { viewer } = await theatre.show("edge/late-audio.mp4");
  const notes = await viewer.past(2.5);
  expect(notes.shown[0]?.media).toBe(0);
  expect(skipped(notes)).toBe(0);
  expect(notes.said.filter(({ event }) => event.type === "error")).toEqual([]);
});

test("a film whose sound ends early shows its pictures to the last one", async ({ theatre }) => {
  const origin = await theatre.origin(FILM);
  // Of the sound only two segments are left.
  origin.rule(
    changed((manifest) => {
      const { segments, fragments, available } = rendition(manifest, "a1");
      for (const list of [segments.durations, segments.sizes, fragments]) list.splice(2);
      available.splice(0, available.length, [1, 2]);
    }),
  );
  const viewer = await theatre.view(origin);
  await viewer.past(1);
  await viewer.set({ playbackRate: 4 });
  const notes = await viewer.past(12, 20_000);
  expect(skipped(notes)).toBe(0);
  expect(stalled(notes)).toBeLessThan(500);
});

test("a film without pictures plays and seeks", async ({ theatre }) => {
  const { viewer } = await theatre.show("films/Only music.m4a");
  await viewer.past(1);
  await viewer.set({ currentTime: 20 });
  const notes = await viewer.past(21);
  expect(stalled(notes)).toBeLessThan(500);
});

test("what is closed asks for nothing more, and may be closed twice", async ({ theatre }) => {
  const { viewer, origin } = await theatre.show(FILM);
  await viewer.past(0.3);
  await viewer.page.evaluate(() => {
    globalThis.recorder.player?.close();
    globalThis.recorder.player?.close();
  });
  const before = origin.log.length;
  await quiet(origin);
  expect(origin.log.length).toBe(before);
  expect((await viewer.notes()).failures).toEqual([]);
});

test("another film is loaded in place of the first", async ({ theatre }) => {
  const { viewer, origin } = await theatre.show(FILM);
  origin.folder("/other/", await segmented("frames/ntsc.mp4"));
  await viewer.past(1);
  await viewer.page.evaluate(() => {
    globalThis.recorder.player?.load(new URL("/other/manifest.json", location.href).href);
    globalThis.recorder.play();
  });
  await viewer.until("the other", ({ video }) => video.duration < 13 && video.currentTime > 0.5, null);
  expect((await viewer.notes()).failures).toEqual([]);
});

test("a page that is busy doesn't starve an engine in a worker", async ({ theatre }) => {
  const origin = await theatre.origin(FILM);
  origin.link.slowness = { kbits: 400, rtt: 20 };
  const viewer = await theatre.view(origin, { worker: true, paused: true });
  await viewer.until("half a second buffered", (recorder) => recorder.around().ahead > 0.5, null);
  const [before, after] = await viewer.page.evaluate(async () => {
    const first = globalThis.recorder.around().ahead;
    const end = performance.now() + 3000;
    while (performance.now() < end);
    await new Promise((resolve) => setTimeout(resolve));
    return [first, globalThis.recorder.around().ahead] as const;
  });
  expect(after - before).toBeGreaterThan(1.5);
});
