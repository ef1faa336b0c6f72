/**
 * Why an upload does not go on, in words for who sends it: what it is, and what to do about it.
 *
 * @module
 */

import type { Refusal } from "../src/upload/bay.js";
import { size } from "./amounts.js";

/** The way out: try again, begin anew, choose the file again, or there is none but another file. */
export type Way = "again" | "over" | "choose" | "none";

/** What is said of a refusal. */
export interface Words {
  readonly what: string;
  readonly do: string;
  readonly way: Way;
}

type Numbers = Readonly<Record<string, number>>;
type Wording = (numbers: Numbers, message: string) => Words;

const NO_ROOM = "Delete films that are no longer needed, or wait until some expire; then try again.";

const NO_LEAVE: Wording = (_, message) => ({
  what: `You may not send films there (${message}).`,
  do: "Load this page again to say who you are: whoever runs the gateway has a token for you. What has arrived is kept for a while.",
  way: "again",
});

/** By what the gateway calls it. */
const KINDS: Record<string, Wording> = {
  not_playable: (_, message) => ({
    what: `This is no film that can be played: ${message}.`,
    do: "MP4, M4V, MOV and M4A files can be. Remove this one and choose another.",
    way: "none",
  }),
  too_large: ({ needed, quota }) => ({
    what: `It is larger than all that may be stored there${of(needed, quota, "at most")}.`,
    do: "A smaller version of it may fit.",
    way: "none",
  }),
  no_space: ({ needed, free }) => ({
    what: `There is no room for it now${of(needed, free, "free are")}.`,
    do: NO_ROOM,
    way: "again",
  }),
  share_full: ({ needed, share }) => ({
    what: `It is more than one sender may store there${of(needed, share, "at most")}.`,
    do: NO_ROOM,
    way: "again",
  }),
  token_wanted: NO_LEAVE,
  wrong_token: NO_LEAVE,
  wrong_role: NO_LEAVE,
  wrong_signature: NO_LEAVE,
  signature_expired: NO_LEAVE,
  disk_full: () => ({ what: "The gateway’s disk is full.", do: NO_ROOM, way: "again" }),
  bytes_differ: () => ({
    what: "The gateway has other bytes of this film: the file was changed since it was begun.",
    do: "Start over to send it as it is now.",
    way: "over",
  }),
  other_length: () => ({
    what: "The file has another length than the one that was begun.",
    do: "Choose the one that was begun, or start over with this one.",
    way: "over",
  }),
};

/** By what the page makes of it. */
const CODES: Record<Refusal["code"], Wording> = {
  gone: () => ({
    what: "The gateway no longer has it: it was deleted, or nobody went on with it for too long.",
    do: "Start over to send it from the beginning.",
    way: "over",
  }),
  unreadable: () => ({
    what: "The file can’t be read any more: it was moved, changed, or its disk was taken away.",
    do: "Choose it again to go on. What has arrived is kept for a while.",
    way: "choose",
  }),
  silent: () => ({
    what: "The connection to the gateway breaks again and again.",
    do: "Check the network, then try again. What has arrived is kept for a while.",
    way: "again",
  }),
  later: (_, message) => ({
    what: `The gateway can’t take it now (${message}).`,
    do: "Try again in a while. What has arrived is kept meanwhile.",
    way: "again",
  }),
  refused: (_, message) => ({
    what: `The gateway does not take it (${message}).`,
    do: "Try again, or start over.",
    way: "again",
  }),
};

/** What to say. */
export function words({ code, kind, message, numbers }: Refusal): Words {
  const wording = KINDS[kind] ?? CODES[code];
  return wording(numbers, message);
}

function of(needed: number | undefined, limit: number | undefined, between: string): string {
  if (needed === undefined || limit === undefined) return "";
  return `: it needs ${size(needed)}, ${between} ${size(limit)}`;
}
