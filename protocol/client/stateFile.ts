import { mkdir, open, realpath } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { removeTemporaries, writeFileAtomically } from "./atomicFile.ts";
import { StateFileError } from "./errors.ts";
import { HandledFile } from "./handledFile.ts";
import { type LockAttempt, takeLock } from "./lockFile.ts";
import { type FollowerStateStore, parseSavedState, type SavedState } from "./savedState.ts";

const LARGEST_STATE_BYTES = 65_536;
const OPEN_TO_OTHERS = 0o077;

/**
 * Keeps the state in one JSON file (mode 0600), with a lock file beside it while a follower has it open. A file that cannot
 * be used is never overwritten. The ids of handled messages stand in a file of their own beside it, `<path>.handled`.
 */
export function createStateFile(path: string): FollowerStateStore {
  let real = resolve(path);
  let lock: Extract<LockAttempt, { held: true }> | undefined;
  let handledFile: HandledFile | undefined;

  async function close(): Promise<void> {
    const held = lock;
    lock = undefined;
    await handledFile?.close();
    handledFile = undefined;
    await held?.release();
  }

  return {
    async open(identifier) {
      if (lock !== undefined) throw locked(real, process.pid, "this machine");
      try {
        real = await realPathOf(resolve(path));
        lock = await lockOf(real);
        await removeTemporaries(real);
        const state = await readState(real, identifier);
        handledFile = new HandledFile(`${real}.handled`, identifier);
        return state;
      } catch (error) {
        await close();
        throw error instanceof StateFileError ? error : inaccessible(path, error);
      }
    },
    async save(state) {
      // Without the lock another follower may be writing.
      if (lock === undefined) throw notOpen(real);
      await writeFileAtomically(real, `${JSON.stringify(state, null, 2)}\n`);
    },
    handled: {
      async load() {
        if (handledFile === undefined) throw notOpen(real);
        try {
          return await handledFile.load();
        } catch (error) {
          throw inaccessible(`${real}.handled`, error);
        }
      },
      async add(id) {
        if (handledFile === undefined) throw notOpen(real);
        await handledFile.add(id);
      },
    },
    close,
  };
}

function notOpen(path: string): StateFileError {
  return new StateFileError("state_inaccessible", `The state file ${path} is not open.`);
}

/** Where the file is or will be, so that a link to it is kept when the file is replaced. */
async function realPathOf(path: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  try {
    return await realpath(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
    return join(await realpath(dirname(path)), basename(path));
  }
}

async function lockOf(path: string): Promise<Extract<LockAttempt, { held: true }>> {
  const attempt = await takeLock(`${path}.lock`);
  if (attempt.held) return attempt;
  throw locked(path, attempt.holder.pid, attempt.holder.host);
}

function locked(path: string, pid: number, host: string): StateFileError {
  return new StateFileError(
    "state_locked",
    `Another follower (process ${pid} on ${host}) uses the state file ${path}. Stop it, or give this follower its own state file and identifier. If no such process runs, delete ${path}.lock.`,
  );
}

async function readState(path: string, identifier: string): Promise<SavedState | undefined> {
  const text = await readPrivateFile(path);
  if (text === undefined) return undefined;
  const state = parseSavedState(text);
  if ("problem" in state) throw corrupt(path, state.problem);
  if (state.identifier !== identifier) {
    throw new StateFileError(
      "state_of_another_identifier",
      `The state file ${path} belongs to the identifier ${JSON.stringify(state.identifier)}, not to ${JSON.stringify(identifier)}. Give each follower its own state file.`,
    );
  }
  return state;
}

async function readPrivateFile(path: string): Promise<string | undefined> {
  const file = await open(path, "r").catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
  if (file === undefined) return undefined;
  try {
    // The open file is looked at, not its name, which could mean another file a moment later.
    const { mode, size } = await file.stat();
    if (process.platform !== "win32" && (mode & OPEN_TO_OTHERS) !== 0) {
      throw new StateFileError(
        "state_readable_by_others",
        `Other users can reach the secrets in ${path}. Run: chmod 600 ${quoted(path)}`,
      );
    }
    if (size > LARGEST_STATE_BYTES) throw corrupt(path, "it is too long");
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}

function corrupt(path: string, problem: string): StateFileError {
  return new StateFileError(
    "state_corrupt",
    `The state file ${path} cannot be read: ${problem}. Put back a copy of it, or move it away; then the follower makes a new key and must be paired again.`,
  );
}

function inaccessible(path: string, cause: unknown): StateFileError {
  const what = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown error";
  return new StateFileError(
    "state_inaccessible",
    `The state file ${path} cannot be used (${what}). Check that its folder exists and that this user may write there.`,
    { cause },
  );
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
