/**
 * Events that a server sends (`text/event-stream`), for whoever waits for something to happen there.
 *
 * # Why
 * Read with `fetch`, not `EventSource`: that one tells only events whose names are known beforehand, doesn't tell a server that
 * has no such stream from one that is busy, and takes no headers.
 *
 * @module
 */

import { sleep } from "./loader.js";

/** One event. */
export interface ServerEvent {
  /** `message`, where the server gives it no name. */
  readonly type: string;
  readonly data: string;
}

/** Milliseconds before a stream that ended is asked for again, where the server says nothing else; doubled for each failure. */
const BACKOFF = 1000;
const LONGEST_BACKOFF = 30_000;

/**
 * Calls back with each event of a stream, asks for it again where it ends, and goes on after the last event that was heard.
 * Resolves when the server has no such stream; rejects when `signal` aborts.
 */
export async function listen(
  url: string,
  heard: (event: ServerEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  const parser = new EventParser();
  for (let failures = 0; ; failures += 1) {
    try {
      const headers = { accept: "text/event-stream", ...(parser.last && { "last-event-id": parser.last }) };
      const response = await fetch(url, { headers, signal, cache: "no-store" });
      const type = response.headers.get("content-type") ?? "";
      const busy = response.status === 429 || response.status >= 500;
      if (!busy && !(response.status === 200 && type.startsWith("text/event-stream"))) {
        void response.body?.cancel();
        return;
      }
      if (!busy && response.body) {
        for (const reader = response.body.pipeThrough(new TextDecoderStream()).getReader(); ;) {
          const { done, value } = await reader.read();
          if (done) break;
          failures = 0;
          for (const event of parser.feed(value)) heard(event);
        }
      }
    } catch {
      // A broken connection; the server may come back.
      signal.throwIfAborted();
    }
    parser.end();
    await sleep(Math.min(parser.retry * 2 ** failures, LONGEST_BACKOFF), signal);
  }
}

/** The lines of a stream, put together to events. Text may come in any pieces. */
export class EventParser {
  /** The id of the last event that had one; empty before. */
  last = "";
  /** Milliseconds to wait before the stream is asked for again. */
  retry = BACKOFF;
  #rest = "";
  #type = "";
  #data: string[] = [];

  /** The events that this text completes. */
  feed(text: string): ServerEvent[] {
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? "";
    return lines.flatMap((line) => this.#line(line));
  }

  /** What a stream leaves unfinished counts for nothing. */
  end(): void {
    this.#rest = this.#type = "";
    this.#data = [];
  }

  #line(line: string): ServerEvent[] {
    if (line === "") {
      const event = { type: this.#type || "message", data: this.#data.join("\n") };
      const isAny = this.#data.length > 0;
      this.#type = "";
      this.#data = [];
      return isAny ? [event] : [];
    }
    const [, name = "", value = ""] = /^([^:]*)(?:: ?(.*))?$/.exec(line) ?? [];
    if (name === "event") this.#type = value;
    else if (name === "data") this.#data.push(value);
    else if (name === "id") this.last = value;
    else if (name === "retry" && /^\d+$/.test(value)) this.retry = Number(value);
    return [];
  }
}
