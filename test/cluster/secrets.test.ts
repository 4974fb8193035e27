import { randomBytes } from "node:crypto";
import { openRedis, whenReady } from "@yonexus/protocol/redis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type DiscordRecorder, startDiscordRecorder } from "../support/discordRecorder.ts";
import { redisContents } from "../support/redisContents.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { TestCluster } from "../support/testCluster.ts";
import { waitFor } from "../support/waitFor.ts";

let redis: RedisServer;
let discord: DiscordRecorder;
let cluster: TestCluster;
beforeAll(async () => {
  redis = await startRedis({ persistent: false });
  discord = await startDiscordRecorder();
});
afterAll(async () => {
  await cluster.stop();
  await discord.stop();
  await redis.stop();
});

/** The spellings in which a secret could stand somewhere. */
function spellings(secret: string): string[] {
  const bytes = Buffer.from(secret, "base64");
  return [
    secret,
    encodeURIComponent(secret),
    JSON.stringify(secret).slice(1, -1),
    Buffer.from(secret).toString("base64").replaceAll("=", ""),
    Buffer.from(secret).toString("hex"),
    ...(bytes.length >= 16 ? [bytes.toString("hex"), bytes.toString("base64url")] : []),
  ];
}

describe("secrets", () => {
  it("stand nowhere that the system writes: neither in Redis, jobs included, nor in any log at its most talkative", async () => {
    const masterKey = randomBytes(32).toString("base64");
    const botToken = `bot.${randomBytes(18).toString("base64url")}`;
    cluster = await TestCluster.open(redis.url, {
      YONEXUS_NOTIFIER: "discord",
      YONEXUS_NOTIFY_BOT_TOKEN: botToken,
      YONEXUS_ADMIN_USER_ID: "123456789012345678",
      YONEXUS_DISCORD_API_URL: discord.url,
      YONEXUS_LOG_LEVEL: "trace",
      YONEXUS_MASTER_KEY: masterKey,
    });
    const nodes = [await cluster.startNode(), await cluster.startNode()];
    const [first = { url: "" }, second = { url: "" }] = nodes;
    const coordinators = [await cluster.startCoordinator(), await cluster.startCoordinator()];
    const spy = openRedis(redis.url, "subscriber");
    await whenReady(spy);
    const published: string[] = [];
    await spy.psubscribe("*");
    spy.on("pmessage", (_pattern, channel: string, text: string) => published.push(`${channel} ${text}`));
    const handled: string[] = [];
    let handle = true;
    await cluster.holdRule({
      rule: "chat",
      handler: ({ content }) => {
        if (!handle) throw new Error("not now");
        handled.push(content);
      },
    });

    // Discord fails first, so that what is logged and kept of a failed job is there too.
    discord.respondWith([{ status: 500, body: { message: "try again" } }]);
    const alice = await cluster.newFollower("alice");
    const pairing = await cluster.connect(first);
    pairing.hello(alice);
    const code = await waitFor("the code to reach the admin", () => discord.codes().get("alice"), 30_000);
    const afterNotice = await redisContents(cluster.stores);
    pairing.sendBuiltin("pair_confirm", { identifier: "alice", pairingCode: "AAAA-AAAA" });
    await pairing.next("pair_failed");
    const { secret } = (await pairing.pair(alice, code)).payload;
    const proof = alice.prove();
    pairing.sendBuiltin("auth_request", proof);
    await pairing.next("auth_success");

    const received = `received ${randomBytes(12).toString("hex")}`;
    pairing.send(`chat::${received}`);
    await waitFor("the message to be handled", () => handled.includes(received));
    handle = false;
    const unacked = `unacked ${randomBytes(12).toString("hex")}`;
    pairing.send(`chat::${unacked}`);
    const inbox = cluster.stores.keys.rule("chat").inbox;
    await waitFor("the message to be kept", async () => (await cluster.stores.redis.xlen(inbox)) === 1);
    const lost = `lost ${randomBytes(12).toString("hex")}`;
    pairing.send(`nobody::${lost}`);
    await pairing.next("error");
    const sent = `sent ${randomBytes(12).toString("hex")}`;
    const sender = await cluster.sender();
    expect((await sender.sendMessageToClient("alice", `chat::${sent}`)).result).toBe("delivered");

    // Whatever else leaves traces: wrong proofs, malformed frames that hold secrets, a replay that clears the trust.
    const wrong = await cluster.connect(second);
    wrong.hello(alice);
    await wrong.next("hello_ack");
    const wrongProof = alice.prove({ signature: randomBytes(64).toString("base64") });
    wrong.sendBuiltin("auth_request", wrongProof);
    await wrong.closed();
    const malformed = await cluster.connect(second);
    malformed.send(`builtin::{"type":"pair_success","payload":{"secret":"${secret}"}}`);
    malformed.send(`builtin::{"type":"pair_confirm","payload":{"pairingCode":"${code}"`);
    await malformed.next("error");
    const beforeReplay = await redisContents(cluster.stores);
    const replay = await cluster.connect(second);
    replay.hello(alice);
    await replay.next("hello_ack");
    replay.sendBuiltin("auth_request", proof);
    await replay.closed();
    await pairing.closed();

    const contents = [afterNotice, beforeReplay, await redisContents(cluster.stores)];
    const keys = new Set(contents.flatMap((each) => [...each.keys()]));
    expect([...keys].filter((key) => key.startsWith(cluster.stores.keys.queuePrefix)).length).toBeGreaterThan(3);
    const logs = [...nodes, ...coordinators].map(({ log }) => log.join(""));
    for (const log of logs) expect(log.length).toBeGreaterThan(100);
    const channels = published.filter((line) => !line.includes(sent));

    const places = (text: string, except: (key: string) => boolean = () => false) => {
      const found = contents.flatMap((each) =>
        [...each].filter(([key, value]) => !except(key) && `${key} ${value}`.includes(text)),
      );
      return [
        ...found.map(([key]) => key),
        ...logs
          .filter((log) => log.includes(text))
          .map((log) => `a log: ${log.split("\n").find((line) => line.includes(text))}`),
        ...channels.filter((line) => line.includes(text)),
      ];
    };
    for (const text of [
      ...spellings(code),
      code.replace("-", ""),
      ...spellings(secret),
      ...spellings(masterKey),
      ...spellings(botToken),
      ...spellings(proof.signature),
      ...spellings(wrongProof.signature),
      wrongProof.nonce,
      received,
      lost,
      sent,
    ]) {
      expect(places(text)).toEqual([]);
    }
    // A nonce that was used must be known, so that its replay is found. It is worth nothing without its proof.
    const { proofs } = cluster.stores.keys.follower("alice");
    expect(places(proof.nonce, (key) => key === proofs)).toEqual([]);
    // A message waits in the inbox of its rule until it is acked, and nowhere else.
    expect(places(unacked, (key) => key === inbox)).toEqual([]);
    expect(new Set(places(unacked))).toEqual(new Set([inbox]));
    // And the search finds what is there.
    expect(places(alice.publicKey).length).toBeGreaterThan(0);
    spy.disconnect();
  });
});
