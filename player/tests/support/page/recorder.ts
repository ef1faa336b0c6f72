/**
 * Runs in the page beside the player: plays it, and writes down what a viewer would see. All of it is observed on the
 * `<video>` alone, but for what the player says.
 *
 * @module
 */

import type { EngineEvent, Limits } from "../../../src/messages.js";

type Engine = typeof import("../../../src/index.js");

/** How to start. */
export interface StartOptions {
  readonly worker?: boolean;
  readonly limits?: Partial<Limits>;
  readonly maxHeight?: number;
  /** The manifest itself, so that it need not be asked for. */
  readonly manifest?: unknown;
  readonly start?: number;
  /** Whether to leave it paused. */
  readonly paused?: boolean;
}

/** A picture that was shown. */
export interface Shown {
  /** Milliseconds since the start. */
  readonly at: number;
  /** Its time in the film, seconds. */
  readonly media: number;
  readonly height: number;
}

/** A time in which the clock stood still though it should have run. */
export interface Stall {
  readonly time: number;
  ms: number;
}

/** What came of a seek. */
export interface Seek {
  /** The number drawn into the picture that is shown. */
  readonly number: number | null;
  /** The time of that picture in the film, seconds. */
  readonly media: number;
  /** Milliseconds until `seeked` and the picture. */
  readonly ms: number;
}

const ENGINE = "/player/player.js";
/** Shorter stops are not seen. */
const STALL = 200;

/** The notes of one page. */
export class Recorder {
  readonly video: HTMLVideoElement;
  player: InstanceType<Engine["Player"]> | null = null;
  readonly shown: Shown[] = [];
  readonly stalls: Stall[] = [];
  /** Pieces of the film that went by unseen: from, to, seconds. */
  readonly skips: [number, number][] = [];
  readonly happened: { readonly at: number; readonly name: string; readonly time: number }[] = [];
  readonly said: { readonly at: number; readonly event: EngineEvent }[] = [];
  readonly failures: string[] = [];
  /** The most that was ever buffered, seconds. */
  readonly most = { ahead: 0, behind: 0 };
  #from = 0;
  #played = false;
  #stall: Stall | null = null;
  #last = { at: 0, time: 0 };
  readonly #canvas = new OffscreenCanvas(320, 180);

