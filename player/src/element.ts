/**
 * `<segue-video src="…/manifest.json">`: a custom element that is used as `<video>` is, by pages and by control libraries.
 * It makes a player for each load and holds no media itself; anything but a manifest is left to the browser.
 *
 * Attributes beyond those of `<video>`: `start` (seconds at which playback begins), `worker` (run the engine in a worker;
 * its value, if any, is the worker's address), `max-height` (pixels beyond which automatic quality does not go).
 *
 * @module
 */

import { CustomVideoElement } from "custom-media-element";
import { MediaTracksMixin } from "media-tracks";
import type { ErrorCode } from "./errors.js";
import type { EngineEvent, Limits } from "./messages.js";
import { LIMITS, Player, type PlayerOptions } from "./player.js";
import { follow } from "./tracks.js";

/** `MediaError`, with the player's own code beside the browser's number. */
export class VideoError implements MediaError {
  readonly MEDIA_ERR_ABORTED = 1;
  readonly MEDIA_ERR_NETWORK = 2;
  readonly MEDIA_ERR_DECODE = 3;
  readonly MEDIA_ERR_SRC_NOT_SUPPORTED = 4;
  readonly code: number;
  readonly reason: ErrorCode;
  readonly message: string;

  constructor(reason: ErrorCode, message: string) {
    this.code = NUMBERS[reason];
    this.reason = reason;
    this.message = message;
  }
}

const NUMBERS: Record<ErrorCode, number> = {
  manifest: 4,
  unsupported: 4,
  "media-source": 4,
  network: 2,
  missing: 2,
  segment: 2,
  decode: 3,
};

/** What `preload="metadata"` fetches before somebody plays: enough for a first picture. */
const METADATA: Partial<Limits> = { ahead: 1, segments: 1 };

const EVENTS: readonly EngineEvent["type"][] = ["manifest", "rendition", "jump", "waiting", "stats", "error"];

/** Whether an address is a manifest's, which the player reads; anything else the browser plays by itself. */
export function isManifest(address: string): boolean {
  return URL.canParse(address) && new URL(address).pathname.endsWith(".json");
}

const Base = MediaTracksMixin(CustomVideoElement);

/** The element. What the engine says is dispatched as `player` events, whose detail is the engine's event. */
export class SegueVideo extends Base {
  static override readonly observedAttributes = [...Base.observedAttributes, "start", "worker", "max-height"];

  /** The address is the player's business, and so is how much is loaded before somebody plays. */
  static override getTemplateHTML = (attributes: Record<string, string>): string => {
    const left = Object.entries(attributes).filter(([name]) => name !== "src" && name !== "preload");
    return Base.getTemplateHTML(Object.fromEntries(left));
  };

  /** The parsed manifest of the next load, where the page has it already: saves a round trip. */
  manifest: unknown;

  #player: Player | null = null;
  #life: AbortController | null = null;
  #error: MediaError | null = null;
  /** What was loaded last, absolute; empty before. */
  #address = "";
  /** The manifest that the page had for an address; loading that again needs it again. */
  #known: { readonly address: string; readonly manifest: unknown } | null = null;
  /** A load waits for the end of the task, so that attributes can be set in any order. */
  #scheduled = false;
  /** A load waits for `play()`. */
  #deferred = false;
  /** Seconds at which the next load begins, where not at `start`. */
  #resume: number | null = null;
  #light = false;

  /** The engine that plays; `null` before anything is loaded, and for what the browser plays by itself. */
  get player(): Player | null {
    return this.#player;
  }

  /** As the manifest has it: at the end of the stream browsers round what they buffered, and clocks would show a second less. */
  override get duration(): number {
    const { duration } = this.nativeEl;
    const whole = this.#player?.manifest?.duration ?? duration;
    return Math.abs(whole - duration) < 0.1 ? whole : duration;
  }

