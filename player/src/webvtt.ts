/**
 * Reads WebVTT files, of which a segment of captions is one, into plain cues; and cue settings into a `VTTCue`.
 * Lenient as players are: what it doesn't understand it leaves out. Cue text stays as it is, for `VTTCue` to read.
 *
 * @module
 */

/** Words on the screen for a while. */
export interface Words {
  /** Seconds on the presentation's timeline. */
  readonly start: number;
  readonly end: number;
  /** WebVTT cue text. */
  readonly text: string;
  /** The cue's identifier, or empty. */
  readonly id: string;
  /** WebVTT cue settings, `line:0 align:start`, or empty. */
  readonly settings: string;
}

/** Ticks a second of the clock that `X-TIMESTAMP-MAP` names. */
const MPEGTS = 90_000;

/**
 * The cues of a file. Its times count in media time, in which `MPEGTS:0` of an `X-TIMESTAMP-MAP` (RFC 8216 3.5) is
 * zero; `offset` seconds make them presentation times.
 */
export function readWebVtt(file: string, offset: number): Words[] {
  const blocks = file
    .replace(/^\uFEFF/, "")
    .replace(/\r\n?/g, "\n")
    .replaceAll("\0", "\uFFFD")
    .split(/\n{2,}/);
  const header = blocks[0] ?? "";
  if (!/^WEBVTT(?:\s|$)/.test(header)) return [];
  const shift = offset + mapped(header);
  // Cues may follow the header without a blank line between them.
  return blocks.flatMap((block) => readCue(block.split("\n"), shift) ?? []);
}

/** Seconds that an `X-TIMESTAMP-MAP` adds to times. */
function mapped(header: string): number {
  const map = /^X-TIMESTAMP-MAP=(.*)$/m.exec(header)?.[1] ?? "";
  const local = seconds(/LOCAL:([\d:.]+)/.exec(map)?.[1] ?? "");
  const mpegts = /MPEGTS:(\d+)/.exec(map)?.[1];
  return local === undefined || mpegts === undefined ? 0 : Number(mpegts) / MPEGTS - local;
}

/** Notes, styles and regions have no line of times, and so are no cues. */
function readCue(lines: readonly string[], shift: number): Words | undefined {
  const at = lines.findIndex((line) => line.includes("-->"));
  const [, from = "", to = "", settings = ""] = /^\s*(\S+)\s*-->\s*(\S+)(.*)$/.exec(lines[at] ?? "") ?? [];
  const [start, end] = [seconds(from), seconds(to)];
  if (start === undefined || end === undefined || start >= end) return undefined;
  const before = lines[at - 1] ?? "";
  return {
    start: start + shift,
    end: end + shift,
    text: lines
      .slice(at + 1)
      .join("\n")
      .trimEnd(),
    id: at === 1 && !before.startsWith("WEBVTT") ? before : "",
    settings: settings.trim(),
  };
}

/** `01:02:03.456`, or without the hours. */
function seconds(time: string): number | undefined {
  const [, hours = "0", minutes, rest] = /^(?:(\d+):)?([0-5]\d):([0-5]\d\.\d{3})$/.exec(time) ?? [];
  return minutes && rest ? Number(hours) * 3600 + Number(minutes) * 60 + Number(rest) : undefined;
}

/** Sets a cue's place on the screen from WebVTT cue settings; regions are not known. */
export function place(cue: VTTCue, settings: string): void {
  for (const setting of settings.split(/\s+/)) {
    const [name = "", value = ""] = setting.split(/:(.*)/s);
    const [number = "", align = ""] = value.split(",");
    const isPercentage = /^\d+(?:\.\d+)?%$/.test(number) && parseFloat(number) <= 100;
    if (name === "vertical" && (value === "rl" || value === "lr")) cue.vertical = value;
    if (name === "size" && isPercentage) cue.size = parseFloat(number);
    if (name === "position" && isPercentage) {
      cue.position = parseFloat(number);
      if (isOneOf(align, POSITIONS)) cue.positionAlign = align;
    }
    if (name === "line" && (isPercentage || /^-?\d+$/.test(number))) {
      cue.line = parseFloat(number);
      cue.snapToLines = !isPercentage;
      if (isOneOf(align, LINES)) cue.lineAlign = align;
    }
    // `middle` is what the standard once said for `center`.
    const side = value === "middle" ? "center" : value;
    if (name === "align" && isOneOf(side, ALIGNS)) cue.align = side;
  }
}

const POSITIONS = ["line-left", "center", "line-right"] as const;
const LINES = ["start", "center", "end"] as const;
const ALIGNS = ["start", "center", "end", "left", "right"] as const;

function isOneOf<T extends string>(value: string, list: readonly T[]): value is T {
  return (list as readonly string[]).includes(value);
}
