/**
 * Uploads that were begun in this browser and have not ended: after a reload or a crash they go on, by themselves where the browser may
 * still read their files, else once these are chosen again.
 *
 * @module
 */

/** An upload that goes on once its file is there. */
export interface Pending {
  readonly address: string;
  readonly name: string;
  readonly size: number;
  /** What its file is known by. */
  readonly print: string;
}

const KEY = "segue.uploads";

/** Works without storage too: then nothing outlives the page. */
export class PendingUploads {
  readonly #storage: Storage | null;

  constructor(storage: () => Storage) {
    try {
      this.#storage = storage();
    } catch {
      this.#storage = null; // a browser may refuse to have any
    }
  }

  get all(): Pending[] {
    try {
      const kept = JSON.parse(this.#storage?.getItem(KEY) ?? "[]") as unknown;
      return Array.isArray(kept) ? kept.filter(isPending) : [];
    } catch {
      return []; // written by somebody else
    }
  }

  keep(pending: Pending): void {
    this.#write([...this.all.filter(({ address }) => address !== pending.address), pending]);
  }

  forget(address: string): void {
    this.#write(this.all.filter((pending) => pending.address !== address));
  }

  #write(all: readonly Pending[]): void {
    try {
      this.#storage?.setItem(KEY, JSON.stringify(all));
    } catch {
      // full: then it is not asked for again
    }
  }
}

function isPending(value: unknown): value is Pending {
  const { address, name, size, print } = (value ?? {}) as Record<string, unknown>;
  return [address, name, print].every((text) => typeof text === "string") && typeof size === "number";
}

const STORE = "files";

/** Handles of files by the address of their upload. Where they can't be kept there are none. */
export class Handles {
  #open: Promise<IDBDatabase> | undefined;

  async keep(address: string, handle: FileSystemFileHandle): Promise<void> {
    await this.#do("readwrite", (store) => store.put(handle, address));
  }

  async of(address: string): Promise<FileSystemFileHandle | null> {
    const found = await this.#do("readonly", (store) => store.get(address));
    return found instanceof FileSystemFileHandle ? found : null;
  }

  async forget(address: string): Promise<void> {
    await this.#do("readwrite", (store) => store.delete(address));
  }

  async #do(mode: IDBTransactionMode, what: (store: IDBObjectStore) => IDBRequest): Promise<unknown> {
    try {
      const database = await (this.#open ??= opened());
      return await settled(what(database.transaction(STORE, mode).objectStore(STORE)));
    } catch {
      return undefined; // refused, full, or a handle that can't be kept
    }
  }
}

function opened(): Promise<IDBDatabase> {
  const request = indexedDB.open("segue.uploads", 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE);
  return settled(request);
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("the database failed"));
  });
}

/** Milliseconds to wait for a page that is being left. */
const LEAVING = 500;

/** Takes an upload for this page, until it is left or the result is called; `null` if another page has it. */
export async function claim(address: string): Promise<(() => void) | null> {
  // Pages without TLS have no locks: there somebody may send the same from two of them, which costs bytes and does no harm.
  const { locks } = navigator as { locks?: LockManager };
  if (!locks) return () => undefined;
  return new Promise((resolve) => {
    const held = (): Promise<void> => new Promise((release) => resolve(() => release()));
    locks
      .request(`segue.upload ${address}`, { signal: AbortSignal.timeout(LEAVING) }, held)
      .catch(() => resolve(null));
  });
}
