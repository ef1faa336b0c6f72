/**
 * The players that are measured, each with its defaults: ours, those of npm, and the browser's own.
 *
 * @module
 */

/** A player, and how a page is told to use it. */
export interface Contender {
  readonly name: string;
  /** Files below `/modules/` or `/player/`: what a page loads for it. */
  readonly scripts: readonly string[];
  /** What it reads of a film. */
  readonly reads: "manifest.json" | "master.m3u8" | "manifest.mpd" | "film.mp4";
  /** The body of an async function of `video`, `url` and `manifest` in the page; the clock runs from its start. */
  readonly play: string;
}

const hls = (script: string, options = "") => ({
  scripts: [`/modules/hls.js/dist/${script}`],
  reads: "master.m3u8" as const,
  play: `const hls = new Hls({${options}}); hls.loadSource(url); hls.attachMedia(video);`,
});
const segue = (options: string, load = "") => ({
  scripts: ["/player/player.js"],
  reads: "manifest.json" as const,
  play: `recorder.player = new Segue.Player(video, {${options}}); recorder.player.load(url, {${load}});`,
});

export const contenders: readonly Contender[] = [
  { name: "native MP4", scripts: [], reads: "film.mp4", play: "video.src = url;" },
  { name: "hls.js", ...hls("hls.min.js") },
  { name: "hls.js progressive", ...hls("hls.min.js", "progressive: true") },
  { name: "hls.js light", ...hls("hls.light.min.js") },
  {
    name: "dash.js",
    scripts: ["/modules/dashjs/dist/modern/umd/dash.mediaplayer.min.js"],
    reads: "manifest.mpd",
    play: "const player = dashjs.MediaPlayer().create(); player.updateSettings({ debug: { logLevel: 0 } }); player.initialize(video, url, true);",
  },
  {
    name: "Shaka DASH",
    scripts: ["/modules/shaka-player/dist/shaka-player.dash-es2021.js"],
    reads: "manifest.mpd",
    play: "const player = new shaka.Player(); await player.attach(video); await player.load(url);",
  },
  {
    name: "Shaka HLS",
    scripts: ["/modules/shaka-player/dist/shaka-player.hls-es2021.js"],
    reads: "master.m3u8",
    play: "const player = new shaka.Player(); await player.attach(video); await player.load(url);",
  },
  { name: "Segue", ...segue("") },
  { name: "Segue inlined", ...segue("", "manifest") },
  { name: "Segue worker", ...segue("worker: true") },
];
