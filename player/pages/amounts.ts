/**
 * Amounts of bytes and times as people say them.
 *
 * @module
 */

const UNITS = ["bytes", "kB", "MB", "GB", "TB"];

/** `812 bytes`, `4.2 MB`, `37 GB`. */
export function size(bytes: number): string {
  let [value, unit] = [bytes, 0];
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const text = unit > 0 && value < 9.95 ? value.toFixed(1) : value.toFixed(0);
  return `${text} ${UNITS[unit]}`;
}

/** `5 s left`, `3 min left`, `2 h 10 min left`. */
export function left(seconds: number): string {
  if (seconds < 55) return `${Math.max(5, Math.ceil(seconds / 5) * 5)} s left`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min left`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min left`;
}

/** Bytes a second of the last seconds, from counts that may also fall. */
export class Rate {
  readonly #window: number;
  #counts: { readonly at: number; readonly bytes: number }[] = [];

  /** Over so many milliseconds. */
  constructor(window = 6000) {
    this.#window = window;
  }

  /** So much there is at a time in milliseconds; the rate, 0 before anything is known. */
  at(now: number, bytes: number): number {
    this.#counts = [...this.#counts.filter(({ at }) => now - at <= this.#window), { at: now, bytes }];
    const [first] = this.#counts;
    if (!first || now - first.at < 1000) return 0;
    return Math.max(0, ((bytes - first.bytes) * 1000) / (now - first.at));
  }

  /** What was before counts no longer. */
  reset(): void {
    this.#counts = [];
  }
}
