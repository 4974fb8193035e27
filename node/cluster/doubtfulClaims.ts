import type { SessionStore } from "@yonexus/protocol/redis";

interface Doubt {
  readonly identifier: string;
  readonly connectionId: string;
}

/** Beyond this the oldest doubt is left to the sweeps, which end a session without heartbeats. */
const MAX_DOUBTS = 1_000;
const TRY_EVERY_MS = 1_000;
/** Redis may work off a command of a lost connection after one of its successor, so each doubt is settled twice. */
const SETTLE_AGAIN_AFTER_MS = 5_000;

/**
 * Claims whose answer was lost: they may have been made. Their connections are closed, so a session that one of them opened
 * would have no socket; it is ended as soon as Redis answers again.
 */
export class DoubtfulClaims {
  readonly #sessions: Pick<SessionStore, "endOfConnection">;
  readonly #nodeId: string;
  readonly #doubts = new Set<Doubt>();
  #timer: NodeJS.Timeout | undefined;

  constructor(sessions: Pick<SessionStore, "endOfConnection">, nodeId: string) {
    this.#sessions = sessions;
    this.#nodeId = nodeId;
  }

  add(identifier: string, connectionId: string): void {
    const [oldest] = this.#doubts;
    if (this.#doubts.size >= MAX_DOUBTS && oldest !== undefined) this.#doubts.delete(oldest);
    this.#doubts.add({ identifier, connectionId });
    this.#timer ??= setInterval(() => void this.#settle(), TRY_EVERY_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #settle(): Promise<void> {
    for (const doubt of this.#doubts) {
      try {
        await this.#sessions.endOfConnection(doubt.identifier, this.#nodeId, doubt.connectionId);
      } catch {
        // Redis is still away: the next round tries again.
        return;
      }
      this.#doubts.delete(doubt);
      setTimeout(() => {
        this.#sessions
          .endOfConnection(doubt.identifier, this.#nodeId, doubt.connectionId)
          .catch(() => this.add(doubt.identifier, doubt.connectionId));
      }, SETTLE_AGAIN_AFTER_MS).unref();
    }
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
