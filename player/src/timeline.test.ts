import { describe, expect, it } from "vitest";

import { rendition } from "./examples.js";
import { endOf, fragmentAfter, fragmentAt, isAvailable, pieceAt, place, segmentAt } from "./timeline.js";

const video = rendition("v1");

describe("the timeline", () => {
  it("has a segment for every time up to the end", () => {
    expect(segmentAt(video, -3)?.n).toBe(1);
    expect(segmentAt(video, 0)?.n).toBe(1);
    expect(segmentAt(video, 3.99)?.n).toBe(1);
    expect(segmentAt(video, 4)?.n).toBe(2);
    expect(segmentAt(video, 59.9)?.n).toBe(15);
    expect(segmentAt(video, 60)).toBeUndefined();
  });

  it("takes a time just before a border for the border", () => {
    expect(segmentAt(video, 3.999)?.n).toBe(2);
  });

  it("decodes from the fragment at or before a time", () => {
    const [first] = video.segments;
    if (!first) throw new Error("no segment");
    expect(fragmentAt(first, 1.9).time).toBe(0);
    expect(fragmentAt(first, 2).time).toBe(2);
    expect(fragmentAfter(first, 0)?.time).toBe(2);
    expect(fragmentAfter(first, 2)).toBeUndefined();
  });

  it("fetches what comes before the first sample of the film with it", () => {
    expect(pieceAt(video, 0)?.time).toBe(-Infinity);
    expect(pieceAt(video, 60)).toBeUndefined();
  });

  it("places segments in files of their own, or one after the other in one", () => {
    const second = video.segments[1];
    if (!second) throw new Error("no segment");
    expect(place(video, second)).toEqual({ url: "https://segue.example/v1/2.m4s", start: 0 });
    const single = { ...video, media: "https://segue.example/v1.mp4", mediaStart: 900 };
    expect(place(single, second)).toEqual({ url: "https://segue.example/v1.mp4", start: 1_000_900 });
  });

  it("knows what can be had", () => {
    const [second] = video.segments;
    if (!second) throw new Error("no segment");
    const part = {
      ...video,
      available: [
        [1, 2],
        [5, 5],
      ] as const,
    };
    expect([1, 2, 3, 4, 5, 6].filter((n) => isAvailable(part, { ...second, n }))).toEqual([1, 2, 5]);
    expect(endOf(part)).toBe(60);
  });
});
