// Exits 0 when node_modules holds what package-lock.json says. Runs under any Node.js, before anything is installed.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { argv, exit } from "node:process";

const root = argv[2] ?? ".";

function isInstalled() {
  const read = (path) => JSON.parse(readFileSync(join(root, path), "utf8")).packages;
  const wanted = read("package-lock.json");
  // npm writes this one at the end of an installation: after an interrupted one it is missing.
  const present = read(join("node_modules", ".package-lock.json"));
  // Packages of other platforms are locked and not installed.
  return Object.entries(wanted).every(([path, { version, optional, devOptional, extraneous, integrity }]) => {
    if (path === "" || extraneous === true) return true;
    const found = present[path];
    if (found === undefined) return optional === true || devOptional === true;
    return found.version === version && found.integrity === integrity;
  });
}

try {
  exit(isInstalled() && existsSync(join(root, "node_modules", ".bin", "node")) ? 0 : 1);
} catch {
  exit(1);
}
