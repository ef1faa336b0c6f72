/**
 * Gets a run of bytes, whatever the network does: streams them as they come, goes on by Range from what has come where a body
 * stalls, breaks off or ends early, asks again where the server fails, and says when there is nothing more to hope for.
 *
 * # Why
 * Bytes are watched, not requests: a body may take a minute on a slow link and be well, and one that has been silent for as long
 * as half the buffer lasts is not. Each silent try is given twice the patience of the one before, so that a server that needs
 * time to think gets it in the end.
 *
 * @module
 */

/** What to get. */
export interface Run {
  readonly url: string;
  /** First byte, and one past the last. */
  readonly from: number;
  readonly to: number;
  /** Whether this is the whole of what lies at `url`: then no range is asked for. */
  readonly whole: boolean;
}

/** Who gets it. */
export interface Taker {
  /** Bytes in order; reading goes on when this resolves. */
  bytes(bytes: Uint8Array<ArrayBuffer>): Promise<void> | void;
  /** Seconds that can be played without these bytes. */
  left(): number;
  /** What is being waited for, until called with `null`. */
  waiting(reason: "elsewhere" | "offline" | null): void;
  /** A body begins or ends: for who measures. */
  reading(on: boolean): void;
}

/** What can't be had: `missing` there, or the server is not reached at all (`network`). */
export class Lost extends Error {
  override readonly name = "Lost";
  readonly code: "missing" | "network";

