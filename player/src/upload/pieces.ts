/**
 * Which bytes of a file to send next: a pure function of what is wanted, what is there, and what is on its way.
 *
 * # Why
 * One part fills a link; two side by side would only halve it between them. So a part is followed by the next when it is nearly
 * out, and only what is wanted more urgently than all that is on its way, as after a viewer's seek, goes beside it. Nothing is broken
 * off for that: what a broken part has brought may be lost, and viewers who keep seeking would keep the rest from ever arriving.
 *
 * @module
 */

/** Bytes of a file: from, inclusive, and to, exclusive. */
export type Range = readonly [from: number, to: number];

/** A part on its way. */
export interface Flight {
  readonly range: Range;
  /** Bytes of it that have left. */
  readonly sent: number;
}

/** What is known of a file that is being sent. */
export interface Situation {
  /** Bytes of the file. */
  readonly length: number;
  /** What the gateway has. */
  readonly here: readonly Range[];
  /** What it wants, the most urgent first, and how many of these somebody waits for; after it comes the rest in order. */
  readonly wants: readonly Range[];
  readonly urgent: number;
  /** Whether it is this file's turn: until then only what somebody waits for goes, and others' files have the link. */
  readonly isItsTurn: boolean;
  readonly flying: readonly Flight[];
}

/** Bytes of a file from which on it goes in parts of `PART`. */
const LARGE = 100 * 1000 * 1000;
const PART = 10 << 20;
/** Bytes of a part of smaller files: few enough to let others by, and to see them move. */
const SMALL_PART = 2 << 20;
/** A part has at least this many bytes, where they follow each other: each costs a round trip and a write that is waited for. */
const LEAST = 256 << 10;
/** A part with no more bytes left is followed by the next. */
const NEARLY_OUT = 1 << 20;
/**
 * Parts that are on their way at one time: in the ordinary way, and at most. A browser has six connections to a server, and who
 * watches needs some.
 */
const AT_ONCE = 2;
const AT_MOST = 3;

/** Bytes of a part, at most. */
export function partSize(length: number): number {
  return length > LARGE ? PART : SMALL_PART;
}

/** The part to send now; `null` where there is none, or others have to be out first. */
export function nextPart(situation: Situation): Range | null {
  const { length, here, flying, urgent: waited, isItsTurn } = situation;
  const wants = isItsTurn ? situation.wants : situation.wants.slice(0, waited);
  if (flying.length >= AT_MOST) return null;
  const open = gaps(length, [...here, ...flying.map(({ range }) => range)]);
  const urgent = mostUrgent(open, wants);
  const [rest] = open;
  if (!rest || (!isItsTurn && !urgent)) return null;
  const isNearlyOut = ({ range: [from, to], sent }: Flight): boolean => to - from - sent <= NEARLY_OUT;
  const isFree = flying.length < AT_ONCE && flying.every(isNearlyOut);
  const goesFirst =
    urgent !== null && flying.every(({ range }) => rankOf(range, wants) > rankOf(urgent.range, wants));
  if (!isFree && !goesFirst) return null;
  if (!urgent) return [rest[0], Math.min(rest[1], rest[0] + partSize(length))];
  return grown(urgent, wants, partSize(length));
}

/** What is missing, and the gap it lies in. */
interface Missing {
  readonly range: Range;
  readonly gap: Range;
}

/** The first bytes missing of the most urgent want. */
function mostUrgent(open: readonly Range[], wants: readonly Range[]): Missing | null {
  for (const want of wants) {
    for (const gap of open) {
      const range = overlap(want, gap);
      if (range) return { range, gap };
    }
  }
  return null;
}

/** Goes on as far as wants do without a break, and far enough to be worth it. */
function grown({ range: [from, to], gap }: Missing, wants: readonly Range[], size: number): Range {
  let end = to;
  for (const want of wants) if (want[0] <= end && end < want[1]) end = want[1];
  return [from, Math.min(Math.max(end, from + LEAST), gap[1], from + size)];
}

/** How urgent a range is: the place of the first want that it has anything of; after them all, where it has nothing of any. */
function rankOf(range: Range, wants: readonly Range[]): number {
  const found = wants.findIndex((want) => overlap(want, range) !== null);
  return found < 0 ? wants.length : found;
}

/** What both have; `null` for nothing. */
export function overlap(a: Range, b: Range): Range | null {
  const both: Range = [Math.max(a[0], b[0]), Math.min(a[1], b[1])];
  return both[0] < both[1] ? both : null;
}

/** What is in none of these, of the first `length` bytes. */
export function gaps(length: number, taken: readonly Range[]): Range[] {
  const found: Range[] = [];
  let at = 0;
  for (const [from, to] of [...taken].sort((a, b) => a[0] - b[0])) {
    if (from > at) found.push([at, Math.min(from, length)]);
    at = Math.max(at, to);
    if (at >= length) return found;
  }
  if (at < length) found.push([at, length]);
  return found;
}

/** Bytes in any of these. */
export function bytesIn(length: number, ranges: readonly Range[]): number {
  return gaps(length, ranges).reduce((left, [from, to]) => left - (to - from), length);
}

/** The same bytes in as few ranges as can be, in order. */
export function merged(length: number, ranges: readonly Range[]): Range[] {
  return gaps(length, gaps(length, ranges));
}
