import { readdirSync, readFileSync } from "node:fs";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { argv, pid, stdout } from "node:process";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build, type Metafile } from "esbuild";

/**
 * Bundles the page of the operator's console into coordinator/dist/console: one script and one style, which a coordinator serves.
 * A word after the command names another folder.
 */

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const outdir = argv[2] ?? join(root, "coordinator", "dist", "console");
/** Script and style together: the page is to be there at once, also over a phone. */
const MAX_BYTES = 150_000;

const { metafile, outputFiles } = await build({
  absWorkingDir: join(root, "coordinator", "web", "page"),
  entryPoints: [
    { in: "main.tsx", out: "console" },
    { in: "page.css", out: "console" },
  ],
  outdir,
  bundle: true,
  write: false,
  format: "esm",
  platform: "browser",
  target: "es2022",
  conditions: ["source"],
  jsx: "automatic",
  jsxImportSource: "preact",
  minify: true,
  // The licences are passed on in a file of their own.
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
});

const bytes = outputFiles.reduce((sum, { contents }) => sum + contents.length, 0);
if (bytes > MAX_BYTES) throw new Error(`The page has ${bytes} bytes, and may have ${MAX_BYTES}: find out what grew.`);
await mkdir(outdir, { recursive: true });
for (const { path, contents } of outputFiles) {
  // Whoever reads it meanwhile gets the one or the other, whole.
  await writeFile(`${path}.${pid}`, contents);
  await rename(`${path}.${pid}`, path);
  stdout.write(`${path}  ${kib(contents.length)}, ${kib(gzipSync(contents).length)} gzipped\n`);
}
await writeFile(join(outdir, "licenses.txt"), licences(metafile));

/** The licences of what is bundled ask to be passed on with it. */
function licences({ inputs }: Metafile): string {
  const names = new Set(
    Object.keys(inputs).flatMap((input) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//u.exec(input)?.[1] ?? []),
  );
  return [...names]
    .sort()
    .map((name) => {
      const folder = join(root, "node_modules", name);
      const file = readdirSync(folder).find((each) => /^licen[cs]e/iu.test(each));
      if (file === undefined) throw new Error(`${name} is bundled and has no licence file.`);
      return `${name}\n\n${readFileSync(join(folder, file), "utf8").trim()}\n`;
    })
    .join(`\n${"-".repeat(80)}\n\n`);
}

function kib(size: number): string {
  return `${(size / 1024).toFixed(1)} KiB`;
}
