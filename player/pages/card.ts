/**
 * One film in the list: its picture, once that comes into view, its state, and what there is to know before it is opened.
 *
 * @module
 */

import { channelName } from "../src/tracks.js";
import { icon, ICONS, make } from "./dom.js";
import type { Memory } from "./memory.js";
import { poster } from "./posters.js";
import { clock } from "./time.js";

/** What the gateway says of a medium, as far as a card shows it. */
export interface Item {
  readonly id: string;
  readonly title: string;
  readonly season: number | null;
  readonly episode: number | null;
  readonly state: "receiving" | "playable" | "ready" | "failed" | "expired" | "offered";
  readonly duration: number | null;
  readonly bytes: number;
  readonly error?: string;
  readonly renditions: readonly {
    readonly kind: string;
    readonly codec: string;
    readonly width?: number;
    readonly height?: number;
    readonly channels?: number;
    readonly language?: string;
  }[];
}

/** Makes the picture of a card once it is in view, and gives it up when it leaves before its turn has come. */
const seen = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      const picture = pictures.get(target);
      if (isIntersecting) picture?.start();
      else picture?.stop();
    }
  },
  { rootMargin: "200px" },
);
const pictures = new WeakMap<Element, { start: () => void; stop: () => void }>();

function picture(item: Item, place: HTMLElement): void {
  let life: AbortController | null = null;
  const start = async (signal: AbortSignal): Promise<void> => {
    const address = await poster(`/v1/media/${item.id}/manifest.json`, `${item.bytes}`, signal);
    if (!address || signal.aborted) return;
    seen.unobserve(place);
    const image = make("img", { src: address, alt: "" });
    image.addEventListener("load", () => image.classList.add("here"));
    place.querySelector("svg")?.after(image);
  };
  pictures.set(place, {
    start: () => {
      if (life) return;
      life = new AbortController();
      start(life.signal).catch(() => undefined); // the placeholder stays
    },
    stop: () => {
      life?.abort();
      life = null;
    },
  });
  seen.observe(place);
}

/** A hue that is always the same for a film. */
function hue(id: string): number {
  return Array.from(id).reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 360, 7);
}

const STATES: Partial<Record<Item["state"], string>> = {
  receiving: "arriving",
  playable: "arriving, plays already",
  failed: "can’t be played",
  expired: "gone",
  offered: "comes when it is opened",
};

/** A film as a list shows it. */
export function card(item: Item, memory: Memory): HTMLLIElement {
  const plays = item.state === "ready" || item.state === "playable";
  const video = item.renditions.find(({ kind }) => kind === "video");
  const place = make("div", { className: "picture" }, icon(video || !plays ? ICONS.film : ICONS.sound));
  place.style.setProperty("--hue", `${hue(item.id)}`);
  if (plays && video) picture(item, place);
  if (item.duration !== null)
    place.append(make("span", { className: "badge duration", textContent: clock(item.duration) }));
  const state = STATES[item.state];
  if (state) place.append(make("span", { className: `badge state ${item.state}`, textContent: state }));
  const position = plays && memory.of(item.id);
  if (position) {
    const bar = make("span");
    bar.style.width = `${(100 * position.time) / position.duration}%`;
    place.append(make("div", { className: "watched" }, bar));
  }
  // One that is offered has no picture here: making one would ask for it.
  const title =
    plays || item.state === "offered"
      ? make("a", { href: `/watch/${item.id}`, textContent: item.title })
      : make("span", { textContent: item.title });
  const left = position ? `${clock(position.duration - position.time)} left` : "";
  const text = [left, ...facts(item)].filter(Boolean).join(" · ");
  const entry = make(
    "li",
    { className: "film" },
    place,
    make("h2", {}, title),
    make("p", { textContent: text }),
  );
  if (item.error) entry.append(make("p", { className: "why", textContent: item.error }));
  return entry;
}

function facts({ renditions, season, episode, state }: Item): string[] {
  const video = renditions.find(({ kind }) => kind === "video");
  const audio = renditions.filter(({ kind }) => kind === "audio");
  const sound = audio.length > 1 ? `${audio.length} sound tracks` : channelName(audio[0]?.channels);
  const codecs = new Set(
    renditions.filter(({ kind }) => kind !== "text").map(({ codec }) => codecName(codec)),
  );
  return [
    season === null ? "" : `season ${season}, episode ${episode ?? "?"}`,
    video ? `${Math.min(video.width ?? 0, video.height ?? 0)}p` : state === "ready" ? "sound only" : "",
    sound,
    [...codecs].join(" + "),
  ].filter(Boolean);
}

/** What people call a codec; its four letters where they call it nothing else. */
function codecName(codec: string): string {
  const names: Record<string, string> = {
    avc1: "H.264",
    avc3: "H.264",
    hvc1: "HEVC",
    hev1: "HEVC",
    av01: "AV1",
    vp08: "VP8",
    vp09: "VP9",
    mp4a: "AAC",
    opus: "Opus",
    flac: "FLAC",
    fLaC: "FLAC",
    "ac-3": "AC-3",
    "ec-3": "E-AC-3",
  };
  const letters = codec.split(".")[0] ?? codec;
  return names[letters] ?? letters;
}
