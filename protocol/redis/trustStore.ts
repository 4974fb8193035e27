import type { AdminNotification } from "../wire/index.ts";
import type { RedisConnection } from "./connection.ts";
import { ConfigurationLimitError } from "./errors.ts";
import { COORDINATOR_SOURCE, type Keys } from "./keys.ts";
import { runScript } from "./scripts.ts";
import type { Keyring } from "./sealing.ts";

/** What a hello is answered from: read in one round trip. Instants are Redis time in ms. */
export interface FollowerLookup {
  readonly now: number;
  readonly allowed: boolean;
  /** Rises with every change of the trust; a proof is claimed against the version it was checked with. */
  readonly trustVersion: string;
  /** Present when the follower is paired. */
  readonly trust?: Trust;
  /** The pending pairing of the key in the hello. */
  readonly pairing?: { readonly pairingId: string; readonly expiresAt: number; readonly notice: AdminNotification };
}

export interface Trust {
  /** Base64 of the raw Ed25519 key. */
  readonly publicKey: string;
  readonly sealedSecret: string;
  /** The sealed secret that the last pairing replaced: it tells an old copy of a follower's state from a forgery. */
  readonly previousSealedSecret?: string;
}

export interface ClearedTrust {
  readonly known: boolean;
  readonly wasPaired: boolean;
  /** The node that held the live session, which was told to close it. */
  readonly closedOn?: string;
}

/** Who decides of the allowlist: an operator by hand, which no configuration undoes, or the configuration of that name. */
type Decider = string;
const OPERATOR: Decider = "";

/** Configurations that may name one follower. */
const MAX_SOURCES = 64;
/** A name goes into the name of a key and of a field. */
const SOURCE = /^[A-Za-z0-9.:_-]{1,64}$/u;
/** The fields of the trust that say which configurations name the follower begin with this. */
const SOURCE_FIELD = "by:";

/** The allowlist and the trust of followers: who may pair, with which key, and which secret both sides share. */
export class TrustStore {
  readonly #redis: RedisConnection;
  readonly #keys: Keys;
  readonly #keyring: Keyring | undefined;

  /** @param keyring needed to read and write secrets; a process that only lists does without. */
  constructor(redis: RedisConnection, keys: Keys, keyring?: Keyring) {
    this.#redis = redis;
    this.#keys = keys;
    this.#keyring = keyring;
  }

