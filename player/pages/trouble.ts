/**
 * What went wrong, in words for who watches: what it is, and what to do about it.
 *
 * @module
 */

import type { ErrorCode } from "../src/errors.js";

/** What is said of an error. */
export interface Trouble {
  readonly what: string;
  readonly do: string;
  /** Whether the original file may still play, or can be saved and played elsewhere. */
  readonly original: boolean;
}

const TROUBLES: Record<ErrorCode, Trouble> = {
  manifest: {
    what: "This film can’t be read.",
    do: "It may have been moved or deleted, or the address is wrong. Check the address, or go back to the list.",
    original: false,
  },
  unsupported: {
    what: "This browser decodes none of what this film is made of.",
    do: "Another browser may. The original file can be saved and played in another player.",
    original: true,
  },
  "media-source": {
    what: "This browser has no Media Source Extensions.",
    do: "A newer browser plays this film. The original file can be saved and played in another player.",
    original: true,
  },
  network: {
    what: "The server can’t be reached.",
    do: "Check the connection, then try again. Playback goes on where it stopped.",
    original: false,
  },
  missing: {
    what: "Too much of this film can’t be had.",
    do: "The file was damaged or taken away. Try again later; the original file may still be whole.",
    original: true,
  },
  decode: {
    what: "The browser gave up on this film.",
    do: "The file is probably damaged here. Try again; the original file may play in another player.",
    original: true,
  },
  segment: { what: "A piece of this film is missing.", do: "It was skipped.", original: false },
};

/** Words for a code; for what is none of the player's codes, those of a file that the browser refused. */
export function trouble(code: string | undefined): Trouble {
  const known: Partial<Record<string, Trouble>> = TROUBLES;
  return known[code ?? ""] ?? { ...TROUBLES.decode, what: "The browser can’t play this file." };
}

/** Words for a wait. */
export const WAITS = {
  elsewhere: "This part has not arrived yet. It plays as soon as it is here.",
  offline: "The connection is lost. It goes on by itself.",
} as const;
