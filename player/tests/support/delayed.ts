/**
 * Small operations on the boxes of segments, for media that are wrong in a known way.
 *
 * @module
 */

import { cpSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

/** A copy of a segmented film whose rendition comes `ticks` later from segment `from` on, its manifest saying so. */
export function delayed(folder: string, out: string, id: string, from: number, ticks: number): string {
  cpSync(folder, out, { recursive: true });
  const name = path.join(out, "manifest.json");
  const manifest = JSON.parse(readFileSync(name, "utf8")) as {
    renditions: { id: string; segments: { durations: number[] } }[];
  };
  const durations = manifest.renditions.find((rendition) => rendition.id === id)?.segments.durations ?? [];
  durations[from - 2] = (durations[from - 2] ?? 0) + ticks;
  writeFileSync(name, JSON.stringify(manifest));
  for (let n = from; n <= durations.length; n += 1) {
    const file = path.join(out, id, `${n}.m4s`);
    const bytes = readFileSync(file);
    delay(bytes, 0, bytes.length, ticks);
    writeFileSync(file, bytes);
  }
  return out;
}

/** Adds to the time of every fragment (ISO/IEC 14496-12 8.8.12). */
function delay(bytes: Buffer, from: number, to: number, ticks: number): void {
  for (let at = from; at + 8 <= to;) {
    const size = bytes.readUInt32BE(at);
    const kind = bytes.toString("latin1", at + 4, at + 8);
    if (kind === "moof" || kind === "traf") delay(bytes, at + 8, at + size, ticks);
    if (kind === "tfdt" && bytes[at + 8] === 1) {
      bytes.writeBigUInt64BE(bytes.readBigUInt64BE(at + 12) + BigInt(ticks), at + 12);
    } else if (kind === "tfdt") {
      bytes.writeUInt32BE(bytes.readUInt32BE(at + 12) + ticks, at + 12);
    }
    at += size || to;
  }
}
