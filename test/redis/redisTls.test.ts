import { readFileSync } from "node:fs";
import { readRedisTls } from "@yonexus/protocol/config";
import {
  explainConnection,
  openRedis,
  type RedisConnection,
  type RedisTls,
  RedisUrlError,
  whenReady,
} from "@yonexus/protocol/redis";
import { CertificateError } from "@yonexus/protocol/tls";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { tlsRefusal } from "../../scripts/cli/tlsRefusal.ts";
import { type CertificateFiles, TestAuthority } from "../support/tlsCertificates.ts";
import { startTlsRedis, type TlsRedis } from "../support/tlsRedis.ts";

let authority: TestAuthority;
let strangers: TestAuthority;
let client: CertificateFiles;
let servers: Record<"open" | "asking", TlsRedis>;
const connections: RedisConnection[] = [];

beforeAll(async () => {
  authority = new TestAuthority();
  strangers = new TestAuthority();
  client = authority.signed("client", "DNS:client");
  servers = { open: await startTlsRedis(authority, "no"), asking: await startTlsRedis(authority, "yes") };
});
afterAll(async () => {
  for (const { server } of Object.values(servers)) await server.stop();
  authority.remove();
  strangers.remove();
});
afterEach(() => {
  for (const connection of connections.splice(0)) connection.disconnect();
});

const pem = ({ cert, key }: CertificateFiles) => ({ cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") });

function open(url: string, tls?: RedisTls): RedisConnection {
  const connection = openRedis(url, "commands", { tls });
  connection.on("error", () => {});
  connections.push(connection);
  return connection;
}

/** Waits for the first error that says more than that the connection was closed. */
async function explained(url: string, tls: RedisTls) {
  const connection = open(url, tls);
  return new Promise((resolve) => {
    connection.on("error", (error: Error & { code?: string }) => {
      if (error.code !== "ECONNRESET") resolve(explainConnection(error)?.found);
    });
  });
}

describe("a command that was cut off by a Redis with TLS", () => {
  it("hears each time why, though a connection that writes at once is often reset before that", async () => {
    const connection = open(servers.asking.url, { ca: authority.certificate });
    for (let time = 0; time < 30; time++) {
      expect(explainConnection(await tlsRefusal(connection))?.found).toBe(
        "Redis asks for a certificate of its clients",
      );
    }
  });

  it("hears nothing where nobody refuses, nor of a Redis without TLS", async () => {
    expect(await tlsRefusal(open(servers.open.url, { ca: authority.certificate }))).toBeUndefined();
    expect(await tlsRefusal(open(servers.open.server.url))).toBeUndefined();
  });
});

describe("a connection to a Redis whose authority is the operator's own", () => {
  it("is made with the certificate of that authority, and without it not", async () => {
    const connection = open(servers.open.url, { ca: authority.certificate });
    await whenReady(connection);
    expect(await connection.ping()).toBe("PONG");
    expect(await explained(servers.open.url, {})).toContain("authority that signed the certificate of Redis");
    expect(await explained(servers.open.url, { ca: strangers.certificate })).toContain("authority");
  });

  it("is made with a certificate of its own where Redis asks for one, and without it the reason is named", async () => {
    const ca = authority.certificate;
    const connection = open(servers.asking.url, { ca, ...pem(client) });
    await whenReady(connection);
    expect(await connection.ping()).toBe("PONG");
    expect(await explained(servers.asking.url, { ca })).toBe("Redis asks for a certificate of its clients");
  });

  it.each([
    ["an authority that Redis does not know", () => strangers.signed("strange", "DNS:client")],
    ["a time that is over", () => authority.signed("expired", "DNS:client", -1)],
  ])("with a certificate of %s is told as that", async (_, files) => {
    const tls = { ca: authority.certificate, ...pem(files()) };
    expect(await explained(servers.asking.url, tls)).toBe("Redis refuses the certificate of this process");
  });

  it("that would be made without TLS is refused: it would not be as safe as it looks", () => {
    for (const url of ["redis://127.0.0.1", "redis+unix:///redis.sock", "redis+cluster://h1,h2"]) {
      expect(() => openRedis(url, "commands", { tls: { ca: authority.certificate } })).toThrow(RedisUrlError);
    }
  });
});

describe("the files of YONEXUS_REDIS_CA, YONEXUS_REDIS_CERT and YONEXUS_REDIS_KEY", () => {
  const files = (redisCa?: string, redisCert?: string, redisKey?: string) => ({ redisCa, redisCert, redisKey });

  it("are read, each where it is named", () => {
    expect(readRedisTls(files())).toBeUndefined();
    expect(readRedisTls(files(authority.path))).toEqual({ ca: authority.certificate });
    expect(readRedisTls(files(undefined, client.cert, client.key))).toEqual(pem(client));
  });

  it("that cannot be used are told by the variable", () => {
    const read = () => readRedisTls(files(client.key));
    expect(read).toThrow(CertificateError);
    expect(read).toThrow(/^YONEXUS_REDIS_CA names .+, which holds no certificate/u);
    expect(() => readRedisTls(files(undefined, client.cert, authority.path))).toThrow(/^YONEXUS_REDIS_KEY names/u);
  });
});
