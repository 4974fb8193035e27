import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { reachCluster } from "../../plugin/core/container.ts";
import { listClientStatus } from "../../plugin/tools/listClientStatus.ts";
import { type CertificateFiles, TestAuthority } from "../support/tlsCertificates.ts";
import { startTlsRedis, type TlsRedis } from "../support/tlsRedis.ts";
import { waitFor } from "../support/waitFor.ts";
import { PluginHost } from "./gatewayFixture.ts";

let authority: TestAuthority;
let client: CertificateFiles;
let redis: TlsRedis;
let host: PluginHost;
beforeAll(async () => {
  authority = new TestAuthority();
  client = authority.signed("client", "DNS:client");
  redis = await startTlsRedis(authority, "yes");
});
afterAll(async () => {
  await redis.server.stop();
  authority.remove();
});
beforeEach(() => {
  host = new PluginHost();
});
afterEach(async () => {
  await host.stop();
  host.remove();
});

describe("a Redis that speaks TLS and asks for a certificate", () => {
  it("is reached with redisCa, redisCert and redisKey", async () => {
    await host.start({
      redisUrl: redis.url,
      redisCa: authority.path,
      redisCert: client.cert,
      redisKey: client.key,
    });
    await host.connected();
    expect((await listClientStatus(reachCluster).execute("1", {})).details).toHaveProperty("outcome");
  });

  it("is not reached with a file that is not there, which the health tells by the key", async () => {
    await host.start({ redisUrl: redis.url, redisCa: "/nowhere/ca.pem" });
    await waitFor("its health to say so", () => host.failure !== undefined);
    expect(host.failure).toMatch(
      /^redisCa in plugins\.entries\.\S+ names \/nowhere\/ca\.pem, a file that is not there/u,
    );
  });

  it("is refused settings of which one lacks the other, by their keys", async () => {
    await host.start({ redisUrl: redis.url, redisCert: client.cert });
    expect(host.failure).toMatch(/^redisKey in plugins\.entries\.\S+ is not set: a certificate needs its key/u);
  });
});
