import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFollower, createMemoryState, type Follower } from "@yonexus/protocol/client";
import { Keys, openRedis, type RedisConnection, TrustStore, whenReady } from "@yonexus/protocol/redis";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readConfig } from "../../plugin/core/config.ts";
import { DataFolder } from "../../plugin/core/dataFolder.ts";
import { PairingCodeFile } from "../../plugin/core/pairingCodes.ts";
import type { StandaloneCluster } from "../../plugin/core/runtime.ts";
import { startStandalone } from "../../plugin/standalone/standaloneCluster.ts";
import { freePorts } from "../support/freePorts.ts";
import { waitFor } from "../support/waitFor.ts";

/** OpenClaw gives a plugin five seconds to stop (ms). */
const STOP_LIMIT_MS = 4_900;

let folder: DataFolder;
let stateDir: string;
let port: number;
let cluster: StandaloneCluster | undefined;
let redis: RedisConnection | undefined;
let follower: Follower | undefined;
let log: string[];

beforeEach(async () => {
  stateDir = mkdtempSync(join(tmpdir(), "standalone-"));
  folder = new DataFolder(stateDir);
  [port = 0] = await freePorts(1);
  log = [];
});
afterEach(async () => {
  redis?.disconnect();
  await follower?.close();
  await cluster?.stop().catch(() => {});
  [cluster, redis, follower] = [undefined, undefined, undefined];
  rmSync(stateDir, { recursive: true, force: true });
});

async function start(): Promise<StandaloneCluster> {
  const say = (text: string) => void log.push(text);
  const { signal } = new AbortController();
  cluster = await startStandalone(
    readConfig({ listenPort: port }),
    folder,
    { info: say, warn: say, error: say },
    signal,
  );
  await cluster.serve(signal);
  redis = openRedis(cluster.redisUrl, "commands");
  redis.on("error", () => {});
  await whenReady(redis);
  return cluster;
}

async function redisPid(): Promise<number> {
  if (redis !== undefined) await whenReady(redis);
  return Number(/process_id:(\d+)/u.exec((await redis?.info("server")) ?? "")?.[1]);
}

const isGone = (pid: number) => {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
};
const lockPath = () => join(folder.path, "up.lock");

/** A follower with a session, which the node has to send away. */
async function pairFollower(): Promise<void> {
  if (redis !== undefined) await new TrustStore(redis, new Keys("yonexus")).allow(["alpha"]);
  follower = createFollower({ url: `ws://127.0.0.1:${port}`, identifier: "alpha", state: createMemoryState() });
  const asked = Promise.withResolvers<unknown>();
  follower.on("pairing", asked.resolve);
  const connected = follower.connect();
  connected.catch(() => {});
  await asked.promise;
  const codes = new PairingCodeFile(folder.pairingCodes);
  const { code } = await waitFor("the code", () => codes.read()[0]);
  await follower.pair(code);
  await connected;
}

async function stopTime(standalone: StandaloneCluster): Promise<number> {
  const began = performance.now();
  await standalone.stop();
  return performance.now() - began;
}

