/**
 * Segue's player: give it a `<video>` and the address of a `manifest.json`.
 *
 * @module
 */

export { PlayerError, type ErrorCode } from "./errors.js";
export type { Fragment, Init, Kind, Manifest, Rendition, Segment } from "./manifest.js";
export type { EngineEvent, Limits, Playhead, Stats } from "./messages.js";
export { Player, type LoadOptions, type PlayerOptions } from "./player.js";
