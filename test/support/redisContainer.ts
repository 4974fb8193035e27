import { createWriteStream, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { GenericContainer, getContainerRuntimeClient } from "testcontainers";
import { freePorts } from "./freePorts.ts";
import { READY_TIMEOUT_MS, type RedisServer } from "./redisServer.ts";
import { respCommand } from "./respCommand.ts";
import { waitFor } from "./waitFor.ts";

/** The same as a process of one's own, for a machine that has a Docker engine and no Redis. */
export async function startRedisContainer(args: readonly string[]): Promise<RedisServer> {
  const runtime = await getContainerRuntimeClient().catch((cause: unknown) => {
    throw new Error(
      "There is neither redis-server nor valkey-server on the PATH, and no Docker engine: install one of them.",
      { cause },
    );
  });
  const dir = mkdtempSync(join(tmpdir(), "redis-"));
  const logPath = join(dir, "redis.log");
  const log = createWriteStream(logPath);
  // A port chosen here stays the same when the container is started again; one chosen by the engine does not.
  const [port = 0] = await freePorts(1);
  const started = await new GenericContainer("redis:8-alpine")
    .withExposedPorts({ container: 6379, host: port })
    .withCommand(["redis-server", ...args])
    .withLogConsumer((stream) => void stream.pipe(log, { end: false }))
    .start();
  const container = runtime.container.getById(started.getId());
  const address = { host: started.getHost(), port };
  const command = (...words: string[]) => respCommand(address, words);
  const ready = () =>
    waitFor("the container to answer PING", async () => (await command("PING")) === "PONG", READY_TIMEOUT_MS);
  let pid = 0;
  const boot = async () => {
    await ready();
    pid = (await container.inspect()).State.Pid;
  };
  const isRunning = async () => (await container.inspect()).State.Running;
  const end = async (signal: NodeJS.Signals) => {
    if (!(await isRunning())) return;
    await container.kill({ signal });
    // A stopped process takes no signal but SIGKILL until it goes on.
    // It may have ended by then.
    if (signal !== "SIGKILL") await container.kill({ signal: "SIGCONT" }).catch(() => undefined);
    await container.wait();
  };
  await boot();
  return {
    url: `redis://${address.host}:${address.port}`,
    dir,
    logPath,
    get pid() {
      return pid;
    },
    command,
    kill: (signal = "SIGKILL") => end(signal),
    restart: async () => {
      await end("SIGTERM");
      await container.start();
      await boot();
    },
    // As a process is: one that the engine pauses takes no SIGKILL.
    pause: async () => void (await container.kill({ signal: "SIGSTOP" })),
    resume: async () => {
      if (await isRunning()) await container.kill({ signal: "SIGCONT" });
    },
    // In an archive, which keeps files as they are.
    appendOnlyFile: async () =>
      (await buffer(await started.copyArchiveFromContainer("/data/appendonlydir"))).toString("latin1"),
    stop: async () => {
      await end("SIGKILL");
      await container.remove({ force: true, v: true });
      log.end();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
