import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Fragment, Manifest, Rendition } from "./manifest.js";
import type { StillDecoder } from "./stills.js";
import { Thumbnails } from "./thumbnails.js";

/** A picture that says where it came from, and knows whether it is closed. */
class Picture {
  readonly width = 10;
  readonly height = 10;
  readonly of: number;
  isClosed = false;
  constructor(of: number) {
    this.of = of;
    pictures.push(this);
  }
  close(): void {
    this.isClosed = true;
  }
}

const pictures: Picture[] = [];
/** Renditions that can be decoded; what decoders were opened and closed. */
const browser = { decodes: ["small", "big"], opened: [] as string[], closed: 0, damaged: new Set<number>() };

vi.mock("./stills.js", () => ({
  StillDecoder: {
    open: (rendition: Rendition): Promise<Partial<StillDecoder> | null> => {
      browser.opened.push(rendition.id);
      return Promise.resolve(
        browser.decodes.includes(rendition.id)
          ? {
              rendition,
              picture: (bytes: Uint8Array) => {
                const of = bytes[0] ?? 0;
                return Promise.resolve(
                  browser.damaged.has(of) ? null : (new Picture(of) as unknown as ImageBitmap),
                );
              },
              close: () => void (browser.closed += 1),
            }
          : null,
      );
    },
  },
}));

/** Requests as they come, answered by hand: the first byte of the answer is the first byte of the range. */
const requests: {
  url: string;
  range: [number, number];
  answer(status?: number): void;
  signal: AbortSignal;
}[] = [];

beforeEach(() => {
  Object.assign(browser, { decodes: ["small", "big"], opened: [], closed: 0, damaged: new Set() });
  pictures.length = 0;
  requests.length = 0;
  vi.stubGlobal("createImageBitmap", (picture: Picture) => {
    if (picture.isClosed) return Promise.reject(new Error("closed"));
    return Promise.resolve(new Picture(picture.of));
  });
  vi.stubGlobal(
    "fetch",
    (url: string, { signal, headers }: { signal: AbortSignal; headers: { range: string } }) => {
      return new Promise<Response>((resolve, reject) => {
        const [from = 0, last = 0] = headers.range.slice("bytes=".length).split("-").map(Number);
        const answer = (status = 206): void => {
          const file = Uint8Array.from({ length: 300 }, (_, at) => at);
          resolve(new Response(status === 206 ? file.slice(from, last + 1) : file, { status }));
        };
        requests.push({ url, range: [from, last + 1], answer, signal });
        signal.addEventListener("abort", () => reject(new Error("aborted")));
      });
    },
  );
});

afterEach(() => vi.unstubAllGlobals());

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

const fragment = (time: number, offset: number): Fragment => ({ time, offset, key: 10 });

function rendition(id: string, width: number, more: Partial<Rendition> = {}): Rendition {
  const segment = (n: number) => ({
    n,
    start: (n - 1) * 4,
    end: n * 4,
    size: 200,
    fragments: [fragment((n - 1) * 4, 20), fragment((n - 1) * 4 + 2, 100)],
  });
  return {
    id,
    kind: "video",
    type: "video/mp4",
    mime: "video/mp4",
    codec: "avc1",
    bandwidth: 1,
    averageBandwidth: 1,
    width,
    height: width,
    timescale: 1000,
    timestampOffset: 0,
    media: `http://films/${id}/{n}.m4s`,
    mediaStart: 0,
    segments: [1, 2, 3, 4, 5].map(segment),
    available: [[1, 5]],
    protected: false,
    ...more,
  };
}

function manifest(...renditions: Rendition[]): Manifest {
  return { url: "http://films/", id: "1", title: "", state: "ready", duration: 20, renditions };
}

const both = (): Manifest => manifest(rendition("big", 1280), rendition("small", 320));

/** Asks, answers, and gives the picture. */
async function taken(thumbnails: Thumbnails, time: number): Promise<Picture | null> {
  const picture = thumbnails.at(time);
  await settled();
  requests.at(-1)?.answer();
  return (await picture) as unknown as Picture | null;
}

describe("a picture", () => {
  it("comes from the key bytes of the last fragment before its time, of the smallest rendition", async () => {
    const thumbnails = new Thumbnails(both());
    expect((await taken(thumbnails, 7.5))?.of).toBe(100);
    expect(requests[0]).toMatchObject({ url: "http://films/small/2.m4s", range: [100, 110] });
    expect(thumbnails.nearest(7.5)).toBe(6);
  });

  it("past the end is the last, before the start the first", () => {
    const thumbnails = new Thumbnails(both());
    expect([thumbnails.nearest(-1), thumbnails.nearest(1000)]).toEqual([0, 18]);
  });

  it("comes from the next rendition where the smallest can't be decoded", async () => {
    browser.decodes = ["big"];
    await taken(new Thumbnails(both()), 0);
    expect(browser.opened).toEqual(["small", "big"]);
    expect(requests[0]?.url).toBe("http://films/big/1.m4s");
  });

  it("of a single file lies behind the segments before", async () => {
    const media = "http://films/small.mp4";
    await taken(new Thumbnails(manifest(rendition("small", 320, { media, mediaStart: 50 }))), 4);
    expect(requests[0]).toMatchObject({ url: media, range: [270, 280] });
  });

  it("is cut from the whole file where the server ignores ranges", async () => {
    const thumbnails = new Thumbnails(both());
    const picture = thumbnails.at(2);
    await settled();
    requests[0]?.answer(200);
    expect((await picture)?.width).toBe(10);
    expect(pictures[0]?.of).toBe(100);
  });

  it("is a copy that the caller owns: closing it leaves the next one whole", async () => {
    const thumbnails = new Thumbnails(both());
    (await taken(thumbnails, 0))?.close();
    expect(await thumbnails.at(1)).toMatchObject({ of: 20, isClosed: false });
    expect(requests).toHaveLength(1);
  });
});

