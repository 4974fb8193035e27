import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { came, numbers, QueueFixture } from "../support/queueFixture.ts";
import type { RawFollower } from "../support/rawFollower.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { waitFor } from "../support/waitFor.ts";

let redis: RedisServer;
let fixture: QueueFixture;
beforeAll(async () => {
  redis = await startRedis({ persistent: false });
});
afterAll(() => redis.stop());
beforeEach(async () => {
  fixture = await QueueFixture.open(redis.url);
});
afterEach(() => fixture.cluster.stop());

describe("a message that expired", () => {
  const expired = (id: string) =>
    waitFor(`${id} to expire`, async () => {
      await fixture.queue.tidy("alice");
      return (await fixture.stateOf(id)) === "expired";
    });
  const told = (follower: RawFollower) =>
    follower.messages.flatMap((message) => {
      if (message?.type === "gap") return [`gap ${message.payload.fromSeq}-${message.payload.toSeq}`];
      return message?.type === "message" ? [message.payload.content] : [];
    });
  const gaps = () => fixture.cluster.stores.redis.zcard(fixture.cluster.stores.keys.follower("alice").gaps);

  it("is a gap before the messages after it, told again on each session until a later message is acked", async () => {
    const before = await fixture.put("before");
    const lost = await fixture.putAll(["2", "3"], { ttlMs: 1 });
    const after = await fixture.put("after");
    for (const id of lost) await expired(id);
    const first = await fixture.logIn();
    await came(first, 2);
    expect(told(first)).toEqual(["before", "gap 2-3", "after"]);
    first.ack(before);
    await fixture.until(before, "acked");
    await first.close();

    const second = await fixture.logIn();
    await came(second, 1);
    expect(told(second)).toEqual(["gap 2-3", "after"]);
    expect(await gaps()).toBe(1);
    second.ack(after);
    await waitFor("the gap to be forgotten", async () => (await gaps()) === 0);
    await second.close();

    const third = await fixture.logIn();
    await fixture.put("later");
    await came(third, 1);
    expect(told(third)).toEqual(["later"]);
  });

  it("while its follower was there without room for it is told as soon as it is dropped", async () => {
    const follower = await fixture.logIn();
    await fixture.putAll(numbers(1, 64));
    await came(follower, 64);
    const lost = await fixture.put("lost", { ttlMs: 1 });
    await expired(lost);
    await fixture.put("after");
    for (const { id } of follower.queued) follower.ack(id);
    await came(follower, 65);
    expect(told(follower).slice(64)).toEqual(["gap 65-65", "after"]);
  });

  it("is no word to a follower without acks: what cannot be told is forgotten, and what follows comes", async () => {
    const lost = await fixture.put("lost", { ttlMs: 1 });
    await expired(lost);
    await fixture.put("after");
    const follower = await fixture.logIn(fixture.node, {});
    expect(await follower.nextApplication()).toBe("chat::after");
    await waitFor("the gap to be forgotten", async () => (await gaps()) === 0);
    expect(follower.types).toEqual(["hello_ack", "auth_success"]);
  });
});