  override attributeChangedCallback(name: string, before?: string | null, after?: string | null): void {
    if (name === "src") {
      this.#resume = null;
      this.#schedule();
    } else if (name === "preload") {
      if (!this.#player) this.nativeEl.preload = this.preload;
      if (this.#deferred && after !== "none") this.#schedule();
    } else {
      super.attributeChangedCallback(name, before, after);
    }
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.#address === "" && this.hasAttribute("src")) this.#schedule();
  }

  /** Moving the element in its document interrupts nothing; taking it out ends the player, and putting it back goes on. */
  override disconnectedCallback(): void {
    super.disconnectedCallback();
    queueMicrotask(() => {
      if (this.isConnected || !this.#player) return;
      this.#resume = this.nativeEl.currentTime;
      this.#close();
      this.nativeEl.load();
    });
  }

  override load(): void {
    const src = this.getAttribute("src");
    this.#scheduled = false;
    this.#close();
    if (src === null) {
      this.nativeEl.removeAttribute("src");
      this.nativeEl.load();
      return;
    }
    this.#address = new URL(src, this.baseURI).href;
    if (!isManifest(this.#address)) {
      this.nativeEl.preload = this.preload;
      this.nativeEl.src = this.#address;
      return;
    }
    const preload = this.hasAttribute("autoplay") ? "auto" : this.getAttribute("preload");
    this.#deferred = preload === "none";
    if (!this.#deferred) this.#begin(preload === "metadata");
  }

  override async play(): Promise<void> {
    if (this.#scheduled) this.load();
    if (this.#deferred) this.#begin(false);
    else if (this.#light) this.#goOn();
    const video = this.nativeEl;
    // Loading pauses: an engine in a worker hands its source over later.
    if (this.#player && !video.src && !video.srcObject) {
      await new Promise((done) => video.addEventListener("loadstart", done, { once: true }));
    }
    await video.play();
  }

  override get src(): string {
    const src = this.getAttribute("src");
    return src === null ? "" : new URL(src, this.baseURI).href;
  }

  override set src(value: string) {
    this.setAttribute("src", value);
  }

  override get currentSrc(): string {
    return this.#player || this.#deferred ? this.#address : this.nativeEl.currentSrc;
  }

  override get error(): MediaError | null {
    return this.#error ?? this.nativeEl.error;
  }

  override get currentTime(): number {
    return this.#deferred ? (this.#resume ?? this.start) : this.nativeEl.currentTime;
  }

  override set currentTime(time: number) {
    if (this.#deferred) this.#resume = time;
    else this.nativeEl.currentTime = time;
  }

  /** Seconds at which playback begins. */
  get start(): number {
    return Math.max(0, Number.parseFloat(this.getAttribute("start") ?? "") || 0);
  }

  set start(seconds: number) {
    this.setAttribute("start", `${seconds}`);
  }

  override handleEvent(event: Event): void {
    if (event.type !== "error" || !this.#player) {
      super.handleEvent(event);
      return;
    }
    // The engine knows better what happened; the browser's word counts where it says nothing.
    const player = this.#player;
    setTimeout(() => {
      if (this.#player !== player || this.#error || !this.nativeEl.error) return;
      this.#fail(this.nativeEl.error);
    });
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      if (this.#scheduled && this.isConnected) this.load();
      this.#scheduled = false;
    });
  }

  #begin(light: boolean): void {
    const worker = this.getAttribute("worker");
    const maxHeight = Number.parseInt(this.getAttribute("max-height") ?? "", 10);
    const options: PlayerOptions = {
      ...(worker !== null && { worker: worker === "" ? true : new URL(worker, this.baseURI) }),
      ...(maxHeight > 0 && { maxHeight }),
      ...(light && { limits: METADATA }),
    };
    this.#deferred = false;
    this.#light = light;
    this.nativeEl.preload = "auto";
    this.#life = new AbortController();
    this.#player = new Player(this.nativeEl, options);
    follow(this.#player, this, this.#life.signal);
    for (const type of EVENTS) this.#player.addEventListener(type, this.#told, { signal: this.#life.signal });
    if (this.manifest !== undefined) this.#known = { address: this.#address, manifest: this.manifest };
    this.manifest = undefined;
    this.#player.load(this.#address, {
      start: this.#resume ?? this.start,
      ...(this.#known?.address === this.#address && { manifest: this.#known.manifest }),
    });
  }

  /** From a first picture to all that playing takes. */
  #goOn(): void {
    this.#light = false;
    if (this.#player) this.#player.limits = LIMITS;
  }

  readonly #told = (event: Event): void => {
    const { detail } = event as CustomEvent<EngineEvent>;
    this.dispatchEvent(new CustomEvent("player", { detail }));
    if (detail.type === "error" && detail.fatal) this.#fail(new VideoError(detail.code, detail.message));
  };

  #fail(error: MediaError): void {
    this.#error = error;
    this.dispatchEvent(new CustomEvent("error", { detail: error }));
  }

  #end(): void {
    this.#life?.abort();
    this.#life = null;
    this.#player?.close();
    this.#player = null;
  }

  #close(): void {
    this.#end();
    this.#error = null;
    this.#deferred = false;
    this.#light = false;
    this.#address = "";
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "segue-video": SegueVideo;
  }
}

if (!customElements.get("segue-video")) customElements.define("segue-video", SegueVideo);
