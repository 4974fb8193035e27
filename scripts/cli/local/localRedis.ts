import { setTimeout as sleep } from "node:timers/promises";
import { openRedis, type RedisConnection, whenReady } from "@yonexus/protocol/redis";
import { unixSocketUrl } from "../redisPlace.ts";
import type { DataDir } from "./dataDir.ts";
import type { ProcessPlan } from "./managedProcess.ts";
import { ownCommand } from "./ownCommand.ts";
import { findRedisBinary } from "./redisBinary.ts";
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

/** A private Redis or Valkey on the data folder's append-only file; without one, a server in memory. */
export async function planLocalRedis(dir: DataDir, env: NodeJS.ProcessEnv): Promise<LocalRedis> {
  await endLeftoverRedis(dir);
  const binary = findRedisBinary(env);
  const socket = makeRedisSocket(dir);
  const url = unixSocketUrl(socket.path);
  const shared = { name: "redis", env, logPath: dir.logPath("redis") };
  const remove = () => socket.remove();
  if (!binary.found) {
    const { program, args } = ownCommand(["embedded-redis", socket.path]);
    return {
      url,
      remove,
      plan: { ...shared, program, args },
      description: "a Redis in memory",
      memoryOnly: binary.because,
    };
  }
  return {
    url,
    remove,
    plan: {
      ...shared,
      program: binary.path,
      args: serverArguments(dir, socket.path),
      probe: (signal) => untilItAnswers(url, signal),
    },
    description: `Redis ${binary.version}`,
  };
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
