/**
 * The browser's MediaSource, or its ManagedMediaSource where it has only that.
 *
 * @module
 */

import { PlayerError } from "./errors.js";

type Maker = typeof MediaSource;

/** The kind of MediaSource there is here; none where the browser has neither. */
function maker(): Maker | undefined {
  const scope = globalThis as { MediaSource?: Maker; ManagedMediaSource?: Maker };
  return scope.MediaSource ?? scope.ManagedMediaSource;
}

/** Whether this browser says it decodes a type. */
export function isSupported(type: string): boolean {
  return maker()?.isTypeSupported(type) ?? false;
}

/** One MediaSource, from before it is attached until it is closed. */
export class Source {
  private readonly media: MediaSource;
  /** Whether the browser wants media now; a ManagedMediaSource may say no to save power. */
  streaming = true;
  private readonly open: Promise<void>;

  /** Throws a `PlayerError` with the code `media-source` where there is none. */
  constructor(changed: () => void) {
    const Made = maker();
    if (!Made) throw new PlayerError("media-source", "this browser has no Media Source Extensions");
    this.media = new Made();
    this.open = new Promise((resolve) => {
      this.media.addEventListener("sourceopen", () => resolve(), { once: true });
    });
    if (!("MediaSource" in globalThis)) {
      this.streaming = false;
      for (const [name, on] of [
        ["startstreaming", true],
        ["endstreaming", false],
      ] as const) {
        this.media.addEventListener(name, () => {
          this.streaming = on;
          changed();
        });
      }
    }
  }

  /** What a `<video>` is given: in a worker a handle, else the MediaSource itself. */
  get handle(): MediaSource | MediaSourceHandle {
    return (this.media as { handle?: MediaSourceHandle }).handle ?? this.media;
  }

  /** Resolves once buffers can be added. */
  opened(): Promise<void> {
    return this.open;
  }

  get isOpen(): boolean {
    return this.media.readyState === "open";
  }

  /** Seconds. */
  set duration(seconds: number) {
    if (this.isOpen) this.media.duration = seconds;
  }

  addBuffer(type: string): SourceBuffer {
    return this.media.addSourceBuffer(type);
  }

  /** Everything has been appended. Appending again opens it again. */
  end(): void {
    if (this.isOpen) this.media.endOfStream();
  }
}
