import { connect } from "node:net";
import { redisNow } from "@yonexus/protocol/redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { OutageGuard } from "../../coordinator/sweeps/outageGuard.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { waitFor } from "../support/waitFor.ts";
import { CoordinatorFixture, names, OFFLINE_AFTER_MS } from "./coordinatorFixture.ts";

const LEASE = { YONEXUS_LEASE_MS: "1500" };
/** So long that a slow machine does what belongs into it. */
const LONG_LEASE = { YONEXUS_LEASE_MS: "4000" };
/** So far apart that no follower skips the first edge on a slow machine. */
const SLOW_EDGES = { YONEXUS_UNSTABLE_AFTER_MS: "60000", YONEXUS_OFFLINE_AFTER_MS: "120000" };

let redis: RedisServer;
let cluster: CoordinatorFixture;

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());
beforeEach(async () => {
  cluster = await CoordinatorFixture.open(redis.url);
});
afterEach(() => cluster.close());

async function waitForSweeps(sweep: string, count: number): Promise<void> {
  const before = await cluster.iterations(sweep);
  await waitFor(`${count} more sweeps`, async () => (await cluster.iterations(sweep)) >= before + count);
}

async function allUnstable(identifiers: readonly string[]): Promise<boolean> {
  const found = await Promise.all(identifiers.map((identifier) => cluster.followers.find(identifier)));
  return found.every((follower) => follower?.status === "unstable");
}

async function allOffline(identifiers: readonly string[]): Promise<boolean> {
  const found = await Promise.all(identifiers.map((identifier) => cluster.followers.find(identifier)));
  return found.every((follower) => follower?.status === "offline" && follower.endedAt !== undefined);
}

