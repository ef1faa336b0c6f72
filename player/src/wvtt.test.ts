import { describe, expect, it } from "vitest";
import { box, fragment, full, init, join, zeroes } from "../tests/support/boxes.js";
import { readTrack } from "./isobmff.js";
import { readWvtt } from "./wvtt.js";

const entry = box("wvtt", zeroes(8), box("vttC", "WEBVTT"));
const track = readTrack(init({ entry, media: full("nmhd", 0, 0), timescale: 1000 }));
if (!track) throw new Error("no track");

const empty = box("vtte");

describe("WebVTT in samples", () => {
  it("says what is on the screen while a sample lasts", () => {
    const segment = fragment(4000, [
      [500, empty],
      [1500, box("vttc", box("payl", "one\ntwo"))],
      [500, empty],
    ]);
    expect(readWvtt(segment, track, 0)).toEqual([
      { start: 4.5, end: 6, text: "one\ntwo", id: "", settings: "" },
    ]);
  });

  it("has identifiers and settings, in whichever order", () => {
    const cue = box("vttc", box("vsid", 7), box("sttg", "line:0"), box("payl", "é"), box("iden", "a"));
    expect(readWvtt(fragment(0, [[1000, cue]]), track, 0)).toMatchObject([
      { id: "a", settings: "line:0", text: "é" },
    ]);
  });

  it("may show several cues at once, beside notes, which aren't shown", () => {
    const sample = join([box("vttc", box("payl", "a")), box("vtta", "note"), box("vttc", box("payl", "b"))]);
    expect(readWvtt(fragment(0, [[1000, sample]]), track, 0).map(({ text }) => text)).toEqual(["a", "b"]);
  });

  it("comes in pieces that touch where a cue lasts over several samples", () => {
    const [a, b] = ["a", "b"].map((text) => box("vttc", box("vsid", 1), box("payl", text))) as [
      Uint8Array,
      Uint8Array,
    ];
    const segment = fragment(0, [
      [1000, a],
      [1000, join([a, b])],
      [1000, b],
    ]);
    expect(readWvtt(segment, track, 0).map(({ start, end, text }) => [start, end, text])).toEqual([
      [0, 1, "a"],
      [1, 2, "a"],
      [1, 2, "b"],
      [2, 3, "b"],
    ]);
  });

  it("is moved by the offset of the rendition", () => {
    const segment = fragment(4000, [[1000, box("vttc", box("payl", "a"))]]);
    expect(readWvtt(segment, track, -3)).toMatchObject([{ start: 1, end: 2 }]);
  });
});