  constructor(code: "missing" | "network", message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/** Milliseconds without a byte after which a request is made again: no more than this … */
const PATIENCE = 2000;
/** … and, however little is buffered, no less: a connection's set-up on a slow link takes as long. */
const LEAST_PATIENCE = 1000;
/** The longest that a server may think. */
const MOST_PATIENCE = 20_000;
/** Milliseconds before the first repetition; doubled for each more. */
const BACKOFF = 100;
const LONGEST_BACKOFF = 2000;
/** Repetitions that are made even where nothing is buffered. */
const TRIES = 5;
/** Milliseconds without any answer, and with nothing buffered, after which the server is given up. */
const UNREACHABLE = 20_000;
/** Milliseconds between tries while the browser says that it is offline. */
const OFFLINE = 1000;
/** Milliseconds between questions for bytes that are elsewhere, where the server doesn't say. */
const ASK_AGAIN = 1000;
const LONGEST_ASK_AGAIN = 5000;

/** Resolves once every byte has been taken. Rejects with `Lost`, or with the signal's reason. */
export async function load(run: Run, taker: Taker, signal: AbortSignal): Promise<void> {
  const course: Course = { at: run.from, tries: 0, silent: 0, heard: performance.now() };
  while (course.at < run.to) {
    const before = course.at;
    const outcome = await attempt(run, course, taker, signal);
    if (course.at > before) {
      taker.waiting(null);
      course.tries = course.silent = 0;
    } else {
      await wait(outcome, run, course, taker, signal);
    }
  }
}

/** How far a run has got. */
interface Course {
  /** The next byte. */
  at: number;
  /** Tries in a row that brought nothing, and those of them that ended in silence. */
  tries: number;
  silent: number;
  /** When the server was last heard of. */
  heard: number;
}

/** How a try ended. */
type Outcome =
  | { readonly kind: "ended" }
  /** Nothing came for too long. */
  | { readonly kind: "silent" }
  /** No connection, or it broke off. */
  | { readonly kind: "broken"; readonly cause: unknown }
  /** The server is at fault; it may do better. */
  | { readonly kind: "failed"; readonly status: number }
  /** There is no such thing here. */
  | { readonly kind: "gone"; readonly status: number }
  /** Not here yet: ask again after so many milliseconds. */
  | { readonly kind: "later"; readonly after: number };

async function wait(
  outcome: Outcome,
  run: Run,
  course: Course,
  taker: Taker,
  signal: AbortSignal,
): Promise<void> {
  const starved = taker.left() < 1;
  switch (outcome.kind) {
    case "gone":
      throw new Lost("missing", `${run.url}: ${outcome.status}`);
    case "later":
      taker.waiting("elsewhere");
      course.heard = performance.now();
      return sleep(outcome.after, signal);
    case "silent":
    case "broken":
      course.silent += outcome.kind === "silent" ? 1 : 0;
      if (!navigator.onLine) {
        taker.waiting("offline");
        // Whether it is back is found out by asking: not every worker is told.
        await online(signal);
        course.heard = performance.now();
        return;
      } else if (starved && performance.now() - course.heard > UNREACHABLE) {
        throw new Lost(
          "network",
          `${run.url}: no answer`,
          outcome.kind === "broken" ? outcome.cause : undefined,
        );
      }
      break;
    case "failed":
    case "ended":
      course.heard = performance.now();
      if (starved && course.tries >= TRIES) {
        throw new Lost("missing", `${run.url}: ${outcome.kind === "failed" ? outcome.status : "ends early"}`);
      }
  }
  course.tries += 1;
  return sleep(Math.min(BACKOFF * 2 ** (course.tries - 1), LONGEST_BACKOFF), signal);
}

/** One request, read to its end. Rejects only when `signal` does. */
async function attempt(run: Run, course: Course, taker: Taker, signal: AbortSignal): Promise<Outcome> {
  const given = Math.min(Math.max(taker.left() * 500, LEAST_PATIENCE), PATIENCE) * 2 ** course.silent;
  const watch = new Watch(Math.min(given, MOST_PATIENCE), signal);
  try {
    const whole = run.whole && course.at === 0;
    const headers = whole ? {} : { Range: `bytes=${course.at}-${run.to - 1}` };
    const response = await fetch(run.url, { headers, signal: watch.signal });
    const refusal = refused(response);
    if (refusal) {
      void response.body?.cancel().catch(() => undefined);
      return refusal;
    }
    if (response.body) await read(response, response.body, run, course, taker, watch);
    return { kind: "ended" };
  } catch (cause) {
    signal.throwIfAborted();
    return watch.signal.aborted ? { kind: "silent" } : { kind: "broken", cause };
  } finally {
    watch.end();
  }
}

function refused({ status, ok, headers }: Response): Outcome | undefined {
  if (ok) return undefined;
  const after = headers.get("retry-after");
  if (status === 429 || (status === 503 && after != null)) {
    const seconds = Number(after);
    const asked = seconds > 0 ? Math.min(seconds * 1000, LONGEST_ASK_AGAIN) : ASK_AGAIN;
    return { kind: "later", after: asked };
  }
  return status >= 500 || status === 408 ? { kind: "failed", status } : { kind: "gone", status };
}

async function read(
  { status }: Response,
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  run: Run,
  course: Course,
  taker: Taker,
  watch: Watch,
): Promise<void> {
  const reader = body.getReader();
  // A server that knows no ranges sends everything: what is there already is passed over.
  let skip = status === 206 ? 0 : course.at;
  let reading = false;
  try {
    while (course.at < run.to) {
      watch.again();
      const { done, value } = await reader.read();
      if (done) return;
      watch.rest();
      if (!reading) taker.reading((reading = true));
      const bytes = value.subarray(Math.min(skip, value.length), skip + run.to - course.at);
      skip = Math.max(0, skip - value.length);
      if (bytes.length === 0) continue;
      course.at += bytes.length;
      course.heard = performance.now();
      await taker.bytes(bytes);
    }
  } finally {
    if (reading) taker.reading(false);
    void reader.cancel().catch(() => undefined);
  }
}

/** Aborts a request that has been silent for too long, or that is no longer wanted. */
class Watch {
  private readonly controller = new AbortController();
  private readonly patience: number;
  private readonly outer: AbortSignal;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(patience: number, outer: AbortSignal) {
    this.patience = patience;
    this.outer = outer;
    outer.throwIfAborted();
    outer.addEventListener("abort", this.abort);
    this.again();
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** A byte is waited for from now on. */
  again(): void {
    this.rest();
    this.timer = setTimeout(this.abort, this.patience);
  }

  /** None is waited for. */
  rest(): void {
    clearTimeout(this.timer);
  }

  end(): void {
    this.rest();
    this.outer.removeEventListener("abort", this.abort);
  }

  private readonly abort = (): void => this.controller.abort();
}

/** Rejects when `signal` does. */
export function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return until((done) => {
    const timer = setTimeout(done, milliseconds);
    return () => clearTimeout(timer);
  }, signal);
}

function online(signal: AbortSignal): Promise<void> {
  return until((done) => {
    const timer = setTimeout(done, OFFLINE);
    addEventListener("online", done);
    return () => {
      clearTimeout(timer);
      removeEventListener("online", done);
    };
  }, signal);
}

/** Resolves when `begin`'s callback is called; what `begin` returns is done at the end either way. */
function until(begin: (done: () => void) => () => void, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void) => (): void => {
      end();
      signal.removeEventListener("abort", aborted);
      settle();
    };
    const aborted = finish(() => reject(signal.reason as Error));
    const end = begin(finish(resolve));
    if (signal.aborted) aborted();
    else signal.addEventListener("abort", aborted);
  });
}
