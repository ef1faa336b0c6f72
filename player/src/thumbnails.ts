/**
 * Hover pictures without a storyboard: the sync picture of a fragment, fetched by its bytes and decoded by WebCodecs.
 * The page that shows the timeline creates it and closes it; playback neither needs nor notices it.
 *
 * # Why
 * A manifest says where each fragment's first picture ends, so a picture costs one small request and no work on the
 * server. The price is one picture a fragment and no more, and none where samples are encrypted or the browser has no
 * WebCodecs.
 *
 * @module
 */

import { fetchBytes, partOf } from "./bytes.js";
import type { Fragment, Manifest, Rendition, Segment } from "./manifest.js";
import { StillDecoder } from "./stills.js";
import { fragmentAt, isAvailable, segmentAt } from "./timeline.js";

export interface ThumbnailOptions {
  /** Height of the pictures in pixels, 160 by default; the width follows from the film's shape. */
  readonly height?: number;
  /** Bytes of pictures to keep, four a pixel; 16 MiB by default, about 90 pictures. */
  readonly bytes?: number;
}

/** Where a picture comes from. */
interface Place {
  readonly segment: Segment;
  readonly fragment: Fragment;
}

/** Requests on the way at one time. One more waits; when another comes, it gives way. */
const IN_FLIGHT = 2;

/** Pictures of a film, for a pointer that moves along its timeline. */
export class Thumbnails {
  readonly #height: number;
  readonly #pictures: Pictures;
  readonly #closing = new AbortController();
  readonly #errands = new Map<string, Errand>();
  #renditions: readonly Rendition[] = [];
  #decoder: Promise<StillDecoder | null> | undefined;
  /** The rendition pictures are taken from: a guess until the decoder is there. */
  #rendition: Rendition | undefined;
  #next: Errand | undefined;
  #running = 0;

  constructor(manifest: Manifest, { height = 160, bytes = 16 * 2 ** 20 }: ThumbnailOptions = {}) {
    this.#height = height;
    this.#pictures = new Pictures(bytes);
    this.update(manifest);
  }

  /** Takes a newer manifest of the same film, one with more segments to be had. */
  update(manifest: Manifest): void {
    const pixels = ({ width = 0, height = 0 }: Rendition): number => width * height;
    this.#renditions = manifest.renditions
      .filter(({ kind, protected: isEncrypted }) => kind === "video" && !isEncrypted)
      .sort((a, b) => pixels(a) - pixels(b) || a.averageBandwidth - b.averageBandwidth);
    const { id } = this.#rendition ?? {};
    this.#rendition = this.#renditions.find((rendition) => rendition.id === id) ?? this.#renditions[0];
  }

  /** The time of the picture that `at` gives for `time`, both in seconds; `null` when there are none. */
  nearest(time: number): number | null {
    const place = this.#rendition && placeOf(this.#rendition, time);
    return place ? Math.max(0, place.fragment.time) : null;
  }

