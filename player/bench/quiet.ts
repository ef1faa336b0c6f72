/**
 * A browser that nobody looks into: one page with one player, measured from outside.
 *
 * # Why
 * Developer tools keep the bodies of what a page fetches, in that page's process: beside them a player that fetches for itself
 * weighs a multiple of what it weighs in people's browsers, and one whose fetching the browser does weighs the same.
 *
 * @module
 */

import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";

import { Origin } from "../tests/support/origin.js";
import { eventually, temporary } from "../tests/support/run.js";
import { bundled } from "../tests/support/viewer.js";
import type { Contender } from "./players.js";
import { type Film, modules } from "./session.js";

/** What a page says and what is seen of it. */
export interface Weight {
  /** The page's process with its share of what processes share, MB; NaN where the system doesn't tell. */
  readonly pss: number;
  /** Seconds buffered. */
  readonly ahead: number;
  readonly behind: number;
}

/** Plays a film for so many seconds, and weighs it. */
export async function weigh(contender: Contender, film: Film, seconds: number): Promise<Weight> {
  const origin = await Origin.start();
  origin.folder("/modules/", modules);
  origin.folder("/player/", await bundled());
  origin.folder("/film/", film.folder);
  origin.folder("/film/film.mp4", film.mp4);
  origin.page("/page.html", html(contender, seconds));
  const profile = mkdtempSync(path.join(temporary(), "profile-"));
  const browser = spawn(process.env.CHROMIUM ?? "/usr/bin/chromium", [
    ...["--headless=new", "--no-sandbox", "--disable-gpu", "--mute-audio", "--no-first-run"],
    ...["--disable-extensions", "--disable-component-update", "--disable-background-networking"],
    ...["--autoplay-policy=no-user-gesture-required", "--js-flags=--expose-gc"],
    `--user-data-dir=${profile}`,
    `${origin.address}/page.html`,
  ]);
  const ended = new Promise((resolve) => browser.once("exit", resolve));
  try {
    const limit = (seconds + 60) * 1000;
    const said = await eventually("the page says what it has", () => origin.asked(/^\/said/)[0], limit);
    const told = new URLSearchParams(said.path.split("?")[1]);
    const shares = renderers(browser.pid ?? 0).map((pid) => shareOf(pid));
    return { pss: Math.max(...shares), ahead: Number(told.get("ahead")), behind: Number(told.get("behind")) };
  } finally {
    browser.kill();
    await ended;
    await origin.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

function html({ scripts, reads, play }: Contender, seconds: number): string {
  const foreign = scripts.filter((script) => script.startsWith("/modules/"));
  return `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">
<video width="1280" height="720" muted playsinline></video>
${foreign.map((script) => `<script src="${script}"></script>`).join("")}
<script type="module">
  const video = document.querySelector("video"), recorder = { video }, url = "/film/${reads}";
  const Segue = ${foreign.length < scripts.length ? 'await import("/player/player.js")' : "null"};
  const manifest = await (await fetch("/film/manifest.json")).json();
  for (const name of ["loadstart", "loadedmetadata", "canplay"])
    video.addEventListener(name, () => video.paused && video.play().catch(() => undefined), { once: true });
  setTimeout(() => {
    gc();
    const { buffered, currentTime } = video;
    let ahead = 0, behind = 0;
    for (let i = 0; i < buffered.length; i += 1) {
      if (buffered.start(i) - 0.1 > currentTime || buffered.end(i) < currentTime) continue;
      [ahead, behind] = [buffered.end(i) - currentTime, currentTime - buffered.start(i)];
    }
    void fetch("/said?" + new URLSearchParams({ ahead, behind }));
  }, ${seconds * 1000});
  ${play}
</script>`;
}

/** The processes of pages among the descendants of a process. */
function renderers(root: number): number[] {
  const all = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const parents = new Map(
    all.map((pid) => [Number(pid), Number(/^PPid:\s+(\d+)/m.exec(read(pid, "status"))?.[1])]),
  );
  const descends = (pid: number): boolean => pid === root || (pid > 1 && descends(parents.get(pid) ?? 0));
  return [...parents.keys()].filter(
    (pid) => read(`${pid}`, "cmdline").includes("--type=renderer") && descends(pid),
  );
}

function shareOf(pid: number): number {
  return Number(/^Pss:\s+(\d+)/m.exec(read(`${pid}`, "smaps_rollup"))?.[1]) / 1024;
}

/** Empty for a process that has ended. */
function read(pid: string, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    return "";
  }
}
