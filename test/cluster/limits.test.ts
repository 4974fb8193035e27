import { request } from "node:http";
import { connect, type Socket } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RawFollower, UpgradeRefused } from "../support/rawFollower.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { TestCluster } from "../support/testCluster.ts";
import { waitFor } from "../support/waitFor.ts";

let redis: RedisServer;
let cluster: TestCluster;
beforeAll(async () => {
  redis = await startRedis({ persistent: false });
});
afterAll(() => redis.stop());
beforeEach(async () => {
  cluster = await TestCluster.open(redis.url, { YONEXUS_TRUSTED_PROXIES: "127.0.0.1" });
});
afterEach(() => cluster.stop());

/** The HTTP answer that refuses a connection, or `open`. */
async function upgrade(
  node: { readonly url: string },
  address: string,
  opened: (follower: RawFollower) => void = () => {},
): Promise<number | "open"> {
  try {
    opened(await cluster.connect(node, { headers: { "x-forwarded-for": address } }));
    return "open";
  } catch (error) {
    if (!(error instanceof UpgradeRefused)) throw error;
    if (error.status === 503 || error.status === 429) expect(Number(error.retryAfter)).toBeGreaterThan(0);
    return error.status;
  }
}

const from = (address: string) => ({ headers: { "x-forwarded-for": address } });

describe("connections that have not authenticated", () => {
  it("from one address beyond the limit are answered 429 with Retry-After; each that authenticates makes room", async () => {
    const node = await cluster.startNode({ YONEXUS_MAX_UNAUTHENTICATED_PER_ADDRESS: "3" });
    const alice = await cluster.pairedFollower("alice");
    const early = await cluster.connect(node, from("192.0.2.1"));
    expect([await upgrade(node, "192.0.2.1"), await upgrade(node, "192.0.2.1")]).toEqual(["open", "open"]);
    expect(await upgrade(node, "192.0.2.1")).toBe(429);
    expect(await upgrade(node, "192.0.2.2")).toBe("open");
    await early.authenticate(alice);
    expect(await upgrade(node, "192.0.2.1")).toBe("open");
    expect(await upgrade(node, "192.0.2.1")).toBe(429);
  });

  it("from one IPv6 customer count as one address, however many it has", async () => {
    const node = await cluster.startNode({ YONEXUS_MAX_UNAUTHENTICATED_PER_ADDRESS: "2" });
    expect([await upgrade(node, "2001:db8:1:2::1"), await upgrade(node, "2001:db8:1:2::2")]).toEqual(["open", "open"]);
    expect(await upgrade(node, "2001:db8:1:2:ffff::3")).toBe(429);
    expect(await upgrade(node, "2001:db8:1:3::1")).toBe("open");
  });

  it("beyond the limit in total are answered 503, from whatever address; one that leaves makes room", async () => {
    const node = await cluster.startNode({ YONEXUS_MAX_UNAUTHENTICATED: "2" });
    const first = await cluster.connect(node, from("192.0.2.1"));
    expect(await upgrade(node, "192.0.2.2")).toBe("open");
    expect(await upgrade(node, "192.0.2.3")).toBe(503);
    await first.close();
    await waitFor("room", async () => (await upgrade(node, "192.0.2.3")) === "open");
  });
});

describe("one address that opens connections as fast as it can and closes each at once", () => {
  it("gets its share of the handshakes and 429 with Retry-After for the others; another address finds its own share whole", async () => {
    const node = await cluster.startNode({ YONEXUS_HANDSHAKE_RATE: "4", YONEXUS_HANDSHAKE_BURST: "16" });
    const results = await Promise.all(
      Array.from({ length: 60 }, () => upgrade(node, "203.0.113.9", (follower) => follower.terminate())),
    );
    expect(new Set(results)).toEqual(new Set(["open", 429]));
    expect(results.filter((result) => result === "open").length).toBeGreaterThanOrEqual(4);
    const others = await Promise.all(Array.from({ length: 4 }, () => upgrade(node, "198.51.100.7")));
    expect(others).toEqual(["open", "open", "open", "open"]);
  });
});

