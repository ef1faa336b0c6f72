/**
 * A slow link between a server and all its clients: a number of bits a second that all connections share, and a time
 * that every request takes on top.
 *
 * @module
 */

/** How slow. */
export interface Slowness {
  /** Thousand bits a second, for all connections together. */
  readonly kbits: number;
  /** Milliseconds there and back. A new connection takes as long again. */
  readonly rtt: number;
}

/** Bytes sent at once: two packets. */
const STEP = 2 * 1448;

/** Lets bytes through as a link of this slowness would; at once where it is `null`. May be changed while bytes pass. */
export class Link {
  slowness: Slowness | null = null;
  /** When all that was let through so far has left. */
  #free = 0;

  /** Bytes to hand over between two calls of `pass`. */
  get step(): number {
    return this.slowness ? STEP : 1 << 16;
  }

  /** Waits until `bytes` more have passed. */
  async pass(bytes: number): Promise<void> {
    if (!this.slowness) return;
    const now = performance.now();
    this.#free = Math.max(this.#free, now) + (bytes * 8) / this.slowness.kbits;
    await wait(this.#free - now);
  }

  /** Waits as long as a request takes before its first byte comes. */
  async turn(connected: boolean): Promise<void> {
    if (this.slowness) await wait(this.slowness.rtt * (connected ? 1 : 2));
  }
}

function wait(ms: number): Promise<void> {
  return ms < 1 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, ms));
}
