import { createHash, randomBytes } from "node:crypto";
import { redisNow } from "./clock.ts";
import type { RedisConnection } from "./connection.ts";
import type { Keys } from "./keys.ts";
import { runScript } from "./scripts.ts";

/** A link that was made: whoever has the token may sign in with it, once. */
export interface ConsoleLink {
  readonly token: string;
  /** Redis time (ms). */
  readonly expiresAt: number;
}

/** A person's session of the console. */
export interface ConsoleSession {
  /** Names it in Redis, and is no secret. */
  readonly hash: string;
  /** Who asked for its link. */
  readonly by: string;
  /** Redis time (ms); later with each use. */
  readonly expiresAt: number;
}

export type OpenedConsoleSession =
  | { readonly outcome: "opened"; readonly token: string; readonly session: ConsoleSession }
  | { readonly outcome: "unknown" | "used" | "expired" };

/** What is written down of a decision made in the console, or of an attempt at one. */
export interface ConsoleNote {
  readonly event: "approved" | "denied" | "refused";
  readonly by: string;
  readonly address: string;
  readonly identifier?: string;
  readonly fingerprint?: string;
  /** Why it changed nothing. */
  readonly reason?: string;
}

export interface ConsoleAuditEntry {
  readonly id: string;
  /** Redis time (ms). */
  readonly at: number;
  readonly event: string;
  readonly details: Readonly<Record<string, string>>;
}

export interface ConsoleTimes {
  readonly linkMs: number;
  readonly sessionMs: number;
}

const TIMES: ConsoleTimes = { linkMs: 300_000, sessionMs: 12 * 3_600_000 };
/** A link that is over is remembered for so long, to say what became of it (ms). */
const LINK_MEMORY_MS = 3_600_000;
const MAX_LINKS = 32;
const MAX_SESSIONS = 64;
/** The end of a session is not written anew for less (ms). */
const SLACK_MS = 60_000;
const MAX_AUDIT = 1_000;
const TOKEN_BYTES = 32;

/**
 * Who may use the operator's console: one-time links, and the sessions they are exchanged for. Tokens are random, 256 bits, and
 * kept as their SHA-256: what is read in Redis lets nobody in. Any coordinator takes any session.
 */
export class ConsoleAccess {
  readonly #redis: RedisConnection;
  readonly #keys: Keys;
  readonly #times: ConsoleTimes;

  constructor(redis: RedisConnection, keys: Keys, times: ConsoleTimes = TIMES) {
    this.#redis = redis;
    this.#keys = keys;
    this.#times = times;
  }

  /** @param by who asks for it, as the audit names whoever signs in with it. */
  async addLink(by: string): Promise<ConsoleLink> {
    const token = newToken();
    const reply = await runScript(
      this.#redis,
      "addConsoleLink",
      [this.#keys.consoleLinks],
      [hashOf(token), this.#times.linkMs, LINK_MEMORY_MS, MAX_LINKS, nameOf(by)],
    );
    reply.outcome("added");
    return { token, expiresAt: reply.number(1) };
  }

  /** Exchanges a link's token for a session's. */
  async open(linkToken: string, address: string): Promise<OpenedConsoleSession> {
    const token = newToken();
    const hash = hashOf(token);
    const reply = await runScript(
      this.#redis,
      "openConsoleSession",
      [this.#keys.consoleLinks, this.#keys.consoleSessions, this.#keys.consoleAudit],
      [hashOf(linkToken), hash, this.#times.sessionMs, MAX_SESSIONS, address],
    );
    const outcome = reply.outcome("opened", "unknown", "used", "expired");
    if (outcome !== "opened") return { outcome };
    return { outcome, token, session: { hash, expiresAt: reply.number(1), by: reply.text(2) } };
  }

  /** The session of a token, which lasts longer by this; undefined when there is none, or none any more. */
  async use(token: string): Promise<ConsoleSession | undefined> {
    const hash = hashOf(token);
    const args = [hash, this.#times.sessionMs, Math.min(SLACK_MS, this.#times.sessionMs / 10)];
    const reply = await runScript(this.#redis, "useConsoleSession", [this.#keys.consoleSessions], args);
    if (reply.outcome("live", "none") === "none") return undefined;
    return { hash, expiresAt: reply.number(1), by: reply.text(2) };
  }

  /** Which of these sessions there still are. Their ends do not move. */
  async living(hashes: readonly string[]): Promise<ReadonlySet<string>> {
    if (hashes.length === 0) return new Set();
    const [values, now] = await Promise.all([
      this.#redis.hmget(this.#keys.consoleSessions, ...hashes),
      redisNow(this.#redis),
    ]);
    return new Set(hashes.filter((_, index) => Number(values[index]?.split(" ", 1)[0] ?? 0) > now));
  }

  /** Signs out the session of a token. */
  async end(token: string): Promise<void> {
    await this.#end(hashOf(token), "");
  }

  /** Signs everybody out; links that were not used yet are void too. @returns how many sessions there were. */
  async endAll(by: string): Promise<number> {
    return this.#end("", nameOf(by));
  }

  async note({ event, ...details }: ConsoleNote): Promise<void> {
    const fields = Object.entries({ event, ...details }).flatMap(([name, value]) => [name, value ?? ""]);
    await this.#redis.xadd(this.#keys.consoleAudit, "MAXLEN", MAX_AUDIT, "*", ...fields);
  }

  /** What happened last, newest first. */
  async audit(limit: number): Promise<ConsoleAuditEntry[]> {
    const entries = await this.#redis.xrevrange(this.#keys.consoleAudit, "+", "-", "COUNT", limit);
    return entries.map(([id, fields]) => {
      const { event = "", ...details } = Object.fromEntries(pairs(fields));
      return { id, at: Number(id.split("-", 1)[0]), event, details };
    });
  }

  /** Says where this process serves the console, until it must be said again. @param leaseMs for how long. */
  async announce(url: string, leaseMs: number): Promise<void> {
    const now = await redisNow(this.#redis);
    await Promise.all([
      this.#redis.zadd(this.#keys.consolePlaces, now + leaseMs, url),
      this.#redis.zremrangebyscore(this.#keys.consolePlaces, "-inf", now),
    ]);
  }

  /** Where the console is served now, the one that was announced last first. */
  async places(): Promise<string[]> {
    const now = await redisNow(this.#redis);
    const found = await this.#redis.zrange(this.#keys.consolePlaces, `(${now}`, "+inf", "BYSCORE");
    return found.reverse();
  }

  async #end(hash: string, by: string): Promise<number> {
    const names = [this.#keys.consoleLinks, this.#keys.consoleSessions, this.#keys.consoleAudit];
    const reply = await runScript(this.#redis, "endConsoleSessions", names, [hash, by]);
    reply.outcome("ended");
    return reply.number(1);
  }
}

function newToken(): string {
  return randomBytes(TOKEN_BYTES).toString("base64url");
}

function hashOf(token: string): string {
  return createHash("sha256").update(token).digest("base64url");
}

/** A person's name as it is kept: on one line, and short. */
function nameOf(by: string): string {
  return by.replace(/[^\p{L}\p{N}@._ -]/gu, "").slice(0, 64) || "unknown";
}

function* pairs(fields: readonly string[]): Generator<[string, string]> {
  for (let index = 0; index + 1 < fields.length; index += 2) yield [fields[index] ?? "", fields[index + 1] ?? ""];
}
