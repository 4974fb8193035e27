import { spawn } from "node:child_process";

/**
 * Ends a foreign process in good order when this one is gone, even killed: a shell that waits on a pipe from here then
 * reads its end without a line. Returns what calls the guard off.
 */
export function endWithThisProcess(pid: number): () => void {
  const shell = spawn("/bin/sh", ["-c", 'read -r line || kill -TERM "$0"', String(pid)], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  // Without a shell there is no guard; the next start finds what was left behind.
  shell.on("error", () => {});
  shell.stdin.on("error", () => {});
  shell.unref();
  return () => void shell.stdin.end("released\n");
}
