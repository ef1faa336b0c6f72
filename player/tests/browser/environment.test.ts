import { expect } from "vitest";

import { quiet, test } from "../support/theatre.js";

const FILM = "frames/numbered.mp4";

test("a browser without MediaSource is one error that says so", async ({ theatre }) => {
  const before = "delete globalThis.MediaSource; delete globalThis.ManagedMediaSource;";
  const { viewer } = await theatre.show(FILM, { before });
  const { said } = await viewer.says("error");
  expect(said.flatMap(({ event }) => (event.type === "error" ? [event] : []))).toMatchObject([
    { code: "media-source", fatal: true },
  ]);
});

test("where MediaSource can't be had in a worker, the page's own is used", async ({ theatre }) => {
  const before = 'Object.defineProperty(MediaSource, "canConstructInDedicatedWorker", { value: false });';
  const { viewer } = await theatre.show(FILM, { before, worker: true });
  const notes = await viewer.past(1);
  expect(notes.failures).toEqual([]);
  // The page's own has an address; that of a worker comes as a handle.
  expect(await viewer.page.evaluate(() => globalThis.recorder.video.src)).toMatch(/^blob:/);
});

/** As Safari has it: it says when it wants media, and takes none without that being heeded. */
const managed = `
  const Plain = MediaSource;
  class ManagedMediaSource extends Plain {
    streaming = false;
    set onstartstreaming(heard) { this.addEventListener("startstreaming", heard); }
    set onendstreaming(heard) { this.addEventListener("endstreaming", heard); }
    constructor() {
      super();
      globalThis.managed = this;
      this.addEventListener("sourceopen", () => this.turn(true), { once: true });
    }
    turn(on) { this.streaming = on; this.dispatchEvent(new Event(on ? "startstreaming" : "endstreaming")); }
  }
  delete globalThis.MediaSource;
  globalThis.ManagedMediaSource = ManagedMediaSource;
  // Chromium takes only its own as srcObject.
  const { set, get } = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, "srcObject");
  Object.defineProperty(HTMLMediaElement.prototype, "srcObject", {
    get() { return get.call(this); },
    set(source) {
      if (source instanceof Plain) this.src = URL.createObjectURL(source); else set.call(this, source);
    },
  });`;

test("a managed media source plays, and is given media only as it wants", async ({ theatre }) => {
  const { viewer, origin } = await theatre.show(FILM, { before: managed, limits: { ahead: 8, segments: 1 } });
  await viewer.past(1);
  expect(await viewer.page.evaluate(() => globalThis.recorder.video.disableRemotePlayback)).toBe(true);
  await viewer.page.evaluate("managed.turn(false)");
  await quiet(origin);
  const before = origin.log.length;
  await viewer.past(6);
  expect(origin.log.length).toBe(before);
  await viewer.page.evaluate("managed.turn(true)");
  const notes = await viewer.past(14);
  expect(origin.log.length).toBeGreaterThan(before);
  expect(notes.said.filter(({ event }) => event.type === "error")).toEqual([]);
});

test("a clock that stands for no reason is nudged, and called an error in the end", async ({ theatre }) => {
  const { viewer } = await theatre.show(FILM);
  await viewer.past(1);
  await viewer.page.evaluate(() => {
    // What a decoder that hangs looks like from outside: all is there, and the clock says the same for ever.
    Object.defineProperty(globalThis.recorder.video, "currentTime", { get: () => 2, set: () => undefined });
  });
  const { said } = await viewer.says("error", 40_000);
  const jumps = said.flatMap(({ event }) => (event.type === "jump" ? [event] : []));
  expect(jumps.length).toBeGreaterThan(1);
  expect(jumps.every(({ reason, to }) => reason === "nudge" && to > 2 && to < 2.5)).toBe(true);
  expect(said.at(-1)?.event).toMatchObject({ type: "error", code: "decode", fatal: true });
});

test("what would stutter here is not chosen by itself", async ({ theatre }) => {
  const before = `
    const { decodingInfo } = MediaCapabilities.prototype;
    MediaCapabilities.prototype.decodingInfo = async function (what) {
      const told = await decodingInfo.call(this, what);
      return { ...told, supported: told.supported, smooth: what.video.height <= 360 };
    };`;
  const { viewer } = await theatre.show("frames/ladder.mp4", { before });
  // The first choice may come before the browser's answer.
  await viewer.set({ playbackRate: 2 });
  const notes = await viewer.past(20, 40_000);
  expect(notes.shown.at(-1)?.height).toBe(360);
});

test("a film that is loaded long after its page is not nudged", async ({ theatre }) => {
  const before = `
    const { now } = performance;
    performance.now = function () { return now.call(this) + 60_000; };`;
  const { viewer } = await theatre.show(FILM, { before });
  const { said } = await viewer.past(2);
  expect(said.filter(({ event }) => event.type === "jump")).toEqual([]);
});
