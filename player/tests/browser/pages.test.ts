import { fileURLToPath } from "node:url";
import { source as axe } from "axe-core";
import type { BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect } from "vitest";

import { Origin } from "../support/origin.js";
import { eventually, gateway, type Gateway, segmented } from "../support/run.js";
import { test, type Theatre } from "../support/theatre.js";

const FILMS = fileURLToPath(new URL("../../../fixtures/media/films", import.meta.url));
const DIST = fileURLToPath(new URL("../../dist", import.meta.url));
const PHONE: BrowserContextOptions = {
  viewport: { width: 390, height: 844 },
  hasTouch: true,
  isMobile: true,
  deviceScaleFactor: 2,
};

let house: Gateway;
beforeAll(async () => {
  house = await gateway(FILMS);
  await house.id("Colours in time");
});
afterAll(() => house.close());

/** What the console says besides: a page that is sound says nothing. */
const complaints = new WeakMap<Page, string[]>();

async function open(theatre: Theatre, address: string, options: BrowserContextOptions = {}): Promise<Page> {
  const context = theatre.keep(await theatre.browser.newContext(options));
  const page = await context.newPage();
  const said: string[] = [];
  complaints.set(page, said);
  page.on("pageerror", (error) => said.push(error.message));
  page.on("console", (message) => {
    // A gateway may have no stream of events: pages find out by asking.
    const isEvents = message.location().url.endsWith("/v1/events");
    if (message.type() === "error" && !isEvents) said.push(message.text());
  });
  await page.goto(new URL(address, house.address).href);
  return page;
}

/** Opens the page of a film, paused, and waits for its first picture. */
async function watch(
  theatre: Theatre,
  title: string,
  query = "",
  options: BrowserContextOptions = {},
): Promise<Page> {
  const page = await open(theatre, "/", options);
  // As in a browser that lets no page play by itself.
  await page.route("**/watch/*", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: (await response.text()).replace(" autoplay", "") });
  });
  await page.goto(new URL(`/watch/${await house.id(title)}${query}`, house.address).href);
  await ready(page);
  return page;
}

async function ready(page: Page): Promise<void> {
  await page.waitForFunction(() => {
    const video = document.querySelector("segue-video");
    return (
      video !== null && video.readyState >= 2 && !video.seeking && customElements.get("media-controller")
    );
  });
}

const time = (page: Page): Promise<number> =>
  page.evaluate(() => document.querySelector("segue-video")?.currentTime ?? NaN);

async function reaches(page: Page, what: string, test: (time: number) => boolean): Promise<void> {
  await eventually(what, async () => test(await time(page)) || undefined);
}

