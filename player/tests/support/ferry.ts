/**
 * A slow way up to a gateway that may go away and come back somewhere else: connections are passed on, what goes up no faster than a
 * link carries it.
 *
 * @module
 */

import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

import { Link } from "./link.js";

/** Passes on until it is closed. */
export class Ferry {
  /** Of what goes up; what comes down is not held back. */
  readonly link = new Link();
  /** Where connections go: `http://127.0.0.1:port`. */
  target: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, target: string) {
    this.#server = server;
    this.target = target;
    server.on("connection", (socket: Socket) => this.#pass(socket));
  }

  static async start(target: string): Promise<Ferry> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new Ferry(server, target);
  }

  get address(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #pass(client: Socket): void {
    const { hostname, port } = new URL(this.target);
    const gateway = connect({ host: hostname, port: Number(port), noDelay: true });
    const end = (): void => {
      client.destroy();
      gateway.destroy();
    };
    for (const socket of [client, gateway]) {
      this.#sockets.add(socket);
      socket.on("error", end);
      socket.on("close", () => {
        this.#sockets.delete(socket);
        end();
      });
    }
    gateway.pipe(client);
    this.#up(client, gateway).catch(end);
  }

  async #up(client: Socket, gateway: Socket): Promise<void> {
    for await (const bytes of client as AsyncIterable<Buffer>) {
      for (let at = 0; at < bytes.length;) {
        const piece = bytes.subarray(at, at + this.link.step);
        await this.link.pass(piece.length);
        if (!gateway.write(piece)) await new Promise<void>((resolve) => gateway.once("drain", resolve));
        at += piece.length;
      }
    }
    gateway.end();
  }
}
