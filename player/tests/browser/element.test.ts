import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect } from "vitest";

import type { SegueVideo } from "../../src/element.js";
import { Origin } from "../support/origin.js";
import { eventually, gateway, type Gateway } from "../support/run.js";
import { test, type Theatre } from "../support/theatre.js";

const FILMS = fileURLToPath(new URL("../../../fixtures/media/films", import.meta.url));

let house: Gateway;
beforeAll(async () => {
  house = await gateway(FILMS);
});
afterAll(() => house.close());

/** A page of somebody else, which takes the element from the gateway and knows nothing of it but its name. */
async function show(
  theatre: Theatre,
  body: string,
): Promise<{ page: Page; origin: Origin; asked: string[] }> {
  const origin = theatre.keep(await Origin.start());
  const html = `<!doctype html><link rel="icon" href="data:,"><body>${body}
    <script type="module" src="${house.address}/player/element.js"></script>`;
  origin.page("/", html);
  const context = theatre.keep(await theatre.browser.newContext());
  const page = await context.newPage();
  const asked: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  await page.goto(origin.address);
  await page.waitForFunction(() => customElements.get("segue-video"));
  return { page, origin, asked };
}

async function film(title: string): Promise<string> {
  return `${house.address}/v1/media/${await house.id(title)}/manifest.json`;
}

/** Evaluates in the page with its first element. */
function on<T>(page: Page, look: (video: SegueVideo) => T | Promise<T>): Promise<T> {
  const body = `(${String(look)})(document.querySelector("segue-video"))`;
  return page.evaluate<T>(body);
}

async function until(page: Page, what: string, look: (video: SegueVideo) => boolean): Promise<void> {
  await eventually(what, async () => (await on(page, look)) || undefined);
}

test("an element in somebody's page plays as a video does", async ({ theatre }) => {
  const src = await film("Colours in time");
  const { page } = await show(theatre, `<segue-video src="${src}" muted playsinline></segue-video>`);
  await until(page, "metadata are there", (video) => video.readyState >= 1);
  const seen = await on(page, (video) => ({
    duration: Math.round(video.duration),
    size: [video.videoWidth, video.videoHeight],
    src: video.src,
    currentSrc: video.currentSrc,
    paused: video.paused,
    muted: video.muted,
    error: video.error,
  }));
  expect(seen).toEqual({
    duration: 72,
    size: [1280, 720],
    src,
    currentSrc: src,
    paused: true,
    muted: true,
    error: null,
  });
  const events = await on(page, async (video) => {
    const events: string[] = [];
    for (const name of ["play", "playing", "seeking", "seeked", "pause"]) {
      video.addEventListener(name, () => events.push(name));
    }
    await video.play();
    video.currentTime = 30;
    await new Promise((done) => video.addEventListener("seeked", done, { once: true }));
    video.pause();
    await new Promise((done) => setTimeout(done));
    return events;
  });
  expect(events.slice(0, 1)).toEqual(["play"]);
  expect(new Set(events)).toEqual(new Set(["play", "playing", "seeking", "seeked", "pause"]));
});

test("its lists tell qualities and languages, and take what is chosen", async ({ theatre }) => {
  const { page } = await show(theatre, `<segue-video src="${await film("Two languages")}"></segue-video>`);
  await until(page, "tracks are listed", (video) => video.audioTracks.length === 2);
  const lists = await on(page, (video) => ({
    sounds: [...(video.audioTracks as Iterable<{ label: string; enabled: boolean }>)].map((track) => [
      track.label,
      track.enabled,
    ]),
    qualities: [...video.videoRenditions].map(({ id, height, selected }) => [id, height, selected]),
    captions: [...video.textTracks].map(({ kind, language }) => [kind, language]),
  }));
  expect(lists.sounds).toEqual([
    ["English", true],
    ["German", false],
  ]);
  expect(lists.qualities).toEqual([["v1", 480, false]]);
  await until(page, "captions are there", (video) => video.textTracks.length === 2);
  await on(page, (video) => {
    const [first, second] = video.audioTracks as unknown as Iterable<{ enabled: boolean }>;
    if (first && second) [first.enabled, second.enabled] = [false, true];
    video.videoRenditions.selectedIndex = 0;
  });
  await until(page, "they are played", (video) => {
    return video.player?.audio === "a2" && video.player.quality === "v1";
  });
  await on(page, (video) => void (video.videoRenditions.selectedIndex = -1));
  await until(page, "the engine chooses again", (video) => video.player?.quality === "auto");
});

test("with preload none it asks for nothing before it is played, and begins where it was told to", async ({
  theatre,
}) => {
  const src = await film("Colours in time");
  const { page, asked } = await show(
    theatre,
    `<segue-video src="${src}" preload="none" start="20"></segue-video>`,
  );
  await page.waitForLoadState("networkidle");
  expect(asked.filter((url) => url.includes("/v1/"))).toEqual([]);
  expect(await on(page, (video) => [video.paused, video.currentTime, video.currentSrc])).toEqual([
    true,
    20,
    src,
  ]);
  await on(page, (video) => {
    video.currentTime = 40;
    return video.play();
  });
  await until(page, "it plays from there", (video) => video.currentTime > 40.2 && video.currentTime < 45);
});

