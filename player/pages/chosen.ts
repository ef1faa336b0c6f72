/**
 * Files that somebody chose or dropped, each with the handle that leads back to it after the page was closed, where the browser has
 * such (File System Access).
 *
 * @module
 */

/** A file, and the way back to it. */
export interface Chosen {
  readonly file: File;
  readonly handle: FileSystemFileHandle | null;
}

// Not every browser has these, and TypeScript describes none of them.
type Permission = (options: { mode: "read" }) => Promise<PermissionState>;
interface Handle {
  readonly queryPermission?: Permission;
  readonly requestPermission?: Permission;
}
type Picker = (options: { multiple: boolean; types: object[] }) => Promise<FileSystemFileHandle[]>;
interface Item {
  readonly getAsFileSystemHandle?: () => Promise<FileSystemHandle | null>;
}

const ACCEPT = { "video/*": [".mp4", ".m4v", ".mov"], "audio/*": [".m4a"] };
const FILMS = [{ description: "Films", accept: ACCEPT }];
/** What the names of films in a folder end with. */
const ENDINGS = Object.values(ACCEPT).flat();

/** Asks for films in a way that leads back to them; `undefined` where the browser has none. */
export function picker(): (() => Promise<Chosen[]>) | undefined {
  const { showOpenFilePicker: ask } = globalThis as { showOpenFilePicker?: Picker };
  if (!ask) return undefined;
  return async () => {
    // Nothing chosen is no error.
    const handles = await ask({ multiple: true, types: FILMS }).catch(() => []);
    return Promise.all(handles.map(async (handle) => ({ file: await handle.getFile(), handle })));
  };
}

/** What was dropped. */
export interface Dropped {
  /** Files, and the films of folders, in the order of their names. */
  readonly chosen: readonly Chosen[];
  /** Folders that hold no films. */
  readonly empty: readonly string[];
}

/** What was dropped. To be called before the event is over: then it forgets what it has. */
export async function dropped(transfer: DataTransfer): Promise<Dropped> {
  const items = [...transfer.items].filter(({ kind }) => kind === "file");
  const empty: string[] = [];
  const found = items.map(async (item): Promise<readonly Chosen[]> => {
    const [file, entry] = [item.getAsFile(), item.webkitGetAsEntry()];
    if (entry?.isDirectory) {
      const films = await filmsIn(entry as FileSystemDirectoryEntry);
      if (films.length === 0) empty.push(entry.name);
      return films.map((film) => ({ file: film, handle: null }));
    }
    const handle = await (item as Item).getAsFileSystemHandle?.().catch(() => null);
    if (!file) return [];
    return [{ file, handle: handle?.kind === "file" ? (handle as FileSystemFileHandle) : null }];
  });
  const chosen = await Promise.all(found);
  return { chosen: chosen.flat(), empty };
}

/** The films of a folder and of those in it, in the order in which a person would count them. What can't be read is passed over. */
async function filmsIn(folder: FileSystemDirectoryEntry): Promise<File[]> {
  const reader = folder.createReader();
  const entries: FileSystemEntry[] = [];
  // It gives some at a time, and none when it has given all.
  for (let some: FileSystemEntry[]; ; entries.push(...some)) {
    some = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (some.length === 0) break;
  }
  entries.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
  const found = entries.map(async (entry): Promise<File[]> => {
    if (entry.isDirectory) return filmsIn(entry as FileSystemDirectoryEntry);
    if (!ENDINGS.some((ending) => entry.name.toLowerCase().endsWith(ending))) return [];
    return new Promise((resolve) => {
      (entry as FileSystemFileEntry).file(
        (file) => resolve([file]),
        () => resolve([]),
      );
    });
  });
  return (await Promise.all(found)).flat();
}

/** The file of a handle, unless it is gone or must not be read; with `ask`, which takes a click, the browser may ask for leave. */
export async function reopen(handle: FileSystemFileHandle, ask: boolean): Promise<File | null> {
  try {
    const { queryPermission, requestPermission } = handle as Handle;
    let leave = await queryPermission?.call(handle, { mode: "read" });
    if (leave === "prompt" && ask) leave = await requestPermission?.call(handle, { mode: "read" });
    return leave === "granted" ? await handle.getFile() : null;
  } catch {
    return null; // moved or deleted
  }
}

/** Bytes of each of the samples that tell a file from another. */
const SAMPLE = 64 << 10;

/**
 * What tells a file from others: a sum of its beginning, its middle and its end, for the whole may be large. Its name and its times tell
 * less: a copy has others. Rejects for what can't be read.
 */
export async function fingerprint(file: Blob): Promise<string> {
  const places = [0, Math.floor(file.size / 2), Math.max(0, file.size - SAMPLE)];
  const samples = await Promise.all(places.map((at) => file.slice(at, at + SAMPLE).arrayBuffer()));
  // Web Cryptography is not there on pages without TLS; nobody gains anything by a file that is taken for another of their own.
  let [low, high] = [0xdeadbeef ^ file.size, 0x41c6ce57];
  for (const sample of samples) {
    for (const byte of new Uint8Array(sample)) {
      low = Math.imul(low ^ byte, 2654435761);
      high = Math.imul(high ^ byte, 1597334677);
    }
  }
  return [low, high].map((half) => (half >>> 0).toString(16)).join("-");
}
