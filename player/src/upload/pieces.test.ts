import { describe, expect, it } from "vitest";

import { numbers } from "../../tests/support/numbers.js";
import { bytesIn, type Flight, gaps, merged, nextPart, overlap, partSize, type Range } from "./pieces.js";

const MiB = 1 << 20;

function next(length: number, changes: Partial<Parameters<typeof nextPart>[0]> = {}): Range | null {
  return nextPart({ length, here: [], wants: [], urgent: 0, isItsTurn: true, flying: [], ...changes });
}

const always = { urgent: 0, isItsTurn: true };
const out = (range: Range): Flight => ({ range, sent: range[1] - range[0] });
const just = (range: Range): Flight => ({ range, sent: 0 });

describe("the next part", () => {
  it("is the first there is, where nothing is wanted", () => {
    expect(next(500 * MiB)).toEqual([0, 10 * MiB]);
    expect(next(5 * MiB)).toEqual([0, 2 * MiB]);
    expect(next(100)).toEqual([0, 100]);
    expect(next(0)).toBeNull();
  });

  it("is what is wanted most, as long as that isn't here or on its way", () => {
    const wants: Range[] = [
      [400 * MiB, 401 * MiB],
      [30 * MiB, 31 * MiB],
    ];
    expect(next(500 * MiB, { wants })).toEqual([400 * MiB, 401 * MiB]);
    expect(next(500 * MiB, { wants, here: [[400 * MiB, 401 * MiB]] })).toEqual([30 * MiB, 31 * MiB]);
    expect(next(500 * MiB, { wants, flying: [out([400 * MiB, 401 * MiB])] })).toEqual([30 * MiB, 31 * MiB]);
  });

  it("waits until what is on its way is nearly out", () => {
    const range: Range = [0, 10 * MiB];
    expect(next(500 * MiB, { flying: [just(range)] })).toBeNull();
    expect(next(500 * MiB, { flying: [{ range, sent: 9.5 * MiB }] })).toEqual([10 * MiB, 20 * MiB]);
  });

  it("doesn't wait where it is wanted more urgently", () => {
    const wants: Range[] = [[200 * MiB, 201 * MiB]];
    const flying = [just([0, 10 * MiB])];
    expect(next(500 * MiB, { wants, flying })).toEqual([200 * MiB, 201 * MiB]);
    const both = [...flying, just([200 * MiB, 201 * MiB])];
    expect(next(500 * MiB, { wants: [...wants, [300 * MiB, 301 * MiB]], flying: both })).toBeNull();
    const first: Range[] = [[300 * MiB, 301 * MiB], ...wants];
    expect(next(500 * MiB, { wants: first, flying: both })).toEqual([300 * MiB, 301 * MiB]);
  });

  it("is only what somebody waits for, as long as it is another file's turn", () => {
    const wants: Range[] = [
      [400 * MiB, 401 * MiB],
      [0, 400 * MiB],
    ];
    const waits = { wants, urgent: 1, isItsTurn: false };
    expect(next(500 * MiB, waits)).toEqual([400 * MiB, 401 * MiB]);
    expect(next(500 * MiB, { ...waits, here: [[400 * MiB, 401 * MiB]] })).toBeNull();
    expect(next(500 * MiB, { ...waits, urgent: 0 })).toBeNull();
    expect(next(500 * MiB, { isItsTurn: false })).toBeNull();
  });

  it("takes what follows along, not to go in crumbs", () => {
    expect(next(500 * MiB, { wants: [[1000, 1008]] })).toEqual([1000, 1000 + 256 * 1024]);
    const wants: Range[] = [
      [1000, MiB],
      [MiB, 3 * MiB],
      [4 * MiB, 5 * MiB],
    ];
    expect(next(500 * MiB, { wants })).toEqual([1000, 3 * MiB]);
    expect(next(500 * MiB, { wants: [[1000, 1008]], here: [[1500, 2000]] })).toEqual([1000, 1500]);
  });
});

/** A file whose wants change while parts fly, land in any order, and fail. */
function send(seed: number): { sent: number; length: number } {
  const random = numbers(seed);
  const length = 1 + random(random(2) ? 20 * MiB : 300 * MiB);
  let here: Range[] = [];
  let flying: Flight[] = [];
  let wants: Range[] = [];
  let sent = 0;
  while (bytesIn(length, here) < length) {
    if (random(3) === 0) {
      wants = Array.from({ length: random(4) }, () => {
        const from = random(length);
        return [from, Math.min(length, from + 1 + random(2 * MiB))] as const;
      });
    }
    const part = nextPart({ ...always, length, here, wants, flying });
    if (part) {
      const [from, to] = part;
      const others = [...here, ...flying.map(({ range }) => range)];
      const isSound = from >= 0 && from < to && to <= length && to - from <= partSize(length);
      if (!isSound || others.some((other) => overlap(part, other)))
        expect.fail(`${from} to ${to} of ${length}`);
      flying.push(just(part));
      continue;
    }
    if (flying.length === 0) expect.fail("nothing is on its way, though something is missing");
    if (flying.length > 3) expect.fail("everything at once");
    const chosen = flying[random(flying.length)];
    if (!chosen) continue;
    if (random(3) === 0) {
      const [from, to] = chosen.range;
      flying = flying.map((flight) =>
        flight === chosen ? { ...flight, sent: random(to - from + 1) } : flight,
      );
      continue;
    }
    flying = flying.filter((flight) => flight !== chosen);
    if (random(8) === 0) continue;
    here = merged(length, [...here, chosen.range]);
    sent += chosen.range[1] - chosen.range[0];
  }
  expect(nextPart({ ...always, length, here, wants, flying })).toBeNull();
  return { sent, length };
}

describe("a file", () => {
  it("arrives whole, no byte of it twice, whatever is wanted and whatever fails", () => {
    for (let seed = 0; seed < 100; seed += 1) {
      const { sent, length } = send(seed);
      expect(sent).toBe(length);
    }
  });

  it("begins with the first missing byte of the most urgent want, where nothing is on its way", () => {
    for (let seed = 0; seed < 300; seed += 1) {
      const random = numbers(seed);
      const length = 1 + random(300 * MiB);
      const some = (count: number): Range[] =>
        Array.from({ length: random(count) }, () => {
          const from = random(length);
          return [from, Math.min(length, from + 1 + random(20 * MiB))];
        });
      const [here, wants] = [some(5), some(5)];
      const missing = wants.flatMap((want) => gaps(length, here).flatMap((gap) => overlap(want, gap) ?? []));
      const first = missing[0] ?? gaps(length, here)[0]?.[0] ?? null;
      expect(nextPart({ ...always, length, here, wants, flying: [] })?.[0] ?? null).toBe(first);
    }
  });
});

describe("ranges", () => {
  it("and their gaps are the whole, and no byte is in both", () => {
    for (let seed = 0; seed < 200; seed += 1) {
      const random = numbers(seed);
      const length = 1 + random(60);
      const ranges = Array.from({ length: random(6) }, (): Range => {
        const from = random(length);
        return [from, from + 1 + random(length - from)];
      });
      const bytes = Array.from({ length }, (_, at) => ranges.some(([from, to]) => from <= at && at < to));
      const isGap = (at: number): boolean => gaps(length, ranges).some(([from, to]) => from <= at && at < to);
      expect(bytes.map((_, at) => !isGap(at))).toEqual(bytes);
      expect(bytesIn(length, ranges)).toBe(bytes.filter(Boolean).length);
      expect(merged(length, ranges).every(([from], i, all) => i === 0 || from > (all[i - 1]?.[1] ?? 0))).toBe(
        true,
      );
    }
  });
});
