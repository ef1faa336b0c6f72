/**
 * The page that plays a film: of a gateway (`/watch/{id}`), or of a folder behind any web server
 * (`watch.html?src=…/manifest.json`).
 *
 * @module
 */

import type { Manifest } from "../src/manifest.js";
import type { EngineEvent } from "../src/messages.js";
import { SegueVideo, VideoError } from "../src/element.js";
import { byId, icon, ICONS, make } from "./dom.js";
import { rows, summary } from "./facts.js";
import { Memory } from "./memory.js";
import { Preview } from "./preview.js";
import { tellSystem } from "./session.js";
import { isTaken, SHORTCUTS, shortcut, type Stage } from "./shortcuts.js";
import { clock, place, placeText } from "./time.js";
import { drawTrack } from "./track.js";
import { trouble, WAITS } from "./trouble.js";

/** Words over the film go after this; milliseconds. */
const TOAST = 1200;
/** How often the position is remembered while the film plays; milliseconds. */
const REMEMBER = 5000;

const video = byId("video", SegueVideo);
const stage = byId("stage", HTMLElement);
const memory = new Memory(() => localStorage);
const film = address();
let manifest: Manifest | null = null;
let fellBack = false;

/** Where the film is: its manifest, its name in memory, and whether a gateway has more of it. */
function address(): { manifest: string; id: string; gateway: string | null } | null {
  const [, id] = /^\/watch\/([^/]+)$/.exec(location.pathname) ?? [];
  if (id) {
    const base = new URL(`/v1/media/${id}/`, location.href).href;
    return { manifest: `${base}manifest.json`, id, gateway: base };
  }
  const src = new URLSearchParams(location.search).get("src");
  if (src === null || !URL.canParse(src, location.href)) return null;
  const { href } = new URL(src, location.href);
  return { manifest: href, id: href, gateway: null };
}

// ---- What is said ----

const toast = byId("toast", HTMLParagraphElement);
let toasting = 0;

function say(words: string): void {
  toast.textContent = words;
  clearTimeout(toasting);
  toasting = window.setTimeout(() => (toast.textContent = ""), TOAST);
}

const panel = stage.querySelector<HTMLElement>(".trouble");

/** Covers the film with what went wrong, or with nothing. */
function show(code: string | null, detail = ""): void {
  if (!panel) return;
  panel.hidden = code === null;
  const words = code === null ? null : trouble(code);
  byId("trouble-what", HTMLElement).textContent = words?.what ?? "";
  byId("trouble-do", HTMLElement).textContent = words?.do ?? "";
  byId("trouble-detail", HTMLElement).textContent = detail;
  const instead = byId("instead", HTMLAnchorElement);
  instead.hidden = !words?.original || !film?.gateway;
  if (film?.gateway) instead.href = `${film.gateway}original`;
}

function failed(): void {
  const { error } = video;
  const reason = error instanceof VideoError ? error.reason : undefined;
  const undecodable = reason === "unsupported" || reason === "media-source";
  if (undecodable && film?.gateway && !fellBack) {
    fellBack = true;
    video.src = `${film.gateway}original`;
    byId("status", HTMLElement).textContent = `${trouble(reason).what} It is given the original file.`;
    return;
  }
  if (video.src === "" && !film) return;
  show(fellBack ? "unsupported" : (reason ?? ""), error?.message);
}

function told(event: EngineEvent): void {
  if (event.type === "manifest") describe(event.manifest);
  else if (event.type === "waiting")
    byId("waiting", HTMLElement).textContent = event.for ? WAITS[event.for] : "";
  else if (event.type === "jump" && event.reason === "gap") say("A piece is missing here and was skipped");
}

// ---- What is known of the film ----

const preview = new Preview(byId("range", HTMLElement), byId("preview", HTMLCanvasElement));

const settings = byId("settings", HTMLElement);
const [quality, sound] = [byId("quality", HTMLElement), byId("sound", HTMLElement)];

/** A menu is walked by arrow keys, item by item: one that has nothing to choose from is taken out, not hidden. */
function offer(item: HTMLElement, hasChoice: boolean): void {
  if (!hasChoice) item.remove();
  else if (!item.isConnected) settings.prepend(item);
}

function describe(read: Manifest): void {
  const isFirst = manifest === null;
  manifest = read;
  const of = (kind: string) => read.renditions.filter((rendition) => rendition.kind === kind);
  const [picture] = of("video");
  offer(quality, of("video").length > 1);
  offer(sound, of("audio").length > 1);
  byId("captions", HTMLElement).hidden = of("text").length === 0;
  byId("facts", HTMLElement).replaceChildren(...rows(read));
  byId("summary", HTMLElement).textContent = summary(read);
  for (const place of ["title", "name"]) byId(place, HTMLElement).textContent = read.title || "Untitled";
  document.title = read.title || "Segue";
  if (picture?.width && picture.height)
    stage.style.setProperty("--shape", `${picture.width / picture.height}`);
  stage.classList.toggle("heard", !picture);
  if (!picture) {
    byId("cover", HTMLElement).hidden = false;
    byId("cover", HTMLElement).replaceChildren(icon(ICONS.sound));
    stage.setAttribute("autohide", "-1");
  }
  if (!isFirst) {
    preview.update(read);
    return;
  }
  const seen = video.player?.playable.some(({ kind }) => kind === "video");
  if (picture && seen === false) {
    byId("status", HTMLElement).replaceChildren(...soundOnly(picture.codec));
  }
  preview.of(read);
  tellSystem(video, read.title);
}

