import { describe, expect, it } from "vitest";

import { PlayerError } from "./errors.js";
import { readManifest } from "./manifest.js";

const URL_OF_IT = "https://segue.example/v1/media/m1/manifest.json";
const document = {
  version: 1,
  id: "m1",
  title: "A film",
  duration: 8,
  state: "ready",
  renditions: [
    {
      id: "v1",
      kind: "video",
      codec: "avc1.64001f",
      mime: "video/mp4",
      timescale: 1000,
      bandwidth: 2_000_000,
      averageBandwidth: 1_000_000,
      width: 1280,
      init: "v1/init.mp4?v=7",
      initData: "AQID",
      media: "v1/{n}.m4s?v=7",
      presentationOffset: 500,
      segments: { start: 500, durations: [4000, 4000], sizes: [100, 200] },
      fragments: [
        [
          [0, 24, 50],
          [2000, 60, 20],
        ],
        [[0, 24, 50]],
      ],
      available: [[1, 2]],
    },
  ],
};

const changed = (changes: object): unknown => ({
  ...document,
  renditions: [{ ...document.renditions[0], ...changes }],
});

describe("a manifest", () => {
  it("is read into seconds and addresses", () => {
    const [video] = readManifest(document, URL_OF_IT).renditions;
    expect(video).toMatchObject({
      type: 'video/mp4; codecs="avc1.64001f"',
      timestampOffset: -0.5,
      media: "https://segue.example/v1/media/m1/v1/{n}.m4s?v=7",
      init: { url: "https://segue.example/v1/media/m1/v1/init.mp4?v=7" },
    });
    expect([...(video?.init?.data ?? [])]).toEqual([1, 2, 3]);
    expect(video?.segments[1]).toEqual({
      n: 2,
      start: 4,
      end: 8,
      size: 200,
      fragments: [{ time: 4, offset: 24, key: 50 }],
    });
    expect(video?.segments[0]?.fragments[1]).toEqual({ time: 2, offset: 60, key: 20 });
  });

  it("of WebVTT has neither init segment nor fragments", () => {
    const text = changed({
      kind: "text",
      mime: "text/vtt",
      init: undefined,
      initData: undefined,
      fragments: undefined,
    });
    const [captions] = readManifest(text, URL_OF_IT).renditions;
    expect(captions).not.toHaveProperty("init");
    expect(captions?.type).toBe("text/vtt");
    expect(captions?.segments[0]?.fragments).toEqual([]);
  });

  it.each([
    ["nothing", null],
    ["a text", "manifest"],
    ["another version", { ...document, version: 2 }],
    ["no duration", { ...document, duration: "long" }],
    ["no renditions", { ...document, renditions: {} }],
    ["a timescale of zero", changed({ timescale: 0 })],
    ["sizes that don't match", changed({ segments: { start: 0, durations: [1, 2], sizes: [1] } })],
    ["a size that is none", changed({ segments: { start: 0, durations: [1], sizes: [null] } })],
  ])("that is %s is refused by name", (_, value) => {
    expect(() => readManifest(value, URL_OF_IT)).toThrow(PlayerError);
    expect(() => readManifest(value, URL_OF_IT)).toThrow(/^manifest: /);
  });
});