  /** @param fingerprint of the key in the hello, or undefined when it named none. */
  async lookup(identifier: string, fingerprint: string | undefined): Promise<FollowerLookup> {
    const own = this.#keys.follower(identifier);
    const pairing = this.#keys.pairing(identifier, fingerprint ?? "none");
    const reply = await runScript(this.#redis, "lookupFollower", [own.trust, pairing], []);
    const publicKey = reply.text(4);
    const previous = reply.text(6);
    return {
      now: reply.number(1),
      allowed: reply.text(2) === "1",
      trustVersion: reply.text(3),
      ...(publicKey === ""
        ? {}
        : {
            trust: {
              publicKey,
              sealedSecret: reply.text(5),
              ...(previous === "" ? {} : { previousSealedSecret: previous }),
            },
          }),
      ...(reply.text(7) === ""
        ? {}
        : {
            pairing: {
              pairingId: reply.text(7),
              expiresAt: reply.number(8),
              notice: reply.text(9) === "sent" ? ("sent" as const) : ("pending" as const),
            },
          }),
    };
  }

  /** @throws UnsealError when this process has not the master key that sealed it. */
  openSecret(identifier: string, sealedSecret: string): string {
    return this.#requireKeyring().open(sealedSecret, secretContext(identifier));
  }

  sealSecret(identifier: string, secret: string): string {
    return this.#requireKeyring().seal(secret, secretContext(identifier));
  }

  /** Seals the secret with the current master key if an older one sealed it, so that the old one can be dropped. */
  async resealIfOld(identifier: string, trustVersion: string, sealedSecret: string, secret: string): Promise<void> {
    if (!this.#requireKeyring().needsResealing(sealedSecret)) return;
    const own = this.#keys.follower(identifier);
    await runScript(
      this.#redis,
      "resealSecret",
      [own.trust],
      [trustVersion, sealedSecret, this.sealSecret(identifier, secret)],
    );
  }

  /** Forgets key and secret, and ends the live session and the pairings that wait. With `disallow` the identifier leaves the allowlist too. */
  async clear(identifier: string, reason: string, options: { disallow: boolean }): Promise<ClearedTrust> {
    const own = this.#keys.follower(identifier);
    const reply = await runScript(
      this.#redis,
      "clearTrust",
      [own.trust, own.session, own.audit],
      [identifier, reason, options.disallow ? 1 : 0, this.#keys.nodeChannelPrefix, this.#keys.events],
    );
    const known = reply.outcome("cleared", "unknown") === "cleared";
    if (known) await this.#endPairings(identifier);
    const node = reply.text(2);
    return { known, wasPaired: reply.text(1) === "1", ...(node === "" ? {} : { closedOn: node }) };
  }

  /** An operator puts identifiers on the allowlist. Answers those that were not on it. */
  async allow(identifiers: readonly string[]): Promise<string[]> {
    return (await this.#allow(identifiers, OPERATOR)).changed;
  }

  /**
   * An operator takes an identifier off the allowlist. Its live session and the pairings that wait end, its trust stays for
   * when it is allowed again.
   */
  async disallow(identifier: string): Promise<{ changed: boolean; closedOn?: string }> {
    const { outcome, ...closed } = await this.#setAllowed(identifier, false, OPERATOR);
    return { changed: outcome === "changed", ...closed };
  }

  /**
   * Makes the allowlist follow one of several configurations. A follower is added when the first of them names it, and taken
   * off when the last one names it no longer, if a configuration had added it. What an operator allowed by hand stays, and so
   * does it that one was taken off: until no configuration names it any more, and one comes back to it.
   * @param source whose configuration it is: 1 to 64 of `A-Za-z0-9.:_-`. The same at each start, or the last one's names stay.
   * @throws ConfigurationLimitError when 64 others name a follower already. Nothing of that one was changed, and all else was done.
   */
  async applyConfigured(
    identifiers: readonly string[],
    source: string,
  ): Promise<{ added: string[]; removed: string[] }> {
    if (!SOURCE.test(source)) {
      throw new TypeError(`${JSON.stringify(source)} names no configuration: give it 1 to 64 of A-Za-z0-9.:_- .`);
    }
    const index = this.#keys.configuredBy(source);
    const before = await this.#redis.smembers(index);
    const wanted = new Set(identifiers);
    // What the configuration did to a follower stands in its trust; the set only finds those followers. So it is written
    // before and shortened after: stopped in between, the next start finds all that is left to do.
    if (identifiers.length > 0) await this.#redis.sadd(index, ...identifiers);
    const { changed: added, refused } = await this.#allow(identifiers, source);
    const gone = before.filter((identifier) => !wanted.has(identifier));
    const removed: string[] = [];
    for (const identifier of gone) {
      if ((await this.#setAllowed(identifier, false, source)).outcome === "changed") removed.push(identifier);
    }
    if (gone.length + refused.length > 0) await this.#redis.srem(index, ...gone, ...refused);
    if (refused.length > 0) throw new ConfigurationLimitError(refused, MAX_SOURCES);
    return { added, removed };
  }

  /** The configurations that name the follower, in lexical order. */
  async configuredBy(identifier: string): Promise<string[]> {
    const fields = await this.#redis.hkeys(this.#keys.follower(identifier).trust);
    if (!fields.includes("configured")) return [];
    const sources = fields
      .filter((field) => field.startsWith(SOURCE_FIELD))
      .map((field) => field.slice(SOURCE_FIELD.length));
    // A record of when there was one configuration names none.
    return sources.length === 0 ? [COORDINATOR_SOURCE] : sources.toSorted();
  }

  async #allow(identifiers: readonly string[], by: Decider): Promise<{ changed: string[]; refused: string[] }> {
    // The index first: stopped in between, it finds a follower that is not allowed yet, which is harmless.
    if (identifiers.length > 0) {
      await this.#redis.zadd(this.#keys.followers, ...identifiers.flatMap((identifier) => [0, identifier]));
    }
    const results = await Promise.all(identifiers.map(async (identifier) => this.#setAllowed(identifier, true, by)));
    const withOutcome = (wanted: string) => identifiers.filter((_, index) => results[index]?.outcome === wanted);
    return { changed: withOutcome("changed"), refused: withOutcome("too_many_sources") };
  }

  async #setAllowed(
    identifier: string,
    allowed: boolean,
    by: Decider,
  ): Promise<{ outcome: "changed" | "unchanged" | "too_many_sources"; closedOn?: string }> {
    const own = this.#keys.follower(identifier);
    const reply = await runScript(
      this.#redis,
      "setAllowed",
      [own.trust, own.session, own.audit],
      [identifier, allowed ? 1 : 0, this.#keys.nodeChannelPrefix, this.#keys.events, by, MAX_SOURCES],
    );
    const outcome = reply.outcome("changed", "unchanged", "too_many_sources");
    if (outcome === "changed" && !allowed) await this.#endPairings(identifier);
    const node = reply.text(1);
    return { outcome, ...(node === "" ? {} : { closedOn: node }) };
  }

  /**
   * Ends the pairings that an operator's decision made void, so that who waits for them is told. They count no longer
   * already: stopped here, a code of theirs is refused all the same.
   */
  async #endPairings(identifier: string): Promise<void> {
    const own = this.#keys.follower(identifier);
    for (const member of await this.#redis.zrange(own.pairings, "0", "-1")) {
      const [fingerprint = ""] = member.split(" ");
      const record = this.#keys.pairing(identifier, fingerprint);
      const pairingId = await this.#redis.hget(record, "pairingId");
      if (pairingId === null) continue;
      const reply = await runScript(
        this.#redis,
        "resolveNotice",
        [own.trust, record, own.pairings, own.notices, own.audit],
        [pairingId, "void", fingerprint, this.#keys.nodeChannelPrefix, ""],
      );
      if (reply.outcome("void", "resolved", "gone") === "void") {
        await this.#redis.zrem(this.#keys.pendingPairings, `${identifier} ${fingerprint}`);
      }
    }
  }

  #requireKeyring(): Keyring {
    if (this.#keyring === undefined) throw new TypeError("This TrustStore was made without a keyring.");
    return this.#keyring;
  }
}

function secretContext(identifier: string): string {
  return `secret ${identifier}`;
}