describe("a node", () => {
  it("that holds all the connections it may answers 503, and goes on with those it has", async () => {
    const node = await cluster.startNode({ YONEXUS_MAX_CONNECTIONS: "2" });
    const alice = await cluster.pairedFollower("alice");
    const follower = await cluster.logIn(node, alice);
    await cluster.logIn(node, await cluster.pairedFollower("bob"));
    expect(await upgrade(node, "192.0.2.9")).toBe(503);
    follower.heartbeat(alice);
    await follower.next("heartbeat_ack");
  });

  it("cuts off a peer that never answers a ping, and keeps those that do", async () => {
    const node = await cluster.startNode({ YONEXUS_PING_INTERVAL_MS: "1000" });
    const [alice, bob] = [await cluster.pairedFollower("alice"), await cluster.pairedFollower("bob")];
    const silent = await cluster.logIn(node, alice, { autoPong: false });
    const answering = await cluster.logIn(node, bob);
    expect((await silent.closed()).code).toBe(1006);
    await cluster.waitForStatus("alice", "offline");
    await waitFor("more pings", () => answering.pings >= 3);
    expect(answering.isOpen).toBe(true);
  });

  it("drops a client that never ends its HTTP request, and one that sends no HTTP at all", async () => {
    const node = await cluster.startNode();
    const url = new URL(node.url);
    const junk = connect(Number(url.port), url.hostname);
    const closed = new Promise<string>((resolve) => junk.once("close", () => resolve("closed")));
    junk.on("error", () => {});
    junk.write("\u0000\u0001 not http\r\n\r\n");
    expect(await closed).toBe("closed");
    const long = request({ port: url.port, host: url.hostname, headers: { "x-long": "x".repeat(20_000) } });
    const answered = new Promise<string>((resolve) => {
      long.once("response", ({ statusCode }) => resolve(String(statusCode)));
      long.once("error", () => resolve("cut off"));
    });
    long.end();
    expect(await answered).toMatch(/cut off|431/u);
    expect((await fetch(`${node.url.replace("ws:", "http:")}/healthz`)).ok).toBe(true);
  });
});

describe("strangers that open sockets and say nothing", () => {
  const silent: Socket[] = [];
  afterEach(() => {
    for (const socket of silent.splice(0)) socket.destroy();
  });

  function openSilent(node: { readonly url: string }, localAddress: string): Promise<void> {
    const { port, hostname } = new URL(node.url);
    const socket = connect({ port: Number(port), host: hostname, localAddress });
    silent.push(socket);
    socket.on("error", () => {});
    return new Promise((resolve) => socket.once("connect", resolve));
  }

  /**
   * While there are too many, one more comes each time: in the end all would be cut off for their age, whatever the limit.
   */
  async function waitForAtMost(most: number, node: { readonly url: string }): Promise<void> {
    await waitFor(
      "those over the limit to be cut off",
      async () => {
        if (silent.filter(({ closed }) => !closed).length <= most) return true;
        await openSilent(node, "127.0.0.1");
        return false;
      },
      10_000,
    );
  }

  const isLive = async (node: { readonly url: string }) =>
    (await fetch(`${node.url.replace("ws:", "http:")}/healthz`)).ok;

  // Elsewhere a machine has one loopback address.
  it.runIf(process.platform === "linux")(
    "have places of their own: a node full of sessions answers health requests, and a follower gets in beside them",
    async () => {
      const node = await cluster.startNode({
        YONEXUS_TRUSTED_PROXIES: "127.0.0.2",
        YONEXUS_MAX_CONNECTIONS: "2",
        YONEXUS_MAX_UNAUTHENTICATED: "6",
        YONEXUS_MAX_UNAUTHENTICATED_PER_ADDRESS: "3",
      });
      for (let count = 0; count < 100; count++) await openSilent(node, `127.0.0.${(count % 10) + 2}`);
      expect(await isLive(node)).toBe(true);
      await waitForAtMost(6, node);
      const followers = [await cluster.pairedFollower("alice"), await cluster.pairedFollower("bob")];
      for (const follower of followers) await cluster.logIn(node, follower);
      for (let count = 0; count < 100; count++) await openSilent(node, `127.0.0.${(count % 10) + 2}`);
      expect(await isLive(node)).toBe(true);
      expect(await upgrade(node, "192.0.2.9")).toBe(503);
    },
  );

  it("of one address hold as many as it may have, and a health request from there is answered", async () => {
    const node = await cluster.startNode({
      YONEXUS_TRUSTED_PROXIES: "127.0.0.2",
      YONEXUS_MAX_UNAUTHENTICATED_PER_ADDRESS: "3",
    });
    for (let count = 0; count < 10; count++) await openSilent(node, "127.0.0.1");
    await waitForAtMost(3, node);
    expect(await isLive(node)).toBe(true);
  });

  it("are cut off within seconds", async () => {
    const node = await cluster.startNode();
    const startedAt = performance.now();
    await openSilent(node, "127.0.0.1");
    await waitFor("it to be cut off", () => silent.every(({ closed }) => closed), 20_000);
    expect(performance.now() - startedAt).toBeGreaterThan(4_000);
  });
});

