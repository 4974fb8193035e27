import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ACKS, came, contentsOf, numbers, QueueFixture } from "../support/queueFixture.ts";
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

describe("a message that was queued while its follower was away", () => {
  it("comes after the login, in order, again after each reconnect until it is acked, and never after that", async () => {
    const ids = await fixture.putAll(["one", "two", "three"]);
    const first = await fixture.logIn();
    await came(first, 3);
    expect(first.queued).toEqual([
      { id: ids[0], seq: 1, rule: "chat", content: "one" },
      { id: ids[1], seq: 2, rule: "chat", content: "two" },
      { id: ids[2], seq: 3, rule: "chat", content: "three" },
    ]);
    first.ack(ids[1] ?? "");
    await fixture.until(ids[1] ?? "", "acked");
    await first.close();

    const second = await fixture.logIn();
    await came(second, 2);
    expect(contentsOf(second)).toEqual(["one", "three"]);
    for (const id of ids) second.ack(id);
    await fixture.untilEmpty();
    await second.close();

    const third = await fixture.logIn();
    await fixture.put("four");
    await came(third, 1);
    expect(contentsOf(third)).toEqual(["four"]);
    expect(third.types).not.toContain("error");
  });

  it("leaves nothing in the queue once it is acked, and its record says so", async () => {
    const ids = await fixture.putAll(numbers(1, 20));
    const follower = await fixture.logIn();
    await came(follower, 20);
    for (const id of ids) follower.ack(id);
    await fixture.untilEmpty();
    const { messages, queueDue } = fixture.cluster.stores.keys.follower("alice");
    expect(await fixture.cluster.stores.redis.hget(messages, "#bytes")).toBe("0");
    expect(await fixture.cluster.stores.redis.zcard(queueDue)).toBe(0);
    expect(await fixture.queue.record(ids[0] ?? "")).toMatchObject({
      state: "acked",
      tries: 1,
      node: fixture.node.nodeId,
    });
  });

  it("is a plain frame for a follower without acks, once: written is the end, and its sender hears so", async () => {
    const receipts = await fixture.cluster.stores.record(fixture.cluster.stores.keys.replyChannel("sender"));
    const ids = await fixture.putAll(["one", "a::b", ""], { senderId: "sender" });
    const first = await fixture.logIn(fixture.node, {});
    for (const content of ["one", "a::b", ""]) expect(await first.nextApplication()).toBe(`chat::${content}`);
    await fixture.untilEmpty();
    for (const id of ids) expect(await fixture.queue.record(id)).toMatchObject({ state: "written", tries: 1 });
    await waitFor("the receipts", () => receipts.join("\n").split("\n").length === 3);
    expect(receipts.join("\n").split("\n")).toEqual(ids.map((id) => `d ${id}`));
    await first.close();

    const second = await fixture.logIn(fixture.node, {});
    await fixture.put("four");
    expect(await second.nextApplication()).toBe("chat::four");
    expect([...new Set([...first.types, ...second.types])].sort()).toEqual(["auth_success", "hello_ack"]);
  });

  it("comes whole, whatever its content holds", async () => {
    const odd = ["", "::", "a::b", 'quo"te\\', "line\nline\u2028", "漢字 👩‍👩‍👧 \u0000", "builtin::{}"];
    await fixture.putAll(odd);
    const follower = await fixture.logIn();
    await came(follower, odd.length);
    expect(contentsOf(follower)).toEqual(odd);
  });
});

