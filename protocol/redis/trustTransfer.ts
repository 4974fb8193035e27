import { decodeBase64Strict, keyFingerprint, LIMITS } from "../wire/basics.ts";
import type { RedisConnection } from "./connection.ts";
import { RecordError, UnsealError } from "./errors.ts";
import type { Keys } from "./keys.ts";
import { runScript } from "./scripts.ts";
import type { Keyring } from "./sealing.ts";
import { TrustStore } from "./trustStore.ts";
import { endVoidPairings } from "./voidPairings.ts";

/** A follower as it is carried from one cluster to another. `secret` is one: it is sealed before it leaves a process. */
export interface CarriedTrust {
  readonly identifier: string;
  readonly allowed: boolean;
  /** Present when the follower is paired. */
  readonly pairing?: {
    /** Base64 of the raw Ed25519 key. */
    readonly publicKey: string;
    readonly secret: string;
    /** Unix ms. */
    readonly pairedAt?: number;
  };
}

/** In what a follower's trust here is another one than the one that is brought. */
export type TrustDifference =
  /** Who may pair and connect. */
  | "allowed"
  | "key"
  | "secret"
  /** An operator, or an unsafe proof, cleared the trust here. */
  | "cleared"
  /** The secret here does not open, so that nobody can tell. */
  | "unreadable";

/** What an import would do. `new`: unknown here. `paired`: known here, and not paired yet. `same`: nothing. */
export interface TrustComparison {
  readonly kind: "new" | "paired" | "same" | "different";
  /** Of `different`. */
  readonly differences: readonly TrustDifference[];
  /** Key and secret are written, and not only the place on the allowlist. */
  readonly bringsPairing: boolean;
  /** What it was compared with: an import does nothing when that changed. */
  readonly version: string;
  readonly allowed: "1" | "0" | "";
}

export type ImportOutcome =
  /** `closedOn`: the node of the session that the old trust had let in, which was told to close it. */
  | { readonly outcome: "imported"; readonly closedOn?: string }
  /** The trust here changed since it was compared. Nothing was done. */
  | { readonly outcome: "changed" };

const PAGE = 200;

/** Carries allowlist, keys and secrets out of a cluster and into one. */
export class TrustTransfer {
  readonly #redis: RedisConnection;
  readonly #keys: Keys;
  readonly #trust: TrustStore;

  /** @param keyring opens the secrets of this cluster, and seals those that are brought. */
  constructor(redis: RedisConnection, keys: Keys, keyring: Keyring) {
    this.#redis = redis;
    this.#keys = keys;
    this.#trust = new TrustStore(redis, keys, keyring);
  }