describe("liveness edges", () => {
  it("are each emitted exactly once by three coordinators: unstable, then offline", async () => {
    const followers = names("silent", 30);
    await cluster.renewNode("node-a");
    const events = await cluster.listen(cluster.keys.events);
    const told = await cluster.listen(cluster.keys.nodeChannel("node-a"));
    for (const follower of followers) {
      await cluster.goOnline(follower, "node-a");
      await cluster.index.postpone(follower, (await redisNow(cluster.commands)) + 600_000);
    }
    await Promise.all([cluster.start(SLOW_EDGES), cluster.start(SLOW_EDGES), cluster.start(SLOW_EDGES)]);

    await Promise.all(followers.map((follower) => cluster.silence(follower, 90_000)));
    await waitFor("all of them to be unstable", () => allUnstable(followers));
    await Promise.all(followers.map((follower) => cluster.silence(follower, 130_000)));
    // A sweep that is not done with the first edge yet may move a follower on to where it would have been offline: in 30 s.
    await waitFor("all of them to be offline", () => allOffline(followers), 60_000);
    await waitFor("none of them to be judged any more", async () => (await cluster.index.size()) === 0, 60_000);
    await waitForSweeps("liveness", 3);
    for (const follower of followers) {
      expect(await cluster.edges(follower)).toEqual(["unstable heartbeat_timeout", "offline heartbeat_timeout"]);
    }
    const statuses = events.map((text): { identifier: string; status: string } => JSON.parse(text));
    for (const status of ["unstable", "offline"]) {
      expect(
        statuses
          .filter((event) => event.status === status)
          .map(({ identifier }) => identifier)
          .sort(),
      ).toEqual([...followers].sort());
    }
    expect(told.filter((text) => text.startsWith("s "))).toHaveLength(followers.length);
    expect(told.filter((text) => text.endsWith(" heartbeat_timeout"))).toHaveLength(followers.length);
    expect(await cluster.index.size()).toBe(0);
  }, 180_000);

  it("are emitted once by a sweep that comes late, after all coordinators were away", async () => {
    const followers = names("late", 1_200);
    await cluster.renewNode("node-a");
    await cluster.goOnline("late-0", "node-a");
    // Further sessions of the same form: pairing each would take the test's time.
    const record = await cluster.commands.hgetall(cluster.keys.follower("late-0").session);
    for (const follower of followers) await cluster.commands.hset(cluster.keys.follower(follower).session, record);
    for (const follower of followers) await cluster.silence(follower, OFFLINE_AFTER_MS + 60_000);
    const events = await cluster.listen(cluster.keys.events);

    await Promise.all([cluster.start(), cluster.start()]);
    await waitFor("the index to be worked off", async () => (await cluster.index.size()) === 0);
    await waitForSweeps("liveness", 2);
    expect(await cluster.edges("late-0")).toEqual(["offline heartbeat_timeout"]);
    expect(new Set(events).size).toBe(followers.length);
    expect(events).toHaveLength(followers.length);
  });

  it("cost no command for a follower that is not due", async () => {
    const followers = names("quiet", 20);
    await cluster.renewNode("node-a");
    for (const follower of followers) {
      await cluster.goOnline(follower, "node-a");
      await cluster.index.postpone(follower, (await redisNow(cluster.commands)) + 60_000);
    }
    await cluster.start();
    await waitForSweeps("liveness", 1);

    const { protocol, hostname, port, pathname } = new URL(redis.url);
    const monitor = protocol === "redis:" ? connect(Number(port), hostname) : connect(pathname);
    let text = "";
    monitor.on("data", (chunk: Buffer) => {
      text += chunk.toString("utf8");
    });
    monitor.write("MONITOR\r\n");
    await waitForSweeps("liveness", 4);
    monitor.destroy();
    const monitored = text.split("\r\n");
    expect(monitored.some((command) => command.includes(cluster.keys.liveness))).toBe(true);
    expect(monitored.filter((command) => command.includes("quiet-"))).toEqual([]);
    expect(monitored.filter((command) => /"scan"/i.test(command))).toEqual([]);
  });

  it("are not judged while the owner's lease has lapsed and its sweep is still to come", async () => {
    await cluster.renewNode("node-gone", 1);
    await cluster.goOnline("waiting", "node-gone");
    await cluster.silence("waiting", OFFLINE_AFTER_MS + 60_000);
    // A lease so long that the dead-node sweep does not come by in this test.
    await cluster.start({ YONEXUS_LEASE_MS: "600000" });
    await waitFor("the follower to be moved ahead", async () => (await cluster.index.due(10)).length === 0);
    await waitForSweeps("liveness", 2);
    expect(await cluster.edges("waiting")).toEqual([]);
    const dueAt = Number(await cluster.commands.zscore(cluster.keys.liveness, "waiting"));
    expect(dueAt).toBeGreaterThan((await redisNow(cluster.commands)) + 500_000);
  });

  it("are judged when the owner was forgotten and no sweep of it will come", async () => {
    await cluster.goOnline("orphan", "node-forgotten");
    await cluster.silence("orphan", OFFLINE_AFTER_MS + 60_000);
    await cluster.start();
    await waitFor("the orphan to be offline", () => allOffline(["orphan"]));
    expect(await cluster.edges("orphan")).toEqual(["offline heartbeat_timeout"]);
  });

  it("of others are not held up by a damaged record at the head of the index", async () => {
    await cluster.renewNode("node-a");
    await cluster.goOnline("sound", "node-a");
    await cluster.silence("sound", OFFLINE_AFTER_MS + 1_000);
    await cluster.goOnline("damaged", "node-a");
    await cluster.silence("damaged", OFFLINE_AFTER_MS + 60_000);
    await cluster.commands.hdel(cluster.keys.follower("damaged").session, "lastHeartbeatAt");
    await cluster.commands.set(cluster.keys.follower("no-hash").session, "text");
    await cluster.commands.zadd(cluster.keys.liveness, 1, "no-hash");
    await cluster.start();
    await waitFor("the sound one to be offline", () => allOffline(["sound"]));
    await waitFor("the damaged ones to be moved ahead", async () => (await cluster.index.due(10)).length === 0);
    expect(await cluster.index.size()).toBe(2);
  });
});

