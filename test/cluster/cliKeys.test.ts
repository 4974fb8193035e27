import { Keyring, SealedSecrets } from "@yonexus/protocol/redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { rotateKeys } from "../../scripts/cli/keys/rotateKeys.ts";
import { Cli } from "../support/cliProcess.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { MASTER_KEY, pairFollower } from "../support/stores.ts";
import { TestCluster } from "../support/testCluster.ts";

const NEW_KEY = new Uint8Array(32).fill(9);
const [OLD = "", NEW = ""] = [MASTER_KEY, NEW_KEY].map((key) => new Keyring([key]).keyIds[0] ?? "");
const asText = (key: Uint8Array) => Buffer.from(key).toString("base64");

const cli = new Cli();
let redis: RedisServer;
let cluster: TestCluster;
beforeAll(async () => {
  redis = await startRedis({ persistent: false });
});
afterAll(async () => {
  cli.remove();
  await redis.stop();
});
beforeEach(async () => {
  cluster = await TestCluster.open(redis.url);
});
afterEach(() => cluster.stop());

/** The master keys of a process; they take the place of the one that all of the cluster have. */
const keysOf = (...keys: Uint8Array[]) => ({ YONEXUS_MASTER_KEY: "", YONEXUS_MASTER_KEYS: keys.map(asText).join(",") });
const rotate = (...keys: Uint8Array[]) => cli.run(["keys", "rotate"], { env: { ...cluster.env, ...keysOf(...keys) } });

async function status(): Promise<{ keys: { keyId: string; verdict: string; secrets: number }[] }> {
  const { stdout } = await cli.run(["keys", "status", "--json"], { env: cluster.env });
  return JSON.parse(stdout);
}

/** Commands are processes, which take their time on a busy machine (ms). */
const TIMEOUT_MS = 180_000;

describe("yonexus keys rotate", { timeout: TIMEOUT_MS }, () => {
  it("is refused while a live process does not have the new key, or seals with another; nothing is changed", async () => {
    const stale = await cluster.startNode();
    await cluster.pairedFollower("alice");
    const without = await rotate(NEW_KEY, MASTER_KEY);
    expect(without).toMatchObject({ exitCode: 1, stdout: "" });
    expect(without.stderr).toContain(
      `Nothing was sealed anew: node ${stale.nodeId} does not have ${NEW}. In this order: 1. `,
    );
    await stale.stop();
    const behind = await cluster.startCoordinator(keysOf(MASTER_KEY, NEW_KEY));
    const early = await rotate(NEW_KEY, MASTER_KEY);
    expect(early.stderr).toContain(`coordinator ${behind.coordinatorId} seals with another key than ${NEW}`);
    expect((await new SealedSecrets(cluster.stores.redis, cluster.stores.keys).count(10)).get(OLD)?.secrets).toBe(1);
  });

  it("seals all anew beside a running node and its sessions; the old key can be dropped then, and all come back", async () => {
    const node = await cluster.startNode(keysOf(NEW_KEY, MASTER_KEY));
    const [alice, bob] = [await cluster.pairedFollower("alice"), await cluster.pairedFollower("bob")];
    const { keys, redis: connection } = cluster.stores;
    const session = await cluster.logIn(node, alice);
    const rotated = await rotate(NEW_KEY, MASTER_KEY);
    expect(rotated).toMatchObject({ exitCode: 0, stderr: "" });
    expect(rotated.stdout).toMatch(
      new RegExp(`^2 followers looked at: [12] secrets? sealed anew with ${NEW}\\.\nNext: `, "u"),
    );
    expect(session.isOpen).toBe(true);
    expect((await status()).keys).toMatchObject([
      { keyId: NEW, verdict: "seals", secrets: 2 },
      { keyId: OLD, verdict: "unused", secrets: 0 },
    ]);
    expect(await new SealedSecrets(connection, keys).count(10)).toEqual(
      new Map([[NEW, { secrets: 2, replaced: 0, codes: 0, codesUntil: 0 }]]),
    );
    await node.stop();
    const last = await cluster.startNode(keysOf(NEW_KEY));
    for (const identity of [alice, bob]) await cluster.logIn(last, identity);
  });

  it("names the followers whose secret it cannot open, seals the others, and ends with 1", async () => {
    await cluster.pairedFollower("alice");
    await pairFollower(cluster.stores, "bob");
    const { trust } = cluster.stores.keys.follower("alice");
    await cluster.stores.redis.hset(trust, "sealedSecret", `v1.deadbeef.${"A".repeat(80)}`);
    const { exitCode, stdout, stderr } = await rotate(NEW_KEY, MASTER_KEY);
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: "" });
    expect(stdout).toContain(`2 followers looked at: 1 secret sealed anew with ${NEW}.`);
    expect(stdout).toContain("alice: its secret is sealed with deadbeef, which is not among YONEXUS_MASTER_KEYS.");
    const told = await cli.run(["keys", "status"], { env: cluster.env });
    expect(told.exitCode).toBe(1);
    expect(told.stdout).toContain("deadbeef: nobody has it.");
  });

  it("goes on where it was stopped, and prints no key", async () => {
    const names = Array.from({ length: 450 }, (_, index) => `f${index}`);
    await Promise.all(names.map((name) => pairFollower(cluster.stores, name)));
    const { redis: connection, keys } = cluster.stores;
    const keyring = new Keyring([NEW_KEY, MASTER_KEY]);
    let asked = 0;
    const first = await rotateKeys(connection, keys, keyring, {
      stopped: () => asked++ === 1,
      progress: () => {},
    });
    expect(first).toMatchObject({ finished: false, looked: 200, total: 450, resealed: 200 });
    const second = await rotateKeys(connection, keys, keyring, { stopped: () => false, progress: () => {} });
    expect(second).toMatchObject({ finished: true, looked: 450, resealed: 250 });
    const { stdout, stderr } = await rotate(NEW_KEY, MASTER_KEY);
    expect(stdout).toContain("450 followers looked at: 0 secrets sealed anew");
    for (const key of [MASTER_KEY, NEW_KEY]) expect(stdout + stderr).not.toContain(asText(key));
  });

  it("stops when a process comes up that does not have the new key", async () => {
    await Promise.all(Array.from({ length: 250 }, (_, index) => pairFollower(cluster.stores, `f${index}`)));
    const { redis: connection, keys, nodes } = cluster.stores;
    const report = { name: "", url: "", pid: 1, version: "", startedAt: 0, sessions: 0, draining: false };
    const coming: Promise<unknown>[] = [];
    const rotation = await rotateKeys(connection, keys, new Keyring([NEW_KEY, MASTER_KEY]), {
      stopped: () => false,
      // Sent before the next question is, on the same connection.
      progress: () => coming.push(nodes.renew("stale", { ...report, keyIds: [OLD], leaseMs: 60_000 })),
    });
    await Promise.all(coming);
    expect(rotation).toMatchObject({
      ...{ finished: false, looked: 200 },
      obstacle: expect.stringContaining(`node stale does not have ${NEW}`),
    });
  });
});
