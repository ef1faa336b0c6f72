/**
 * Films from people's own disks: dropped or chosen, sent in the order that the gateway wants their bytes, held back, taken up again after
 * the page was closed, watched while they are on their way.
 *
 * # Why
 * Files go one after the other: the first is there soonest, and a link shared by all would finish them all late. But the next ones are
 * begun already, and what somebody waits for of them goes at once: each plays as soon as it is begun. Not all at a time: the gateway keeps
 * room for what is begun.
 *
 * @module
 */

import { type Chosen, dropped, fingerprint, picker } from "./chosen.js";
import { byId } from "./dom.js";
import { Entry } from "./entry.js";

/** Files that are begun and not yet there, at most. */
const AT_ONCE = 3;

const list = byId("uploads", HTMLUListElement);
const status = byId("status", HTMLParagraphElement);
const news = byId("news", HTMLParagraphElement);
let entries: Entry[] = [];

const around = {
  changed: (): void => turn(),
  watch: (entry: Entry): void => {
    const isWatched = !entry.isWatched;
    for (const each of entries) each.isWatched = each === entry && isWatched;
    turn();
  },
  gone: (entry: Entry): void => {
    const at = entries.indexOf(entry);
    entries = entries.filter((other) => other !== entry);
    // Focus was on a button that is gone: it goes on from there.
    const next = (entries[at] ?? entries[at - 1])?.element.querySelector("button");
    if (document.activeElement === document.body) (next ?? byId("files", HTMLInputElement)).focus();
    turn();
  },
  say: (words: string): void => {
    status.textContent = words;
  },
  tell: (words: string): void => {
    news.textContent = words;
  },
};

/** Begins what may be begun, and gives the turn to what is watched here, else to the first. */
function turn(): void {
  let open = entries.filter(({ isSending }) => isSending).length;
  for (const entry of entries) {
    if (open >= AT_ONCE) break;
    if (!entry.isNext) continue;
    open += 1;
    entry.begin();
  }
  const sending = entries.filter(({ isSending }) => isSending);
  const first = sending.find(({ isWatched }) => isWatched) ?? sending[0];
  for (const entry of sending) entry.isItsTurn = entry === first;
}

/** Each is looked up among those that wait for their file, and among those that are here, before it becomes a new one. */
async function take(files: readonly Chosen[], empty: readonly string[] = []): Promise<void> {
  const said = empty.map((folder) => `No films are in ${folder}.`);
  for (const chosen of files) {
    const { name, size } = chosen.file;
    const print = await fingerprint(chosen.file).catch(() => null);
    const same = entries.find((entry) => entry.length === size && entry.print === print);
    if (print === null) said.push(`${name} can’t be read.`);
    else if (size === 0) said.push(`Nothing is in ${name}.`);
    else if (same?.isAsked) same.take(chosen);
    else if (same) said.push(`${name} is in the list already.`);
    else {
      const entry = Entry.of(chosen, print, around);
      entries.push(entry);
      list.append(entry.element);
    }
  }
  status.textContent = said.join(" ");
  turn();
}

function wire(): void {
  const drop = byId("drop", HTMLLabelElement);
  const files = byId("files", HTMLInputElement);
  files.addEventListener("change", () => {
    void take([...(files.files ?? [])].map((file) => ({ file, handle: null })));
    files.value = "";
  });
  files.addEventListener("click", (event) => {
    const pick = picker();
    if (!pick) return;
    event.preventDefault();
    void pick().then((chosen) => take(chosen));
  });
  // Anywhere on the page: a film dropped beside the mark would else be opened by the browser in place of it.
  document.addEventListener("dragover", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    drop.classList.add("over");
  });
  document.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) drop.classList.remove("over");
  });
  document.addEventListener("drop", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    drop.classList.remove("over");
    void dropped(event.dataTransfer).then(({ chosen, empty }) => take(chosen, empty));
  });
  addEventListener("beforeunload", (event) => {
    if (entries.some(({ isSending }) => isSending)) event.preventDefault();
  });
}

wire();
entries = Entry.known(around);
list.append(...entries.map(({ element }) => element));
