import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type DataDir, openDataDir } from "./dataDir.ts";
import { LocalError } from "./localError.ts";
import { planLocalRedis } from "./localRedis.ts";

describe("the private Redis of a data folder", () => {
  let folder: string;
  let dir: DataDir;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "yonexus-"));
    dir = openDataDir(join(folder, "data"), "name another folder with --folder");
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const memoryServer = (socketPath: string) => ({ program: "/bin/spare", args: [socketPath] });

  it("is a server of the PATH that keeps an append-only file, evicts nothing, and listens on its socket alone", async () => {
    const path = join(folder, "redis-server");
    writeFileSync(path, "#!/bin/sh\necho 'Redis server v=7.0.15 sha=0'\n");
    chmodSync(path, 0o755);
    const redis = await planLocalRedis(dir, { PATH: folder }, memoryServer);
    expect(redis).toMatchObject({ description: "Redis 7.0.15", plan: { name: "redis", program: path } });
    expect(redis.memoryOnly).toBeUndefined();
    const told = redis.plan.args.join(" ");
    expect(told).toContain(`--port 0 --unixsocket ${decodeURIComponent(new URL(redis.url).pathname)}`);
    expect(told).toContain("--appendonly yes");
    expect(told).toContain("--maxmemory-policy noeviction");
  });

  it("is what the program hands in where there is no server, and then says why nothing is kept", async () => {
    const redis = await planLocalRedis(dir, { PATH: folder }, memoryServer);
    expect(redis.memoryOnly).toBe("there is no redis-server or valkey-server on the PATH");
    expect(redis.plan).toMatchObject({
      program: "/bin/spare",
      args: [decodeURIComponent(new URL(redis.url).pathname)],
    });
    expect(redis.plan.probe).toBeUndefined();
  });

  it("is refused where there is neither, with what to install, and nothing is left in the folder", async () => {
    const refused = planLocalRedis(dir, { PATH: folder });
    await expect(refused).rejects.toThrow(LocalError);
    await expect(refused).rejects.toThrow(
      "No Redis can be started: there is no redis-server or valkey-server on the PATH. Install redis-server or valkey-server 7.0 or later, or set redisUrl.",
    );
    expect(existsSync(join(dir.path, "redis.socket"))).toBe(false);
  });

  it("takes its socket and the note of it away after it ended", async () => {
    const redis = await planLocalRedis(dir, { PATH: folder }, memoryServer);
    const note = join(dir.path, "redis.socket");
    expect(existsSync(note)).toBe(true);
    redis.remove();
    expect(existsSync(note)).toBe(false);
  });
});
