// Builds dist/: the modules that are published, and the pages that the gateway embeds.
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, rmSync } from "node:fs";
import { build } from "esbuild";

rmSync("dist", { recursive: true, force: true });

const common = {
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  sourcemap: false,
  legalComments: "none",
};

// Each of these stands alone; the element and the pages share nothing with the engine but its API.
const modules = {
  player: "src/index.ts",
  worker: "src/worker.ts",
  element: "src/element.ts",
  thumbnails: "src/thumbnails.ts",
};
for (const [name, entry] of Object.entries(modules)) {
  if (!existsSync(entry)) continue;
  await build({ ...common, entryPoints: [entry], outfile: `dist/${name}.js` });
}
if (!process.argv.includes("--no-types")) {
  execFileSync("node_modules/.bin/tsc", ["-p", "tsconfig.build.json"], { stdio: "inherit" });
}
if (existsSync("pages")) {
  cpSync("pages", "dist/pages", { recursive: true, filter: (path) => !/\.ts$/.test(path) });
  const pages = ["home", "watch"].map((page) => `pages/${page}.ts`).filter(existsSync);
  if (pages.length)
    await build({
      ...common,
      entryPoints: pages,
      outdir: "dist/pages",
      splitting: true,
      chunkNames: "[name]-[hash]",
    });
}