describe("there is no picture", () => {
  it.each([
    ["without video", manifest(rendition("a1", 0, { kind: "audio" }))],
    ["of encrypted video", manifest(rendition("small", 320, { protected: true }))],
    [
      "of a segment that hasn't arrived at the server",
      manifest(rendition("small", 320, { available: [[2, 5]] })),
    ],
    ["without segments", manifest(rendition("small", 320, { segments: [] }))],
  ])("%s", async (_, film) => {
    expect(await new Thumbnails(film).at(0)).toBeNull();
    expect(requests).toEqual([]);
  });

  it("where nothing can be decoded, and that is found out once", async () => {
    browser.decodes = [];
    const thumbnails = new Thumbnails(both());
    expect([await thumbnails.at(0), await thumbnails.at(4)]).toEqual([null, null]);
    expect(browser.opened).toEqual(["small", "big"]);
  });

  it("of damaged samples, and they aren't fetched again", async () => {
    browser.damaged.add(20);
    const thumbnails = new Thumbnails(both());
    expect([await taken(thumbnails, 0), await thumbnails.at(0)]).toEqual([null, null]);
    expect(requests).toHaveLength(1);
  });

  it("when the server refuses, but it is asked again", async () => {
    const thumbnails = new Thumbnails(both());
    const refused = thumbnails.at(0);
    await settled();
    requests[0]?.answer(503);
    expect(await refused).toBeNull();
    expect((await taken(thumbnails, 0))?.of).toBe(20);
  });

  it("until a newer manifest says that it has arrived", async () => {
    const thumbnails = new Thumbnails(manifest(rendition("small", 320, { available: [] })));
    expect(await thumbnails.at(0)).toBeNull();
    thumbnails.update(both());
    expect((await taken(thumbnails, 0))?.of).toBe(20);
  });
});

describe("a pointer that moves", () => {
  it("within a fragment makes one request", async () => {
    const thumbnails = new Thumbnails(both());
    const all = [2, 2.5, 3].map((time) => thumbnails.at(time));
    await settled();
    expect(requests).toHaveLength(1);
    requests[0]?.answer();
    expect((await Promise.all(all)).every((picture) => picture !== null)).toBe(true);
  });

  it("fast makes two requests, then one for where it is", async () => {
    const thumbnails = new Thumbnails(both());
    const all = [0, 4, 8, 12, 16].map((time) => thumbnails.at(time));
    await settled();
    expect(requests.map(({ url }) => url.at(-5))).toEqual(["1", "2"]);
    expect(await Promise.all([all[2], all[3]])).toEqual([null, null]);
    requests[0]?.answer();
    await settled();
    expect(requests.map(({ url }) => url.at(-5))).toEqual(["1", "2", "5"]);
    requests[1]?.answer();
    requests[2]?.answer();
    expect((await Promise.all([all[0], all[1], all[4]])).every((picture) => picture !== null)).toBe(true);
  });

  it("aborts what it has left behind, once nobody waits for it", async () => {
    const thumbnails = new Thumbnails(both());
    const [one, two] = [new AbortController(), new AbortController()];
    const all = [thumbnails.at(0, one.signal), thumbnails.at(0, two.signal)];
    await settled();
    one.abort();
    expect(await all[0]).toBeNull();
    expect(requests[0]?.signal.aborted).toBe(false);
    two.abort();
    expect(await all[1]).toBeNull();
    expect(requests[0]?.signal.aborted).toBe(true);
    expect((await taken(thumbnails, 0))?.of).toBe(20);
  });

  it("with a signal that is aborted already asks for nothing", async () => {
    expect(await new Thumbnails(both()).at(0, AbortSignal.abort())).toBeNull();
    expect(browser.opened).toEqual([]);
  });
});

describe("pictures kept", () => {
  it("are bounded in bytes; the longest unused goes first and is closed", async () => {
    const thumbnails = new Thumbnails(both(), { bytes: 800 });
    await taken(thumbnails, 0);
    await taken(thumbnails, 4);
    const [first, , second] = pictures;
    await thumbnails.at(0);
    await taken(thumbnails, 8);
    expect([first?.isClosed, second?.isClosed]).toEqual([false, true]);
    expect(requests).toHaveLength(3);
  });

  it("are closed with the thumbnails, those handed out are not; closing twice is no harm", async () => {
    const thumbnails = new Thumbnails(both());
    const handed = await taken(thumbnails, 0);
    const waiting = thumbnails.at(8);
    await settled();
    thumbnails.close();
    thumbnails.close();
    expect(await waiting).toBeNull();
    await settled();
    expect([pictures[0]?.isClosed, handed?.isClosed, browser.closed]).toEqual([true, false, 1]);
    expect(requests[1]?.signal.aborted).toBe(true);
    expect(await thumbnails.at(0)).toBeNull();
  });
});