  /**
   * The last picture at or before `time` in seconds (the first, before any) from which decoding can start. The caller
   * owns it and closes it: it is a copy, so that the cache may let go of its own at any time.
   *
   * `null` when there is none to be had: no WebCodecs, no video that it decodes, encrypted, not arrived at the server
   * yet, unreachable, damaged; when `signal` is aborted; and when two later calls have overtaken this one while others
   * were on their way. Never rejects.
   */
  async at(time: number, signal?: AbortSignal): Promise<ImageBitmap | null> {
    const isOver = (): boolean => this.#closing.signal.aborted || signal?.aborted === true;
    if (isOver()) return null;
    try {
      const decoder = await this.#open();
      if (!decoder || !this.#rendition || isOver()) return null;
      const place = placeOf(this.#rendition, time);
      if (!place?.fragment.key || !isAvailable(this.#rendition, place.segment)) return null;
      const key = `${place.segment.n} ${place.fragment.offset}`;
      let picture = this.#pictures.get(key);
      if (picture === undefined) picture = await this.#errand(key, place, decoder).wait(signal);
      return picture && (await createImageBitmap(picture));
    } catch {
      return null;
    }
  }

  /** Aborts what is on its way and lets all pictures go that were not handed out. */
  close(): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    for (const errand of this.#errands.values()) errand.drop();
    this.#pictures.clear();
    void this.#decoder?.then((decoder) => decoder?.close()).catch(() => undefined);
  }

  /** Chooses the smallest rendition that can be decoded. What failed for want of a network is tried again. */
  #open(): Promise<StillDecoder | null> {
    this.#decoder ??= this.#choose().catch((cause: unknown) => {
      this.#decoder = undefined;
      throw cause;
    });
    return this.#decoder;
  }

  async #choose(): Promise<StillDecoder | null> {
    for (const { id } of [...this.#renditions]) {
      const rendition = this.#renditions.find((candidate) => candidate.id === id);
      const decoder = rendition && (await StillDecoder.open(rendition, this.#closing.signal));
      if (!decoder) continue;
      this.#rendition = this.#renditions.find((candidate) => candidate.id === id);
      return decoder;
    }
    this.#rendition = undefined;
    return null;
  }

  /** The errand for this picture, single however many ask. */
  #errand(key: string, place: Place, decoder: StillDecoder): Errand {
    const known = this.#errands.get(key);
    if (known) return known;
    const errand = new Errand(
      (signal) => this.#fetch(key, place, decoder, signal),
      () => {
        if (this.#errands.get(key) === errand) this.#errands.delete(key);
        if (this.#next === errand) this.#next = undefined;
      },
    );
    this.#errands.set(key, errand);
    this.#next?.drop();
    this.#next = errand;
    this.#run();
    return errand;
  }

  #run(): void {
    const errand = this.#next;
    if (!errand || this.#running >= IN_FLIGHT) return;
    this.#next = undefined;
    this.#running += 1;
    void errand.run().finally(() => {
      this.#running -= 1;
      this.#run();
    });
  }
  async #fetch(
    key: string,
    { segment, fragment }: Place,
    decoder: StillDecoder,
    signal: AbortSignal,
  ): Promise<ImageBitmap | null> {
    const part = partOf(decoder.rendition, segment, fragment.offset, fragment.offset + fragment.key);
    const bytes = await fetchBytes(part, signal);
    const picture = await decoder.picture(bytes, this.#height);
    if (this.#closing.signal.aborted) {
      picture?.close();
      return null;
    }
    this.#pictures.set(key, picture);
    return picture;
  }
}

function placeOf(rendition: Rendition, time: number): Place | undefined {
  const segment = segmentAt(rendition, time) ?? rendition.segments.at(-1);
  return segment && { segment, fragment: fragmentAt(segment, time) };
}

/** A picture on its way, and who waits for it: when nobody does any more, it is given up. */
class Errand {
  readonly #abort = new AbortController();
  readonly #work: (signal: AbortSignal) => Promise<ImageBitmap | null>;
  readonly #ended: () => void;
  readonly #result: Promise<ImageBitmap | null>;
  #resolve: (picture: ImageBitmap | null) => void = () => undefined;
  #waiting = 0;

  constructor(work: (signal: AbortSignal) => Promise<ImageBitmap | null>, ended: () => void) {
    this.#work = work;
    this.#ended = ended;
    this.#result = new Promise((resolve) => (this.#resolve = resolve));
  }

  /** The picture, still the cache's; `null` when it can't be had or `signal` is aborted first. */
  wait(signal?: AbortSignal): Promise<ImageBitmap | null> {
    this.#waiting += 1;
    return new Promise((resolve) => {
      const leave = (): void => {
        resolve(null);
        this.#waiting -= 1;
        if (this.#waiting === 0) this.drop();
      };
      signal?.addEventListener("abort", leave, { once: true });
      void this.#result.then((picture) => {
        signal?.removeEventListener("abort", leave);
        resolve(picture);
      });
    });
  }

  async run(): Promise<void> {
    const picture = await this.#work(this.#abort.signal).catch(() => null);
    this.#end(picture);
  }

  /** Whoever waits gets `null`. */
  drop(): void {
    this.#abort.abort();
    this.#end(null);
  }

  #end(picture: ImageBitmap | null): void {
    this.#resolve(picture);
    this.#ended();
  }
}

/** Pictures by key, the longest unused let go first; `null` remembers that there is no picture. */
class Pictures {
  readonly #limit: number;
  readonly #entries = new Map<string, ImageBitmap | null>();
  #bytes = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(key: string): ImageBitmap | null | undefined {
    const picture = this.#entries.get(key);
    if (picture === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, picture);
    return picture;
  }

  set(key: string, picture: ImageBitmap | null): void {
    this.#delete(key);
    this.#entries.set(key, picture);
    this.#bytes += weight(picture);
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#limit || oldest === key) return;
      this.#delete(oldest);
    }
  }

  clear(): void {
    for (const key of this.#entries.keys()) this.#delete(key);
  }

  #delete(key: string): void {
    const picture = this.#entries.get(key);
    if (picture === undefined) return;
    this.#bytes -= weight(picture);
    this.#entries.delete(key);
    picture?.close();
  }
}

/** Bytes; of no picture, those of its key and place. A closed picture has no size: it is weighed before. */
function weight(picture: ImageBitmap | null): number {
  return picture ? picture.width * picture.height * 4 : 100;
}
