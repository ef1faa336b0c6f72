import { describe, expect, it } from "vitest";

import { choose } from "./abr.js";
import { rendition } from "./examples.js";

const low = rendition("v1", 300_000);
const middle = rendition("v2", 800_000);
const high = rendition("v3", 2_000_000);
const ladder = [high, low, middle];
const at = { renditions: ladder, beside: 128_000, ahead: 9, at: 8 };

describe("the choice of a rendition", () => {
  it("is the lowest while nothing is known of the link", () => {
    expect(choose({ ...at, throughput: 0 })).toBe(low);
  });

  it("is the best that the link bears with something to spare", () => {
    expect(choose({ ...at, throughput: 5_000_000 })).toBe(high);
    expect(choose({ ...at, throughput: 2_000_000 })).toBe(middle);
    expect(choose({ ...at, throughput: 100_000 })).toBe(low);
  });

  it("stays while what is buffered outlasts the next segment", () => {
    expect(choose({ ...at, current: high, throughput: 1_500_000 })).toBe(high);
    expect(choose({ ...at, current: high, throughput: 1_200_000, ahead: 12 })).toBe(high);
  });

  it("falls to the best of which that is true", () => {
    expect(choose({ ...at, current: high, throughput: 800_000, ahead: 8 })).toBe(middle);
    expect(choose({ ...at, current: high, throughput: 400_000, ahead: 4 })).toBe(low);
  });

  it("rises only to what the link bears for good", () => {
    expect(choose({ ...at, current: low, throughput: 900_000 })).toBe(low);
    expect(choose({ ...at, current: low, throughput: 1_200_000 })).toBe(middle);
  });

  it("rises to more than that where the buffer pays for half a minute of it", () => {
    expect(choose({ ...at, current: low, throughput: 800_000, ahead: 14 })).toBe(low);
    expect(choose({ ...at, current: low, throughput: 800_000, ahead: 16 })).toBe(middle);
    expect(choose({ ...at, current: low, throughput: 800_000, ahead: 30 })).toBe(middle);
  });

  it("does not go up and down on a link that stays as it is", () => {
    for (let throughput = 200_000; throughput < 4_000_000; throughput += 50_000) {
      let current = choose({ ...at, throughput });
      const chosen = [current];
      for (let i = 0; i < 10; i += 1) chosen.push((current = choose({ ...at, current, throughput })));
      expect(new Set(chosen).size).toBeLessThanOrEqual(2);
      expect(chosen.at(-1)).toBe(chosen.at(-2));
    }
  });
});
