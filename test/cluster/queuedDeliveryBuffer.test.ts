import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ACKS, contentsOf, numbers, QueueFixture } from "../support/queueFixture.ts";
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

describe("a follower that does not read", () => {
  it.each([
    ["with acks", ACKS],
    ["without acks", {}],
  ])(
    "%s loses nothing by it, and its session goes on: what its send buffer has no room for waits",
    async (_, options) => {
      const tight = await fixture.cluster.startNode({ YONEXUS_MAX_SEND_BUFFER_BYTES: "100000" });
      const follower = await fixture.logIn(tight, options);
      follower.pause();
      const large = "x".repeat(50_000);
      await fixture.putAll(numbers(1, 300).map((one) => `${one} ${large}`));
      expect(await fixture.waiting()).toBeGreaterThan(0);
      follower.resume();
      let done = 0;
      await waitFor("all to come", async () => {
        for (const { id } of follower.queued.slice(done)) {
          follower.ack(id);
          done += 1;
        }
        return (await fixture.waiting()) === 0;
      });
      const came = () =>
        options === ACKS
          ? contentsOf(follower)
          : follower.received.slice(2).map((frame) => frame.slice("chat::".length));
      await waitFor("the last one", () => came().length === 300);
      expect(came().map((content) => content.split(" ")[0])).toEqual(numbers(1, 300));
    },
  );
});
