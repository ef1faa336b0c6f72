/**
 * The bar under the film: what is buffered, and what is not there to be had yet, drawn into the track of the time range.
 *
 * @module
 */

import type { Manifest, Rendition } from "../src/manifest.js";
import { intersect, spans, type Span } from "../src/ranges.js";

const BUFFERED = "rgb(255 255 255 / 0.45)";
const HERE = "rgb(255 255 255 / 0.25)";
const ELSEWHERE = "rgb(255 255 255 / 0.08)";

/** Spans of the film that the server has, all of what is played together. */
export function here({ renditions }: Manifest): Span[] {
  const one = (kind: Rendition["kind"]): Rendition | undefined =>
    renditions.find((rendition) => rendition.kind === kind);
  const lists = [one("video"), one("audio")].filter((rendition) => rendition !== undefined).map(available);
  return lists.reduce((both, list) => intersect(both, list), lists[0] ?? []);
}

function available({ available, segments }: Rendition): Span[] {
  return available.flatMap(([first, last]) => {
    const [from, to] = [segments[first - 1]?.start, segments[last - 1]?.end];
    return from === undefined || to === undefined ? [] : [[from, to] as const];
  });
}

/** A CSS gradient of what is buffered, what is here, and what is neither, over the length of the film. */
export function gradient(buffered: readonly Span[], here: readonly Span[], duration: number): string {
  if (!(duration > 0)) return HERE;
  const edges = new Set([0, duration]);
  for (const span of [...buffered, ...here]) for (const edge of span) edges.add(clamp(edge, duration));
  const sorted = [...edges].sort((a, b) => a - b);
  const within = (list: readonly Span[], time: number): boolean =>
    list.some(([from, to]) => from <= time && time < to);
  const stops = sorted.slice(1).map((to, i) => {
    const from = sorted[i] ?? 0;
    const middle = (from + to) / 2;
    const colour = within(buffered, middle) ? BUFFERED : within(here, middle) ? HERE : ELSEWHERE;
    const percent = (time: number): string => `${((100 * time) / duration).toFixed(3)}%`;
    return `${colour} ${percent(from)} ${percent(to)}`;
  });
  return `linear-gradient(to right, ${stops.join(", ")})`;
}

function clamp(time: number, duration: number): number {
  return Math.min(Math.max(0, time), duration);
}

/** Draws it, as often as it changes. */
export function drawTrack(
  range: HTMLElement,
  video: HTMLVideoElement,
  manifest: () => Manifest | null,
): void {
  let drawn = "";
  const draw = (): void => {
    const { duration } = video;
    const film = manifest();
    const all: Span[] = [[0, duration]];
    const track = gradient(spans(video.buffered), film ? here(film) : all, duration);
    if (track === drawn) return;
    drawn = track;
    range.style.setProperty("--media-range-track-background", track);
  };
  for (const event of ["progress", "timeupdate", "durationchange", "seeked", "emptied"]) {
    video.addEventListener(event, draw);
  }
  draw();
}