describe("the page that plays a film", () => {
  test("plays it by itself, from the manifest that came with it", async ({ theatre }) => {
    const page = await open(theatre, "/");
    await page.getByRole("link", { name: "Colours in time" }).click();
    await page.waitForURL("**/watch/*", { waitUntil: "commit" });
    const asked: string[] = [];
    page.on("request", (request) => asked.push(new URL(request.url()).pathname));
    await ready(page);
    await reaches(page, "it plays", (at) => at > 0.5);
    expect(asked.filter((path) => path.endsWith("/manifest.json"))).toEqual([]);
    expect(await page.title()).toBe("Colours in time");
    expect(complaints.get(page)).toEqual([]);
  });

  test("begins where its address says", async ({ theatre }) => {
    const page = await watch(theatre, "Colours in time", "?t=1m5s");
    expect(await time(page)).toBeCloseTo(65, 1);
  });

  test("goes on where somebody stopped, until the film was watched", async ({ theatre }) => {
    const page = await watch(theatre, "Colours in time", "?t=30");
    await page.keyboard.press("l");
    await reaches(page, "the seek is over", (at) => at === 40);
    await page.goto(`${house.address}/`);
    await page.getByText("0:32 left").waitFor();
    await page.goto(`${house.address}/watch/${await house.id("Colours in time")}`);
    await ready(page);
    expect(await time(page)).toBeCloseTo(40, 1);
    await page.evaluate(() => {
      const video = document.querySelector("segue-video");
      if (video) video.currentTime = 71;
    });
    await reaches(page, "the seek is over", (at) => at === 71);
    await page.reload();
    await ready(page);
    expect(await time(page)).toBe(0);
  });

  test("is ruled by keys, but for those that a control has for itself", async ({ theatre }) => {
    const page = await watch(theatre, "Two languages", "?t=4");
    await page.keyboard.press("ArrowRight");
    await reaches(page, "5 s on", (at) => Math.abs(at - 9) < 0.1);
    await page.keyboard.press("5");
    await reaches(page, "half of it", (at) => Math.abs(at - 16) < 0.1);
    const before = await time(page);
    await page.keyboard.press(".");
    await reaches(page, "one frame on", (at) => at > before && at - before < 0.1);
    await page.keyboard.press("c");
    await page.waitForFunction(() =>
      [...(document.querySelector("segue-video")?.textTracks ?? [])].some(({ mode }) => mode === "showing"),
    );
    await page.keyboard.press("?");
    await page.getByRole("dialog").getByText("picture in picture").waitFor();
    await page.keyboard.press("?");
    expect(await page.getByRole("dialog").count()).toBe(0);
    await page.locator("media-mute-button").focus();
    await page.keyboard.press(" ");
    const state = await page.evaluate(() => {
      const video = document.querySelector("segue-video");
      return { muted: video?.muted, paused: video?.paused };
    });
    expect(state).toEqual({ muted: true, paused: true });
    expect(complaints.get(page)).toEqual([]);
  });

  test("shows a picture of the place under the pointer", async ({ theatre }) => {
    const page = await watch(theatre, "Colours in time");
    const box = await page.locator("media-time-range").boundingBox();
    if (!box) throw new Error("there is no time range");
    for (const part of [0.5, 0.52]) await page.mouse.move(box.x + box.width * part, box.y + box.height / 2);
    const preview = page.locator("#preview");
    await preview.waitFor({ state: "visible" });
    const lit = await preview.evaluate((canvas: HTMLCanvasElement) => {
      const data = canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
      return data.some((value, i) => i % 4 < 3 && value > 60);
    });
    expect(lit).toBe(true);
  });

  test("has a menu that is walked by keys and changes the language", async ({ theatre }) => {
    const page = await watch(theatre, "Two languages");
    await page.locator("media-settings-menu-button").focus();
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.activeElement?.id === "sound");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.activeElement?.localName === "media-audio-track-menu");
    await eventually("the way back shows above what there is to choose", () =>
      page.evaluate(() => {
        const top = (place?: Element | null): number => place?.getBoundingClientRect().top ?? NaN;
        const sounds = document.querySelector("media-audio-track-menu");
        const back = sounds?.shadowRoot?.querySelector("button[part~=back]");
        return Math.abs(top(back) - top(document.querySelector("#settings"))) < 2 || undefined;
      }),
    );
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.querySelector("segue-video")?.player?.audio === "a2");
    await page.keyboard.press(" ");
    await page.keyboard.press("Escape");
    await page.evaluate(() => document.querySelector("segue-video")?.play());
    await reaches(page, "it plays", (at) => at > 1);
    expect(await page.evaluate(() => document.querySelector("segue-video")?.player?.audio)).toBe("a2");
  });

  test("fills the screen and gives it back, by key and by button", async ({ theatre }) => {
    const page = await watch(theatre, "Colours in time");
    const filled = (): Promise<boolean> =>
      page.evaluate(() => {
        const stage = document.querySelector("media-controller");
        return document.fullscreenElement === stage && stage?.clientWidth === innerWidth;
      });
    await page.keyboard.press("f");
    await eventually("it fills the screen", async () => (await filled()) || undefined);
    await page.locator("media-fullscreen-button[mediaisfullscreen]").click();
    await page.waitForFunction(() => document.fullscreenElement === null);
    await page.locator("media-fullscreen-button:not([mediaisfullscreen])").click();
    await eventually("it fills it again", async () => (await filled()) || undefined);
    expect(complaints.get(page)).toEqual([]);
  });

  test("asks for a picture of its own, by key and by button, where there can be one", async ({ theatre }) => {
    const page = await watch(theatre, "Colours in time");
    // Windows need a screen: what is tested is that it is asked for, and what the button then says.
    await page.evaluate(() => {
      const video = document.querySelector("segue-video")?.nativeEl;
      if (!video) throw new Error("there is no video");
      const asked: string[] = [];
      let inside: Element | null = null;
      Object.defineProperty(Document.prototype, "pictureInPictureElement", { get: () => inside });
      Object.defineProperty(ShadowRoot.prototype, "pictureInPictureElement", { get: () => inside });
      video.requestPictureInPicture = () => {
        asked.push("in");
        inside = video;
        video.dispatchEvent(new Event("enterpictureinpicture", { bubbles: true }));
        return Promise.resolve({} as PictureInPictureWindow);
      };
      document.exitPictureInPicture = () => {
        asked.push("out");
        inside = null;
        video.dispatchEvent(new Event("leavepictureinpicture", { bubbles: true }));
        return Promise.resolve();
      };
      Object.assign(globalThis, { asked });
    });
    await page.keyboard.press("p");
    await page.locator("media-pip-button[mediaispip]").click();
    await page.locator("media-pip-button:not([mediaispip])").waitFor();
    expect(await page.evaluate(() => (globalThis as unknown as { asked: string[] }).asked)).toEqual([
      "in",
      "out",
    ]);
  });

  test("copies a link to where the film is", async ({ theatre }) => {
    const page = await watch(theatre, "Colours in time", "?t=12", {
      permissions: ["clipboard-read", "clipboard-write"],
    });
    await page.getByRole("button", { name: "Copy link at 0:12" }).click();
    await page.getByText("Link copied").waitFor();
    const link = await page.evaluate(() => navigator.clipboard.readText());
    expect(link).toBe(`${house.address}/watch/${await house.id("Colours in time")}?t=12s`);
  });

  test("says what went wrong and what to do, and tries again", async ({ theatre }) => {
    const page = await open(theatre, "/");
    const id = await house.id("Colours in time");
    // A film whose page came without its manifest, which is gone by then.
    await page.route("**/watch/*", async (route) => {
      const reply = await route.fetch();
      const body = (await reply.text()).replace(/<script type="application\/json"[^]*?<\/script>/, "");
      await route.fulfill({ response: reply, body });
    });
    await page.route("**/manifest.json", (route) => route.fulfill({ status: 404, body: "{}" }));
    await page.goto(`${house.address}/watch/${id}`);
    const alert = page.getByRole("alert");
    await alert.getByText("This film can’t be read.").waitFor();
    await page.unroute("**/manifest.json");
    await page.getByRole("button", { name: "Try again" }).click();
    await reaches(page, "it plays", (at) => at > 0.3);
    expect(await alert.isVisible()).toBe(false);
  });

  test("says so where the picture can't be decoded and the sound can", async ({ theatre, skip }) => {
    const page = await watch(theatre, "HEVC");
    const decodes = await page.evaluate(() =>
      MediaSource.isTypeSupported('video/mp4; codecs="hvc1.1.6.L63.90"'),
    );
    skip(decodes, "this browser decodes HEVC");
    await page.getByText("plays the sound alone").waitFor();
    expect(await page.getByRole("status").getByRole("link", { name: "Original file" }).count()).toBe(1);
  });

  test("plays a folder behind any web server", async ({ theatre }) => {
    const origin = theatre.keep(await Origin.start());
    origin.folder("/segue/", DIST);
    origin.folder("/films/one/", await segmented("films/Two languages.mp4"));
    const page = await open(
      theatre,
      `${origin.address}/segue/pages/watch.html?src=../../films/one/manifest.json&t=6`,
    );
    await ready(page);
    expect(await time(page)).toBeGreaterThanOrEqual(6);
    expect(await time(page)).toBeLessThan(8);
    expect(await page.getByRole("link", { name: "Original file" }).count()).toBe(0);
    expect(complaints.get(page)).toEqual([]);
  });
});

