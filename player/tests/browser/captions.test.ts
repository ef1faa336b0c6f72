import { mkdtempSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Page } from "playwright-core";
import { expect } from "vitest";

import { box, fragment, full, init, join, zeroes } from "../support/boxes.js";
import type { Origin } from "../support/origin.js";
import { openParts } from "../support/parts.js";
import { fixture, temporary } from "../support/run.js";
import { changed, rendition, test, type Theatre } from "../support/theatre.js";

/** 32 s; each caption from half a second after a multiple of 4 s for 2.7 s, in English and German. */
const FILM = "films/Two languages.mp4";
const VTT = /\.vtt/;

const line = (n: number): [number, number, string] => [
  (n - 1) * 4 + 0.5,
  (n - 1) * 4 + 3.2,
  `Line ${n}: subtitles from mov_text`,
];

/** The film shown natively, and a server with what `folder` or `segue segment` made of it. */
async function opened(theatre: Theatre, film = FILM): Promise<{ origin: Origin; page: Page }> {
  const origin = await theatre.origin(film);
  origin.folder("/source/", path.dirname(fixture(FILM)));
  return {
    origin,
    page: await openParts(theatre, origin, `/source/${encodeURIComponent(path.basename(FILM))}`),
  };
}

const cues = (page: Page, label: string) => page.evaluate((l) => parts.cues(l), label);
const shown = (page: Page, label: string) =>
  page.evaluate((l) => parts.cues(l, "activeCues").map(([, , text]) => text), label);
const eventually = <T>(ask: () => Promise<T>) => expect.poll(ask, { timeout: 10_000, interval: 30 });

test("each rendition of text is a track, off, and nothing of it is fetched", async ({ theatre }) => {
  const { page, origin } = await opened(theatre);
  await page.evaluate(() => parts.caption());
  const tracks = await page.evaluate(() =>
    [...parts.video.textTracks].map(({ kind, label, language, mode }) => ({ kind, label, language, mode })),
  );
  expect(tracks).toEqual([
    { kind: "subtitles", label: "English", language: "en", mode: "disabled" },
    { kind: "subtitles", label: "German", language: "de", mode: "disabled" },
  ]);
  await page.evaluate(() => parts.seek(10));
  expect(origin.asked(VTT)).toEqual([]);
});

test("a track that is switched on has the cues from the playhead on", async ({ theatre }) => {
  const { page, origin } = await opened(theatre);
  await page.evaluate(() => parts.caption());
  await page.evaluate(() => parts.switchTo("English", "showing"));
  await eventually(() => cues(page, "English")).toEqual([1, 2, 3].map(line));
  expect(origin.asked(VTT).map((entry) => entry.path)).toEqual([1, 2, 3].map((n) => `/film/t1/${n}.vtt`));
  expect(await shown(page, "English")).toEqual([]);
  await page.evaluate(() => parts.seek(1));
  await eventually(() => shown(page, "English")).toEqual([line(1)[2]]);
});

test("captions appear and go at their times while the film plays", async ({ theatre }) => {
  const { page } = await opened(theatre);
  await page.evaluate(() => parts.caption());
  const changes = await page.evaluate(async () => {
    const { video } = parts;
    parts.switchTo("English", "hidden");
    const track = [...video.textTracks].find(({ label }) => label === "English");
    const seen: [number, number][] = [];
    track?.addEventListener("cuechange", () =>
      seen.push([video.currentTime, track.activeCues?.length ?? -1]),
    );
    while (track?.cues?.length !== 3) await new Promise((resolve) => setTimeout(resolve, 20));
    await video.play();
    while (video.currentTime < 5) await new Promise((resolve) => setTimeout(resolve, 20));
    return seen;
  });
  expect(changes.map(([, active]) => active)).toEqual([1, 0, 1]);
  for (const [i, time] of [0.5, 3.2, 4.5].entries())
    expect(Math.abs((changes[i]?.[0] ?? -9) - time)).toBeLessThan(0.6);
});

test("after a seek there are the captions of that place, and none twice after a seek back", async ({
  theatre,
}) => {
  const { page, origin } = await opened(theatre);
  await page.evaluate(() => parts.caption());
  await page.evaluate(() => parts.switchTo("German", "showing"));
  await eventually(async () => (await cues(page, "German")).length).toBe(3);
  await page.evaluate(() => parts.seek(21));
  await eventually(() => shown(page, "German")).toEqual(["Zeile 6: Untertitel aus mov_text"]);
  await eventually(async () => (await cues(page, "German")).length).toBe(6);
  await page.evaluate(() => parts.seek(1));
  await page.evaluate(() => parts.seek(9));
  await eventually(async () => (await cues(page, "German")).length).toBe(8);
  const asked = origin.asked(VTT).map((entry) => entry.path);
  expect(new Set(asked).size).toBe(asked.length);
});

