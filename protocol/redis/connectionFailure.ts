import { RedisUnreachableError } from "./errors.ts";
import { innermost } from "./innermostError.ts";
import { explainRefusal } from "./refusal.ts";

/** Why there is no working connection to Redis. */
export interface ConnectionFailure {
  /** What is the matter: a clause without its end, for people. */
  readonly found: string;
  /** What to do about it: a sentence. */
  readonly mend: string;
}

const UNTRUSTED: ConnectionFailure = {
  found: "Node.js does not know the authority that signed the certificate of Redis",
  mend: "Set NODE_EXTRA_CA_CERTS to a file with the certificate of that authority, and start the process again.",
};
const NO_TLS: ConnectionFailure = {
  found: "What listens at the place of REDIS_URL does not speak TLS",
  mend: "Write redis:// in place of rediss://, or name the TLS port of Redis.",
};
const UNKNOWN_HOST: ConnectionFailure = {
  found: "The host of REDIS_URL has no address",
  mend: "Check its name in REDIS_URL, and the name service of this machine.",
};
const NO_ROUTE: ConnectionFailure = {
  found: "The network has no way to Redis",
  mend: "Check the host in REDIS_URL, and the network of this machine.",
};
const SILENT: ConnectionFailure = {
  found: "Redis did not answer in time",
  mend: "See that it runs, that no firewall is in between, and that a rediss:// names a port that speaks TLS.",
};
/** A Redis that was just stopped says the same as one that was spoken to in the wrong way. */
const CLOSED: ConnectionFailure = {
  found: "The connection was closed before Redis answered",
  mend: "Wait if Redis was just stopped or started; if it goes on, see its log, and write rediss:// if its port speaks TLS.",
};

/** By the code that Node.js gives the error. */
const BY_CODE: Readonly<Record<string, ConnectionFailure>> = {
  ECONNREFUSED: {
    found: "Nothing listens at the place of REDIS_URL",
    mend: "Start Redis, or check host and port in REDIS_URL.",
  },
  ENOTFOUND: UNKNOWN_HOST,
  EAI_AGAIN: UNKNOWN_HOST,
  EHOSTUNREACH: NO_ROUTE,
  ENETUNREACH: NO_ROUTE,
  ENOENT: { found: "The socket of REDIS_URL is not there", mend: "Start Redis, or check the path in REDIS_URL." },
  EACCES: {
    found: "This user may not use the socket of Redis",
    mend: "Run as the user of Redis, or set unixsocketperm in redis.conf.",
  },
  ETIMEDOUT: SILENT,
  EPROTO: NO_TLS,
  ERR_SSL_WRONG_VERSION_NUMBER: NO_TLS,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: NO_TLS,
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  ERR_TLS_CERT_ALTNAME_INVALID: {
    found: "The certificate of Redis is for another host than that of REDIS_URL",
    mend: "Name the host in REDIS_URL as the certificate does.",
  },
  CERT_HAS_EXPIRED: {
    found: "The certificate of Redis has expired",
    mend: "Renew it; if it is valid, set the clock of this machine.",
  },
  ECONNRESET: CLOSED,
  EPIPE: CLOSED,
};

/** By how the message begins, where there is no code, or one that says less. */
const BY_TEXT: readonly (readonly [string, ConnectionFailure])[] = [
  [
    "Client network socket disconnected before secure TLS",
    {
      found: "The connection was closed before TLS was agreed on",
      mend: "Wait if Redis was just stopped or started; if it goes on, write redis:// in place of rediss://, or name its TLS port.",
    },
  ],
  [
    "All sentinels are unreachable",
    {
      found: "No Sentinel that REDIS_URL names knows its primary",
      mend: "See that the Sentinels run, and that the group in REDIS_URL is the one that they watch.",
    },
  ],
  ["Command timed out", SILENT],
  [
    "Stream isn't writeable",
    { found: "There is no connection to Redis", mend: "Start Redis, or check REDIS_URL; it is tried again by itself." },
  ],
  ["Connection is closed", CLOSED],
];

/**
 * Why Redis cannot be used, in words that end in what to do: its own refusal, or an error of the connection, as the `error` event,
 * a command or `openCluster` gives it. Undefined for an error of anything else. No secret is in it.
 */
export function explainConnection(error: unknown): ConnectionFailure | undefined {
  const refusal = explainRefusal(error);
  if (refusal !== undefined) return { found: refusal.found, mend: refusal.mend };
  const inner = innermost(error);
  if (inner === undefined) return undefined;
  if (inner instanceof RedisUnreachableError) return SILENT;
  if (isClusterSilent(error, inner)) {
    return {
      found: "No server of the Redis Cluster that REDIS_URL names answers",
      mend: "See that they run, that they are a cluster, and that they speak no TLS.",
    };
  }
  const code = "code" in inner ? String(inner.code) : "";
  const isOfFile = code === "ENOENT" || code === "EACCES";
  if (isOfFile && !("syscall" in inner && inner.syscall === "connect")) return undefined;
  return BY_TEXT.find(([text]) => inner.message.startsWith(text))?.[1] ?? BY_CODE[code];
}

/** ioredis tells of a cluster only that its connections ended, and not why. */
function isClusterSilent(error: unknown, inner: Error): boolean {
  return error !== inner && error instanceof Error && error.name === "ClusterAllFailedError" && !("code" in inner);
}
