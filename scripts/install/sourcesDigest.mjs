// Plain JavaScript: the build, which runs under Node.js 24, and the installer, which runs under 20, share it.
import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** What the bundles of the plugin and of its installer are made of, with the kinds of file that count there. */
const SOURCES = [
  { folder: "coordinator", counts: /\.(?:ts|json|lua)$/ },
  { folder: "node", counts: /\.(?:ts|json|lua)$/ },
  { folder: "plugin", counts: /^[^.]/ },
  { folder: "protocol", counts: /\.(?:ts|json|lua)$/ },
  { folder: "scripts/build", counts: /\.(?:ts|mjs)$/ },
  { folder: "scripts/install", counts: /\.(?:ts|mjs)$/ },
];
/** Which libraries are bundled, and whose licence is passed on. */
const FILES = ["package-lock.json", "LICENSE"];
const OUTPUT = new Set(["plugin/build"]);
const SKIPPED_FOLDERS = new Set(["dist", "node_modules", "test"]);
const SKIPPED_FILES = /\.test\.[cm]?[jt]s$|\.tsbuildinfo$|\.log$/;

/**
 * SHA-256, in hexadecimal, over the paths and the contents of the sources. It tells whether a build is of these sources
 * where times of change do not: a clone or a touch makes everything new.
 */
export function sourcesDigest(root) {
  const hash = createHash("sha256");
  for (const path of sourceFiles(root)) {
    const content = readFileSync(join(root, path));
    hash.update(`${path}\0${content.length}\0`).update(content);
  }
  return hash.digest("hex");
}

function sourceFiles(root) {
  const found = [
    ...FILES.filter((path) => lstatSync(join(root, path), { throwIfNoEntry: false })?.isFile()),
    ...SOURCES.flatMap(({ folder, counts }) => filesUnder(root, folder, counts)),
  ];
  // By code units: the order of a locale would differ from machine to machine.
  return found.sort((a, b) => (a < b ? -1 : 1));
}

function filesUnder(root, folder, counts) {
  let names;
  try {
    names = readdirSync(join(root, folder));
  } catch (error) {
    if (error.code === "ENOENT") return [];
    throw error;
  }
  return names.flatMap((name) => {
    const path = `${folder}/${name}`;
    const found = lstatSync(join(root, path));
    if (found.isDirectory()) return SKIPPED_FOLDERS.has(name) || OUTPUT.has(path) ? [] : filesUnder(root, path, counts);
    return found.isFile() && counts.test(name) && !SKIPPED_FILES.test(name) ? [path] : [];
  });
}