test("a track that is switched off and on again has its cues at once", async ({ theatre }) => {
  const { page, origin } = await opened(theatre);
  await page.evaluate(() => parts.caption());
  await page.evaluate(() => parts.switchTo("English", "showing"));
  await eventually(async () => (await cues(page, "English")).length).toBe(3);
  await page.evaluate(() => parts.switchTo("English", "disabled"));
  await page.evaluate(() => parts.switchTo("English", "showing"));
  expect(await cues(page, "English")).toHaveLength(3);
  expect(origin.asked(VTT)).toHaveLength(3);
});

test("captions that can't be had are asked for again, quietly", async ({ theatre }) => {
  const { page, origin } = await opened(theatre);
  const failures: string[] = [];
  page.on("pageerror", ({ message }) => failures.push(message));
  origin.rule({ match: /t1\/2\.vtt/, fault: { do: "status", status: 503 }, times: 2 });
  await page.evaluate(() => parts.caption());
  await page.evaluate(() => parts.switchTo("English", "showing"));
  await eventually(() => cues(page, "English")).toEqual([line(1), line(3)]);
  await eventually(() => cues(page, "English")).toEqual([1, 2, 3].map(line));
  expect(origin.asked(/t1\/[13]\.vtt/)).toHaveLength(2);
  expect(failures).toEqual([]);
});

test("segments that have not arrived at the server are asked for once they have", async ({ theatre }) => {
  const { page, origin } = await opened(theatre);
  const rule = origin.rule(changed((manifest) => (rendition(manifest, "t1").available = [[2, 8]])));
  await page.evaluate(() => parts.caption());
  await page.evaluate(() => parts.switchTo("English", "showing"));
  await eventually(() => cues(page, "English")).toEqual([2, 3].map(line));
  rule.lift();
  await page.evaluate(async () => parts.open.captions?.update(await parts.manifest()));
  await eventually(() => cues(page, "English")).toEqual([1, 2, 3].map(line));
  expect(await page.evaluate(() => parts.video.textTracks.length)).toBe(2);
});

test("closing takes the tracks away and ends what is on its way", async ({ theatre }) => {
  const { page, origin } = await opened(theatre);
  origin.rule({ match: VTT, fault: { do: "silence" } });
  await page.evaluate(() => parts.caption());
  await page.evaluate(() => parts.switchTo("English", "showing"));
  await expect.poll(() => origin.asked(VTT).length).toBe(3);
  await page.evaluate(() => {
    parts.open.captions?.close();
    parts.open.captions?.close();
  });
  expect(await page.evaluate(() => parts.video.textTracks.length)).toBe(0);
  await expect.poll(() => origin.asked(VTT).map(({ end }) => end)).toEqual(["aborted", "aborted", "aborted"]);
});

test("times are moved to the presentation's where media begins elsewhere", async ({ theatre }) => {
  const { page, origin } = await opened(theatre);
  origin.rule(
    changed((manifest) => {
      const t1 = rendition(manifest, "t1") as { presentationOffset?: number; segments: { start: number } };
      // A tenth of a second of its millionths.
      t1.presentationOffset = 100_000;
      t1.segments.start = 100_000;
    }),
  );
  await page.evaluate(() => parts.caption());
  await page.evaluate(() => parts.switchTo("English", "showing"));
  await eventually(async () => (await cues(page, "English"))[0]).toEqual([0.4, 3.1, line(1)[2]]);
});

/** A folder with a film whose only rendition is text in MP4, in segments of 4 s. */
function written(codec: string, entry: Uint8Array, segments: Uint8Array[], more = {}): string {
  const folder = mkdtempSync(path.join(temporary(), "text-"));
  mkdirSync(path.join(folder, "t1"));
  segments.forEach((segment, i) => writeFileSync(path.join(folder, `t1/${i + 1}.m4s`), segment));
  const initData = Buffer.from(init({ entry, media: full("nmhd", 0, 0) })).toString("base64");
  const t1 = {
    ...{
      id: "t1",
      kind: "text",
      codec,
      mime: "application/mp4",
      timescale: 1000,
      media: "t1/{n}.m4s",
      initData,
    },
    ...{ name: "Words", available: [[1, segments.length]] },
    segments: { start: 0, durations: segments.map(() => 4000), sizes: segments.map(({ length }) => length) },
    ...more,
  };
  writeFileSync(
    path.join(folder, "manifest.json"),
    JSON.stringify({ version: 1, duration: 12, renditions: [t1] }),
  );
  return folder;
}

const WVTT = box("wvtt", zeroes(8), box("vttC", "WEBVTT"));
const STPP = box("stpp", zeroes(8), "http://www.w3.org/ns/ttml\0\0\0");

