/**
 * Reads WebVTT in fragmented MP4 (ISO/IEC 14496-30): samples, each saying what is on the screen while it lasts, into
 * plain cues. Loaded when such captions are switched on, and not before.
 *
 * @module
 */

import { boxes, find, samples, type Track } from "./isobmff.js";
import type { Words } from "./webvtt.js";

/**
 * The cues of a segment, in pieces: one that lasts over several samples comes once for each, and the pieces touch.
 * `offset` seconds make media times presentation times.
 */
export function readWvtt(segment: Uint8Array<ArrayBuffer>, track: Track, offset: number): Words[] {
  return [...samples(segment, track)].flatMap(({ time, duration, data }) =>
    [...boxes(data)]
      // `vtte` is an empty screen, `vtta` a note.
      .filter(({ type }) => type === "vttc")
      .map(({ body }) => ({
        start: time / track.timescale + offset,
        end: (time + duration) / track.timescale + offset,
        text: text(body, "payl"),
        id: text(body, "iden"),
        settings: text(body, "sttg"),
      })),
  );
}

function text(cue: Uint8Array<ArrayBuffer>, type: string): string {
  return new TextDecoder().decode(find(cue, type)?.body);
}
