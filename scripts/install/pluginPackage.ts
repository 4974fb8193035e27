import { lstatSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { BUILD, BUILD_NOTE, digestOfFiles, outputsDigest, type PackageFile, readFiles } from "./filesDigest.ts";
import { isPluginId, PLUGIN_ID } from "./identity.ts";
import { Refusal } from "./refusal.ts";

/** The files of the plugin that OpenClaw needs, as they were when they were read. */
export interface PluginPackage {
  readonly version: string;
  /** In a fixed order. In memory: whoever owns a profile need not be able to read the checkout. */
  readonly files: readonly PackageFile[];
  /** SHA-256 over paths and contents: two with the same are the same plugin. */
  readonly digest: string;
}

const PARTS = ["LICENSE", "README.md", "dist", "openclaw.plugin.json", "package.json", "skills"];

/**
 * The plugin as it was built.
 * @param folder of the plugin in the checkout
 * @param sourcesDigest of the sources as they are now
 * @throws Refusal when it was not built, or from other sources, or was damaged since
 */
export function builtPackage(folder: string, sourcesDigest: string): PluginPackage {
  const build = readJson(join(folder, "dist", BUILD_NOTE));
  const isWhole = ["package.json", "openclaw.plugin.json", join("dist", "index.js")].every((path) =>
    lstatSync(join(folder, path), { throwIfNoEntry: false })?.isFile(),
  );
  if (!isWhole || build === undefined || manifestId(folder) !== PLUGIN_ID) {
    throw new Refusal("NOT_BUILT", `The plugin is not built: ${BUILD}.`);
  }
  if (build.sourcesDigest !== sourcesDigest) {
    throw new Refusal("STALE_BUILD", `The plugin was built from other sources than these: ${BUILD}.`);
  }
  if (build.outputsDigest !== outputsDigest(folder)) {
    const dist = join(folder, "dist");
    throw new Refusal("DAMAGED_BUILD", `${dist} is not as the build left it, so that it may not run: ${BUILD}.`);
  }
  return readPackage(folder);
}

/** @throws Refusal when something in it is neither a file nor a folder */
export function readPackage(folder: string): PluginPackage {
  const files = PARTS.flatMap((part) => readFiles(folder, part));
  const version = readJson(join(folder, "package.json"))?.version;
  return { version: typeof version === "string" ? version : "", files, digest: digestOfFiles(files) };
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

function readJson(path: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(path, "utf8"));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
