import { mkdtempSync } from "node:fs";
import path from "node:path";
import { describe, expect } from "vitest";

import { delayed } from "../support/delayed.js";
import type { Fault, Rule } from "../support/origin.js";
import { segmented, temporary } from "../support/run.js";
import { MEDIA, modes, skipped, stalled, test, type Theatre } from "../support/theatre.js";
import type { Notes } from "../support/viewer.js";

const FILM = "frames/numbered.mp4";
/** The video from 8 s to 12 s. */
const PIECE = /v1\/3\.m4s/;

function errors({ said }: Notes) {
  return said.flatMap(({ event }) => (event.type === "error" ? [event] : []));
}

/** Plays from 1 s, so that seconds are buffered when the piece is fetched, until it lies behind; says what was seen. */
async function across(theatre: Theatre, rule: Rule & { match: RegExp }, worker = false) {
  const { viewer, origin } = await theatre.show(FILM, { start: 1, worker, rules: [rule] });
  const { stalls, ...notes } = await viewer.past(13, 30_000);
  // A busy machine may start with a stutter; what a fault does is seen where it is.
  return {
    notes: { ...notes, stalls: stalls.filter(({ time }) => time > 4) },
    asked: origin.asked(rule.match),
  };
}

/** Faults that pass: with seconds in the buffer none of them may be seen. */
const passing: [string, Fault, times: number][] = [
  ["500 twice", { do: "status", status: 500 }, 2],
  ["503 twice with a time to come back", { do: "status", status: 503, retryAfter: 1 }, 2],
  ["no answer", { do: "silence" }, 1],
  ["a body that stops half-way", { do: "stop", share: 0.5 }, 1],
  ["a body that breaks off", { do: "break", share: 0.5 }, 1],
  ["a body that is shorter than the manifest says", { do: "shorten", share: 0.5 }, 1],
  ["a reset before the first byte", { do: "reset", share: 0 }, 1],
  ["a reset half-way", { do: "reset", share: 0.5 }, 1],
  ["a 404 once", { do: "status", status: 404 }, 1],
];

describe.concurrent("with a buffer nobody sees", () => {
  for (const { where, worker } of modes) {
    for (const [what, fault, times] of passing) {
      // What passes by itself is asked again; only 404 says that asking again is of no use.
      const gone = fault.do === "status" && fault.status === 404;
      if (gone) continue;
      test(`${what}, engine in ${where}`, async ({ theatre }) => {
        const { notes, asked } = await across(theatre, { match: PIECE, fault, times }, worker);
        expect(skipped(notes)).toBe(0);
        expect(stalled(notes)).toBe(0);
        expect(errors(notes)).toEqual([]);
        expect(notes.error).toBeNull();
        expect(asked.length).toBeGreaterThan(times);
      });
    }
  }
});

