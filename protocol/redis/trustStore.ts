import type { AdminNotification } from "../wire/index.ts";
import { type AllowlistSource, AllowlistSources, requireSource, SOURCE_KEPT_MS } from "./allowlistSources.ts";
import type { RedisConnection } from "./connection.ts";
import { COORDINATOR_SOURCE, type Keys } from "./keys.ts";
import { runScript } from "./scripts.ts";
import type { Keyring } from "./sealing.ts";
import { endVoidPairings } from "./voidPairings.ts";

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
  /** Whether it is on the allowlist now: only then may it pair again. */
  readonly allowed: boolean;
  /** The node that held the live session, which was told to close it. */
  readonly closedOn?: string;
}

/** Who decides of the allowlist: an operator by hand, which no configuration undoes, or the configuration of that name. */
type Decider = string;
const OPERATOR: Decider = "";

/** Configurations that may name one follower. */
const MAX_SOURCES = 256;
/** The fields of the trust that say which configurations name the follower begin with this. */
const SOURCE_FIELD = "by:";

/** The allowlist and the trust of followers: who may pair, with which key, and which secret both sides share. */
export class TrustStore {
  readonly #redis: RedisConnection;
  readonly #keys: Keys;
  readonly #keyring: Keyring | undefined;
  readonly #sources: AllowlistSources;

