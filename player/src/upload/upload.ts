/**
 * One file on its way to the gateway: sends what is wanted next until all is there, over breaks of the network, pauses, and pages
 * that were closed.
 *
 * @module
 */

import { listen, type ServerEvent } from "../events.js";
import { sleep } from "../loader.js";
import { create, look, put, readWish, Refusal, remove, type Wish } from "./bay.js";
import { bytesIn, type Flight, merged, nextPart, type Range } from "./pieces.js";

/** Where a file stands: not begun or held back, being sent, all there, or not to be had there. */
export type Phase = "idle" | "sending" | "done" | "failed";

/** What is known of an upload. */
export interface Progress {
  readonly phase: Phase;
  /** Bytes of the whole. */
  readonly length: number;
  /** What the gateway has, and what has left for it. */
  readonly here: readonly Range[];
  readonly leaving: readonly Range[];
  /** Bytes of both. */
  readonly sent: number;
  /** What it waits for before it can go on. */
  readonly waits: "network" | "gateway" | null;
  /** The medium that comes of it; what the gateway says of it; whether it plays already. */
  readonly media: string | null;
  readonly state: string;
  readonly plays: boolean;
  /** Why it failed, or why what was sent can't be played. */
  readonly error: Refusal | null;
}

/** What the gateway is told of a film. */
export type Facts = Readonly<
  Partial<Record<"filename" | "title" | "type" | "tmdb" | "season" | "episode" | "filetype", string>>
>;

/** Repetitions of what failed, and milliseconds before the first; doubled for each more. */
const RETRIES = 3;
const BACKOFF = 500;
/** Milliseconds between two questions whether a gateway that doesn't answer is there again. */
const KNOCK = 5000;
/** Milliseconds between two looks at what is wanted, where the gateway doesn't tell by itself. */
const LOOK = 2000;
/** Milliseconds that a last question may take. */
const PATIENCE = 30_000;
/** States of media of which nothing more is to be said. */
const ENDS = ["ready", "failed", "expired"];
/** Milliseconds between two reports. */
const REPORT = 200;

/** One upload; dispatches `begun` when it has an address, and `change` when something of its progress has changed. */
export class Upload extends EventTarget {
  readonly file: File;
  /** Where it is; `null` before the gateway has been asked for it. */
  address: string | null;
  readonly #uploads: string;
  readonly #facts: Facts;
  readonly #key = newKey();
  #phase: Phase = "idle";
  #isItsTurn = true;
  #error: Refusal | null = null;
  #waits: Progress["waits"] = null;
  #here: readonly Range[] = [];
  #wish: Wish = { state: "receiving", wants: [], urgent: 0, media: null, error: null };
  #flying: readonly Flight[] = [];
  #life: AbortController | null = null;
  /** Of who listens to the gateway: outlives what is sent, until all has been said. */
  #listening: AbortController | null = null;
  /** Whether the gateway tells by itself what it wants. */
  #isTold = false;
  #wake = (): void => undefined;
  #report: ReturnType<typeof setTimeout> | undefined;

  /** `uploads` is where uploads are made; `address` one that was begun before. */
  constructor(uploads: string, file: File, facts: Facts, address: string | null = null) {
    super();
    this.#uploads = uploads;
    this.file = file;
    this.#facts = facts;
    this.address = address;
  }

