import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { came, contentsOf, numbers, QueueFixture } from "../support/queueFixture.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { waitFor } from "../support/waitFor.ts";

let redis: RedisServer;
let fixture: QueueFixture;
beforeEach(async () => {
  redis = await startRedis({ args: ["--appendfsync", "always"] });
  fixture = await QueueFixture.open(redis.url);
});
afterEach(async () => {
  await redis.resume();
  await fixture.cluster.stop();
  await redis.stop();
});

describe("a session that Redis goes away from", () => {
  it("settles the acks that come meanwhile afterwards, and none of the messages comes again", async () => {
    const follower = await fixture.logIn();
    const ids = await fixture.putAll(numbers(1, 10));
    await came(follower, 10);
    await redis.kill();
    for (const id of ids) follower.ack(id);
    await redis.restart();
    await fixture.untilEmpty();
    await fixture.put("after");
    await came(follower, 11);
    expect(contentsOf(follower)).toEqual([...numbers(1, 10), "after"]);
    for (const id of ids) expect(await fixture.queue.record(id)).toMatchObject({ state: "acked", tries: 1 });
  });

  it("goes on in the queue where it was, with what was queued before and after", async () => {
    const follower = await fixture.logIn();
    await fixture.putAll(numbers(1, 100));
    await came(follower, 64);
    await redis.restart();
    await waitFor("the connection of the tests", () => fixture.cluster.stores.now());
    await fixture.putAll(numbers(101, 110));
    await fixture.ackAll(follower);
    expect(contentsOf(follower)).toEqual(numbers(1, 110));
  });

  it("is told of an ack for what it was not sent that it was not taken, and may send it again", async () => {
    const follower = await fixture.logIn();
    await redis.kill();
    follower.ack("never", {}, "r1");
    expect(await follower.next("error")).toMatchObject({ requestId: "r1", payload: { code: "OVERLOADED" } });
    await redis.restart();
    await waitFor("Redis to judge it", async () => {
      follower.ack("never", {}, "r2");
      return (await follower.next("error")).payload.code === "UNKNOWN_MESSAGE";
    });
  });

  it("has its messages rejected as overloaded, and accepted under the same ids when Redis is back", async () => {
    const contents: string[] = [];
    await fixture.cluster.holdRule({ rule: "chat", handler: ({ content }) => void contents.push(content) });
    const follower = await fixture.logIn();
    await redis.kill();
    follower.message("m-1", "chat", "hello", "r1");
    expect(await follower.next("message_ack")).toMatchObject({
      requestId: "r1",
      payload: { id: "m-1", status: "rejected", reason: "overloaded" },
    });
    await redis.restart();
    await waitFor("it to be accepted", async () => {
      follower.message("m-1", "chat", "hello");
      return (await follower.next("message_ack")).payload.status !== "rejected";
    });
    await waitFor("it to be handled", () => contents.length > 0);
    follower.message("m-1", "chat", "hello");
    expect((await follower.next("message_ack")).payload.status).toBe("duplicate");
    expect(contents).toEqual(["hello"]);
  });

  it("finds what was queued under the numbers of messages that Redis lost", async () => {
    const follower = await fixture.logIn();
    const ids = await fixture.putAll(numbers(1, 3));
    await came(follower, 3);
    for (const id of ids) follower.ack(id);
    await fixture.untilEmpty();
    // As a failover leaves it that lost the last two.
    const { redis: commands, keys } = fixture.cluster.stores;
    await commands.del(keys.follower("alice").queue);
    await commands.hset(keys.follower("alice").messages, "#seq", 1);
    await fixture.put("new");
    await fixture.caughtUp(follower);
    expect(contentsOf(follower)).toEqual(numbers(1, 3));
    await commands.call("CLIENT", "KILL", "TYPE", "pubsub");
    await came(follower, 4);
    await fixture.put("next");
    await came(follower, 5);
    expect(contentsOf(follower)).toEqual([...numbers(1, 3), "new", "next"]);
    expect(follower.queued.map(({ seq }) => seq)).toEqual([1, 2, 3, 2, 3]);
  });
});