describe("the list of films", () => {
  test("shows pictures of films, and finds one by its title", async ({ theatre }) => {
    const page = await open(theatre, "/");
    const card = page.getByRole("listitem").filter({ hasText: "Colours in time" });
    await card.locator("img.here").waitFor();
    expect(await card.getByText("1:12").count()).toBe(1);
    await page.keyboard.press("/");
    await page.keyboard.type("two lang");
    await eventually(
      "one is left",
      async () => (await page.getByRole("listitem").count()) === 1 || undefined,
    );
    expect(await page.getByRole("link", { name: "Two languages" }).count()).toBe(1);
    await page.reload();
    expect(await page.getByRole("searchbox").inputValue()).toBe("two lang");
    expect(complaints.get(page)).toEqual([]);
  });
});

describe("the list of films, as it changes", () => {
  /** The list's page beside a list that the test writes. */
  async function list(theatre: Theatre) {
    const items: Record<string, unknown>[] = [film("Arrival", "receiving"), film("Brazil", "ready")];
    const origin = theatre.keep(await Origin.start());
    origin.forward("/", house.address);
    origin.page("/v1/media", () => ({
      body: Buffer.from(JSON.stringify({ items, next: null })),
      type: "application/json",
    }));
    return { items, origin, page: await open(theatre, origin.address) };
  }

  function film(title: string, state: string): Record<string, unknown> {
    const id = title.toLowerCase();
    return { id, title, state, season: null, episode: null, duration: null, bytes: 1, renditions: [] };
  }

  const titles = (page: Page): Promise<string[]> => page.locator(".film h2").allTextContents();

  test("shows films that come, change and go, and leaves the rest alone", async ({ theatre }) => {
    const { items, page } = await list(theatre);
    await page.getByRole("link", { name: "Brazil" }).focus();
    await page
      .locator(".film")
      .last()
      .evaluate((card) => card.setAttribute("title", "the same"));
    Object.assign(items[0] ?? {}, { state: "playable" });
    items.splice(1, 0, film("Bambi", "ready"));
    await page.getByRole("link", { name: "Arrival" }).waitFor();
    expect(await titles(page)).toEqual(["Arrival", "Bambi", "Brazil"]);
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Brazil");
    expect(await page.getByTitle("the same").textContent()).toContain("Brazil");
    items.shift();
    await eventually("it is gone", async () => (await titles(page)).length === 2 || undefined);
    expect(await titles(page)).toEqual(["Bambi", "Brazil"]);
    expect(await page.getByTitle("the same").count()).toBe(1);
  });

  test("looks at once when the gateway says that something happened", async ({ theatre }) => {
    const { items, origin, page } = await list(theatre);
    const stage = origin.events("/v1/events");
    await page.reload();
    await eventually("it listens", () => stage.listeners === 1 || undefined);
    stage.say("anything", {});
    await eventually("it looks", () => origin.asked(/v1.media/).length >= 3 || undefined);
    items.push(film("Casablanca", "ready"));
    stage.say("anything", {});
    await page.getByRole("link", { name: "Casablanca" }).waitFor({ timeout: 2500 });
  });
});

