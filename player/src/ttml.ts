/**
 * Reads TTML in fragmented MP4 (`stpp`, ISO/IEC 14496-30) into plain cues: the words and when they are shown. Of how
 * they look it keeps line breaks, italics, bold and underlines written on the element itself; regions and named styles
 * it leaves out, and pictures. Loaded when such captions are switched on, and not before; needs a `DOMParser`.
 *
 * @module
 */

import { samples, type Track } from "./isobmff.js";
import type { Words } from "./webvtt.js";

/** The span of time in which something is shown, seconds. */
type Shown = readonly [from: number, to: number];

/** What times may be counted in (TTML 12.3.1). */
interface Clock {
  readonly frames: number;
  readonly ticks: number;
}

/** The cues of a segment; `offset` seconds make media times presentation times. */
export function readTtml(segment: Uint8Array<ArrayBuffer>, track: Track, offset: number): Words[] {
  return [...samples(segment, track)].flatMap(({ time, duration, data }) => {
    const from = time / track.timescale + offset;
    const cues = readDocument(new TextDecoder().decode(data), offset);
    // A document's times count from the start of the track; none of it is shown outside of its sample.
    const until = from + duration / track.timescale;
    return cues
      .map((cue) => ({ ...cue, start: Math.max(cue.start, from), end: Math.min(cue.end, until) }))
      .filter(({ start, end }) => start < end);
  });
}

/** The cues of a document; one that never ends has `Infinity` for its end. */
export function readDocument(xml: string, offset: number): Words[] {
  const { documentElement: tt } = new DOMParser().parseFromString(xml, "text/xml");
  if (tt.localName !== "tt") return [];
  const rate = Number(parameter(tt, "frameRate") ?? 30);
  const [up = 1, down = 1] = (parameter(tt, "frameRateMultiplier") ?? "1 1").split(" ").map(Number);
  const clock = { frames: (rate * up) / down, ticks: Number(parameter(tt, "tickRate") ?? 1) };
  const words: Words[] = [];
  walk(tt, [0, Infinity], clock, ([from, to], element) => {
    const text = spoken(element)
      .replace(/ *\n */g, "\n")
      .trim();
    if (text && from < to) words.push({ start: from + offset, end: to + offset, text, id: "", settings: "" });
  });
  return words;
}

/** Calls `found` for each paragraph, or for each of its spans where these have times of their own. */
function walk(
  element: Element,
  around: Shown,
  clock: Clock,
  found: (shown: Shown, of: Element) => void,
): void {
  const shown = narrowed(element, around, clock);
  const children = [...element.children];
  const isLeaf = element.localName === "p" || element.localName === "span";
  if (isLeaf && !children.some(isTimed)) {
    found(shown, element);
    return;
  }
  // One after the other, where the element says so: each begins when the one before ends.
  let next = shown[0];
  for (const child of children) {
    const inner: Shown = element.getAttribute("timeContainer") === "seq" ? [next, shown[1]] : shown;
    walk(child, inner, clock, found);
    next = narrowed(child, inner, clock)[1];
  }
}

function isTimed(element: Element): boolean {
  return (
    ["begin", "end", "dur"].some((name) => element.hasAttribute(name)) || [...element.children].some(isTimed)
  );
}

/** The part of `around` that an element's own times leave; they count from its start. */
function narrowed(element: Element, [from, to]: Shown, clock: Clock): Shown {
  const at = (name: string): number | undefined => seconds(element.getAttribute(name) ?? "", clock);
  const begin = from + (at("begin") ?? 0);
  const ends = [to, from + (at("end") ?? Infinity), begin + (at("dur") ?? Infinity)];
  return [begin, Math.min(...ends)];
}

const UNITS: Record<string, (clock: Clock) => number> = {
  h: () => 3600,
  m: () => 60,
  s: () => 1,
  ms: () => 0.001,
  f: ({ frames }) => 1 / frames,
  t: ({ ticks }) => 1 / ticks,
};

/** `01:02:03.5`, `01:02:03:12` with frames, or `90.5s`. */
function seconds(time: string, clock: Clock): number | undefined {
  const [, hours, minutes, rest, frames = "0"] =
    /^(\d+):(\d\d):(\d\d(?:\.\d+)?)(?::(\d+))?$/.exec(time) ?? [];
  if (hours)
    return Number(hours) * 3600 + Number(minutes) * 60 + Number(rest) + Number(frames) / clock.frames;
  const [, count, unit = ""] = /^(\d+(?:\.\d+)?)(h|ms|m|s|f|t)$/.exec(time) ?? [];
  return count ? Number(count) * (UNITS[unit]?.(clock) ?? 1) : undefined;
}

/** Cue text of an element: white space folded unless kept, `br` a line feed, what has a special meaning escaped. */
function spoken(node: Node): string {
  if (node.nodeType === Node.TEXT_NODE || node.nodeType === Node.CDATA_SECTION_NODE) {
    const text = node.textContent ?? "";
    const isKept = node.parentElement?.closest("[*|space]")?.getAttribute("xml:space") === "preserve";
    const folded = isKept ? text : text.replace(/\s+/g, " ");
    return folded.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  }
  if (!(node instanceof Element) || node.localName === "metadata") return "";
  if (node.localName === "br") return "\n";
  const inner = [...node.childNodes].map(spoken).join("");
  return FACES.filter(([name, value]) => styled(node, name) === value).reduce(
    (text, [, , tag]) => `<${tag}>${text}</${tag}>`,
    inner,
  );
}

const FACES = [
  ["fontWeight", "bold", "b"],
  ["fontStyle", "italic", "i"],
  ["textDecoration", "underline", "u"],
] as const;

/** An attribute of the parameter namespace, whichever of its versions. */
function parameter(tt: Element, name: string): string | undefined {
  return attribute(tt, name, "#parameter");
}

function styled(element: Element, name: string): string | undefined {
  return attribute(element, name, "#styling");
}

function attribute(element: Element, name: string, namespace: string): string | undefined {
  return [...element.attributes].find((a) => a.localName === name && a.namespaceURI?.endsWith(namespace))
    ?.value;
}
