import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

/** A child process that never outlives the process that started it, however that one ends. */
export interface GuardedProcess {
  readonly pid: number;
  /** Settles when the process is gone, with how it went. */
  readonly exited: Promise<string>;
  readonly running: boolean;
  signal(signal: NodeJS.Signals): void;
}

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** @throws {Error} when the program cannot be started. */
export async function startGuarded(program: string, args: readonly string[]): Promise<GuardedProcess> {
  const child = spawn(program, args, { stdio: "ignore" });
  await once(child, "spawn");
  const pid = child.pid ?? 0;
  const release = guard(pid);
  running.add(child);
  const exited = new Promise<string>((resolve) => {
    child.once("exit", (code, signal) => {
      running.delete(child);
      release();
      resolve(signal === null ? `code ${code}` : `signal ${signal}`);
    });
  });
  return {
    pid,
    exited,
    get running() {
      return running.has(child);
    },
    // Through the handle, not by number: a handle whose process is gone signals nobody.
    signal: (signal) => void child.kill(signal),
  };
}

/**
 * An exit hook does not run when this process is killed. A shell that waits on a pipe from here does notice: the pipe
 * then ends without a line.
 */
function guard(pid: number): () => void {
  const shell = spawn("/bin/sh", ["-c", 'read -r line || kill -9 "$0"', String(pid)], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  shell.on("error", () => {});
  shell.stdin.on("error", () => {});
  shell.unref();
  return () => void shell.stdin.end("released\n");
}
