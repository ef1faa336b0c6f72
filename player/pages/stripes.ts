/**
 * The bar of an upload: which bytes of the file the gateway has, which are leaving, and which are still to go.
 *
 * @module
 */

import type { Range } from "../src/upload/pieces.js";

const HERE = "var(--accent)";
const LEAVING = "var(--leaving)";
const TO_GO = "var(--line)";

/** A CSS gradient over the length of a file. */
export function stripes(here: readonly Range[], leaving: readonly Range[], length: number): string {
  const edges = new Set([0, length]);
  for (const range of [...here, ...leaving]) for (const edge of range) edges.add(Math.min(edge, length));
  const sorted = [...edges].sort((a, b) => a - b);
  const has = (ranges: readonly Range[], at: number): boolean =>
    ranges.some(([from, to]) => from <= at && at < to);
  const stops = sorted.slice(1).map((to, i) => {
    const from = sorted[i] ?? 0;
    const colour = has(here, from) ? HERE : has(leaving, from) ? LEAVING : TO_GO;
    const percent = (at: number): string => `${((100 * at) / length).toFixed(3)}%`;
    return `${colour} ${percent(from)} ${percent(to)}`;
  });
  return `linear-gradient(to right, ${stops.join(", ")})`;
}
