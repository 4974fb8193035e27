import { openRedis, type RedisConnection, Subscription } from "@yonexus/protocol/redis";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { waitFor } from "../support/waitFor.ts";

let redis: RedisServer;
let connection: RedisConnection;
const heard: string[] = [];
const rejections: unknown[] = [];
const onRejection = (reason: unknown) => rejections.push(reason);
beforeAll(async () => {
  redis = await startRedis({ persistent: false });
  process.on("unhandledRejection", onRejection);
});
afterAll(() => {
  process.off("unhandledRejection", onRejection);
  return redis.stop();
});
afterEach(() => connection.disconnect());

/** A subscription whose connection Redis has just cut. */
async function cutSubscription(): Promise<Subscription> {
  connection = openRedis(redis.url, "subscriber");
  connection.on("error", () => {});
  const subscription = await Subscription.open(connection, "news", (text) => heard.push(text));
  const closed = new Promise<void>((resolve) => connection.once("close", () => resolve()));
  await redis.command("CLIENT", "KILL", "TYPE", "pubsub");
  await closed;
  return subscription;
}

it("a subscription is made again after its connection was cut", async () => {
  const subscription = await cutSubscription();
  await waitFor("the subscription", async () => Number(await redis.command("PUBLISH", "news", "back")) === 1);
  await waitFor("the message", () => heard.includes("back"));
  subscription.close();
  await waitFor("its end", async () => Number(await redis.command("PUBLISH", "news", "late")) === 0);
  expect(heard).not.toContain("late");
});

it("a connection that is closed while its subscription is made again leaves no rejection that nobody handles", async () => {
  for (let round = 0; round < 12; round++) {
    const subscription = await cutSubscription();
    // Redis answers that it is ready, and is gone before it answers the subscription.
    await new Promise<void>((resolve) => {
      connection.once("ready", () => {
        process.kill(redis.pid, "SIGSTOP");
        resolve();
      });
    });
    const ended = new Promise<void>((resolve) => connection.once("end", () => resolve()));
    subscription.close();
    connection.disconnect();
    // On its way by now, and not answered.
    await new Promise((resolve) => setImmediate(resolve));
    await redis.kill();
    await ended;
    await redis.restart();
  }
  await new Promise((resolve) => setImmediate(resolve));
  expect(rejections).toEqual([]);
});
