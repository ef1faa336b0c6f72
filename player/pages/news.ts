/**
 * When a page has to look again: when the gateway says that something happened, and where it says nothing, every few seconds.
 *
 * Only while the page is seen: a stream of events takes one of the few connections that a browser has to a server.
 *
 * @module
 */

import { listen } from "../src/events.js";

/** Milliseconds between two looks: at least; where nobody tells what happens; and where the gateway does. */
const OFTEN = 1000;
const EVERY = 4000;
const SELDOM = 30_000;

/** Calls back whenever it is time to look, for as long as the page lives. */
export function onNews(look: () => void, events = "/v1/events"): void {
  let watch: Watch | null = null;
  const turn = (): void => {
    watch?.close();
    watch = document.hidden ? null : new Watch(look, events);
  };
  document.addEventListener("visibilitychange", () => {
    turn();
    if (watch) look();
  });
  turn();
}

class Watch {
  readonly #life = new AbortController();
  readonly #look: () => void;
  #most = EVERY;
  #timer = 0;
  #looked = -Infinity;
  #due = Infinity;

  constructor(look: () => void, events: string) {
    this.#look = look;
    const heard = (): void => {
      this.#most = SELDOM;
      this.#within(OFTEN - (performance.now() - this.#looked));
    };
    listen(events, heard, this.#life.signal).catch(() => undefined); // closed
    this.#within(this.#most);
  }

  close(): void {
    this.#life.abort();
    clearTimeout(this.#timer);
  }

  /** Looks no later than in so many milliseconds. */
  #within(milliseconds: number): void {
    const due = performance.now() + Math.max(0, milliseconds);
    if (due >= this.#due) return;
    this.#due = due;
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => {
      this.#looked = performance.now();
      this.#due = Infinity;
      this.#look();
      this.#within(this.#most);
    }, milliseconds);
  }
}
