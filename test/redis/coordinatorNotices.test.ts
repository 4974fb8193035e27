import { openRedis, QUEUE_NAMES } from "@yonexus/protocol/redis";
import { Worker } from "bullmq";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { DiscordNotifier } from "../../coordinator/notifications/discord.ts";
import { type DiscordRecorder, type RecordedReply, startDiscordRecorder } from "../support/discordRecorder.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { waitFor } from "../support/waitFor.ts";
import { ADMIN, BOT_TOKEN, CoordinatorFixture, names, type OpenPairing } from "./coordinatorFixture.ts";

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

async function noticeState({ job }: OpenPairing): Promise<string | null> {
  return cluster.commands.hget(cluster.keys.pairing(job.identifier, job.fingerprint), "notice");
}

/** Everything in Redis as text, whatever its type, and what the processes wrote. */
async function everythingWritten(): Promise<string> {
  const { commands } = cluster;
  if (!("scanStream" in commands)) throw new Error("The test's Redis is a single one.");
  const written = [...cluster.logLines];
  for await (const keys of commands.scanStream({ count: 1_000 })) {
    for (const key of keys as string[]) {
      written.push(key, JSON.stringify(await readKey(key)));
    }
  }
  return written.join("\n");
}

async function readKey(key: string): Promise<unknown> {
  const { commands } = cluster;
  switch (await commands.type(key)) {
    case "string":
      return commands.get(key);
    case "hash":
      return commands.hgetall(key);
    case "list":
      return commands.lrange(key, 0, -1);
    case "set":
      return commands.smembers(key);
    case "zset":
      return commands.zrange(key, 0, "-1", "WITHSCORES");
    case "stream":
      return commands.xrange(key, "-", "+");
    default:
      return undefined;
  }
}

