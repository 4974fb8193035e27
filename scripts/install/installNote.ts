import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { EntryBefore } from "./pluginEntry.ts";

/** What an installation leaves beside the plugin's files, to know its own again and to be able to take it back. */
export interface InstallNote {
  readonly madeExtensionsFolder: boolean;
  /** Null when the configuration was changed by hand, so that nothing is known of it. */
  readonly config: ConfigNote | null;
}

/** Digests, and nothing of what the configuration says: OpenClaw's secrets stay in one place. */
export interface ConfigNote {
  readonly before: EntryBefore;
  /** SHA-256 of the configuration before; null when there was no file. The backup has to match it. */
  readonly digestBefore: string | null;
  /** SHA-256 of what the installation made of it: while it is that still, the backup can be put back. */
  readonly digestAfter: string;
}

const NAME = ".yonexus-install.json";

export function notePath(folder: string): string {
  return join(folder, NAME);
}

export function noteBytes(note: InstallNote): Buffer {
  return Buffer.from(`${JSON.stringify({ version: 1, ...note }, undefined, 2)}\n`);
}

/** Undefined where there is none that this installer wrote. */
export function readNote(folder: string): InstallNote | undefined {
  try {
    const found = JSON.parse(readFileSync(notePath(folder), "utf8")) as Record<string, unknown>;
    const { madeExtensionsFolder, config } = found;
    return found.version === 1 && typeof madeExtensionsFolder === "boolean" && (config === null || isConfigNote(config))
      ? { madeExtensionsFolder, config }
      : undefined;
  } catch {
    return undefined;
  }
}

function isConfigNote(value: unknown): value is ConfigNote {
  if (typeof value !== "object" || value === null) return false;
  const { before, digestBefore, digestAfter } = value as Record<string, unknown>;
  if (typeof before !== "object" || before === null) return false;
  const { plugins, entries, entry, enabled, allowed } = before as Record<string, unknown>;
  return (
    [plugins, entries, entry, allowed].every((flag) => typeof flag === "boolean") &&
    (enabled === null || typeof enabled === "string") &&
    (digestBefore === null || typeof digestBefore === "string") &&
    typeof digestAfter === "string"
  );
}
