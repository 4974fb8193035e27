import { MessageQueue, QUEUE_LIMITS, QUEUE_RETENTION } from "@yonexus/protocol/redis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RedisCluster, startRedisCluster } from "../support/redisCluster.ts";
import { claimEpoch, openStores, pairFollower, type Stores } from "../support/stores.ts";
import { waitFor } from "../support/waitFor.ts";
import { contents, message, pass } from "./messageQueueFixture.ts";

let cluster: RedisCluster;
let stores: Stores;
beforeAll(async () => {
  cluster = await startRedisCluster({ masters: 3 });
  stores = await openStores(cluster.url);
});
afterAll(async () => {
  stores?.close();
  await cluster?.stop();
});

/** Enough names to meet every master. */
const names = Array.from({ length: 12 }, (_, index) => `queue${index}`);

describe("on a Redis Cluster", () => {
  it("followers on every master have queues: messages for all of them at once are queued, read, settled, refused and expire", async () => {
    const queue = new MessageQueue(stores.redis, stores.keys);
    const epochs = new Map<string, number>();
    for (const name of names) epochs.set(name, await claimEpoch(stores, name, await pairFollower(stores, name)));
    const sent = await Promise.all(
      names.flatMap((identifier) =>
        ["a", "b", "c", "late"].map((id) =>
          queue.enqueue(
            message(`${id}-${identifier}`, { identifier, ttlMs: id === "late" ? 1 : 60_000 }),
            QUEUE_LIMITS,
          ),
        ),
      ),
    );
    expect(sent.map((each) => "seq" in each && each.seq)).toEqual(names.flatMap(() => [1, 2, 3, 4]));
    await pass(stores);

    const brief = new MessageQueue(stores.redis, stores.keys, { ...QUEUE_RETENTION, settledMs: 1 });
    await Promise.all(
      names.map(async (identifier) => {
        expect(await queue.read(identifier, 1, 10, 1_000)).toMatchObject({
          messages: [{ seq: 2 }, { seq: 3 }],
          gaps: [{ fromSeq: 4, toSeq: 4 }],
        });
        const base = { identifier, epoch: epochs.get(identifier) ?? 0, nodeId: "node-a", writtenAgoMs: 0 };
        const outcomes = await Promise.all([
          ...["a", "b"].map((id) =>
            queue.settle({ ...base, messageId: `${id}-${identifier}`, outcome: "acked", isNewTry: true }),
          ),
          queue.reject({ ...base, messageId: `c-${identifier}`, isNewTry: true, reason: "" }),
        ]);
        expect(outcomes).toEqual(["settled", "settled", "settled"]);
        expect(await queue.record(`a-${identifier}`)).toMatchObject({ identifier, state: "acked" });
        await queue.forgetGaps(identifier, epochs.get(identifier) ?? 0, 4);
        expect(await contents(stores, identifier)).toMatchObject({
          queue: [],
          gaps: [],
          deadLetters: [`late-${identifier} expired 0`, `c-${identifier} rejected 1`],
          counts: { seq: 4, waiting: 0, bytes: 0, expired: 1, rejected: 1 },
        });
        const live = { identifier, messageId: `live-${identifier}`, isOwnId: true, frame: "r::x" };
        expect(await queue.recordLive(live)).toEqual({ outcome: "recorded" });
        await waitFor("the records to be old", async () => (await brief.tidy(identifier)).nextDueAt === undefined);
      }),
    );
    expect((await stores.redis.zrange(stores.keys.queues, "0", "-1")).toSorted()).toEqual(names.toSorted());
  });
});