test("WebVTT in MP4 is shown; a cue that crosses borders is one", async ({ theatre }) => {
  const empty = box("vtte");
  const long = box("vttc", box("sttg", "line:0 align:left"), box("payl", "long &amp; <i>wide</i>"));
  const other = box("vttc", box("iden", "two"), box("payl", "other"));
  const folder = written("wvtt", WVTT, [
    fragment(0, [
      [1000, empty],
      [3000, long],
    ]),
    fragment(4000, [
      [2000, long],
      [2000, join([long, other])],
    ]),
    fragment(8000, [
      [1000, long],
      [3000, empty],
    ]),
  ]);
  const { page } = await opened(theatre, folder);
  await page.evaluate(() => parts.caption());
  await page.evaluate(() => parts.switchTo("Words", "showing"));
  await eventually(() => cues(page, "Words")).toEqual([
    [1, 9, "long &amp; <i>wide</i>"],
    [6, 8, "other"],
  ]);
  const placed = await page.evaluate(() => {
    const [first, second] = [...(parts.video.textTracks[0]?.cues ?? [])] as VTTCue[];
    return [first?.line, first?.align, first?.getCueAsHTML().textContent, second?.id];
  });
  expect(placed).toEqual([0, "left", "long & wide", "two"]);
});

const TTML = (body: string) =>
  `<?xml version="1.0"?><tt xmlns="http://www.w3.org/ns/ttml" xmlns:tts="http://www.w3.org/ns/ttml#styling"
   xmlns:ttp="http://www.w3.org/ns/ttml#parameter" ttp:frameRate="25" ttp:tickRate="1000" xml:lang="en"><body>${body}</body></tt>`;

test("TTML in MP4 is shown, no longer than its samples last", async ({ theatre }) => {
  const words = TTML(
    '<div><p begin="1s" end="6s">one</p><p begin="00:00:02.500" end="00:00:03.000">two</p></div>',
  );
  const folder = written("stpp", STPP, [fragment(0, [[4000, words]]), fragment(4000, [[4000, words]])]);
  const { page } = await opened(theatre, folder);
  await page.evaluate(() => parts.caption());
  await page.evaluate(() => parts.switchTo("Words", "showing"));
  await eventually(() => cues(page, "Words")).toEqual([
    [1, 6, "one"],
    [2.5, 3, "two"],
  ]);
});

test("text that can't be shown is not offered", async ({ theatre }) => {
  const { page, origin } = await opened(theatre, written("stpp.ttml.im1i", STPP, []));
  await page.evaluate(() => parts.caption());
  expect(await page.evaluate(() => parts.video.textTracks.length)).toBe(0);
  origin.folder("/locked/", written("wvtt", WVTT, [], { protection: { scheme: "cenc" } }));
  await page.evaluate(() => parts.caption("/locked/manifest.json"));
  expect(await page.evaluate(() => parts.video.textTracks.length)).toBe(0);
});

test("a TTML document says what is shown when", async ({ theatre }) => {
  const { page } = await opened(theatre);
  const read = (body: string) =>
    page.evaluate(
      (xml) =>
        parts
          .readDocument(xml, 0)
          .map(({ start, end, text }): [number, number, string] => [start, end, text]),
      TTML(body),
    );
  expect(await read('<div begin="10s"><p begin="00:00:01:05" dur="500ms">a</p></div>')).toEqual([
    [11.2, 11.7, "a"],
  ]);
  expect(await read('<div begin="1m" end="62s"><p begin="1500t" end="1h">a</p></div>')).toEqual([
    [61.5, 62, "a"],
  ]);
  expect(await read('<p begin="0s" end="1s">\n  a &amp; b\n  <br/>  c  <metadata>x</metadata></p>')).toEqual([
    [0, 1, "a &amp; b\nc"],
  ]);
  expect(await read('<p begin="0s" end="1s"><span tts:fontStyle="italic">a &lt; b</span> c</p>')).toEqual([
    [0, 1, "<i>a &lt; b</i> c"],
  ]);
  expect(
    await read('<p begin="1s" end="9s"><span end="1s">a</span><span begin="1s" end="2s">b</span></p>'),
  ).toEqual([
    [1, 2, "a"],
    [2, 3, "b"],
  ]);
  expect(await read('<div timeContainer="seq"><p dur="1s">a</p><p dur="2s">b</p></div>')).toEqual([
    [0, 1, "a"],
    [1, 3, "b"],
  ]);
  expect(await read("<p>a</p><p>  </p>")).toEqual([[0, Infinity, "a"]]);
  expect(await read('<p begin="2s" end="1s">a</p><p')).toEqual([]);
});
