/**
 * What to do next, from what is known: a pure function from clock, buffers and timeline to fetches, removals, jumps and the end.
 *
 * A stream (one kind of media) keeps a list of what was put into its buffer. That, and not the buffer's own ranges, says where to
 * go on: a hole that the media itself has is not fetched for ever, and what the browser has thrown away is noticed, because what
 * was there right after the append is there no more.
 *
 * @module
 */

import type { Rendition } from "./manifest.js";
import type { Limits, Playhead } from "./messages.js";
import { type Span, ahead, around, after } from "./ranges.js";
import { type Piece, HOLE, SAME, endOf, fragmentAt, isAvailable, pieceAt, segmentAt } from "./timeline.js";

/** A run of media that was appended, or that can't be had. */
export interface Stretch {
  /** Seconds, by the manifest. */
  readonly from: number;
  readonly to: number;
  /** What the buffer then held of it: nothing, where it can't be had. */
  readonly held: readonly Span[];
}

/** A segment that is half-way in: its next bytes can follow at any time. */
export interface Open {
  readonly piece: Piece;
  /** The next byte within the segment. */
  readonly at: number;
}

/** One kind of media. */
export interface Stream {
  readonly rendition: Rendition;
  readonly buffered: readonly Span[];
  readonly stretches: readonly Stretch[];
  readonly open: Open | null;
  /** Whether bytes are being fetched or appended. */
  readonly busy: boolean;
  /** Nothing before this time is fetched; seconds. */
  readonly floor: number;
}

/** A playhead that stands still may do so this many seconds before the edge of what is buffered. */
const NEAR_EDGE = 0.1;
/** Seconds of sound that are fetched beyond the video's end, while the video has little. */
const LEAD = 0.6;
/** Seconds of video from which on sound is fetched by whole segments. */
const ENOUGH_VIDEO = 2;
/** Seconds before the playhead runs dry at which bytes are asked for that the server doesn't have yet: that makes it get them. */
const URGENT = 6;
/** Seconds beyond what is wanted that may stay buffered, behind and ahead, before they are removed. */
const REMOVE_SLACK = 5;

/** The first time from `time` on for which nothing has been fetched. */
export function front(stream: Pick<Stream, "stretches" | "buffered">, time: number): number {
  let at = time;
  for (let moved = true; moved;) {
    moved = false;
    for (const stretch of stream.stretches) {
      if (stretch.from <= at + SAME && at + SAME < stretch.to && isHeld(stretch, stream.buffered)) {
        at = stretch.to;
        moved = true;
      }
    }
  }
  return at;
}

/** Whether the buffer still has what was put there. */
export function isHeld({ held }: Stretch, buffered: readonly Span[]): boolean {
  // Coded frames are cut where others overlap them: a little less is not a loss.
  return held.every(([from, to]) => buffered.some(([low, high]) => low <= from + HOLE && high >= to - HOLE));
}

/** What a stream has to fetch now, if anything. `video` is there where `stream` is sound beside it. */
export function fetchNext(stream: Stream, playhead: Playhead, limits: Limits, video?: Stream): Piece | null {
  if (stream.busy) return null;
  const now = Math.max(playhead.time, stream.floor);
  const at = front(stream, now);
  const piece = next(stream, at);
  if (!piece || !isWanted(piece, at, playhead.time, limits)) return null;
  if (!isAvailable(piece.rendition, piece.segment) && at - playhead.time > URGENT) return null;
  return video ? beside(piece, at, playhead.time, video) : piece;
}

/** Whether a stream has all that there is from the playhead on. */
export function isComplete(stream: Stream, time: number): boolean {
  const at = front(stream, Math.max(time, stream.floor));
  return !stream.busy && stream.open === null && at + SAME >= endOf(stream.rendition);
}

function next({ open, rendition, buffered }: Stream, at: number): Piece | null {
  if (open?.piece.rendition.id === rendition.id && segmentAt(rendition, at)?.n === open.piece.segment.n) {
    if (open.piece.time <= at + SAME) return { ...open.piece, from: open.at, to: open.piece.segment.size };
  }
  // Some of the segment may be there from an earlier fetch that was broken off.
  const there = around(buffered, at, HOLE);
  const end = segmentAt(rendition, at)?.end ?? at;
  const from = there && there[1] < end ? Math.max(at, there[1] - SAME) : at;
  return pieceAt(rendition, from) ?? null;
}

