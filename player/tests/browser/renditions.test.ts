import { expect } from "vitest";

import { changed, manifestOf, MEDIA, modes, rendition, skipped, stalled, test } from "../support/theatre.js";
import { segmented } from "../support/run.js";
import type { Notes, Viewer } from "../support/viewer.js";

const LADDER = "frames/ladder.mp4";

/** The heights that were shown, each once for as long as it lasted. */
function heights({ shown }: Notes): number[] {
  return shown.map(({ height }) => height).filter((height, i, all) => height !== all[i - 1]);
}

/** The pitch that is heard, Hz. */
async function pitch(viewer: Viewer): Promise<number> {
  return viewer.page.evaluate(async () => {
    const scope = globalThis as { analyser?: AnalyserNode };
    if (!scope.analyser) {
      const context = new AudioContext();
      const analyser = new AnalyserNode(context, { fftSize: 8192 });
      context
        .createMediaElementSource(globalThis.recorder.video)
        .connect(analyser)
        .connect(context.destination);
      await context.resume();
      scope.analyser = analyser;
    }
    const { analyser } = scope;
    const bins = new Float32Array(analyser.frequencyBinCount);
    analyser.getFloatFrequencyData(bins);
    const loudest = bins.indexOf(Math.max(...bins));
    return (bins[loudest] ?? -200) > -100 ? (loudest * analyser.context.sampleRate) / analyser.fftSize : 0;
  });
}

function hears(viewer: Viewer, hz: number) {
  return expect
    .poll(async () => Math.abs((await pitch(viewer)) - hz) < 40, { timeout: 10_000, interval: 50 })
    .toBe(true);
}

for (const { where, worker } of modes) {
  test(`another audio language is heard without a stall, engine in ${where}`, async ({ theatre }) => {
    const { viewer } = await theatre.show(LADDER, { worker, maxHeight: 240 });
    await viewer.past(1);
    await hears(viewer, 440);
    await viewer.page.evaluate(() => {
      if (globalThis.recorder.player) globalThis.recorder.player.audio = "a2";
    });
    await hears(viewer, 880);
    const { time } = await viewer.notes();
    // Heard soon, not only where the first language ran out.
    expect(time).toBeLessThan(6);
    const notes = await viewer.past(time + 1);
    expect(stalled(notes)).toBe(0);
    expect(skipped(notes)).toBe(0);
    expect(notes.audio).toBe("a2");
  });

  test(`a quality is kept to until the choice is given back, engine in ${where}`, async ({ theatre }) => {
    const { viewer } = await theatre.show(LADDER, { worker, limits: { ahead: 6, segments: 1 } });
    await viewer.past(0.5);
    await viewer.page.evaluate(() => {
      if (globalThis.recorder.player) globalThis.recorder.player.quality = "v1";
    });
    await viewer.until("240 lines", ({ video }) => video.videoHeight === 240, null);
    await viewer.until("kept to", ({ player }) => player?.quality === "v1" && !player.stats.auto, null);
    const kept = await viewer.notes();
    expect(stalled(kept)).toBe(0);
    await viewer.page.evaluate(() => {
      if (globalThis.recorder.player) globalThis.recorder.player.quality = "auto";
    });
    await viewer.until("720 lines", ({ video }) => video.videoHeight === 720, null, 30_000);
    const notes = await viewer.notes();
    expect(notes.stats?.auto).toBe(true);
    expect(stalled(notes)).toBe(0);
    expect(skipped(notes)).toBe(0);
  });
}

test("automatic quality stays below the height it is given", async ({ theatre }) => {
  const { viewer } = await theatre.show(LADDER, { maxHeight: 400 });
  await viewer.set({ playbackRate: 2 });
  const notes = await viewer.past(14);
  expect(Math.max(...heights(notes))).toBe(360);
});

test("a fast link shows full quality within four seconds, and stays there", async ({ theatre }) => {
  const origin = await theatre.origin(LADDER);
  origin.link.slowness = { kbits: 5000, rtt: 40 };
  const viewer = await theatre.view(origin, { limits: { ahead: 8 } });
  const notes = await viewer.past(12);
  const full = notes.shown.find(({ height }) => height === 720);
  expect(full?.at).toBeLessThan(4000 + (notes.shown[0]?.at ?? 0));
  expect(heights(notes).filter((height) => height === 720)).toHaveLength(1);
  expect(stalled(notes)).toBe(0);
});

