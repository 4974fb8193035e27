import type { TrustStore } from "@yonexus/protocol/redis";
import type { HostLogger } from "./host.ts";

/** A source counts for 30 days after it was last renewed: a gateway that runs says so this often (ms). */
const RENEW_EVERY_MS = 3_600_000;

/**
 * The cluster's allowlist follows what `followerIdentifiers` says, for as long as the gateway runs. Without that setting the allowlist
 * stays as it is: whom an earlier one let in is not taken off for want of a gateway that names them.
 */
export class GatewayAllowlist {
  readonly #trust: Pick<TrustStore, "applyConfigured" | "renewSource">;
  readonly #identifiers: readonly string[] | undefined;
  readonly #source: string;
  readonly #logger: HostLogger;
  #timer: NodeJS.Timeout | undefined;

  /** @param source names this gateway among those that feed the allowlist. */
  constructor(
    trust: Pick<TrustStore, "applyConfigured" | "renewSource">,
    identifiers: readonly string[] | undefined,
    source: string,
    logger: HostLogger,
  ) {
    this.#trust = trust;
    this.#identifiers = identifiers;
    this.#source = source;
    this.#logger = logger;
  }

  /** @throws the error of Redis. */
  async apply(): Promise<void> {
    if (this.#identifiers === undefined) {
      await this.#trust.renewSource(this.#source);
      return;
    }
    const { added, removed } = await this.#trust.applyConfigured(this.#identifiers, this.#source);
    if (added.length > 0) this.#logger.info(`Let in by followerIdentifiers: ${added.join(", ")}.`);
    if (removed.length > 0)
      this.#logger.info(
        `Taken off the allowlist, since followerIdentifiers names them no longer: ${removed.join(", ")}.`,
      );
  }

  /** Keeps it in use. One that was dropped meanwhile is applied again: its configuration still says so. */
  keep(everyMs = RENEW_EVERY_MS): void {
    if (this.#identifiers?.length === 0) return;
    this.#timer ??= setInterval(() => void this.#renew(), everyMs).unref();
  }

  /** No try begins after this; one under way ends with its connection. */
  stop(): void {
    clearInterval(this.#timer);
  }

  async #renew(): Promise<void> {
    try {
      const isInUse = await this.#trust.renewSource(this.#source);
      if (!isInUse && this.#identifiers !== undefined) await this.apply();
    } catch {
      // Redis is away, which is told elsewhere: the next time is early enough by weeks.
    }
  }
}
