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
import { ExtensionFolder, type InstalledPlugin, installedByOpenClaw } from "./extensionFolder.ts";
import { PLUGIN_ID } from "./identity.ts";
import type { ConfigNote, InstallNote } from "./installNote.ts";
import type { Operation, Outcome } from "./operation.ts";
import { otherInstallation } from "./otherInstallations.ts";
import { configuredLoadPaths, enableEntry, LINES_TO_ADD, UneditableConfig } from "./pluginEntry.ts";
import type { PluginPackage } from "./pluginPackage.ts";
import { Refusal } from "./refusal.ts";

/**
 * Puts the plugin in place and switches it on. All is looked at before anything is changed, and each change is a rename:
 * first the folder, which does nothing by itself, then the configuration, which makes OpenClaw load it.
 * @throws Refusal
 */
export function install({ profile, disk, onStep }: Operation, source: PluginPackage): Outcome {
  const folder = new ExtensionFolder(profile.extensions, disk);
  const installed = folder.inspect();
  const file = readConfigFile(profile.configPath);
  const text = file.content === null ? "{}\n" : textOf(file.content);
  refuseOther(profile.path, text);
  const edit = planEdit(file, text);
  if (edit.content !== undefined) {
    refuseReadOnly(profile, file, LINES_TO_ADD);
    refuseForeign(file, LINES_TO_ADD);
  }
  const note = planNote(folder, installed, file, edit);

  const left = [folder.recover(), removeUnfinished(disk, file)];
  if (left.includes(true)) onStep("removed what an interrupted run had left");
  const isCurrent = installed?.digest === source.digest;
  if (!isCurrent) {
    folder.replace(source, note);
    onStep(`${installed === undefined ? "put" : "replaced"} the plugin in ${folder.path}`);
  } else if (note !== installed.note) {
    folder.writeNote(note);
  }
  if (edit.content !== undefined) {
    // Only what the note calls the state before is one to go back to.
    if (file.content !== null && digestOf(file.content) === note.config?.digestBefore) {
      disk.writeFile(backupPath(file), file.content, file.mode, file.owner);
      onStep(`kept a copy of the configuration in ${backupPath(file)}`);
    }
    replaceConfig(disk, file, edit.content);
    for (const said of edit.says) onStep(`${said} in ${file.path}`);
  }
  return describe(source, installed, isCurrent, file, edit);
}

interface Edit {
  /** Undefined when the configuration is right already. */
  readonly content: Buffer | undefined;
  readonly says: readonly string[];
  readonly before: ConfigNote["before"] | undefined;
}

function planEdit(file: ConfigFile, text: string | undefined): Edit {
  try {
    if (text === undefined) throw new UneditableConfig("it is not UTF-8");
    const { text: next, says, before } = enableEntry(text);
    // OpenClaw runs without a configuration when it is told to, and then needs this much of one.
    const pretty = file.content === null ? `${JSON.stringify(JSON.parse(next), undefined, 2)}\n` : next;
    const isRight = file.content !== null && next === text;
    const made = file.content === null ? ["made the file"] : [];
    return { content: isRight ? undefined : Buffer.from(pretty), says: [...made, ...says], before };
  } catch (error) {
    if (!(error instanceof UneditableConfig)) throw error;
    // Somebody did by hand what the refusal asked for.
    if (file.content !== null && namesPlugin(file.path, file.content))
      return { content: undefined, says: [], before: undefined };
    throw new Refusal(
      "CONFIG_NOT_EDITABLE",
      `${file.path} is left as it is, because ${error.why}: add these lines by hand, and run this again.`,
      { lines: LINES_TO_ADD, cause: error },
    );
  }
}

/** What an uninstall has to know: of the state before the first installation, which an update must not forget. */
function planNote(
  folder: ExtensionFolder,
  installed: InstalledPlugin | undefined,
  file: ConfigFile,
  { content, before }: Edit,
): InstallNote {
  // The entry is gone since: what there was before it no longer counts.
  const isAnew = before !== undefined && content !== undefined && !before.entry;
  if (installed !== undefined && !isAnew) return installed.note;
  const madeExtensionsFolder = installed?.note.madeExtensionsFolder ?? folder.isFirst;
  if (before === undefined) return { madeExtensionsFolder, config: null };
  const digestBefore = file.content === null ? null : digestOf(file.content);
  const digestAfter = content === undefined ? (digestBefore ?? "") : digestOf(content);
  return { madeExtensionsFolder, config: { before, digestBefore, digestAfter } };
}

function refuseOther(profile: string, text: string | undefined): void {
  const other = otherInstallation(profile, text === undefined ? [] : configuredLoadPaths(text));
  if (other !== undefined) throw installedByOpenClaw(other);
}

function describe(
  source: PluginPackage,
  installed: InstalledPlugin | undefined,
  isCurrent: boolean,
  file: ConfigFile,
  edit: Edit,
): Outcome {
  const name = `${PLUGIN_ID} ${source.version}`.trim();
  const notes: string[] = [];
  if (edit.before === undefined) {
    notes.push(
      `${file.path} was left as it is, because it names ${PLUGIN_ID} already: check with \`openclaw plugins inspect ${PLUGIN_ID}\` that it is enabled.`,
    );
  }
  if (file.content === null) {
    notes.push("OpenClaw itself is not set up here: its gateway wants `openclaw setup`, or --allow-unconfigured.");
  }
  if (isCurrent && edit.content === undefined) {
    return { result: "already_installed", says: `${name} is already installed, and nothing was changed.`, notes };
  }
  notes.push(
    edit.content === undefined
      ? `A gateway that runs goes on with the old one until you run \`openclaw plugins reload ${PLUGIN_ID}\` or restart it.`
      : "A gateway that runs loads it within seconds; one that does not, when it starts.",
  );
  if (isCurrent) return { result: "updated", says: `${name} was installed already, and is switched on again.`, notes };
  return installed === undefined
    ? { result: "installed", says: `${name} is installed and switched on.`, notes }
    : { result: "updated", says: `${name} took the place of the one that was installed.`, notes };
}
