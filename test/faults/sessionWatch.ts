import type { Stores } from "../support/stores.ts";
import type { Ownership } from "./history.ts";

const EVERY_MS = 100;

/** Looks all the time who owns the followers' sessions. An ownership that is over between two looks stays unseen. */
export class SessionWatch {
  readonly #stores: Stores;
  readonly #followers: readonly string[];
  readonly #seen = new Map<string, Ownership>();
  #timer: NodeJS.Timeout | undefined;

  constructor(stores: Stores, followers: readonly string[]) {
    this.#stores = stores;
    this.#followers = followers;
    this.#again();
  }

  get ownerships(): Ownership[] {
    return [...this.#seen.values()];
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Which of the followers have no live session. @throws the connection's error. */
  async absent(): Promise<string[]> {
    const states = await this.#look();
    return this.#followers.filter((_, index) => states[index] !== "online");
  }

  #again(): void {
    this.#timer = setTimeout(() => {
      // While Redis is away there is nothing to see.
      this.#look()
        .catch(() => undefined)
        .finally(() => this.#timer !== undefined && this.#again());
    }, EVERY_MS);
  }

  async #look(): Promise<(string | null | undefined)[]> {
    const { redis, keys } = this.#stores;
    return Promise.all(
      this.#followers.map(async (follower) => {
        const fields = ["epoch", "nodeId", "authenticatedAt", "status"] as const;
        const [epoch, nodeId, claimedAt, status] = await redis.hmget(keys.follower(follower).session, ...fields);
        const ownership = { follower, epoch: Number(epoch), nodeId: nodeId ?? "", claimedAt: Number(claimedAt) };
        if (ownership.epoch > 0) this.#seen.set(`${follower} ${ownership.epoch}`, ownership);
        return status;
      }),
    );
  }
}
