import { describe, expect, it } from "vitest";

import { filled, LIMITS, playhead, rendition, stream } from "./examples.js";
import { fetchNext, front, isComplete, jump, relief, removals } from "./schedule.js";
import { pieceAt } from "./timeline.js";

const audio = rendition("a1", 128_000);

describe("what is fetched next", () => {
  it("begins with the first segment, whole", () => {
    expect(fetchNext(stream(), playhead(0), LIMITS)).toMatchObject({
      segment: { n: 1 },
      from: 0,
      to: 1_000_000,
    });
  });

  it("is, after a seek, the segment from the keyframe at or before the target", () => {
    expect(fetchNext(stream(), playhead(23.5), LIMITS)).toMatchObject({
      segment: { n: 6 },
      from: 500_024,
      time: 22,
    });
    expect(fetchNext(stream(), playhead(21.9), LIMITS)).toMatchObject({
      segment: { n: 6 },
      from: 0,
      time: 20,
    });
  });

  it("is what follows what is buffered", () => {
    expect(fetchNext(filled(0, 8), playhead(1), LIMITS)).toMatchObject({ segment: { n: 3 }, from: 0 });
  });

  it("is nothing while something is on its way", () => {
    expect(fetchNext(stream({ busy: true }), playhead(0), LIMITS)).toBeNull();
  });

  it("is nothing once enough seconds are buffered", () => {
    expect(fetchNext(filled(0, 32), playhead(1), LIMITS)).toBeNull();
    expect(fetchNext(filled(0, 32), playhead(3), LIMITS)).not.toBeNull();
  });

  it("is three segments ahead however few seconds are asked for", () => {
    const limits = { ...LIMITS, ahead: 1 };
    expect(fetchNext(filled(0, 12), playhead(1), limits)).toMatchObject({ segment: { n: 4 } });
    expect(fetchNext(filled(0, 16), playhead(1), limits)).toBeNull();
  });

  it("is nothing once enough bytes are buffered, however few seconds that is", () => {
    expect(fetchNext(filled(0, 8), playhead(1), { ...LIMITS, bytes: 1_000_000 })).toBeNull();
  });

  it("passes over what can't be had", () => {
    const lost = filled(0, 4);
    const stretches = [...lost.stretches, { from: 4, to: 8, held: [] }];
    expect(fetchNext({ ...lost, stretches }, playhead(1), LIMITS)).toMatchObject({ segment: { n: 3 } });
  });

  it("fetches again what the browser threw away", () => {
    const evicted = filled(0, 12, { buffered: [[8, 12]] });
    expect(fetchNext(evicted, playhead(3), LIMITS)).toMatchObject({ segment: { n: 1 }, time: 2 });
    expect(fetchNext(evicted, playhead(9), LIMITS)).toMatchObject({ segment: { n: 3 } });
  });

  it("does not fetch a hole of the media itself for ever", () => {
    const holed = stream({
      buffered: [
        [0, 3],
        [4, 8],
      ],
      stretches: [
        { from: 0, to: 4, held: [[0, 3]] },
        { from: 4, to: 8, held: [[4, 8]] },
      ],
    });
    expect(fetchNext(holed, playhead(1), LIMITS)).toMatchObject({ segment: { n: 3 } });
  });

  it("goes on in a segment that was broken off from the keyframe before what came of it", () => {
    const part = stream({ buffered: [[0, 3.1]], stretches: [{ from: 0, to: 2.9, held: [[0, 2.9]] }] });
    expect(fetchNext(part, playhead(1), LIMITS)).toMatchObject({ segment: { n: 1 }, time: 2, from: 500_024 });
  });

  it("is not what the server doesn't have, until the playhead needs it", () => {
    const arriving = { ...rendition("v1"), available: [[1, 2]] as const };
    const there = filled(0, 8, { rendition: arriving });
    expect(fetchNext(there, playhead(1), LIMITS)).toBeNull();
    expect(fetchNext(there, playhead(3), LIMITS)).toMatchObject({ segment: { n: 3 } });
  });

  it("crosses from one rendition to another whose segments are cut elsewhere", () => {
    const long = rendition("v2");
    const other = {
      ...long,
      segments: long.segments.map((s) => ({ ...s, start: s.start * 1.5, end: s.end * 1.5 })),
    };
    expect(fetchNext(filled(0, 4, { rendition: other }), playhead(0), LIMITS)).toMatchObject({
      segment: { n: 1 },
    });
  });
});

