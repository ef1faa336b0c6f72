/**
 * Writes boxes by hand, for tests of what reads them.
 *
 * @module
 */

/** What a box can hold: text, bytes, or 32-bit numbers given one by one. */
export type Content = string | number | Uint8Array;

/** A box of this type. */
export function box(type: string, ...content: Content[]): Uint8Array<ArrayBuffer> {
  const body = join(content);
  return join([body.length + 8, type, body]);
}

/** A full box: a number with the version in its highest byte and the flags below. */
export function full(
  type: string,
  version: number,
  flags: number,
  ...content: Content[]
): Uint8Array<ArrayBuffer> {
  return box(type, version * 2 ** 24 + flags, ...content);
}

/** Contents one after the other. */
export function join(content: readonly Content[]): Uint8Array<ArrayBuffer> {
  const parts = content.map((part) => {
    if (typeof part === "string") return new TextEncoder().encode(part);
    if (typeof part !== "number") return part;
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setInt32(0, part | 0);
    return bytes;
  });
  const joined = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Zeroes. */
export function zeroes(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(length);
}

/** An init segment of one track. */
export function init({
  entry = box("avc1", zeroes(78), box("avcC", "record"), box("pasp", 4, 3)),
  media = full("vmhd", 0, 1, zeroes(8)),
  timescale = 1000,
  matrix = [0x10000, 0, 0, 0, 0x10000],
  trex = [0, 0],
}: {
  entry?: Uint8Array;
  media?: Uint8Array;
  timescale?: number;
  matrix?: number[];
  trex?: number[];
} = {}): Uint8Array<ArrayBuffer> {
  const tkhd = full("tkhd", 0, 7, zeroes(36), ...matrix, zeroes(24));
  const mdhd = full("mdhd", 0, 0, 0, 0, timescale, 0, 0);
  const stbl = box("stbl", full("stsd", 0, 0, 1, entry));
  return join([
    box("ftyp", "cmfc", 0, "cmfc"),
    box(
      "moov",
      full("mvhd", 0, 0, zeroes(96)),
      box("trak", tkhd, box("mdia", mdhd, box("minf", media, stbl))),
      box("mvex", full("trex", 0, 0, 1, 1, ...trex, 0)),
    ),
  ]);
}

/** A fragment whose samples each say duration and size. */
export function fragment(decoded: number, samples: readonly (readonly [duration: number, data: Content])[]) {
  const parts = samples.map(([duration, data]) => ({ duration, data: join([data]) }));
  const moof = (offset: number): Uint8Array<ArrayBuffer> =>
    box(
      "moof",
      full("mfhd", 0, 0, 1),
      box(
        "traf",
        full("tfhd", 0, 0x20000, 1),
        full("tfdt", 1, 0, 0, decoded),
        full(
          "trun",
          0,
          0x301,
          parts.length,
          offset,
          ...parts.flatMap(({ duration, data }) => [duration, data.length]),
        ),
      ),
    );
  return join([moof(moof(0).length + 8), box("mdat", ...parts.map(({ data }) => data))]);
}
