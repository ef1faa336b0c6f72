/**
 * Runs in the page: parts of the player, within reach of a test as `parts`.
 *
 * @module
 */

import { Captions } from "../../../src/captions.js";
import { type Manifest, readManifest } from "../../../src/manifest.js";
import { Thumbnails, type ThumbnailOptions } from "../../../src/thumbnails.js";

export { readDocument } from "../../../src/ttml.js";

const found = document.querySelector("video");
if (!found) throw new Error("a page without a video");
export const video = found;

/** The captions and thumbnails that were opened last. */
export const open: { captions?: Captions; thumbnails?: Thumbnails } = {};

/** Reads a manifest as the player does. */
export async function manifest(address = "/film/manifest.json"): Promise<Manifest> {
  const url = new URL(address, location.href).href;
  return readManifest(await (await fetch(url)).json(), url);
}

/** Puts a film's captions onto the video. */
export async function caption(address?: string): Promise<void> {
  open.captions = new Captions(video, await manifest(address));
}

/** Switches the track with this label. */
export function switchTo(label: string, mode: TextTrackMode): void {
  for (const track of video.textTracks) if (track.label === label) track.mode = mode;
}

/** Start, end and text of cues, in seconds, of the track with this label. */
export function cues(label: string, which: "cues" | "activeCues" = "cues"): [number, number, string][] {
  const track = [...video.textTracks].find((other) => other.label === label);
  const round = (seconds: number): number => Math.round(seconds * 1000) / 1000;
  return [...((track?.[which] ?? []) as Iterable<VTTCue>)].map(({ startTime, endTime, text }) => [
    round(startTime),
    round(endTime),
    text,
  ]);
}

/** Sets the playhead; resolves when it is there. */
export async function seek(time: number): Promise<void> {
  const seeked = new Promise((resolve) => video.addEventListener("seeked", resolve, { once: true }));
  video.currentTime = time;
  await seeked;
}

/** Takes a film's thumbnails. */
export async function take(options?: ThumbnailOptions, address?: string): Promise<void> {
  open.thumbnails = new Thumbnails(await manifest(address), options);
}

/** A picture as a test sees it. */
export interface Seen {
  readonly width: number;
  readonly height: number;
  /** When it is from, as the thumbnails say. */
  readonly time: number | null;
  /** The colours at these places, each a share of width and height. */
  readonly colours: readonly (readonly number[])[];
  /** The number drawn into it; `null` where there is none. */
  readonly number: number | null;
}

/** The picture at a time, looked at in some places. */
export async function look(
  time: number,
  places: readonly (readonly [number, number])[] = [],
): Promise<Seen | null> {
  const picture = await open.thumbnails?.at(time);
  if (!picture) return null;
  const { width, height } = picture;
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context?.drawImage(picture, 0, 0);
  picture.close();
  const at = (x: number, y: number): number[] => [
    ...(context?.getImageData(Math.floor(x * width), Math.floor(y * height), 1, 1).data ?? []),
  ];
  return {
    width,
    height,
    time: open.thumbnails?.nearest(time) ?? null,
    colours: places.map(([x, y]) => at(x, y).slice(0, 3)),
    number: number((square) => at((square + 0.5) / 16, 1 / 18)[1] ?? 128),
  };
}

/** The colours of what the video shows, at these places. */
export function screen(places: readonly (readonly [number, number])[]): number[][] {
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  const context = canvas.getContext("2d");
  context?.drawImage(video, 0, 0);
  return places.map(([x, y]) => [
    ...(context
      ?.getImageData(Math.floor(x * canvas.width), Math.floor(y * canvas.height), 1, 1)
      .data.slice(0, 3) ?? []),
  ]);
}

/** Reads the 16 squares along the top: white, black, twelve bits, black, white. */
function number(light: (square: number) => number): number | null {
  const bits = Array.from({ length: 16 }, (_, square) => (light(square) > 128 ? "1" : "0")).join("");
  return /^10.{12}01$/.test(bits) ? parseInt(bits.slice(2, 14), 2) : null;
}

declare global {
  var parts: typeof import("./parts.js");
}
