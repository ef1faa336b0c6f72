/**
 * One kind of media on its way: what is being fetched for it, and what was put into its SourceBuffer. It does what `schedule`
 * says and decides nothing but how.
 *
 * @module
 */

import { AppendQueue } from "./append-queue.js";
import { fetchInit } from "./bytes.js";
import { type Run, type Taker, load, Lost } from "./loader.js";
import type { Rendition } from "./manifest.js";
import { type Span, around, intersect } from "./ranges.js";
import { type Open, type Stream, type Stretch, isHeld } from "./schedule.js";
import { canHush, silence } from "./silence.js";
import { type Piece, fragmentAfter, place } from "./timeline.js";

/** Bytes that may wait for the SourceBuffer before reading pauses. */
const WAITING = 4 << 20;
/** A fetch with fewer bytes left than this, or fewer milliseconds, is let finish: to break it off costs a connection. */
const NEARLY_BYTES = 64 << 10;
const NEARLY_TIME = 60;

/** Who a feed works for. */
export interface Owner {
  /** Something changed: there may be something to do. */
  changed(): void;
  /** Bytes came in. */
  received(bytes: number): void;
  /** A body begins or ends. */
  reading(on: boolean): void;
  /** A request is made. */
  requested(): void;
  /** Bits a second that the link bears; 0 when nothing is known. */
  throughput(): number;
  /** Seconds that this feed can play on. */
  left(feed: Feed): number;
  /** Resolves when there is room for more bytes of this feed. */
  room(feed: Feed): Promise<void>;
  /** A piece can't be had. */
  lost(feed: Feed, piece: Piece, error: Lost): void;
  /** The SourceBuffer is full: what to let go of, if anything. */
  full(feed: Feed): Span | null;
  failed(cause: unknown): void;
}

interface Fetch {
  readonly piece: Piece;
  readonly controller: AbortController;
  /** The next byte within the segment. */
  at: number;
  /** What is done once nearly finished bytes are in. */
  ending: boolean;
}

/** One a kind. */
export class Feed implements Stream {
  readonly kind: "video" | "audio";
  /** Those of this kind that can be played. */
  renditions: readonly Rendition[];
  /** What is fetched from now on. */
  rendition: Rendition;
  stretches: readonly Stretch[] = [];
  open: Open | null = null;
  floor = -Infinity;
  /** Pieces in a row that could not be had. */
  losses = 0;
  /** What playback waits for. */
  waitingFor: "elsewhere" | "offline" | null = null;
  private readonly owner: Owner;
  private queue: AppendQueue | null = null;
  private fetching: Fetch | null = null;
  private finishing = 0;
  /** Bytes for a SourceBuffer that isn't there yet. */
  private early: ((queue: AppendQueue) => void)[] = [];
  /** The rendition whose init segment was appended last. */
  private initialised: string | null = null;

  constructor(kind: "video" | "audio", renditions: readonly Rendition[], rendition: Rendition, owner: Owner) {
    this.kind = kind;
    this.renditions = renditions;
    this.rendition = rendition;
    this.owner = owner;
  }

  get buffered(): readonly Span[] {
    return this.queue?.buffered ?? [];
  }

  get busy(): boolean {
    return this.fetching !== null || this.finishing > 0;
  }

  /** What is being fetched, and its next byte. */
  get current(): { readonly piece: Piece; readonly at: number } | null {
    return this.fetching;
  }

  /** Whether the SourceBuffer has nothing left to do. */
  get idle(): boolean {
    return this.queue?.idle ?? false;
  }

  /** Gives it its SourceBuffer; what came in before goes there at once. */
  attach(buffer: SourceBuffer, type: string): void {
    const queue = new AppendQueue(buffer, type, {
      changed: () => this.owner.changed(),
      full: () => {
        const span = this.owner.full(this);
        if (span) queue.removeFirst(...span);
        return span !== null;
      },
      failed: (cause) => this.owner.failed(cause),
    });
    this.queue = queue;
    for (const step of this.early.splice(0)) step(queue);
  }

  /** Fetches a piece; none may be on its way. */
  start(piece: Piece): void {
    const fetch: Fetch = { piece, controller: new AbortController(), at: piece.from, ending: false };
    this.fetching = fetch;
    const continues = this.open?.piece.segment === piece.segment && this.open.at === piece.from;
    if (!continues && this.open) this.breakOff(this.open.piece);
    this.open = null;
    const prepared = this.prepare(piece.rendition, fetch.controller.signal);
    void (piece.segment.silent ? this.hush(piece, prepared) : this.run(fetch, prepared));
  }

