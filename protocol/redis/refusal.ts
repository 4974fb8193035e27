import { innermost } from "./innermostError.ts";
import { inEnvironment, type SettingNames } from "./settingNames.ts";

/** Redis answered, and would not do it. */
export interface RedisRefusal {
  /** The password: it does nothing for us. The server: it refuses all commands of a kind. The command: this one alone. */
  readonly concerns: "password" | "server" | "command";
  /** What is the matter: a clause without its end, for people. */
  readonly found: string;
  /** What to do about it: a sentence. */
  readonly mend: string;
}

/** By the word that the reply begins with. @param url what the reader calls the setting of the URL. */
const refusalsAt = (url: string): Readonly<Record<string, RedisRefusal>> => ({
  OOM: {
    concerns: "server",
    found: "Redis has used up its maxmemory and refuses to write",
    mend: "Raise maxmemory in redis.conf, or give Redis a machine with more memory.",
  },
  READONLY: {
    concerns: "server",
    found: "Redis is a read-only replica and refuses to write",
    mend: `Let ${url} name the primary.`,
  },
  MISCONF: {
    concerns: "server",
    found: "Redis cannot save to its disk and refuses to write",
    mend: "Make room on its disk, and see the log of Redis.",
  },
  NOREPLICAS: {
    concerns: "server",
    found: "Redis has too few replicas and refuses to write",
    mend: "Start its replicas, or lower min-replicas-to-write in redis.conf.",
  },
  NOAUTH: { concerns: "password", found: "Redis asks for a password", mend: `Put its password into ${url}.` },
  WRONGPASS: { concerns: "password", found: "Redis refuses the password", mend: `Check ${url}.` },
  NOPERM: {
    concerns: "server",
    found: "Redis does not allow its user to do this",
    mend: `Give the user of ${url} all commands and the keys under the prefix, or name another user.`,
  },
  LOADING: { concerns: "server", found: "Redis is still loading its data", mend: "Wait until it has." },
  BUSY: { concerns: "server", found: "Redis is busy with a script", mend: "Wait, or see the log of Redis." },
  MASTERDOWN: {
    concerns: "server",
    found: "Redis is a replica that has lost its primary",
    mend: `Let ${url} name the primary.`,
  },
  CLUSTERDOWN: {
    concerns: "server",
    found: "The Redis Cluster has lost some of its servers",
    mend: "Start them, or mend the cluster.",
  },
});

/**
 * What a refusal means, by its reply; undefined for an error of the connection, or of anything but Redis.
 * @param setting what the reader calls a setting; as in the environment unless given.
 */
export function explainRefusal(error: unknown, setting: SettingNames = inEnvironment): RedisRefusal | undefined {
  const reply = innermost(error);
  if (reply?.name !== "ReplyError") return undefined;
  const [word = ""] = reply.message.split(" ", 1);
  return (
    refusalsAt(setting("redisUrl"))[word] ?? {
      concerns: "command",
      found: `Redis refuses: ${clause(reply)}`,
      mend: "See the log of Redis.",
    }
  );
}

/** The reason that says something, without a full stop, for people. An error that only says that there was no answer is undefined. */
export function outageReason(error: unknown): string | undefined {
  const inner = innermost(error);
  if (inner === undefined || SILENCE.some((text) => inner.message.startsWith(text))) return undefined;
  return clause(inner);
}

/** How ioredis says that a command got no answer. */
const SILENCE = ["Stream isn't writeable", "Connection is closed", "Command timed out", "connect ETIMEDOUT"];

function clause(error: Error): string {
  return error.message.replace(/\.$/u, "") || error.name;
}