describe("a dead node", () => {
  it("has its sessions ended once, by three coordinators, and is forgotten", async () => {
    const followers = names("lost", 25);
    await cluster.renewNode("node-dead", 1);
    await cluster.renewNode("node-alive");
    for (const follower of followers) await cluster.goOnline(follower, "node-dead");
    await cluster.goOnline("safe", "node-alive");
    // It moved on before its first node died, which still lists it.
    await cluster.nodes.addSession("node-dead", "safe");
    for (const follower of [...followers, "safe"]) {
      await cluster.index.postpone(follower, (await redisNow(cluster.commands)) + 60_000);
    }
    const events = await cluster.listen(cluster.keys.events);
    await Promise.all([cluster.start(LEASE), cluster.start(LEASE), cluster.start(LEASE)]);

    await waitFor("the node to be forgotten", async () => {
      return (await cluster.commands.zscore(cluster.keys.nodes, "node-dead")) === null;
    });
    await waitForSweeps("deadNodes", 2);
    for (const follower of followers) expect(await cluster.edges(follower)).toEqual(["offline node_lost"]);
    expect(events).toHaveLength(followers.length);
    expect(await cluster.edges("safe")).toEqual([]);
    expect((await cluster.followers.find("safe"))?.status).toBe("online");
    expect(await cluster.commands.exists(cluster.keys.nodeSessions("node-dead"))).toBe(0);
  });

  it("keeps its sessions when Redis was away, comes back, and takes them up again", async () => {
    const own = await startRedis();
    const away = await CoordinatorFixture.open(own.url);
    try {
      const epoch = await away.goOnline("kept", "node-a");
      await away.index.postpone("kept", (await redisNow(away.commands)) + 600_000);
      await away.start(LONG_LEASE);
      // Without those that failed: the workers may be back before the connection that a sweep reads by.
      const waits = () => away.logged("sweep").filter((line) => line.sweep === "deadNodes" && "waited" in line);
      await waitFor("a sweep of dead nodes", () => waits().length > 0);
      await away.renewNode("node-a", 1);
      await own.kill();
      const linesBefore = waits().length;
      await own.restart();
      // Each connection comes back in its own time, and this one queues nothing meanwhile.
      await waitFor("the connection of this test", () => redisNow(away.commands));

      await waitFor("a sweep after the outage", () => waits().length > linesBefore);
      expect(waits()[linesBefore]).toMatchObject({ waited: true, sessions: 0 });
      expect(await away.commands.hget(away.keys.follower("kept").session, "status")).toBe("online");

      const { trustVersion } = await away.trust.lookup("kept", undefined);
      const held = {
        identifier: "kept",
        epoch,
        nodeId: "node-a",
        connectionId: "of-kept",
        trustVersion,
        address: "203.0.113.7",
        authenticatedAt: epoch,
      };
      expect((await away.sessions.reassert(held, 10)).outcome).toBe("kept");
      await away.renewNode("node-a");
      await waitFor("a sweep that may end sessions again", () => waits().at(-1)?.waited === false, 30_000);
      expect(await away.edges("kept")).toEqual([]);
    } finally {
      await away.close();
      await own.stop();
    }
  }, 90_000);
});

