/**
 * The engine and a `<video>` together, on this thread or with the engine in a worker.
 *
 * @module
 */

import type { Captions } from "./captions.js";
import { Engine } from "./engine.js";
import type { Manifest, Rendition } from "./manifest.js";
import type { Command, EngineEvent, Limits, Stats } from "./messages.js";

/** How a player is set up. */
export interface PlayerOptions {
  /**
   * Runs the engine in a worker, where the browser has MediaSource in workers: `true` for the `worker.js` beside this module, or
   * its address.
   */
  readonly worker?: boolean | string | URL;
  readonly limits?: Partial<Limits>;
  /** Height in pixels beyond which automatic quality does not go. */
  readonly maxHeight?: number;
}

/** How a medium is begun. */
export interface LoadOptions {
  /** The parsed `manifest.json`, where the page has it already: that saves a round trip. */
  readonly manifest?: unknown;
  /** Seconds at which to start, 0 by default. */
  readonly start?: number;
}

/** How much is kept and fetched where nothing else is said. */
export const LIMITS: Limits = { ahead: 30, behind: 30, segments: 3, bytes: 48 << 20 };
/** Milliseconds between two reports of the playhead, beside those at every event. */
const REPORT = 250;
/** Milliseconds in which a choice has reached the engine, and what it tells has come back. */
const HEEDED = 500;
/** What the element may tell of the playhead. */
const EVENTS = [
  "timeupdate",
  "play",
  "pause",
  "playing",
  "waiting",
  "seeked",
  "ratechange",
  "canplay",
  "ended",
];
const NOTHING: Stats = { video: null, audio: null, auto: true, throughput: 0, bytes: 0, requests: 0 };

/**
 * Plays manifests in a `<video>`. Dispatches what the engine tells as `CustomEvent`s of the same type, `detail` the `EngineEvent`:
 * `manifest`, `rendition`, `jump`, `waiting`, `stats`, `error`.
 */
export class Player extends EventTarget {
  private readonly video: HTMLVideoElement;
  private readonly options: PlayerOptions;
  private readonly send: (command: Command) => void;
  private readonly worker: Worker | null;
  private readonly timer: ReturnType<typeof setInterval>;
  private kept: Limits;
  private address: string | null = null;
  private captions: Captions | null = null;
  private known: Manifest | null = null;
  private able: readonly string[] = [];
  private told: Stats = NOTHING;
  /** What was chosen of late, and until when that outweighs what is told. */
  private chosen: Partial<Stats> = {};
  private heeded = 0;
  /** Where playback starts, until the video is there. */
  private start: number | null = null;

  constructor(video: HTMLVideoElement, options: PlayerOptions = {}) {
    super();
    this.video = video;
    this.options = options;
    this.kept = { ...LIMITS, ...options.limits };
    this.worker = options.worker && inWorkers() ? startWorker(options.worker) : null;
    if (this.worker) {
      const { worker } = this;
      worker.onmessage = ({ data }: MessageEvent<EngineEvent>) => this.happened(data);
      worker.onerror = ({ message }) => {
        this.happened({
          type: "error",
          code: "media-source",
          message: message || "the worker can't be started",
          fatal: true,
        });
      };
      this.send = (command) => worker.postMessage(command);
    } else {
      const engine = new Engine((event) => this.happened(event));
      this.send = (command) => engine.handle(command);
    }
    for (const name of EVENTS) video.addEventListener(name, this.report);
    video.addEventListener("seeking", this.seeking);
    video.addEventListener("loadedmetadata", this.begin);
    video.addEventListener("error", this.broken);
    this.timer = setInterval(this.report, REPORT);
  }

  /** Plays another medium from now on. `url` is its `manifest.json`. */
  load(url: string, { manifest, start = 0 }: LoadOptions = {}): void {
    this.reset();
    this.start = start;
    const { maxHeight } = this.options;
    this.send({
      type: "load",
      url: new URL(url, document.baseURI).href,
      start,
      limits: this.kept,
      ...(manifest !== undefined && { manifest }),
      ...(maxHeight !== undefined && { maxHeight }),
    });
  }

  /** What is played; `null` until its manifest is there. */
  get manifest(): Manifest | null {
    return this.known;
  }

  /** The renditions that this browser plays. */
  get playable(): readonly Rendition[] {
    return this.known?.renditions.filter(({ id }) => this.able.includes(id)) ?? [];
  }

  /** A video rendition's id, or `"auto"` where the engine chooses. */
  get quality(): string {
    return this.told.auto ? "auto" : (this.told.video ?? "auto");
  }

  set quality(id: string) {
    const auto = id === "auto";
    this.choose({ auto, ...(!auto && { video: id }) });
    this.send({ type: "choose", kind: "video", id: auto ? null : id });
  }

