import { describe, expect, it } from "vitest";

import { rendition } from "./examples.js";
import { canHush, padded, silence } from "./silence.js";

const sound = { ...rendition("a1", 128_000), codec: "mp4a.40.2", channels: 2, sampleRate: 48_000 };
const late = {
  ...sound,
  segments: sound.segments.map((s) => ({ ...s, start: s.start + 23, end: s.end + 23 })),
};

describe("silence", () => {
  it("fills what is missing before and after, in segments that follow each other", () => {
    const { segments } = padded(late, 95);
    expect(segments.map(({ n }) => n)).toEqual(Array.from({ length: 20 }, (_, i) => i - 2));
    expect(segments[0]?.start).toBe(0);
    expect(segments.at(-1)?.end).toBe(95);
    for (const [i, { start }] of segments.entries()) expect(start).toBeCloseTo(segments[i - 1]?.end ?? 0, 6);
    expect(segments.filter(({ silent }) => silent).map(({ n }) => n)).toEqual([-2, -1, 0, 16, 17]);
  });

  it("is not added where nothing is missing, or where it can't be made", () => {
    expect(padded(sound, 60)).toEqual(sound);
    expect(padded({ ...late, codec: "opus" }, 95).segments).toHaveLength(15);
    expect(canHush({ ...sound, channels: 7 })).toBe(false);
    expect(canHush({ ...sound, sampleRate: 44_100 })).toBe(false);
  });

  it("is a fragment of whole frames that begins where it is told to", () => {
    const bytes = silence(sound, 1, 2);
    const view = new DataView(bytes.buffer);
    const type = (at: number): string => String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    expect(type(0)).toBe("moof");
    const mdat = view.getUint32(0);
    expect(type(mdat)).toBe("mdat");
    expect(mdat + view.getUint32(mdat)).toBe(bytes.length);
    const find = (name: string): number => Buffer.from(bytes).indexOf(name);
    const frames = view.getUint32(find("trun") + 8);
    expect(frames).toBe(46);
    expect(view.getUint32(find("trun") + 12)).toBe(mdat + 8);
    expect(view.getUint32(find("tfdt") + 12)).toBe(48_000);
  });

  it("is nothing where no frame fits", () => {
    expect(silence(sound, 0, 0.01)).toHaveLength(0);
  });
});
