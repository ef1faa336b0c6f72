/**
 * Which rendition of the video to fetch next: a pure function of what the link bears, what is buffered, and what the next
 * segment of each rendition really weighs.
 *
 * # Why
 * Rates in manifests are averages; the sizes of the segments are known. So a rendition is kept as long as its next segment
 * comes in before the buffer falls to `SAFE`, left for the best one of which this is true, and a better one is taken only if the
 * link bears it for good, or the buffer pays for half a minute of it. The gap between the two rules is the hysteresis.
 *
 * @module
 */

import type { Rendition } from "./manifest.js";
import { segmentAt } from "./timeline.js";

/** Seconds that stay buffered while the next segment comes in. */
const SAFE = 3;
/** The part of the link that a better rendition may need. */
const SPARE = 0.8;
/** Or it may need more than the link bears, where what is buffered pays for so many seconds of it … */
const PAID = 30;
/** … and so many seconds stay buffered then. */
const CUSHION = 10;

/** What the choice is made from. */
export interface Situation {
  /** The renditions there are, in any order; not empty. */
  readonly renditions: readonly Rendition[];
  /** What is being fetched; none at the start. */
  readonly current?: Rendition;
  /** Bits a second that the link bears; 0 when nothing is known. */
  readonly throughput: number;
  /** Bits a second that other streams need. */
  readonly beside: number;
  /** Seconds buffered ahead of the playhead. */
  readonly ahead: number;
  /** Where the next segment begins; seconds. */
  readonly at: number;
}

/** The rendition to fetch next. */
export function choose(situation: Situation): Rendition {
  const { current, throughput } = situation;
  const ladder = [...situation.renditions].sort((a, b) => a.bandwidth - b.bandwidth);
  const lowest = ladder[0];
  if (!lowest) throw new RangeError("no rendition to choose from");
  if (throughput <= 0) return current && ladder.includes(current) ? current : lowest;
  const borne = ladder.filter((rendition) => isBorne(rendition, situation));
  const best = borne.at(-1) ?? lowest;
  if (!current || !ladder.includes(current)) return best;
  if (demand(best) > demand(current)) return best;
  const kept = ladder.filter(
    (rendition) => demand(rendition) <= demand(current) && lasts(rendition, situation),
  );
  return kept.at(-1) ?? best;
}

/** Seconds that the next segment of a rendition takes. */
export function fetchTime(
  rendition: Rendition,
  { at, throughput, beside }: Omit<Situation, "renditions">,
): number {
  const segment = segmentAt(rendition, at);
  if (!segment || throughput <= 0) return 0;
  const left = Math.min(1, (segment.end - at) / (segment.end - segment.start || 1));
  return (segment.size * 8 * left + beside * (segment.end - at)) / throughput;
}

/** Whether the link, or the link and what is buffered, bear a rendition for a good while. */
function isBorne(rendition: Rendition, { beside, throughput, ahead }: Situation): boolean {
  const share = (demand(rendition) + beside) / throughput;
  return share <= SPARE || ahead - PAID * Math.max(0, share - 1) >= CUSHION;
}

function lasts(rendition: Rendition, situation: Situation): boolean {
  const time = fetchTime(rendition, situation);
  // With little buffered, what keeps up with playback will do.
  const gain = (segmentAt(rendition, situation.at)?.end ?? situation.at) - situation.at - time;
  return (
    situation.ahead - time >= SAFE ||
    (gain >= 0 && demand(rendition) + situation.beside <= situation.throughput * 0.95)
  );
}

function demand(rendition: Rendition): number {
  return rendition.averageBandwidth;
}
