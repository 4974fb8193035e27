import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isPluginId, PLUGIN_ID } from "./identity.ts";
import { Refusal } from "./refusal.ts";

/** The files of the plugin that OpenClaw needs, wherever they are. */
export interface PluginPackage {
  readonly folder: string;
  readonly version: string;
  /** From the folder, with slashes, in a fixed order. */
  readonly files: readonly string[];
  /** SHA-256 over paths and contents: two with the same are the same plugin. */
  readonly digest: string;
}

const PARTS = ["LICENSE", "README.md", "dist", "openclaw.plugin.json", "package.json", "skills"];
const BUILD = "run `npm run build:plugin` in the checkout, and this again";

/**
 * The plugin as it was built.
 * @param folder of the plugin in the checkout
 * @param sourcesDigest of the sources as they are now
 * @throws Refusal when it was not built, or from other sources
 */
export function builtPackage(folder: string, sourcesDigest: string): PluginPackage {
  const build = readJson(join(folder, "dist", "build.json"));
  const isWhole = ["package.json", "openclaw.plugin.json", join("dist", "index.js")].every((path) =>
    lstatSync(join(folder, path), { throwIfNoEntry: false })?.isFile(),
  );
  if (!isWhole || build === undefined || manifestId(folder) !== PLUGIN_ID) {
    throw new Refusal("NOT_BUILT", `The plugin is not built: ${BUILD}.`);
  }
  if (build.sourcesDigest !== sourcesDigest) {
    throw new Refusal("STALE_BUILD", `The plugin was built from other sources than these: ${BUILD}.`);
  }
  return readPackage(folder);
}

/** @throws Refusal when something in it is neither a file nor a folder: OpenClaw would refuse it later, less clearly */
export function readPackage(folder: string): PluginPackage {
  const files = PARTS.flatMap((part) => filesUnder(folder, part));
  const hash = createHash("sha256");
  for (const path of files) {
    const content = readFileSync(join(folder, path));
    hash.update(`${path}\0${content.length}\0`).update(content);
  }
  const version = readJson(join(folder, "package.json"))?.version;
  return { folder, version: typeof version === "string" ? version : "", files, digest: hash.digest("hex") };
}

/** The id that the manifest of a folder gives; undefined where there is no manifest with one. */
export function manifestId(folder: string): string | undefined {
  const id = readJson(join(folder, "openclaw.plugin.json"))?.id;
  return typeof id === "string" ? id : undefined;
}

/** Whether that folder holds this plugin. */
export function holdsPlugin(folder: string): boolean {
  return isPluginId(manifestId(folder));
}

function filesUnder(root: string, path: string): string[] {
  const found = lstatSync(join(root, path), { throwIfNoEntry: false });
  if (found === undefined) return [];
  if (found.isFile()) return [path];
  if (!found.isDirectory()) {
    throw new Refusal("NOT_BUILT", `${join(root, path)} is neither a file nor a folder: remove it; then ${BUILD}.`);
  }
  const names = readdirSync(join(root, path)).sort((a, b) => (a < b ? -1 : 1));
  return names.flatMap((name) => filesUnder(root, `${path}/${name}`));
}

function readJson(path: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(path, "utf8"));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
