import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { waitFor } from "./waitFor.ts";

export const LAUNCHER = fileURLToPath(new URL("../../scripts/yonexus.mjs", import.meta.url));

/** A command that starts on a busy machine takes its time before it says anything. */
const SAYING_TIMEOUT_MS = 30_000;

/** How a command ended and what it said. */
export interface CliResult {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly tookMs: number;
}

/** A `yonexus` command that runs. */
export interface CliProcess {
  readonly stdout: string;
  readonly stderr: string;
  readonly ended: Promise<CliResult>;
  /** Resolves when the text was printed on either output. */
  says(text: string): Promise<void>;
  signal(signal: NodeJS.Signals): void;
}

export interface CliOptions {
  /** Added to an environment without any setting of Yonexus. */
  readonly env?: NodeJS.ProcessEnv;
  /** All of standard input; none unless told. */
  readonly input?: string | Uint8Array;
}

/** Runs `yonexus` as a person would, in an empty folder that is also its home. */
export class Cli {
  readonly folder = mkdtempSync(join(tmpdir(), "yonexus-cli-"));
  readonly #running = new Set<ReturnType<typeof spawn>>();
  readonly #onExit = () => this.remove();

  constructor() {
    process.on("exit", this.#onExit);
  }

  async run(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
    return this.start(args, options).ended;
  }

  start(args: readonly string[], { env = {}, input }: CliOptions = {}): CliProcess {
    const began = performance.now();
    const child = spawn(process.execPath, [LAUNCHER, ...args], {
      cwd: this.folder,
      env: { PATH: process.env.PATH, HOME: this.folder, ...env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#running.add(child);
    const said = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) {
      child[name].setEncoding("utf8").on("data", (text: string) => {
        said[name] += text;
      });
    }
    // A command may end before it has read all.
    child.stdin.on("error", () => {});
    child.stdin.end(input);
    const ended = new Promise<CliResult>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (exitCode, signal) => {
        this.#running.delete(child);
        resolve({ exitCode, signal, ...said, tookMs: performance.now() - began });
      });
    });
    return {
      get stdout() {
        return said.stdout;
      },
      get stderr() {
        return said.stderr;
      },
      ended,
      says: async (text) => {
        await waitFor(
          `\`yonexus ${args.join(" ")}\` to say ${JSON.stringify(text)}`,
          () => `${said.stdout}\n${said.stderr}`.includes(text),
          SAYING_TIMEOUT_MS,
        );
      },
      signal: (signal) => void child.kill(signal),
    };
  }

  /** Ends what still runs and takes the folder away. */
  remove(): void {
    for (const child of this.#running) child.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
    process.off("exit", this.#onExit);
  }
}
