/**
 * What the browser tests stand on: the films of `fixtures/make.sh`, the program that cuts and serves them, and a folder
 * that lasts as long as the run.
 *
 * @module
 */

import { execFile, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** The folder of the repository. */
const repository = fileURLToPath(new URL("../../..", import.meta.url));
/** The program under test: `SEGUE_BIN`, else the debug build. */
const program = process.env.SEGUE_BIN ?? path.join(repository, "target/debug/segue");

/** One of the fixtures, as `frames/numbered.mp4`. */
export function fixture(name: string): string {
  const file = path.join(repository, "fixtures/media", name);
  if (!existsSync(file)) throw new Error(`no ${file}: make the fixtures first, fixtures/make.sh`);
  return file;
}

let folder: string | undefined;

/** A folder for what is made on the way; `discard` or the end of the process takes it away. */
export function temporary(): string {
  if (folder === undefined) {
    folder = mkdtempSync(path.join(tmpdir(), "segue-player-"));
    process.once("exit", discard);
  }
  return folder;
}

/** Removes the temporary folder with all that is in it. */
export function discard(): void {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
}

const cut = new Map<string, Promise<string>>();

/** The folder that `segue segment` makes of a film; made once. */
export function segmented(film: string, ...options: string[]): Promise<string> {
  const key = [film, ...options].join(" ");
  let made = cut.get(key);
  if (!made) {
    made = segment(film, path.join(temporary(), `cut-${cut.size}`), options);
    cut.set(key, made);
  }
  return made;
}

async function segment(film: string, out: string, options: string[]): Promise<string> {
  await promisify(execFile)(binary(), ["segment", fixture(film), "--out", out, ...options]);
  return out;
}

/** A running `segue serve`. */
export interface Gateway {
  /** `http://127.0.0.1:port`. */
  readonly address: string;
  /** The id of the film with this title; waits until it is ready. */
  id(title: string): Promise<string>;
  /** Where its index and its store lie: another one may go on with these. */
  readonly data: string;
  /** Ends it as a crash would. */
  kill(): Promise<void>;
  close(): Promise<void>;
}

/** Serves a folder of films; its index lies in the temporary folder. `settings` are `SEGUE_*` variables. */
export async function gateway(
  films: string,
  data = mkdtempSync(path.join(temporary(), "data-")),
  settings: Readonly<Record<string, string>> = {},
): Promise<Gateway> {
  const child = spawn(binary(), ["serve", films, "--listen", "127.0.0.1:0", "--data", data], {
    stdio: ["ignore", "pipe", "ignore"],
    env: { ...process.env, ...settings },
  });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const address = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once("line", (line) => {
      if (line.startsWith("listening on ")) resolve(line.slice("listening on ".length).trim());
      else reject(new Error(`segue serve said: ${line}`));
    });
    void ended.then(() => reject(new Error("segue serve ended before it listened")));
  });
  return {
    address,
    data,
    kill: async () => {
      child.kill("SIGKILL");
      await ended;
    },
    id: (title) => eventually(`${title} is ready`, () => find(address, title)),
    close: async () => {
      child.kill();
      await ended;
    },
  };
}

async function find(address: string, title: string): Promise<string | undefined> {
  const reply = await fetch(`${address}/v1/media?state=ready`);
  const { items } = (await reply.json()) as { items: { id: string; title: string }[] };
  return items.find((item) => item.title === title)?.id;
}

function binary(): string {
  if (!existsSync(program)) throw new Error(`no ${program}: build it first, or name another with SEGUE_BIN`);
  return program;
}

/** What `ask` says once it says anything; asked again every few milliseconds. */
export async function eventually<T>(
  what: string,
  ask: () => T | undefined | Promise<T | undefined>,
  limit = 20_000,
): Promise<T> {
  const end = Date.now() + limit;
  for (;;) {
    const said = await ask();
    if (said !== undefined) return said;
    if (Date.now() > end) throw new Error(`in ${limit} ms not so: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
