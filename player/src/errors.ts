/**
 * What can go wrong, as one class with a code that says what to do.
 *
 * @module
 */

/**
 * - `manifest`: the manifest can't be had or read; check the address.
 * - `unsupported`: this browser decodes none of the renditions; offer the original file or another browser.
 * - `network`: the server can't be reached any more; try again later.
 * - `missing`: segment after segment can't be had; the medium is damaged or gone.
 * - `decode`: the browser refused media; the file is damaged.
 * - `media-source`: this browser has no Media Source Extensions.
 * - `segment`: one segment can't be had; its gap is jumped. Never fatal.
 */
export type ErrorCode =
  "manifest" | "unsupported" | "network" | "missing" | "decode" | "media-source" | "segment";

/** An error of the player. After a fatal one nothing more is played until `load` is called again. */
export class PlayerError extends Error {
  override readonly name = "PlayerError";
  readonly code: ErrorCode;
  readonly fatal: boolean;

  constructor(code: ErrorCode, message: string, options: { fatal?: boolean; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.fatal = options.fatal ?? true;
  }
}
