import { lstatSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isRunning } from "@yonexus/protocol/process";
import {
  backupPath,
  type ConfigFile,
  digestOf,
  namesPlugin,
  readConfigFile,
  refuseForeign,
  refuseReadOnly,
  removeUnfinished,
  replaceConfig,
  textOf,
} from "./configFile.ts";
import { ExtensionFolder, installedByOpenClaw } from "./extensionFolder.ts";
import { PLUGIN_ID } from "./identity.ts";
import { readIdentity } from "./installLock.ts";
import type { InstallNote } from "./installNote.ts";
import type { Operation, Outcome } from "./operation.ts";
import { otherInstallation } from "./otherInstallations.ts";
import { configuredLoadPaths, disableEntry, LINES_TO_REMOVE, UneditableConfig } from "./pluginEntry.ts";
import { Refusal } from "./refusal.ts";

/**
 * Takes out what an installation put there, the configuration first: a gateway that runs stops the plugin by it.
 * @param purge the plugin's data too
 * @param waitMs how long a gateway may take to let go of the data
 * @throws Refusal
 */
export async function uninstall(operation: Operation, purge: boolean, waitMs = 20_000): Promise<Outcome> {
  const { profile, disk, onStep } = operation;
  const folder = new ExtensionFolder(profile.extensions, disk);
  const installed = folder.inspect();
  const file = readConfigFile(profile.configPath);
  if (installed === undefined) refuseOther(profile.path, file);
  const edit = planEdit(file, installed?.note);
  if (edit !== undefined) {
    refuseReadOnly(profile, file, LINES_TO_REMOVE);
    refuseForeign(file, LINES_TO_REMOVE);
  }
  let changes = 0;
  const tell = (step: string) => {
    changes++;
    onStep(step);
  };

  const left = [folder.recover(), removeUnfinished(disk, file)];
  if (left.includes(true)) onStep("removed what an interrupted run had left");
  if (edit !== undefined) {
    replaceConfig(disk, file, edit.content);
    for (const said of edit.says) tell(`${said} in ${file.path}`);
  }
  if (installed !== undefined) {
    folder.remove(installed.note.madeExtensionsFolder);
    tell(`removed ${folder.path}`);
  }
  if (isThere(backupPath(file))) {
    disk.remove(backupPath(file));
    tell(`removed ${backupPath(file)}`);
  }
  const notes: string[] = [];
  if (installed?.note.config?.before.entry === true) {
    notes.push(`plugins.entries.${PLUGIN_ID} was in the configuration before --install, and stays in it.`);
  }
  if (purge && isThere(profile.data)) {
    await removeData(operation, waitMs);
    tell(`removed ${profile.data}`);
  } else if (isThere(profile.data)) {
    notes.push(`Its data is kept in ${profile.data}: --uninstall --purge removes it.`);
  }
  return changes === 0
    ? { result: "not_installed", says: `${PLUGIN_ID} is not installed here, and nothing was changed.`, notes }
    : { result: "uninstalled", says: `${PLUGIN_ID} is taken out of ${profile.path}.`, notes };
}

interface Edit {
  /** Null removes the file, which the installation had made. */
  readonly content: Buffer | null;
  readonly says: readonly string[];
}

/** Undefined when nothing is to be done. */
function planEdit(file: ConfigFile, note: InstallNote | undefined): Edit | undefined {
  const { content } = file;
  if (content === null) return undefined;
  const restored = note === undefined ? undefined : restore(file, content, note);
  if (restored !== undefined) return restored.content?.equals(content) ? undefined : restored;
  try {
    const text = textOf(content);
    if (text === undefined) throw new UneditableConfig("it is not UTF-8");
    const { text: next, says } = disableEntry(text, note?.config?.before);
    return next === text ? undefined : { content: Buffer.from(next), says };
  } catch (error) {
    if (!(error instanceof UneditableConfig)) throw error;
    if (!namesPlugin(file.path, content)) return undefined;
    throw new Refusal(
      "CONFIG_NOT_EDITABLE",
      `${file.path} is left as it is, because ${error.why}: take these out by hand, and run this again.`,
      { lines: LINES_TO_REMOVE, cause: error },
    );
  }
}

/** The bytes from before the installation, when nobody else changed the configuration since. */
function restore(file: ConfigFile, content: Buffer, { config }: InstallNote): Edit | undefined {
  if (config === null || digestOf(content) !== config.digestAfter) return undefined;
  if (config.digestBefore === null) return { content: null, says: ["removed the file, which --install had made,"] };
  if (config.digestBefore === config.digestAfter) return { content, says: [] };
  const backup = isThere(backupPath(file)) ? readFileSync(backupPath(file)) : undefined;
  return backup !== undefined && digestOf(backup) === config.digestBefore
    ? { content: backup, says: ["put back what was there before --install"] }
    : undefined;
}

/** The plugin may be installed in a way that only OpenClaw can undo. */
function refuseOther(profile: string, { content }: ConfigFile): void {
  const text = content === null ? undefined : textOf(content);
  const other = otherInstallation(profile, text === undefined ? [] : configuredLoadPaths(text));
  if (other !== undefined) throw installedByOpenClaw(other);
}

/** A cluster that a gateway runs in the profile holds a lock there, and must end before its files go. */
async function removeData({ profile, disk }: Operation, waitMs: number): Promise<void> {
  const until = Date.now() + waitMs;
  for (;;) {
    const holder = readIdentity(join(profile.data, "up.lock"));
    if (holder === undefined || !isRunning(holder)) break;
    if (Date.now() >= until) {
      throw new Refusal(
        "DATA_IN_USE",
        `The plugin is taken out, and its data in ${profile.data} is still in use by process ${holder.pid}: stop that gateway, and run this again with --purge.`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  disk.remove(profile.data);
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
