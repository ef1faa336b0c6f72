import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import type { Page } from "playwright-core";
import { expect } from "vitest";

import type { ThumbnailOptions } from "../../src/thumbnails.js";
import type { Origin } from "../support/origin.js";
import type { Seen } from "../support/page/parts.js";
import { openParts } from "../support/parts.js";
import { fixture, segmented, temporary } from "../support/run.js";
import { manifestOf, MEDIA, test, type Theatre } from "../support/theatre.js";

type Places = readonly (readonly [number, number])[];

/** A film on a server, and a page with its thumbnails. */
async function opened(
  theatre: Theatre,
  film: string,
  options: ThumbnailOptions = {},
): Promise<{ origin: Origin; page: Page; look: (time: number, places?: Places) => Promise<Seen | null> }> {
  const origin = await theatre.origin(film);
  const page = await openParts(theatre, origin);
  await page.evaluate((how) => parts.take(how), options);
  const look = (time: number, places: Places = []): Promise<Seen | null> =>
    page.evaluate(([t, p]) => parts.look(t, p), [time, places] as const);
  return { origin, page, look };
}

/** The picture that FFmpeg decodes at a time, in the size of ours, as red, green, blue. */
async function decoded(film: string, time: number, { width, height }: Seen): Promise<Buffer> {
  const args = ["-v", "error", "-ss", String(time), "-i", fixture(film), "-frames:v", "1"];
  const form = ["-vf", `scale=${width}:${height}:flags=area`, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"];
  const { stdout } = await promisify(execFile)("ffmpeg", [...args, ...form], { encoding: "buffer" });
  return stdout;
}

/** Away from letters and edges. */
const PLACES: Places = [
  [0.1, 0.15],
  [0.1, 0.85],
  [0.5, 0.2],
  [0.5, 0.85],
  [0.9, 0.15],
  [0.9, 0.85],
];

test("a picture is that of the keyframe before its time", async ({ theatre }) => {
  const { look, origin } = await opened(theatre, "frames/numbered.mp4");
  for (const [time, number] of [
    [0, 0],
    [1.99, 0],
    [2, 50],
    [37.3, 900],
    [59.9, 1450],
    [1000, 1450],
  ] as const) {
    expect(await look(time)).toMatchObject({ number, time: number / 25, width: 284, height: 160 });
  }
  // 0 and 59.9 serve two times each.
  expect(origin.asked(MEDIA)).toHaveLength(4);
});

for (const film of ["films/Colours in time.mp4", "films/VP9 and Opus.mp4", "films/AV1 and Opus.mp4"]) {
  test(`a picture of ${film} has the colours that FFmpeg sees`, async ({ theatre }) => {
    const { look } = await opened(theatre, film);
    const seen = await look(7.9, PLACES);
    if (!seen) throw new Error("no picture");
    const expected = await decoded(film, 6, seen);
    for (const [i, [x, y]] of PLACES.entries()) {
      const at = 3 * (Math.floor(y * seen.height) * seen.width + Math.floor(x * seen.width));
      for (const channel of [0, 1, 2]) {
        // Films that don't say how their colours are meant are taken for either of two standards: 18 at most.
        const off = Math.abs((seen.colours[i]?.[channel] ?? 999) - (expected[at + channel] ?? 0));
        expect(off, `${x} ${y} ${String(seen.colours[i])}`).toBeLessThan(25);
      }
    }
  });
}

test("only the bytes of the picture are fetched", async ({ theatre }) => {
  const { look, origin } = await opened(theatre, "frames/numbered.mp4");
  await look(2);
  const [v1] = manifestOf(await segmented("frames/numbered.mp4")).renditions;
  const [, offset = 0, key = 0] = v1?.fragments[0]?.[1] ?? [];
  expect(origin.asked(MEDIA)).toMatchObject([
    { path: "/film/v1/1.m4s", range: `bytes=${offset}-${offset + key - 1}`, status: 206, bytes: key },
  ]);
});

test("pictures come from the smallest of several renditions", async ({ theatre }) => {
  const { look, origin } = await opened(theatre, "frames/ladder.mp4");
  expect(await look(6.1)).toMatchObject({ number: 150 });
  expect(origin.asked(MEDIA).map((entry) => entry.path)).toEqual(["/film/v1/2.m4s"]);
});

test("pictures come from one file that holds all, without the init segment in the manifest", async ({
  theatre,
}) => {
  const folder = await segmented("frames/numbered.mp4", "--single-file");
  const origin = await theatre.origin(folder);
  origin.rule({
    match: /manifest\.json/,
    fault: { do: "edit", edit: (body) => Buffer.from(body.toString().replaceAll('"initData"', '"unknown"')) },
  });
  const page = await openParts(theatre, origin);
  await page.evaluate(() => parts.take());
  expect(await page.evaluate(() => parts.look(10))).toMatchObject({ number: 250 });
});

test("a server that ignores ranges sends no more than it must", async ({ theatre }) => {
  const folder = await segmented("films/Colours in time.mp4", "--single-file");
  const origin = await theatre.origin(folder);
  origin.rule({ match: /v1\.mp4/, fault: { do: "whole" } });
  origin.link.slowness = { kbits: 8000, rtt: 5 };
  const page = await openParts(theatre, origin);
  await page.evaluate(() => parts.take());
  expect(await page.evaluate(() => parts.look(10))).toMatchObject({ time: 10, height: 160 });
  await expect.poll(() => origin.asked(/v1\.mp4/)[0]?.end).toBe("aborted");
  expect(origin.asked(/v1\.mp4/)[0]?.bytes).toBeLessThan(1_500_000);
});

for (const film of ["films/Held upright.mp4", "edge/rotated-270.mp4"]) {
  test(`pictures of ${film} stand as the browser shows the film`, async ({ theatre }) => {
    const origin = await theatre.origin(film);
    origin.folder("/source/", path.dirname(fixture(film)));
    const page = await openParts(theatre, origin, `/source/${encodeURIComponent(path.basename(film))}`);
    await page.evaluate(() => parts.take({ height: 320 }));
    const seen = await page.evaluate((places) => parts.look(0, places), PLACES);
    const shown = await page.evaluate((places) => parts.screen(places), PLACES);
    expect(seen).toMatchObject({ width: 180, height: 320 });
    const off = shown.flat().map((light, i) => Math.abs(light - (seen?.colours.flat()[i] ?? 999)));
    expect(Math.max(...off), JSON.stringify([shown, seen?.colours])).toBeLessThan(45);
  });
}

test("a codec that keeps its parameters in the samples is no hindrance", async ({ theatre }) => {
  const { look } = await opened(theatre, inBand(await segmented("frames/numbered.mp4")));
  expect(await look(5)).toMatchObject({ number: 100 });
});

test("sync samples of open GOPs are pictures, too", async ({ theatre }) => {
  const { look } = await opened(theatre, "edge/open-gop-h264.mp4");
  expect(await look(3.5)).toMatchObject({ time: 3, width: 284 });
});

for (const [what, film] of [
  ["encrypted", "edge/cenc.mp4"],
  ["in a codec that this browser doesn't know", "films/HEVC.mp4"],
  ["all sound", "films/Only music.m4a"],
] as const) {
  test(`there is no picture of a film that is ${what}`, async ({ theatre }) => {
    const { look, origin } = await opened(theatre, film);
    expect(await look(1)).toBeNull();
    expect(origin.asked(MEDIA)).toEqual([]);
  });
}

test("a damaged sample is no picture, and the next one is", async ({ theatre }) => {
  const { look, origin } = await opened(theatre, "frames/numbered.mp4");
  origin.rule({
    match: /v1\/2\.m4s/,
    fault: {
      do: "edit",
      edit: (body) => Buffer.from(body.map((byte, at) => (at > 2000 ? byte ^ 0x5a : byte))),
    },
  });
  // What decoders make of it differs; that they go on afterwards doesn't.
  await look(4);
  expect(await look(8)).toMatchObject({ number: 200 });
});

test("a fast pointer gets the picture of where it stops, after few requests", async ({ theatre }) => {
  const { page, origin } = await opened(theatre, "frames/numbered.mp4");
  origin.link.slowness = { kbits: 5000, rtt: 100 };
  const seen = await page.evaluate(async () => {
    const passed: Promise<unknown>[] = [];
    for (let time = 0; time < 58; time += 1) {
      passed.push(parts.look(time));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const last = await parts.look(58);
    await Promise.all(passed);
    return last;
  });
  expect(seen).toMatchObject({ number: 1450 });
  expect(origin.asked(MEDIA).length).toBeLessThan(12);
});

test("without WebCodecs there is no picture and no request", async ({ theatre }) => {
  const { page, origin, look } = await opened(theatre, "frames/numbered.mp4");
  await page.evaluate(() => Reflect.deleteProperty(globalThis, "VideoDecoder"));
  expect(await look(0)).toBeNull();
  expect(origin.asked(MEDIA)).toEqual([]);
});

/** The same film as `avc3`: parameter sets before each sync sample, none in the sample entry. */
function inBand(folder: string): string {
  const out = mkdtempSync(path.join(temporary(), "avc3-"));
  cpSync(folder, out, { recursive: true });
  const manifest = manifestOf(folder);
  const [v1] = manifest.renditions;
  if (!v1) throw new Error("no video");
  const init = Buffer.from(v1.initData, "base64");
  const avcC = init.indexOf("avcC");
  const record = init.subarray(avcC + 4, avcC - 4 + init.readUInt32BE(avcC - 4));
  // One SPS and one PPS, each behind a count of one and its length in two bytes.
  const sps = record.subarray(8, 8 + record.readUInt16BE(6));
  const pps = record.subarray(
    8 + sps.length + 3,
    8 + sps.length + 3 + record.readUInt16BE(8 + sps.length + 1),
  );
  const sets = Buffer.concat([sps, pps].map((set) => Buffer.concat([uint32(set.length), set])));
  record[5] = 0xe0;
  record[6] = 0;
  init.write("avc3", init.indexOf("avc1"));
  v1.initData = init.toString("base64");
  v1.codec = v1.codec.replace("avc1", "avc3");
  const file = path.join(out, "v1/2.m4s");
  const segment = readFileSync(file);
  // The first sample of segment 2 grows by the sets; what follows it isn't read.
  const trun = segment.indexOf("trun");
  const flags = segment.readUInt32BE(trun + 4) & 0xffffff;
  const place = segment.indexOf("moof") - 4 + segment.readInt32BE(trun + 12);
  const size = trun + 16 + (flags & 0x4 ? 4 : 0) + (flags & 0x100 ? 4 : 0);
  segment.writeUInt32BE(segment.readUInt32BE(size) + sets.length, size);
  const [first] = v1.fragments[1] ?? [];
  if (!first || !(flags & 0x200)) throw new Error("not a segment as this test knows them");
  first[2] += sets.length;
  writeFileSync(file, Buffer.concat([segment.subarray(0, place), sets, segment.subarray(place)]));
  writeFileSync(path.join(out, "manifest.json"), JSON.stringify(manifest));
  return out;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
