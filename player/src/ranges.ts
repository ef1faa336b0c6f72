/**
 * Spans of seconds, as a SourceBuffer tells them: sorted, apart from each other.
 *
 * @module
 */

/** From, inclusive, and to, exclusive; seconds. */
export type Span = readonly [from: number, to: number];

/** What a `TimeRanges` holds. */
export function spans(ranges: TimeRanges): Span[] {
  return Array.from({ length: ranges.length }, (_, i) => [ranges.start(i), ranges.end(i)] as const);
}

/** The span that holds `time`, or begins no later than `slack` after it. */
export function around(list: readonly Span[], time: number, slack = 0): Span | undefined {
  return list.find(([from, to]) => from - slack <= time && time < to);
}

/** Seconds that can be played on from `time`; a hole of at most `slack` seconds doesn't end them. */
export function ahead(list: readonly Span[], time: number, slack: number): number {
  let end = time;
  for (const [from, to] of list) if (from - slack <= end && to > end) end = to;
  return end - time;
}

/** The first span that begins after `time`. */
export function after(list: readonly Span[], time: number): Span | undefined {
  return list.find(([from]) => from > time);
}

/** What lies in both. */
export function intersect(a: readonly Span[], b: readonly Span[]): Span[] {
  const both: Span[] = [];
  for (const [from, to] of a) {
    for (const [low, high] of b) {
      const span: Span = [Math.max(from, low), Math.min(to, high)];
      if (span[0] < span[1]) both.push(span);
    }
  }
  return both;
}
