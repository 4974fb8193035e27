import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type DiscordRecorder, startDiscordRecorder } from "../support/discordRecorder.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { waitFor } from "../support/waitFor.ts";
import { ADMIN, CoordinatorFixture, names } from "./coordinatorFixture.ts";

let redis: RedisServer;
let discord: DiscordRecorder;
let cluster: CoordinatorFixture;

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());
beforeEach(async () => {
  discord = await startDiscordRecorder();
  cluster = await CoordinatorFixture.open(redis.url);
});
afterEach(async () => {
  await cluster.close();
  await discord.stop();
});

describe("a rate limit of Discord's", () => {
  it("holds up the whole queue, on every coordinator, and uses up no try", async () => {
    const retryAfter = 3;
    let limited = false;
    discord.respondWith(() => {
      if (limited) return "usual";
      limited = true;
      return { status: 429, body: { retry_after: retryAfter, global: false } };
    });
    const [first, ...others] = await Promise.all(names("limited", 4).map((name) => cluster.openPairing(name)));
    if (first === undefined) throw new Error("No pairing.");
    // A slow machine must not take the answer for none, nor the job for one of a dead worker: each would use up a try.
    const patient = { discordTimeoutMs: 10_000, lockMs: 15_000 };
    await cluster.start(cluster.discord(discord.url), patient);
    await cluster.start(cluster.discord(discord.url), patient);
    await cluster.addNotice(first.job);
    await waitFor("the pause to be on", () => cluster.logged("limits the bot").length > 0);
    await waitFor("Redis to know of it", async () => (await cluster.queues.notices.getRateLimitTtl(2 ** 53 - 1)) > 0);
    for (const { job } of others) await cluster.addNotice(job);

    for (const pairing of [first, ...others]) expect((await cluster.noticeEnded(pairing, "completed")).tries).toBe(1);
    const [refused, ...later] = discord.requests;
    // The pause begins a moment after the answer; Redis counts it in whole milliseconds.
    for (const request of later) expect(request.at - (refused?.at ?? 0)).toBeGreaterThan(retryAfter * 1_000 - 2);
  });

  it("that lasts longer than the pairing ends the pairing at once", async () => {
    const short = await CoordinatorFixture.open(redis.url, 15_000);
    try {
      discord.respondWith([{ status: 429, headers: { "retry-after": "30" }, body: "slow down" }]);
      const pairing = await short.openPairing("unlucky");
      const told = await short.listen(short.keys.nodeChannel("node-a"));
      await short.start(short.discord(discord.url));
      await short.addNotice(pairing.job);
      await waitFor("the node to be told", () => told.includes(`p to-unlucky ${pairing.job.pairingId} failed`));
      expect(await short.queues.notices.getRateLimitTtl(2 ** 53 - 1)).toBeGreaterThan(20_000);
    } finally {
      await short.close();
    }
  });
});

describe("the notice of a limit", () => {
  it("tells the admin which follower, from where, and what to do", async () => {
    await cluster.start(cluster.discord(discord.url));
    const job = { kind: "limit", identifier: "busy", address: "203.0.113.9", limit: "identifier_limit" } as const;
    await cluster.addNotice(job);
    await cluster.addNotice(job);
    await waitFor("the notice", () => cluster.logged("told of a limit").length > 0);
    const [message, ...more] = discord.messages();
    expect(more).toEqual([]);
    expect(message).toContain("`busy`");
    expect(message).toContain("`203.0.113.9`");
    expect(discord.requests[0]?.body).toEqual({ recipient_id: ADMIN });
  });

  it("of takeovers tells the admin both addresses, once", async () => {
    await cluster.start(cluster.discord(discord.url));
    const job = { kind: "takeover", identifier: "busy", address: "203.0.113.9", owner: "198.51.100.4" } as const;
    await cluster.addNotice(job);
    await cluster.addNotice({ ...job, address: "203.0.113.10" });
    await waitFor("the notice", () => cluster.logged("told of a takeover conflict").length > 0);
    const [message, ...more] = discord.messages();
    expect(more).toEqual([]);
    for (const part of ["`busy`", "`203.0.113.9`", "`198.51.100.4`"]) expect(message).toContain(part);
  });

  it("of an unknown form fails without a try at the admin", async () => {
    await cluster.start(cluster.discord(discord.url));
    const job = { kind: "limit", identifier: "busy", address: "203.0.113.9", limit: "other" } as never;
    await cluster.addNotice(job);
    await waitFor("the job to fail", async () => (await cluster.queues.notices.getFailedCount()) === 1);
    expect(discord.requests).toEqual([]);
  });
});
