/**
 * The gateway's `manifest.json`, read into types at the border: times become seconds from the start of the presentation,
 * addresses become absolute. Plain data, so that a worker can hand it on.
 *
 * @module
 */

import { PlayerError } from "./errors.js";

/** What a rendition is for. */
export type Kind = "video" | "audio" | "text";

/** A place from which a rendition can be decoded: one fragment (moof + mdat), its first sample a sync sample. */
export interface Fragment {
  /** Seconds at which its first sample is shown. */
  readonly time: number;
  /** Bytes from the start of its segment. */
  readonly offset: number;
  /** Bytes from `offset` to the end of its first sample: for video, a header and one picture. */
  readonly key: number;
}

/** What a player fetches: one or more fragments. */
export interface Segment {
  /** Number, from 1. */
  readonly n: number;
  /** Seconds. */
  readonly start: number;
  readonly end: number;
  /** Bytes. */
  readonly size: number;
  /** Never empty for media; empty for WebVTT files. */
  readonly fragments: readonly Fragment[];
  /** Not in the manifest: made here, where a film has no sound. */
  readonly silent?: boolean;
}

/** One encoding of one track. */
export interface Rendition {
  /** `v1`, `a1`, `t1` … */
  readonly id: string;
  readonly kind: Kind;
  /** MIME type with its codec, as `addSourceBuffer` takes it. */
  readonly type: string;
  /** MIME type without the codec. */
  readonly mime: string;
  /** RFC 6381. */
  readonly codec: string;
  /** Bits a second: at worst, and on average. */
  readonly bandwidth: number;
  readonly averageBandwidth: number;
  readonly width?: number;
  readonly height?: number;
  readonly frameRate?: number;
  readonly channels?: number;
  readonly sampleRate?: number;
  /** BCP 47. */
  readonly language?: string;
  /** For people. */
  readonly name?: string;
  /** Ticks in a second. */
  readonly timescale: number;
  /** What to add to the times in its segments to get presentation times; seconds. */
  readonly timestampOffset: number;
  /** The init segment; none for WebVTT. */
  readonly init?: Init;
  /** Address of its segments, with `{n}` for the number; without it, one file that holds them all. */
  readonly media: string;
  /** Where segment 1 begins in that one file. */
  readonly mediaStart: number;
  readonly segments: readonly Segment[];
  /** Numbers of the segments that can be had now, first and last inclusive. */
  readonly available: readonly (readonly [number, number])[];
  /** Whether its samples are encrypted. */
  readonly protected: boolean;
}

/** An init segment: its bytes, or where they lie. */
export interface Init {
  readonly data?: Uint8Array<ArrayBuffer>;
  readonly url?: string;
  /** First byte, and one past the last, where it is not the whole of `url`. */
  readonly range?: readonly [number, number];
}

/** What there is to play. */
export interface Manifest {
  /** Absolute address it was read from. */
  readonly url: string;
  readonly id: string;
  readonly title: string;
  readonly state: "receiving" | "playable" | "ready" | "failed" | "expired";
  /** Seconds. */
  readonly duration: number;
  /** Video, audio, text. */
  readonly renditions: readonly Rendition[];
}

type Fields = Record<string, unknown>;

/** Reads a parsed `manifest.json`. Throws a `PlayerError` with the code `manifest` that names what is wrong. */
export function readManifest(value: unknown, url: string): Manifest {
  const document = fields(value, "the manifest");
  if (document.version !== 1) throw bad(`version ${String(document.version)} is not known`);
  return {
    url,
    id: text(document.id ?? "", "id"),
    title: text(document.title ?? "", "title"),
    state: text(document.state ?? "ready", "state") as Manifest["state"],
    duration: number(document.duration, "duration"),
    renditions: array(document.renditions, "renditions").map((rendition) => readRendition(rendition, url)),
  };
}