describe("the notice of a pairing", () => {
  it("is sent once by two coordinators, and the waiting node is told", async () => {
    const pairings = await Promise.all(names("asking", 4).map((name) => cluster.openPairing(name)));
    const codes = new Map(
      await Promise.all(pairings.map(async (each) => [each.job.identifier, await cluster.codeOf(each)] as const)),
    );
    const told = await cluster.listen(cluster.keys.nodeChannel("node-a"));
    await Promise.all([cluster.start(cluster.discord(discord.url)), cluster.start(cluster.discord(discord.url))]);
    for (const { job } of pairings) {
      await cluster.addNotice(job);
      await cluster.addNotice(job);
    }
    for (const pairing of pairings) await cluster.noticeEnded(pairing, "completed");
    expect(discord.codes()).toEqual(codes);
    expect(discord.requests.filter(({ path }) => path.endsWith("/messages"))).toHaveLength(pairings.length);
    expect(await Promise.all(pairings.map(noticeState))).toEqual(pairings.map(() => "sent"));
    await waitFor("the node to be told of all", () => told.length === pairings.length);
    expect(told.sort()).toEqual(pairings.map(({ job }) => `p to-${job.identifier} ${job.pairingId} sent`).sort());
  });

  it("leaves neither the code nor the token in Redis or in the log, whether it succeeds or fails", async () => {
    discord.respondWith([{ status: 503, body: "down" }, "usual", "usual", { status: 403, body: { code: 50007 } }]);
    const sent = await cluster.openPairing("sent");
    const sentCode = await cluster.codeOf(sent);
    await cluster.start(cluster.discord(discord.url));
    await cluster.addNotice(sent.job);
    await cluster.noticeEnded(sent, "completed");
    const failed = await cluster.openPairing("failed");
    const failedCode = await cluster.codeOf(failed);
    await cluster.addNotice(failed.job);
    await cluster.noticeEnded(failed, "failed");

    const written = await everythingWritten();
    expect(written).toContain(failed.job.pairingId);
    for (const secret of [sentCode, failedCode, sentCode.replace("-", ""), BOT_TOKEN]) {
      expect(written.includes(secret), "a secret was written").toBe(false);
    }
  });

  it("is printed on the terminal when there is no bot, and nowhere else", async () => {
    const pairing = await cluster.openPairing("newcomer");
    const code = await cluster.codeOf(pairing);
    await cluster.start();
    await cluster.addNotice(pairing.job);
    await cluster.noticeEnded(pairing, "completed");
    expect(cluster.terminalText.split("\n").map((line) => line.trim())).toContain(code);
    expect(cluster.terminalText).toContain(pairing.job.fingerprint);
    expect(await everythingWritten()).not.toContain(code);
  });

  it("is printed as one line of JSON on request", async () => {
    const pairing = await cluster.openPairing("newcomer");
    const code = await cluster.codeOf(pairing);
    await cluster.start({}, {}, true);
    await cluster.addNotice(pairing.job);
    await cluster.noticeEnded(pairing, "completed");
    expect(JSON.parse(cluster.terminalText)).toMatchObject({ event: "pairing_code", identifier: "newcomer", code });
  });

  it("is not sent when the pairing is over", async () => {
    const pairing = await cluster.openPairing("too-late");
    await cluster.commands.del(cluster.keys.pairing(pairing.job.identifier, pairing.job.fingerprint));
    await cluster.start(cluster.discord(discord.url));
    await cluster.addNotice(pairing.job);
    await cluster.noticeEnded(pairing, "completed");
    expect(discord.requests).toEqual([]);
  });

  it.each<[string, RecordedReply, string]>([
    ["401", { status: 401, body: { code: 0 } }, "bot_token_refused"],
    ["403", { status: 403, body: {} }, "forbidden"],
    ["403 with 50007", { status: 403, body: { code: 50007 } }, "admin_unreachable"],
    ["404 with 10013", { status: 404, body: { code: 10013 } }, "admin_unknown"],
  ])(
    "fails at once on %s and ends the pairing, and another can be opened right after",
    async (_what, reply, reason) => {
      discord.respondWith(() => reply);
      const told = await cluster.listen(cluster.keys.nodeChannel("node-a"));
      const pairing = await cluster.openPairing("refused");
      await cluster.start(cluster.discord(discord.url));
      await cluster.addNotice(pairing.job);
      const { tries, reason: failedReason } = await cluster.noticeEnded(pairing, "failed");
      expect(tries).toBe(1);
      expect(failedReason).toContain(reason);
      expect(discord.requests).toHaveLength(1);
      expect(told).toEqual([`p to-refused ${pairing.job.pairingId} failed`]);
      expect(await noticeState(pairing)).toBeNull();
      expect(cluster.logLines.filter((line) => line.includes(`"reason":"${reason}"`))).toHaveLength(1);

      discord.respondWith([]);
      const next = await cluster.openPairing("refused");
      const code = await cluster.codeOf(next);
      await cluster.addNotice(next.job);
      await cluster.noticeEnded(next, "completed");
      expect(discord.codes().get("refused")).toBe(code);
    },
  );

  it("is tried again after timeouts and faults, with the same nonce", async () => {
    discord.respondWith(["hang", { status: 502, body: "bad gateway" }, "usual", "hang"]);
    const pairing = await cluster.openPairing("patient");
    await cluster.start(cluster.discord(discord.url));
    await cluster.addNotice(pairing.job);
    await cluster.noticeEnded(pairing, "completed");
    const posts = discord.requests.filter(({ path }) => path.endsWith("/messages"));
    expect(posts.length).toBeGreaterThan(1);
    expect(new Set(posts.map(({ body }) => body?.nonce))).toEqual(new Set([pairing.job.pairingId]));
    expect(await noticeState(pairing)).toBe("sent");
  });

  it("ends the pairing when all its tries are used up", async () => {
    discord.respondWith(() => ({ status: 500, body: {} }));
    const pairing = await cluster.openPairing("hopeless");
    await cluster.start(cluster.discord(discord.url));
    await cluster.addNotice(pairing.job);
    const { tries, reason } = await cluster.noticeEnded(pairing, "failed");
    expect(tries).toBe(8);
    expect(reason).toContain("notifier_unreachable");
    expect(await noticeState(pairing)).toBeNull();
  });

  it("is given up when its pairing is about to expire", async () => {
    const short = await CoordinatorFixture.open(redis.url, 5_000);
    try {
      discord.respondWith(() => ({ status: 500, body: {} }));
      const pairing = await short.openPairing("hurried");
      await short.start(short.discord(discord.url));
      await short.addNotice(pairing.job);
      await waitFor("the notice to fail", async () => {
        return (await short.queues.notices.getJob(pairing.job.pairingId))?.failedReason?.includes("pairing_expiring");
      });
      expect(discord.requests).toHaveLength(1);
    } finally {
      await short.close();
    }
  });

  it("cannot be read with another master key: the pairing ends, and the log says what to do", async () => {
    const stranger = Buffer.alloc(32, 7).toString("base64");
    const pairing = await cluster.openPairing("sealed");
    await cluster.start({ ...cluster.discord(discord.url), YONEXUS_MASTER_KEY: stranger });
    await cluster.addNotice(pairing.job);
    await cluster.noticeEnded(pairing, "failed");
    expect(cluster.logged("YONEXUS_MASTER_KEY")).toHaveLength(1);
    expect(await noticeState(pairing)).toBeNull();
  });

  it("is sent again with the same nonce when its worker died after Discord took it", async () => {
    const pairing = await cluster.openPairing("orphaned");
    const dying = await cluster.start(cluster.discord(discord.url));
    await dying.stop();
    // A worker that sends the notice, and is gone without a word.
    const notice = await cluster.pairings.notice(
      pairing.job.identifier,
      pairing.job.fingerprint,
      pairing.job.pairingId,
    );
    if (notice === undefined) throw new Error("There is no notice.");
    const options = { apiUrl: discord.url, botToken: BOT_TOKEN, adminUserId: ADMIN, buttons: false, timeoutMs: 2_000 };
    const notifier = new DiscordNotifier({ ...options, signal: new AbortController().signal });
    const connection = openRedis(redis.url, "worker");
    const worker = new Worker(
      QUEUE_NAMES.notices,
      async () => {
        await notifier.send({ kind: "pairing", id: notice.pairingId, pairing: notice, minutesLeft: 5 });
        await new Promise(() => undefined);
      },
      { connection, prefix: cluster.keys.queuePrefix, lockDuration: 500 },
    );
    await cluster.addNotice(pairing.job);
    await waitFor("the worker to have sent it", () => discord.messages().length === 1);
    expect((await cluster.noticeJob(pairing)).state).toBe("active");
    await worker.close(true);
    connection.disconnect();

    await cluster.start(cluster.discord(discord.url));
    await cluster.noticeEnded(pairing, "completed");
    expect(discord.requests.filter(({ path }) => path.endsWith("/messages"))).toHaveLength(2);
    expect(discord.messages()).toHaveLength(1);
  });
});