test("with preload metadata it fetches a first picture, and all the rest once it is played", async ({
  theatre,
}) => {
  const src = await film("Colours in time");
  const { page } = await show(theatre, `<segue-video src="${src}" preload="metadata"></segue-video>`);
  await until(page, "there is a picture", (video) => video.readyState >= 2);
  await page.waitForLoadState("networkidle");
  const ahead = (video: SegueVideo): number => video.buffered.end(video.buffered.length - 1);
  expect(await on(page, ahead)).toBeLessThan(10);
  await on(page, (video) => video.play());
  await until(page, "it plays on", (video) => video.currentTime > 1);
  await until(page, "more is buffered", (video) => video.buffered.end(video.buffered.length - 1) > 15);
});

test("what goes wrong is an error as a video has it, and another address mends it", async ({ theatre }) => {
  const { page } = await show(theatre, `<segue-video></segue-video>`);
  const error = await on(page, async (video) => {
    const failed = new Promise((done) => video.addEventListener("error", done, { once: true }));
    video.src = "/nothing/manifest.json";
    await failed;
    const { code, message } = video.error ?? {};
    return { code, said: typeof message, reason: (video.error as { reason?: string } | null)?.reason };
  });
  expect(error).toEqual({ code: 4, said: "string", reason: "manifest" });
  const src = await film("Colours in time");
  await page.evaluate((address) => {
    const video = document.querySelector("segue-video");
    if (video) video.src = address;
  }, src);
  await until(page, "it is ready", (video) => video.readyState >= 2 && video.error === null);
});

test("out of its document it lets go, and back in it goes on where it was", async ({ theatre }) => {
  const src = await film("Colours in time");
  const { page, asked } = await show(
    theatre,
    `<div id="a"><segue-video src="${src}"></segue-video></div><div id="b"></div>`,
  );
  await until(page, "it is ready", (video) => video.readyState >= 2);
  const moved = await page.evaluate(() => {
    const video = document.querySelector("segue-video");
    const player = video?.player;
    if (video) document.getElementById("b")?.append(video);
    return { player: player === video?.player && player !== null };
  });
  expect(moved).toEqual({ player: true });
  await on(page, (video) => void (video.currentTime = 50));
  await until(page, "the seek is over", (video) => !video.seeking && video.readyState >= 2);
  const gone = await page.evaluate(async () => {
    const video = document.querySelector("segue-video");
    video?.remove();
    await new Promise((done) => setTimeout(done, 100));
    const kept = { player: video?.player, ready: video?.readyState, tracks: video?.videoRenditions.length };
    if (video) document.body.append(video);
    return kept;
  });
  expect(gone).toEqual({ player: null, ready: 0, tracks: 0 });
  await until(page, "it is back", (video) => video.readyState >= 2 && Math.abs(video.currentTime - 50) < 0.1);
  expect(asked.filter((url) => url.endsWith("manifest.json")).length).toBe(2);
});

test("what is no manifest is played by the browser itself", async ({ theatre }) => {
  const src = (await film("Colours in time")).replace("manifest.json", "original");
  const { page } = await show(theatre, `<segue-video src="${src}"></segue-video>`);
  await until(page, "metadata are there", (video) => video.readyState >= 1);
  expect(await on(page, (video) => [video.player, video.currentSrc])).toEqual([null, src]);
});

test("without an address it has nothing, as a video has", async ({ theatre }) => {
  const { page } = await show(theatre, `<segue-video src="${await film("Colours in time")}"></segue-video>`);
  await until(page, "it is ready", (video) => video.readyState >= 2);
  await on(page, (video) => video.removeAttribute("src"));
  await until(page, "it is empty", (video) => video.readyState === 0 && video.player === null);
  expect(await on(page, (video) => [video.src, video.error])).toEqual(["", null]);
});

test("two of them play side by side, and a second script defines nothing anew", async ({ theatre }) => {
  const src = await film("Colours in time");
  const { page } = await show(
    theatre,
    `<segue-video src="${src}"></segue-video><segue-video src="${src}" start="30"></segue-video>`,
  );
  await page.addScriptTag({ url: `${house.address}/player/element.js?again`, type: "module" });
  await page.evaluate(() =>
    Promise.all([...document.querySelectorAll("segue-video")].map((video) => video.play())),
  );
  await eventually("both play", async () => {
    const times = await page.evaluate(() =>
      [...document.querySelectorAll("segue-video")].map((video) => video.currentTime),
    );
    return ((times[0] ?? 0) > 0.3 && (times[1] ?? 0) > 30.3) || undefined;
  });
});
