/**
 * Measures our player beside others and prints one table: medians of `RUNS` (3) runs, one player after the other in each, so that
 * a ratio is of the same quarter of an hour. `PLAYERS` and `MEASURES` name some of them, as "Segue,hls.js" and "start,seek";
 * `BENCH` is the folder with the films f, g and h of tests/bench/inputs.sh, `SEGUE_BIN` the program that cuts them.
 *
 * @module
 */

import { execFileSync } from "node:child_process";
import path from "node:path";

import { temporary } from "../tests/support/run.js";
import { launch } from "../tests/support/viewer.js";
import { type Figures, type Films, measures, median } from "./measures.js";
import { type Contender, contenders } from "./players.js";
import type { Film } from "./session.js";

const { BENCH = "/dev/shm/segue-bench", SEGUE_BIN = "segue", RUNS = "3", PLAYERS, MEASURES } = process.env;

function film(letter: string): Film {
  const mp4 = path.join(BENCH, `${letter}.mp4`);
  const folder = path.join(temporary(), letter);
  execFileSync(SEGUE_BIN, ["segment", mp4, "--out", folder], { stdio: ["ignore", "ignore", "pipe"] });
  return { mp4, folder };
}

function chosen<T>(all: readonly T[], names: string | undefined, nameOf: (one: T) => string): T[] {
  const wanted = names?.split(",").map((name) => name.trim());
  return all.filter((one) => !wanted || wanted.includes(nameOf(one)));
}

async function once(name: string, contender: Contender, films: Films): Promise<Figures> {
  const browser = await launch();
  try {
    return (await measures[name]?.run(browser, contender, films)) ?? {};
  } catch (error) {
    console.error(`${contender.name}: ${name}: ${String(error).slice(0, 300)}`);
    return {};
  } finally {
    await browser.close();
  }
}

function table(players: readonly Contender[], figures: ReadonlyMap<string, Figures[]>): string {
  const columns = players.map(({ name }) => figures.get(name) ?? []);
  const rows = [...new Set(columns.flat().flatMap((run) => Object.keys(run)))];
  const lines = rows.map((row) => [
    row,
    ...columns.map((runs) => cell(median(runs.map((run) => run[row] ?? NaN)))),
  ]);
  const head = ["", ...players.map(({ name }) => name)];
  const all = [head, ["---", ...players.map(() => "---:")], ...lines];
  return all.map((line) => `| ${line.join(" | ")} |`).join("\n");
}

function cell(value: number): string {
  if (Number.isNaN(value)) return "–";
  return value >= 100 || Number.isInteger(value) ? String(Math.round(value)) : value.toFixed(1);
}

const films: Films = { plain: film("f"), ladder: film("g"), long: film("h") };
const players = chosen(contenders, PLAYERS, ({ name }) => name);
const names = chosen(Object.keys(measures), MEASURES, (name) => name);
const figures = new Map<string, Figures[]>();
for (const name of names) {
  for (let run = 0; run < (measures[name]?.once ? 1 : Number(RUNS)); run += 1) {
    for (const contender of players) {
      const found = await once(name, contender, films);
      figures.set(contender.name, [...(figures.get(contender.name) ?? []), found]);
      console.error(`${name} ${run + 1}: ${contender.name}: ${JSON.stringify(found)}`);
    }
  }
}
console.log("milliseconds, kB = 1000 bytes; 5M40 is 5 Mbit/s and 40 ms, 1.5M150 is 1.5 Mbit/s and 150 ms\n");
console.log(table(players, figures));
