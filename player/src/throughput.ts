/**
 * What the link bears, from the bytes that come in: all streams together, and only while some are being read.
 *
 * Two moving averages by time: a fast one that notices a link that gets worse, a slow one that does not believe the first good
 * second. The lower of the two is the safe one to rely on.
 *
 * @module
 */

/** Milliseconds of reading after which half the weight is gone. */
const FAST = 1000;
const SLOW = 3000;
/** Shorter stretches than this, in milliseconds, are noise of the event loop; they are gathered. */
const STRETCH = 40;

interface Average {
  readonly halfLife: number;
  sum: number;
  weight: number;
}

function average(halfLife: number): Average {
  return { halfLife, sum: 0, weight: 0 };
}

function told({ sum, weight }: Average): number {
  return weight > 0 ? sum / weight : 0;
}

/** Times are milliseconds of any steady clock. */
export class Throughput {
  private readonly averages = [average(FAST), average(SLOW)] as const;
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

  /** Bits a second, on the safe side; 0 before anything is known. */
  get estimate(): number {
    return Math.min(...this.averages.map(told));
  }

  /** Bits a second of late; 0 before anything is known. */
  get recent(): number {
    return told(this.averages[0]);
  }

  private flush(now: number): void {
    const time = Math.max(now - this.since, 1);
    // A few packets that lay in a socket say nothing of the link.
    if (this.bytes > 0 && (time >= STRETCH || this.bytes >= 16_384)) {
      const rate = (this.bytes * 8000) / time;
      for (const known of this.averages) {
        const keep = 0.5 ** (time / known.halfLife);
        known.sum = known.sum * keep + rate * (1 - keep);
        known.weight = known.weight * keep + (1 - keep);
      }
    }
    this.bytes = 0;
    this.since = now;
  }
}
