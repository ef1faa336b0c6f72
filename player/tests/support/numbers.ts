/**
 * Numbers for tests that try many cases: the same for the same seed, so that what failed once fails again.
 *
 * @module
 */

/** A function of `n` that yields a whole number from 0, inclusive, to `n`, exclusive (mulberry32). */
export function numbers(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * n);
  };
}