function isWanted({ rendition, segment }: Piece, at: number, now: number, limits: Limits): boolean {
  const seconds = at - now;
  if ((seconds * rendition.bandwidth) / 8 >= limits.bytes) return false;
  const current = segmentAt(rendition, now)?.n ?? segment.n;
  return seconds < limits.ahead || segment.n - current <= limits.segments;
}

/** Sound never runs ahead of the video: on a thin link the video's bytes go first. */
function beside(piece: Piece, at: number, now: number, video: Stream): Piece | null {
  const end = endOf(video.rendition);
  // What the video itself lacks is no reason to wait: the hole is jumped once there is sound behind it.
  const shown = Math.max(now + ahead(video.buffered, now, HOLE), front(video, Math.max(now, video.floor)));
  if (shown + HOLE >= end) return piece;
  const { segment } = piece;
  if (shown - now >= ENOUGH_VIDEO) return at <= shown + LEAD ? piece : null;
  const part = (shown + LEAD - segment.start) / (segment.end - segment.start || 1);
  const to = Math.ceil(Math.max(part * segment.size, fragmentAt(segment, at).key));
  if (to >= segment.size) return piece;
  // Not in crumbs: at least half of the lead at a time.
  const least = (LEAD / 2 / (segment.end - segment.start || 1)) * segment.size;
  return to - piece.from >= least ? { ...piece, to } : null;
}

/** What a stream can let go of: spans far behind the playhead, and far ahead of it. */
export function removals({ buffered, rendition }: Stream, playhead: Playhead, limits: Limits): Span[] {
  const [first] = buffered;
  const last = buffered.at(-1);
  const gone: Span[] = [];
  const behind = keyframeBefore(rendition, playhead.time - limits.behind);
  if (first && first[0] < behind - REMOVE_SLACK) gone.push([0, behind]);
  const far = playhead.time + 2 * Math.max(limits.ahead, 30) + REMOVE_SLACK;
  // Only what stands apart: what is joined to the playhead was fetched because it is wanted.
  const apart = buffered.find(([from]) => from > far);
  if (apart && last) gone.push([apart[0], Infinity]);
  return gone;
}

/** The buffer is full: what to remove so that the playhead's surroundings fit. */
export function relief({ buffered, rendition }: Stream, time: number): Span | null {
  const behind = keyframeBefore(rendition, time - 2);
  const [first] = buffered;
  if (first && first[0] < behind - SAME) return [0, behind];
  const here = around(buffered, time, HOLE);
  const apart = buffered.find(([from]) => from > (here?.[1] ?? time));
  return apart ? [apart[0], Infinity] : null;
}

/** Removing up to a sync sample takes nothing with it that lies after. */
function keyframeBefore(rendition: Rendition, time: number): number {
  const segment = segmentAt(rendition, time);
  return segment ? Math.min(fragmentAt(segment, time).time, time) : time;
}

/** Where the playhead has to be set because it stands before a hole that nothing will fill. */
export function jump(streams: readonly Stream[], playhead: Playhead): number | null {
  // HAVE_FUTURE_DATA: it moves by itself.
  if (playhead.ready >= 3 || (playhead.paused && !playhead.seeking)) return null;
  let to = playhead.time;
  for (let moved = true; moved;) {
    moved = false;
    for (const stream of streams) {
      const landing = holeEnd(stream, to);
      if (landing === null) return null;
      if (landing > to) {
        to = landing;
        moved = true;
      }
    }
  }
  return to > playhead.time ? to : null;
}

/** Where the hole at `time` ends; `time` itself where there is none; `null` where it is yet to be filled. */
function holeEnd(stream: Stream, time: number): number | null {
  const here = around(stream.buffered, time);
  const edge = here?.[1] ?? time;
  if (edge - time > NEAR_EDGE || edge + NEAR_EDGE >= endOf(stream.rendition)) return time;
  const fetched = front(stream, Math.max(edge - SAME, stream.floor));
  const beyond = after(stream.buffered, edge - SAME);
  if (!beyond) return fetched + SAME >= endOf(stream.rendition) ? time : null;
  return beyond[0] <= fetched + HOLE ? beyond[0] + SAME : null;
}
