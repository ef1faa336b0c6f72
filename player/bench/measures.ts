/**
 * What is measured, all of it on the `<video>` alone, so that it means the same for every player.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import path from "node:path";
import { brotliCompressSync } from "node:zlib";
import { fileURLToPath } from "node:url";
import type { Browser } from "playwright-core";

import type { Fault } from "../tests/support/origin.js";
import { bundled, type Notes } from "../tests/support/viewer.js";
import type { Contender } from "./players.js";
import { weigh } from "./quiet.js";
import { type Film, Session } from "./session.js";

/** The networks. */
export const NETS = {
  "5M40": { kbits: 5000, rtt: 40 },
  "1.5M150": { kbits: 1500, rtt: 150 },
} as const;

/** The films: one size, three sizes, one size for ten minutes. */
export interface Films {
  readonly plain: Film;
  readonly ladder: Film;
  readonly long: Film;
}

/** Named figures of one run. */
export type Figures = Readonly<Record<string, number>>;

/** One thing to measure. */
export interface Measure {
  /** How often at least: what doesn't vary is measured once. */
  readonly once?: boolean;
  run(browser: Browser, contender: Contender, films: Films): Promise<Figures | null>;
}

async function within<T>(session: Promise<Session>, use: (session: Session) => Promise<T>): Promise<T> {
  const open = await session;
  try {
    return await use(open);
  } finally {
    await open.close();
  }
}

/** Milliseconds until playing and a picture: the later of the two. */
function started({ shown, happened }: Notes): number {
  return Math.max(shown[0]?.at ?? NaN, happened.find(({ name }) => name === "playing")?.at ?? NaN);
}

const plays = (limit = 60_000) =>
  [
    "plays",
    ({ shown, happened }: { shown: unknown[]; happened: { name: string }[] }) =>
      shown.length > 0 && happened.some(({ name }) => name === "playing"),
    null,
    limit,
  ] as const;

async function start(
  browser: Browser,
  contender: Contender,
  film: Film,
  net: keyof typeof NETS,
): Promise<Figures> {
  return within(Session.open(browser, contender, film, NETS[net]), async (session) => {
    await session.viewer.until(...plays());
    const notes = await session.viewer.notes();
    const { requests, bytes } = session.by(notes.began + started(notes));
    return { [`start ${net}`]: started(notes), [`requests ${net}`]: requests, [`kB ${net}`]: bytes / 1000 };
  });
}

async function ladder(
  browser: Browser,
  contender: Contender,
  { ladder: film }: Films,
): Promise<Figures | null> {
  if (contender.reads === "film.mp4") return null;
  return within(Session.open(browser, contender, film, NETS["5M40"]), async ({ viewer }) => {
    await viewer.until(...plays());
    await viewer
      .until("full quality", ({ shown }) => shown.some(({ height }) => height === 720), null, 60_000)
      .catch(() => undefined);
    const notes = await viewer.notes();
    return {
      "ladder start": started(notes),
      "full quality": notes.shown.find(({ height }) => height === 720)?.at ?? NaN,
    };
  });
}

/** Seconds into the film: some at the start of a GOP, some at its end, some in the first and some in the second of a segment. */
const FAR = [203.1, 98.7, 411.9, 302.4, 551.2, 157.9];
const NEAR = [2.3, 7.9, 4.6, 9.1];

async function seeks(browser: Browser, contender: Contender, { long }: Films): Promise<Figures | null> {
  return within(Session.open(browser, contender, long, NETS["5M40"]), async ({ viewer }) => {
    await viewer.until(
      "11 s buffered",
      (recorder) => recorder.buffered().some(([from, to]) => from < 0.5 && to > 11),
      null,
      90_000,
    );
    const near: number[] = [];
    const far: number[] = [];
    for (const time of NEAR) near.push((await viewer.seek(time)).ms);
    for (const time of FAR) {
      far.push((await viewer.seek(time)).ms);
      await viewer.past(time + 0.7, 60_000);
    }
    return { "far seek": median(far), "near seek": median(near) };
  });
}

const FAULTS: Record<string, { fault: Fault; times?: number }> = {
  "500 twice": { fault: { do: "status", status: 500 }, times: 2 },
  "404 for ever": { fault: { do: "status", status: 404 } },
  "no answer": { fault: { do: "silence" }, times: 1 },
  "stops half-way": { fault: { do: "stop", share: 0.5 }, times: 1 },
  reset: { fault: { do: "reset", share: 0 }, times: 1 },
};

