/**
 * A stand-in for a gateway that takes uploads: the page, and behind it what `CONTRACT` says of uploads, as slow, choosy and
 * faulty as a test wants it.
 *
 * @module
 */

import { readFileSync, statSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { bytesIn, merged, type Range } from "../../src/upload/pieces.js";

const DIST = fileURLToPath(new URL("../../dist", import.meta.url));
const TYPES: Record<string, string> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".m4s": "video/mp4",
};

/** An upload as the stand-in has it. */
export interface Berth {
  readonly length: number;
  /** What it was told of the film. */
  readonly facts: Readonly<Record<string, string>>;
  here: Range[];
  wants: Range[];
  state: string;
  media: string | null;
  /** Parts that were taken, in the order in which they came. */
  readonly parts: Range[];
  /** The bytes of smaller files. */
  readonly bytes: Buffer | null;
  readonly listeners: Set<ServerResponse>;
}

/** Serves until it is closed. */
export class Harbour {
  readonly berths = new Map<string, Berth>();
  /** Uploads that were taken back. */
  readonly removed: string[] = [];
  /** Parts are answered when this resolves, but for so many. */
  gate: Promise<unknown> = Promise.resolve();
  free = 0;
  /** Where parts begin that came to the gate. */
  readonly asked: number[] = [];
  /** What the next parts get instead of an answer: a status, or a broken connection. */
  readonly faults: (number | "broken")[] = [];
  readonly #server: Server;
  readonly #film: string | null;

  private constructor(server: Server, film: string | null) {
    this.#server = server;
    this.#film = film;
    server.on("request", (request: IncomingMessage, response: ServerResponse) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
  }

  /** With the folder of a film that plays once an upload is called playable. */
  static async start(film: string | null = null): Promise<Harbour> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new Harbour(server, film);
  }

  get address(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The upload of a file. */
  berth(filename: string): Berth | undefined {
    return [...this.berths.values()].find(({ facts }) => facts.filename === filename);
  }

  /** Changes an upload and tells who listens. */
  tell(berth: Berth, change: Partial<Pick<Berth, "wants" | "state" | "media">>): void {
    Object.assign(berth, change);
    for (const listener of berth.listeners) listener.write(wish(berth, "wants"));
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url ?? "/", this.address);
    const [, id = "", rest = ""] = /^\/v1\/uploads(?:\/([^/]+)(?:\/(\w+))?)?$/.exec(pathname) ?? [];
    if (!pathname.startsWith("/v1/uploads")) {
      this.#page(pathname, request, response);
      return;
    }
    if (request.method === "POST") return this.#create(request, response);
    const berth = this.berths.get(id);
    if (!berth) {
      problem(response, 404, "There is no such upload");
      return;
    }
    if (request.method === "PUT") return this.#take(berth, request, response);
    if (request.method === "DELETE") {
      this.berths.delete(id);
      this.removed.push(id);
      for (const listener of berth.listeners) listener.end();
      return void response.writeHead(204).end();
    }
    if (rest === "wants") {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(wish(berth, "wants"));
      berth.listeners.add(response);
      response.on("close", () => berth.listeners.delete(response));
      return;
    }
    const { length, here, wants, state, media } = berth;
    json(response, 200, { id, length, here, wants, urgent: wants.length, state, media, expires: null });
  }

  async #create(request: IncomingMessage, response: ServerResponse): Promise<void> {
    await read(request);
    const length = Number(request.headers["upload-length"]);
    const pairs = String(request.headers["upload-metadata"] ?? "").split(",");
    const facts = pairs.map((pair) => pair.trim().split(" ") as [string, string]);
    const id = `u${this.berths.size + this.removed.length + 1}`;
    this.berths.set(id, {
      length,
      facts: Object.fromEntries(
        facts.map(([name, value]) => [name, Buffer.from(value, "base64").toString()]),
      ),
      ...{ here: [], wants: [], state: "receiving", media: null, parts: [] },
      bytes: length < 50e6 ? Buffer.alloc(length) : null,
      listeners: new Set(),
    });
    response.writeHead(201, { location: `/v1/uploads/${id}`, "tus-resumable": "1.0.0" }).end();
  }

  async #take(berth: Berth, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await read(request);
    const [from = NaN, to = NaN, length = NaN] =
      (request.headers["content-range"] ?? "").match(/\d+/g)?.map(Number) ?? [];
    this.asked.push(from);
    if (this.free > 0) this.free -= 1;
    else await this.gate;
    const fault = this.faults.shift();
    if (fault === "broken") return void response.destroy();
    if (fault !== undefined) {
      problem(response, fault, "The disk is on fire");
      return;
    }
    if (body.length !== to + 1 - from || length !== berth.length) {
      problem(response, 400, "A range and a body differ");
      return;
    }
    body.copy(berth.bytes ?? Buffer.alloc(0), from);
    berth.parts.push([from, to + 1]);
    berth.here = merged(berth.length, [...berth.here, [from, to + 1]]);
    const isWhole = bytesIn(berth.length, berth.here) === berth.length;
    if (isWhole) {
      this.tell(berth, { state: "ready", media: berth.media ?? "film" });
      for (const listener of berth.listeners) listener.end(wish(berth, "done"));
    }
    response.writeHead(204).end();
  }

  #page(pathname: string, request: IncomingMessage, response: ServerResponse): void {
    if (pathname === "/upload") {
      const html = readFileSync(path.join(DIST, "pages/upload.html"), "utf8");
      const body = html.replace("<head>", '<head><base href="/player/pages/" />');
      return void response.writeHead(200, { "content-type": "text/html" }).end(body);
    }
    const film = /^\/v1\/media\/\w+\/(.+)$/.exec(pathname)?.[1];
    const asset = /^\/player\/(.+)$/.exec(pathname)?.[1];
    const file = film && this.#film ? path.join(this.#film, film) : asset ? path.join(DIST, asset) : "";
    if (!file || !statSync(file, { throwIfNoEntry: false })?.isFile()) {
      problem(response, 404, "Not found");
      return;
    }
    const bytes = readFileSync(file);
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
    const from = Number(range?.[1] ?? 0);
    const to = range?.[2] ? Number(range[2]) + 1 : bytes.length;
    response.writeHead(range ? 206 : 200, {
      "content-type": TYPES[path.extname(file)] ?? "application/octet-stream",
      "content-length": to - from,
      ...(range && { "content-range": `bytes ${from}-${to - 1}/${bytes.length}` }),
    });
    response.end(bytes.subarray(from, to));
  }
}

function wish({ wants, state, media }: Berth, event: "wants" | "done"): string {
  return `event: ${event}\ndata: ${JSON.stringify({ wants, urgent: wants.length, state, media })}\n\n`;
}

function json(response: ServerResponse, status: number, body: unknown, type = "application/json"): void {
  response.writeHead(status, { "content-type": type }).end(JSON.stringify(body));
}

function problem(response: ServerResponse, status: number, title: string): void {
  json(response, status, { title, status }, "application/problem+json");
}

async function read(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}