describe("sound beside a video", () => {
  const sound = stream({ rendition: audio });

  it("is little of it while there is little video", () => {
    expect(fetchNext(sound, playhead(0), LIMITS, stream())).toMatchObject({ from: 0, to: 9600 });
  });

  it("goes on from there once there is more", () => {
    const piece = pieceAt(audio, 0);
    if (!piece) throw new Error("no piece");
    const open = { ...sound, open: { piece, at: 9600 } };
    expect(fetchNext(open, playhead(0), LIMITS, filled(0, 0.2))).toBeNull();
    expect(fetchNext(open, playhead(0), LIMITS, filled(0, 1))).toMatchObject({ from: 9600, to: 25_600 });
    expect(fetchNext(open, playhead(0), LIMITS, filled(0, 2.5))).toMatchObject({ from: 9600, to: 64_000 });
  });

  it("does not run ahead of the video", () => {
    expect(fetchNext(filled(0, 8, { rendition: audio }), playhead(0), LIMITS, filled(0, 4))).toBeNull();
    expect(fetchNext(filled(0, 8, { rendition: audio }), playhead(0), LIMITS, filled(0, 8))).not.toBeNull();
  });

  it("goes on where the video has ended", () => {
    const short = filled(0, 4, { rendition: rendition("v1", 2_000_000, 1) });
    expect(fetchNext(filled(0, 8, { rendition: audio }), playhead(1), LIMITS, short)).not.toBeNull();
  });
});

describe("the front", () => {
  it("is where nothing more has been fetched, whatever lies beyond", () => {
    const islands = stream({
      buffered: [
        [0, 4],
        [8, 12],
      ],
      stretches: [
        { from: 0, to: 4, held: [[0, 4]] },
        { from: 8, to: 12, held: [[8, 12]] },
      ],
    });
    expect(front(islands, 1)).toBe(4);
    expect(front(islands, 9)).toBe(12);
    expect(front(islands, 5)).toBe(5);
  });

  it("at the end of the film makes a stream complete", () => {
    expect(isComplete(filled(0, 60), 3)).toBe(true);
    expect(isComplete(filled(0, 56), 3)).toBe(false);
    expect(isComplete(filled(0, 60, { busy: true }), 3)).toBe(false);
  });
});

describe("what is let go of", () => {
  it("is nothing near the playhead", () => {
    expect(removals(filled(0, 60), playhead(35), LIMITS)).toEqual([]);
  });

  it("is what lies far behind, up to a keyframe", () => {
    expect(removals(filled(0, 60), playhead(55), LIMITS)).toEqual([[0, 24]]);
  });

  it("is what stands apart far ahead", () => {
    const far = stream({
      rendition: rendition("v1", 1, 100),
      buffered: [
        [0, 20],
        [200, 230],
      ],
    });
    expect(removals(far, playhead(5), LIMITS)).toEqual([[200, Infinity]]);
  });

  it("is, in a full buffer, first what was watched and then what stands apart", () => {
    expect(relief(filled(0, 60), 21)).toEqual([0, 18]);
    expect(
      relief(
        stream({
          buffered: [
            [20, 30],
            [40, 50],
          ],
        }),
        21,
      ),
    ).toEqual([40, Infinity]);
    expect(relief(filled(20, 60), 21)).toBeNull();
  });
});

describe("a jump", () => {
  const stuck = (time: number) => playhead(time, { ready: 2 });
  const holed = stream({
    buffered: [
      [0, 4],
      [8, 12],
    ],
    stretches: [
      { from: -Infinity, to: 4, held: [[0, 4]] },
      { from: 4, to: 8, held: [] },
      { from: 8, to: 12, held: [[8, 12]] },
    ],
  });

  it("goes to where the hole ends", () => {
    expect(jump([holed], stuck(3.97))).toBeCloseTo(8, 1);
    expect(jump([holed, filled(0, 30, { rendition: audio })], stuck(4))).toBeCloseTo(8, 1);
  });

  it("is not made where the playhead can move", () => {
    expect(jump([holed], playhead(3.97))).toBeNull();
    expect(jump([holed], stuck(2))).toBeNull();
  });

  it("is not made while what is missing may still come", () => {
    expect(jump([{ ...holed, stretches: holed.stretches.slice(0, 1) }], stuck(3.97))).toBeNull();
    expect(jump([filled(0, 4)], stuck(4))).toBeNull();
  });

  it("is not made by who paused, unless it is a seek into the hole", () => {
    expect(jump([holed], { ...stuck(3.97), paused: true })).toBeNull();
    expect(jump([holed], { ...stuck(5), paused: true, seeking: true })).toBeCloseTo(8, 1);
  });

  it("goes over the holes of every stream", () => {
    const sound = stream({
      rendition: audio,
      buffered: [
        [0, 6],
        [9, 20],
      ],
      stretches: [
        { from: 0, to: 9, held: [[0, 6]] },
        { from: 9, to: 20, held: [[9, 20]] },
      ],
    });
    expect(jump([holed, sound], stuck(4))).toBeCloseTo(9, 1);
  });

  it("goes to the first picture where that comes late", () => {
    const late = filled(0.5, 4, { stretches: [{ from: -Infinity, to: 4, held: [[0.5, 4]] }] });
    expect(jump([late], stuck(0))).toBeCloseTo(0.5, 1);
  });
});
