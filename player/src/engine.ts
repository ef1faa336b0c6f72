/**
 * Plays one manifest: a MediaSource, a feed for each kind of media, and the step that asks `schedule` and `abr` what to do and has
 * it done. Free of the DOM, so that it runs on the main thread and in a worker alike; it is told what the `<video>` does
 * (`Command`), and tells what is to be done with it (`EngineEvent`).
 *
 * @module
 */

import { choose, fetchTime } from "./abr.js";
import { PlayerError } from "./errors.js";
import { Feed, type Owner } from "./feed.js";
import type { Lost } from "./loader.js";
import { type Manifest, type Rendition, type Segment, readManifest } from "./manifest.js";
import { Source, isSupported } from "./media-source.js";
import type { Command, EngineEvent, Limits, Playhead } from "./messages.js";
import { type Span, ahead } from "./ranges.js";
import { fetchManifest, follow } from "./refresh.js";
import { fetchNext, front, isComplete, jump, relief, removals } from "./schedule.js";
import { padded } from "./silence.js";
import { Throughput } from "./throughput.js";
import { type Piece, HOLE, SAME, fragmentAfter, pieceAt, segmentAt } from "./timeline.js";

type Load = Extract<Command, { type: "load" }>;

/** Bytes that a fetch may still have to read before it comes to where a seek wants to be. */
const CLOSE_BY = 96 << 10;
/** Pieces in a row that may be lost before the medium is given up. */
const LOSSES = 5;
/** Milliseconds that the playhead may stand although it could move. */
const STUCK = 3000;
/** Milliseconds in which a playhead that was told to go somewhere is there. */
const ARRIVES = 1000;
/** Nudges before that is called an error. */
const NUDGES = 5;
/** Seconds from the place of the first nudge at which a playhead has got away. */
const NUDGED = 1;
/** Seconds from the playhead at which another quality or language begins, where a person has chosen it. */
const SWITCH_AFTER = { video: 0.6, audio: 0.1 };
/** Seconds of the former language that stay while the new one comes in. */
const SWITCH_KEEPS = 10;
/** Seconds buffered from which on the last second of the link is believed, be it better than those before. */
const TRUSTING = 8;
/** Milliseconds between two reports of `stats`. */
const REPORT = 250;

/** Takes commands in any order; one medium at a time. */
export class Engine {
  private readonly emit: (event: EngineEvent) => void;
  private session: Session | null = null;

  constructor(emit: (event: EngineEvent) => void) {
    this.emit = emit;
  }

  handle(command: Command): void {
    if (command.type === "load" || command.type === "close") {
      this.session?.close();
      this.session = null;
    }
    if (command.type === "load") this.session = new Session(command, this.emit);
    else if (command.type === "playhead") this.session?.moved(command.playhead);
    else if (command.type === "seek") this.session?.seek(command.time);
    else if (command.type === "limits") this.session?.limit(command.limits);
    else if (command.type === "choose") this.session?.choose(command.kind, command.id);
  }
}

/** One medium, from `load` to `close`. */
class Session implements Owner {
  private readonly command: Load;
  private readonly tell: (event: EngineEvent) => void;
  private readonly controller = new AbortController();
  private readonly meter = new Throughput();
  private readonly rooms: (() => void)[] = [];
  private source: Source | null = null;
  private feeds: Feed[] = [];
  private limits: Limits;
  private playhead: Playhead;
  private auto = true;
  private bytes = 0;
  private requests = 0;
  private reported = 0;
  private waited: "elsewhere" | "offline" | null = null;
  /** Where the playhead was told to go, until it is there: what it says meanwhile was said before it knew. */
  private going: number | null = null;
  /** Since when the playhead has stood although it could move, and how often it was nudged, and from where. */
  private stood = performance.now();
  private nudges = 0;
  private nudgedAt = 0;
  private stepping = false;
  /** Ids of the videos that play without stutter here, once that is known. */
  private smooth: readonly string[] | null = null;
  /** Rendition and number of each segment that could not be had. */
  private readonly refused = new Set<string>();

  constructor(command: Load, emit: (event: EngineEvent) => void) {
    this.command = command;
    this.tell = emit;
    this.limits = command.limits;
    this.playhead = { time: command.start, paused: true, seeking: false, rate: 1, ready: 0 };
    this.open().catch((error: unknown) => this.failed(error));
  }

