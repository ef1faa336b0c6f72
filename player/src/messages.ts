/**
 * What passes between the engine and whoever holds the `<video>`: plain data, so that a worker can be in between.
 *
 * @module
 */

import type { ErrorCode } from "./errors.js";
import type { Manifest } from "./manifest.js";

/** How much is kept and fetched. */
export interface Limits {
  /** Seconds to keep buffered ahead of the playhead, 30 by default. At least `segments` are, where `bytes` allows it. */
  readonly ahead: number;
  /** Seconds to keep behind the playhead, 30 by default. */
  readonly behind: number;
  /** Segments to fetch ahead, 3 by default, even where they last longer than `ahead`. */
  readonly segments: number;
  /** Bytes of one kind ahead of the playhead after which no more segments are begun, 48 MiB by default. */
  readonly bytes: number;
}

/** What the `<video>` is doing. */
export interface Playhead {
  /** Seconds. */
  readonly time: number;
  readonly paused: boolean;
  readonly seeking: boolean;
  readonly rate: number;
  /** `HTMLMediaElement.readyState`. */
  readonly ready: number;
}

/** Down: to the engine. */
export type Command =
  | {
      readonly type: "load";
      /** Absolute address of the manifest. */
      readonly url: string;
      /** The parsed manifest, where the page has it already. */
      readonly manifest?: unknown;
      /** Seconds at which playback will start. */
      readonly start: number;
      readonly limits: Limits;
      /** Height in pixels beyond which automatic quality does not go. */
      readonly maxHeight?: number;
    }
  | { readonly type: "playhead"; readonly playhead: Playhead }
  | { readonly type: "seek"; readonly time: number }
  | { readonly type: "limits"; readonly limits: Limits }
  /** Play this rendition from now on; `null` gives the choice of video back to the engine. */
  | { readonly type: "choose"; readonly kind: "video" | "audio"; readonly id: string | null }
  | { readonly type: "close" };

/** What is being played, for people and for tests. */
export interface Stats {
  /** Rendition ids; `null` where the medium has none of the kind. */
  readonly video: string | null;
  readonly audio: string | null;
  /** Whether the engine chooses the video. */
  readonly auto: boolean;
  /** Bits a second that the link is thought to bear; 0 before anything is known. */
  readonly throughput: number;
  /** Media bytes received. */
  readonly bytes: number;
  /** Media requests made. */
  readonly requests: number;
}

/** Up: from the engine. */
export type EngineEvent =
  /** There is a manifest; told again whenever more of the medium has arrived. */
  | { readonly type: "manifest"; readonly manifest: Manifest; readonly playable: readonly string[] }
  /** The playhead is to be set. */
  | { readonly type: "jump"; readonly to: number; readonly from: number; readonly reason: "gap" | "nudge" }
  /** Another rendition is being fetched. */
  | {
      readonly type: "rendition";
      readonly kind: "video" | "audio";
      readonly id: string;
      readonly auto: boolean;
    }
  /** The playhead waits for bytes that the server doesn't have yet (`elsewhere`), or for the network (`offline`). */
  | { readonly type: "waiting"; readonly for: "elsewhere" | "offline" | null }
  | { readonly type: "stats"; readonly stats: Stats }
  /** After a fatal one nothing more happens until `load`. */
  | { readonly type: "error"; readonly code: ErrorCode; readonly message: string; readonly fatal: boolean }
  /** What the `<video>` is to play: a MediaSource, or from a worker its handle. */
  | { readonly type: "attach"; readonly source: MediaSource | MediaSourceHandle };