  get progress(): Progress {
    const length = this.file.size;
    const { state, media } = this.#wish;
    const leaving = this.#flying
      .filter(({ sent }) => sent > 0)
      .map(({ range: [from], sent }): Range => [from, from + sent]);
    return {
      phase: this.#phase,
      length,
      here: this.#here,
      leaving,
      sent: bytesIn(length, [...this.#here, ...leaving]),
      waits: this.#waits,
      media,
      state,
      plays: media !== null && (state === "playable" || state === "ready"),
      error: this.#error ?? (state === "failed" ? noFilm(this.#wish.error) : null),
    };
  }

  get isItsTurn(): boolean {
    return this.#isItsTurn;
  }

  /**
   * Whether it is this file's turn to be sent, among several: until then only what somebody waits for is sent of it, such as where its
   * film begins and ends, and the gateway is asked for that now and then rather than listened to, which takes one connection of few.
   */
  set isItsTurn(its: boolean) {
    if (its === this.#isItsTurn) return;
    this.#isItsTurn = its;
    if (this.#listening && !this.#listening.signal.aborted && this.address !== null)
      this.#listen(this.address);
    this.#changed();
  }

  /** Begins, or goes on. */
  start(): void {
    if (this.#phase === "sending" || this.#phase === "done") return;
    const life = (this.#life = new AbortController());
    this.#phase = "sending";
    this.#error = null;
    this.#changed();
    this.#run(life.signal).then(
      () => this.#end(life, "done", null),
      (cause: unknown) => this.#end(life, "failed", cause),
    );
  }

  /** Holds it back; what the gateway has stays there for a while. */
  pause(): void {
    if (this.#phase !== "sending" || !this.#life) return;
    this.#end(this.#life, "idle", null);
  }

  /** Ends it and takes it back. */
  async cancel(): Promise<void> {
    this.pause();
    this.#listening?.abort();
    if (this.address !== null) await remove(this.address);
  }

  #end(life: AbortController, phase: Phase, cause: unknown): void {
    if (this.#life !== life) return;
    this.#life = null;
    life.abort();
    if (phase !== "done") this.#listening?.abort();
    this.#phase = phase;
    this.#flying = [];
    this.#waits = null;
    if (phase === "failed") {
      this.#error = cause instanceof Refusal ? cause : new Refusal("refused", String(cause));
    }
    this.#changed();
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { file } = this;
    if (this.address === null) {
      const made = { length: file.size, facts: this.#facts, key: this.#key };
      this.address = await this.#asked(() => create(this.#uploads, made, signal), signal);
      this.dispatchEvent(new Event("begun"));
    }
    const { address } = this;
    this.#listen(address);
    for (let [failures, had] = [0, -1]; ;) {
      // What the gateway has counts, not what was sent: it may have lost some, and keeps what came of a part that broke off.
      const standing = await this.#asked(() => look(address, signal), signal);
      if (standing.length !== null && standing.length !== file.size) {
        const message = `this file has ${file.size} bytes, the one that was begun ${standing.length}`;
        throw new Refusal("refused", message, { kind: "other_length" });
      }
      this.#here = standing.here;
      // What is told by itself is newer than what was asked for before it came.
      if (!this.#isTold) this.#heard(standing);
      const has = bytesIn(file.size, this.#here);
      if (has === file.size) return;
      if (has > had) failures = 0;
      had = has;
      try {
        await this.#send(address, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof Refusal && error.isPassing)) throw error;
        // Who is told when to come back is not turned away.
        if (error.after === 0 && (failures += 1) > RETRIES) throw error;
        await sleep(error.after || backoff(failures), signal);
      }
    }
  }

  /** Sends what is missing; when a part fails, rejects as soon as the others have ended. */
  async #send(address: string, signal: AbortSignal): Promise<void> {
    const { size: length } = this.file;
    let failed: { readonly cause: unknown } | undefined;
    while (bytesIn(length, this.#here) < length) {
      if (this.#wish.state === "failed") throw noFilm((await look(address, signal)).error);
      if (this.#wish.state === "expired") throw new Refusal("gone", "the gateway has taken it away");
      const { wants, urgent } = this.#wish;
      const known = { length, here: this.#here, flying: this.#flying, isItsTurn: this.#isItsTurn };
      const part = failed ? null : nextPart({ ...known, wants, urgent });
      if (part) {
        const fail = (cause: unknown): void => {
          failed ??= { cause };
        };
        void this.#fly(address, part, fail, signal);
      } else {
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
      signal.throwIfAborted();
      if (failed && (this.#flying.length === 0 || !isPassing(failed.cause))) throw failed.cause;
    }
  }

  async #fly(
    address: string,
    range: Range,
    fail: (cause: unknown) => void,
    signal: AbortSignal,
  ): Promise<void> {
    let flight: Flight = { range, sent: 0 };
    this.#flying = [...this.#flying, flight];
    const sent = (bytes: number): void => {
      const now = { range, sent: bytes };
      this.#flying = this.#flying.map((other) => (other === flight ? now : other));
      flight = now;
      this.#changed();
    };
    try {
      await put(address, this.file, range, sent, signal).catch((cause: unknown) => this.#blame(cause));
      this.#here = merged(this.file.size, [...this.#here, range]);
    } catch (cause) {
      fail(cause);
    }
    this.#flying = this.#flying.filter((other) => other !== flight);
    this.#changed();
  }

  /** A file that was changed or moved since it was chosen can't be read; browsers call that a broken network. */
  async #blame(cause: unknown): Promise<never> {
    const isReadable = await this.file
      .slice(0, 1)
      .arrayBuffer()
      .then(
        () => true,
        () => false,
      );
    throw isReadable ? cause : new Refusal("unreadable", "the file can’t be read any more");
  }

  #listen(address: string): void {
    this.#listening?.abort();
    this.#listening = new AbortController();
    void this.#follow(address, this.#listening).catch(() => undefined); // aborted, or gone
  }

  /** Keeps up with what is wanted, and with what comes of it. */
  async #follow(address: string, life: AbortController): Promise<void> {
    this.#isTold = false;
    const heard = ({ type, data }: ServerEvent): void => {
      if (type !== "wants" && type !== "done") return;
      this.#isTold = true;
      this.#heard(readWish(JSON.parse(data) as Record<string, unknown>));
      if (type === "done") life.abort();
    };
    if (this.#isItsTurn) {
      await listen(`${address}/wants`, heard, life.signal).catch((error: unknown) => {
        if (!life.signal.aborted) throw error;
      });
      this.#isTold = false;
      // Why it can't be played is told only to who asks.
      if (this.#wish.state === "failed") this.#heard(await look(address, AbortSignal.timeout(PATIENCE)));
    }
    while (!ENDS.includes(this.#wish.state)) {
      await sleep(LOOK, life.signal);
      this.#heard(await this.#asked(() => look(address, life.signal), life.signal));
    }
  }

  #heard({ state, wants, urgent, media, error }: Wish): void {
    this.#wish = { state, wants, urgent, media: media ?? this.#wish.media, error: error ?? this.#wish.error };
    this.#changed();
  }

  /** What a short question is answered, however long the gateway stays silent. */
  async #asked<T>(question: () => Promise<T>, signal: AbortSignal): Promise<T> {
    for (let tries = 0; ;) {
      try {
        const answer = await question();
        this.#wait(null);
        return answer;
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof Refusal && error.isPassing)) throw error;
        if (error.after === 0) tries += 1;
        const isSilent = error.code === "silent";
        if (tries > RETRIES && !isSilent) throw error;
        if (isSilent && !navigator.onLine) this.#wait("network");
        else if (tries > RETRIES) this.#wait("gateway");
        await sleep(tries > RETRIES ? KNOCK : error.after || backoff(tries), signal);
      }
    }
  }

  #wait(waits: Progress["waits"]): void {
    if (waits === this.#waits) return;
    this.#waits = waits;
    this.#changed();
  }

  #changed(): void {
    this.#wake();
    if (this.#report !== undefined) return;
    const tell = (): void => {
      this.#report = undefined;
      this.dispatchEvent(new Event("change"));
    };
    this.#report = setTimeout(tell, this.#phase === "sending" ? REPORT : 0);
  }
}

/** Nobody guesses it: who knows it is given the same upload. */
function newKey(): string {
  const words = crypto.getRandomValues(new Uint32Array(4));
  return Array.from(words, (word) => word.toString(16)).join("-");
}

function isPassing(error: unknown): boolean {
  return error instanceof Refusal && error.isPassing;
}

function noFilm(why: string | null): Refusal {
  return new Refusal("refused", why ?? "it holds no film", { kind: "not_playable" });
}

/** Milliseconds before a try after so many that failed; browsers that failed together don't come back together. */
function backoff(failures: number): number {
  return BACKOFF * 2 ** (failures - 1) * (0.75 + Math.random() / 2);
}