  /** Manifest, MediaSource and first requests: none waits for another where it need not. */
  private async open(): Promise<void> {
    const { signal } = this.controller;
    const source = new Source(() => this.changed());
    this.source = source;
    this.tell({ type: "attach", source: source.handle });
    const { url, manifest: given } = this.command;
    const manifest = given === undefined ? await fetchManifest(url, signal) : readManifest(given, url);
    signal.throwIfAborted();
    this.feeds = this.streams(manifest);
    this.changed();
    this.tell({ type: "manifest", manifest, playable: this.playable() });
    await source.opened();
    signal.throwIfAborted();
    source.duration = manifest.duration;
    // All before the first append: a browser takes none after it.
    const buffers = this.feeds.map((feed) => [feed, source.addBuffer(feed.rendition.type)] as const);
    for (const [feed, buffer] of buffers) feed.attach(buffer, feed.rendition.type);
    this.changed();
    void this.prefer().catch(() => undefined);
    await follow(manifest, (read) => this.refreshed(read), signal);
  }

  private streams({ renditions, duration }: Manifest): Feed[] {
    const media = renditions.filter(({ kind, segments }) => kind !== "text" && segments.length > 0);
    const able = media.filter((rendition) => !rendition.protected && isSupported(rendition.type));
    const feeds = (["video", "audio"] as const).flatMap((kind) => {
      const known = able
        .filter((rendition) => rendition.kind === kind)
        .map((rendition) => whole(rendition, duration));
      const low = known.filter(({ height = 0 }) => height <= (this.command.maxHeight ?? Infinity));
      const fit = kind === "video" && low.length > 0 ? low : known;
      const [first] = fit;
      return first ? [new Feed(kind, fit, kind === "video" ? choose(this.situation(fit)) : first, this)] : [];
    });
    if (feeds.length > 0) return feeds;
    const codecs = media.map(({ codec, protected: locked }) => (locked ? `${codec}, encrypted` : codec));
    throw new PlayerError("unsupported", `this browser plays none of: ${codecs.join("; ") || "(no media)"}`);
  }

  /** Renditions that would stutter here are left to people's choice. */
  private async prefer(): Promise<void> {
    const feed = this.feed("video");
    if (!feed || feed.renditions.length < 2) return;
    const smooth = await Promise.all(feed.renditions.map((rendition) => isSmooth(rendition)));
    const fit = feed.renditions.filter((_, i) => smooth[i]);
    if (fit.length > 0) this.smooth = fit.map(({ id }) => id);
  }

  private playable(): string[] {
    return this.feeds.flatMap(({ renditions }) => renditions.map(({ id }) => id));
  }

  private refreshed(manifest: Manifest): void {
    for (const feed of this.feeds) {
      const read = (known: Rendition): Rendition => {
        const found = manifest.renditions.find(({ id }) => id === known.id);
        return found ? whole(found, manifest.duration) : known;
      };
      feed.renditions = feed.renditions.map(read);
      feed.rendition = read(feed.rendition);
    }
    this.tell({ type: "manifest", manifest, playable: this.playable() });
    this.changed();
  }

  // What the <video> does.

  moved(playhead: Playhead): void {
    if (this.going !== null && performance.now() - this.stood < ARRIVES && playhead.time < this.going - SAME)
      return;
    this.going = null;
    if (playhead.time !== this.playhead.time) this.stood = performance.now();
    if (Math.abs(playhead.time - this.nudgedAt) > NUDGED) this.nudges = 0;
    this.playhead = playhead;
    for (const feed of this.feeds) feed.retry();
    this.changed();
  }

  seek(time: number): void {
    this.going = null;
    this.playhead = { ...this.playhead, time, seeking: true };
    this.stood = performance.now();
    for (const feed of this.feeds) {
      const at = front(feed, Math.max(time, feed.floor));
      const { current } = feed;
      if (current && !leadsTo(current, at)) feed.cancel();
    }
    this.changed();
  }

  limit(limits: Limits): void {
    this.limits = limits;
    this.changed();
  }

  /** A person's choice. */
  choose(kind: "video" | "audio", id: string | null): void {
    const feed = this.feed(kind);
    if (kind === "video") this.auto = id === null;
    const rendition = feed?.renditions.find((known) => known.id === id);
    if (!feed || !rendition || rendition === feed.rendition) return;
    const { time } = this.playhead;
    feed.replace(rendition, time + SWITCH_AFTER[kind]);
    feed.remove([time + SWITCH_KEEPS, Infinity]);
    if (kind === "audio") feed.remove([0, time - 1]);
    this.tell({ type: "rendition", kind, id: rendition.id, auto: false });
    this.changed();
  }

  // What there is to do.

  changed(): void {
    if (this.stepping || this.controller.signal.aborted) return;
    this.stepping = true;
    try {
      this.step();
    } finally {
      this.stepping = false;
    }
  }

