import { readFileSync } from "node:fs";

/** A process as it can be found again: a pid alone is used anew after a while, and after a restart of the machine. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in the machine's own terms; empty where the system does not tell. */
  readonly started: string;
}

export function ownIdentity(): ProcessIdentity {
  return { pid: process.pid, started: look(process.pid)?.started ?? "" };
}

/** Whether that process, and no later one with its pid, runs now. */
export function isRunning({ pid, started }: ProcessIdentity): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // Not allowed to signal it: it runs, under another user.
    if (!(error instanceof Error && "code" in error && error.code === "EPERM")) return false;
  }
  const seen = look(pid);
  if (seen === undefined) return true;
  return !seen.isOver && (started === "" || seen.started === started);
}

/** What Linux tells of a process; undefined where the system does not. */
function look(pid: number): { readonly started: string; readonly isOver: boolean } | undefined {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the program's name in parentheses and may hold anything. Then come the state, and the start as
    // the 22nd field.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // A zombie is over: only its parent has not looked yet.
    return { started: `${boot}/${fields[19] ?? ""}`, isOver: fields[0] === "Z" || fields[0] === "X" };
  } catch {
    return undefined;
  }
}
