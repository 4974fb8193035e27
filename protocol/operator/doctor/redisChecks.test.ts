import { describe, expect, it } from "vitest";
import { judgeMemory } from "./memoryChecks.ts";
import { judgeInfo, judgeSkew, parseInfo } from "./redisChecks.ts";

const good = ["# Server", "redis_version:7.0.15", "aof_enabled:1", "maxmemory:0", "maxmemory_policy:noeviction"];
const judge = (...lines: string[]) =>
  judgeInfo(parseInfo([...good, ...lines].join("\r\n"))).map(({ status }) => status);

describe("the Redis of a cluster", () => {
  it("that is new, persistent and never evicts is well", () => {
    expect(judge()).toEqual(["ok", "ok", "ok"]);
  });

  it("that is older than 7.0 is broken", () => {
    expect(judge("redis_version:6.2.14")).toEqual(["broken", "ok", "ok"]);
  });

  it("may be a Valkey, which tells its own version", () => {
    expect(judgeInfo(parseInfo([...good, "redis_version:7.2.4", "valkey_version:8.1.0"].join("\n")))[0]).toMatchObject({
      status: "ok",
      found: "Valkey 8.1.0",
    });
  });

  it("without an append-only file is a warning", () => {
    expect(judge("aof_enabled:0")).toEqual(["ok", "warning", "ok"]);
  });

  it("whose append-only file cannot be written is broken", () => {
    expect(judge("aof_last_write_status:err")).toEqual(["ok", "broken", "ok"]);
  });

  it("that evicts is broken once its memory is limited", () => {
    expect(judge("maxmemory_policy:allkeys-lru")).toEqual(["ok", "ok", "warning"]);
    expect(judge("maxmemory_policy:allkeys-lru", "maxmemory:1000000")).toEqual(["ok", "ok", "broken"]);
  });

  it.each([
    [0, "ok"],
    [90, "ok"],
    [91, "warning"],
  ])("with %i %% of its memory limit in use is %s", (used, status) => {
    const limit = used === 0 ? 0 : 100_000_000;
    const info = parseInfo(`used_memory:${used * 1_000_000}\nmaxmemory:${limit}`);
    expect(judgeMemory(info).status).toBe(status);
  });

  it.each([
    [4_999, "ok"],
    [-4_999, "ok"],
    [6_000, "warning"],
    [-6_000, "warning"],
  ])("with a clock that is %i ms off is %s", (skewMs, status) => {
    expect(judgeSkew(skewMs).status).toBe(status);
  });
});