describe("the guard against outages", () => {
  it("gives nodes one lease after a gap between sweeps, and no more", async () => {
    const leaseMs = 3_000;
    await waitFor(
      "Redis to have run for two leases",
      async () => Number(/uptime_in_seconds:(\d+)/.exec(await cluster.commands.info("server"))?.[1]) >= 6,
    );
    const guard = new OutageGuard(cluster.commands, cluster.keys, leaseMs);
    expect(await guard.mustWait(), "nobody ever swept").toBe(true);
    expect(await guard.mustWait(), "the lease after it").toBe(true);
    const waitKey = cluster.keys.sweptAt("deadNodesAfterGap");
    expect(await cluster.commands.pttl(waitKey)).toBeGreaterThan(0);
    await cluster.commands.del(waitKey);
    expect(await guard.mustWait(), "swept just before").toBe(false);
    await cluster.commands.set(cluster.keys.sweptAt("deadNodes"), (await redisNow(cluster.commands)) - leaseMs);
    expect(await guard.mustWait(), "a lease without a sweep").toBe(true);
    expect(await guard.mustWait(), "the lease after it").toBe(true);
  });

  it("ends nothing while Redis itself has only just started", async () => {
    const guard = new OutageGuard(cluster.commands, cluster.keys, 86_400_000);
    await guard.mustWait();
    await cluster.commands.del(cluster.keys.sweptAt("deadNodesAfterGap"));
    expect(await guard.mustWait()).toBe(true);
  });
});

describe("retention", () => {
  it("takes expired pairings, idle rules and coordinators that are gone out of the indexes", async () => {
    const { keys, commands } = cluster;
    await cluster.rules.hold("idle", "group", "replica-1", 60_000);
    await cluster.rules.leave("idle", "replica-1");
    await cluster.rules.hold("held", "group", "replica-1", 60_000);
    await cluster.rules.hold("waiting", "group", "replica-1", 60_000);
    await cluster.rules.append("waiting", "alpha", "content", { maxBacklog: 10 });
    await cluster.rules.leave("waiting", "replica-1");
    await cluster.rules.hold("failed", "group", "replica-1", 60_000);
    await cluster.rules.leave("failed", "replica-1");
    await commands.xadd(keys.rule("failed").deadLetters, "*", "content", "content");
    const now = await redisNow(commands);
    await commands.zadd(keys.pendingPairings, now - 1, "alpha 0011", now + 60_000, "beta 0022");
    await commands.zadd(keys.coordinators, now - 700_000, "long-gone", now - 1_000, "just-gone");

    await cluster.start({}, { retentionEveryMs: 100 });
    await waitFor("the idle rule to be forgotten", async () => (await commands.zscore(keys.rules, "idle")) === null);
    expect(await commands.zrange(keys.rules, "0", "-1")).toEqual(["failed", "held", "waiting"]);
    expect(await commands.zrange(keys.pendingPairings, "0", "-1")).toEqual(["beta 0022"]);
    const coordinators = await commands.zrange(keys.coordinators, "0", "-1");
    expect(coordinators).toContain("just-gone");
    expect(coordinators).not.toContain("long-gone");
  });

  it("takes off the allowlist whom only configurations let in that nobody applied for 30 days, and logs it", async () => {
    const { keys, commands, trust } = cluster;
    const [day, now] = [86_400_000, await redisNow(commands)];
    const sources = { lapsed: 31, renewed: 29, coordinator: 400 };
    for (const [source, days] of Object.entries(sources)) {
      await trust.applyConfigured([`of-${source}`, "of-all"], source);
      await commands.zadd(keys.followerSources, now - days * day, source);
      for (const identifier of [`of-${source}`, "of-all"]) {
        await commands.hset(keys.follower(identifier).trust, `by:${source}`, now - days * day);
      }
    }
    await cluster.start({}, { retentionEveryMs: 100 });
    await waitFor("the source to be retired", async () => (await trust.sources()).length === 2);
    const isAllowed = async (identifier: string) => (await cluster.followers.find(identifier))?.allowed;
    expect(await Promise.all(["of-lapsed", "of-renewed", "of-coordinator", "of-all"].map(isAllowed))).toEqual([
      false,
      true,
      true,
      true,
    ]);
    expect(await trust.configuredBy("of-all")).toEqual(["coordinator", "renewed"]);
    const told = () => cluster.logLines.find((line) => line.includes('"sources":1'));
    await waitFor("it to be logged", () => told() !== undefined);
    expect(told()).toContain('"disallowed":1');
  });
});
