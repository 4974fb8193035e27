import { lstatSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Disk } from "./disk.ts";
import { PLUGIN_ID } from "./identity.ts";
import { type InstallNote, noteBytes, notePath, readNote } from "./installNote.ts";
import { holdsPlugin, manifestId, type PluginPackage, readPackage } from "./pluginPackage.ts";
import { Refusal } from "./refusal.ts";

/** What this installer finds of its own in a profile. */
export interface InstalledPlugin {
  readonly digest: string;
  readonly note: InstallNote;
}

/** A digest lets others try out what a file may say. */
const NOTE_MODE = 0o600;

/** The plugin's folder among OpenClaw's extensions. Only under the lock of the profile. */
export class ExtensionFolder {
  readonly path: string;
  readonly #extensions: string;
  readonly #disk: Disk;
  // OpenClaw takes every folder in there for a plugin, but those with ".disabled" in their name.
  readonly #staged: string;
  readonly #replaced: string;
  readonly #removed: string;

  constructor(extensions: string, disk: Disk) {
    this.#extensions = extensions;
    this.#disk = disk;
    this.path = join(extensions, PLUGIN_ID);
    this.#staged = join(extensions, `.${PLUGIN_ID}.disabled-new`);
    this.#replaced = join(extensions, `.${PLUGIN_ID}.disabled-old`);
    this.#removed = join(extensions, `.${PLUGIN_ID}.disabled-gone`);
  }

  /** Ends in good order what an interrupted run began. @returns whether there was something */
  recover(): boolean {
    const left = [this.#staged, this.#replaced, this.#removed].filter(isThere);
    // Stopped between the two renames of a replacement: the old one is whole.
    if (!isThere(this.path) && isThere(this.#replaced)) this.#disk.rename(this.#replaced, this.path);
    for (const path of left) this.#disk.remove(path);
    return left.length > 0;
  }

  /**
   * What was installed here; undefined when nothing is.
   * @throws Refusal when something stands there that this installer did not put there
   */
  inspect(): InstalledPlugin | undefined {
    const folder = isThere(this.path) || !isThere(this.#replaced) ? this.path : this.#replaced;
    const found = lstatSync(folder, { throwIfNoEntry: false });
    if (found === undefined) return undefined;
    if (!found.isDirectory()) {
      throw new Refusal(
        "OTHER_PLUGIN",
        `${this.path} is not a folder that this script made: move it away, and run this again.`,
      );
    }
    if (!holdsPlugin(folder)) {
      const id = manifestId(folder);
      const what = id === undefined ? "something that is not a plugin" : `the plugin ${JSON.stringify(id)}`;
      throw new Refusal("OTHER_PLUGIN", `${this.path} holds ${what}: move it away, and run this again.`);
    }
    const note = readNote(folder);
    if (note !== undefined) return { digest: readPackage(folder).digest, note };
    // OpenClaw links itself into what it installs.
    if (isThere(join(folder, "node_modules", "openclaw"))) throw installedByOpenClaw(this.path);
    throw new Refusal(
      "OTHER_INSTALLATION",
      `${this.path} was copied there by other means than this script: remove it, and run this again.`,
    );
  }

  /** Whether OpenClaw's folder for plugins is missing, so that an installation makes it. */
  get isFirst(): boolean {
    return !isThere(this.#extensions);
  }

  /** Puts a package in place, whole: nobody sees a part of it. */
  replace(source: PluginPackage, note: InstallNote): void {
    if (this.isFirst) this.#disk.makeFolder(this.#extensions, 0o755);
    this.#disk.makeFolder(this.#staged, 0o755);
    const made = new Set<string>();
    for (const { path, content } of source.files) {
      this.#makeParents(path, made);
      this.#disk.writeFile(join(this.#staged, path), content, 0o644);
    }
    this.#disk.writeFile(notePath(this.#staged), noteBytes(note), NOTE_MODE);

    // A folder with something in it cannot be renamed over: the old one goes aside first, and comes back if the new one
    // does not get in. A crash between the two is mended by recover(); OpenClaw passes over a missing plugin meanwhile.
    const hasOld = isThere(this.path);
    if (hasOld) this.#disk.rename(this.path, this.#replaced);
    try {
      this.#disk.rename(this.#staged, this.path);
    } catch (error) {
      if (hasOld) this.#disk.rename(this.#replaced, this.path);
      throw error;
    }
    if (hasOld) this.#disk.remove(this.#replaced);
  }

  writeNote(note: InstallNote): void {
    const path = notePath(this.path);
    this.#disk.writeFile(`${path}.new`, noteBytes(note), NOTE_MODE);
    this.#disk.rename(`${path}.new`, path);
  }

  /** Gone at once for OpenClaw, however long the removal takes. @param withExtensions when nothing else is in there */
  remove(withExtensions: boolean): void {
    this.#disk.rename(this.path, this.#removed);
    this.#disk.remove(this.#removed);
    if (withExtensions && readdirSync(this.#extensions).length === 0) this.#disk.remove(this.#extensions);
  }

  #makeParents(file: string, made: Set<string>): void {
    const parent = dirname(file);
    if (parent === "." || made.has(parent)) return;
    this.#makeParents(parent, made);
    this.#disk.makeFolder(join(this.#staged, parent), 0o755);
    made.add(parent);
  }
}

/** What OpenClaw installed, it also has in its database, which only it may change. */
export function installedByOpenClaw(path: string): Refusal {
  return new Refusal(
    "OTHER_INSTALLATION",
    `${PLUGIN_ID} was installed by \`openclaw plugins install\` (${path}): remove that with \`openclaw plugins uninstall ${PLUGIN_ID}\`, and run this again.`,
  );
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
