/**
 * Sound where a film has none: before a sound track that begins late, after one that ends early, in place of a segment that
 * can't be had. A browser plays only what every SourceBuffer has, so that without it pictures would be lost.
 *
 * Only for AAC-LC, whose silent frame can be written down for every layout of channels; elsewhere such a hole is jumped.
 *
 * @module
 */

import type { Rendition, Segment } from "./manifest.js";
import { HOLE } from "./timeline.js";

/** Samples in a frame (ISO/IEC 14496-3, 4.5.2.1). */
const FRAME = 1024;
/** Seconds of silence in a segment. */
const LENGTH = 10;

/** Elements of the channel configurations 1 to 7 (ISO/IEC 14496-3, table 1.19): single, pair, low frequencies. */
const LAYOUTS: Readonly<Record<number, string>> = {
  1: "s",
  2: "p",
  3: "sp",
  4: "sps",
  5: "spp",
  6: "sppl",
  8: "spppl",
};
/** `ics_info` of one long window without any band. */
const WINDOW = "00000000000";
/** A gain of zero and no tools: a channel in which there is nothing. */
const CHANNEL = "00000000";
const TOOLS = "000";

/** Whether silence can be made for a rendition. */
export function canHush(rendition: Rendition): boolean {
  return rendition.codec === "mp4a.40.2" && frame(rendition) !== null && ticks(rendition) !== null;
}

/** The rendition with silent segments from time 0 to its first sample, and from its last to `duration`, where they are missing. */
export function padded(rendition: Rendition, duration: number): Rendition {
  const [first] = rendition.segments;
  const last = rendition.segments.at(-1);
  if (!first || !last || !canHush(rendition)) return rendition;
  const before = first.start > HOLE ? silent(0, first.start) : [];
  const after = duration - last.end > HOLE ? silent(last.end, duration) : [];
  const segments = [
    ...before.map((segment, i) => ({ ...segment, n: first.n - before.length + i })),
    ...rendition.segments,
    ...after.map((segment, i) => ({ ...segment, n: last.n + 1 + i })),
  ];
  return { ...rendition, segments };
}

function silent(from: number, to: number): Segment[] {
  const count = Math.max(1, Math.ceil((to - from) / LENGTH));
  const at = (i: number): number => from + ((to - from) * i) / count;
  return Array.from({ length: count }, (_, i) => ({
    n: 0,
    start: at(i),
    end: at(i + 1),
    size: 0,
    fragments: [{ time: at(i), offset: 0, key: 0 }],
    silent: true,
  }));
}

/** A fragment (moof + mdat) of whole frames that lie between two times, the first one beginning at `from`. */
export function silence(rendition: Rendition, from: number, to: number): Uint8Array<ArrayBuffer> {
  const bytes = frame(rendition) ?? [];
  const duration = ticks(rendition) ?? 1;
  const tick = (time: number): number => Math.round((time - rendition.timestampOffset) * rendition.timescale);
  const count = Math.max(0, Math.floor((tick(to) - tick(from)) / duration));
  if (count === 0) return new Uint8Array();
  const start = Math.max(0, tick(from));
  const tfhd = box("tfhd", u32(0x02_00_38), u32(1), u32(duration), u32(bytes.length), u32(0x0200_0000));
  const tfdt = box("tfdt", u32(0x0100_0000), u32(Math.floor(start / 2 ** 32)), u32(start));
  const trun = (offset: number): number[] => box("trun", u32(1), u32(count), u32(offset));
  const moof = (offset: number): number[] =>
    box("moof", box("mfhd", u32(0), u32(0)), box("traf", tfhd, tfdt, trun(offset)));
  const header = moof(moof(0).length + 8);
  const whole = new Uint8Array(header.length + 8 + count * bytes.length);
  whole.set([...header, ...u32(8 + count * bytes.length), ...name("mdat")]);
  for (let i = 0, at = header.length + 8; i < count; i += 1, at += bytes.length) whole.set(bytes, at);
  return whole;
}

/** Ticks that a frame lasts; none where that is no whole number. */
function ticks({ timescale, sampleRate }: Rendition): number | null {
  const exact = (FRAME * timescale) / (sampleRate ?? 0);
  return Number.isInteger(exact) ? exact : null;
}

/** A `raw_data_block` (ISO/IEC 14496-3, 4.4.2.1) in which every channel is silent. */
function frame({ channels = 0 }: Rendition): number[] | null {
  const layout = LAYOUTS[channels];
  if (layout === undefined) return null;
  const seen = new Map<string, number>();
  const elements = Array.from(layout, (element) => {
    const tag = seen.get(element) ?? 0;
    seen.set(element, tag + 1);
    const named = tag.toString(2).padStart(4, "0");
    if (element === "p") return `001${named}1${WINDOW}00${(CHANNEL + TOOLS).repeat(2)}`;
    return `${element === "s" ? "000" : "011"}${named}${CHANNEL}${WINDOW}${TOOLS}`;
  });
  const bits = `${elements.join("")}111`;
  return (bits.match(/.{1,8}/g) ?? []).map((byte) => parseInt(byte.padEnd(8, "0"), 2));
}

function box(type: string, ...content: number[][]): number[] {
  const body = content.flat();
  return [...u32(body.length + 8), ...name(type), ...body];
}

function name(type: string): number[] {
  return Array.from(type, (letter) => letter.charCodeAt(0));
}

function u32(value: number): number[] {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255);
}
