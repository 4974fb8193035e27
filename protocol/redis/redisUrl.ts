import type { ClusterNode, RedisOptions } from "ioredis";
import { RedisUrlError } from "./errors.ts";
import { inEnvironment, type SettingNames } from "./settingNames.ts";

export type RedisTarget =
  | { readonly kind: "single"; readonly options: RedisOptions }
  | { readonly kind: "sentinel"; readonly options: RedisOptions }
  | { readonly kind: "cluster"; readonly nodes: readonly ClusterNode[]; readonly options: RedisOptions };

const FORMS =
  "redis://host:6379/0, rediss://…, redis+unix:///path/redis.sock, redis+sentinel://h1,h2/name or redis+cluster://h1,h2";

function hostAndPort(text: string, defaultPort: number, setting: string): { host: string; port: number } {
  const match = /^(\[[0-9a-f:]+\]|[a-z0-9._-]+)(?::(\d{1,5}))?$/iu.exec(text);
  const host = match?.[1]?.replace(/^\[|\]$/gu, "");
  const port = match?.[2] === undefined ? defaultPort : Number(match[2]);
  if (host === undefined || port < 1 || port > 65_535) {
    throw new RedisUrlError(
      `${setting} names a host or a port that is not one: write host:port, ports from 1 to 65535.`,
    );
  }
  return { host, port };
}

function decode(text: string, what: string, setting: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw new RedisUrlError(`${setting} has a ${what} that is not percent-encoded.`, { cause });
  }
}

function database(path: string, setting: string): { db?: number } {
  const text = path.replace(/^\//u, "");
  if (text === "") return {};
  if (!/^\d{1,4}$/u.test(text)) {
    throw new RedisUrlError(`${setting} ends in a database that is not a number: write redis://host:6379/0.`);
  }
  return { db: Number(text) };
}

/**
 * Reads the five forms of REDIS_URL. A user name and password go before the hosts, percent-encoded.
 * The error never repeats the text: it may hold a password.
 * @param names what the reader calls a setting; as in the environment unless given.
 * @throws RedisUrlError
 */
export function parseRedisUrl(text: string, names: SettingNames = inEnvironment): RedisTarget {
  const setting = names("redisUrl");
  const match =
    /^(rediss?|redis\+unix|redis\+sentinel|redis\+cluster):\/\/(?:([^@/]*)@)?([^/?#]*)([^?#]*)(?:\?([^#]*))?$/iu.exec(
      text,
    );
  const scheme = match?.[1]?.toLowerCase();
  if (match === null || scheme === undefined) throw new RedisUrlError(`${setting} is not one of the forms: ${FORMS}.`);
  const [, , userinfo, authority = "", path = "", query = ""] = match;
  // The rest of a password would be taken for a host, and printed by whoever cannot reach it.
  if (`${authority}${path}${query}`.includes("@")) {
    throw new RedisUrlError(`${setting} has an @ too many: write %40 for one in a user name, a password or a path.`);
  }

  const credentials: { username?: string; password?: string } = {};
  if (userinfo !== undefined && userinfo !== "") {
    const colon = userinfo.indexOf(":");
    const username = decode(colon < 0 ? userinfo : userinfo.slice(0, colon), "user name", setting);
    const password = colon < 0 ? "" : decode(userinfo.slice(colon + 1), "password", setting);
    if (username !== "") credentials.username = username;
    if (password !== "") credentials.password = password;
  }

  switch (scheme) {
    case "redis":
    case "rediss": {
      const address = authority === "" ? { host: "127.0.0.1", port: 6379 } : hostAndPort(authority, 6379, setting);
      const tls = scheme === "rediss" ? { tls: {} } : {};
      return { kind: "single", options: { ...address, ...credentials, ...database(path, setting), ...tls } };
    }
    case "redis+unix": {
      if (authority !== "" || path.length < 2) {
        throw new RedisUrlError(`${setting} names no socket: write redis+unix:///path/redis.sock (three slashes).`);
      }
      const db = new URLSearchParams(query).get("db");
      return {
        kind: "single",
        options: { path: decode(path, "path", setting), ...credentials, ...database(db ?? "", setting) },
      };
    }
    case "redis+sentinel": {
      const [, name, db = ""] = path.split("/");
      if (name === undefined || name === "") {
        throw new RedisUrlError(`${setting} names no Sentinel group: write redis+sentinel://h1:26379,h2:26379/name.`);
      }
      return {
        kind: "sentinel",
        options: {
          sentinels: authority.split(",").map((host) => hostAndPort(host, 26_379, setting)),
          name: decode(name, "Sentinel group", setting),
          // Without it ioredis went on writing to the demoted primary for seconds after a graceful failover.
          failoverDetector: true,
          ...credentials,
          ...database(db, setting),
        },
      };
    }
    default: {
      if (path !== "" && path !== "/") {
        throw new RedisUrlError(`${setting} names a database: a Redis Cluster has only database 0. Leave it out.`);
      }
      return {
        kind: "cluster",
        nodes: authority.split(",").map((host) => hostAndPort(host, 6379, setting)),
        options: credentials,
      };
    }
  }
}
