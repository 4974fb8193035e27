import { readdirSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { holdsPlugin } from "./pluginPackage.ts";

/**
 * Where `openclaw plugins install` keeps this plugin in a profile, outside of the extensions. The record of it is in a
 * SQLite database that Node.js 20 cannot read, but what it points to can be seen: packages of npm, clones of git, and
 * linked folders, which are in the configuration.
 */
export function otherInstallation(profile: string, loadPaths: readonly string[]): string | undefined {
  const npm = join(profile, "npm");
  const packages = [npm, ...foldersIn(join(npm, "projects"))].flatMap((project) =>
    packagesIn(join(project, "node_modules")),
  );
  const clones = foldersIn(join(profile, "git")).map((clone) => join(clone, "repo"));
  const linked = loadPaths.map((path) => resolve(path.replace(/^~(?=$|[\\/])/u, () => homedir())));
  return [...packages, ...clones, ...linked].find((folder) => holdsPlugin(folder));
}

function packagesIn(modules: string): string[] {
  return foldersIn(modules).flatMap((folder) => (/[\\/]@[^\\/]+$/u.test(folder) ? foldersIn(folder) : [folder]));
}

function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder).map((name) => join(folder, name));
  } catch {
    return [];
  }
}
