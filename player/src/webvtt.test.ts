import { describe, expect, it } from "vitest";
import { place, readWebVtt } from "./webvtt.js";

const words = (file: string, offset = 0) =>
  readWebVtt(file, offset).map(({ start, end, text }) => [start, end, text]);

describe("a file", () => {
  it("has cues with times and text of several lines", () => {
    const file = "WEBVTT\n\n00:01.000 --> 00:02.500\none\ntwo\n\n01:00:03.000 --> 01:00:04.000\nthree\n";
    expect(words(file)).toEqual([
      [1, 2.5, "one\ntwo"],
      [3603, 3604, "three"],
    ]);
  });

  it("may have a byte order mark, lines of any ending, and zeroes", () => {
    const file =
      "\uFEFFWEBVTT - name\r\n\r\n00:01.000 --> 00:02.000\rone\0\r\r\n00:03.000 --> 00:04.000\r\ntwo";
    expect(words(file)).toEqual([
      [1, 2, "one\uFFFD"],
      [3, 4, "two"],
    ]);
  });

  it("has cues with identifiers and settings", () => {
    const [cue] = readWebVtt("WEBVTT\n\nchapter 1\n00:01.000 --> 00:02.000  line:0  align:start \none", 0);
    expect(cue).toMatchObject({ id: "chapter 1", settings: "line:0  align:start", text: "one" });
  });

  it("keeps markup and entities as they are", () => {
    const file = "WEBVTT\n\n00:01.000 --> 00:02.000\n<i>a</i> &amp; &lt;b&gt;";
    expect(words(file)).toEqual([[1, 2, "<i>a</i> &amp; &lt;b&gt;"]]);
  });

  it("has notes, styles and regions, which are no cues", () => {
    const file = [
      "WEBVTT\nKind: captions",
      "NOTE\nnothing to see",
      "STYLE\n::cue { color: red }",
      "REGION\nid:bottom",
      "00:01.000 --> 00:02.000\none",
    ].join("\n\n");
    expect(words(file)).toEqual([[1, 2, "one"]]);
  });

  it("loses a cue whose times can't be read, or don't follow each other, and no other", () => {
    const bad = ["soon --> later", "00:61.000 --> 01:02.000", "00:01 --> 00:02", "00:02.000 --> 00:02.000"];
    const file = ["WEBVTT", ...bad.map((times) => `${times}\nbad`), "00:01.000 --> 00:02.000\ngood"].join(
      "\n\n",
    );
    expect(words(file)).toEqual([[1, 2, "good"]]);
  });

  it("that isn't WebVTT has no cues", () => {
    const cue = "00:01.000 --> 00:02.000\none";
    for (const file of ["", cue, `WEBVTTX\n\n${cue}`, `<html>\n\n${cue}`]) expect(words(file)).toEqual([]);
  });

  it("without cues has none", () => {
    expect(words("WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0\n")).toEqual([]);
  });
});

describe("times", () => {
  const cue = "00:01.000 --> 00:02.000\none";

  it("are moved by the offset of the rendition", () => {
    expect(words(`WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0\n\n${cue}`, -0.5)).toEqual([
      [0.5, 1.5, "one"],
    ]);
  });

  it("are moved by a map of the timestamps, in whichever order it is written", () => {
    expect(words(`WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:01.000,MPEGTS:900000\n\n${cue}`)).toEqual([
      [10, 11, "one"],
    ]);
    expect(words(`WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:01.000\n${cue}`)).toEqual([[10, 11, "one"]]);
  });

  it("stay where the map can't be read", () => {
    expect(words(`WEBVTT\nX-TIMESTAMP-MAP=LOCAL:soon,MPEGTS:900000\n\n${cue}`)).toEqual([[1, 2, "one"]]);
  });
});

describe("settings", () => {
  const placed = (settings: string): Partial<VTTCue> => {
    const cue = {};
    place(cue as VTTCue, settings);
    return cue;
  };

  it.each([
    ["line:-2", { line: -2, snapToLines: true }],
    ["line:85.5%,end", { line: 85.5, snapToLines: false, lineAlign: "end" }],
    ["position:10%,line-left", { position: 10, positionAlign: "line-left" }],
    ["size:50% align:left", { size: 50, align: "left" }],
    ["align:middle", { align: "center" }],
    ["vertical:rl", { vertical: "rl" }],
    ["", {}],
  ])("%s places the cue", (settings, expected) => {
    expect(placed(settings)).toEqual(expected);
  });

  it("that mean nothing are left out", () => {
    const nonsense = "vertical:up size:200% position:left line:top align:justify region:bottom size :: align";
    expect(placed(nonsense)).toEqual({});
  });
});
