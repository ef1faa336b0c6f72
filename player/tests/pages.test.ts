import { describe, expect, it } from "vitest";

import { left, Rate, size } from "../pages/amounts.js";
import { fingerprint } from "../pages/chosen.js";
import { Memory } from "../pages/memory.js";
import { PendingUploads } from "../pages/pending.js";
import { words } from "../pages/refused.js";
import { type Film, shortcut, SHORTCUTS, type Stage } from "../pages/shortcuts.js";
import { stripes } from "../pages/stripes.js";
import { clock, place, placeText } from "../pages/time.js";
import { gradient, here } from "../pages/track.js";
import { trouble } from "../pages/trouble.js";
import type { Manifest, Rendition } from "../src/manifest.js";
import { Refusal } from "../src/upload/bay.js";
import { audioLabel } from "../src/tracks.js";

describe("places in a film", () => {
  it.each([
    ["90", 90],
    ["90s", 90],
    ["1m30s", 90],
    ["1m", 60],
    ["1h2m3s", 3723],
    ["2h", 7200],
    ["1:30", 90],
    ["1:02:03", 3723],
    ["12.5", 12.5],
    ["0", 0],
  ])("are read as people write them: %s", (text, seconds) => expect(place(text)).toBe(seconds));

  it.each([null, "", "soon", "-5", "1h-2m", "1::2", "1:2:3:4", "NaN", "Infinity"])(
    "are nowhere, said as %s",
    (text) => expect(place(text)).toBeNull(),
  );

  it("are written as they are read", () => {
    for (const seconds of [0, 1, 59, 60, 61, 3599, 3600, 3661, 86_399]) {
      expect(place(placeText(seconds))).toBe(seconds);
    }
  });

  it("are shown as a clock", () => {
    expect([0, 5.9, 65, 3605].map(clock)).toEqual(["0:00", "0:05", "1:05", "1:00:05"]);
  });
});

/** A `Storage` that is gone with the test. */
function storage(limit = Infinity): Storage {
  const kept = new Map<string, string>();
  return {
    get length() {
      return kept.size;
    },
    clear: () => kept.clear(),
    getItem: (key) => kept.get(key) ?? null,
    key: (n) => [...kept.keys()][n] ?? null,
    removeItem: (key) => void kept.delete(key),
    setItem: (key, value) => {
      if (kept.size >= limit) throw new DOMException("full", "QuotaExceededError");
      kept.set(key, value);
    },
  };
}

describe("a remembered position", () => {
  it("is where somebody stopped", () => {
    const memory = new Memory(() => storage());
    memory.keep("film", { time: 100, duration: 1000 }, 0);
    expect(memory.of("film")).toEqual({ time: 100, duration: 1000 });
    expect(memory.of("another")).toBeNull();
  });

  it.each([2, 950, 1000])("is forgotten near the beginning and near the end: at %s of 1000", (time) => {
    const memory = new Memory(() => storage());
    memory.keep("film", { time: 100, duration: 1000 }, 0);
    memory.keep("film", { time, duration: 1000 }, 1);
    expect(memory.of("film")).toBeNull();
  });

  it("needs no storage, nor one that works", () => {
    const refused = new Memory(() => {
      throw new DOMException("no", "SecurityError");
    });
    const full = new Memory(() => storage(0));
    for (const memory of [refused, full]) {
      memory.keep("film", { time: 100, duration: 1000 }, 0);
      expect(memory.of("film")).toBeNull();
    }
  });

  it("of what was watched longest ago makes room for others", () => {
    const kept = storage();
    const memory = new Memory(() => kept);
    for (let n = 0; n < 510; n++) memory.keep(`film ${n}`, { time: 100, duration: 1000 }, n);
    expect(kept.length).toBe(500);
    expect(memory.of("film 0")).toBeNull();
    expect(memory.of("film 509")).not.toBeNull();
  });

  it("that somebody else wrote is none", () => {
    const kept = storage();
    for (const text of ["{", "null", "[]", '{"time":"x"}']) {
      kept.setItem("segue.position.film", text);
      expect(new Memory(() => kept).of("film")).toBeNull();
    }
  });
});