test("a link that becomes slow costs quality and no stall, and quality comes back with it", async ({
  theatre,
}) => {
  const origin = await theatre.origin(LADDER);
  origin.link.slowness = { kbits: 6000, rtt: 40 };
  const viewer = await theatre.view(origin, { limits: { ahead: 8, segments: 1 } });
  await viewer.past(4);
  origin.link.slowness = { kbits: 700, rtt: 40 };
  const slow = await viewer.past(14, 40_000);
  expect(stalled(slow)).toBe(0);
  expect(slow.height).toBeLessThan(720);
  origin.link.slowness = { kbits: 6000, rtt: 40 };
  await viewer.until("720 lines", ({ video }) => video.videoHeight === 720, null, 30_000);
  const notes = await viewer.notes();
  expect(stalled(notes)).toBe(0);
  expect(skipped(notes)).toBe(0);
  expect(heights(notes).length).toBeLessThanOrEqual(7);
});

test("a steady link between two rates changes quality at most twice", async ({ theatre }) => {
  const origin = await theatre.origin(LADDER);
  origin.link.slowness = { kbits: 1500, rtt: 60 };
  const viewer = await theatre.view(origin, { limits: { ahead: 12 } });
  const notes = await viewer.past(24, 45_000);
  expect(heights(notes).length).toBeLessThanOrEqual(3);
  expect(notes.height).toBe(360);
  expect(stalled(notes)).toBe(0);
});

test("a rendition that the browser can't decode is left out", async ({ theatre }) => {
  const rules = [changed((manifest) => (rendition(manifest, "v3").codec = "hvc1.1.6.L93.B0"))];
  const { viewer, origin } = await theatre.show(LADDER, { rules });
  const notes = await viewer.past(1);
  expect(notes.playable).toEqual(["v1", "v2", "a1", "a2"]);
  expect(origin.asked(/v3\//)).toEqual([]);
});

test("a film that the browser can't decode is one error that says so", async ({ theatre }) => {
  const rules = [changed((manifest) => manifest.renditions.forEach((each) => (each.codec = "none.1")))];
  const { viewer, origin } = await theatre.show(LADDER, { rules });
  const { said } = await viewer.says("error");
  const errors = said.flatMap(({ event }) => (event.type === "error" ? [event] : []));
  expect(errors).toMatchObject([{ code: "unsupported", fatal: true }]);
  expect(origin.asked(MEDIA)).toEqual([]);
});

test("quality changes across codecs without a stall", async ({ theatre }) => {
  const vp9 = await segmented("films/VP9 and Opus.mp4");
  const origin = await theatre.origin("frames/numbered.mp4");
  origin.folder("/vp9/", vp9);
  origin.rule(
    changed((manifest) => {
      const other = rendition(manifestOf(vp9), "v1");
      Object.assign(other, { id: "v2", media: "/vp9/v1/{n}.m4s", init: "/vp9/v1/init.mp4" });
      manifest.renditions.splice(1, 0, other);
      manifest.duration = 8;
      for (const each of manifest.renditions) {
        each.segments.durations.splice(2);
        each.segments.sizes.splice(2);
        each.fragments.splice(2);
        each.available = [[1, 2]];
      }
    }),
  );
  const viewer = await theatre.view(origin, { limits: { ahead: 2, segments: 1 } });
  await viewer.past(0.5);
  await viewer.page.evaluate(() => {
    if (globalThis.recorder.player) globalThis.recorder.player.quality = "v2";
  });
  await viewer.until("VP9", ({ video }) => video.videoHeight === 360, null);
  await viewer.page.evaluate(() => {
    if (globalThis.recorder.player) globalThis.recorder.player.quality = "v1";
  });
  await viewer.until("ended", ({ video }) => video.ended, null);
  const notes = await viewer.notes();
  expect(notes.error).toBeNull();
  expect(stalled(notes)).toBe(0);
  expect(skipped(notes)).toBe(0);
});
