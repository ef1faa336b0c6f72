/**
 * What the link bears, from the bytes that come in: all streams together, and only while some are being read.
 *
 * Two moving averages by time: a fast one that notices a link that gets worse, a slow one that does not believe the first good
 * second. What is told is the lower of the two.
 *
 * @module
 */

/** Milliseconds of reading after which half the weight is gone. */
const FAST = 1500;
const SLOW = 5000;
/** Shorter stretches than this, in milliseconds, are noise of the event loop; they are gathered. */
const STRETCH = 40;

interface Average {
  readonly halfLife: number;
  sum: number;
  weight: number;
}

/** Times are milliseconds of any steady clock. */
export class Throughput {
  private readonly averages: Average[] = [FAST, SLOW].map((halfLife) => ({ halfLife, sum: 0, weight: 0 }));
  private readers = 0;
  private since = 0;
  private bytes = 0;

  /** A body has begun to come in. */
  begin(now: number): void {
    if (this.readers++ === 0) this.since = now;
  }

  /** Bytes of a body that has begun. */
  add(bytes: number, now: number): void {
    this.bytes += bytes;
    if (now - this.since >= STRETCH) this.flush(now);
  }

  /** A body has ended, or is not read for a while. */
  end(now: number): void {
    if (this.readers > 0 && --this.readers === 0) this.flush(now);
  }

  /** Bits a second; 0 before anything is known. */
  get estimate(): number {
    return Math.min(...this.averages.map(({ sum, weight }) => (weight > 0 ? sum / weight : 0)));
  }

  private flush(now: number): void {
    const time = Math.max(now - this.since, 1);
    // A few packets that lay in a socket say nothing of the link.
    if (this.bytes > 0 && (time >= STRETCH || this.bytes >= 16_384)) {
      const rate = (this.bytes * 8000) / time;
      for (const average of this.averages) {
        const keep = 0.5 ** (time / average.halfLife);
        average.sum = average.sum * keep + rate * (1 - keep);
        average.weight = average.weight * keep + (1 - keep);
      }
    }
    this.bytes = 0;
    this.since = now;
  }
}