  /** Every follower that was ever allowed, in lexical order. @throws UnsealError that names the follower. */
  async *carryOut(): AsyncGenerator<CarriedTrust> {
    let from = "-";
    for (;;) {
      const identifiers = await this.#redis.zrange(this.#keys.followers, from, "+", "BYLEX", "LIMIT", 0, PAGE);
      const page = await Promise.all(identifiers.map(async (identifier) => this.#read(identifier)));
      yield* page.filter((trust) => trust !== undefined);
      const last = identifiers.at(-1);
      if (last === undefined || identifiers.length < PAGE) return;
      from = `(${last}`;
    }
  }

  /** What an import of this follower would do. It changes nothing. */
  async compare({ identifier, allowed, pairing }: CarriedTrust): Promise<TrustComparison> {
    const [isAllowed, storedVersion, publicKey, sealedSecret, clearedAt] = await this.#redis.hmget(
      this.#keys.follower(identifier).trust,
      "allowed",
      "version",
      "publicKey",
      "sealedSecret",
      "clearedAt",
    );
    const here = { version: storedVersion ?? "", allowed: readFlag(isAllowed) };
    const brings = pairing !== undefined;
    if (here.version === "" && here.allowed === "") {
      // One that may not pair and has no key is as good as unknown.
      return { ...here, kind: allowed || brings ? "new" : "same", differences: [], bringsPairing: brings };
    }
    const differences: TrustDifference[] = [];
    if ((here.allowed === "1") !== allowed) differences.push("allowed");
    let adds = false;
    if (pairing !== undefined) {
      if (publicKey === null || publicKey === undefined) {
        if (clearedAt === null || clearedAt === undefined) adds = true;
        else differences.push("cleared");
      } else if (publicKey !== pairing.publicKey) {
        differences.push("key");
      } else {
        differences.push(...this.#secretDifference(identifier, sealedSecret ?? "", pairing.secret));
      }
    }
    const bringsPairing = adds || differences.some((difference) => difference !== "allowed");
    if (differences.length > 0) return { ...here, kind: "different", differences, bringsPairing };
    return { ...here, kind: adds ? "paired" : "same", differences, bringsPairing };
  }

  /**
   * Does what the comparison said, in one step, unless the trust changed since. A session that the old trust had let in ends, and
   * so do the pairings that wait. @param by who brings it, for the audit. @throws RecordError when the key is none: nothing was changed.
   */
  async carryIn(
    { identifier, allowed, pairing }: CarriedTrust,
    compared: TrustComparison,
    by: string,
  ): Promise<ImportOutcome> {
    const brought = compared.bringsPairing ? pairing : undefined;
    const raw = brought === undefined ? undefined : decodeBase64Strict(brought.publicKey, LIMITS.publicKeyBytes);
    if (brought !== undefined && raw === undefined)
      throw new RecordError(`The key of ${identifier} is no Ed25519 key.`);
    const own = this.#keys.follower(identifier);
    // The index first: stopped in between, it finds a follower that is not allowed yet, which is harmless.
    await this.#redis.zadd(this.#keys.followers, 0, identifier);
    const reply = await runScript(
      this.#redis,
      "importTrust",
      [own.trust, own.session, own.audit],
      [
        identifier,
        compared.version,
        compared.allowed,
        allowed ? 1 : 0,
        brought?.publicKey ?? "",
        brought === undefined ? "" : this.#trust.sealSecret(identifier, brought.secret),
        raw === undefined ? "" : keyFingerprint(raw),
        Math.floor(brought?.pairedAt ?? 0),
        this.#keys.nodeChannelPrefix,
        this.#keys.events,
        by,
      ],
    );
    if (reply.outcome("imported", "changed") === "changed") return { outcome: "changed" };
    if (brought !== undefined || !allowed) await endVoidPairings(this.#redis, this.#keys, identifier);
    const node = reply.text(1);
    return { outcome: "imported", ...(node === "" ? {} : { closedOn: node }) };
  }

  async #read(identifier: string): Promise<CarriedTrust | undefined> {
    const [allowed, publicKey, sealedSecret, pairedAt] = await this.#redis.hmget(
      this.#keys.follower(identifier).trust,
      "allowed",
      "publicKey",
      "sealedSecret",
      "pairedAt",
    );
    // The index may name one that nothing stands behind.
    if (allowed === null || allowed === undefined) return undefined;
    if (!publicKey || !sealedSecret) return { identifier, allowed: allowed === "1" };
    return {
      identifier,
      allowed: allowed === "1",
      pairing: {
        publicKey,
        secret: this.#open(identifier, sealedSecret),
        ...(pairedAt === null || pairedAt === undefined ? {} : { pairedAt: Number(pairedAt) }),
      },
    };
  }

  #secretDifference(identifier: string, sealedSecret: string, secret: string): TrustDifference[] {
    try {
      return this.#trust.openSecret(identifier, sealedSecret) === secret ? [] : ["secret"];
    } catch (error) {
      if (error instanceof UnsealError) return ["unreadable"];
      throw error;
    }
  }

  #open(identifier: string, sealedSecret: string): string {
    try {
      return this.#trust.openSecret(identifier, sealedSecret);
    } catch (error) {
      if (!(error instanceof UnsealError)) throw error;
      throw new UnsealError(`The secret of ${identifier} cannot be read. ${error.message}`, { cause: error });
    }
  }
}

function readFlag(allowed: string | null | undefined): "1" | "0" | "" {
  if (allowed === "1") return "1";
  return allowed === null || allowed === undefined ? "" : "0";
}