  /** @param keyring needed to read and write secrets; a process that only lists does without. */
  constructor(redis: RedisConnection, keys: Keys, keyring?: Keyring) {
    this.#redis = redis;
    this.#keys = keys;
    this.#keyring = keyring;
    this.#sources = new AllowlistSources(redis, keys);
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
      [trustVersion, "sealedSecret", sealedSecret, this.sealSecret(identifier, secret)],
    );
  }

  /**
   * An operator, by a program, forgets key and secret, and ends the live session and the pairings that wait. With `disallow` the
   * identifier leaves the allowlist too, and no configuration lets it in again: only `allow` does.
   */
  async clear(identifier: string, reason: string, options: { disallow: boolean }): Promise<ClearedTrust> {
    const own = this.#keys.follower(identifier);
    const reply = await runScript(
      this.#redis,
      "clearTrust",
      [own.trust, own.session, own.audit],
      [identifier, reason, options.disallow ? 1 : 0, this.#keys.nodeChannelPrefix, this.#keys.events],
    );
    const known = reply.outcome("cleared", "unknown") === "cleared";
    if (known) await endVoidPairings(this.#redis, this.#keys, identifier);
    const node = reply.text(2);
    return {
      known,
      wasPaired: reply.text(1) === "1",
      allowed: reply.text(3) === "1",
      ...(node === "" ? {} : { closedOn: node }),
    };
  }

  /** An operator puts identifiers on the allowlist. Answers those that were not on it. */
  async allow(identifiers: readonly string[]): Promise<string[]> {
    return this.#allow(identifiers, OPERATOR);
  }

  /**
   * An operator takes an identifier off the allowlist, and no configuration lets it in again: only `allow` does. Its live session
   * and the pairings that wait end, its trust stays for when it is allowed again.
   */
  async disallow(identifier: string): Promise<{ changed: boolean; closedOn?: string }> {
    return this.#setAllowed(identifier, false, OPERATOR);
  }

  /**
   * Makes the allowlist follow one of several configurations. A follower is added when the first of them names it, and taken
   * off when the last one names it no longer, if a configuration had added it. What an operator decided stands, whatever names the
   * follower: one that was allowed by hand stays, one that was taken off or revoked stays out.
   *
   * A source that is neither applied nor renewed for 30 days is retired: nobody applies its list any more, and what only that one
   * had let in is taken off. Of a follower that 256 configurations name the one that was longest unrenewed makes room.
   * @param source whose configuration it is: 1 to 64 of `A-Za-z0-9.:_-`. The same at each start, or the last one's names stay for
   *   those 30 days.
   */
  async applyConfigured(
    identifiers: readonly string[],
    source: string,
  ): Promise<{ added: string[]; removed: string[] }> {
    requireSource(source);
    const before = await this.#sources.named(source);
    const wanted = new Set(identifiers);
    // What the configuration did to a follower stands in its trust; the index only finds those followers. So it is written
    // before and shortened after: stopped in between, the next start finds all that is left to do.
    if (identifiers.length > 0) await this.#sources.note(source, identifiers);
    const added = await this.#allow(identifiers, source);
    const gone = before.filter((identifier) => !wanted.has(identifier));
    const removed = await this.#nameNoLonger(gone, source);
    await this.#sources.unlist(source, gone);
    if (identifiers.length === 0) await this.#sources.forget(source);
    return { added, removed };
  }

  /**
   * Says that a configuration is in use still: once an hour is often enough. @returns false when it must be applied again, because
   * the source lapsed or was forgotten, or never named anybody.
   */
  async renewSource(source: string): Promise<boolean> {
    requireSource(source);
    return this.#sources.renew(source);
  }

  /** The configurations that feed the allowlist, the longest unrenewed first, with how many followers each names. */
  async sources(): Promise<(AllowlistSource & { readonly followers: number })[]> {
    return this.#sources.list();
  }

  /**
   * An operator drops a configuration: it is as if it had been applied without a name. One that is in use still comes back when it
   * is next applied. @returns whom that took off the allowlist, and `known: false` for a source that there is not.
   */
  async forgetSource(source: string): Promise<{ known: boolean; removed: string[] }> {
    requireSource(source);
    const named = await this.#sources.named(source);
    const removed = await this.#nameNoLonger(named, source);
    await this.#sources.unlist(source, named);
    const isNoted = await this.#sources.forget(source);
    return { known: isNoted || named.length > 0, removed };
  }

  /** Sources that were not renewed for 30 days, the longest first. The coordinators' own is never among them. */
  async lapsedSources(most: number): Promise<AllowlistSource[]> {
    return this.#sources.lapsed(most);
  }

  /**
   * Takes out a source that lapsed, with what only it had let in. What it named anew since is left alone, and so is the source then.
   * @returns whom that took off the allowlist.
   */
  async retireSource(lapsed: AllowlistSource): Promise<string[]> {
    const named = await this.#sources.named(lapsed.source);
    // What it named since it lapsed it named anew.
    const removed = await this.#nameNoLonger(named, lapsed.source, lapsed.renewedAt + SOURCE_KEPT_MS);
    await this.#sources.retire(lapsed);
    return removed;
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

  /** @returns those that were not on the allowlist. */
  async #allow(identifiers: readonly string[], by: Decider): Promise<string[]> {
    // The index first: stopped in between, it finds a follower that is not allowed yet, which is harmless.
    if (identifiers.length > 0) {
      await this.#redis.zadd(this.#keys.followers, ...identifiers.flatMap((identifier) => [0, identifier]));
    }
    const changed = await Promise.all(
      identifiers.map(async (identifier) => (await this.#setAllowed(identifier, true, by)).changed),
    );
    return identifiers.filter((_, index) => changed[index]);
  }

  /** @param until only what it named until then (ms). @returns whom that took off the allowlist. */
  async #nameNoLonger(identifiers: readonly string[], source: string, until?: number): Promise<string[]> {
    const removed: string[] = [];
    for (const identifier of identifiers) {
      if ((await this.#setAllowed(identifier, false, source, until)).changed) removed.push(identifier);
    }
    return removed;
  }

  async #setAllowed(
    identifier: string,
    allowed: boolean,
    by: Decider,
    until?: number,
  ): Promise<{ changed: boolean; closedOn?: string }> {
    const own = this.#keys.follower(identifier);
    let makesRoom = "";
    for (;;) {
      const reply = await runScript(
        this.#redis,
        "setAllowed",
        [own.trust, own.session, own.audit],
        [
          identifier,
          allowed ? 1 : 0,
          this.#keys.nodeChannelPrefix,
          this.#keys.events,
          by,
          MAX_SOURCES,
          makesRoom,
          until ?? "",
        ],
      );
      const outcome = reply.outcome("changed", "unchanged", "named_since", "too_many_sources");
      if (outcome === "too_many_sources") {
        makesRoom = await this.#sources.oldest(reply.texts(1));
        continue;
      }
      const changed = outcome === "changed";
      if (changed && !allowed) await endVoidPairings(this.#redis, this.#keys, identifier);
      const node = reply.text(1);
      return { changed, ...(node === "" ? {} : { closedOn: node }) };
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
