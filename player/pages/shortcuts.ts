/**
 * What keys do on the page that plays a film. One table: the help is made from it, and so is what happens.
 *
 * @module
 */

import { clock } from "./time.js";

/** What keys act on: a `<video>`, or an element that is used as one. */
export interface Film {
  currentTime: number;
  readonly duration: number;
  readonly paused: boolean;
  muted: boolean;
  volume: number;
  playbackRate: number;
  play(): Promise<void>;
  pause(): void;
}

/** What keys can do beyond the film. */
export interface Stage {
  readonly film: Film;
  /** Pauses, and moves by frames. */
  step(frames: number): undefined;
  fullscreen(): undefined;
  pictureInPicture(): undefined;
  captions(): undefined;
  help(): undefined;
}

/** A line of the table. */
export interface Shortcut {
  readonly keys: readonly string[];
  /** How the keys are called in the help, where not by themselves. */
  readonly shown?: readonly string[];
  readonly does: string;
  /** Does it; what it says is shown for a moment. */
  readonly run: (stage: Stage, key: string) => string | undefined;
}

const SPEEDS = [0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2];
const SKIP = 10;
const STEP = 5;
const VOLUME_STEP = 0.05;

/** All of them, in the order of the help. */
export const SHORTCUTS: readonly Shortcut[] = [
  { keys: [" ", "k"], shown: ["space", "k"], does: "play or pause", run: ({ film }) => toggle(film) },
  { keys: ["j"], does: "10 seconds back", run: ({ film }) => seek(film, film.currentTime - SKIP) },
  { keys: ["l"], does: "10 seconds on", run: ({ film }) => seek(film, film.currentTime + SKIP) },
  {
    keys: ["ArrowLeft"],
    shown: ["←"],
    does: "5 seconds back",
    run: ({ film }) => seek(film, film.currentTime - STEP),
  },
  {
    keys: ["ArrowRight"],
    shown: ["→"],
    does: "5 seconds on",
    run: ({ film }) => seek(film, film.currentTime + STEP),
  },
  { keys: [","], does: "one frame back", run: (stage) => stage.step(-1) },
  { keys: ["."], does: "one frame on", run: (stage) => stage.step(1) },
  {
    keys: Array.from("0123456789"),
    shown: ["0", "…", "9"],
    does: "to the beginning, to 10 % … 90 %",
    run: ({ film }, key) => seek(film, (film.duration * Number(key)) / 10),
  },
  { keys: ["Home"], does: "to the beginning", run: ({ film }) => seek(film, 0) },
  { keys: ["ArrowUp"], shown: ["↑"], does: "louder", run: ({ film }) => volume(film, VOLUME_STEP) },
  { keys: ["ArrowDown"], shown: ["↓"], does: "quieter", run: ({ film }) => volume(film, -VOLUME_STEP) },
  {
    keys: ["m"],
    does: "sound off or on",
    run: ({ film }) => {
      film.muted = !film.muted;
      return film.muted ? "Sound off" : "Sound on";
    },
  },
  { keys: ["<"], does: "slower", run: ({ film }) => speed(film, -1) },
  { keys: [">"], does: "faster", run: ({ film }) => speed(film, 1) },
  { keys: ["c"], does: "captions off or on", run: (stage) => stage.captions() },
  { keys: ["f"], does: "full screen", run: (stage) => stage.fullscreen() },
  { keys: ["p"], does: "picture in picture", run: (stage) => stage.pictureInPicture() },
  { keys: ["?"], does: "this help", run: (stage) => stage.help() },
];

/** What a key does; `undefined` where it does nothing. */
export function shortcut(key: string): Shortcut | undefined {
  const plain = /^[A-Z]$/.test(key) ? key.toLowerCase() : key;
  return SHORTCUTS.find(({ keys }) => keys.includes(plain));
}

/** Whether a key belongs to what has the focus: a field, a button under space, a slider under arrows. */
export function isTaken(event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return true;
  const presses = event.key === " " || event.key === "Enter";
  return event.composedPath().some((place) => {
    if (!(place instanceof Element)) return false;
    if (place.matches("input:not([type=range]), textarea, select, [contenteditable], dialog")) return true;
    if (presses && place.matches("button, a[href], summary, [role=button], [role^=menuitem]")) return true;
    const isSlider = place.matches("input[type=range], [role=slider], [role=menu]");
    return isSlider && /^(Arrow|Home|End|Page)/.test(event.key);
  });
}

function toggle(film: Film): undefined {
  if (film.paused) film.play().catch(() => undefined);
  else film.pause();
}

function seek(film: Film, to: number): string | undefined {
  if (!(film.duration > 0)) return undefined;
  film.currentTime = Math.min(Math.max(0, to), film.duration);
  return `${clock(film.currentTime)} / ${clock(film.duration)}`;
}

function volume(film: Film, by: number): string {
  film.volume = Math.min(1, Math.max(0, film.volume + by));
  if (by > 0) film.muted = false;
  return `Volume ${Math.round(film.volume * 100)} %`;
}

function speed(film: Film, by: 1 | -1): string {
  const faster = SPEEDS.filter((rate) => (by > 0 ? rate > film.playbackRate : rate < film.playbackRate));
  film.playbackRate = (by > 0 ? faster[0] : faster.at(-1)) ?? film.playbackRate;
  return `${film.playbackRate}×`;
}
