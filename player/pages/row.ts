/**
 * One upload in the list: how far it is, what can be done with it, and the film itself for who wants to watch it meanwhile.
 *
 * @module
 */

import type { Progress } from "../src/upload/upload.js";
import { left, Rate, size } from "./amounts.js";
import { make } from "./dom.js";
import { type Way, words } from "./refused.js";
import { stripes } from "./stripes.js";

/** What somebody wants of an upload. */
export interface Wishes {
  /** Go on, again or for the first time. */
  readonly go: () => void;
  /** Send it from the beginning. */
  readonly over: () => void;
  /** Look for its file, which a click may do where the page alone may not. */
  readonly find: () => void;
  readonly hold: () => void;
  /** Take it back; once it has ended, out of the list. */
  readonly remove: () => void;
  /** Watch it here, or no longer. */
  readonly watch: () => void;
}

/** An upload as it is shown. */
export interface Shown {
  readonly name: string;
  readonly progress: Progress;
  /** `asked` waits for its file, `elsewhere` goes on in another window, `queued` waits for its turn. */
  readonly phase: "asked" | "elsewhere" | "queued" | "held" | "sending" | "done" | "failed";
  /** Whether its file can be had with one click. */
  readonly isAtHand: boolean;
  readonly isWatched: boolean;
  /** What else is to be said. */
  readonly words: string;
}

/** What is told to who does not see it, when it becomes so. */
const NEWS: Partial<Record<Shown["phase"], string>> = {
  asked: "waits for its file",
  held: "is paused",
  sending: "is being sent",
  done: "is all there",
};

/** A row of the list. */
export class Row {
  readonly element: HTMLLIElement;
  readonly #wishes: Wishes;
  readonly #tell: (news: string) => void;
  readonly #title = make("h2");
  readonly #text = make("p");
  readonly #why = make("p", { className: "why" });
  readonly #bar = make("div", { className: "sent" });
  readonly #acts = make("div", { className: "acts" });
  readonly #rate = new Rate();
  #film: HTMLElement | null = null;
  #offered = "";
  #phase: Shown["phase"] | null = null;
  #plays = false;

  /** `tell` says something to who does not see the page. */
  constructor(wishes: Wishes, tell: (news: string) => void) {
    this.#wishes = wishes;
    this.#tell = tell;
    this.#why.setAttribute("role", "alert");
    this.#bar.setAttribute("role", "progressbar");
    const parts = [this.#title, this.#acts, this.#bar, this.#text, this.#why];
    this.element = make("li", { className: "upload" }, ...parts);
  }

  show(shown: Shown): void {
    const { name, phase, progress } = shown;
    const media = progress.plays ? progress.media : null;
    this.#name(name, media);
    this.#draw(shown);
    const text = this.#say(shown);
    if (this.#text.textContent !== text) this.#text.textContent = text;
    const said = progress.error ? words(progress.error) : null;
    const why = said ? `${said.what} ${said.do}` : shown.words;
    if (this.#why.textContent !== why) this.#why.textContent = why;
    this.#why.hidden = why === "";
    this.#offer(shown, said?.way ?? "again");
    this.#show(name, shown.isWatched ? media : null);
    if (phase !== this.#phase && this.#phase !== null && NEWS[phase]) this.#tell(`${name} ${NEWS[phase]}`);
    if (media !== null && !this.#plays) this.#tell(`${name} can be watched`);
    this.#phase = phase;
    this.#plays = media !== null;
  }

  /** Everything in it ends. */
  remove(): void {
    this.element.remove();
  }

  #name(name: string, media: string | null): void {
    if (media === null) this.#title.textContent = name;
    else if (!this.#title.querySelector("a")) {
      // In a window of its own: this one sends.
      const link = make("a", { href: `/watch/${media}`, target: "_blank", textContent: name });
      link.title = "Watch it in another window";
      this.#title.replaceChildren(link);
    }
  }

  #draw({ name, phase, progress }: Shown): void {
    const { here, leaving, length, sent } = progress;
    this.#bar.hidden = phase === "done";
    const background = stripes(here, leaving, length);
    if (this.#bar.style.background !== background) this.#bar.style.background = background;
    this.#bar.setAttribute("aria-label", `${name}, sent`);
    this.#bar.setAttribute("aria-valuenow", `${Math.floor((100 * sent) / length)}`);
    this.#bar.setAttribute("aria-valuetext", `${size(sent)} of ${size(length)}`);
  }

  #say({ phase, progress }: Shown): string {
    const { length, sent, waits } = progress;
    const amount = sent > 0 ? `${size(sent)} of ${size(length)}` : size(length);
    if (phase !== "sending") this.#rate.reset();
    switch (phase) {
      case "asked":
        return `${size(sent)} of ${size(length)} are there. Choose the file again to go on.`;
      case "elsewhere":
        return `${amount} · goes on in another window`;
      case "queued":
        return `${amount} · waits for its turn`;
      case "held":
        return `${amount} · paused`;
      case "failed":
        return `${amount} · stopped`;
      case "done":
        return `${size(length)} · all there`;
      case "sending": {
        if (waits === "network") return `${amount} · waits for the network`;
        if (waits === "gateway") return `${amount} · waits for the gateway, which doesn’t answer`;
        const rate = this.#rate.at(performance.now(), sent);
        if (rate <= 0) return amount;
        return `${amount} · ${size(rate)}/s · ${left((length - sent) / rate)}`;
      }
    }
  }

  #offer({ name, phase, progress, isAtHand, isWatched }: Shown, way: Way): void {
    const key = [phase, way, progress.plays, isAtHand, isWatched].join();
    if (key === this.#offered) return;
    this.#offered = key;
    const { go, over, find, hold, remove, watch } = this.#wishes;
    const act = (label: string, run: () => void): HTMLButtonElement => {
      const button = make("button", { type: "button", textContent: label });
      button.setAttribute("aria-label", `${label}: ${name}`);
      button.addEventListener("click", run);
      return button;
    };
    const ways: Record<Way, HTMLButtonElement[]> = {
      again: [act("Try again", go)],
      over: [act("Start over", over)],
      choose: [act("Choose file", find)],
      none: [],
    };
    const next: Record<Shown["phase"], HTMLButtonElement[]> = {
      asked: [act(isAtHand ? "Go on" : "Choose file", find)],
      elsewhere: [],
      queued: [act("Pause", hold)],
      sending: [act("Pause", hold)],
      held: [act("Resume", go)],
      failed: ways[way],
      done: [],
    };
    const isOver = phase === "done" || phase === "elsewhere" || (phase === "failed" && way === "none");
    const buttons = [...next[phase], act(isOver ? "Clear" : "Cancel", remove)];
    if (progress.plays) buttons.unshift(act(isWatched ? "Hide film" : "Watch", watch));
    const focused = [...this.#acts.children].indexOf(document.activeElement ?? this.#acts);
    this.#acts.replaceChildren(...buttons);
    if (focused >= 0) buttons[Math.min(focused, buttons.length - 1)]?.focus();
  }

  /** The player is loaded once there is somebody to watch, and gone when nobody does: each takes some of a browser's few connections. */
  #show(name: string, media: string | null): void {
    if (media === null) {
      this.#film?.remove();
      this.#film = null;
      return;
    }
    if (this.#film) return;
    const film = document.createElement("segue-video");
    this.#film = film;
    for (const is of ["controls", "playsinline", "autoplay"]) film.setAttribute(is, "");
    film.setAttribute("aria-label", name);
    film.setAttribute("src", `/v1/media/${media}/manifest.json`);
    this.element.append(film);
    void import("../src/element.js");
  }
}
