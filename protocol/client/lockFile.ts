import { createHash, randomBytes } from "node:crypto";
import { link, readFile, rename, unlink, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { isRunning, ownIdentity } from "../process/identity.ts";

/** Who holds a lock. */
interface LockHolder {
  readonly pid: number;
  readonly host: string;
  /** When the process started, in unix milliseconds: tells this process from an earlier one with the same pid. */
  readonly startedAt: number;
  /** The same in the machine's own terms, by which other processes can look it up; empty where the system does not tell. */
  readonly started: string;
}

/** The lock, or who has it. */
export type LockAttempt =
  | { readonly held: true; release(): Promise<void> }
  | { readonly held: false; readonly holder: LockHolder };

const TRIES = 5;

/**
 * Takes a lock file that names this process. A lock whose process is gone is taken over. A process of another machine
 * (a shared disk) cannot be looked at, and counts as running.
 */
export async function takeLock(path: string): Promise<LockAttempt> {
  const self: LockHolder = { ...ownIdentity(), host: hostname(), startedAt: performance.timeOrigin };
  const own = `${path}.${randomBytes(6).toString("hex")}`;
  const text = JSON.stringify({ ...self, token: randomBytes(12).toString("hex") });
  await writeFile(own, text, { flag: "wx", mode: 0o600 });
  try {
    let holder: LockHolder | undefined;
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      // A link appears with its whole content or not at all, so that nobody ever reads half a lock.
      if (await linked(own, path)) return { held: true, release: () => releaseLock(path, text) };
      const found = await readFile(path, "utf8").catch(() => undefined);
      if (found === undefined) continue;
      holder = parseHolder(found);
      if (holder !== undefined && isHeld(holder, self)) break;
      if (await replaced(path, found, own)) return { held: true, release: () => releaseLock(path, text) };
    }
    return { held: false, holder: holder ?? { pid: 0, host: self.host, startedAt: 0, started: "" } };
  } finally {
    await unlink(own).catch(() => undefined);
  }
}

/**
 * Puts our lock in the place of a stale one. Whoever would do so first makes the one claim that exists for just this stale
 * lock, and then looks whether it is still there: of any number of processes that found it stale, one replaces it, and
 * nobody ever removes a lock that is alive.
 */
async function replaced(path: string, stale: string, own: string): Promise<boolean> {
  const claim = `${path}.${createHash("sha256").update(stale).digest("hex").slice(0, 24)}`;
  if (!(await linked(own, claim))) return false;
  try {
    if ((await readFile(path, "utf8").catch(() => undefined)) !== stale) return false;
    await rename(own, path);
    return true;
  } finally {
    await unlink(claim).catch(() => undefined);
  }
}

async function linked(existing: string, path: string): Promise<boolean> {
  try {
    await link(existing, path);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

async function releaseLock(path: string, text: string): Promise<void> {
  const found = await readFile(path, "utf8").catch(() => undefined);
  if (found === text) await unlink(path).catch(() => undefined);
}

function parseHolder(text: string): LockHolder | undefined {
  try {
    const { pid, host, startedAt, started = "" } = JSON.parse(text);
    const whole = Number.isSafeInteger(pid) && pid > 0 && typeof host === "string" && typeof startedAt === "number";
    return whole && typeof started === "string" ? { pid, host, startedAt, started } : undefined;
  } catch {
    return undefined;
  }
}

function isHeld(holder: LockHolder, self: LockHolder): boolean {
  if (holder.host !== self.host) return true;
  // In a container every run has the same pid; only the start tells this process from the one that crashed.
  if (holder.pid === self.pid) return holder.startedAt === self.startedAt;
  return isRunning(holder);
}