describe.each([
  { how: "on a desk, dark", options: { colorScheme: "dark" } satisfies BrowserContextOptions },
  { how: "on a desk, light", options: { colorScheme: "light" } satisfies BrowserContextOptions },
  { how: "on a phone", options: PHONE },
])("for everybody, $how", ({ options }) => {
  test("the pages have no barrier that a machine can find", async ({ theatre }) => {
    const found: string[] = [];
    for (const title of [null, "Two languages", "Only music"]) {
      const page = title ? await watch(theatre, title, "", options) : await open(theatre, "/", options);
      if (!title) await page.getByRole("link", { name: "Colours in time" }).waitFor();
      await page.evaluate(axe);
      const violations = await page.evaluate(async () => {
        const { axe } = globalThis as unknown as { axe: typeof import("axe-core") };
        return (await axe.run()).violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]);
      });
      for (const violation of violations) found.push(`${title ?? "the list"}: ${JSON.stringify(violation)}`);
    }
    expect(found).toEqual([]);
  });

  test("nothing is wider than the window, and fingers hit what they aim at", async ({ theatre }) => {
    for (const title of [null, "Two languages"]) {
      const page = title ? await watch(theatre, title, "", options) : await open(theatre, "/", options);
      const wide = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      expect(wide).toBe(0);
      const small = await page.evaluate(() =>
        [...document.querySelectorAll("button, .controls media-control-bar > *, .centre > *")]
          .filter((place) => place.checkVisibility() && !place.matches(".gap, media-time-display"))
          .filter((place) => place.clientHeight < 40)
          .map((place) => `${place.localName}: ${place.clientHeight}`),
      );
      expect(small).toEqual([]);
    }
  });
});
