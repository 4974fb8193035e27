import { RedisUnreachableError } from "./errors.ts";
import { innermost } from "./innermostError.ts";
import { explainRefusal } from "./refusal.ts";
import { inEnvironment, type SettingNames } from "./settingNames.ts";

/** Why there is no working connection to Redis. */
export interface ConnectionFailure {
  /** What is the matter: a clause without its end, for people. */
  readonly found: string;
  /** What to do about it: a sentence. */
  readonly mend: string;
}

type Reason =
  | "refused"
  | "unknownHost"
  | "noRoute"
  | "noSocket"
  | "foreignSocket"
  | "silent"
  | "closed"
  | "closedEarly"
  | "unconnected"
  | "noSentinel"
  | "noCluster"
  | "noTls"
  | "untrusted"
  | "otherHost"
  | "expired"
  | "ownCertificate"
  | "noCertificate"
  | "tlsVersion";

function failureOf(reason: Reason, setting: SettingNames): ConnectionFailure {
  const url = setting("redisUrl");
  const own = () => `${setting("redisCert")} and ${setting("redisKey")}`;
  switch (reason) {
    case "refused":
      return {
        found: `Nothing listens at the place of ${url}`,
        mend: `Start Redis, or check host and port in ${url}.`,
      };
    case "unknownHost":
      return {
        found: `The host of ${url} has no address`,
        mend: `Check its name in ${url}, and the name service of this machine.`,
      };
    case "noRoute":
      return {
        found: "The network has no way to Redis",
        mend: `Check the host in ${url}, and the network of this machine.`,
      };
    case "noSocket":
      return { found: `The socket of ${url} is not there`, mend: `Start Redis, or check the path in ${url}.` };
    case "foreignSocket":
      return {
        found: "This user may not use the socket of Redis",
        mend: "Run as the user of Redis, or set unixsocketperm in redis.conf.",
      };
    case "silent":
      return {
        found: "Redis did not answer in time",
        mend: "See that it runs, that no firewall is in between, and that a rediss:// names a port that speaks TLS.",
      };
    case "closed":
      // A Redis that was just stopped says the same as one that was spoken to in the wrong way.
      return {
        found: "The connection was closed before Redis answered",
        mend: "Wait if Redis was just stopped or started; if it goes on, see its log, and write rediss:// if its port speaks TLS.",
      };
    case "closedEarly":
      return {
        found: "The connection was closed before TLS was agreed on",
        mend: "Wait if Redis was just stopped or started; if it goes on, write redis:// in place of rediss://, or name its TLS port.",
      };
    case "unconnected":
      return {
        found: "There is no connection to Redis",
        mend: `Start Redis, or check ${url}; it is tried again by itself.`,
      };
    case "noSentinel":
      return {
        found: `No Sentinel that ${url} names knows its primary`,
        mend: `See that the Sentinels run, and that the group in ${url} is the one that they watch.`,
      };
    case "noCluster":
      return {
        found: `No server of the Redis Cluster that ${url} names answers`,
        mend: "See that they run, that they are a cluster, and that they speak no TLS.",
      };
    case "noTls":
      return {
        found: `What listens at the place of ${url} does not speak TLS`,
        mend: "Write redis:// in place of rediss://, or name the TLS port of Redis.",
      };
    case "untrusted":
      return {
        found: "The authority that signed the certificate of Redis is not known",
        mend: `Name a PEM file with the certificate of that authority by ${setting("redisCa")}, and start the process again.`,
      };
    case "otherHost":
      return {
        found: `The certificate of Redis is for another host than that of ${url}`,
        mend: `Name the host in ${url} as the certificate does.`,
      };
    case "expired":
      return {
        found: "The certificate of Redis has expired",
        mend: "Renew it; if it is valid, set the clock of this machine.",
      };
    case "ownCertificate":
      return {
        found: "Redis refuses the certificate of this process",
        mend: `Set ${own()} to one that an authority in its tls-ca-cert-file signed and that has not expired.`,
      };
    case "noCertificate":
      return {
        found: "Redis asks for a certificate of its clients",
        mend: `Set ${own()} to one that an authority in its tls-ca-cert-file signed, or set tls-auth-clients of Redis to no.`,
      };
    case "tlsVersion":
      return {
        found: "Redis speaks no version of TLS that this process does",
        mend: "Let tls-protocols of Redis have TLSv1.2 or TLSv1.3.",
      };
  }
}

