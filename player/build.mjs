// Builds dist/: the modules that are published, and the pages that the gateway embeds.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
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

// Each of these is one request, whatever else it shares with others; what not every film needs is loaded when one does.
const modules = {
  player: "src/index.ts",
  worker: "src/worker.ts",
  captions: "src/captions.ts",
  element: "src/element.ts",
  thumbnails: "src/thumbnails.ts",
};
for (const [name, entry] of Object.entries(modules)) {
  if (!existsSync(entry)) continue;
  const chunks = {
    splitting: true,
    outdir: "dist",
    chunkNames: "[name]-[hash]",
    external: ["./captions.js"],
  };
  await build({ ...common, ...chunks, entryPoints: { [name]: entry } });
}
if (!process.argv.includes("--no-types")) {
  execFileSync("node_modules/.bin/tsc", ["-p", "tsconfig.build.json"], { stdio: "inherit" });
}

// Pages load what has its hash in its name, so that browsers need not ask again; their HTML is the list of the names.
const pages = ["home", "upload", "watch"];
const { metafile } = await build({
  ...common,
  entryPoints: pages.flatMap((page) => [`pages/${page}.ts`, `pages/${page}.css`]),
  outdir: "dist/pages",
  splitting: true,
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  metafile: true,
});
const outputs = Object.entries(metafile.outputs);
for (const page of pages) {
  let html = readFileSync(`pages/${page}.html`, "utf8");
  for (const [path, { entryPoint, imports }] of outputs) {
    if (!entryPoint?.startsWith(`pages/${page}.`)) continue;
    html = html.replace(basename(entryPoint), basename(path));
    // What the module can't do without leaves together with it.
    const needed = imports.filter(({ kind }) => kind === "import-statement");
    const links = needed.map(
      (module) => `<link rel="modulepreload" href="./${basename(module.path)}" />\n    `,
    );
    html = html.replace('<script type="module"', `${links.join("")}<script type="module"`);
  }
  writeFileSync(`dist/pages/${page}.html`, html);
}

// Whoever serves these can send them compressed as well as can be, and need not do it each time.
for (const path of readdirSync("dist", { recursive: true }).map((name) => `dist/${name}`)) {
  if (!/\.(js|css)$/.test(path)) continue;
  const text = readFileSync(path);
  writeFileSync(`${path}.br`, brotliCompressSync(text));
  writeFileSync(`${path}.gz`, gzipSync(text, { level: 9 }));
}
