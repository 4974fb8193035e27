import type { HeldSession } from "@yonexus/protocol/redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { claim, claimEpoch, openStores, pairFollower, type Stores } from "../support/stores.ts";

let server: RedisServer;
let stores: Stores;
let version: string;
beforeAll(async () => {
  server = await startRedis({ persistent: false });
});
afterAll(() => server.stop());
beforeEach(async () => {
  stores = await openStores(server.url);
  version = await pairFollower(stores, "alice");
});
afterEach(() => stores.close());

/** What the scripts of the queue leave behind: five messages were queued, the first two are gaps, two wait. */
async function fillQueue(): Promise<void> {
  const own = stores.keys.follower("alice");
  await stores.redis.hset(own.messages, "#seq", 5);
  for (const seq of [4, 5]) await stores.redis.xadd(own.queue, `${seq}-0`, "id", `message-${seq}`);
  await stores.redis.zadd(own.gaps, 1, "1 1 expired", 2, "2 2 dropped");
}

async function reassert(epoch: number) {
  const held: HeldSession = {
    identifier: "alice",
    epoch,
    nodeId: "node-a",
    connectionId: "connection-1",
    trustVersion: version,
    address: "192.0.2.1",
    authenticatedAt: await stores.now(),
  };
  return stores.sessions.reassert(held, 0);
}

describe("a session that begins or is asserted", () => {
  it("is told the queue's last seq, how many messages wait, and how many gaps were not told", async () => {
    await fillQueue();
    const queue = { lastSeq: 5, waiting: 2, gaps: 2 };
    const claimed = await claim(stores, "alice", version);
    expect(claimed).toMatchObject({ outcome: "claimed", queue });
    if (claimed.outcome !== "claimed") return;
    expect(await reassert(claimed.epoch)).toMatchObject({ outcome: "kept", queue });
  });

  it("is told the last seq also when all that was queued is settled: seqs go on from there", async () => {
    await fillQueue();
    const own = stores.keys.follower("alice");
    await stores.redis.del(own.queue, own.gaps);
    expect(await claim(stores, "alice", version)).toMatchObject({ queue: { lastSeq: 5, waiting: 0, gaps: 0 } });
  });

  it("of a follower that nothing was queued for is told so", async () => {
    const queue = { lastSeq: 0, waiting: 0, gaps: 0 };
    expect(await claim(stores, "alice", version)).toMatchObject({ queue });
    expect(await reassert(await claimEpoch(stores, "alice", version))).toMatchObject({ queue });
  });
});