/** Each befalls the video from 12 s to 16 s; survived is what plays on past 20 s. */
async function faults(browser: Browser, contender: Contender, { plain }: Films): Promise<Figures | null> {
  if (contender.reads === "film.mp4") return null;
  const runs = Object.values(FAULTS).map((rule) =>
    within(Session.open(browser, contender, plain, null), async ({ viewer, origin }) => {
      origin.rule({ match: /v1\/4\.m4s/, ...rule });
      const survived = await viewer
        .until("past 20 s", ({ video }) => video.currentTime > 20, null, 60_000)
        .then(
          () => true,
          () => false,
        );
      return { survived, stalled: stalled(await viewer.notes()) };
    }),
  );
  const all = await Promise.all(runs);
  const alive = all.filter(({ survived }) => survived);
  return { survived: alive.length, "stalled s": alive.reduce((sum, run) => sum + run.stalled, 0) / 1000 };
}

const RATES: Record<number, number> = { 240: 300, 480: 800, 720: 2000 };

/** 5 Mbit/s for 6 s, 0.8 for 40 s, 5 for 30 s. */
async function drop(
  browser: Browser,
  contender: Contender,
  { ladder: film }: Films,
): Promise<Figures | null> {
  if (contender.reads === "film.mp4") return null;
  return within(Session.open(browser, contender, film, NETS["5M40"]), async (session) => {
    await session.viewer.until(...plays());
    for (const [kbits, ms] of [
      [5000, 6000],
      [800, 40_000],
      [5000, 30_000],
    ] as const) {
      await session.slow({ kbits, rtt: 40 });
      await session.viewer.page.waitForTimeout(ms);
    }
    const notes = await session.viewer.notes();
    const { ahead } = await session.viewer.page.evaluate(() => globalThis.recorder.around());
    const ends = [...notes.shown.slice(1).map(({ at }) => at), notes.now];
    const bits = notes.shown.reduce(
      (sum, { at, height }, i) => sum + (RATES[height] ?? 0) * ((ends[i] ?? at) - at),
      0,
    );
    return {
      "drop stalled s": stalled(notes) / 1000,
      "drop kbit/s": bits / (notes.now - (notes.shown[0]?.at ?? 0)),
      "drop MB": session.by(Infinity).bytes / 1e6,
      // Not lost: yet to be played, in the quality that is shown.
      "drop MB ahead": (ahead * (RATES[notes.height] ?? 0)) / 8000,
    };
  });
}

/** After a minute; the heap apart, since who looks into it adds to the whole. */
async function memory(browser: Browser, contender: Contender, { long }: Films): Promise<Figures> {
  const { pss, ahead, behind } = await weigh(contender, long, 60);
  const heap = await within(Session.open(browser, contender, long, null), async ({ viewer, cdp }) => {
    await viewer.until(...plays());
    await viewer.page.waitForTimeout(20_000);
    await cdp.send("HeapProfiler.collectGarbage");
    return (await cdp.send("Runtime.getHeapUsage")).usedSize / 1e6;
  });
  return { "PSS MB": pss, "heap MB": heap, ahead, behind };
}

async function size(_: Browser, { scripts }: Contender): Promise<Figures> {
  const player = await bundled();
  const modules = fileURLToPath(new URL("../node_modules/", import.meta.url));
  const file = (script: string): string =>
    script.startsWith("/modules/")
      ? path.join(modules, script.slice("/modules/".length))
      : path.join(player, path.basename(script));
  const sizes = scripts.map((script) => brotliCompressSync(readFileSync(file(script))).length);
  return { "br kB": sizes.reduce((sum, bytes) => sum + bytes / 1000, 0) };
}

/** By name, in the order in which they run. */
export const measures: Record<string, Measure> = {
  size: { run: size, once: true },
  start: {
    run: async (browser, contender, { plain }) => ({
      ...(await start(browser, contender, plain, "5M40")),
      ...(await start(browser, contender, plain, "1.5M150")),
    }),
  },
  ladder: { run: ladder },
  seek: { run: seeks },
  faults: { run: faults, once: true },
  drop: { run: drop },
  memory: { run: memory, once: true },
};

function stalled({ stalls }: Notes): number {
  return stalls.reduce((sum, { ms }) => sum + ms, 0);
}

/** The middle one. */
export function median(values: readonly number[]): number {
  const known = values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
  const middle = known.length >> 1;
  return known.length % 2
    ? (known[middle] ?? NaN)
    : ((known[middle - 1] ?? NaN) + (known[middle] ?? NaN)) / 2;
}
