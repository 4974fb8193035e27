import { readFileSync } from "node:fs";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { stderr, stdout } from "node:process";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build, type Metafile } from "esbuild";
import { bundleInstaller } from "../install/bundleInstaller.ts";
import { BUILD_NOTE, outputsDigest } from "../install/filesDigest.ts";
import { sourcesDigest } from "../install/sourcesDigest.mjs";

/**
 * Bundles the OpenClaw plugin into plugin/dist: one file that every gateway loads, and chunks that are loaded when they are
 * needed. Nothing installs dependencies for a plugin that is copied into a profile, so everything but the host is in it.
 */

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const dist = join(root, "plugin", "dist");
const entry = "plugin/dist/index.js";

await rm(dist, { recursive: true, force: true });
await mkdir(dist, { recursive: true });
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: { index: "plugin/index.ts" },
  outdir: dist,
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node24",
  conditions: ["source"],
  external: ["openclaw/*"],
  chunkNames: "[name]-[hash]",
  // Some of the libraries are CommonJS and ask for Node's own modules by `require`.
  banner: {
    js: 'import { createRequire as yonexusCreateRequire } from "node:module"; const require = yonexusCreateRequire(import.meta.url);',
  },
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
});

const loaded = staticClosure(metafile, entry);
for (const name of ["ws", "bullmq", "pino"]) {
  const importer = [...loaded].find((path) => packagesOf(metafile, path).has(name));
  if (importer !== undefined)
    throw new Error(
      `A client of a cluster would load ${name}, by ${importer}: import what needs it only in standalone mode.`,
    );
}

await cp(join(root, "LICENSE"), join(dist, "LICENSE"));
await writeFile(join(dist, "THIRD_PARTY_LICENSES.txt"), await thirdPartyLicenses(metafile));
const note = { sourcesDigest: sourcesDigest(root), outputsDigest: outputsDigest(join(root, "plugin")) };
await bundleInstaller(join(root, "plugin", "build", "install.mjs"));
// The last of all: without it, it counts as not built.
await writeFile(join(dist, BUILD_NOTE), `${JSON.stringify(note)}\n`);

for (const path of Object.keys(metafile.outputs)) {
  const text = readFileSync(join(root, path));
  const when = loaded.has(path) ? "always" : "when needed";
  stdout.write(`${path}  ${kib(text.length)}, ${kib(gzipSync(text).length)} gzipped, loaded ${when}\n`);
}
stderr.write("The plugin is built. Install it with: node scripts/install.mjs --install\n");

/** The outputs that are loaded with one of them, itself among them. */
function staticClosure({ outputs }: Metafile, from: string): ReadonlySet<string> {
  const found = new Set([from]);
  // A set's iteration also visits what is added on the way.
  for (const path of found) {
    for (const each of outputs[path]?.imports ?? [])
      if (each.kind === "import-statement" && each.external !== true) found.add(each.path);
  }
  return found;
}

function packagesOf({ outputs }: Metafile, path: string): ReadonlySet<string> {
  const inputs = Object.entries(outputs[path]?.inputs ?? {}).filter(([, { bytesInOutput }]) => bytesInOutput > 0);
  return new Set(inputs.flatMap(([input]) => packageName(input) ?? []));
}

/** `node_modules/@scope/name/…` → `@scope/name`; undefined for a file of ours. */
function packageName(input: string): string | undefined {
  return /^(?:.*\/)?node_modules\/((?:@[^/]+\/)?[^/]+)\//u.exec(input)?.[1];
}

/** The licences of what is bundled ask to be passed on with it. */
async function thirdPartyLicenses(meta: Metafile): Promise<string> {
  const names = [...new Set(Object.keys(meta.outputs).flatMap((path) => [...packagesOf(meta, path)]))].sort();
  const parts = await Promise.all(
    names.map(async (name) => {
      const folder = join(root, "node_modules", name);
      const { version, license } = JSON.parse(await readFile(join(folder, "package.json"), "utf8")) as Record<
        string,
        unknown
      >;
      const file = (await readdir(folder)).find((each) => /^licen[cs]e/iu.test(each));
      const text = file === undefined ? `Licence: ${String(license)}` : await readFile(join(folder, file), "utf8");
      return `${name} ${String(version)}\n\n${text.trim()}\n`;
    }),
  );
  return parts.join(`\n${"-".repeat(80)}\n\n`);
}

function kib(bytes: number): string {
  return `${(bytes / 1024).toFixed(0)} KiB`;
}