  private step(): void {
    const { playhead, feeds, limits } = this;
    const video = this.feed("video");
    for (const feed of feeds) {
      if (!this.source?.streaming) break;
      if (feed === video) this.adapt(feed);
      const piece = fetchNext(feed, playhead, limits, feed === video ? undefined : video);
      if (piece) feed.start(feed === video ? this.first(piece) : piece);
    }
    for (const feed of feeds) {
      if (feed.idle) for (const span of removals(feed, playhead, limits)) feed.remove(span);
    }
    for (const resolve of this.rooms.splice(0)) resolve();
    this.unstick();
    if (feeds.length > 0 && feeds.every((feed) => feed.idle && isComplete(feed, playhead.time)))
      this.source?.end();
    this.report();
  }

  /** While nothing is known of the link, one GOP of the ladder is fetched: it is shown, and tells what the link bears. */
  private first(piece: Piece): Piece {
    const feed = this.feed("video");
    if (!this.auto || this.meter.estimate > 0 || !feed || feed.renditions.length < 2) return piece;
    return { ...piece, to: fragmentAfter(piece.segment, piece.time)?.offset ?? piece.to };
  }

  /** Chooses the video's rendition; breaks a fetch off that comes too late where a lighter one would not. */
  private adapt(feed: Feed): void {
    if (!this.auto || feed.renditions.length < 2) return;
    const { current } = feed;
    const situation = this.situation(feed.renditions, feed);
    const hadHere = feed.renditions.filter((rendition) => !this.isRefused(rendition, situation.at));
    const smooth = hadHere.filter(({ id }) => this.smooth?.includes(id) ?? true);
    const fit = smooth.length > 0 ? smooth : hadHere;
    if (fit.length === 0) return;
    if (current) {
      const left = situation.ahead;
      const time = ((current.piece.to - current.at) * 8) / (this.meter.estimate || Infinity);
      if (time < 2 || time < left || this.playhead.time === this.command.start) return;
      const lighter = choose({ ...situation, renditions: fit, current: feed.rendition });
      if (lighter.averageBandwidth >= feed.rendition.averageBandwidth) return;
      const other = {
        at: Math.max(this.playhead.time + left, 0),
        throughput: this.meter.estimate,
        beside: 0,
        ahead: left,
      };
      if (fetchTime(lighter, other) >= time || !feed.cancel()) return;
      this.take(feed, lighter);
    } else if (!feed.busy && !feed.open) {
      this.take(feed, choose({ ...situation, renditions: fit, current: feed.rendition }));
    }
  }

  private take(feed: Feed, rendition: Rendition): void {
    if (rendition === feed.rendition) return;
    feed.rendition = rendition;
    this.tell({ type: "rendition", kind: feed.kind, id: rendition.id, auto: true });
  }

  private situation(renditions: readonly Rendition[], feed?: Feed) {
    const left = feed ? this.left(feed) : 0;
    return {
      renditions,
      throughput: left < TRUSTING ? this.meter.estimate : this.meter.recent,
      beside: this.feed("audio")?.rendition.averageBandwidth ?? 0,
      ahead: left,
      at: feed ? front(feed, Math.max(this.playhead.time, feed.floor)) : this.playhead.time,
    };
  }

  /** Jumps holes that nothing will fill, and nudges a playhead that stands for no reason. */
  private unstick(): void {
    const { playhead, feeds } = this;
    if (this.going !== null || feeds.length === 0 || !feeds.every(({ idle }) => idle)) return;
    const to = jump(feeds, playhead);
    if (to !== null) {
      this.jump(to, "gap");
      return;
    }
    const could = !playhead.paused && !playhead.seeking && playhead.rate > 0 && playhead.ready >= 2;
    const now = performance.now();
    if (!could || feeds.some((feed) => this.left(feed) < 0.5)) this.stood = now;
    if (now - this.stood < STUCK) return;
    if (this.nudges >= NUDGES) {
      this.failed(
        new PlayerError("decode", `the browser plays no further than ${playhead.time.toFixed(2)} s`),
      );
      return;
    }
    if (this.nudges === 0) this.nudgedAt = playhead.time;
    this.nudges += 1;
    this.jump(playhead.time + 0.05 * this.nudges, "nudge");
  }

  private jump(to: number, reason: "gap" | "nudge"): void {
    this.stood = performance.now();
    const from = this.playhead.time;
    this.going = to;
    this.playhead = { ...this.playhead, time: to, seeking: true };
    this.tell({ type: "jump", from, to, reason });
  }

