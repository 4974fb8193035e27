import { existsSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import { startRedisCluster } from "../support/redisCluster.ts";
import { findRedisBinary, type RedisOptions, type RedisServer, startRedis } from "../support/redisServer.ts";
import { waitFor } from "../support/waitFor.ts";

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
});

async function start(options?: RedisOptions): Promise<RedisServer> {
  const server = await startRedis(options);
  stops.push(() => server.stop());
  return server;
}

describe("a private Redis", () => {
  it.each([{}, { tcp: true }])("answers as soon as it is started with %j", async (options) => {
    const server = await start(options);
    expect(await server.command("PING")).toBe("PONG");
    expect(server.url).toMatch(/^(redis\+unix:\/\/\/.{1,99}|redis:\/\/[\w.]+:\d+)$/);
  });

  it("keeps its data, its policy and its address over a kill and a restart", async () => {
    const server = await start();
    const { pid, url } = server;
    expect(await server.command("SET", "key", "kept")).toBe("OK");
    await server.kill("SIGKILL");
    await expect(server.command("PING")).rejects.toThrow();
    await server.restart();
    expect(await server.command("GET", "key")).toBe("kept");
    expect(await server.command("CONFIG", "GET", "maxmemory-policy")).toEqual(["maxmemory-policy", "noeviction"]);
    expect(server.url).toBe(url);
    expect(server.pid).not.toBe(pid);
  });

  it("keeps its data over an orderly restart, and none when it is not persistent", async () => {
    const [kept, lost] = await Promise.all([start(), start({ persistent: false })]);
    for (const server of [kept, lost]) {
      await server.command("SET", "key", "value");
      await server.restart();
    }
    expect(await kept.command("GET", "key")).toBe("value");
    expect(await lost.command("GET", "key")).toBeNull();
  });

  it("stops answering while it is paused and goes on afterwards", async () => {
    const server = await start();
    await server.pause();
    const answer = server.command("PING");
    await expect(Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 100, "silence"))])).resolves.toBe(
      "silence",
    );
    await server.resume();
    expect(await answer).toBe("PONG");
  });

  it("leaves neither process nor files behind, even when it is stopped while paused", async () => {
    const server = await startRedis();
    await server.pause();
    await server.stop();
    expect(() => process.kill(server.pid, 0)).toThrow("ESRCH");
    expect(existsSync(server.dir)).toBe(false);
  });

  it("says why a server could not be started", async () => {
    await expect(
      startRedis({ args: ["--no-such-option", "1"], binary: findRedisBinary() ?? "redis-server" }),
    ).rejects.toThrow(/before it was ready/);
    await expect(startRedis({ binary: "no-such-program" })).rejects.toThrow("ENOENT");
  });
});

describe("a private Redis Cluster", () => {
  it("serves all slots from its masters", async () => {
    const cluster = await startRedisCluster({ masters: 3 });
    stops.push(() => cluster.stop());
    expect(cluster.url).toMatch(/^redis\+cluster:\/\/127\.0\.0\.1:\d+,127\.0\.0\.1:\d+,127\.0\.0\.1:\d+$/);
    const replies = await Promise.allSettled(cluster.nodes.map((node) => node.command("SET", "key", "value")));
    expect(replies.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(await cluster.nodes[0]?.command("CLUSTER", "INFO")).toContain("cluster_slots_ok:16384");
  });
});

describe("waitFor", () => {
  it("returns the first answer that is there", async () => {
    let asked = 0;
    expect(await waitFor("a third question", () => ++asked === 3 && asked)).toBe(3);
  });

  it("takes a throwing probe for a not yet, and names the wait and the last failure", async () => {
    const failing = waitFor("the door to open", () => Promise.reject(new Error("locked")), 30);
    await expect(failing).rejects.toThrow("Waited 30 ms in vain for the door to open: locked");
    await expect(waitFor("an answer", () => new Promise<never>(() => {}), 30)).rejects.toThrow("never answered");
  });
});
