/**
 * A film's captions as text tracks of its `<video>`, off until the user or a page switches one on by its `mode`. The
 * player creates it beside the engine, on the page's own thread, and closes it. Captions never stop a film: what can't be
 * had is asked for again, quietly, and is missing until then.
 *
 * Offered are WebVTT files, and WebVTT (`wvtt`) and TTML (`stpp`) in fragmented MP4; not encrypted ones, nor TTML that
 * consists of pictures.
 *
 * # Why
 * Tracks are `<track>` elements, for one that `addTextTrack` makes can't be taken away again: with each film on the same
 * element more would pile up.
 *
 * @module
 */

import { fetchBytes, fetchInit, partOf } from "./bytes.js";
import { nameOf } from "./language.js";
import type { Manifest, Rendition, Segment } from "./manifest.js";
import { isAvailable, SAME, segmentAt } from "./timeline.js";
import { place, readWebVtt, type Words } from "./webvtt.js";

/** Segments loaded from the playhead on. */
const SEGMENTS = 3;
/** Seconds around the playhead for which cues are kept. */
const KEPT = 600;
/** Milliseconds before what failed is asked for again; doubled each time up to the longest. */
const BACKOFF = 1000;
const LONGEST_BACKOFF = 30_000;

/** From the bytes of a segment to its cues. */
type Reader = (segment: Uint8Array<ArrayBuffer>) => Words[];

/** The captions of one film. */
export class Captions {
  readonly #video: HTMLVideoElement;
  readonly #closing = new AbortController();
  readonly #tracks = new Map<string, CaptionTrack>();

