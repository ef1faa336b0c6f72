/**
 * A stand-in for a web server that can misbehave on purpose: it serves folders with byte ranges, keeps a log of what was
 * asked, and follows rules for some of it: refuse, fall silent, break off, hold back.
 *
 * @module
 */

import { closeSync, openSync, readFileSync, readSync, statSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import path from "node:path";

import { Link } from "./link.js";

/** What goes wrong with a response. */
export type Fault =
  | { readonly do: "status"; readonly status: number; readonly retryAfter?: number }
  /** Never answers. */
  | { readonly do: "silence" }
  /** Sends this share of the body, then nothing more; the connection stays open. */
  | { readonly do: "stop"; readonly share: number }
  /** Sends this share of the body, then closes the connection as if that were all. */
  | { readonly do: "break"; readonly share: number }
  /** Sends this share of the body and says that it is the whole. */
  | { readonly do: "shorten"; readonly share: number }
  /** Sends this share of the body, then resets the connection. */
  | { readonly do: "reset"; readonly share: number }
  /** Sends the whole file whatever range was asked for. */
  | { readonly do: "whole" }
  /** Sends another body. */
  | { readonly do: "edit"; readonly edit: (body: Buffer) => Buffer }
  /** Waits for this before it answers. */
  | { readonly do: "hold"; readonly until: Promise<unknown> };

/** Which requests a fault befalls. */
export interface Rule {
  /** Of the path with its query. */
  readonly match: RegExp | ((address: string) => boolean);
  readonly fault: Fault;
  /** How many requests; all, without it. */
  readonly times?: number;
}

/** A rule in force. */
export interface Standing {
  /** How many requests it befell. */
  readonly hits: number;
  lift(): void;
}

/** One request. */
export interface Entry {
  readonly path: string;
  /** The header as it came, else empty. */
  readonly range: string;
  /** 0 until it is answered. */
  status: number;
  /** Of its body, handed to the connection. */
  bytes: number;
  /** Milliseconds of `performance.now()`. */
  readonly at: number;
  /** How it ended; not yet, as long as it is undefined. */
  end?: "sent" | "aborted" | "faulty";
}

type Answer = () =>
  { readonly body: Buffer; readonly type: string } | Promise<{ body: Buffer; type: string }>;
/** A stream of events; all who listen hear each. */
export interface Stage {
  /** How many listen. */
  readonly listeners: number;
  say(type: string, data: unknown): void;
  /** Breaks off all who listen. */
  drop(): void;
}

type Place =
  | { readonly listeners: Set<ServerResponse> }
  | { readonly folder: string }
  | { readonly answer: Answer }
  | { readonly upstream: string };

const TYPES: Record<string, string> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".json": "application/json",
  ".m3u8": "application/vnd.apple.mpegurl",
  ".mpd": "application/dash+xml",
  ".m4s": "video/mp4",
  ".mp4": "video/mp4",
  ".vtt": "text/vtt",
};

/** The server; listens on a port of its own until it is closed. */
export class Origin {
  readonly link = new Link();
  readonly log: Entry[] = [];
  readonly #server: Server;
  /** By prefix of the path, the last added first. */
  readonly #places: (readonly [string, Place])[] = [];
  #rules: { rule: Rule; hits: number }[] = [];
  readonly #known = new WeakSet<Socket>();

  private constructor(server: Server) {
    this.#server = server;
    server.keepAliveTimeout = 60_000;
    server.on("connection", (socket: Socket) => {
      socket.setNoDelay(true);
      socket.on("error", () => socket.destroy());
    });
    server.on("request", (request: IncomingMessage, response: ServerResponse) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
  }

  static async start(): Promise<Origin> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new Origin(server);
  }