  constructor(video: HTMLVideoElement) {
    this.video = video;
    const events =
      "loadedmetadata loadeddata playing waiting seeking seeked ended error emptied pause ratechange";
    for (const name of events.split(" ")) {
      video.addEventListener(name, () =>
        this.happened.push({ at: this.#now(), name, time: video.currentTime }),
      );
    }
    video.addEventListener("playing", () => (this.#played = true));
    addEventListener("error", (event) => this.failures.push(event.message));
    addEventListener("unhandledrejection", (event) => this.failures.push(String(event.reason)));
    const frame = (_: number, data: VideoFrameCallbackMetadata): void => {
      this.shown.push({ at: this.#now(), media: data.mediaTime, height: data.height });
      video.requestVideoFrameCallback(frame);
    };
    video.requestVideoFrameCallback(frame);
    setInterval(() => this.#watch(), 25);
  }

  /** The clock runs from now on. */
  begin(): void {
    this.#from = performance.now();
  }

  /** Loads a film into the player and plays it. */
  async start(url: string, options: StartOptions): Promise<void> {
    const { Player } = (await import(ENGINE)) as Engine;
    const { worker, limits, maxHeight, manifest, start, paused } = options;
    this.begin();
    this.player = new Player(this.video, {
      ...(worker !== undefined && { worker }),
      ...(limits && { limits }),
      ...(maxHeight !== undefined && { maxHeight }),
    });
    for (const name of ["rendition", "jump", "waiting", "error"]) {
      this.player.addEventListener(name, (event) => {
        this.said.push({ at: this.#now(), event: (event as CustomEvent<EngineEvent>).detail });
      });
    }
    this.player.load(url, {
      ...(manifest !== undefined && { manifest }),
      ...(start !== undefined && { start }),
    });
    if (!paused) this.play();
  }

  /** Plays, and again where loading broke it off. */
  play(): void {
    const play = (): void => void this.video.play().catch(() => undefined);
    this.video.addEventListener("loadstart", play, { once: true });
    play();
  }

  /** Sets the playhead; done when the picture of that time is shown. */
  async seek(time: number): Promise<Seek> {
    const { video } = this;
    const from = performance.now();
    const before = this.shown.length;
    const seeked = new Promise((resolve) => video.addEventListener("seeked", resolve, { once: true }));
    video.currentTime = time;
    await seeked;
    // The compositor may show the new picture one turn later than it is said; a picture that was shown already isn't told again.
    const limit = performance.now() + 1000;
    const there = (): boolean => Math.abs((this.shown.at(-1)?.media ?? -1) - time) < 0.5;
    while ((this.shown.length === before || !there()) && performance.now() < limit) await turn();
    const ms = performance.now() - from;
    return { number: await this.number(), media: this.shown.at(-1)?.media ?? -1, ms };
  }

  /** The number drawn into the picture that is shown; `null` where none can be read within a second. */
  async number(): Promise<number | null> {
    const limit = performance.now() + 1000;
    let number = this.#read();
    while (number === null && performance.now() < limit) {
      await turn();
      number = this.#read();
    }
    return number;
  }

  #read(): number | null {
    const { width, height } = this.#canvas;
    const context = this.#canvas.getContext("2d", { willReadFrequently: true });
    if (!context || !this.video.videoWidth) return null;
    context.drawImage(this.video, 0, 0, width, height);
    const side = width / 16;
    const row = context.getImageData(0, side / 2, width, 1).data;
    const lights = Array.from(
      { length: 16 },
      (_, square) => row[4 * Math.floor((square + 0.5) * side) + 1] ?? 128,
    );
    if (lights.some((light) => light > 90 && light < 165)) return null;
    const bits = lights.map((light) => (light > 128 ? "1" : "0")).join("");
    return /^10.{12}01$/.test(bits) ? parseInt(bits.slice(2, 14), 2) : null;
  }

  /** What is buffered, seconds. */
  buffered(): [number, number][] {
    const { buffered } = this.video;
    return Array.from({ length: buffered.length }, (_, i) => [buffered.start(i), buffered.end(i)]);
  }

  /** Seconds buffered behind and ahead of the playhead. */
  around(): { behind: number; ahead: number } {
    const time = this.video.currentTime;
    const span = this.buffered().find(([from, to]) => from - 0.1 <= time && time <= to);
    return span ? { behind: time - span[0], ahead: span[1] - time } : { behind: 0, ahead: 0 };
  }

  /** Everything written down, as plain data. */
  notes() {
    const { video, player } = this;
    return {
      time: video.currentTime,
      duration: video.duration,
      paused: video.paused,
      ended: video.ended,
      ready: video.readyState,
      height: video.videoHeight,
      error: video.error?.message ?? null,
      buffered: this.buffered(),
      shown: this.shown,
      stalls: this.#stall && this.#stall.ms >= STALL ? [...this.stalls, this.#stall] : this.stalls,
      skips: this.skips,
      happened: this.happened,
      said: this.said,
      failures: this.failures,
      most: this.most,
      stats: player?.stats ?? null,
      quality: player?.quality ?? null,
      audio: player?.audio ?? null,
      playable: player?.playable.map(({ id }) => id) ?? [],
      now: this.#now(),
      /** When the clock began, milliseconds since 1970. */
      began: performance.timeOrigin + this.#from,
    };
  }

  #now(): number {
    return Math.round(performance.now() - this.#from);
  }

  #watch(): void {
    const { video } = this;
    const at = performance.now();
    const time = video.currentTime;
    const { ahead, behind } = this.around();
    this.most.ahead = Math.max(this.most.ahead, ahead);
    this.most.behind = Math.max(this.most.behind, behind);
    const runs = this.#played && !video.paused && !video.ended && !video.seeking;
    if (runs && time === this.#last.time) {
      this.#stall ??= { time, ms: 0 };
      this.#stall.ms += at - this.#last.at;
    } else if (this.#stall) {
      if (this.#stall.ms >= STALL) this.stalls.push(this.#stall);
      this.#stall = null;
    }
    const leap = time - this.#last.time - ((at - this.#last.at) / 1000) * video.playbackRate;
    if (this.#played && leap > 0.3) this.skips.push([this.#last.time, time]);
    this.#last = { at, time };
  }
}

/** The next turn of the page, in which it may have painted. */
function turn(): Promise<void> {
  return new Promise((resolve) => requestAnimationFrame(() => resolve()));
}

declare global {
  var recorder: Recorder;
}

const video = document.querySelector("video");
if (video) globalThis.recorder = new Recorder(video);
