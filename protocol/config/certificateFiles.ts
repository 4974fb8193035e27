import type { RedisTls } from "../redis/connection.ts";
import { inEnvironment, type SettingNames } from "../redis/settingNames.ts";
import { type PairFiles, readAuthorities, readCertificatePair } from "../tls/index.ts";
import type { Config } from "./settings.ts";

/** Where a node's certificate is; undefined when it speaks no TLS. */
export function nodeCertificateFiles(config: Pick<Config, "tlsCert" | "tlsKey">): PairFiles | undefined {
  const { tlsCert, tlsKey } = config;
  if (tlsCert === undefined || tlsKey === undefined) return undefined;
  return {
    cert: { setting: inEnvironment("tlsCert"), path: tlsCert },
    key: { setting: inEnvironment("tlsKey"), path: tlsKey },
  };
}

/**
 * Reads what the configuration says of TLS with Redis; undefined when it says nothing.
 * @throws CertificateError when a file cannot be used.
 */
export function readRedisTls(
  { redisCa, redisCert, redisKey }: Pick<Config, "redisCa" | "redisCert" | "redisKey">,
  setting: SettingNames = inEnvironment,
): RedisTls | undefined {
  const ca = redisCa === undefined ? {} : { ca: readAuthorities({ setting: setting("redisCa"), path: redisCa }) };
  if (redisCert === undefined || redisKey === undefined) return redisCa === undefined ? undefined : ca;
  const { cert, key } = readCertificatePair({
    cert: { setting: setting("redisCert"), path: redisCert },
    key: { setting: setting("redisKey"), path: redisKey },
  });
  return { ...ca, cert, key };
}
