import type { Reassertion, SessionStore } from "@yonexus/protocol/redis";
import type { Connection } from "../session/connection.ts";
import type { SessionIndex } from "./sessionIndex.ts";

/** Sessions that are asserted at a time. */
const SLICE = 256;

/**
 * Says to Redis which sessions this node holds, and lets go of those that are not its own any more. After an outage that
 * comes first, before the lease is renewed; now and then it mends indexes that lost an entry and commands that were missed.
 */
export class Reconciler {
  readonly #sessions: SessionStore;
  readonly #index: SessionIndex;
  readonly #nodeId: string;
  readonly #held: () => Iterable<Connection>;

  constructor(sessions: SessionStore, index: SessionIndex, nodeId: string, held: () => Iterable<Connection>) {
    this.#sessions = sessions;
    this.#index = index;
    this.#nodeId = nodeId;
    this.#held = held;
  }

  /** Asserts every session. @throws the connection's error when Redis went away again: then nothing is settled. */
  async reconcile(): Promise<number> {
    const held = [...this.#held()];
    for (let start = 0; start < held.length; start += SLICE) {
      await Promise.all(
        held.slice(start, start + SLICE).map(async (connection) => {
          const reassertion = await this.reassert(connection);
          if (reassertion !== undefined) connection.apply({ type: "reasserted", reassertion });
        }),
      );
    }
    return held.length;
  }

  /** Asserts one session; undefined when the connection has none any more. */
  async reassert(connection: Connection): Promise<Reassertion | undefined> {
    const { session } = connection;
    if (session === undefined) return undefined;
    const { identifier, epoch, trustVersion, authenticatedAt, heardAt } = session;
    const { connectionId, address } = connection;
    const reassertion = await this.#sessions.reassert(
      { identifier, epoch, trustVersion, authenticatedAt, connectionId, address, nodeId: this.#nodeId },
      performance.now() - heardAt,
    );
    if (reassertion.outcome === "kept") this.#index.asserted(identifier, reassertion.lastHeartbeatAt);
    return reassertion;
  }
}