describe.concurrent("what is gone on with after a fault", () => {
  test("a body that stops half-way is gone on with from where it stopped", async ({ theatre }) => {
    const { asked } = await across(theatre, { match: PIECE, fault: { do: "stop", share: 0.5 }, times: 1 });
    const [first, second] = asked;
    const from = Number(/^bytes=(\d+)-/.exec(second?.range ?? "")?.[1]);
    // Nothing that came is fetched a second time, but for the fragment that came in part.
    expect(from).toBeGreaterThan(0);
    expect(from).toBeLessThanOrEqual(first?.bytes ?? 0);
  });

  test("a server that knows no ranges is gone on with", async ({ theatre }) => {
    const { viewer } = await theatre.show(FILM, { rules: [{ match: MEDIA, fault: { do: "whole" } }] });
    await viewer.past(0.5);
    await viewer.pause();
    const seek = await viewer.seek(31.02);
    expect(seek.number).toBe(775);
    await viewer.play();
    const notes = await viewer.past(33);
    expect(stalled(notes)).toBe(0);
    expect(errors(notes)).toEqual([]);
  });

  test("a body that stops half-way from a server that knows no ranges is gone on with", async ({
    theatre,
  }) => {
    const { viewer, origin } = await theatre.show(FILM, {
      start: 6,
      rules: [
        { match: PIECE, fault: { do: "stop", share: 0.5 }, times: 1 },
        { match: MEDIA, fault: { do: "whole" } },
      ],
    });
    const notes = await viewer.past(13);
    expect(origin.asked(PIECE).length).toBeGreaterThan(1);
    expect(skipped(notes)).toBe(0);
    expect(stalled(notes)).toBe(0);
  });

  for (const { where, worker } of modes) {
    test(`video that is missing costs its duration, engine in ${where}`, async ({ theatre }) => {
      const { notes } = await across(theatre, { match: PIECE, fault: { do: "status", status: 404 } }, worker);
      // Sound may go on for a while before what is left of the hole is jumped.
      expect(skipped(notes)).toBeGreaterThan(0);
      expect(skipped(notes) + stalled(notes) / 1000).toBeLessThan(4.6);
      expect(stalled(notes)).toBeLessThan(600);
      expect(errors(notes)).toMatchObject([{ code: "segment", fatal: false }]);
      const jump = notes.said.flatMap(({ event }) => (event.type === "jump" ? [event] : []));
      expect(jump).toMatchObject([{ reason: "gap" }]);
      expect(jump[0]?.to).toBeCloseTo(12, 1);
    });
  }

  test("sound that is missing is silent, and costs no picture", async ({ theatre }) => {
    const { notes } = await across(theatre, { match: /a1\/3\.m4s/, fault: { do: "status", status: 404 } });
    expect(skipped(notes)).toBe(0);
    expect(stalled(notes)).toBeLessThan(600);
    expect(errors(notes)).toMatchObject([{ code: "segment", fatal: false }]);
  });

  test("500 for ever costs the duration of what can't be had", async ({ theatre }) => {
    const { notes } = await across(theatre, { match: PIECE, fault: { do: "status", status: 500 } });
    expect(skipped(notes)).toBeLessThan(4.5);
    expect(stalled(notes)).toBeLessThan(3000);
    expect(errors(notes)).toMatchObject([{ code: "segment", fatal: false }]);
  });

  test("a segment that is missing in one size is shown in another", async ({ theatre }) => {
    const rules: Rule[] = [{ match: /v3\/2\.m4s/, fault: { do: "status", status: 404 } }];
    const { viewer } = await theatre.show("frames/ladder.mp4", { rules, limits: { ahead: 6 } });
    const notes = await viewer.past(9);
    expect(skipped(notes)).toBe(0);
    expect(stalled(notes)).toBeLessThan(600);
    expect(errors(notes).filter(({ fatal }) => fatal)).toEqual([]);
  });

  test("a film of which every segment is missing is one error", async ({ theatre }) => {
    const rules: Rule[] = [{ match: MEDIA, fault: { do: "status", status: 404 } }];
    const { viewer, origin } = await theatre.show(FILM, { rules });
    await viewer.until(
      "fatal",
      ({ said }) => said.some(({ event }) => event.type === "error" && event.fatal),
      null,
    );
    const asked = origin.log.length;
    const notes = await viewer.notes();
    expect(errors(notes).filter(({ fatal }) => fatal)).toMatchObject([{ code: "missing" }]);
    // It doesn't ask for all of a long film to find out.
    expect(asked).toBeLessThan(40);
  });

  test("a film that can't be reached at all is one error, or says that it waits", async ({ theatre }) => {
    const rules: Rule[] = [{ match: MEDIA, fault: { do: "reset", share: 0 } }];
    const { viewer } = await theatre.show(FILM, { rules });
    const said = await viewer.page.waitForFunction(
      () =>
        globalThis.recorder.said.find(
          ({ event }) => event.type === "waiting" || (event.type === "error" && event.fatal),
        ),
      null,
      { polling: 50, timeout: 40_000 },
    );
    expect(await said.jsonValue()).toBeTruthy();
  });

  test("a network that goes away and comes back within the buffer is not seen", async ({ theatre }) => {
    const { viewer, origin } = await theatre.show(FILM, { limits: { ahead: 6, segments: 1 } });
    await viewer.until("6 s", (recorder) => recorder.around().ahead > 6, null);
    await viewer.context.setOffline(true);
    await viewer.past(4);
    const before = origin.log.length;
    await viewer.context.setOffline(false);
    const notes = await viewer.past(14);
    expect(origin.log.length).toBeGreaterThan(before);
    expect(stalled(notes)).toBe(0);
    expect(skipped(notes)).toBe(0);
    expect(errors(notes)).toEqual([]);
  });

  for (const { where, worker } of modes) {
    test(`a network that comes back after the buffer has run out is gone on with, engine in ${where}`, async ({
      theatre,
    }) => {
      const { viewer } = await theatre.show(FILM, { worker, limits: { ahead: 4, segments: 1 } });
      await viewer.until("4 s", (recorder) => recorder.around().ahead > 4, null);
      await viewer.context.setOffline(true);
      await viewer.until(
        "says that it is offline",
        ({ said }) => said.some(({ event }) => event.type === "waiting" && event.for === "offline"),
        null,
      );
      await viewer.context.setOffline(false);
      const { time } = await viewer.notes();
      const notes = await viewer.past(time + 2);
      expect(skipped(notes)).toBe(0);
      expect(errors(notes)).toEqual([]);
    });
  }

  test("a manifest that fails twice is asked for again", async ({ theatre }) => {
    const rules: Rule[] = [{ match: /manifest/, fault: { do: "status", status: 500 }, times: 2 }];
    const { viewer } = await theatre.show(FILM, { rules });
    const notes = await viewer.past(0.5);
    expect(errors(notes)).toEqual([]);
  });

  for (const [what, fault] of [
    ["is not there", { do: "status", status: 404 }],
    ["is no manifest", { do: "edit", edit: () => Buffer.from("<html>") }],
    ["is of another kind", { do: "edit", edit: () => Buffer.from('{"version":99}') }],
  ] satisfies [string, Fault][]) {
    test(`a manifest that ${what} is one error`, async ({ theatre }) => {
      const { viewer } = await theatre.show(FILM, { rules: [{ match: /manifest/, fault }] });
      const notes = await viewer.says("error");
      expect(errors(notes)).toMatchObject([{ code: "manifest", fatal: true }]);
    });
  }
});

describe.concurrent("a hole in the pictures", () => {
  for (const frames of [1, 2, 3, 10]) {
    test(`of ${frames} is left behind`, async ({ theatre }) => {
      const folder = path.join(mkdtempSync(path.join(temporary(), "hole-")), "film");
      // A picture lasts 512 ticks of 12800; sound that goes on doesn't fill a hole in the pictures.
      const { viewer } = await theatre.show(delayed(await segmented(FILM), folder, "v1", 3, 512 * frames), {
        start: 6,
      });
      const notes = await viewer.past(10);
      // What a browser plays across by itself is not jumped.
      if (frames === 1) expect(notes.said.filter(({ event }) => event.type === "jump")).toEqual([]);
      expect(stalled(notes)).toBeLessThan(600);
      expect(errors(notes)).toEqual([]);
    });
  }
});
