/**
 * One file in the list of uploads: from where it is chosen, or remembered, until somebody clears it away.
 *
 * @module
 */

import { look, Refusal, remove } from "../src/upload/bay.js";
import { bytesIn, type Range } from "../src/upload/pieces.js";
import { type Facts, type Progress, Upload } from "../src/upload/upload.js";
import { type Chosen, fingerprint, reopen } from "./chosen.js";
import { make } from "./dom.js";
import { claim, Handles, type Pending, PendingUploads } from "./pending.js";
import { Row, type Shown } from "./row.js";

const UPLOADS = new URL("/v1/uploads", location.href).href;

const pending = new PendingUploads(() => localStorage);
const handles = new Handles();

/** Whom an entry tells. */
export interface Around {
  /** Something is different: it may be somebody else's turn. */
  readonly changed: () => void;
  /** It is to be watched here, or no longer. */
  readonly watch: (entry: Entry) => void;
  /** It leaves the list. */
  readonly gone: (entry: Entry) => void;
  /** Something is said to who sees the page, and to who does not. */
  readonly say: (words: string) => void;
  readonly tell: (news: string) => void;
}

/** See the module. */
export class Entry {
  readonly name: string;
  readonly length: number;
  readonly print: string;
  readonly #around: Around;
  readonly #row: Row;
  #upload: Upload | null = null;
  #address: string | null = null;
  #handle: FileSystemFileHandle | null = null;
  /** Whether somebody holds it back. */
  #held = false;
  #isElsewhere = false;
  #isWatched = false;
  #here: readonly Range[] = [];
  #words = "";
  #release: (() => void) | null = null;

  private constructor({ name, size, print }: Omit<Pending, "address">, around: Around) {
    this.name = name;
    this.length = size;
    this.print = print;
    this.#around = around;
    const go = (): void => this.#go();
    const wishes = {
      go,
      over: () => this.#over(),
      find: () => void this.#find(),
      hold: () => this.#hold(),
      remove: () => void this.#remove(),
      watch: () => around.watch(this),
    };
    this.#row = new Row(wishes, around.tell);
  }

  /** A file that nothing is known of yet. */
  static of({ file, handle }: Chosen, print: string, around: Around): Entry {
    const entry = new Entry({ name: file.name, size: file.size, print }, around);
    entry.take({ file, handle });
    return entry;
  }

  /** One that was begun before this page was opened. */
  static again(known: Pending, around: Around): Entry {
    const entry = new Entry(known, around);
    entry.#address = known.address;
    void entry.#recall(known.address);
    entry.show();
    return entry;
  }

  /** Those that were begun before. */
  static known(around: Around): Entry[] {
    return pending.all.map((each) => Entry.again(each, around));
  }

  get element(): HTMLLIElement {
    return this.#row.element;
  }

  get isSending(): boolean {
    return this.#upload?.progress.phase === "sending";
  }

  /** Whether it could be sent. */
  get isNext(): boolean {
    return this.#upload?.progress.phase === "idle" && !this.#held;
  }

  get isWatched(): boolean {
    return this.#isWatched;
  }

  set isWatched(is: boolean) {
    this.#isWatched = is;
    this.show();
  }

  /** Whether it waits for its file. */
  get isAsked(): boolean {
    return (
      !this.#isElsewhere && (this.#upload === null || this.#upload.progress.error?.code === "unreadable")
    );
  }

  set isItsTurn(its: boolean) {
    if (this.#upload) this.#upload.isItsTurn = its;
    this.show();
  }

  begin(): void {
    this.#upload?.start();
  }

  /** Its file is there. */
  take({ file, handle }: Chosen): void {
    this.#words = "";
    this.#held = false;
    if (handle) {
      this.#handle = handle;
      if (this.#address !== null) void handles.keep(this.#address, handle);
    }
    this.#send(file, this.#address);
    this.show();
    this.#around.changed();
  }

  show(): void {
    this.#row.show({
      name: this.name,
      phase: this.#phase(),
      progress: this.#progress(),
      isAtHand: this.#handle !== null,
      isWatched: this.#isWatched,
      words: this.#words,
    });
  }

  #progress(): Progress {
    if (this.#upload) {
      const { progress } = this.#upload;
      // The gateway has not said yet what it has.
      return progress.here.length > 0 ? progress : { ...progress, ...this.#remembered() };
    }
    return {
      ...{ phase: "idle", length: this.length, leaving: [], waits: null },
      ...{ media: null, state: "receiving", plays: false, error: null },
      ...this.#remembered(),
    };
  }

  #remembered(): Pick<Progress, "here" | "sent"> {
    return { here: this.#here, sent: bytesIn(this.length, this.#here) };
  }

