import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Refusal } from "./refusal.ts";

/** A file in memory. */
export interface PackageFile {
  /** From the folder that it was read from, with slashes. */
  readonly path: string;
  readonly content: Buffer;
}

export const BUILD = "run `npm run build:plugin` in the checkout, and this again";
/** What the build leaves beside its outputs: of which sources they are, and how they were when it ended. */
export const BUILD_NOTE = "build.json";

/**
 * The files of one part of a folder, in a fixed order. A part that is missing has none.
 * @throws Refusal when something in it is neither a file nor a folder: OpenClaw would refuse it later, less clearly
 */
export function readFiles(root: string, part: string): PackageFile[] {
  const found = lstatSync(join(root, part), { throwIfNoEntry: false });
  if (found === undefined) return [];
  if (found.isFile()) return [{ path: part, content: readFileSync(join(root, part)) }];
  if (!found.isDirectory()) {
    throw new Refusal("NOT_BUILT", `${join(root, part)} is neither a file nor a folder: remove it; then ${BUILD}.`);
  }
  // By code units: the order of a locale would differ from machine to machine.
  const names = readdirSync(join(root, part)).sort((a, b) => (a < b ? -1 : 1));
  return names.flatMap((name) => readFiles(root, `${part}/${name}`));
}

/** SHA-256, in hexadecimal, over paths and contents. */
export function digestOfFiles(files: readonly PackageFile[]): string {
  const hash = createHash("sha256");
  for (const { path, content } of files) hash.update(`${path}\0${content.length}\0`).update(content);
  return hash.digest("hex");
}

/**
 * The digest of all that a build wrote into its folder, but for its own note: it tells a build that was damaged since, by a
 * full disk or a hand, where the digest of the sources cannot.
 * @param folder of the plugin, with its `dist`
 */
export function outputsDigest(folder: string): string {
  return digestOfFiles(readFiles(folder, "dist").filter(({ path }) => path !== `dist/${BUILD_NOTE}`));
}
