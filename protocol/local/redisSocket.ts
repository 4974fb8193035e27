import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { DataDir } from "./dataDir.ts";
import { LocalError } from "./localError.ts";

/** The kernel's limit for the path of a unix socket, its final zero included, on the systems that have the lowest. */
const MAX_SOCKET_PATH_BYTES = 103;
const SHUTDOWN_TIMEOUT_MS = 20_000;

/** The socket of a private Redis. Only its owner can reach it: its folder is closed to others. */
export interface RedisSocket {
  readonly path: string;
  /** Takes away what would be left. */
  remove(): void;
}

/** Chooses a socket in the data folder, or, where its path is too long for one, in a short folder of its own. */
export function makeRedisSocket(dir: DataDir): RedisSocket {
  const inside = join(dir.redisDir, "redis.sock");
  const note = join(dir.path, "redis.socket");
  const path = fits(inside) ? inside : join(mkdtempSync(join(shortTemporaryFolder(), "yonexus-")), "redis.sock");
  // For the next start, should this one not end in good order.
  writeFileSync(note, path, { mode: 0o600 });
  return {
    path,
    remove: () => {
      rmSync(path === inside ? inside : dirname(path), { recursive: true, force: true });
      rmSync(note, { force: true });
    },
  };
}

/**
 * Ends a private Redis that an earlier cluster of this folder left running, in good order: two servers on one
 * append-only file would destroy it.
 * @throws LocalError when it does not end; the signal's reason.
 */
export async function endLeftoverRedis(dir: DataDir, signal?: AbortSignal): Promise<void> {
  const path = readNote(join(dir.path, "redis.socket"));
  if (path === undefined) return;
  signal?.throwIfAborted();
  const ended = await askToShutDown(path, signal);
  signal?.throwIfAborted();
  if (!ended) {
    throw new LocalError(
      `The Redis of an earlier start still runs on ${path} and does not end: end it, then try again.`,
    );
  }
  rmSync(path, { force: true });
}

function askToShutDown(path: string, signal: AbortSignal | undefined): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const giveUp = () => void socket.destroy();
    signal?.addEventListener("abort", giveUp, { once: true });
    const timer = setTimeout(() => socket.destroy(), SHUTDOWN_TIMEOUT_MS);
    let asked = false;
    let gone = false;
    socket.on("connect", () => {
      asked = true;
      socket.write("SHUTDOWN\r\n");
    });
    // The server closes its connections by ending, and answers only when it refuses.
    socket.on("data", () => socket.destroy());
    socket.on("end", () => {
      gone = true;
    });
    socket.on("error", () => {
      gone = true;
    });
    socket.on("close", () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", giveUp);
      resolve(!asked || gone);
    });
  });
}

function fits(path: string): boolean {
  return Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES;
}

function shortTemporaryFolder(): string {
  return fits(join(tmpdir(), "yonexus-XXXXXX", "redis.sock")) ? tmpdir() : "/tmp";
}

function readNote(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
