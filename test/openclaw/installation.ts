import { execFile } from "node:child_process";
import { join } from "node:path";

export const ROOT = join(import.meta.dirname, "..", "..");
export const PLUGIN_ID = "yonexus-server";
export const EXAMPLE = join(ROOT, "plugin", "examples", "answer-ping");

export interface ProgramResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. */
export function run(
  program: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<ProgramResult> {
  return new Promise((resolve) => {
    execFile(program, args, { timeout: 60_000, ...options }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : 1;
      resolve({ code, stdout, stderr });
    });
  });
}

/** `scripts/install.mjs`, as a person runs it. */
export function installer(...args: readonly string[]): Promise<ProgramResult> {
  return run(process.execPath, [join(ROOT, "scripts", "install.mjs"), ...args]);
}
