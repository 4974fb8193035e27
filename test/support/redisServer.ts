import { accessSync, constants, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { freePorts } from "./freePorts.ts";
import { type GuardedProcess, startGuarded } from "./guardedProcess.ts";
import { type RedisAddress, type Reply, respCommand } from "./respCommand.ts";
import { waitFor } from "./waitFor.ts";

/** A real Redis or Valkey that belongs to one test file. */
export interface RedisServer {
  /** In a form REDIS_URL takes. It stays the same over restarts. */
  readonly url: string;
  readonly dir: string;
  readonly logPath: string;
  /** Of the process that runs now, or ran last. */
  readonly pid: number;
  /** A command over a connection of its own. */
  command(...words: string[]): Promise<Reply>;
  /** Ends the process with this signal (SIGKILL unless told) and waits until it is gone. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same data, after an orderly end if it still runs, and waits until it answers. */
  restart(): Promise<void>;
  /** The process stops answering; its connections stay open. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Every byte of its append-only file, in latin1. */
  appendOnlyFile(): Promise<string>;
  /** Ends it for good and removes its files. */
  stop(): Promise<void>;
}

export interface RedisOptions {
  /** Keep an append-only file, so that data survives a kill. True unless told. */
  readonly persistent?: boolean;
  /** Another server program than the first of redis-server and valkey-server on the PATH. */
  readonly binary?: string;
  /** Listen on a free loopback port in place of a unix socket. */
  readonly tcp?: boolean;
  /** Further arguments of the server. */
  readonly args?: readonly string[];
}

export const READY_TIMEOUT_MS = 20_000;

const folders = new Set<string>();
process.on("exit", () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  // REDIS_IN_CONTAINER=1 takes a container though the machine has a server program.
  const binary = options.binary ?? (process.env.REDIS_IN_CONTAINER === "1" ? undefined : findRedisBinary());
  const args = [...persistence(options.persistent ?? true), ...(options.args ?? [])];
  if (binary === undefined) {
    // Loaded only here: it is large, and most machines have a server program.
    const { startRedisContainer } = await import("./redisContainer.ts");
    return startRedisContainer(args);
  }
  if (options.tcp !== true) {
    const dir = makeDir();
    const path = join(dir, "redis.sock");
    return launch(binary, dir, { path }, ["--port", "0", "--unixsocket", path, "--unixsocketperm", "700", ...args]);
  }
  const [port = 0] = await freePorts(1);
  return startRedisOnPort(binary, port, args);
}

export function startRedisOnPort(binary: string, port: number, args: readonly string[]): Promise<RedisServer> {
  const address = { host: "127.0.0.1", port };
  return launch(binary, makeDir(), address, ["--port", String(port), "--bind", "127.0.0.1", ...args]);
}

export function persistence(persistent: boolean): string[] {
  return ["--appendonly", persistent ? "yes" : "no", "--save", "", "--maxmemory-policy", "noeviction"];
}

/** REDIS_SERVER names a program for a run against another version. */
export function findRedisBinary(): string | undefined {
  const named = process.env.REDIS_SERVER;
  if (named !== undefined && named !== "") return named;
  const places = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  return ["redis-server", "valkey-server"]
    .flatMap((program) => places.map((folder) => join(folder, program)))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** A unix socket's path may have about a hundred characters, and some machines' folder for temporary files is deep. */
function makeDir(): string {
  return mkdtempSync(join(tmpdir().length > 60 ? "/tmp" : tmpdir(), "redis-"));
}

async function launch(
  binary: string,
  dir: string,
  address: RedisAddress,
  args: readonly string[],
): Promise<RedisServer> {
  const logPath = join(dir, "redis.log");
  const removeDir = () => {
    rmSync(dir, { recursive: true, force: true });
    folders.delete(dir);
  };
  folders.add(dir);
  const allArgs = [...args, "--dir", dir, "--logfile", logPath, "--daemonize", "no"];
  const command = (...words: string[]) => respCommand(address, words);

  const boot = async (): Promise<GuardedProcess> => {
    const started = await startGuarded(binary, allArgs);
    let ended: string | undefined;
    void started.exited.then((how) => {
      ended = how;
    });
    const ready = await waitFor(
      `${binary} to answer PING`,
      async () => ended !== undefined || (await command("PING")) === "PONG",
      READY_TIMEOUT_MS,
    ).catch((error: unknown) => {
      started.signal("SIGKILL");
      throw error;
    });
    if (ended === undefined && ready) return started;
    throw new Error(`${binary} ended with ${ended} before it was ready:\n${logTail(logPath)}`);
  };

  let server: GuardedProcess;
  try {
    server = await boot();
  } catch (error) {
    removeDir();
    throw error;
  }
  const end = async (signal: NodeJS.Signals) => {
    // A paused process takes no signal but SIGKILL until it goes on.
    server.signal(signal);
    server.signal("SIGCONT");
    await server.exited;
  };
  return {
    url: "path" in address ? `redis+unix://${address.path}` : `redis://${address.host}:${address.port}`,
    dir,
    logPath,
    get pid() {
      return server.pid;
    },
    command,
    kill: (signal = "SIGKILL") => end(signal),
    restart: async () => {
      if (server.running) await end("SIGTERM");
      server = await boot();
    },
    pause: async () => server.signal("SIGSTOP"),
    resume: async () => server.signal("SIGCONT"),
    appendOnlyFile: async () => {
      const folder = join(dir, "appendonlydir");
      return readdirSync(folder)
        .map((name) => readFileSync(join(folder, name), "latin1"))
        .join("");
    },
    stop: async () => {
      await end("SIGKILL");
      removeDir();
    },
  };
}

function logTail(path: string): string {
  try {
    return readFileSync(path, "utf8").split("\n").slice(-12).join("\n");
  } catch {
    return "(it wrote no log)";
  }
}