describe("a message that is queued while its follower is there", () => {
  it("comes at once, and its sender hears that it was written, and acked", async () => {
    const receipts = await fixture.cluster.stores.record(fixture.cluster.stores.keys.replyChannel("sender"));
    const follower = await fixture.logIn();
    const id = await fixture.put("hello", { senderId: "sender" });
    expect((await follower.next("message")).payload).toEqual({ id, seq: 1, rule: "chat", content: "hello" });
    await waitFor("the first receipt", () => receipts.length === 1);
    follower.ack(id);
    await waitFor("the second one", () => receipts.length === 2);
    expect(receipts).toEqual([`w ${id}`, `a ${id}`]);
    expect(await fixture.stateOf(id)).toBe("acked");
  });

  it("without an ack is written down as written, as one try", async () => {
    const follower = await fixture.logIn();
    const id = await fixture.put("hello");
    await came(follower, 1);
    await fixture.until(id, "written");
    expect(await fixture.queue.record(id)).toMatchObject({ tries: 1, node: fixture.node.nodeId });
    expect(await fixture.waiting()).toBe(1);
    follower.ack(id);
    await fixture.until(id, "acked");
    expect(await fixture.queue.record(id)).toMatchObject({ tries: 1 });
  });

  it("counts a try for each session that it was sent on, also when that ended soon after", async () => {
    const id = await fixture.put("hello");
    for (const tries of [1, 2, 3]) {
      const follower = await fixture.logIn();
      await came(follower, 1);
      follower.terminate();
      await waitFor("the try to count", async () => (await fixture.queue.record(id))?.tries === tries);
    }
  });

  it("comes in order and once, a thousand of them, beside live messages, with acks that come at once", async () => {
    const follower = await fixture.logIn();
    const sender = await fixture.cluster.sender();
    let acked = 0;
    let live = 0;
    const acking = waitFor("all to come", () => {
      for (const { id } of follower.queued.slice(acked)) {
        follower.ack(id);
        acked += 1;
      }
      return acked === 1_000;
    });
    for (let start = 1; start <= 1_000; start += 50) {
      const [sent] = await Promise.all([
        sender.sendMessageToClient("alice", "chat::live"),
        fixture.putAll(numbers(start, start + 49)),
      ]);
      if (sent.result === "delivered") live += 1;
    }
    await acking;
    expect(contentsOf(follower)).toEqual(numbers(1, 1_000));
    await fixture.untilEmpty();
    expect(live).toBe(20);
    expect(follower.received.filter((frame) => frame === "chat::live")).toHaveLength(20);
    expect(follower.types).not.toContain("error");
  });

  it("and whose wake-up is lost, comes once the session is settled with Redis", async () => {
    const follower = await fixture.logIn();
    const killed = fixture.cluster.stores.redis.call("CLIENT", "KILL", "TYPE", "pubsub");
    const message = { identifier: "alice", messageId: "lost", isOwnId: true, frame: "chat::x", ttlMs: 60_000 };
    const limits = { maxMessages: 10, maxBytes: 1_000 };
    // Nobody heard of it.
    expect(await fixture.queue.enqueue({ ...message, senderId: "" }, limits)).toEqual({ outcome: "queued", seq: 1 });
    expect(await killed).toBeGreaterThan(0);
    await came(follower, 1);
    follower.ack("lost");
    await fixture.until("lost", "acked");
  });

  it("from the moment of the login on is not lost and not sent twice, however the two overlap", async () => {
    for (let round = 0; round < 10; round++) {
      const follower = await fixture.cluster.connect(fixture.node, ACKS);
      const [, ids] = await Promise.all([follower.authenticate(fixture.alice), fixture.putAll(numbers(1, 20))]);
      await came(follower, 20);
      for (const id of ids) follower.ack(id);
      await fixture.untilEmpty();
      expect(contentsOf(follower)).toEqual(numbers(1, 20));
      await follower.close();
    }
  });

  it("follows its follower from node to node: each comes at least once, none after its ack, in order on each session", async () => {
    const other = await fixture.cluster.startNode();
    const acked = new Set<string>();
    const late: string[] = [];
    let isMoving = true;
    const sending = (async () => {
      let sent = 0;
      while (isMoving) await fixture.put(`${++sent}`);
      return sent;
    })();
    const sessions: RawFollower[] = [];
    for (let move = 0; move < 8; move++) {
      const known = new Set(acked);
      const follower = await fixture.logIn(move % 2 === 0 ? other : fixture.node);
      sessions.push(follower);
      await waitFor("some to come", () => follower.queued.length > 3 + move);
      late.push(...contentsOf(follower).filter((content) => known.has(content)));
      const [first] = follower.queued;
      if (first === undefined) continue;
      follower.ack(first.id);
      await fixture.until(first.id, "acked");
      acked.add(first.content);
    }
    isMoving = false;
    const sent = await sending;
    const last = sessions.at(-1);
    if (last === undefined) throw new Error("There is no session.");
    let done = 0;
    await waitFor("the queue to be empty", async () => {
      for (const { id } of last.queued.slice(done)) {
        last.ack(id);
        done += 1;
      }
      return (await fixture.waiting()) === 0;
    });
    expect(late).toEqual([]);
    expect(new Set(sessions.flatMap(contentsOf))).toEqual(new Set(numbers(1, sent)));
    for (const session of sessions) {
      const places = session.queued.map(({ seq }) => seq);
      expect(places).toEqual([...places].sort((one, two) => one - two));
    }
  });
});

describe("a live message of which a record is kept", () => {
  it("is written down as written by its node, and one that has no record is not", async () => {
    const follower = await fixture.logIn(fixture.node, {});
    const { redis: commands, keys } = fixture.cluster.stores;
    const message = { identifier: "alice", messageId: "kept", isOwnId: true, frame: "chat::x" };
    expect(await fixture.queue.recordLive(message)).toEqual({ outcome: "recorded" });
    const epoch = await commands.hget(keys.follower("alice").session, "epoch");
    for (const [id, flag] of [
      ["other", ""],
      ["kept", " r"],
    ]) {
      await commands.publish(keys.nodeChannel(fixture.node.nodeId), `m ${epoch} ${id} sender alice${flag}\nchat::x`);
      expect(await follower.nextApplication()).toBe("chat::x");
    }
    await fixture.until("kept", "written");
    expect(await fixture.queue.record("kept")).toMatchObject({ node: fixture.node.nodeId, tries: 1 });
    expect(await fixture.queue.record("other")).toBeUndefined();
  });
});