describe("a follower that sends too fast", () => {
  it("is answered RATE_LIMITED for what is over the burst, then, when it goes on, closed with 4029", async () => {
    const node = await cluster.startNode({ YONEXUS_INBOUND_RATE_PER_SECOND: "1", YONEXUS_INBOUND_BURST: "10" });
    const taken: string[] = [];
    await cluster.holdRule({ rule: "chat", handler: ({ content }) => void taken.push(content) });
    const follower = await cluster.logIn(node, await cluster.pairedFollower("alice"));
    const startedAt = performance.now();
    for (let count = 0; count < 15; count++) follower.send(`chat::${count}`);
    expect((await follower.next("error")).payload.code).toBe("RATE_LIMITED");
    await waitFor("what was within the burst to be handled", () => taken.length >= 8);
    expect(follower.isOpen).toBe(true);
    for (let count = 0; count < 30; count++) follower.send("chat::more");
    expect((await follower.next("disconnect_notice")).payload.reason).toBe("rate_limited");
    expect(await follower.closed()).toEqual({ code: 4029, reason: "rate_limited" });
    expect(taken.slice(0, 8)).toEqual(["0", "1", "2", "3", "4", "5", "6", "7"]);
    // One more a second is within the rate.
    const more = taken.filter((content) => content === "more").length;
    expect(more).toBeLessThanOrEqual(Math.floor((performance.now() - startedAt) / 1_000));
  });
});

describe("a follower that does not read", () => {
  it("fills its send buffer and no more: senders get overloaded, then the connection is ended as slow_consumer", async () => {
    const node = await cluster.startNode({ YONEXUS_MAX_SEND_BUFFER_BYTES: "131072" });
    const alice = await cluster.pairedFollower("alice");
    const bob = await cluster.pairedFollower("bob");
    const [follower, reading] = [await cluster.logIn(node, alice), await cluster.logIn(node, bob)];
    const sender = await cluster.sender();
    follower.pause();
    const message = `chat::${"x".repeat(60_000)}`;
    let delivered = 0;
    await waitFor(
      "the buffers to be full",
      async () => {
        const { result } = await sender.sendMessageToClient("alice", message, { timeoutMs: 300 });
        if (result === "delivered") delivered += 1;
        // A message in a full socket is neither refused nor taken: its receipt waits for the follower to read.
        return result === "overloaded" || undefined;
      },
      30_000,
    );
    // What the two kernels' socket buffers take, and the node's own.
    expect(delivered * message.length).toBeLessThan(32 * 1024 * 1024);
    expect((await sender.sendMessageToClient("bob", "chat::hello")).result).toBe("delivered");
    expect(await reading.nextApplication()).toBe("chat::hello");

    await cluster.waitForStatus("alice", "offline");
    expect((await cluster.stores.directory.find("alice"))?.endReason).toBe("slow_consumer");
    expect((await sender.sendMessageToClient("alice", "chat::hello")).result).toBe("offline");
    follower.resume();
    expect([4008, 1006]).toContain((await follower.closed()).code);
  });
});
