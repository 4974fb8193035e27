#!/usr/bin/env node
// Installs the OpenClaw plugin into a profile. Plain JavaScript, so that the Node.js of a bare machine runs it; the work is
// in a bundle that the build of the plugin writes, so that nothing else need be installed.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArguments, USAGE } from "./install/arguments.mjs";

const NEEDED_MAJOR = 20;
const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const bundle = join(root, "plugin", "build", "install.mjs");

/** Says why nothing was done, as JSON where that was asked for, and sets the exit code. */
function refuse(code, message, exitCode, json) {
  if (json) process.stdout.write(`${JSON.stringify({ ok: false, code, message })}\n`);
  else process.stderr.write(`yonexus: ${message}\n`);
  process.exitCode = exitCode;
}

const given = parseArguments(process.argv.slice(2));
if ("problem" in given) {
  refuse("WRONG_ARGUMENTS", given.problem, 2, given.json);
} else if (given.action === "help") {
  process.stdout.write(USAGE);
} else if (Number(process.versions.node.split(".")[0]) < NEEDED_MAJOR) {
  const running = process.versions.node;
  refuse(
    "OLD_NODE",
    `This needs Node.js ${NEEDED_MAJOR} or later and runs under ${running}: install a newer one.`,
    1,
    given.json,
  );
} else if (!existsSync(bundle)) {
  refuse(
    "NOT_BUILT",
    `The plugin is not built: run \`npm ci\` and \`npm run build:plugin\` in ${root}, then this again.`,
    1,
    given.json,
  );
} else {
  const { run } = await import(pathToFileURL(bundle).href);
  process.exitCode = await run(root, given);
}
