import { readFileSync } from "node:fs";
import { openCluster } from "@yonexus/protocol/redis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Cli } from "../support/cliProcess.ts";
import { TestCluster } from "../support/testCluster.ts";
import { type CertificateFiles, TestAuthority } from "../support/tlsCertificates.ts";
import { startTlsRedis, type TlsRedis } from "../support/tlsRedis.ts";

/** Commands are processes, which take their time on a busy machine (ms). */
const TIMEOUT_MS = 180_000;

const cli = new Cli();
let authority: TestAuthority;
let client: CertificateFiles;
let servers: Record<"no" | "yes", TlsRedis>;

beforeAll(async () => {
  authority = new TestAuthority();
  client = authority.signed("client", "DNS:client");
  servers = { no: await startTlsRedis(authority, "no"), yes: await startTlsRedis(authority, "yes") };
});
afterAll(async () => {
  cli.remove();
  for (const { server } of Object.values(servers)) await server.stop();
  authority.remove();
});

describe.each(["no", "yes"] as const)(
  "a cluster whose Redis speaks TLS, with tls-auth-clients %s",
  { timeout: TIMEOUT_MS },
  (clients) => {
    it("works whole: nodes, coordinators, programs and the command, all over TLS", async () => {
      const { server, url } = servers[clients];
      // The stores of the test go by the socket; the cluster by TLS.
      const cluster = await TestCluster.open(server.url, {
        REDIS_URL: url,
        YONEXUS_REDIS_CA: authority.path,
        YONEXUS_REDIS_CERT: client.cert,
        YONEXUS_REDIS_KEY: client.key,
      });
      try {
        const node = await cluster.startNode();
        await cluster.startCoordinator();
        const alice = await cluster.logIn(node, await cluster.pairedFollower("alice"));
        const program = await openCluster({
          redisUrl: url,
          keyPrefix: cluster.stores.keys.prefix,
          tls: {
            ca: authority.certificate,
            cert: readFileSync(client.cert, "utf8"),
            key: readFileSync(client.key, "utf8"),
          },
        });
        try {
          await program.registerRule("ping", ({ content }) => `pong ${content}`, { reply: { delivery: "live" } });
          alice.send("ping::over TLS");
          expect(await alice.nextApplication()).toBe("ping::pong over TLS");
        } finally {
          await program.close();
        }
        const sent = await cli.run(["send", "alice", "chat::hello"], { env: cluster.env });
        expect(sent).toMatchObject({ exitCode: 0, stderr: "" });
        expect(await alice.nextApplication()).toBe("chat::hello");
      } finally {
        await cluster.stop();
      }
    });
  },
);

describe("the command, with certificates that do not do", () => {
  const there = () => ({ REDIS_URL: servers.yes.url });

  it.each([
    [
      "no authority",
      () => there(),
      /^The authority that signed the certificate of Redis is not known, at 127\.0\.0\.1:\d+\. Name .+YONEXUS_REDIS_CA/u,
    ],
    [
      "none of its own",
      () => ({ ...there(), YONEXUS_REDIS_CA: authority.path }),
      /^Redis asks for a certificate of its clients, at .+YONEXUS_REDIS_CERT/u,
    ],
    [
      "a file that is not there",
      () => ({ ...there(), YONEXUS_REDIS_CA: "/nowhere" }),
      /^YONEXUS_REDIS_CA names \/nowhere, a file that is not there: .+\.$/u,
    ],
    [
      "a URL without TLS",
      () => ({ REDIS_URL: "redis://127.0.0.1:1", YONEXUS_REDIS_CA: authority.path }),
      /REDIS_URL speaks no TLS: write rediss:/u,
    ],
  ])("(%s) ends with one sentence that says what to set", async (_, env, sentence) => {
    const { exitCode, stderr, stdout } = await cli.run(["clients"], { env: env() });
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
    expect(stderr.trim()).toMatch(sentence);
    expect(stderr.trim().split("\n")).toHaveLength(1);
  });

  it("is told by doctor as a finding", async () => {
    const env = { ...there(), YONEXUS_REDIS_CA: "/nowhere" };
    const { stdout } = await cli.run(["doctor", "--json"], { env });
    expect(JSON.parse(stdout)).toMatchObject({ healthy: false });
  });
});
