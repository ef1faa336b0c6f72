/**
 * Where somebody stopped watching, kept in this browser only.
 *
 * @module
 */

/** Where in a film somebody was. */
export interface Position {
  /** Seconds. */
  readonly time: number;
  readonly duration: number;
}

const PREFIX = "segue.position.";
/** Positions before this are beginnings, not places to go back to; seconds. */
const EARLY = 5;
/** A film is watched once this little is left: credits; seconds, or a part of it where that is less. */
const LATE = 60;
const LATE_PART = 0.05;
/** Films whose position is kept; the ones watched longest ago go first. */
const FILMS = 500;

/** Positions of films by their ids. Works without storage too: then nothing is remembered. */
export class Memory {
  readonly #storage: Storage | null;

  constructor(storage: () => Storage) {
    try {
      this.#storage = storage();
    } catch {
      this.#storage = null; // a browser may refuse to have any
    }
  }

  /** Remembers a position, or forgets the film near its beginning and near its end. */
  keep(id: string, { time, duration }: Position, now: number): void {
    const end = duration - Math.min(LATE, duration * LATE_PART);
    if (time < EARLY || time >= end) this.forget(id);
    else this.#write(PREFIX + id, JSON.stringify({ time, duration, at: now }));
  }

  /** Where somebody stopped, if anywhere. */
  of(id: string): Position | null {
    const kept = this.#read(PREFIX + id);
    return kept && { time: kept.time, duration: kept.duration };
  }

  forget(id: string): void {
    this.#storage?.removeItem(PREFIX + id);
  }

  #read(key: string): (Position & { at: number }) | null {
    try {
      const kept = JSON.parse(this.#storage?.getItem(key) ?? "null") as Record<string, unknown> | null;
      const [time, duration, at] = [kept?.time, kept?.duration, kept?.at].map(Number) as [
        number,
        number,
        number,
      ];
      return time > 0 && duration > 0 ? { time, duration, at } : null;
    } catch {
      return null; // written by somebody else
    }
  }

  #write(key: string, value: string): void {
    try {
      this.#storage?.setItem(key, value);
      this.#prune();
    } catch {
      // full, and not worth more than that
    }
  }

  #prune(): void {
    const storage = this.#storage;
    if (!storage) return;
    const keys = Array.from({ length: storage.length }, (_, i) => storage.key(i) ?? "").filter((key) =>
      key.startsWith(PREFIX),
    );
    if (keys.length <= FILMS) return;
    const aged = keys.map((key) => ({ key, at: this.#read(key)?.at ?? 0 })).sort((a, b) => a.at - b.at);
    for (const { key } of aged.slice(0, -FILMS)) storage.removeItem(key);
  }
}
