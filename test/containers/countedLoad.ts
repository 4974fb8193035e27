import { createFollower, createMemoryState, type Follower } from "@yonexus/protocol/client";
import { type Cluster, openCluster } from "@yonexus/protocol/redis";
import { pairedState } from "../support/pairedState.ts";
import type { Stores } from "../support/stores.ts";
import { waitFor } from "../support/waitFor.ts";
import { type MessageCounts, MessageLedger } from "./messageLedger.ts";

export interface LoadPlace {
  /** Where followers connect: the balancer. */
  readonly url: string;
  readonly redisUrl: string;
  /** Of the same cluster, with its master key. */
  readonly stores: Stores;
}

export interface LoadCounts {
  /** Queued to followers. */
  readonly down: MessageCounts;
  /** Sent by followers. */
  readonly up: MessageCounts;
  /** Connections that ended, and were made again. */
  readonly reconnects: number;
}

const RULE = "counted";
/** Between two messages of one follower, each way (ms). */
const PACE_MS = 250;
const ALL_HANDLED_WITHIN_MS = 60_000;

/**
 * Followers that are sent queued messages and send messages, all the time. Each is counted where it is promised and where it is
 * handled. One whose answer does not come is sent again under its id, as a program of an operator's would.
 */
export class CountedLoad {
  readonly #followers: ReadonlyMap<string, Follower>;
  readonly #cluster: Cluster;
  readonly #down = new MessageLedger();
  readonly #up = new MessageLedger();
  #reconnects = 0;
  #stopping = false;
  #running: Promise<unknown> = Promise.resolve();

  private constructor(cluster: Cluster, followers: ReadonlyMap<string, Follower>) {
    this.#cluster = cluster;
    this.#followers = followers;
  }

  /** Pairs so many followers, connects them, and begins. Resolves when all have a session and messages go both ways. */
  static async start({ url, redisUrl, stores }: LoadPlace, count: number): Promise<CountedLoad> {
    const followers = new Map<string, Follower>();
    for (let index = 0; index < count; index++) {
      const identifier = `load-${index}`;
      const state = createMemoryState(await pairedState(stores, identifier));
      followers.set(identifier, createFollower({ url, identifier, state, reconnect: { minMs: 100, maxMs: 1_000 } }));
    }
    const load = new CountedLoad(await openCluster({ redisUrl }), followers);
    await load.#begin();
    return load;
  }

  /** Both directions so far. */
  get counts(): LoadCounts {
    return { down: this.#down.counts, up: this.#up.counts, reconnects: this.#reconnects };
  }

  /** Sends nothing more, waits until nothing is missing any more or the time is over, and closes everything. */
  async finish(): Promise<LoadCounts> {
    this.#stopping = true;
    await this.#running;
    const { down, up } = this.counts;
    await waitFor(
      `${down.promised + up.promised} messages to be handled`,
      () => this.#down.counts.lost.length + this.#up.counts.lost.length === 0,
      ALL_HANDLED_WITHIN_MS,
      // What is missing then is in the counts.
    ).catch(() => {});
    await Promise.all([...this.#followers.values()].map((follower) => follower.close()));
    await this.#cluster.close();
    return this.counts;
  }

  async #begin(): Promise<void> {
    await this.#cluster.registerRule(RULE, ({ content }) => this.#up.handle(content));
    for (const follower of this.#followers.values()) {
      follower.onMessage((_rule, content) => this.#down.handle(content));
      follower.on("disconnected", () => {
        this.#reconnects += 1;
      });
    }
    await Promise.all([...this.#followers.values()].map((follower) => follower.connect()));
    const loops = [...this.#followers].flatMap(([identifier, follower]) => [
      this.#repeat(`down-${identifier}`, this.#down, async (id) => this.#sendDown(identifier, id)),
      this.#repeat(`up-${identifier}`, this.#up, async (id) => this.#sendUp(follower, id)),
    ]);
    this.#running = Promise.all(loops);
    await waitFor("messages to go both ways", () => this.#down.counts.handled > 0 && this.#up.counts.handled > 0);
  }

  async #repeat(name: string, ledger: MessageLedger, send: (id: string) => Promise<boolean>): Promise<void> {
    for (let number = 0; !this.#stopping; number++) {
      const id = `${name}-${number}`;
      // The id is promised as soon as the answer says so, and asked for until then.
      while (!(await send(id).catch(() => false))) await pause();
      ledger.promise(id);
      await pause();
    }
  }

  async #sendDown(identifier: string, id: string): Promise<boolean> {
    const how = { delivery: "queued", messageId: id, waitFor: "queued" } as const;
    const { result } = await this.#cluster.sendMessageToClient(identifier, `${RULE}::${id}`, how);
    return result === "queued" || result === "delivered";
  }

  async #sendUp(follower: Follower, id: string): Promise<boolean> {
    return (await follower.send(RULE, id, { id })).reached === "accepted";
  }
}

async function pause(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, PACE_MS));
}
