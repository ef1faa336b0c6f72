import { expect } from "vitest";

import { MEDIA, modes, quiet, rendition, test } from "../support/theatre.js";

const FILM = "frames/numbered.mp4";

for (const { where, worker } of modes) {
  test(`a seek shows exactly the picture of its time, engine in ${where}`, async ({ theatre }) => {
    const { viewer } = await theatre.show(FILM, { worker, paused: true });
    await viewer.until("a picture", ({ shown }) => shown.length > 0, null);
    // In the buffer and outside, forwards and backwards, at keyframes, before and behind them.
    const wanted = [0, 1, 49, 50, 51, 110, 1000, 1001, 1049, 1024, 733, 1499, 1450, 12, 299, 300, 0];
    const at: (number | null)[] = [];
    const within: (number | null)[] = [];
    for (const n of wanted) at.push((await viewer.seek(n / 25)).number);
    for (const n of wanted) within.push((await viewer.seek((n + 0.5) / 25)).number);
    expect(at).toEqual(wanted);
    expect(within).toEqual(wanted);
  });

  test(`many seeks one after the other settle on the last, engine in ${where}`, async ({ theatre }) => {
    const origin = await theatre.origin(FILM);
    origin.link.slowness = { kbits: 1500, rtt: 30 };
    const viewer = await theatre.view(origin, { worker });
    await viewer.past(0.2);
    await viewer.page.evaluate(async () => {
      const turn = (): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, 30));
      for (const t of [20, 45, 3, 58, 31, 12, 50, 7, 40, 25.5, 33, 2, 55, 17, 36.3]) {
        globalThis.recorder.video.currentTime = t;
        await turn();
      }
    });
    await viewer.until("plays at 36.3 s", ({ video }) => video.currentTime > 37 && !video.seeking, null);
    const notes = await viewer.notes();
    expect(notes.time).toBeLessThan(39);
    expect(notes.error).toBeNull();
    expect(notes.said.filter(({ event }) => event.type === "error")).toEqual([]);
  });
}

test("a seek out of the buffer asks for video from the keyframe, and for no more sound than it needs at first", async ({
  theatre,
}) => {
  const { viewer, origin, manifest } = await theatre.show(FILM, {
    paused: true,
    limits: { ahead: 4, segments: 1 },
  });
  await viewer.until("a picture", ({ shown }) => shown.length > 0, null);
  await quiet(origin);
  const before = origin.log.length;
  expect((await viewer.seek(30.2)).number).toBe(755);
  // Both leave at once, each on a connection of its own: which comes first is chance.
  const asked = origin.log.slice(before).filter(({ path }) => MEDIA.test(path));
  const [sound, video] = asked.slice(0, 2).sort((a, b) => a.path.localeCompare(b.path));
  const offset = rendition(manifest, "v1").fragments[7]?.[1]?.[1];
  expect(video?.path).toBe("/film/v1/8.m4s");
  expect(video?.range).toMatch(new RegExp(`^bytes=${offset}-`));
  expect(sound?.path).toBe("/film/a1/8.m4s");
  expect(sound?.bytes).toBeLessThan((rendition(manifest, "a1").segments.sizes[7] ?? 0) * 0.9);
});

test("a seek within the buffer asks for nothing that is there", async ({ theatre }) => {
  const { viewer, origin } = await theatre.show(FILM, { paused: true, limits: { ahead: 20 } });
  await viewer.until("20 s", (recorder) => recorder.around().ahead > 19, null);
  await quiet(origin);
  for (const t of [12, 3, 7.5, 0, 15]) await viewer.seek(t);
  await quiet(origin);
  const asked = origin.asked(/v1\/\d+\.m4s/).map(({ path }) => path);
  expect(asked).toEqual([...new Set(asked)]);
});

test("fetches that a seek breaks off never end playback", async ({ theatre }) => {
  const origin = await theatre.origin("frames/ladder.mp4");
  origin.link.slowness = { kbits: 3000, rtt: 20 };
  const viewer = await theatre.view(origin, {});
  await viewer.past(0.2);
  let seen = 0;
  for (let i = 0; i < 12; i += 1) {
    // In the middle of a segment each time, as soon as some of it has come.
    const media = origin.asked(/v\d\/\d+\.m4s/).length;
    await viewer.set({ currentTime: (i * 17.3) % 38 });
    await viewer.until("fetching", () => true, null);
    await expect
      .poll(
        () =>
          origin
            .asked(/v\d\/\d+\.m4s/)
            .slice(media)
            .some(({ bytes }) => bytes > 5000),
        { timeout: 5000 },
      )
      .toBe(true);
    seen += 1;
  }
  expect(seen).toBe(12);
  const last = (await viewer.notes()).time;
  const notes = await viewer.past(last + 1);
  expect(notes.error).toBeNull();
  expect(notes.said.filter(({ event }) => event.type === "error")).toEqual([]);
  expect(origin.asked(MEDIA).filter(({ end }) => end === "aborted").length).toBeGreaterThan(3);
});

test("a seek into 30000/1001 pictures a second shows the picture of its time", async ({ theatre }) => {
  const { viewer } = await theatre.show("frames/ntsc.mp4", { paused: true });
  await viewer.until("a picture", ({ shown }) => shown.length > 0, null);
  const wanted = [0, 59, 60, 61, 250, 358, 119, 1];
  const seen: (number | null)[] = [];
  for (const n of wanted) seen.push((await viewer.seek(((n + 0.5) * 1001) / 30000)).number);
  expect(seen).toEqual(wanted);
});

test("a seek into pictures at uneven times shows the one that is on then", async ({ theatre }) => {
  const { viewer } = await theatre.show("frames/vfr.mp4", { paused: true });
  await viewer.until("a picture", ({ shown }) => shown.length > 0, null);
  const there = Array.from({ length: 299 }, (_, n) => n).filter((n) => n % 7 === 0 || n % 3 !== 0);
  const times = [0.5, 3.02, 7.22, 11.3, 5.1, 1.66];
  const wanted = times.map((t) => there.filter((n) => n / 25 <= t).at(-1));
  const seen: (number | null)[] = [];
  for (const t of times) seen.push((await viewer.seek(t)).number);
  expect(seen).toEqual(wanted);
});

test("a seek to the end ends the film, and one back plays on", async ({ theatre }) => {
  const { viewer } = await theatre.show(FILM);
  await viewer.past(0.5);
  await viewer.set({ currentTime: 60 });
  await viewer.until("ended", ({ video }) => video.ended, null);
  await viewer.set({ currentTime: 30 });
  await viewer.play();
  await viewer.until("plays at 30 s", ({ video }) => video.currentTime > 31 && video.currentTime < 40, null);
});