  private async run(fetch: Fetch, prepared: Promise<void>): Promise<void> {
    const { piece, controller } = fetch;
    // Media without its init segment is of no use.
    prepared.catch((cause: unknown) =>
      controller.abort(new Lost("missing", `init segment: ${String(cause)}`, cause)),
    );
    const taker: Taker = {
      bytes: async (bytes) => {
        fetch.at += bytes.byteLength;
        this.owner.received(bytes.byteLength);
        await prepared;
        controller.signal.throwIfAborted();
        this.do((queue) => queue.append(bytes));
        await this.queue?.below(WAITING);
        if (!fetch.ending) await this.owner.room(this);
      },
      left: () => this.owner.left(this),
      waiting: (reason) => {
        this.waitingFor = reason;
        this.owner.changed();
      },
      reading: (on) => this.owner.reading(on),
    };
    try {
      this.owner.requested();
      await load(run(piece), taker, controller.signal);
      if (this.fetching === fetch) this.finish(piece);
    } catch (error) {
      if (this.fetching !== fetch) return;
      this.fetching = null;
      this.breakOff(piece);
      if (error instanceof Lost) this.owner.lost(this, piece, error);
      else if (!controller.signal.aborted) this.owner.failed(error);
    } finally {
      this.owner.changed();
    }
  }

  private async hush(piece: Piece, prepared: Promise<void>): Promise<void> {
    const { rendition, segment } = piece;
    await prepared.catch(() => undefined);
    if (this.fetching?.piece !== piece) return;
    this.do((queue) => queue.append(silence(rendition, segment.start, segment.end)));
    this.finish(piece);
    this.owner.changed();
  }

  private finish(piece: Piece): void {
    this.fetching = null;
    this.losses = 0;
    const isPart = piece.to < piece.segment.size;
    const next = isPart ? fragmentAfter(piece.segment, piece.time) : undefined;
    if (isPart && piece.to !== next?.offset) {
      this.open = { piece, at: piece.to };
      return;
    }
    this.finishing += 1;
    this.do((queue) =>
      queue.mark(() => {
        this.finishing -= 1;
        this.note(piece.time, next?.time ?? piece.segment.end);
      }),
    );
  }

  /** Stops what is on its way, unless it is nearly in. Whether nothing is on its way any more. */
  cancel(): boolean {
    const fetch = this.fetching;
    if (!fetch) return true;
    const left = fetch.piece.to - fetch.at;
    const time = (left * 8000) / (this.owner.throughput() || 1);
    if (fetch.at > fetch.piece.from && left <= NEARLY_BYTES && time <= NEARLY_TIME) {
      fetch.ending = true;
      return false;
    }
    this.stop(fetch);
    return true;
  }

  private stop(fetch: Fetch): void {
    this.fetching = null;
    fetch.controller.abort();
    this.waitingFor = null;
    this.breakOff(fetch.piece);
  }

  /** Forgets where the parser was; the frames that are whole stay, and are noted. */
  private breakOff(piece: Piece): void {
    this.open = null;
    this.do((queue) => {
      queue.abort();
      queue.mark(() => {
        const start = Math.max(piece.time, 0);
        const there = queue.buffered.find(([from, to]) => from <= start + 0.1 && to > start);
        // The last frames may lack those that come after them in decoding order.
        if (there) this.note(piece.time, Math.min(there[1], piece.segment.end) - 0.2);
      });
    });
  }

  /** What can't be had is passed over from now on; in silence, where that can be made. */
  passOver({ rendition, time, segment }: Piece): void {
    this.stretches = [...this.stretches, { from: time, to: segment.end, held: [] }];
    if (this.kind === "video" || !canHush(rendition)) return;
    const from = around(this.buffered, Math.max(time, 0), 0.1)?.[1] ?? Math.max(time, 0);
    this.do((queue) => queue.append(silence(rendition, from, segment.end)));
  }

  /** Everything fetched so far counts no longer from `floor` on: it is fetched again, and replaces what is there as it comes. */
  replace(rendition: Rendition, floor: number): void {
    if (this.fetching) this.stop(this.fetching);
    this.rendition = rendition;
    this.stretches = [];
    this.floor = floor;
  }

  /** Lets go of a span. */
  remove([from, to]: Span): void {
    this.do((queue) => queue.remove(from, to));
  }

  /** Goes on after the buffer was full. */
  retry(): void {
    this.queue?.retry();
  }

  /** Nothing is fetched or appended after this. */
  close(): void {
    this.fetching?.controller.abort();
    this.fetching = null;
    this.queue?.close();
  }

  private note(from: number, to: number): void {
    if (to <= from) return;
    const held = intersect(this.buffered, [[Math.max(from, 0), to]]);
    // What was noted before and is taken again need not be kept twice.
    const buffered = this.buffered;
    const others = this.stretches.filter(
      (other) => !(from <= other.from && other.to <= to) && isHeld(other, buffered),
    );
    this.stretches = [...others, { from, to, held }];
  }

  private do(step: (queue: AppendQueue) => void): void {
    if (this.queue) step(this.queue);
    else this.early.push(step);
  }

  /** The init segment goes first, where the buffer has another. */
  private async prepare({ id, init, type, timestampOffset }: Rendition, signal: AbortSignal): Promise<void> {
    if (this.initialised === id || !init) return;
    const bytes = init.data ?? (await fetchInit(init, signal));
    this.initialised = id;
    this.do((queue) => {
      queue.change(type);
      queue.offset(timestampOffset);
      queue.append(bytes);
    });
  }
}

function run(piece: Piece): Run {
  const { url, start } = place(piece.rendition, piece.segment);
  const whole = start === 0 && piece.to === piece.segment.size && piece.rendition.media.includes("{n}");
  return { url, from: start + piece.from, to: start + piece.to, whole: whole && piece.from === 0 };
}
