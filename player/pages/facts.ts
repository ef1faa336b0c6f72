/**
 * What a film is made of, as a table.
 *
 * @module
 */

import type { Manifest, Rendition } from "../src/manifest.js";
import { languageName } from "../src/language.js";
import { channelName } from "../src/tracks.js";
import { make } from "./dom.js";
import { clock } from "./time.js";

/** A line below the title. */
export function summary({ duration, renditions }: Manifest): string {
  const video = renditions.find(({ kind }) => kind === "video");
  const languages = new Set(renditions.map(({ language }) => language).filter((tag) => tag && tag !== "und"));
  const captions = renditions.filter(({ kind }) => kind === "text").length;
  return [
    clock(duration),
    video ? `${video.width}×${video.height}` : "sound only",
    [...languages].map((tag) => languageName(tag ?? "")).join(", "),
    captions ? `${captions} ${captions === 1 ? "caption track" : "caption tracks"}` : "",
  ]
    .filter(Boolean)
    .join(" · ");
}

/** A row for each rendition. */
export function rows(manifest: Manifest): HTMLTableRowElement[] {
  return manifest.renditions.map((rendition) =>
    make(
      "tr",
      {},
      make("th", { scope: "row", textContent: rendition.id }),
      ...[
        what(rendition),
        rendition.codec,
        rate(rendition.averageBandwidth),
        `${rendition.segments.length}`,
      ].map((textContent) => make("td", { textContent })),
    ),
  );
}

function rate(bits: number): string {
  return bits < 1000 ? "under 1 kbit/s" : `${(bits / 1000).toFixed(0)} kbit/s`;
}

function what({ kind, width, height, frameRate, channels, language, name }: Rendition): string {
  const rate = frameRate ? `${Number(frameRate.toFixed(3))} frames/s` : "";
  const size = kind === "video" ? [`${width}×${height}`, rate] : [kind === "text" ? "captions" : "sound"];
  return [...size, channelName(channels), name ?? (language ? languageName(language) : "")]
    .filter(Boolean)
    .join(", ");
}