  private report(): void {
    const waits =
      this.feeds.find((feed) => feed.waitingFor !== null && this.left(feed) < 0.5)?.waitingFor ?? null;
    if (waits !== this.waited) {
      this.waited = waits;
      this.tell({ type: "waiting", for: waits });
    }
    const now = performance.now();
    if (now - this.reported < REPORT) return;
    this.reported = now;
    const id = (kind: "video" | "audio"): string | null => this.feed(kind)?.rendition.id ?? null;
    const { auto, bytes, requests } = this;
    const throughput = Math.round(this.meter.estimate);
    this.tell({
      type: "stats",
      stats: { video: id("video"), audio: id("audio"), auto, throughput, bytes, requests },
    });
  }

  private feed(kind: "video" | "audio"): Feed | undefined {
    return this.feeds.find((feed) => feed.kind === kind);
  }

  // What feeds ask.

  received(bytes: number): void {
    this.bytes += bytes;
    this.meter.add(bytes, performance.now());
  }

  reading(on: boolean): void {
    if (on) this.meter.begin(performance.now());
    else this.meter.end(performance.now());
  }

  requested(): void {
    this.requests += 1;
  }

  throughput(): number {
    return this.meter.estimate;
  }

  left(feed: Feed): number {
    return ahead(feed.buffered, this.playhead.time, HOLE);
  }

  async room(feed: Feed): Promise<void> {
    while (!this.controller.signal.aborted && this.isFull(feed)) {
      await new Promise<void>((resolve) => this.rooms.push(resolve));
    }
  }

  /** A segment may be longer than all that is to be buffered. */
  private isFull(feed: Feed): boolean {
    const seconds = this.left(feed);
    const { ahead, bytes } = this.limits;
    return seconds > ahead && (seconds * feed.rendition.averageBandwidth) / 8 > bytes;
  }

  full(feed: Feed): Span | null {
    return relief(feed, this.playhead.time);
  }

  lost(feed: Feed, piece: Piece, error: Lost): void {
    if (error.code === "network") {
      this.failed(new PlayerError("network", error.message, { cause: error }));
      return;
    }
    this.refused.add(segmentKey(piece.rendition, piece.segment));
    const other = feed.renditions.find(
      (rendition) =>
        rendition.language === piece.rendition.language &&
        !this.isRefused(rendition, Math.max(piece.time, 0)),
    );
    if (other && (feed.kind === "audio" || this.auto)) {
      this.take(feed, other);
      return;
    }
    feed.losses += 1;
    if (feed.losses >= LOSSES) {
      this.failed(
        new PlayerError("missing", `${error.message}; ${feed.losses} segments in a row can't be had`),
      );
      return;
    }
    feed.passOver(piece);
    this.tell({ type: "error", code: "segment", message: error.message, fatal: false });
  }

  private isRefused(rendition: Rendition, time: number): boolean {
    const segment = segmentAt(rendition, time);
    return segment !== undefined && this.refused.has(segmentKey(rendition, segment));
  }

  failed(cause: unknown): void {
    if (this.controller.signal.aborted) return;
    this.close();
    const error =
      cause instanceof PlayerError ? cause : new PlayerError("decode", describe(cause), { cause });
    this.tell({ type: "error", code: error.code, message: error.message, fatal: true });
  }

  close(): void {
    this.controller.abort();
    for (const feed of this.feeds) feed.close();
    for (const resolve of this.rooms.splice(0)) resolve();
  }
}

/** Sound lasts as long as the film. */
function whole(rendition: Rendition, duration: number): Rendition {
  return rendition.kind === "audio" ? padded(rendition, duration) : rendition;
}

function segmentKey({ id }: Rendition, { n }: Segment): string {
  return `${id}/${n}`;
}

/** Whether a fetch that is on its way comes to `time` as soon as a new one would. */
function leadsTo({ piece, at }: { readonly piece: Piece; readonly at: number }, time: number): boolean {
  const wanted = pieceAt(piece.rendition, time);
  return wanted?.segment === piece.segment && piece.time <= wanted.time && at + CLOSE_BY >= wanted.from;
}

async function isSmooth({
  type,
  width = 1280,
  height = 720,
  averageBandwidth,
  frameRate = 30,
}: Rendition): Promise<boolean> {
  const video = {
    contentType: type,
    width,
    height,
    bitrate: Math.max(averageBandwidth, 1),
    framerate: frameRate,
  };
  const { supported, smooth } = await navigator.mediaCapabilities.decodingInfo({
    type: "media-source",
    video,
  });
  return supported && smooth;
}

function describe(cause: unknown): string {
  if (cause instanceof Error) return cause.message;
  return cause instanceof Event ? "the browser refused media" : String(cause);
}
