/**
 * From a time to what has to be fetched for it.
 *
 * @module
 */

import type { Fragment, Rendition, Segment } from "./manifest.js";

/** Times closer than this are one: renditions round the same moment to their own ticks. Seconds, a third of a short frame. */
export const SAME = 0.005;

/** Holes up to this many seconds are played through by every browser; wider ones are jumped. */
export const HOLE = 0.06;

/** A run of bytes of one segment. */
export interface Piece {
  readonly rendition: Rendition;
  readonly segment: Segment;
  /** Seconds from which its samples are shown. */
  readonly time: number;
  /** First byte within the segment, and one past the last. */
  readonly from: number;
  readonly to: number;
}

/** The segment shown at `time`: the first before it all; none past the end. */
export function segmentAt(rendition: Rendition, time: number): Segment | undefined {
  const { segments } = rendition;
  let low = 0;
  let high = segments.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((segments[middle]?.end ?? Infinity) > time + SAME) high = middle;
    else low = middle + 1;
  }
  return segments[low];
}

/** The last fragment that begins no later than `time`: from there on the segment can be decoded. */
export function fragmentAt(segment: Segment, time: number): Fragment {
  let found = segment.fragments[0] ?? { time: segment.start, offset: 0, key: 0 };
  for (const fragment of segment.fragments) if (fragment.time <= time + SAME) found = fragment;
  return found;
}

/** The first fragment after `time` in its segment, if any; never the first of all, to which what comes before it belongs. */
export function fragmentAfter(segment: Segment, time: number): Fragment | undefined {
  return segment.fragments.find((fragment, i) => i > 0 && fragment.time > time + SAME);
}

/** What is fetched to play on from `time`: from its keyframe to the end of the segment. None past the end. */
export function pieceAt(rendition: Rendition, time: number): Piece | undefined {
  const segment = segmentAt(rendition, time);
  if (!segment) return undefined;
  const fragment = fragmentAt(segment, time);
  const first = fragment === segment.fragments[0];
  const begins = segment === rendition.segments[0];
  // What comes before the first sample belongs to it: there is nothing else to fetch for it.
  const shown = first ? (begins ? -Infinity : Math.min(segment.start, fragment.time)) : fragment.time;
  return { rendition, segment, time: shown, from: first ? 0 : fragment.offset, to: segment.size };
}

/** Whether a segment can be had now. */
export function isAvailable({ available }: Rendition, { n, silent }: Segment): boolean {
  return silent === true || available.some(([first, last]) => first <= n && n <= last);
}

/** Where a segment lies: its address, and its first byte there. */
export function place(
  { media, mediaStart, segments }: Rendition,
  { n }: Segment,
): { url: string; start: number } {
  if (media.includes("{n}")) return { url: media.replace("{n}", String(n)), start: 0 };
  return { url: media, start: segments.slice(0, n - 1).reduce((sum, { size }) => sum + size, mediaStart) };
}

/** When the last segment ends; seconds. */
export function endOf({ segments }: Rendition): number {
  return segments.at(-1)?.end ?? 0;
}