/** A film that does nothing but remember what was done to it. */
function stage(film: Partial<Film> = {}): Stage & { film: Film; done: string[] } {
  const done: string[] = [];
  const note = (what: string): undefined => {
    done.push(what);
    return undefined;
  };
  const whole: Film = {
    currentTime: 50,
    duration: 100,
    paused: true,
    muted: false,
    volume: 0.5,
    playbackRate: 1,
    play: () => {
      note("play");
      return Promise.resolve();
    },
    pause: () => {
      note("pause");
    },
    ...film,
  };
  return {
    film: whole,
    done,
    step: (frames) => note(`step ${frames}`),
    fullscreen: () => note("fullscreen"),
    pictureInPicture: () => note("pictureInPicture"),
    captions: () => note("captions"),
    help: () => note("help"),
  };
}

describe("a key", () => {
  const press = (key: string, on = stage()): ReturnType<typeof stage> => {
    shortcut(key)?.run(on, key);
    return on;
  };

  it.each([
    ["j", 40],
    ["l", 60],
    ["L", 60],
    ["ArrowLeft", 45],
    ["ArrowRight", 55],
    ["0", 0],
    ["7", 70],
    ["Home", 0],
  ])("moves in the film: %s to %s s", (key, to) => expect(press(key).film.currentTime).toBe(to));

  it("moves no further than the film goes", () => {
    expect(press("l", stage({ currentTime: 95 })).film.currentTime).toBe(100);
    expect(press("j", stage({ currentTime: 5 })).film.currentTime).toBe(0);
    expect(press("5", stage({ duration: NaN })).film.currentTime).toBe(50);
  });

  it.each([
    [" ", "play"],
    ["k", "play"],
    [",", "step -1"],
    [".", "step 1"],
    ["c", "captions"],
    ["f", "fullscreen"],
    ["p", "pictureInPicture"],
    ["?", "help"],
  ])("does what it says: %s", (key, what) => expect(press(key).done).toEqual([what]));

  it("changes volume and speed by steps, within what there is", () => {
    expect(press("ArrowUp").film.volume).toBeCloseTo(0.55);
    expect(press("ArrowDown", stage({ volume: 0 })).film.volume).toBe(0);
    expect(press("m").film.muted).toBe(true);
    expect(press(">").film.playbackRate).toBe(1.25);
    expect(press("<").film.playbackRate).toBe(0.75);
    expect(press(">", stage({ playbackRate: 2 })).film.playbackRate).toBe(2);
  });

  it("stands in the help once", () => {
    const keys = SHORTCUTS.flatMap((entry) => entry.keys);
    expect(new Set(keys).size).toBe(keys.length);
    expect(shortcut("x")).toBeUndefined();
  });
});

describe("the track under the film", () => {
  it("shows what is buffered, what is here, and what is not", () => {
    expect(gradient([[10, 20]], [[0, 50]], 100)).toBe(
      "linear-gradient(to right, rgb(255 255 255 / 0.25) 0.000% 10.000%, " +
        "rgb(255 255 255 / 0.45) 10.000% 20.000%, rgb(255 255 255 / 0.25) 20.000% 50.000%, " +
        "rgb(255 255 255 / 0.08) 50.000% 100.000%)",
    );
  });

  it("knows nothing of a film without a duration", () => {
    expect(gradient([], [], NaN)).not.toContain("gradient");
  });

  it("has what can be seen and heard together", () => {
    const segments = [0, 1, 2, 3].map((n) => ({
      n: n + 1,
      start: n * 4,
      end: n * 4 + 4,
      size: 1,
      fragments: [],
    }));
    const rendition = (kind: string, available: [number, number][]) =>
      ({ kind, available, segments }) as unknown as Rendition;
    const film = {
      renditions: [
        rendition("video", [
          [1, 2],
          [4, 4],
        ]),
        rendition("audio", [[2, 4]]),
      ],
    };
    expect(here(film as unknown as Manifest)).toEqual([
      [4, 8],
      [12, 16],
    ]);
  });
});