describe("the end of a gateway that is a cluster of its own", () => {
  it("comes within the time that OpenClaw gives when its private Redis is halted, and leaves no Redis and no lock", async () => {
    const standalone = await start();
    await pairFollower();
    const pid = await redisPid();
    process.kill(pid, "SIGSTOP");
    expect(await stopTime(standalone)).toBeLessThan(STOP_LIMIT_MS);
    await waitFor("its Redis to be gone", () => isGone(pid));
    await waitFor("the lock to be gone", () => !existsSync(lockPath()));
    const listens = async () => (await fetch(`http://127.0.0.1:${port}/healthz`).catch(() => undefined)) !== undefined;
    await waitFor("nobody to listen", async () => !(await listens()));
  });

  it("comes in good order, with the lock released, when the log of the private Redis cannot be written any more", async () => {
    const standalone = await start();
    const logs = join(folder.path, "logs");
    rmSync(logs, { recursive: true });
    writeFileSync(logs, "");
    process.kill(await redisPid(), "SIGKILL");
    const problem = await waitFor("the failed start", () => {
      const told = standalone.problem();
      return told?.includes("could not be started") === true ? told : undefined;
    });
    expect(problem).toContain(join(logs, "redis.log"));
    expect(await stopTime(standalone)).toBeLessThan(STOP_LIMIT_MS);
    expect(existsSync(lockPath())).toBe(false);
    rmSync(logs);
    await start();
  });

  it("releases the lock also when a step fails, and tells what failed", async () => {
    const standalone = await start();
    // Nothing can be removed by that name.
    rmSync(join(folder.path, "cluster.json"));
    mkdirSync(join(folder.path, "cluster.json"));
    const pid = await redisPid();
    await expect(standalone.stop()).rejects.toThrow("cluster.json");
    expect(isGone(pid)).toBe(true);
    expect(existsSync(lockPath())).toBe(false);
  });

  it("comes at once while an earlier Redis that does not end is waited for", async () => {
    const standalone = await start();
    const pid = await redisPid();
    process.kill(pid, "SIGSTOP");
    renameSync(lockPath(), `${lockPath()}.kept`);
    const stopping = new AbortController();
    const starting = startStandalone(
      readConfig({ listenPort: port }),
      folder,
      { info: () => {}, warn: () => {}, error: () => {} },
      stopping.signal,
    );
    starting.catch(() => {});
    await waitFor("the second start", () => existsSync(lockPath()));
    stopping.abort(new Error("stopped"));
    await expect(starting).rejects.toThrow("stopped");
    expect(existsSync(lockPath())).toBe(false);
    renameSync(`${lockPath()}.kept`, lockPath());
    process.kill(pid, "SIGCONT");
    await standalone.stop();
  });
});

describe("a private Redis that ends by itself", () => {
  it("is told with its log while it is away, started again, and tried on when it ends again and again", async () => {
    const standalone = await start();
    expect(standalone.problem()).toBeUndefined();
    for (const end of [1, 2, 3, 4, 5]) {
      process.kill(await redisPid(), "SIGKILL");
      const problem = await waitFor("the end to be told", () => standalone.problem());
      expect(problem).toContain(join(folder.path, "logs", "redis.log"));
      if (end < 5) {
        expect(problem).toContain("is started again");
        await waitFor("the restart", () => standalone.problem() === undefined);
      } else {
        expect(problem).toContain("is tried once a minute");
      }
    }
  });
});

describe("the folder of a gateway that is a cluster of its own", () => {
  it("with a master key that others may read is warned of", async () => {
    await start();
    await cluster?.stop();
    expect(log.join("\n")).not.toContain("chmod");
    chmodSync(join(folder.path, "master.key"), 0o644);
    await start();
    expect(log.join("\n")).toContain(`chmod 600 ${join(folder.path, "master.key")}`);
  });

  it("with the master key of another is refused with what to do, and the old one is accepted", async () => {
    await start();
    await pairFollower();
    await follower?.close();
    await cluster?.stop();
    const path = join(folder.path, "master.key");
    renameSync(path, `${path}.old`);
    await expect(start()).rejects.toThrow(`${path} is not the master key`);
    await expect(cluster?.serve(new AbortController().signal)).rejects.toThrow("put the old one back from a backup");
    await cluster?.stop();
    renameSync(`${path}.old`, path);
    await start();
  });

  it("that another gateway uses is refused with a sentence that says what to use", async () => {
    await start();
    const { signal } = new AbortController();
    const logger = { info: () => {}, warn: () => {}, error: () => {} };
    const second = startStandalone(readConfig({ listenPort: port }), folder, logger, signal);
    await expect(second).rejects.toThrow(/: stop that one, or use another OpenClaw profile\.$/u);
  });

  it("holds the code of a follower until its pairing ended", async () => {
    const standalone = await start();
    await pairFollower();
    expect(existsSync(folder.pairingCodes)).toBe(true);
    await standalone.keepCodes("alpha", []);
    expect(existsSync(folder.pairingCodes)).toBe(false);
  });

  it("in which the codes cannot be written is told, without a word of a terminal", async () => {
    const standalone = await start();
    mkdirSync(folder.pairingCodes);
    if (redis !== undefined) await new TrustStore(redis, new Keys("yonexus")).allow(["alpha"]);
    follower = createFollower({ url: `ws://127.0.0.1:${port}`, identifier: "alpha", state: createMemoryState() });
    follower.connect().catch(() => {});
    await waitFor("it to be told", () => log.some((line) => line.includes(`${folder.pairingCodes} cannot be written`)));
    await waitFor("the next try", () => log.some((line) => line.includes("A notice is tried again")));
    expect(log.join("\n")).not.toMatch(/terminal does/u);
    await standalone.stop();
  });
});
