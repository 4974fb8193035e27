import type { NodeCommand } from "@yonexus/protocol/redis";
import type { Connection } from "./session/connection.ts";
import type { ReportDelivery } from "./session/outbox.ts";
import type { Session } from "./session/session.ts";

/** Commands that may wait for a claim of their follower to come back. */
const MAX_HELD_COMMANDS = 256;

interface ExpectedSession {
  claims: number;
  readonly held: NodeCommand[];
  /** The newest session whose queue changed meanwhile. What changed, its session reads for itself. */
  queueEpoch: number;
}

/**
 * The hub: this node's connections and sessions, one an identifier. What the cluster says of a follower goes to its
 * session, by epoch. The cluster can be quicker than the answer to our own claim: while one is under way, what is not for
 * an older session waits for it.
 */
export class SessionManager {
  readonly #connections = new Map<string, Connection>();
  readonly #sessions = new Map<string, Connection>();
  readonly #expected = new Map<string, ExpectedSession>();
  readonly #reportDelivery: ReportDelivery;
  readonly #holdsLease: () => boolean;

  /**
   * @param reportDelivery hears what became of a message. @param holdsLease false when the node may count as dead by now: its
   * sessions may be somebody else's, and the senders of what it finds on its channel have given up on it.
   */
  constructor(reportDelivery: ReportDelivery, holdsLease: () => boolean) {
    this.#reportDelivery = reportDelivery;
    this.#holdsLease = holdsLease;
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  get sessionCount(): number {
    return this.#sessions.size;
  }

  connections(): IterableIterator<Connection> {
    return this.#connections.values();
  }

  sessions(): IterableIterator<Connection> {
    return this.#sessions.values();
  }

  add(connection: Connection): void {
    this.#connections.set(connection.connectionId, connection);
  }

  remove(connection: Connection): void {
    this.#connections.delete(connection.connectionId);
    const { session } = connection;
    if (session !== undefined) this.closeSession(connection, session.identifier);
  }

  /** The connection's session is open. An older one of the same follower on this node is closed. */
  openSession(connection: Connection, session: Session): void {
    const previous = this.#sessions.get(session.identifier);
    this.#sessions.set(session.identifier, connection);
    previous?.apply({ type: "closeOrdered", reason: "session_replaced", upToEpoch: session.epoch - 1 });
  }

  /** False when the follower's session on this node is another connection's by now, or none. */
  closeSession(connection: Connection, identifier: string): boolean {
    return this.#sessions.get(identifier) === connection && this.#sessions.delete(identifier);
  }

  /** Whether a claim for the identifier is under way. */
  expectsSession(identifier: string): boolean {
    return this.#expected.has(identifier);
  }

  /** A claim for the identifier is under way. Call the result when the connection knows how it ended. */
  expectSession(identifier: string): () => void {
    const expected = this.#expected.get(identifier) ?? { claims: 0, held: [], queueEpoch: 0 };
    expected.claims += 1;
    this.#expected.set(identifier, expected);
    return () => {
      expected.claims -= 1;
      if (expected.claims > 0) return;
      this.#expected.delete(identifier);
      for (const command of expected.held) this.handle(command);
      const connection = this.#sessions.get(identifier);
      if (connection?.session?.epoch === expected.queueEpoch) connection.session.queueChanged();
    };
  }

  /** What the node was told on its channel. */
  handle(command: NodeCommand): void {
    switch (command.kind) {
      case "pairing":
        this.#connections
          .get(command.connectionId)
          ?.apply({ type: "pairingNews", pairingId: command.pairingId, result: command.result });
        return;
      case "canary":
        return;
      case "batch":
        for (const delivery of command.deliveries) this.handle(delivery);
        return;
      case "deliver":
      case "queued":
      case "gaps":
      case "close":
      case "status":
        break;
    }
    const connection = this.#sessions.get(command.identifier);
    const epoch = connection?.session?.epoch ?? 0;
    if (command.epoch > epoch && this.#hold(command)) return;
    switch (command.kind) {
      case "close":
        connection?.apply({ type: "closeOrdered", reason: command.reason, upToEpoch: command.epoch });
        return;
      case "status":
        connection?.apply({ type: "statusDecided", epoch: command.epoch, status: command.status });
        return;
      // For another session than this: its place is the queue.
      case "queued":
        if (epoch === command.epoch) connection?.session?.queued(command);
        return;
      case "gaps":
        if (epoch === command.epoch) connection?.session?.queueChanged();
        return;
      case "deliver":
        if (connection === undefined || epoch !== command.epoch || !this.#holdsLease()) {
          this.#reportDelivery(command, "stale");
        } else {
          connection.deliver(command, this.#reportDelivery);
        }
        return;
    }
  }

  #hold(command: Extract<NodeCommand, { identifier: string }>): boolean {
    const expected = this.#expected.get(command.identifier);
    if (expected === undefined) return false;
    if (command.kind === "queued" || command.kind === "gaps") {
      expected.queueEpoch = Math.max(expected.queueEpoch, command.epoch);
      return true;
    }
    if (expected.held.length >= MAX_HELD_COMMANDS) return false;
    expected.held.push(command);
    return true;
  }
}
