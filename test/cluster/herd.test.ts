import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { backoffMs, retryAfterMs } from "../../protocol/client/backoff.ts";
import { type FollowerIdentity, type RawFollower, UpgradeRefused } from "../support/rawFollower.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { TestCluster } from "../support/testCluster.ts";
import type { TestNode } from "../support/testNode.ts";
import { waitFor } from "../support/waitFor.ts";

/** Far more than the rate takes while they arrive, also on a busy machine. */
const HERD = 160;
const RATE = 20;
const BURST = 10;
/** As a follower of the client library, but that it begins sooner. */
const BACKOFF = { minMs: 100, maxMs: 1_000 };

let redis: RedisServer;
let cluster: TestCluster;
beforeAll(async () => {
  redis = await startRedis({ persistent: false });
});
afterAll(() => redis.stop());
beforeEach(async () => {
  cluster = await TestCluster.open(redis.url, {
    YONEXUS_TRUSTED_PROXIES: "127.0.0.1",
    YONEXUS_MAX_UNAUTHENTICATED_PER_ADDRESS: "1000",
  });
});
afterEach(() => cluster.stop());

interface Return {
  readonly follower: RawFollower;
  /** When the node had let it in (ms), by the clock of this process. */
  readonly admittedAt: number;
  /** What it was told before, in seconds. */
  readonly retryAfter: readonly number[];
}

const from = (address: string) => ({ headers: { "x-forwarded-for": address } });
const addressOf = (index: number) => `10.0.${index >> 8}.${index & 255}`;

/** Tries until the node lets it in, is refused with `status` alone, and waits in between as the client library does. */
async function comeBack(
  node: { readonly url: string },
  identity: FollowerIdentity,
  address: string,
  status: 429 | 503,
): Promise<Return> {
  const retryAfter: number[] = [];
  for (let attempt = 0; ; attempt++) {
    try {
      const follower = await cluster.connect(node, from(address));
      const admittedAt = performance.now();
      await follower.authenticate(identity);
      return { follower, admittedAt, retryAfter };
    } catch (error) {
      if (!(error instanceof UpgradeRefused)) throw error;
      expect(error.status).toBe(status);
      expect(error.retryAfter).toMatch(/^\d+$/u);
      retryAfter.push(Number(error.retryAfter));
      const waitMs = backoffMs(BACKOFF, attempt, Math.random(), retryAfterMs(error.retryAfter, 0));
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }
}

const health = async (node: TestNode, path: string): Promise<number> =>
  (await fetch(`${node.url.replace("ws:", "http:")}${path}`)).status;

describe("followers that lost their node and come back to another one together", () => {
  it("all get in, at no more than the node's rate, and are told waits that spread them out", async () => {
    const lost = await cluster.startNodeProcess();
    const node = await cluster.startNode({
      YONEXUS_HANDSHAKE_RATE: String(RATE),
      YONEXUS_HANDSHAKE_BURST: String(BURST),
    });
    const identities = await Promise.all(
      Array.from({ length: HERD }, (_, index) => cluster.pairedFollower(`follower-${index}`)),
    );
    const before = await Promise.all(
      identities.map((identity, index) => cluster.logIn(lost, identity, from(addressOf(index)))),
    );
    lost.signal("SIGKILL");
    await Promise.all(before.map((follower) => follower.closed()));

    // Earlier than the node counts from, and each admission is seen later than it was: what is seen is never above what was.
    const startedAt = performance.now();
    const returns = await Promise.all(
      identities.map((identity, index) => comeBack(node, identity, addressOf(index), 503)),
    );

    expect(returns.every(({ follower }) => follower.isOpen)).toBe(true);
    expect(await cluster.stores.nodes.someSessions(node.nodeId, 1_000)).toHaveLength(HERD);
    const admissions = returns.map(({ admittedAt }) => admittedAt - startedAt).toSorted((one, other) => one - other);
    for (const [index, afterMs] of admissions.entries()) {
      expect(index + 1).toBeLessThanOrEqual(BURST + (RATE * afterMs) / 1000);
    }
    const told = returns.flatMap(({ retryAfter }) => retryAfter);
    expect(told.length).toBeGreaterThanOrEqual(HERD / 2);
    expect(new Set(told).size).toBeGreaterThan(3);
    expect(Math.max(...told)).toBeLessThanOrEqual(15);
    // None is sent away for ever: a few waits, each longer than the last one was.
    expect(Math.max(...returns.map(({ retryAfter }) => retryAfter.length))).toBeLessThan(12);
  });

  it("behind one NAT all get in at its share of the rate, told by 429, and others get in beside them", async () => {
    const node = await cluster.startNode({ YONEXUS_HANDSHAKE_RATE: "80", YONEXUS_HANDSHAKE_BURST: "40" });
    const identities = await Promise.all(
      Array.from({ length: 60 }, (_, index) => cluster.pairedFollower(`follower-${index}`)),
    );
    const startedAt = performance.now();
    const herd = Promise.all(identities.map((identity) => comeBack(node, identity, "198.51.100.1", 429)));
    const other = await cluster.logIn(node, await cluster.pairedFollower("other"), from("203.0.113.1"));
    const returns = await herd;

    expect([other, ...returns.map(({ follower }) => follower)].every(({ isOpen }) => isOpen)).toBe(true);
    const admissions = returns.map(({ admittedAt }) => admittedAt - startedAt).toSorted((one, two) => one - two);
    for (const [index, afterMs] of admissions.entries()) {
      expect(index + 1).toBeLessThanOrEqual(10 + (20 * afterMs) / 1000);
    }
  });
});

describe("a node whose rate is used up", () => {
  it("sends followers away with 503 and Retry-After, answers every health request, and keeps its sessions served", async () => {
    const node = await cluster.startNode({
      YONEXUS_HANDSHAKE_RATE: "1",
      YONEXUS_HANDSHAKE_BURST: "1",
      YONEXUS_HANDSHAKE_RATE_PER_ADDRESS: "1000",
    });
    const alice = await cluster.pairedFollower("alice");
    const follower = await cluster.logIn(node, alice);
    const refused = await Promise.all(
      Array.from({ length: 20 }, () => cluster.connect(node).catch((error: unknown) => error)),
    );
    expect(refused.filter((error) => error instanceof UpgradeRefused && error.status === 503).length).toBeGreaterThan(
      15,
    );
    for (let count = 0; count < 10; count++) {
      expect([await health(node, "/healthz"), await health(node, "/readyz")]).toEqual([200, 200]);
    }
    follower.heartbeat(alice);
    expect((await follower.next("heartbeat_ack")).payload.status).toBe("online");
    await waitFor("a place", async () => (await cluster.connect(node).catch(() => undefined)) !== undefined, 5_000);
  });
});
