import { setTimeout as sleep } from "node:timers/promises";
import { unixSocketUrl } from "../operator/redisPlace.ts";
import { openRedis, type RedisConnection, whenReady } from "../redis/index.ts";
import type { DataDir } from "./dataDir.ts";
import { LocalError } from "./localError.ts";
import type { ProcessPlan } from "./managedProcess.ts";
import { findRedisBinary, OLDEST_REDIS, type RedisBinary } from "./redisBinary.ts";
import { endLeftoverRedis, makeRedisSocket } from "./redisSocket.ts";

/** A Redis that belongs to one local cluster. */
export interface LocalRedis {
  readonly url: string;
  readonly plan: ProcessPlan;
  /** `Redis 7.0.15`, for people. */
  readonly description: string;
  /** Present when it keeps everything in memory alone: why. */
  readonly memoryOnly?: string;
  /** Takes away what would be left, after it ended. */
  remove(): void;
}

/** How to start what takes the place of a Redis server, on a socket: a process of our own that keeps all in memory. */
export type MemoryServer = (socketPath: string) => Pick<ProcessPlan, "program" | "args">;

/**
 * A private Redis or Valkey from the PATH, on the data folder's append-only file. One that an earlier cluster of the
 * folder left running is ended first.
 * @param memoryServer what takes its place where there is none.
 * @param signal gives it up while it waits for what was left running; nothing was changed then.
 * @throws LocalError where there is neither, or when what was left running does not end; the signal's reason.
 */
export async function planLocalRedis(
  dir: DataDir,
  env: NodeJS.ProcessEnv,
  memoryServer?: MemoryServer,
  signal?: AbortSignal,
): Promise<LocalRedis> {
  await endLeftoverRedis(dir, signal);
  const binary = findRedisBinary(env);
  const { start, ...about } = binary.found ? onDisk(binary, dir) : inMemory(binary.because, memoryServer);
  const socket = makeRedisSocket(dir);
  return {
    ...about,
    url: unixSocketUrl(socket.path),
    plan: { name: "redis", env, logPath: dir.logPath("redis"), ...start(socket.path) },
    remove: () => socket.remove(),
  };
}

type Server = Pick<LocalRedis, "description" | "memoryOnly"> & {
  readonly start: (socketPath: string) => Pick<ProcessPlan, "program" | "args" | "probe">;
};

function onDisk({ path, version }: Extract<RedisBinary, { readonly found: true }>, dir: DataDir): Server {
  return {
    description: `Redis ${version}`,
    start: (socketPath) => ({
      program: path,
      args: serverArguments(dir, socketPath),
      probe: (signal) => untilItAnswers(unixSocketUrl(socketPath), signal),
    }),
  };
}

function inMemory(because: string, memoryServer: MemoryServer | undefined): Server {
  if (memoryServer === undefined) {
    throw new LocalError(
      `No Redis can be started: ${because}. Install redis-server or valkey-server ${OLDEST_REDIS} or later, or set redisUrl.`,
    );
  }
  return { description: "a Redis in memory", memoryOnly: because, start: memoryServer };
}

function serverArguments(dir: DataDir, socketPath: string): string[] {
  return [
    ...["--port", "0", "--unixsocket", socketPath, "--unixsocketperm", "700", "--daemonize", "no"],
    ...["--dir", dir.redisDir, "--appendonly", "yes", "--save", "", "--maxmemory-policy", "noeviction"],
  ];
}

async function untilItAnswers(url: string, signal: AbortSignal): Promise<void> {
  const redis: RedisConnection = openRedis(url, "commands");
  // Refused until it listens; the connection tries again by itself.
  redis.on("error", () => {});
  try {
    await Promise.race([whenReady(redis), sleep(2 ** 31 - 1, undefined, { signal, ref: false })]);
  } finally {
    redis.disconnect();
  }
}
