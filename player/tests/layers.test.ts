import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

/** From the bottom up; a module imports from lines above its own, or, on its own line, from those before it. */
const LAYERS = `
  errors ranges
  manifest messages isobmff
  timeline throughput webvtt language
  silence
  bytes
  abr schedule wvtt ttml stills
  append-queue media-source loader events
  refresh feed captions thumbnails
  engine
  worker player
  tracks index element
  upload/pieces upload/bay upload/upload
`;

const ranks = LAYERS.trim().split(/\s+/);
const SOURCE = new URL("../src/", import.meta.url);
const modules = readdirSync(SOURCE, { recursive: true })
  .map((name) => String(name).replaceAll("\\", "/"))
  .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts") && name !== "examples.ts")
  .map((name) => name.slice(0, -3));

describe("modules", () => {
  it("are all in a layer", () => {
    expect(modules.filter((name) => !ranks.includes(name))).toEqual([]);
    expect(ranks.filter((name) => !modules.includes(name))).toEqual([]);
  });

  it.each(modules)("import downwards only: %s", (name) => {
    const text = readFileSync(new URL(`${name}.ts`, SOURCE), "utf8");
    const imports = [...text.matchAll(/(?:from |import\()"(\.[\w./-]+)\.js"/g)].map(([, path = ""]) =>
      new URL(path, `file:///${name}`).pathname.slice(1),
    );
    expect(imports.filter((imported) => ranks.indexOf(imported) >= ranks.indexOf(name))).toEqual([]);
  });
});
