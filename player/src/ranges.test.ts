import { describe, expect, it } from "vitest";

import { after, ahead, around, intersect, type Span } from "./ranges.js";

const list: Span[] = [
  [0, 4],
  [4.04, 8],
  [10, 12],
];

describe("spans", () => {
  it("lie around a time, or begin shortly after it", () => {
    expect(around(list, 3)).toEqual([0, 4]);
    expect(around(list, 4)).toBeUndefined();
    expect(around(list, 4, 0.06)).toEqual([4.04, 8]);
  });

  it("play on over a small hole, and not over a wide one", () => {
    expect(ahead(list, 3, 0.06)).toBe(5);
    expect(ahead(list, 3, 0.01)).toBe(1);
    expect(ahead(list, 9, 0.06)).toBe(0);
  });

  it("follow each other", () => {
    expect(after(list, 4)).toEqual([4.04, 8]);
    expect(after(list, 11)).toBeUndefined();
  });

  it("intersect", () => {
    expect(intersect(list, [[3, 11]])).toEqual([
      [3, 4],
      [4.04, 8],
      [10, 11],
    ]);
  });
});