/** What is said where the picture can't be decoded, and the sound can. */
function soundOnly(codec: string): (Node | string)[] {
  const words = `This browser does not decode the picture (${codec}) and plays the sound alone. Another browser may show it.`;
  if (!film?.gateway) return [words];
  return [words, " ", make("a", { href: `${film.gateway}original`, textContent: "Original file" })];
}

// ---- Where in the film ----

function remember(): void {
  if (film && video.duration > 0 && !video.error) {
    memory.keep(film.id, { time: video.currentTime, duration: video.duration }, Date.now());
  }
}

/** A link says where to begin; else it is where somebody stopped. */
function beginning(id: string): number {
  return place(new URLSearchParams(location.search).get("t")) ?? memory.of(id)?.time ?? 0;
}

async function copyLink(): Promise<void> {
  const link = new URL(location.href);
  link.searchParams.set("t", placeText(video.currentTime));
  try {
    // Only pages of secure contexts have a clipboard.
    await navigator.clipboard.writeText(link.href);
    say("Link copied");
    byId("status", HTMLElement).textContent = "";
  } catch {
    byId("status", HTMLElement).textContent = link.href;
  }
}

// ---- Keys ----

const dialog = byId("shortcuts", HTMLDialogElement);

function ask(request: string): undefined {
  stage.dispatchEvent(new CustomEvent(request));
}

const onStage: Stage = {
  film: video,
  step: (frames) => {
    if (video.player) video.player.step(frames);
    return undefined;
  },
  fullscreen: () =>
    ask(
      stage.hasAttribute("mediaisfullscreen") ? "mediaexitfullscreenrequest" : "mediaenterfullscreenrequest",
    ),
  pictureInPicture: () =>
    ask(stage.hasAttribute("mediaispip") ? "mediaexitpiprequest" : "mediaenterpiprequest"),
  captions: () => ask("mediatogglesubtitlesrequest"),
  help: () => {
    if (dialog.open) dialog.close();
    else dialog.showModal();
    return undefined;
  },
};

function pressed(event: KeyboardEvent): void {
  if (event.key === "?" && dialog.open) {
    dialog.close();
    return;
  }
  const found = isTaken(event) ? undefined : shortcut(event.key);
  if (!found) return;
  event.preventDefault();
  const words = found.run(onStage, event.key);
  if (words) say(words);
}

function explainKeys(): void {
  byId("keys", HTMLElement).append(
    ...SHORTCUTS.flatMap(({ keys, shown, does }) => [
      make("dt", {}, ...(shown ?? keys).flatMap((textContent) => [make("kbd", { textContent }), " "])),
      make("dd", { textContent: does }),
    ]),
  );
}

// ---- Beginning ----

function start({ manifest: src, id, gateway }: NonNullable<typeof film>): void {
  video.addEventListener("player", (event) => told((event as CustomEvent<EngineEvent>).detail));
  video.addEventListener("error", failed);
  const inlined = document.getElementById("manifest")?.textContent;
  if (inlined) video.manifest = JSON.parse(inlined);
  video.start = beginning(id);
  video.setAttribute("src", src);
  byId("home", HTMLElement).hidden = gateway === null;
  const links = { hls: "master.m3u8", dash: "manifest.mpd", json: "manifest.json", original: "original" };
  for (const [name, path] of Object.entries(links)) {
    const link = byId(name, HTMLAnchorElement);
    link.href = new URL(path, src).href;
    if (name === "original") link.hidden = gateway === null;
  }
}

function wire(): void {
  let remembered = 0;
  video.addEventListener("timeupdate", () => {
    byId("now", HTMLElement).textContent = clock(video.currentTime);
    if (Date.now() - remembered < REMEMBER) return;
    remembered = Date.now();
    remember();
  });
  video.addEventListener("resize", () => {
    const { videoWidth, videoHeight } = video;
    // Of a film that is shown turned, the manifest tells how it lies in the file.
    if (videoHeight) stage.style.setProperty("--shape", `${videoWidth / videoHeight}`);
  });
  for (const event of ["pause", "seeked", "ended"]) video.addEventListener(event, remember);
  window.addEventListener("pagehide", remember);
  video.addEventListener("playing", () => show(null));
  drawTrack(byId("range", HTMLElement), video, () => manifest);
  document.addEventListener("keydown", pressed);
  byId("help", HTMLElement).addEventListener("click", () => dialog.showModal());
  byId("copy", HTMLElement).addEventListener("click", () => void copyLink());
  byId("again", HTMLElement).addEventListener("click", () => {
    show(null);
    video.start = video.currentTime || video.start;
    video.load();
    void video.play().catch(() => undefined);
  });
  explainKeys();
}

wire();
if (film) start(film);
else {
  byId("title", HTMLElement).textContent = "Nothing to play";
  show("manifest", "This page takes the address of a manifest: watch.html?src=film/manifest.json");
}
await import("./controls.js");
