import { createHash } from "node:crypto";
import { lstatSync, readFileSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { Disk, Owner } from "./disk.ts";
import { PLUGIN_ID } from "./identity.ts";
import type { Profile } from "./profile.ts";
import { Refusal } from "./refusal.ts";

/** OpenClaw's configuration as it was read. */
export interface ConfigFile {
  /** Without links: a link stays one, and what it leads to is edited. */
  readonly path: string;
  /** Null while there is no such file. */
  readonly content: Buffer | null;
  readonly mode: number;
  /** Undefined where it is a new one, and where users have no numbers. */
  readonly owner: Owner | undefined;
}

/** @throws Refusal when it is there and not a file */
export function readConfigFile(path: string): ConfigFile {
  let real: string;
  try {
    real = realpathSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) {
      throw new Refusal(
        "CONFIG_NOT_EDITABLE",
        `${path} is a link to a file that is missing: mend or remove it, and run this again.`,
      );
    }
    // It may come to hold secrets.
    return { path: join(realpathSync(dirname(path)), basename(path)), content: null, mode: 0o600, owner: undefined };
  }
  const found = statSync(real);
  if (!found.isFile()) {
    throw new Refusal(
      "CONFIG_NOT_EDITABLE",
      `${real} is not a file: put OpenClaw's configuration there, and run this again.`,
    );
  }
  const owner = process.getuid === undefined ? undefined : { uid: found.uid, gid: found.gid };
  return { path: real, content: readFileSync(real), mode: found.mode & 0o777, owner };
}

/** The text, or undefined when the bytes are none: decoded with loss they could not be written back. */
export function textOf(content: Buffer): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content);
  } catch {
    return undefined;
  }
}

export function digestOf(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/** The configuration as it was before the installation, beside it and as closed as it is. */
export function backupPath({ path }: ConfigFile): string {
  return `${path}.before-${PLUGIN_ID}`;
}

/** @returns whether an interrupted writing had left something to remove */
export function removeUnfinished(disk: Disk, file: ConfigFile): boolean {
  const isLeft = lstatSync(unfinishedPath(file), { throwIfNoEntry: false }) !== undefined;
  if (isLeft) disk.remove(unfinishedPath(file));
  return isLeft;
}

function unfinishedPath({ path }: ConfigFile): string {
  return `${path}.${PLUGIN_ID}-new`;
}

/**
 * Replaces the file whole: whoever reads it gets the old or the new one.
 * @param content null removes it
 * @throws Refusal when somebody else changed it since it was read
 */
export function replaceConfig(disk: Disk, file: ConfigFile, content: Uint8Array | null): void {
  if (content === null) {
    refuseChanged(file);
    disk.remove(file.path);
    return;
  }
  const unfinished = unfinishedPath(file);
  try {
    disk.writeFile(unfinished, content, file.mode, file.owner);
    // OpenClaw writes its configuration too. What is left of the race is the moment until the next line.
    refuseChanged(file);
    disk.rename(unfinished, file.path);
  } catch (error) {
    disk.remove(unfinished);
    throw error;
  }
}

function refuseChanged({ path, content }: ConfigFile): void {
  const now = lstatSync(path, { throwIfNoEntry: false }) === undefined ? null : readFileSync(path);
  if (now === null ? content === null : content?.equals(now) === true) return;
  throw new Refusal("CONFIG_CHANGED", `${path} was changed by another program just now: run this again.`);
}

/**
 * Programs that make the configuration from a source of their own tell OpenClaw not to write it.
 * @throws Refusal when that is so
 */
export function refuseReadOnly({ isConfigReadOnly }: Profile, { path }: ConfigFile, lines: readonly string[]): void {
  if (!isConfigReadOnly) return;
  throw new Refusal(
    "CONFIG_NOT_EDITABLE",
    `${path} is left as it is, because OPENCLAW_CONFIG_READONLY or OPENCLAW_NIX_MODE says that it is made elsewhere: change these lines there, and run this again.`,
    { lines },
  );
}

/**
 * What takes the place of a file belongs to whoever wrote it, and only root could give it away. Root that works for the owner
 * of a profile does not: the owner may still have the file open for writing.
 * @throws Refusal when the new file could not belong to whom the old one does
 */
export function refuseForeign({ path, owner }: ConfigFile, lines: readonly string[]): void {
  const uid = process.geteuid?.();
  if (owner === undefined || uid === undefined || uid === 0) return;
  const folder = statSync(dirname(path));
  const inherited = (folder.mode & 0o2000) === 0 ? [] : [folder.gid];
  const groups = [process.getegid?.(), ...(process.getgroups?.() ?? []), ...inherited];
  if (owner.uid === uid && groups.includes(owner.gid)) return;
  throw new Refusal(
    "CONFIG_NOT_EDITABLE",
    `${path} is left as it is, because it belongs to user ${owner.uid} and group ${owner.gid}, and the profile to user ${uid}: give it to that user with \`chown ${uid}:${groups[0]} ${path}\`, or change these lines by hand; then run this again.`,
    { lines },
  );
}

/** Whether the configuration, or a file it includes, has the plugin's id in it: for those that cannot be edited. */
export function namesPlugin(path: string, content: Buffer, depth = 0): boolean {
  const text = content.toString("utf8");
  if (text.includes(PLUGIN_ID)) return true;
  // OpenClaw follows ten levels.
  return (
    depth < 10 &&
    includedPaths(path, text).some((included) => {
      try {
        return namesPlugin(included, readFileSync(included), depth + 1);
      } catch {
        return false;
      }
    })
  );
}

function includedPaths(path: string, text: string): string[] {
  const directives = text.matchAll(/\$include["']?\s*:\s*(\[[^\]]*\]|"[^"\n]*"|'[^'\n]*')/gu);
  return [...directives].flatMap(([, value = ""]) =>
    [...value.matchAll(/"([^"\n]*)"|'([^'\n]*)'/gu)].map(([, double, single]) =>
      resolve(dirname(path), double ?? single ?? ""),
    ),
  );
}
