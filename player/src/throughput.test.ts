import { describe, expect, it } from "vitest";

import { Throughput } from "./throughput.js";

/** Reads at a rate for a while, in steps of 10 ms. */
function read(meter: Throughput, bitsPerSecond: number, from: number, milliseconds: number): number {
  meter.begin(from);
  for (let now = from + 10; now <= from + milliseconds; now += 10) meter.add(bitsPerSecond / 800, now);
  meter.end(from + milliseconds);
  return from + milliseconds;
}

describe("what the link bears", () => {
  it("is unknown at first", () => {
    expect(new Throughput().estimate).toBe(0);
  });

  it("is the rate of what comes in", () => {
    const meter = new Throughput();
    read(meter, 5_000_000, 0, 500);
    expect(meter.estimate / 5_000_000).toBeCloseTo(1, 1);
  });

  it("is not less for the time in which nothing was asked for", () => {
    const meter = new Throughput();
    read(meter, 5_000_000, 0, 500);
    read(meter, 5_000_000, 60_000, 500);
    expect(meter.estimate / 5_000_000).toBeCloseTo(1, 1);
  });

  it("adds up what comes in at once", () => {
    const meter = new Throughput();
    meter.begin(0);
    meter.begin(0);
    for (let now = 10; now <= 1000; now += 10) {
      meter.add(1250, now);
      meter.add(1250, now);
    }
    expect(meter.estimate / 2_000_000).toBeCloseTo(1, 1);
  });

  it("falls within two seconds of a link that gets worse, and rises more slowly", () => {
    const meter = new Throughput();
    let now = read(meter, 5_000_000, 0, 10_000);
    now = read(meter, 800_000, now, 2500);
    expect(meter.estimate).toBeLessThan(2_500_000);
    now = read(meter, 800_000, now, 10_000);
    read(meter, 5_000_000, now, 1500);
    expect(meter.estimate).toBeLessThan(2_500_000);
  });
});
