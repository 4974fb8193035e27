import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ACKS, came, contentsOf, numbers, QueueFixture } from "../support/queueFixture.ts";
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

describe("an ack", () => {
  it("on the socket of a session that was replaced settles nothing, and the new session gets the message again", async () => {
    const old = await fixture.logIn();
    const id = await fixture.put("hello");
    await came(old, 1);
    // As if the order to close had been lost: another epoch owns the session.
    await fixture.cluster.stores.redis.hincrby(fixture.cluster.stores.keys.follower("alice").session, "epoch", 1);
    old.ack(id);
    expect(await old.closed()).toEqual({ code: 4509, reason: "session_replaced" });
    expect(await fixture.waiting()).toBe(1);
    expect(await fixture.stateOf(id)).not.toBe("acked");
    const next = await fixture.logIn();
    await came(next, 1);
    next.ack(id);
    await fixture.until(id, "acked");
  });

  it("for a message that nobody queued, or that was queued for somebody else, is UNKNOWN_MESSAGE and changes nothing", async () => {
    const bob = await fixture.cluster.pairedFollower("bob");
    const [forBob] = await fixture.putAll(["for bob"], { identifier: "bob" });
    const follower = await fixture.logIn();
    for (const [requestId, id] of [
      ["r1", "never"],
      ["r2", forBob ?? ""],
    ] as const) {
      follower.ack(id, {}, requestId);
      expect(await follower.next("error")).toMatchObject({ requestId, payload: { code: "UNKNOWN_MESSAGE" } });
      follower.ack(id, { status: "rejected", reason: "no" }, requestId);
      expect(await follower.next("error")).toMatchObject({ requestId, payload: { code: "UNKNOWN_MESSAGE" } });
    }
    const other = await fixture.cluster.logIn(fixture.node, bob, ACKS);
    expect((await other.next("message")).payload).toMatchObject({ id: forBob, content: "for bob" });
    expect(follower.isOpen).toBe(true);
  });

  it("that comes a second time, on this session or the next one, is harmless and not answered", async () => {
    const id = await fixture.put("hello");
    const first = await fixture.logIn();
    await came(first, 1);
    for (let time = 0; time < 3; time++) first.ack(id);
    await fixture.until(id, "acked");
    first.ack(id);
    await fixture.caughtUp(first);
    await first.close();
    const second = await fixture.logIn();
    second.ack(id);
    await fixture.caughtUp(second);
    expect([...first.types, ...second.types]).not.toContain("error");
    expect(second.queued).toEqual([]);
  });

  it("of a message that an earlier session was sent settles it, before it comes again", async () => {
    const follower = await fixture.logIn();
    const ids = await fixture.putAll(numbers(1, 100));
    await came(follower, 64);
    const early = ids[80] ?? "";
    follower.ack(early);
    await fixture.until(early, "acked");
    for (const id of ids.slice(0, 64)) follower.ack(id);
    await came(follower, 99);
    expect(contentsOf(follower)).not.toContain("81");
  });

  it("that rejects a message makes it a dead letter, with the follower's reason, and its sender hears so", async () => {
    const receipts = await fixture.cluster.stores.record(fixture.cluster.stores.keys.replyChannel("sender"));
    const [bad, good] = await fixture.putAll(["bad", "good"], { senderId: "sender" });
    const follower = await fixture.logIn();
    await came(follower, 2);
    follower.ack(bad ?? "", { status: "rejected", reason: "handler_failed" });
    await fixture.until(bad ?? "", "rejected");
    expect(await fixture.queue.record(bad ?? "")).toMatchObject({ reason: "handler_failed", tries: 1 });
    const { deadLetters } = fixture.cluster.stores.keys.follower("alice");
    expect(JSON.stringify(await fixture.cluster.stores.redis.xrange(deadLetters, "-", "+"))).toContain(
      "handler_failed",
    );
    await waitFor("the receipt", () => receipts.join("\n").includes(`r ${bad}`));
    follower.ack(good ?? "");
    await fixture.until(good ?? "", "acked");
    await follower.close();
    const next = await fixture.logIn();
    await fixture.caughtUp(next);
    expect(next.queued).toEqual([]);
  });

  it("that comes while the node drains is settled all the same", async () => {
    const follower = await fixture.logIn();
    const ids = await fixture.putAll(numbers(1, 30));
    await came(follower, 30);
    follower.when("disconnect_notice", () => {
      for (const id of ids) follower.ack(id);
    });
    await fixture.node.drain();
    expect(await follower.closed()).toEqual({ code: 4012, reason: "draining" });
    for (const id of ids) expect(await fixture.stateOf(id)).toBe("acked");
    expect(await fixture.waiting()).toBe(0);
  });

  it("of each message that was sent comes beside the rate of frames, written as any program writes it", async () => {
    const slow = await fixture.cluster.startNode({ YONEXUS_INBOUND_RATE_PER_SECOND: "1", YONEXUS_INBOUND_BURST: "4" });
    const follower = await fixture.logIn(slow);
    await fixture.putAll(numbers(1, 90));
    const forms = [
      (id: string) => `builtin::${JSON.stringify({ type: "message_ack", payload: { id } })}`,
      (id: string) => `builtin::{ "type" : "message_ack", "payload" : { "id" : "${id}" } }`,
      (id: string) => `builtin::{"payload":{"id":"${id}"},"type":"message_ack"}`,
    ];
    let done = 0;
    await waitFor("the queue to be empty", async () => {
      for (const { id } of follower.queued.slice(done)) follower.send(forms[done++ % forms.length]?.(id) ?? "");
      return done === 90 && (await fixture.waiting()) === 0;
    });
    expect(follower.types).not.toContain("error");
  });
});

describe("what waits for acks", () => {
  it("is 64 messages at the most: then nothing comes until there is an ack, and one comes for each", async () => {
    const ids = await fixture.putAll(numbers(1, 100));
    const follower = await fixture.logIn();
    await came(follower, 64);
    await fixture.caughtUp(follower);
    await fixture.put("101");
    await fixture.caughtUp(follower);
    expect(follower.queued).toHaveLength(64);
    follower.ack(ids[63] ?? "");
    await came(follower, 65);
    for (const id of ids.slice(0, 10)) follower.ack(id);
    await came(follower, 75);
    await fixture.caughtUp(follower);
    expect(contentsOf(follower)).toEqual(numbers(1, 75));
  });

  it("is 256 KiB at the most, and a message comes whatever its size", async () => {
    const large = "x".repeat(60_000);
    const ids = await fixture.putAll(numbers(1, 10).map((one) => `${one} ${large}`));
    const follower = await fixture.logIn();
    await came(follower, 4);
    await fixture.caughtUp(follower);
    expect(follower.queued).toHaveLength(4);
    for (const [index, id] of ids.entries()) {
      await came(follower, index + 1);
      follower.ack(id);
    }
    await fixture.untilEmpty();
    expect(contentsOf(follower).map((content) => content.split(" ")[0])).toEqual(numbers(1, 10));
  });
});
