import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/**
 * Writes the installer as one file that Node.js 20 runs without any package, for `scripts/install.mjs`.
 * @param outfile `plugin/build/install.mjs` in the checkout
 * @throws when the sources cannot be bundled
 */
export async function bundleInstaller(outfile: string): Promise<void> {
  await build({
    entryPoints: [join(fileURLToPath(new URL(".", import.meta.url)), "main.ts")],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    conditions: ["source"],
    // jsonc-parser's `main` loads its parts in a way that cannot be followed.
    mainFields: ["module", "main"],
    logLevel: "error",
  });
}
