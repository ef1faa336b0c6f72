/**
 * The gateway's side of an upload, as it is asked for over HTTP: made, looked at, given parts, taken back.
 *
 * @module
 */

import type { Range } from "./pieces.js";

/** What the gateway says of an upload. */
export interface Standing {
  readonly state: string;
  /** Bytes of the whole; `null` where nobody has said. */
  readonly length: number | null;
  readonly here: readonly Range[];
  /** What is wanted, the most urgent first, and how many of these somebody waits for. */
  readonly wants: readonly Range[];
  readonly urgent: number;
  /** The medium that comes of it, once that is known. */
  readonly media: string | null;
  /** Why it can't be played. */
  readonly error: string | null;
}

/** What the gateway says over and over while an upload goes on. */
export type Wish = Pick<Standing, "state" | "wants" | "urgent" | "media" | "error">;

/** What else is known of what can't be done. */
export interface Circumstances {
  /** Milliseconds that the gateway asks to wait. */
  readonly after?: number;
  /** What the gateway calls it (`no_space`), with the numbers that go with that. */
  readonly kind?: string;
  readonly numbers?: Readonly<Record<string, number>>;
}

/**
 * What can't be done: `gone` is an upload that the gateway no longer has; `silent`, it doesn't answer; `later` may go well another time;
 * `unreadable` is a file that was moved or changed; `refused` won't go well however often.
 */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly code: "gone" | "silent" | "later" | "unreadable" | "refused";
  readonly after: number;
  readonly kind: string;
  readonly numbers: Readonly<Record<string, number>>;

  constructor(
    code: Refusal["code"],
    message: string,
    { after = 0, kind = "", numbers = {} }: Circumstances = {},
  ) {
    super(message);
    this.code = code;
    this.after = after;
    this.kind = kind;
    this.numbers = numbers;
  }

  /** Whether it may go well another time. */
  get isPassing(): boolean {
    return this.code === "silent" || this.code === "later";
  }
}

const VERSION = { "tus-resumable": "1.0.0" };
/** Milliseconds without a sign of life after which a part is given up: the connection may be dead, and nobody would say so. */
const PATIENCE = 60_000;

/** A film that is to be sent. */
export interface New {
  readonly length: number;
  readonly facts: Readonly<Record<string, string>>;
  /** Asked for again under the same key, it is not made twice. */
  readonly key: string;
}

/** Makes an upload, and says where it is. */
export async function create(
  uploads: string,
  { length, facts, key }: New,
  signal: AbortSignal,
): Promise<string> {
  const headers = {
    ...VERSION,
    "upload-length": `${length}`,
    "upload-metadata": metadata(facts),
    "idempotency-key": key,
  };
  const response = await ask(uploads, { method: "POST", headers, signal });
  const location = response.headers.get("location");
  if (location === null) throw new Refusal("refused", "the gateway doesn't say where to upload to");
  return new URL(location, response.url).href;
}

/** How far an upload is. */
export async function look(upload: string, signal: AbortSignal): Promise<Standing> {
  const response = await ask(upload, { signal, cache: "no-store", headers: { accept: "application/json" } });
  const said = (await response.json()) as Record<string, unknown>;
  const { length } = said;
  return {
    ...readWish(said),
    length: typeof length === "number" ? length : null,
    here: ranges(said.here),
  };
}

/** What is wanted, from JSON that may hold anything. */
export function readWish(said: Readonly<Record<string, unknown>>): Wish {
  const { state, media, wants, urgent, error } = said;
  return {
    state: typeof state === "string" ? state : "receiving",
    media: typeof media === "string" ? media : null,
    wants: ranges(wants),
    urgent: typeof urgent === "number" ? urgent : 0,
    error: typeof error === "string" ? error : null,
  };
}

function ranges(value: unknown): Range[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((range: unknown): Range[] => {
    const [from, to] = Array.isArray(range) ? (range as unknown[]) : [];
    return typeof from === "number" && typeof to === "number" && from < to ? [[from, to]] : [];
  });
}

/** Takes an upload back; one that is gone already is taken back. */
export async function remove(upload: string): Promise<void> {
  try {
    await ask(upload, { method: "DELETE", headers: VERSION, keepalive: true });
  } catch (error) {
    if (!(error instanceof Refusal && error.code === "gone")) throw error;
  }
}

/** Sends a part of a file; tells how many bytes of it have left. */
export function put(
  upload: string,
  file: Blob,
  [from, to]: Range,
  sent: (bytes: number) => void,
  signal: AbortSignal,
): Promise<void> {
  // Only this tells how much of a body has left.
  const request = new XMLHttpRequest();
  return new Promise((resolve, reject) => {
    const abort = (): void => request.abort();
    let watch: ReturnType<typeof setTimeout> | undefined;
    const alive = (): void => {
      clearTimeout(watch);
      watch = setTimeout(abort, PATIENCE);
    };
    request.open("PUT", `${upload}/parts`);
    request.setRequestHeader("content-range", `bytes ${from}-${to - 1}/${file.size}`);
    request.setRequestHeader("content-type", "application/octet-stream");
    request.upload.onprogress = ({ loaded }) => {
      alive();
      sent(Math.min(loaded, to - from));
    };
    request.onload = () => {
      const { status, responseText } = request;
      if (status >= 200 && status < 300) resolve();
      else reject(refusal(status, responseText, request.getResponseHeader("retry-after")));
    };
    request.onerror = () => reject(silence());
    request.onabort = () => reject(signal.aborted ? (signal.reason as Error) : silence());
    request.onloadend = () => {
      clearTimeout(watch);
      signal.removeEventListener("abort", abort);
    };
    signal.addEventListener("abort", abort);
    if (signal.aborted) reject(signal.reason as Error);
    else {
      alive();
      request.send(file.slice(from, to));
    }
  });
}

async function ask(url: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, init);
  } catch {
    init.signal?.throwIfAborted();
    throw silence();
  }
  if (response.ok) return response;
  throw refusal(response.status, await response.text(), response.headers.get("retry-after"));
}

function silence(): Refusal {
  return new Refusal("silent", "the gateway doesn’t answer");
}

/** RFC 9457 says what is wrong in `title` and `detail`, and the gateway adds a code and numbers. */
function refusal(status: number, body: string, retryAfter: string | null): Refusal {
  let said: Record<string, unknown> = {};
  try {
    said = (JSON.parse(body) ?? {}) as typeof said;
  } catch {
    // not from the gateway
  }
  const message = [said.detail, said.title].find((word) => typeof word === "string") ?? `status ${status}`;
  const after = Math.max(0, Number(retryAfter) || 0) * 1000;
  const kind = typeof said.code === "string" ? said.code : "";
  const numbers = Object.fromEntries(
    Object.entries(said).filter((entry): entry is [string, number] => typeof entry[1] === "number"),
  );
  return new Refusal(codeOf(status, after), message, { after, kind, numbers });
}

function codeOf(status: number, after: number): Refusal["code"] {
  if (status === 404 || status === 410) return "gone";
  // A file that has no room now may have it when another has gone.
  if (status === 507) return after > 0 ? "later" : "refused";
  return status === 408 || status === 423 || status === 429 || status >= 500 ? "later" : "refused";
}

/** tus: names and values in Base64, separated by commas. */
function metadata(facts: Readonly<Record<string, string>>): string {
  const encode = (text: string): string =>
    btoa(Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join(""));
  return Object.entries(facts)
    .filter(([, value]) => value !== "")
    .map(([name, value]) => `${name} ${encode(value)}`)
    .join(",");
}
