import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { argv, exit, stderr, stdout } from "node:process";
import { fileURLToPath } from "node:url";
import { renderEnvExample, renderSettingsTable } from "@yonexus/protocol/config";
import { renderManifest } from "../../plugin/core/manifest.ts";
import pluginPackage from "../../plugin/package.json" with { type: "json" };
import { renderLuaSources } from "./luaSources.ts";
import { completeLock } from "./platformPackages.ts";
import { replaceSection } from "./section.ts";

/** Writes what is generated from the sources. With `--check` it writes nothing and fails when something is stale. */

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

interface Generated {
  readonly path: string;
  readonly render: (current: string) => string;
}

const GENERATED: readonly Generated[] = [
  { path: ".env.example", render: () => renderEnvExample() },
  { path: "docs/configuration.md", render: (current) => replaceSection(current, "settings", renderSettingsTable()) },
  { path: "protocol/redis/luaSources.ts", render: () => renderLuaSources(join(root, "protocol/redis/lua")) },
  { path: "plugin/openclaw.plugin.json", render: () => renderManifest(pluginPackage.version) },
  { path: "package-lock.json", render: completeLock },
];

const check = argv.includes("--check");
const stale = GENERATED.filter(({ path, render }) => {
  const current = read(join(root, path));
  const wanted = render(current);
  if (current === wanted) return false;
  if (!check) writeFileSync(join(root, path), wanted);
  return true;
}).map(({ path }) => path);

if (!check) stdout.write(`${stale.length === 0 ? "Everything is current." : `Written: ${stale.join(", ")}.`}\n`);
else if (stale.length > 0) {
  stderr.write(`Not current: ${stale.join(", ")}. Run: npm run generate\n`);
  exit(1);
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return "";
    throw error;
  }
}
