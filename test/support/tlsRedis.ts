import { freePorts } from "./freePorts.ts";
import { type RedisServer, startRedis } from "./redisServer.ts";
import type { TestAuthority } from "./tlsCertificates.ts";

/** A Redis that speaks TLS at `url`, and plainly on a socket that only its `server` knows. */
export interface TlsRedis {
  readonly server: RedisServer;
  readonly url: string;
}

/** @param clients whether it asks them for a certificate that the authority signed. */
export async function startTlsRedis(authority: TestAuthority, clients: "yes" | "no"): Promise<TlsRedis> {
  const [port = 0] = await freePorts(1);
  const { cert, key } = authority.signed(`redis-${clients}`, "IP:127.0.0.1");
  const files = ["--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", authority.path];
  const args = ["--tls-port", String(port), "--tls-auth-clients", clients, ...files];
  return { server: await startRedis({ persistent: false, args }), url: `rediss://127.0.0.1:${port}` };
}
