import { describe, expect, it } from "vitest";
import { box, fragment, full, init, join, zeroes } from "../tests/support/boxes.js";
import { boxes, find, readTrack, samples, type Track } from "./isobmff.js";

const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);
const turn = 0x10000;

function track(bytes = init()): Track {
  const found = readTrack(bytes);
  if (!found) throw new Error("no track");
  return found;
}

describe("boxes", () => {
  it("yields each box with its place and what is in it", () => {
    const found = [...boxes(join([box("free"), box("mdat", "abc")]))];
    expect(found.map(({ type, start, body }) => [type, start, text(body)])).toEqual([
      ["free", 0, ""],
      ["mdat", 8, "abc"],
    ]);
  });

  it("knows sizes of 64 bits, and a size of zero that reaches to the end", () => {
    const long = join([1, "wide", 0, 18, "ab"]);
    const rest = join([0, "mdat", "to the end"]);
    expect([...boxes(join([long, rest]))].map(({ body }) => text(body))).toEqual(["ab", "to the end"]);
  });

  it("gives what is there of a box that is cut short", () => {
    expect(text(find(box("mdat", "abcdef").subarray(0, 11), "mdat")?.body)).toBe("abc");
  });

  it("ends at a size that can't be", () => {
    expect([...boxes(join([box("free"), 7, "fake", box("mdat")]))]).toHaveLength(1);
    expect([...boxes(join([1, "wide", 0]))]).toHaveLength(0);
  });

  it("finds the first box at a path", () => {
    const bytes = join([box("moov", box("trak", box("tkhd", "one")), box("trak", box("tkhd", "two")))]);
    expect(text(find(bytes, "moov", "trak", "tkhd")?.body)).toBe("one");
    expect(find(bytes, "moov", "mvex")).toBeUndefined();
  });
});

describe("an init segment", () => {
  it("tells timescale, entry, configuration and defaults", () => {
    const found = track(init({ timescale: 12_800, trex: [512, 77] }));
    expect(found).toMatchObject({ timescale: 12_800, entry: "avc1", duration: 512, size: 77 });
    expect(found.configuration.map(({ type, body }) => [type, body.length])).toEqual([
      ["avcC", 6],
      ["pasp", 8],
    ]);
  });

  it("has boxes of text right behind the entry's header", () => {
    const entry = box("wvtt", zeroes(8), box("vttC", "WEBVTT"));
    const found = track(init({ entry, media: full("nmhd", 0, 0) }));
    expect(found.configuration.map(({ type }) => type)).toEqual(["vttC"]);
  });

  it.each([
    ["upright", [turn, 0, 0, 0, turn], [1, 0, 0, 1]],
    ["a quarter to the right", [0, turn, 0, -turn, 0], [0, 1, -1, 0]],
    ["upside down", [-turn, 0, 0, 0, -turn], [-1, 0, 0, -1]],
    ["mirrored", [-turn, 0, 0, 0, turn], [-1, 0, 0, 1]],
    ["by less than a quarter, which is left alone", [46_341, 46_341, 0, -46_341, 46_341], [1, 0, 0, 1]],
    ["made of zeroes, which is left alone", [0, 0, 0, 0, 0], [1, 0, 0, 1]],
  ])("knows a matrix that is %s", (_, matrix, orientation) => {
    expect(track(init({ matrix })).orientation).toEqual(orientation);
  });

  it("without a track is none", () => {
    expect(readTrack(init().subarray(0, 60))).toBeNull();
    expect(readTrack(zeroes(0))).toBeNull();
  });
});

describe("a fragment", () => {
  it("has samples with times and bytes", () => {
    const found = [
      ...samples(
        fragment(1000, [
          [40, "first"],
          [60, "second"],
        ]),
        track(),
      ),
    ];
    expect(found.map(({ time, duration, data }) => [time, duration, text(data)])).toEqual([
      [1000, 40, "first"],
      [1040, 60, "second"],
    ]);
  });

  it("gives the first sample when only its key bytes are there", () => {
    const whole = fragment(0, [
      [40, "picture"],
      [40, "not fetched"],
    ]);
    const [first, second] = samples(whole.subarray(0, whole.length - 11), track());
    expect([text(first?.data), second?.data.length, second?.size]).toEqual(["picture", 0, 11]);
  });

  it("counts places from its moof, whatever comes before", () => {
    const bytes = join([box("styp", "cmfs", 0), box("prft", "clock"), fragment(0, [[40, "picture"]])]);
    const [first] = samples(bytes, track());
    expect(text(first?.data)).toBe("picture");
  });

  it("of several yields the samples of all", () => {
    const bytes = join([fragment(0, [[40, "a"]]), fragment(40, [[40, "b"]])]);
    expect([...samples(bytes, track())].map(({ time, data }) => [time, text(data)])).toEqual([
      [0, "a"],
      [40, "b"],
    ]);
  });

  const runs = (tfhd: Uint8Array, ...truns: Uint8Array[]) =>
    box("moof", box("traf", tfhd, full("tfdt", 0, 0, 100), ...truns));

  it("falls back on its own defaults, then on those of the track", () => {
    const body = box("mdat", "aabbcc");
    const trun = (place: number): Uint8Array => full("trun", 0, 0x1, 2, place);
    const size = runs(full("tfhd", 0, 0, 1), trun(0)).length;
    const ofTrack = join([runs(full("tfhd", 0, 0, 1), trun(size + 8)), body]);
    const found = [...samples(ofTrack, track(init({ trex: [5, 2] })))];
    expect(found.map(({ time, data }) => [time, text(data)])).toEqual([
      [100, "aa"],
      [105, "bb"],
    ]);
    const tfhd = full("tfhd", 0, 0x3b, 1, 0, 0, 1, 7, 3, 0);
    const ofFragment = join([runs(tfhd, trun(size + 24 + 8)), body]);
    const other = [...samples(ofFragment, track(init({ trex: [5, 2] })))];
    expect(other.map(({ time, data }) => [time, text(data)])).toEqual([
      [100, "aab"],
      [107, "bcc"],
    ]);
  });

  it("shows samples by composition offset, negative ones too, and lets runs follow each other", () => {
    const tfhd = full("tfhd", 0, 0x20000, 1);
    const first = (place: number): Uint8Array => full("trun", 0, 0xf05, 1, place, 0, 10, 1, 0, 20);
    const second = full("trun", 1, 0xb00, 1, 10, 1, -5);
    const size = runs(tfhd, first(0), second).length;
    const bytes = join([runs(tfhd, first(size + 8), second), box("mdat", "xy")]);
    expect([...samples(bytes, track())].map(({ time, data }) => [time, text(data)])).toEqual([
      [120, "x"],
      [105, "y"],
    ]);
  });

  it("reads decode times past 32 bits", () => {
    const traf = box("traf", full("tfhd", 0, 0, 1), full("tfdt", 1, 0, 1, 2), full("trun", 0, 0, 1));
    const [first] = samples(box("moof", traf), track());
    expect(first?.time).toBe(2 ** 32 + 2);
  });

  it("doesn't believe a claim of more samples than there are bytes, or a place before its start", () => {
    const bytes = runs(full("tfhd", 0, 0, 1), full("trun", 0, 0x1, -1, -1000));
    const found = [...samples(bytes, track())];
    expect(found.length).toBeLessThanOrEqual(bytes.length);
    expect(found.every(({ data }) => data.length === 0)).toBe(true);
  });
});
