import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { explainConnection, openCluster, openRedis, type RedisConnection, whenReady } from "@yonexus/protocol/redis";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { freePorts } from "../support/freePorts.ts";
import { type RedisServer, startRedis } from "../support/redisServer.ts";
import { type CertificateFiles, TestAuthority } from "../support/tlsCertificates.ts";
import { waitFor } from "../support/waitFor.ts";

let authority: TestAuthority;
/** Speaks both: plainly on the port of its URL, and TLS on another. */
let server: RedisServer;
let tlsPort: number;
let right: CertificateFiles;
const defaultAuthorities = getCACertificates("default");
const connections: RedisConnection[] = [];

beforeAll(async () => {
  authority = new TestAuthority();
  right = authority.signed("right", "IP:127.0.0.1");
  [tlsPort = 0] = await freePorts(1);
  const tls = ["--tls-port", String(tlsPort), "--tls-auth-clients", "no"];
  const files = ["--tls-cert-file", right.cert, "--tls-key-file", right.key];
  server = await startRedis({ persistent: false, tcp: true, args: [...tls, ...files] });
});
afterAll(async () => {
  authority.remove();
  await server?.stop();
});
afterEach(() => {
  for (const connection of connections.splice(0)) connection.disconnect();
  setDefaultCACertificates(defaultAuthorities);
});

const tlsUrl = () => `rediss://127.0.0.1:${tlsPort}`;

function open(url: string): RedisConnection {
  const connection = openRedis(url, "commands");
  connection.on("error", () => {});
  connections.push(connection);
  return connection;
}

/** How a connection to there is explained that fails. */
async function explained(url: string) {
  const connection = open(url);
  const error = await new Promise((resolve) => connection.once("error", resolve));
  return explainConnection(error);
}

async function use({ cert, key }: CertificateFiles): Promise<void> {
  await server.command("CONFIG", "SET", "tls-cert-file", cert, "tls-key-file", key);
}

describe("with a Redis that speaks TLS", () => {
  it("there is nothing to explain when its authority is known and it is the right host", async () => {
    setDefaultCACertificates([...defaultAuthorities, authority.certificate]);
    await use(right);
    const connection = open(tlsUrl());
    await whenReady(connection);
    expect(await connection.ping()).toBe("PONG");
  });

  it("an authority that is not known is named as the reason, also where there is none but itself", async () => {
    await use(right);
    expect(await explained(tlsUrl())).toMatchObject({ mend: expect.stringContaining("YONEXUS_REDIS_CA") });
    await use(authority.selfSigned("itself"));
    expect(await explained(tlsUrl())).toMatchObject({ mend: expect.stringContaining("YONEXUS_REDIS_CA") });
  });

  it("a certificate of another host is named as the reason", async () => {
    setDefaultCACertificates([...defaultAuthorities, authority.certificate]);
    await use(authority.signed("other", "DNS:redis.example"));
    expect(await explained(tlsUrl())).toMatchObject({ found: expect.stringContaining("for another host") });
  });

  it("a certificate that has expired is named as the reason", async () => {
    setDefaultCACertificates([...defaultAuthorities, authority.certificate]);
    await use(authority.signed("expired", "IP:127.0.0.1", -1));
    expect(await explained(tlsUrl())).toMatchObject({ found: expect.stringContaining("has expired") });
  });

  it("redis:// in place of rediss:// is named among the reasons", async () => {
    const plain = await explained(`redis://127.0.0.1:${tlsPort}`);
    expect(plain).toMatchObject({
      found: expect.stringContaining("closed before Redis answered"),
      mend: expect.stringContaining("write rediss:// if its port speaks TLS"),
    });
  });
});

describe("with a Redis that speaks no TLS", () => {
  it("rediss:// in place of redis:// is named among the reasons", async () => {
    // It waits for the end of a line that never comes, so this takes as long as a connection may.
    const spoken = await explained(server.url.replace("redis://", "rediss://"));
    expect(spoken?.mend).toMatch(/a rediss:\/\/ names a port that speaks TLS|redis:\/\/ in place of rediss:\/\//u);
  });

  it("an ordinary restart is explained by nothing but that it is not there, or was closed", async () => {
    const own = await startRedis({ persistent: false, tcp: true });
    try {
      const connection = open(own.url);
      await whenReady(connection);
      const heard: (string | undefined)[] = [];
      connection.on("error", (error) => heard.push(explainConnection(error)?.found));
      await own.kill();
      await waitFor("the loss", () => heard.length > 0);
      await own.restart();
      await waitFor("its return", () => connection.status === "ready");
      for (const found of heard) expect(found).toMatch(/^(?:Nothing listens|The connection was closed before)/u);
    } finally {
      await own.stop();
    }
  });

  it("a password that it asks for, and a wrong one, are named as the reason", async () => {
    const own = await startRedis({ persistent: false, tcp: true });
    try {
      await own.command("CONFIG", "SET", "requirepass", "of this test");
      expect(await explained(own.url)).toMatchObject({ found: "Redis asks for a password" });
      const wrong = own.url.replace("redis://", "redis://:another@");
      expect(await explained(wrong)).toMatchObject({ found: "Redis refuses the password" });
    } finally {
      await own.stop();
    }
  });

  it("a read-only replica that lost its primary is named as the reason", async () => {
    const [nobody] = await freePorts(1);
    const replica = await startRedis({ persistent: false, args: ["--replicaof", "127.0.0.1", String(nobody)] });
    try {
      const opening = openCluster({ redisUrl: replica.url, keyPrefix: "replica" });
      const error: unknown = await opening.catch((failure: unknown) => failure);
      expect(explainConnection(error)).toMatchObject({ mend: "Let REDIS_URL name the primary." });
    } finally {
      await replica.stop();
    }
  });
});

describe("with no Redis at all", () => {
  it("a port where nothing listens, a socket that is not there, and a host without an address are told apart", async () => {
    const [nobody] = await freePorts(1);
    expect((await explained(`redis://127.0.0.1:${nobody}`))?.found).toContain("Nothing listens");
    const socket = join(server.dir, "nobody.sock");
    expect((await explained(`redis+unix://${socket}`))?.found).toContain("socket of REDIS_URL is not there");
    expect((await explained("redis://nobody.invalid"))?.found).toContain("has no address");
  });

  it("the servers of a cluster and the Sentinels of a group are named as the reason", async () => {
    const [nobody] = await freePorts(1);
    expect((await explained(`redis+cluster://127.0.0.1:${nobody}`))?.found).toContain("No server of the Redis Cluster");
    expect((await explained(`redis+sentinel://127.0.0.1:${nobody}/group`))?.found).toContain("No Sentinel");
  });

  it("an openCluster that waited in vain fails with what can be explained", async () => {
    const [nobody] = await freePorts(1);
    const opening = openCluster({ redisUrl: `redis://127.0.0.1:${nobody}`, timeoutMs: 2_000 });
    const error: unknown = await opening.catch((failure: unknown) => failure);
    expect(explainConnection(error)?.found).toContain("Nothing listens");
  });
});