  /** The id of the audio rendition; `null` where there is none. */
  get audio(): string | null {
    return this.told.audio;
  }

  set audio(id: string | null) {
    if (id === null) return;
    this.choose({ audio: id });
    this.send({ type: "choose", kind: "audio", id });
  }

  /** How much is kept and fetched; what is left out when it is set stays as it was. */
  get limits(): Limits {
    return this.kept;
  }

  set limits(limits: Partial<Limits>) {
    this.kept = { ...this.kept, ...limits };
    this.send({ type: "limits", limits: this.kept });
  }

  /** What is being played, and how well it comes in. */
  get stats(): Stats {
    return this.told;
  }

  /** Pauses, and moves by whole frames. */
  step(frames: number): void {
    this.video.pause();
    const video = this.playable.find(({ id }) => id === this.told.video);
    const rate = video?.frameRate ?? 25;
    // The middle of a frame: times are rounded on the way.
    const frame = Math.floor(this.video.currentTime * rate + 0.01) + frames;
    this.video.currentTime = Math.max(0, (frame + 0.5) / rate);
  }

  /** Lets go of the video. */
  close(): void {
    clearInterval(this.timer);
    for (const name of EVENTS) this.video.removeEventListener(name, this.report);
    this.video.removeEventListener("seeking", this.seeking);
    this.video.removeEventListener("loadedmetadata", this.begin);
    this.video.removeEventListener("error", this.broken);
    this.reset();
    this.send({ type: "close" });
    this.worker?.terminate();
  }

  /** What was chosen is so at once, whatever a worker says that has not heard of it yet. */
  private choose(choice: Partial<Stats>): void {
    const now = performance.now();
    this.chosen = { ...(now < this.heeded ? this.chosen : {}), ...choice };
    this.heeded = now + HEEDED;
    this.told = { ...this.told, ...choice };
  }

  private reset(): void {
    this.captions?.close();
    this.captions = null;
    this.known = null;
    this.able = [];
    this.told = NOTHING;
    this.heeded = 0;
    if (this.address !== null) {
      URL.revokeObjectURL(this.address);
      this.video.removeAttribute("src");
    }
    this.address = null;
    if (this.video.srcObject !== null) this.video.srcObject = null;
  }

  private happened(event: EngineEvent): void {
    switch (event.type) {
      case "attach":
        this.attach(event.source);
        return;
      case "manifest":
        this.known = event.manifest;
        this.able = event.playable;
        void this.caption(event.manifest);
        break;
      case "jump":
        this.video.currentTime = event.to;
        break;
      case "stats":
        this.told = { ...event.stats, ...(performance.now() < this.heeded ? this.chosen : {}) };
        break;
      default:
    }
    this.dispatchEvent(new CustomEvent(event.type, { detail: event }));
  }

  /** Captions are no part of what a film needs to start. */
  private async caption(manifest: Manifest): Promise<void> {
    if (this.captions) {
      this.captions.update(manifest);
      return;
    }
    if (!manifest.renditions.some(({ kind }) => kind === "text")) return;
    const { Captions } = await import("./captions.js");
    if (this.known === manifest) this.captions = new Captions(this.video, manifest);
  }

  private attach(source: MediaSource | MediaSourceHandle): void {
    // A ManagedMediaSource is refused by a video that may be sent to a screen elsewhere.
    if (!("MediaSource" in globalThis)) this.video.disableRemotePlayback = true;
    if ("readyState" in source) {
      this.address = URL.createObjectURL(source);
      this.video.src = this.address;
    } else {
      this.video.srcObject = source as unknown as MediaProvider;
    }
  }

  private readonly report = (): void => {
    const { currentTime, paused, seeking, playbackRate, readyState } = this.video;
    this.send({
      type: "playhead",
      playhead: { time: this.start ?? currentTime, paused, seeking, rate: playbackRate, ready: readyState },
    });
  };

  private readonly seeking = (): void => {
    if (this.start === null) this.send({ type: "seek", time: this.video.currentTime });
  };

  private readonly begin = (): void => {
    const { start } = this;
    this.start = null;
    if (start) this.video.currentTime = start;
  };

  private readonly broken = (): void => {
    const { error } = this.video;
    if (!error || this.known === null) return;
    this.send({ type: "close" });
    this.happened({
      type: "error",
      code: "decode",
      message: error.message || `media error ${error.code}`,
      fatal: true,
    });
  };
}

/** Whether a worker can have a MediaSource. */
function inWorkers(): boolean {
  const { MediaSource: source } = globalThis as { MediaSource?: { canConstructInDedicatedWorker?: boolean } };
  return source?.canConstructInDedicatedWorker === true;
}

function startWorker(at: true | string | URL): Worker {
  return at === true
    ? new Worker(new URL("./worker.js", import.meta.url), { type: "module" })
    : new Worker(at, { type: "module" });
}
