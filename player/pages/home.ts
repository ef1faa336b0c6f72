/**
 * The list of films: searched on the server, a page at a time, and kept as the gateway has it.
 *
 * @module
 */

import { card, type Item } from "./card.js";
import { byId } from "./dom.js";
import { Memory } from "./memory.js";
import { onNews } from "./news.js";

interface Page {
  readonly items: readonly Item[];
  readonly next: string | null;
}

const LIMIT = 60;
/** Typing faster than this asks once; milliseconds. */
const PAUSE = 150;

const search = byId("search", HTMLInputElement);
const films = byId("films", HTMLUListElement);
const status = byId("status", HTMLParagraphElement);
const more = byId("more", HTMLButtonElement);
const memory = new Memory(() => localStorage);
/** The list as it is shown: by film, what it was made from. */
const shown = new Map<string, { readonly from: string; readonly entry: HTMLLIElement }>();
let next: string | null = null;
let asking: AbortController | null = null;
let typing = 0;

/** Reads `pages` pages from `address` on, and shows them; after those that are there already, where told so. */
async function load(address: string, pages: number, after: boolean): Promise<void> {
  asking?.abort();
  const mine = (asking = new AbortController());
  try {
    const items: Item[] = [];
    let following: string | null = address;
    for (let i = 0; i < pages && following !== null; i += 1) {
      const page = await read(following, mine.signal);
      items.push(...page.items);
      following = page.next;
    }
    show(items, after);
    next = following;
    more.hidden = next === null;
    status.textContent = films.children.length ? "" : nothing();
  } catch (error) {
    if (!mine.signal.aborted) {
      status.textContent = `The list can’t be loaded: ${error instanceof Error ? error.message : String(error)}`;
    }
  } finally {
    if (asking === mine) asking = null;
  }
}

async function read(address: string, signal: AbortSignal): Promise<Page> {
  // Asks whether what the browser has is what the gateway has: mostly it is.
  const response = await fetch(address, { signal, cache: "no-cache" });
  const page = (await response.json()) as Page & { title?: string };
  if (!response.ok) throw new Error(page.title ?? `status ${response.status}`);
  return page;
}

/** Leaves alone what is as it was: its picture, its place, and the focus in it. */
function show(items: readonly Item[], after: boolean): void {
  const told = new Set(items.map(({ id }) => id));
  for (const [id, { entry }] of after ? [] : shown) {
    if (told.has(id)) continue;
    entry.remove();
    shown.delete(id);
  }
  const from = after ? films.children.length : 0;
  for (const [i, item] of items.entries()) {
    const entry = entryOf(item);
    const there = films.children[from + i] ?? null;
    if (entry !== there) films.insertBefore(entry, there);
  }
}

/** The card of a film: the one there is, unless the film has changed. */
function entryOf(item: Item): HTMLLIElement {
  const known = shown.get(item.id);
  const from = JSON.stringify([item, memory.of(item.id)]);
  if (known?.from === from) return known.entry;
  const entry = card(item, memory);
  shown.set(item.id, { from, entry });
  if (known) {
    const hadFocus = known.entry.contains(document.activeElement);
    known.entry.replaceWith(entry);
    if (hadFocus) entry.querySelector("a")?.focus();
  }
  return entry;
}

function nothing(): string {
  return search.value
    ? "No film has this in its title."
    : "No films yet. They appear here once they lie in a served folder.";
}

/** Reads what is looked for from its beginning, as far as it was read before where that is not new. */
function first(isNew: boolean): void {
  const query = new URLSearchParams({ limit: `${LIMIT}` });
  if (search.value) query.set("q", search.value);
  const pages = isNew ? 1 : Math.max(1, Math.ceil(films.children.length / LIMIT));
  void load(`/v1/media?${query}`, pages, false);
}

search.addEventListener("input", () => {
  const address = new URL(location.href);
  if (search.value) address.searchParams.set("q", search.value);
  else address.searchParams.delete("q");
  history.replaceState(null, "", address);
  clearTimeout(typing);
  typing = window.setTimeout(() => first(true), PAUSE);
});
more.addEventListener("click", () => {
  if (next) void load(next, 1, true);
});
new IntersectionObserver(
  ([entry]) => {
    if (entry?.isIntersecting && !more.hidden) more.click();
  },
  { rootMargin: "400px" },
).observe(more);
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || document.activeElement === search) return;
  event.preventDefault();
  search.focus();
});
// Back from a film: what was watched shows.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) first(false);
});

search.value = new URLSearchParams(location.search).get("q") ?? "";
first(true);
onNews(() => {
  // What somebody is waiting for goes first.
  if (asking === null) first(false);
});