describe("a sound track", () => {
  const sound = (id: string, more: Partial<Rendition>) => ({ id, kind: "audio", ...more }) as Rendition;

  it("is called by its name, its language, or else its id", () => {
    const all = [sound("a1", { name: "Comments" }), sound("a2", { language: "de" }), sound("a3", {})];
    expect(all.map((one) => audioLabel(one, all))).toEqual(["Comments", "German", "a3"]);
  });

  it("is told from another of its language by its channels, or else its id", () => {
    const all = [sound("a1", { language: "en", channels: 2 }), sound("a2", { language: "en", channels: 6 })];
    expect(all.map((one) => audioLabel(one, all))).toEqual(["English (stereo)", "English (5.1)"]);
    const alike = [sound("a1", { language: "en" }), sound("a2", { language: "en" })];
    expect(alike.map((one) => audioLabel(one, alike))).toEqual(["English (a1)", "English (a2)"]);
  });
});

describe("what goes wrong", () => {
  it.each(["manifest", "unsupported", "media-source", "network", "missing", "decode", undefined])(
    "has words and a way out: %s",
    (code) => {
      const words = trouble(code);
      expect(words.what).not.toBe("");
      expect(words.do).not.toBe("");
    },
  );
});

describe("why an upload does not go on", () => {
  it.each(["gone", "silent", "later", "unreadable", "refused"] as const)(
    "has words and a way out: %s",
    (code) => {
      const said = words(new Refusal(code, "the disk is on fire"));
      expect(said.what).not.toBe("");
      expect(said.do).not.toBe("");
      expect(said.way).not.toBe("none");
    },
  );

  it("is said with its numbers, where there are some", () => {
    const numbers = { needed: 4.1e9, free: 1.2e9 };
    expect(words(new Refusal("refused", "", { kind: "no_space", numbers })).what).toBe(
      "There is no room for it now: it needs 4.1 GB, free are 1.2 GB.",
    );
    expect(words(new Refusal("refused", "", { kind: "too_large" })).what).toContain("stored there.");
  });
});

describe("amounts", () => {
  it("are as people say them", () => {
    expect([0, 812, 999.6, 4.2e6, 9.96e6, 37e9].map(size)).toEqual([
      "0 bytes",
      "812 bytes",
      "1.0 kB",
      "4.2 MB",
      "10 MB",
      "37 GB",
    ]);
    expect([1, 52, 58, 200, 7800].map(left)).toEqual([
      "5 s left",
      "55 s left",
      "1 min left",
      "3 min left",
      "2 h 10 min left",
    ]);
  });

  it("have a rate once there was time to see one", () => {
    const rate = new Rate();
    expect([rate.at(0, 0), rate.at(500, 400), rate.at(2000, 4000), rate.at(4000, 4000)]).toEqual([
      0, 0, 2000, 1000,
    ]);
    rate.reset();
    expect(rate.at(5000, 9000)).toBe(0);
  });
});

describe("the bar of an upload", () => {
  it("shows what is there, what is leaving, and what is to go", () => {
    expect(stripes([[0, 25]], [[50, 75]], 100)).toBe(
      "linear-gradient(to right, var(--accent) 0.000% 25.000%, var(--line) 25.000% 50.000%, " +
        "var(--leaving) 50.000% 75.000%, var(--line) 75.000% 100.000%)",
    );
  });
});

describe("a file that was begun", () => {
  const film = (change = -1, length = 300_000): Blob =>
    new Blob([Uint8Array.from({ length }, (_, at) => (at === change ? 1 : (at * 7) % 251))]);

  it("is known again, and told from one with another beginning, middle, end or length", async () => {
    const print = await fingerprint(film());
    expect(await fingerprint(film())).toBe(print);
    const others = [film(0), film(150_000), film(299_999), film(-1, 300_001)];
    for (const other of others) expect(await fingerprint(other)).not.toBe(print);
  });

  it("is remembered, as far as what was written is that", () => {
    const kept = storage();
    const begun = { address: "/v1/uploads/u1", name: "a.mp4", size: 5, print: "1-2" };
    const pending = new PendingUploads(() => kept);
    pending.keep(begun);
    pending.keep(begun);
    expect(new PendingUploads(() => kept).all).toEqual([begun]);
    kept.setItem("segue.uploads", JSON.stringify([begun, { address: 5 }, null]));
    expect(pending.all).toEqual([begun]);
    pending.forget(begun.address);
    expect(pending.all).toEqual([]);
    const full = new PendingUploads(() => storage(0));
    full.keep(begun);
    expect(full.all).toEqual([]);
  });
});
