// Builds the page into the package, and beside it a list of what it was built from: a test reads
// that list, so that a page that is older than its source is seen.

import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { defineConfig, type Plugin } from "vite";

const WEB = import.meta.dirname;
const ROOT = resolve(WEB, "..");
const PAGE = join(ROOT, "src/mapcoder_lite/server/page");
const SHARED = join(ROOT, "src/mapcoder_lite/evaluation/page");

const files = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

const sources = (): string[] => [
  ...["index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts"].map((name) => join(WEB, name)),
  ...files(join(WEB, "src")),
  ...["page.css", "trajectory.css"].map((name) => join(SHARED, name)),
];

const digest = (path: string): string => createHash("sha256").update(readFileSync(path)).digest("hex");

const recorded: Plugin = {
  name: "recorded-sources",
  closeBundle() {
    const lines = sources().map((path) => [relative(ROOT, path), digest(path)] as const);
    const sorted = lines.sort(([one], [other]) => (one < other ? -1 : 1));
    writeFileSync(join(PAGE, "sources.txt"), sorted.map(([path, sum]) => `${sum}  ${path}\n`).join(""));
  },
};

export default defineConfig({
  root: WEB,
  plugins: [recorded],
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  build: {
    outDir: PAGE,
    emptyOutDir: true,
    target: "es2022",
    modulePreload: false,
    assetsInlineLimit: 0,
    reportCompressedSize: true,
  },
  server: { fs: { allow: [ROOT] }, proxy: { "/api": "http://127.0.0.1:7788" } },
});