/** By the code that Node.js gives the error. */
const BY_CODE: Readonly<Record<string, Reason>> = {
  ECONNREFUSED: "refused",
  ENOTFOUND: "unknownHost",
  EAI_AGAIN: "unknownHost",
  EHOSTUNREACH: "noRoute",
  ENETUNREACH: "noRoute",
  ENOENT: "noSocket",
  EACCES: "foreignSocket",
  ETIMEDOUT: "silent",
  EPROTO: "noTls",
  ERR_SSL_WRONG_VERSION_NUMBER: "noTls",
  ERR_SSL_PACKET_LENGTH_TOO_LONG: "noTls",
  SELF_SIGNED_CERT_IN_CHAIN: "untrusted",
  DEPTH_ZERO_SELF_SIGNED_CERT: "untrusted",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "untrusted",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "untrusted",
  ERR_TLS_CERT_ALTNAME_INVALID: "otherHost",
  CERT_HAS_EXPIRED: "expired",
  ECONNRESET: "closed",
  EPIPE: "closed",
};

/** By the number of the TLS alert with which Redis ended a handshake. The codes for them differ among versions of OpenSSL. */
const BY_ALERT: Readonly<Record<string, Reason>> = {
  // A handshake of TLS 1.2 that lacks a certificate fails like any other.
  40: "noCertificate",
  42: "ownCertificate",
  43: "ownCertificate",
  44: "ownCertificate",
  45: "ownCertificate",
  46: "ownCertificate",
  48: "ownCertificate",
  70: "tlsVersion",
  116: "noCertificate",
};

/** By how the message begins, where there is no code, or one that says less. */
const BY_TEXT: readonly (readonly [string, Reason])[] = [
  ["Client network socket disconnected before secure TLS", "closedEarly"],
  ["All sentinels are unreachable", "noSentinel"],
  ["Command timed out", "silent"],
  ["Stream isn't writeable", "unconnected"],
  ["Connection is closed", "closed"],
];

/**
 * Why Redis cannot be used, in words that end in what to do: its own refusal, or an error of the connection, as the `error` event,
 * a command or `openCluster` gives it. Undefined for an error of anything else. No secret is in it.
 * @param setting what the reader calls a setting; as in the environment unless given.
 */
export function explainConnection(
  error: unknown,
  setting: SettingNames = inEnvironment,
): ConnectionFailure | undefined {
  const refusal = explainRefusal(error, setting);
  if (refusal !== undefined) return { found: refusal.found, mend: refusal.mend };
  const reason = reasonOf(error);
  return reason === undefined ? undefined : failureOf(reason, setting);
}

function reasonOf(error: unknown): Reason | undefined {
  const inner = innermost(error);
  if (inner === undefined) return undefined;
  if (inner instanceof RedisUnreachableError) return "silent";
  if (isClusterSilent(error, inner)) return "noCluster";
  const code = "code" in inner ? String(inner.code) : "";
  const isOfFile = code === "ENOENT" || code === "EACCES";
  if (isOfFile && !("syscall" in inner && inner.syscall === "connect")) return undefined;
  const alert = /SSL alert number (\d+)/u.exec(inner.message)?.[1] ?? "";
  return BY_ALERT[alert] ?? BY_TEXT.find(([text]) => inner.message.startsWith(text))?.[1] ?? BY_CODE[code];
}

/** ioredis tells of a cluster only that its connections ended, and not why. */
function isClusterSilent(error: unknown, inner: Error): boolean {
  return error !== inner && error instanceof Error && error.name === "ClusterAllFailedError" && !("code" in inner);
}
