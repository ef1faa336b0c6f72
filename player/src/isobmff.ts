/**
 * A tiny reader of ISO BMFF boxes: what a picture or a cue has to know of an init segment and of a fragment, and no more.
 * Of what is cut short it reads what is there; sizes that lie end the reading.
 *
 * Thumbnails and captions call it; playback never does, it leaves boxes to the browser.
 *
 * @module
 */

/** A box inside some bytes. */
export interface Box {
  /** Four characters. */
  readonly type: string;
  /** Where its header begins in those bytes. */
  readonly start: number;
  /** What follows its header, as far as it is there. Shares memory. */
  readonly body: Uint8Array<ArrayBuffer>;
}

/** What an init segment says of its one track. */
export interface Track {
  readonly timescale: number;
  /** Four characters of its first sample entry, `avc1` or `encv`. */
  readonly entry: string;
  /** Boxes in that entry. */
  readonly configuration: readonly Box[];
  /** The upper left of the matrix, reduced to turns and mirrors: x' = ax + cy, y' = bx + dy. */
  readonly orientation: readonly [a: number, b: number, c: number, d: number];
  /** From `trex`: ticks and bytes of a sample of which a fragment says nothing. */
  readonly duration: number;
  readonly size: number;
}

/** A sample of a fragment. */
export interface Sample {
  /** Ticks: when it is shown, in media time, and for how long. */
  readonly time: number;
  readonly duration: number;
  /** Never longer than `size` says; shorter where the fragment is cut. */
  readonly data: Uint8Array<ArrayBuffer>;
  readonly size: number;
}

/** The boxes that these bytes consist of. */
export function* boxes(bytes: Uint8Array<ArrayBuffer>): Generator<Box, void> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let start = 0; start + 8 <= bytes.length;) {
    const long = view.getUint32(start) === 1;
    if (long && start + 16 > bytes.length) return;
    const header = long ? 16 : 8;
    // A size of 0 reaches to the end (ISO/IEC 14496-12 4.2.2).
    const told = long ? Number(view.getBigUint64(start + 8)) : view.getUint32(start);
    const size = told || bytes.length - start;
    if (size < header) return;
    const type = String.fromCharCode(...bytes.subarray(start + 4, start + 8));
    yield { type, start, body: bytes.subarray(start + header, start + size) };
    start += size;
  }
}

/** The first box at this path of types. */
export function find(bytes: Uint8Array<ArrayBuffer>, ...path: string[]): Box | undefined {
  const [type, ...rest] = path;
  for (const box of boxes(bytes)) {
    if (box.type === type) return rest.length ? find(box.body, ...rest) : box;
  }
  return undefined;
}

/** Reads an init segment; `null` when it holds no track. */
export function readTrack(init: Uint8Array<ArrayBuffer>): Track | null {
  const trak = find(init, "moov", "trak")?.body;
  const tkhd = trak && full(find(trak, "tkhd"));
  const mdhd = trak && full(find(trak, "mdia", "mdhd"));
  const stsd = trak && find(trak, "mdia", "minf", "stbl", "stsd")?.body.subarray(8);
  const [entry] = stsd ? boxes(stsd) : [];
  if (!tkhd || !mdhd || !entry) return null;
  const trex = full(find(init, "moov", "mvex", "trex"))?.skip(8);
  const isVideo = find(trak, "mdia", "minf", "vmhd") != null;
  return {
    timescale: mdhd.skip(mdhd.version ? 16 : 8).u32(),
    entry: entry.type,
    // A visual sample entry has 78 bytes before its boxes (12.1.3), one of text at least 8.
    configuration: [...boxes(entry.body.subarray(isVideo ? 78 : 8))],
    orientation: orientation(tkhd.skip(tkhd.version ? 48 : 36)),
    duration: trex?.u32() ?? 0,
    size: trex?.u32() ?? 0,
  };
}

/** The samples of every `moof` in these bytes, in decoding order. */
export function* samples(bytes: Uint8Array<ArrayBuffer>, track: Track): Generator<Sample, void> {
  for (const box of boxes(bytes)) if (box.type === "moof") yield* runs(bytes, box, track);
}

function* runs(bytes: Uint8Array<ArrayBuffer>, moof: Box, track: Track): Generator<Sample, void> {
  const traf = find(moof.body, "traf")?.body;
  const tfhd = traf && full(find(traf, "tfhd"))?.skip(4);
  if (!tfhd) return;
  if (tfhd.has(0x1)) tfhd.skip(8);
  if (tfhd.has(0x2)) tfhd.skip(4);
  const duration = tfhd.has(0x8) ? tfhd.u32() : track.duration;
  const size = tfhd.has(0x10) ? tfhd.u32() : track.size;
  const tfdt = full(find(traf, "tfdt"));
  let decoded = (tfdt?.version ? tfdt.u64() : tfdt?.u32()) ?? 0;
  let place = moof.start;
  for (const box of boxes(traf)) {
    const trun = box.type === "trun" ? full(box) : undefined;
    if (!trun) continue;
    // A claim of more samples than there are bytes is cut.
    const count = Math.min(trun.u32(), bytes.length);
    // CMAF counts from the start of the moof (ISO/IEC 23000-19 7.5.16).
    if (trun.has(0x1)) place = Math.max(0, moof.start + trun.i32());
    if (trun.has(0x4)) trun.skip(4);
    for (let i = 0; i < count; i++) {
      const lasts = trun.has(0x100) ? trun.u32() : duration;
      const long = trun.has(0x200) ? trun.u32() : size;
      if (trun.has(0x400)) trun.skip(4);
      // Unsigned in version 0, yet writers put negative offsets there too.
      const time = decoded + (trun.has(0x800) ? trun.i32() : 0);
      yield { time, duration: lasts, size: long, data: bytes.subarray(place, place + long) };
      decoded += lasts;
      place += long;
    }
  }
}

/** Reads a full box from front to back; past its end all numbers are zero. */
class Fields {
  readonly version: number;
  readonly #view: DataView;
  #at = 4;

  constructor(body: Uint8Array) {
    this.#view = new DataView(body.buffer, body.byteOffset, body.byteLength);
    this.version = this.#view.getUint8(0);
  }

  /** Whether the flag is set. */
  has(flag: number): boolean {
    return (this.#view.getUint32(0) & flag) !== 0;
  }

  skip(bytes: number): this {
    this.#at += bytes;
    return this;
  }

  u32(): number {
    this.#at += 4;
    return this.#at <= this.#view.byteLength ? this.#view.getUint32(this.#at - 4) : 0;
  }

  i32(): number {
    return this.u32() | 0;
  }

  u64(): number {
    return this.u32() * 2 ** 32 + this.u32();
  }
}

function full(box: Box | undefined): Fields | undefined {
  return box && box.body.length >= 4 ? new Fields(box.body) : undefined;
}

/** The matrix of `tkhd` (8.3.2): a, b, u, c, d … One that is no turn by quarters is left alone. */
function orientation(matrix: Fields): Track["orientation"] {
  const [a = 0, b = 0, , c = 0, d = 0] = Array.from({ length: 5 }, () => Math.sign(matrix.i32()));
  const turns = a && d ? !b && !c : b && c && !a && !d;
  return turns ? [a, b, c, d] : [1, 0, 0, 1];
}
