/**
 * What is to happen to one SourceBuffer, in order; nothing else touches it. All bytes that wait are appended at once.
 *
 * @module
 */

import { type Span, spans } from "./ranges.js";

/** Bytes handed over in one append at most: what does not fit is found out before much is in flight. */
const AT_ONCE = 4 << 20;

type Step =
  | { readonly do: "append"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly do: "abort" }
  | { readonly do: "remove"; readonly from: number; readonly to: number }
  | { readonly do: "type"; readonly type: string }
  | { readonly do: "offset"; readonly seconds: number }
  | { readonly do: "mark"; readonly reached: () => void };

/** Who is told. */
export interface Watcher {
  /** Nothing is left to do, or an append has ended. */
  changed(): void;
  /** The buffer is full. Whether room was made (by `remove`); otherwise appending waits for `retry`. */
  full(): boolean;
  /** The browser refused the media: the MediaSource is dead. */
  failed(cause: unknown): void;
}

/** One a SourceBuffer. */
export class AppendQueue {
  private readonly buffer: SourceBuffer;
  private readonly watcher: Watcher;
  private readonly steps: Step[] = [];
  private readonly waiting: (() => void)[] = [];
  private type: string;
  private blocked = false;
  private closed = false;

  constructor(buffer: SourceBuffer, type: string, watcher: Watcher) {
    this.buffer = buffer;
    this.type = type;
    this.watcher = watcher;
    buffer.addEventListener("updateend", this.ended);
    buffer.addEventListener("error", this.refused);
  }

  /** Bytes that wait to be appended. */
  get pending(): number {
    return this.steps.reduce((sum, step) => (step.do === "append" ? sum + step.bytes.byteLength : sum), 0);
  }

  /** Whether everything has been done. */
  get idle(): boolean {
    return this.steps.length === 0 && !this.buffer.updating;
  }

  /** What the buffer holds; empty once it is gone. */
  get buffered(): Span[] {
    try {
      return spans(this.buffer.buffered);
    } catch {
      return [];
    }
  }

  append(bytes: Uint8Array<ArrayBuffer>): void {
    this.push({ do: "append", bytes });
  }

  /** Times in what follows are moved by this. */
  offset(seconds: number): void {
    this.push({ do: "offset", seconds });
  }

  /** What follows is of another type, where that differs. */
  change(type: string): void {
    this.push({ do: "type", type });
  }

  /** Lets go of a span. */
  remove(from: number, to: number): void {
    if (from < to) this.push({ do: "remove", from, to });
  }

  /** Calls back once everything before has been done. */
  mark(reached: () => void): void {
    this.push({ do: "mark", reached });
  }

  /** Forgets the segment that is half-way in: its bytes that wait are dropped, its whole frames stay in the buffer. */
  abort(): void {
    for (let last = this.steps.at(-1); last?.do === "append"; last = this.steps.at(-1)) this.steps.pop();
    this.push({ do: "abort" });
  }

  /** Resolves once at most this many bytes wait. */
  async below(bytes: number): Promise<void> {
    while (!this.closed && this.pending > bytes)
      await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  /** Goes on after the buffer was full. */
  retry(): void {
    this.blocked = false;
    this.next();
  }

  /** Nothing is done after this. */
  close(): void {
    this.closed = true;
    this.steps.length = 0;
    this.buffer.removeEventListener("updateend", this.ended);
    this.buffer.removeEventListener("error", this.refused);
    this.wake();
  }

  private push(step: Step): void {
    if (this.closed) return;
    this.steps.push(step);
    this.next();
  }

  private readonly ended = (): void => {
    this.wake();
    this.next();
    this.watcher.changed();
  };

  private readonly refused = (event: Event): void => {
    this.close();
    this.watcher.failed(event);
  };

  private wake(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }

  private next(): void {
    while (!this.closed && !this.blocked && !this.buffer.updating && this.steps.length > 0) {
      try {
        this.step();
      } catch (cause) {
        if (cause instanceof DOMException && cause.name === "QuotaExceededError") {
          this.blocked = true;
          if (this.watcher.full()) this.blocked = false;
        } else {
          this.close();
          this.watcher.failed(cause);
        }
      }
    }
  }

  private step(): void {
    const step = this.steps[0];
    if (!step) return;
    if (step.do === "append") {
      this.appendAll();
      return;
    }
    this.steps.shift();
    if (step.do === "abort") this.forget();
    else if (step.do === "remove") this.buffer.remove(Math.max(0, step.from), step.to);
    else if (step.do === "mark") step.reached();
    else if (step.do === "offset") this.setOffset(step.seconds);
    else if (family(step.type) !== family(this.type)) {
      this.buffer.changeType(step.type);
      this.type = step.type;
    }
  }

  private forget(): void {
    try {
      this.buffer.abort();
    } catch (cause) {
      // After the end of the stream there is nothing to forget, and the browser says so.
      if (!(cause instanceof DOMException && cause.name === "InvalidStateError")) throw cause;
    }
  }

  private setOffset(seconds: number): void {
    if (this.buffer.timestampOffset !== seconds) this.buffer.timestampOffset = seconds;
  }

  private appendAll(): void {
    const parts: Uint8Array<ArrayBuffer>[] = [];
    let length = 0;
    for (const step of this.steps) {
      if (step.do !== "append" || (length > 0 && length + step.bytes.byteLength > AT_ONCE)) break;
      parts.push(step.bytes);
      length += step.bytes.byteLength;
    }
    // An append that is refused for want of room is tried again: nothing leaves the queue before it is accepted.
    this.buffer.appendBuffer(joined(parts, length));
    this.steps.splice(0, parts.length);
  }

  /** Makes room ahead of what waits. */
  removeFirst(from: number, to: number): void {
    this.steps.unshift({ do: "remove", from, to });
  }
}

/** A type without the profile of its codec: another profile needs no more than its init segment. */
function family(type: string): string {
  return type.replace(/\.[^",]*/g, "");
}

function joined(parts: readonly Uint8Array<ArrayBuffer>[], length: number): Uint8Array<ArrayBuffer> {
  const [only] = parts;
  if (only && parts.length === 1) return only;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}