  constructor(video: HTMLVideoElement, manifest: Manifest) {
    this.#video = video;
    const { signal } = this.#closing;
    const look = (): void => {
      for (const track of this.#tracks.values()) track.look();
    };
    for (const event of ["timeupdate", "seeking"]) video.addEventListener(event, look, { signal });
    video.textTracks.addEventListener("change", look, { signal });
    this.update(manifest);
  }

  /** Takes a newer manifest of the same film. */
  update(manifest: Manifest): void {
    if (this.#closing.signal.aborted) return;
    const offered = manifest.renditions.filter(isOffered);
    for (const rendition of offered) {
      const track = this.#tracks.get(rendition.id) ?? this.#add(rendition, offered);
      this.#tracks.set(rendition.id, track);
      track.rendition = rendition;
      track.look();
    }
  }

  /** Takes the tracks away. */
  close(): void {
    this.#closing.abort();
  }

  #add(rendition: Rendition, all: readonly Rendition[]): CaptionTrack {
    const element = this.#video.ownerDocument.createElement("track");
    element.kind = "subtitles";
    element.label = labelOf(rendition, all);
    element.srclang = rendition.language ?? "";
    // Without an address some browsers don't list it.
    element.src = "data:text/vtt,WEBVTT";
    element.track.mode = "disabled";
    this.#video.append(element);
    return new CaptionTrack(this.#video, element, rendition, this.#closing.signal);
  }
}

/** One rendition's cues around the playhead, while its track is not disabled. */
class CaptionTrack {
  rendition: Rendition;
  readonly #video: HTMLVideoElement;
  readonly #element: HTMLTrackElement;
  readonly #signal: AbortSignal;
  /** Numbers of the segments that are loaded, or on their way. */
  readonly #known = new Set<number>();
  /** Cues by their words and place. */
  readonly #cues = new Map<string, VTTCue[]>();
  #reader: Promise<Reader> | undefined;
  #failures = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(video: HTMLVideoElement, element: HTMLTrackElement, rendition: Rendition, signal: AbortSignal) {
    this.#video = video;
    this.#element = element;
    this.rendition = rendition;
    this.#signal = signal;
    signal.addEventListener("abort", () => this.#close(), { once: true });
  }

  /** Loads what is wanted at the playhead and not there yet. */
  look(): void {
    const time = this.#video.currentTime;
    const first = segmentAt(this.rendition, time);
    if (this.#element.track.mode === "disabled" || this.#timer !== undefined || !first) return;
    const wanted = this.rendition.segments
      .slice(first.n - 1, first.n - 1 + SEGMENTS)
      .filter((segment) => !this.#known.has(segment.n) && isAvailable(this.rendition, segment));
    if (wanted.length) this.#forget(time);
    for (const segment of wanted) void this.#load(segment);
  }

  async #load(segment: Segment): Promise<void> {
    this.#known.add(segment.n);
    try {
      this.#reader ??= readerOf(this.rendition, this.#signal);
      const [read, bytes] = await Promise.all([
        this.#reader,
        fetchBytes(partOf(this.rendition, segment), this.#signal),
        isLoaded(this.#element),
      ]);
      if (this.#signal.aborted) return;
      for (const words of read(bytes)) this.#add(words);
      this.#failures = 0;
    } catch {
      this.#known.delete(segment.n);
      this.#reader = undefined;
      if (!this.#signal.aborted) this.#lookAgain();
    }
  }

  #lookAgain(): void {
    if (this.#timer !== undefined) return;
    const pause = Math.min(BACKOFF * 2 ** this.#failures, LONGEST_BACKOFF);
    this.#failures += 1;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.look();
    }, pause);
  }

  /** Adds a cue, or makes one longer: those that cross a border come with both segments, whole or cut in pieces. */
  #add({ start, end, text, id, settings }: Words): void {
    const key = `${settings}\n${text}`;
    const alike = this.#cues.get(key) ?? [];
    const touching = alike.filter((cue) => cue.startTime <= end + SAME && start <= cue.endTime + SAME);
    const [kept, ...rest] = touching;
    if (kept) {
      kept.startTime = Math.min(start, ...touching.map(({ startTime }) => startTime));
      kept.endTime = Math.max(end, ...touching.map(({ endTime }) => endTime));
      for (const cue of rest) this.#element.track.removeCue(cue);
      this.#cues.set(
        key,
        alike.filter((cue) => !rest.includes(cue)),
      );
      return;
    }
    const cue = new VTTCue(start, end, text);
    cue.id = id;
    place(cue, settings);
    this.#element.track.addCue(cue);
    this.#cues.set(key, [...alike, cue]);
  }

  /** Lets go of what is far from the playhead. */
  #forget(time: number): void {
    const isFar = (start: number, end: number): boolean => end < time - KEPT || start > time + KEPT;
    for (const { n, start, end } of this.rendition.segments) if (isFar(start, end)) this.#known.delete(n);
    for (const [key, cues] of this.#cues) {
      const far = cues.filter(({ startTime, endTime }) => isFar(startTime, endTime));
      for (const cue of far) this.#element.track.removeCue(cue);
      if (far.length === cues.length) this.#cues.delete(key);
      else if (far.length) {
        this.#cues.set(
          key,
          cues.filter((cue) => !far.includes(cue)),
        );
      }
    }
  }

  #close(): void {
    clearTimeout(this.#timer);
    this.#element.track.mode = "disabled";
    this.#element.remove();
  }
}

function isOffered({ kind, mime, codec, protected: isEncrypted }: Rendition): boolean {
  const isText = mime === "text/vtt" || codec === "wvtt" || /^stpp(?!.*\bim\di\b)/.test(codec);
  return kind === "text" && isText && !isEncrypted;
}

async function readerOf(rendition: Rendition, signal: AbortSignal): Promise<Reader> {
  const { mime, codec, init, timestampOffset } = rendition;
  if (mime === "text/vtt") return (file) => readWebVtt(new TextDecoder().decode(file), timestampOffset);
  const [read, { readTrack }] = await Promise.all([
    codec === "wvtt"
      ? import("./wvtt.js").then(({ readWvtt }) => readWvtt)
      : import("./ttml.js").then(({ readTtml }) => readTtml),
    import("./isobmff.js"),
  ]);
  const track = init && readTrack(await fetchInit(init, signal));
  if (!track) throw new Error(`${rendition.id}: no track in its init segment`);
  return (segment) => read(segment, track, timestampOffset);
}

/** Resolves when the element has loaded its empty file: that takes away cues that came before. */
function isLoaded(element: HTMLTrackElement): Promise<void> {
  if (element.readyState >= 2) return Promise.resolve();
  return new Promise((resolve) => {
    for (const event of ["load", "error"]) element.addEventListener(event, () => resolve(), { once: true });
  });
}

/** What a person calls it: its name or language, and its number among those called the same. */
function labelOf(rendition: Rendition, all: readonly Rendition[]): string {
  const label = nameOf(rendition);
  const alike = all.filter((other) => nameOf(other) === label);
  return alike.length < 2 ? label : `${label} ${alike.indexOf(rendition) + 1}`;
}
