import { randomBytes } from "node:crypto";
import { createLogger } from "@yonexus/protocol/log";
import { newPairingCode } from "@yonexus/protocol/wire";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { claim, newFollowerKey, openStores, type Stores } from "../support/stores.ts";

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

/** Everything that Redis holds, as text: names, fields, members, values. */
async function dump(stores: Stores): Promise<Map<string, string>> {
  const everything = new Map<string, string>();
  for (const key of await stores.redis.keys("*")) {
    const type = await stores.redis.type(key);
    everything.set(key, JSON.stringify(await read(stores, key, type)));
  }
  return everything;
}

async function read(stores: Stores, key: string, type: string): Promise<unknown> {
  switch (type) {
    case "string":
      return stores.redis.get(key);
    case "hash":
      return stores.redis.hgetall(key);
    case "set":
      return stores.redis.smembers(key);
    case "zset":
      return stores.redis.zrange(key, "0", "-1", "WITHSCORES");
    case "stream":
      return stores.redis.xrange(key, "-", "+");
    default:
      throw new Error(`A key of the type ${type} that nobody looked into: ${key}`);
  }
}

/** A secret in every form that it is handled in. */
function forms(secret: Uint8Array): string[] {
  const bytes = Buffer.from(secret);
  return [bytes.toString("hex"), bytes.toString("base64"), bytes.toString("base64url"), bytes.toString("latin1")];
}

it("no secret stands in Redis or in its file: code, shared secret and master key, at any step", async () => {
  const masterKey = randomBytes(32);
  const stores = await openStores(server.url, { masterKeys: [masterKey] });
  const secret = randomBytes(32).toString("base64url");
  const key = newFollowerKey();
  const said = await Promise.all(
    [stores.keys.events, stores.keys.nodeChannel("node-a")].map((name) => stores.record(name)),
  );
  const waiter = { nodeId: "node-a", connectionId: "connection-1", address: "192.0.2.1" };
  const secrets = new Set([secret, ...forms(masterKey), ...forms(Buffer.from(secret))]);
  const found: string[] = [];
  const look = async (step: string) => {
    for (const [name, value] of await dump(stores)) {
      for (const each of secrets) if (name.includes(each) || value.includes(each)) found.push(`${step}: ${name}`);
    }
  };
  const openCode = async () => {
    const opened = await stores.pairings.open("alice", key.publicKey, key.fingerprint, waiter);
    const pairingId = "pairingId" in opened ? opened.pairingId : "";
    const code = (await stores.pairings.notice("alice", key.fingerprint, pairingId))?.code ?? "";
    expect(code).toHaveLength(newPairingCode().length);
    for (const form of [code, code.replace("-", ""), ...forms(Buffer.from(code))]) secrets.add(form);
    return { pairingId, code };
  };

  await stores.trust.allow(["alice"]);
  const failed = await openCode();
  await look("while the notice is pending");
  await stores.pairings.resolveNotice("alice", key.fingerprint, failed.pairingId, "failed", "refused");
  await look("after the notice failed");
  const { pairingId, code } = await openCode();
  await stores.pairings.resolveNotice("alice", key.fingerprint, pairingId, "sent");
  await stores.pairings.confirm("alice", key.fingerprint, "0000-0000", stores.trust.sealSecret("alice", secret));
  await look("after a wrong code");
  await stores.pairings.confirm("alice", key.fingerprint, code, stores.trust.sealSecret("alice", secret));
  await look("once paired");
  const { trustVersion, trust } = await stores.trust.lookup("alice", undefined);
  expect(stores.trust.openSecret("alice", trust?.sealedSecret ?? "")).toBe(secret);
  expect((await claim(stores, "alice", trustVersion)).outcome).toBe("claimed");
  await look("once authenticated");
  await stores.trust.clear("alice", "operator", { disallow: false });
  await look("once revoked");

  expect(found).toEqual([]);
  for (const text of said.flat()) for (const each of secrets) expect(text).not.toContain(each);
  // Every command that wrote is in the append-only file.
  const file = await server.appendOnlyFile();
  expect(file).toContain(key.publicKey);
  for (const each of secrets) expect(file.includes(each)).toBe(false);
  stores.close();
});

it("no argument of a command that Redis refuses gets into the log: alone, among several, or as what caused another error", async () => {
  const stores = await openStores(server.url);
  const lines: string[] = [];
  const logger = createLogger("trace", "test", { write: (line) => void lines.push(line) });
  const content = "chat::what nobody else should read";
  await stores.redis.set(`${stores.keys.prefix}:text`, "1");
  const refused = async (work: Promise<unknown>) => {
    const error: unknown = await work.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toHaveProperty("command.args");
    logger.error({ event: "of_a_test", err: error }, "refused");
    logger.error({ event: "of_a_test", err: new Error("outer", { cause: error }) }, "refused");
    logger.error(
      { event: "of_a_test", err: Object.assign(new Error("outer"), { previousErrors: [error] }) },
      "refused",
    );
  };
  const script = "return redis.call('HSET', KEYS[1], 'content', ARGV[1])";
  await refused(stores.redis.hset(`${stores.keys.prefix}:text`, "content", content));
  await refused(stores.redis.eval(script, 1, `${stores.keys.prefix}:text`, content));
  await refused(stores.redis.call("NOSUCHCOMMAND", content));
  expect(lines).toHaveLength(9);
  expect(lines.join("")).not.toContain("what nobody else should read");
  expect(lines.join("")).toContain('"command":{"name":"hset"}');
  stores.close();
});
