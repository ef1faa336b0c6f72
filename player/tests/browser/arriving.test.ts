import { expect } from "vitest";

import { changed, MEDIA, modes, quiet, skipped, stalled, test, type Theatre } from "../support/theatre.js";
import { eventually, segmented } from "../support/run.js";
import { type OpenOptions, Viewer } from "../support/viewer.js";

const FILM = "frames/numbered.mp4";
const SEGMENTS = 15;

/** A film whose bytes are still coming: which segments can be had, and what happens to requests for others. */
class Arriving {
  here: [number, number][];
  state = "playable";
  constructor(here: [number, number][]) {
    this.here = here;
  }
  has(n: number): boolean {
    return this.here.some(([first, last]) => first <= n && n <= last);
  }
  /** All of it is there now. */
  finish(): void {
    this.here = [[1, SEGMENTS]];
    this.state = "ready";
  }
}

async function show(theatre: Theatre, here: [number, number][], options: OpenOptions = {}) {
  const arriving = new Arriving(here);
  const origin = await theatre.origin(FILM);
  origin.rule(
    changed((manifest) => {
      manifest.state = arriving.state;
      for (const each of manifest.renditions) each.available = arriving.here;
    }),
  );
  origin.rule({
    match: (address) => MEDIA.test(address) && !arriving.has(Number(/(\d+)\.m4s/.exec(address)?.[1])),
    fault: { do: "status", status: 503, retryAfter: 1 },
  });
  return { arriving, origin, viewer: await theatre.view(origin, options) };
}

for (const { where, worker } of modes) {
  test.concurrent(
    `what is here is played, then waited, then gone on by itself, engine in ${where}`,
    async ({ theatre }) => {
      const { arriving, viewer } = await show(theatre, [[1, 3]], { worker, start: 9 });
      await viewer.until(
        "waits",
        ({ said }) => said.some(({ event }) => event.type === "waiting" && event.for === "elsewhere"),
        null,
      );
      expect((await viewer.past(11.5)).ended).toBe(false);
      arriving.here = [[1, 5]];
      await viewer.past(13);
      arriving.finish();
      const notes = await viewer.past(21);
      expect(skipped(notes)).toBe(0);
      expect(notes.said.filter(({ event }) => event.type === "error")).toEqual([]);
    },
  );
}

test.concurrent("a hole that bytes will fill is waited for, not jumped", async ({ theatre }) => {
  const { arriving, viewer } = await show(
    theatre,
    [
      [1, 2],
      [4, SEGMENTS],
    ],
    { start: 6 },
  );
  await viewer.until(
    "waits",
    ({ said }) => said.some(({ event }) => event.type === "waiting" && event.for === "elsewhere"),
    null,
  );
  await viewer.until("at the hole", ({ video }) => video.currentTime > 7.5, null);
  arriving.finish();
  const notes = await viewer.past(9);
  expect(skipped(notes)).toBe(0);
  expect(notes.said.filter(({ event }) => event.type === "jump")).toEqual([]);
});

test.concurrent(
  "a seek to where bytes are missing waits for them, and one back to what is here plays",
  async ({ theatre }) => {
    const { arriving, viewer } = await show(theatre, [[1, 3]]);
    await viewer.past(0.5);
    await viewer.set({ currentTime: 41.02 });
    await viewer.until(
      "waits",
      ({ said }) => said.some(({ event }) => event.type === "waiting" && event.for === "elsewhere"),
      null,
    );
    await viewer.set({ currentTime: 2 });
    await viewer.past(3);
    await viewer.set({ currentTime: 41.02 });
    arriving.here = [
      [1, 3],
      [11, 12],
    ];
    await viewer.until("plays at 41 s", ({ video }) => video.currentTime > 42 && !video.seeking, null);
    expect((await viewer.notes()).said.filter(({ event }) => event.type === "error")).toEqual([]);
  },
);

test.concurrent(
  "a server that says come back later is no error, whatever the manifest said",
  async ({ theatre }) => {
    const { viewer, origin } = await theatre.show(FILM, { start: 6 });
    const standing = origin.rule({
      match: /[va]1\/4\.m4s/,
      fault: { do: "status", status: 503, retryAfter: 1 },
    });
    await viewer.until("has run out", ({ video, said }) => video.currentTime > 11.9 && said.length > 0, null);
    standing.lift();
    const notes = await viewer.past(13);
    expect(skipped(notes)).toBe(0);
    expect(notes.said.filter(({ event }) => event.type === "error")).toEqual([]);
  },
);

test.concurrent("a segment that the server waits for itself is waited for", async ({ theatre }) => {
  const origin = await theatre.origin(FILM);
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  origin.rule(changed((manifest) => (manifest.state = "playable")));
  origin.rule({ match: /[va]1\/4\.m4s/, fault: { do: "hold", until: released } });
  const viewer = await theatre.view(origin, { start: 9 });
  await viewer.past(11);
  release();
  const notes = await viewer.past(13);
  expect(skipped(notes)).toBe(0);
  expect(notes.said.filter(({ event }) => event.type === "error")).toEqual([]);
});

test.concurrent("once all has arrived the manifest is asked for no more", async ({ theatre }) => {
  const { arriving, viewer, origin } = await show(theatre, [[1, 3]], { limits: { ahead: 8 } });
  await viewer.past(1);
  arriving.finish();
  await viewer.past(5);
  await quiet(origin);
  const before = origin.asked(/manifest/).length;
  const notes = await viewer.past(12);
  expect(origin.asked(/manifest/).length - before).toBeLessThanOrEqual(1);
  expect(stalled(notes)).toBe(0);
});

for (const { where, worker } of modes) {
  test(`a gateway that tells what happens is asked when something happened, engine in ${where}`, async ({
    theatre,
  }) => {
    const arriving = new Arriving([[1, 3]]);
    const origin = await theatre.origin(FILM);
    origin.folder("/v1/media/film7/", await segmented(FILM));
    const stage = origin.events("/v1/events");
    origin.rule(
      changed((manifest) => {
        manifest.state = arriving.state;
        for (const each of manifest.renditions) each.available = arriving.here;
      }),
    );
    const options = { worker, paused: true, limits: { ahead: 25 } };
    const viewer = theatre.keep(
      await Viewer.open(theatre.browser, origin, "/v1/media/film7/manifest.json", options),
    );
    await eventually("it listens", () => stage.listeners === 1 || undefined);
    stage.say("anything", { id: "film7" });
    await eventually("it reads again", () => origin.asked(/manifest/).length > 1 || undefined);
    stage.drop();
    await eventually("it listens again", () => stage.listeners === 1 || undefined);
    arriving.finish();
    stage.say("anything", { id: "film7" });
    await viewer.until("all that is wanted is here", (recorder) => recorder.around().ahead > 24, null);
    await eventually("it listens no more", () => stage.listeners === 0 || undefined);
  });
}

test("sound that begins late is silent before that also once more has arrived", async ({ theatre }) => {
  const origin = await theatre.origin("edge/late-audio.mp4");
  origin.rule(changed((manifest) => (manifest.state = "playable")));
  const viewer = await theatre.view(origin, { start: 2.5, paused: true });
  await eventually("a second reading", () => origin.asked(/manifest/).length > 2 || undefined);
  await viewer.seek(0);
  expect(await viewer.page.evaluate(() => globalThis.recorder.video.currentTime)).toBe(0);
  const { said } = await viewer.notes();
  expect(said.filter(({ event }) => event.type === "jump")).toEqual([]);
});