  #phase(): Shown["phase"] {
    if (this.#isElsewhere) return "elsewhere";
    if (!this.#upload) return "asked";
    const { phase, leaving, waits, state } = this.#upload.progress;
    if (state === "failed") return "failed";
    if (phase === "idle") return this.#held ? "held" : "queued";
    const isIdle = phase === "sending" && !this.#upload.isItsTurn && leaving.length === 0 && waits === null;
    return isIdle ? "queued" : phase;
  }

  #send(file: File, address: string | null): void {
    this.#upload?.pause();
    const upload = (this.#upload = new Upload(UPLOADS, file, factsOf(file), address));
    upload.addEventListener("begun", () => void this.#begun(upload));
    upload.addEventListener("change", () => {
      if (upload !== this.#upload) return;
      const { phase, error } = upload.progress;
      const isOver = phase === "done" || error?.kind === "not_playable";
      if (upload.address !== null && isOver) this.#forget(upload.address);
      this.show();
      this.#around.changed();
    });
  }

  async #begun({ address }: Upload): Promise<void> {
    if (address === null) return;
    this.#address = address;
    pending.keep({ address, name: this.name, size: this.length, print: this.print });
    if (this.#handle) await handles.keep(address, this.#handle);
    this.#release ??= await claim(address);
  }

  #forget(address: string): void {
    pending.forget(address);
    void handles.forget(address);
    this.#release?.();
    this.#release = null;
  }

  #go(): void {
    this.#words = "";
    this.#held = false;
    if (this.#upload?.progress.phase === "failed") this.#send(this.#upload.file, this.#address);
    this.show();
    this.#around.changed();
  }

  #over(): void {
    if (!this.#upload) return;
    const before = this.#address;
    if (before !== null) {
      this.#forget(before);
      // What is there is of no more use; where it is gone already, so much the better.
      remove(before).catch(() => undefined);
    }
    this.#address = null;
    this.#here = [];
    this.#send(this.#upload.file, null);
    this.#go();
  }

  #hold(): void {
    this.#held = true;
    this.#upload?.pause();
    this.show();
    this.#around.changed();
  }

  /** Opens its file again, or asks for it. */
  async #find(): Promise<void> {
    const file = this.#handle && (await reopen(this.#handle, true));
    if (file) {
      await this.#recognise({ file, handle: this.#handle });
      return;
    }
    this.#handle = null;
    this.show();
    const input = make("input", { type: "file" });
    input.addEventListener("change", () => {
      const [chosen] = input.files ?? [];
      if (chosen) void this.#recognise({ file: chosen, handle: null });
    });
    input.click();
  }

  async #recognise(chosen: Chosen): Promise<void> {
    const print = await fingerprint(chosen.file).catch(() => null);
    if (print === this.print) {
      this.take(chosen);
      return;
    }
    this.#words =
      print === null
        ? `${chosen.file.name} can’t be read.`
        : `That is another file: ${chosen.file.name} has other bytes than the one that was begun. Choose that one, or cancel this upload.`;
    this.show();
  }

  async #remove(): Promise<void> {
    const { phase, state } = this.#upload?.progress ?? { phase: "idle", state: "receiving" };
    const isOver = this.#isElsewhere || (phase === "done" && state !== "failed");
    this.#held = true;
    const upload = this.#upload;
    const address = this.#address;
    this.#upload = null;
    this.#row.remove();
    this.#around.gone(this);
    if (address !== null && !this.#isElsewhere) this.#forget(address);
    if (isOver) return;
    try {
      if (upload) await upload.cancel();
      else if (address !== null) await remove(address);
    } catch {
      this.#around.say(
        `${this.name}: the gateway does not answer; it keeps what it has of it until that expires.`,
      );
    }
  }

  /** How far it had come; it goes on if its file can be read, and is forgotten if the gateway has nothing of it any more. */
  async #recall(address: string): Promise<void> {
    this.#release = await claim(address);
    if (!this.#release) {
      this.#isElsewhere = true;
      this.show();
      return;
    }
    this.#handle = await handles.of(address);
    try {
      const { here, length, state } = await look(address, AbortSignal.timeout(30_000));
      this.#here = here;
      const isOver = length === null || bytesIn(this.length, here) === length || state === "failed";
      if (isOver) throw new Refusal("gone", "nothing more is to be sent");
    } catch (error) {
      if (error instanceof Refusal && error.code === "gone" && !this.#upload) {
        this.#forget(address);
        this.#row.remove();
        this.#around.gone(this);
        return;
      }
    }
    this.show();
    const file = this.#handle && (await reopen(this.#handle, false));
    if (file && !this.#upload) await this.#recognise({ file, handle: this.#handle });
  }
}

/** The name of a file is all that is known of a film. */
function factsOf({ name, type }: File): Facts {
  const ending = /\.([^.]+)$/.exec(name)?.[1] ?? "";
  return {
    filename: name,
    title: ending ? name.slice(0, -ending.length - 1) : name,
    filetype: type || ending.toLowerCase(),
  };
}