  /** `http://127.0.0.1:port`. */
  get address(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Serves a folder below a prefix such as `/film/`, or a file at an address. */
  folder(prefix: string, folder: string): void {
    this.#places.unshift([prefix, { folder }]);
  }

  /** Answers one address. */
  page(address: string, body: string | Answer, type = "text/html"): void {
    const answer = typeof body === "string" ? () => ({ body: Buffer.from(body), type }) : body;
    this.#places.unshift([address, { answer }]);
  }

  /** Tells events at an address. */
  events(address: string): Stage {
    const listeners = new Set<ServerResponse>();
    this.#places.unshift([address, { listeners }]);
    return {
      get listeners() {
        return listeners.size;
      },
      say: (type, data) => {
        for (const each of listeners) each.write(`event: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
      },
      drop: () => {
        for (const each of listeners) each.destroy();
      },
    };
  }

  /** Hands what lies below a prefix on to another server. */
  forward(prefix: string, upstream: string): void {
    this.#places.unshift([prefix, { upstream }]);
  }

  /** Puts a rule into force; of several that match, the oldest that is not used up. */
  rule(rule: Rule): Standing {
    const standing = { rule, hits: 0 };
    this.#rules.push(standing);
    return {
      get hits() {
        return standing.hits;
      },
      lift: () => {
        this.#rules = this.#rules.filter((other) => other !== standing);
      },
    };
  }

  /** The requests whose path matches, in the order they came. */
  asked(match: RegExp): Entry[] {
    return this.log.filter((entry) => match.test(entry.path));
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const address = request.url ?? "/";
    const entry: Entry = {
      path: address,
      range: request.headers.range ?? "",
      status: 0,
      bytes: 0,
      at: performance.now(),
    };
    this.log.push(entry);
    response.on("close", () => (entry.end ??= response.writableFinished ? "sent" : "aborted"));
    await this.link.turn(this.#known.has(request.socket));
    this.#known.add(request.socket);
    const fault = this.#befalls(address);
    if (fault?.do === "silence") return;
    if (fault?.do === "hold") await fault.until;
    if (fault?.do === "status") {
      entry.end = "faulty";
      const after = fault.retryAfter === undefined ? {} : { "retry-after": String(fault.retryAfter) };
      return (this.#head(entry, response, fault.status, after), void response.end("on purpose"));
    }
    const hall = this.#places.find(([prefix, place]) => "listeners" in place && address === prefix)?.[1];
    if (hall && "listeners" in hall) {
      this.#head(entry, response, 200, { "content-type": "text/event-stream" });
      response.flushHeaders();
      hall.listeners.add(response);
      response.on("close", () => hall.listeners.delete(response));
      return;
    }
    const found = request.method === "OPTIONS" ? undefined : await this.#find(address);
    if (!found)
      return (this.#head(entry, response, request.method === "OPTIONS" ? 204 : 404, {}), void response.end());
    const body = fault?.do === "edit" ? fault.edit(found.read(0, found.size)) : null;
    const size = body ? body.length : found.size;
    const range = fault?.do === "whole" ? null : /^bytes=(\d+)-(\d*)$/.exec(entry.range);
    const from = range ? Number(range[1]) : 0;
    const to = range?.[2] ? Math.min(Number(range[2]) + 1, size) : size;
    if (from >= to && size > 0) return (this.#head(entry, response, 416, {}), void response.end());
    const bytes = body ? body.subarray(from, to) : found.read(from, to);
    const share = fault && "share" in fault ? fault.share : 1;
    const sent = Math.floor(bytes.length * share);
    this.#head(entry, response, range ? 206 : 200, {
      "content-type": found.type,
      "accept-ranges": "bytes",
      "content-length": String(fault?.do === "shorten" ? sent : bytes.length),
      ...(range && { "content-range": `bytes ${from}-${to - 1}/${size}` }),
    });
    if (request.method === "HEAD") return void response.end();
    response.flushHeaders();
    if (!(await this.#send(entry, response, bytes.subarray(0, sent)))) return;
    if (share < 1) entry.end = "faulty";
    if (fault?.do === "stop") return;
    if (fault?.do === "break") return void response.socket?.end();
    if (fault?.do === "reset") return void response.socket?.resetAndDestroy();
    response.end();
  }

  #befalls(address: string): Fault | undefined {
    const matches = ({ match }: Rule): boolean =>
      match instanceof RegExp ? match.test(address) : match(address);
    const found = this.#rules.find(({ rule, hits }) => hits < (rule.times ?? Infinity) && matches(rule));
    if (found) found.hits += 1;
    return found?.rule.fault;
  }

  #head(entry: Entry, response: ServerResponse, status: number, headers: Record<string, string>): void {
    entry.status = status;
    response.writeHead(status, {
      "access-control-allow-origin": "*",
      "access-control-allow-headers": "*",
      "access-control-expose-headers": "*",
      "cache-control": "no-store",
      ...headers,
    });
  }

  async #send(entry: Entry, response: ServerResponse, bytes: Buffer): Promise<boolean> {
    for (let from = 0; from < bytes.length;) {
      const piece = bytes.subarray(from, from + this.link.step);
      await this.link.pass(piece.length);
      if (response.destroyed) return false;
      if (!response.write(piece)) await drained(response);
      entry.bytes += piece.length;
      from += piece.length;
    }
    return !response.destroyed;
  }

  async #find(address: string): Promise<Found | undefined> {
    const pathname = decodeURIComponent(address.split("?")[0] ?? "/");
    for (const [prefix, place] of this.#places) {
      if (!pathname.startsWith(prefix)) continue;
      if ("folder" in place) {
        const rest = path.normalize(`/${pathname.slice(prefix.length)}`);
        return file(pathname === prefix ? place.folder : path.join(place.folder, rest));
      }
      if ("listeners" in place) continue;
      if ("answer" in place) return whole(await place.answer());
      const reply = await fetch(place.upstream + address);
      if (!reply.ok) return undefined;
      const type = reply.headers.get("content-type") ?? "application/octet-stream";
      return whole({ body: Buffer.from(await reply.arrayBuffer()), type });
    }
    return undefined;
  }
}

interface Found {
  readonly size: number;
  readonly type: string;
  read(from: number, to: number): Buffer;
}

function whole({ body, type }: { body: Buffer; type: string }): Found {
  return { size: body.length, type, read: (from, to) => body.subarray(from, to) };
}

function file(name: string): Found | undefined {
  const stat = statSync(name, { throwIfNoEntry: false });
  if (!stat?.isFile()) return undefined;
  const read = (from: number, to: number): Buffer => {
    if (from === 0 && to === stat.size) return readFileSync(name);
    const bytes = Buffer.alloc(to - from);
    const open = openSync(name, "r");
    readSync(open, bytes, 0, bytes.length, from);
    closeSync(open);
    return bytes;
  };
  return { size: stat.size, type: TYPES[path.extname(name)] ?? "application/octet-stream", read };
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off("drain", done);
      response.off("close", done);
      resolve();
    };
    response.on("drain", done);
    response.on("close", done);
  });
}
