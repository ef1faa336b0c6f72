/**
 * The gateway's HLS and DASH in the players that people know, unchanged: what our player reads is not the only form that works.
 */

import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect } from "vitest";

import { Origin } from "../support/origin.js";
import { fixture, type Gateway, gateway } from "../support/run.js";
import { stalled, test } from "../support/theatre.js";
import { Viewer } from "../support/viewer.js";

const modules = fileURLToPath(new URL("../../node_modules", import.meta.url));

/** How each is told to play `url` in `video`, in the page. */
const peers = [
  {
    name: "hls.js",
    script: "hls.js/dist/hls.min.js",
    list: "master.m3u8",
    play: "const hls = new Hls(); hls.loadSource(url); hls.attachMedia(video);",
  },
  {
    name: "Shaka Player, HLS",
    script: "shaka-player/dist/shaka-player.compiled.js",
    list: "master.m3u8",
    play: "const player = new shaka.Player(); await player.attach(video); await player.load(url);",
  },
  {
    name: "Shaka Player, DASH",
    script: "shaka-player/dist/shaka-player.compiled.js",
    list: "manifest.mpd",
    play: "const player = new shaka.Player(); await player.attach(video); await player.load(url);",
  },
  {
    name: "dash.js",
    script: "dashjs/dist/modern/umd/dash.all.min.js",
    list: "manifest.mpd",
    play: "const player = dashjs.MediaPlayer().create(); player.updateSettings({ debug: { logLevel: 0 } }); player.initialize(video, url, true);",
  },
];

let running: Gateway;

beforeAll(async () => {
  running = await gateway(path.dirname(fixture("frames/ladder.mp4")));
});

afterAll(async () => running.close());

for (const { name, script, list, play } of peers) {
  // An HLS playlist can't say that its first picture comes late: its players move the whole film.
  for (const title of ["ladder", "numbered", "ntsc", ...(list === "manifest.mpd" ? ["late"] : [])]) {
    test(`${name} plays and seeks in ${title}`, async ({ theatre }) => {
      const origin = theatre.keep(await Origin.start());
      origin.folder("/modules/", modules);
      origin.forward("/v1/", running.address);
      const viewer = theatre.keep(await Viewer.bare(theatre.browser, origin));
      await viewer.page.addScriptTag({ url: `/modules/${script}` });
      const url = `${origin.address}/v1/media/${await running.id(title)}/${list}`;
      await viewer.page.evaluate(
        `(async () => { const { video } = recorder; const url = ${JSON.stringify(url)}; video.muted = true; recorder.play(); ${play} })()`,
      );
      await viewer.past(2, 30_000);
      await viewer.set({ currentTime: 6.5 });
      const notes = await viewer.past(7, 30_000);
      expect(notes.error).toBeNull();
      expect(stalled(notes)).toBeLessThan(3000);
      await viewer.pause();
      const { number } = await viewer.seek(3.02);
      const [rate, first] = title === "ntsc" ? [30000 / 1001, 0] : [25, title === "late" ? 1.2 : 0];
      expect(number).toBe(Math.floor((3.02 - first) * rate));
    });
  }
}
