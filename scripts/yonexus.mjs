#!/usr/bin/env node
// Starts the `yonexus` command under a Node.js that can run it. Plain JavaScript, so that an older Node.js can read it.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const NEEDED_MAJOR = 24;
const here = dirname(fileURLToPath(import.meta.url));

/** The running Node.js when it is new enough, else the one that was installed with the packages. */
function findNode() {
  if (Number(process.versions.node.split(".")[0]) >= NEEDED_MAJOR) return process.execPath;
  for (let folder = here; ; folder = dirname(folder)) {
    const installed = join(folder, "node_modules", "node", "bin", "node");
    if (existsSync(installed)) return installed;
    if (dirname(folder) === folder) return undefined;
  }
}

/** A checkout runs its sources; a package holds what was built from them. */
function entryArguments() {
  const source = join(here, "main.ts");
  return existsSync(source) ? ["--conditions=source", source] : [join(here, "dist", "main.js")];
}

/**
 * With what Node.js compiled kept beside the packages a command starts in half the time. Never in a folder that others may write,
 * since what lies there is run; where nothing can be written nothing is kept.
 */
function environment() {
  const packages = join(dirname(here), "node_modules");
  if (process.env.NODE_COMPILE_CACHE !== undefined || !existsSync(packages)) return process.env;
  return { ...process.env, NODE_COMPILE_CACHE: join(packages, ".cache", "yonexus") };
}

/** The child has this terminal and gets every signal; its end, however it comes, is passed on. */
function runAsChild(node, args, env) {
  const child = spawn(node, args, { stdio: "inherit", env });
  // The child drains, and this process waits for it. Ctrl-C reaches the child twice, which it takes for once.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    process.stderr.write(`yonexus: ${node} cannot be started (${error.message}): run npm ci again.\n`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => process.exit(signal === null ? code : 128 + constants.signals[signal]));
}

const node = findNode();
if (node === undefined) {
  process.stderr.write(
    `yonexus: this needs Node.js ${NEEDED_MAJOR} and runs under ${process.versions.node}: run npm ci in the checkout, which installs it, or put Node.js ${NEEDED_MAJOR} on the PATH.\n`,
  );
  process.exit(1);
}
const args = [...entryArguments(), ...process.argv.slice(2)];
const env = environment();
try {
  // Where the process can be replaced there is no process in between.
  process.execve(node, [node, ...args], env);
} catch {
  runAsChild(node, args, env);
}
