import { execFileSync, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { argv, env, execPath, exit, stdout } from "node:process";
import { fileURLToPath } from "node:url";
import { compiledFileProblems } from "./compiledFiles.ts";
import { foreignNameProblems, lockProblems } from "./foreignNames.ts";
import { importProblems } from "./importRules.ts";
import { luaHeadProblems } from "./luaHeads.ts";
import { repositoryFiles } from "./repositoryFiles.ts";

/** Everything that can be said of the repository without running it. Words after the command name the checks to run. */

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

interface Check {
  readonly name: string;
  /** What is wrong, in words; empty when nothing is. */
  readonly run: () => Promise<string>;
}

const files = () => repositoryFiles(root);
const sentences = async (problems: readonly string[]) => problems.join("\n");

const CHECKS: readonly Check[] = [
  { name: "types", run: () => runProgram("tsc", "-p", "tsconfig.check.json") },
  // What runs in a browser knows other things than what runs in Node.js.
  { name: "page types", run: () => runProgram("tsc", "-p", "coordinator/web/page") },
  { name: "build", run: () => runProgram("tsc", "-b") },
  { name: "style", run: () => runProgram("biome", "check", "--error-on-warnings", "--max-diagnostics=200", ".") },
  { name: "dead code", run: () => runProgram("knip", "--no-progress", "--no-config-hints") },
  { name: "imports", run: () => sentences(importProblems(files().filter(({ path }) => /\.(?:ts|mjs)$/.test(path)))) },
  { name: "generated", run: () => runProgram(execPath, "--conditions=source", "scripts/generate/main.ts", "--check") },
  { name: "lock file", run: () => sentences(lockProblems(readFileSync(join(root, "package-lock.json"), "utf8"))) },
  { name: "foreign names", run: () => sentences(foreignNameProblems(files(), ownNames())) },
  { name: "compiled files", run: () => sentences(compiledFileProblems(files().map(({ path }) => path))) },
  { name: "lua heads", run: () => sentences(luaHeadProblems(files().filter(({ path }) => path.endsWith(".lua")))) },
];

let failed = 0;
const wanted = argv.slice(2);
for (const { name, run } of CHECKS.filter((check) => wanted.length === 0 || wanted.includes(check.name))) {
  const began = performance.now();
  const problems = await run().catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  stdout.write(`${problems === "" ? "ok    " : "FAILED"}  ${name} (${seconds} s)\n`);
  if (problems === "") continue;
  failed++;
  stdout.write(`${problems.trimEnd().replace(/^/gm, "        ")}\n`);
}
stdout.write(failed === 0 ? "All checks passed.\n" : `${failed} of the checks failed.\n`);
exit(failed === 0 ? 0 : 1);

/** The output of a program that failed; nothing when it succeeded. */
function runProgram(program: string, ...args: readonly string[]): Promise<string> {
  const path = [join(root, "node_modules", ".bin"), env.PATH ?? ""].join(delimiter);
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: root, env: { ...env, PATH: path }, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    const keep = (chunk: Buffer) => {
      output += chunk.toString("utf8");
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.on("error", reject);
    child.on("close", (code, signal) => resolve(code === 0 ? "" : output || `${program} ended with ${signal ?? code}`));
  });
}

/** What only this machine has. The public registry is in the general list. */
function ownNames(): string[] {
  const registry = execFileSync("npm", ["config", "get", "registry"], { cwd: root, encoding: "utf8" }).trim();
  const host = URL.canParse(registry) ? [new URL(registry).host] : [];
  // A checkout at the top of the file system, as in a container, has a path that is a word of any text.
  return root.split("/").length > 2 ? [root, ...host] : host;
}
