/**
 * Renditions and streams for tests of the pure parts: two seconds a GOP, two GOPs a segment, unless told otherwise.
 *
 * @module
 */

import type { Rendition, Segment } from "./manifest.js";
import type { Limits, Playhead } from "./messages.js";
import type { Stream } from "./schedule.js";

/** A rendition of `count` segments of 4 s with two fragments each (one for sound). */
export function rendition(id: string, bitrate = 2_000_000, count = 15): Rendition {
  const kind = id.startsWith("v") ? "video" : "audio";
  const size = bitrate / 2;
  const segments = Array.from({ length: count }, (_, i): Segment => {
    const fragments = [{ time: i * 4, offset: 24, key: 1000 }];
    if (kind === "video") fragments.push({ time: i * 4 + 2, offset: 24 + size / 2, key: 1000 });
    return { n: i + 1, start: i * 4, end: i * 4 + 4, size, fragments };
  });
  return {
    id,
    kind,
    type: `${kind}/mp4`,
    mime: `${kind}/mp4`,
    codec: "avc1.64001f",
    bandwidth: bitrate * 1.1,
    averageBandwidth: bitrate,
    timescale: 48_000,
    timestampOffset: 0,
    media: `https://segue.example/${id}/{n}.m4s`,
    mediaStart: 0,
    segments,
    available: [[1, count]],
    protected: false,
  };
}

/** A stream with nothing in it, and what a test changes of it. */
export function stream(changes: Partial<Stream> = {}): Stream {
  return {
    rendition: rendition("v1"),
    buffered: [],
    stretches: [],
    open: null,
    busy: false,
    floor: -Infinity,
    ...changes,
  };
}

/** A stream whose buffer holds all of a span, appended as one. */
export function filled(from: number, to: number, changes: Partial<Stream> = {}): Stream {
  return stream({ buffered: [[from, to]], stretches: [{ from, to, held: [[from, to]] }], ...changes });
}

/** A playhead that plays at `time`. */
export function playhead(time: number, changes: Partial<Playhead> = {}): Playhead {
  return { time, paused: false, seeking: false, rate: 1, ready: 4, ...changes };
}

/** Those of the player. */
export const LIMITS: Limits = { ahead: 30, behind: 30, segments: 3, bytes: 48 << 20 };