function readRendition(value: unknown, base: string): Rendition {
  const of = fields(value, "rendition");
  const id = text(of.id, "id");
  const timescale = number(of.timescale, `${id}: timescale`);
  if (timescale <= 0) throw bad(`${id}: timescale ${timescale}`);
  const codec = text(of.codec, `${id}: codec`);
  const mime = text(of.mime, `${id}: mime`);
  const offset = number(of.presentationOffset ?? 0, `${id}: presentationOffset`);
  const seconds = (ticks: number): number => (ticks - offset) / timescale;
  const kind = text(of.kind, `${id}: kind`) as Kind;
  return {
    id,
    kind,
    codec,
    mime,
    type: mime === "text/vtt" ? mime : `${mime}; codecs="${codec}"`,
    bandwidth: number(of.bandwidth ?? 0, `${id}: bandwidth`),
    averageBandwidth: number(of.averageBandwidth ?? of.bandwidth ?? 0, `${id}: averageBandwidth`),
    ...optional(of, ["width", "height", "frameRate", "channels", "sampleRate"], number),
    ...optional(of, ["language", "name"], text),
    timescale,
    timestampOffset: -offset / timescale,
    ...(mime === "text/vtt" ? {} : { init: readInit(of, base) }),
    media: absolute(text(of.media, `${id}: media`), base),
    mediaStart: number(of.mediaStart ?? 0, `${id}: mediaStart`),
    segments: readSegments(of, id, seconds),
    available: array(of.available ?? [], `${id}: available`).map((pair) => {
      const [first, last] = numbers(pair, `${id}: available`);
      return [first ?? 1, last ?? 0] as const;
    }),
    protected: of.protection != null,
  };
}

function readInit(of: Fields, base: string): Init {
  const range = of.initRange == null ? [] : numbers(of.initRange, "initRange");
  return {
    ...(typeof of.initData === "string" && { data: base64(of.initData) }),
    ...(typeof of.init === "string" && { url: absolute(of.init, base) }),
    ...(range[0] != null && range[1] != null && { range: [range[0], range[1]] as const }),
  };
}

function readSegments(of: Fields, id: string, seconds: (ticks: number) => number): Segment[] {
  const table = fields(of.segments, `${id}: segments`);
  const durations = numbers(table.durations, `${id}: durations`);
  const sizes = numbers(table.sizes, `${id}: sizes`);
  if (durations.length !== sizes.length)
    throw bad(`${id}: ${durations.length} durations, ${sizes.length} sizes`);
  const fragments = of.fragments == null ? [] : array(of.fragments, `${id}: fragments`);
  let tick = number(table.start ?? 0, `${id}: start`);
  return durations.map((duration, i) => {
    const start = tick;
    tick += duration;
    return {
      n: i + 1,
      start: seconds(start),
      end: seconds(tick),
      size: sizes[i] ?? 0,
      fragments: array(fragments[i] ?? [], `${id}: fragments`).map((fragment) => {
        const [ticks = 0, offset = 0, key = 0] = numbers(fragment, `${id}: fragments`);
        return { time: seconds(start + ticks), offset, key };
      }),
    };
  });
}

/** `{n}` survives: URL would escape its braces. */
function absolute(address: string, base: string): string {
  return new URL(address, base).href.replace("%7Bn%7D", "{n}");
}

function base64(letters: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(letters), (letter) => letter.charCodeAt(0));
}

function optional<K extends string, V>(of: Fields, names: K[], read: (value: unknown, name: string) => V) {
  const found = names.filter((name) => of[name] != null).map((name) => [name, read(of[name], name)]);
  return Object.fromEntries(found) as Partial<Record<K, V>>;
}

function bad(what: string): PlayerError {
  return new PlayerError("manifest", `manifest: ${what}`);
}

function fields(value: unknown, name: string): Fields {
  if (typeof value !== "object" || value === null) throw bad(`${name} is not an object`);
  return value as Fields;
}

function array(value: unknown, name: string): unknown[] {
  if (!Array.isArray(value)) throw bad(`${name} is not a list`);
  return value;
}

function number(value: unknown, name: string): number {
  if (typeof value !== "number" || !Number.isFinite(value)) throw bad(`${name} is not a number`);
  return value;
}

function numbers(value: unknown, name: string): number[] {
  return array(value, name).map((item) => number(item, name));
}

function text(value: unknown, name: string): string {
  if (typeof value !== "string") throw bad(`${name} is not a text`);
  return value;
}
