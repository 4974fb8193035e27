import type { Logger } from "@yonexus/protocol/log";
import { type Receipt, RecordError, type RuleStore, type SessionStore, UnsealError } from "@yonexus/protocol/redis";
import type { Admission, Place } from "../admission.ts";
import type { ClusterClock } from "../cluster/clusterClock.ts";
import type { Reconciler } from "../cluster/reconciler.ts";
import type { SessionIndex } from "../cluster/sessionIndex.ts";
import { dispatch, UnansweredAppendError } from "../handlers/application.ts";
import { type AuthRequestServices, judgeProof } from "../handlers/authRequest.ts";
import { recordBeat } from "../handlers/heartbeat.ts";
import { type HelloServices, lookUp, openPairing, type Waiter } from "../handlers/hello.ts";
import { confirmPairing, type PairConfirmServices } from "../handlers/pairConfirm.ts";
import { grantPairing, type PairGrantServices } from "../handlers/pairGrant.ts";
import type { Connection } from "../session/connection.ts";
import type { AsyncEffect, ConnectionServices } from "../session/connectionPorts.ts";
import type { ConnectionEvent } from "../session/event.ts";
import type { QueueServices } from "../session/queueDelivery.ts";
import type { Session } from "../session/session.ts";
import type { Peer } from "../session/state.ts";
import type { SessionManager } from "../sessionManager.ts";
import { ConnectionLog } from "./connectionLog.ts";
import { PairingWaiters } from "./pairingWaiters.ts";

/** Hears what happens to connections, to count it. */
interface ConnectionMeter {
  performed(effect: AsyncEffect, event: ConnectionEvent): void;
  overRate(): void;
  sessionEnded(reason: string): void;
  connectionEnded(hadSession: boolean): void;
  fault(): void;
}

export interface ConnectionServicesParts {
  readonly nodeId: string;
  readonly clock: ClusterClock;
  readonly hello: HelloServices;
  readonly pairConfirm: PairConfirmServices & PairGrantServices;
  readonly authRequest: AuthRequestServices;
  readonly sessions: SessionStore;
  readonly rules: RuleStore;
  readonly ruleBacklog: number;
  readonly queue: QueueServices["queue"];
  /** Tells a sender what became of its message. */
  readonly receipt: (senderId: string, receipt: Receipt) => void;
  readonly index: SessionIndex;
  readonly hub: SessionManager;
  readonly admission: Admission;
  readonly reconciler: Reconciler;
  /** Whether Redis answered lately: what needs it fails at once when it did not. */
  readonly redisAnswers: () => boolean;
  readonly meter: ConnectionMeter;
  readonly logger: Logger;
}

/** One message, one handler: what a connection asks for, done by the node's parts. */
export class NodeConnectionServices implements ConnectionServices {
  readonly clock: ClusterClock;
  readonly queues: QueueServices;
  readonly #parts: ConnectionServicesParts;
  readonly #log: ConnectionLog;
  readonly #places = new Map<Connection, Place>();
  readonly #waiters = new PairingWaiters();
  readonly #endings = new Set<Promise<unknown>>();

  constructor(parts: ConnectionServicesParts) {
    this.#parts = parts;
    const { nodeId, clock, queue, receipt, meter, logger } = parts;
    this.clock = clock;
    this.#log = new ConnectionLog(logger);
    this.queues = {
      nodeId,
      clock,
      queue,
      receipt,
      failed: (error) => {
        if (isOurFault(error)) {
          meter.fault();
          logger.error({ event: "queue_failed", err: error }, "the delivery of a queue failed");
        } else
          logger.debug(
            { event: "queue_unanswered", err: error },
            "redis did not answer for a queue; it is tried again",
          );
      },
    };
  }

  /** The connection is new: it counts from now on. */
  began(connection: Connection): void {
    this.#places.set(connection, this.#parts.admission.enter(connection.address));
    this.#parts.hub.add(connection);
  }

  async perform(effect: AsyncEffect, connection: Connection): Promise<ConnectionEvent> {
    const event = await this.#perform(effect, connection);
    this.#parts.meter.performed(effect, event);
    this.#log.performed(connection, connection.session?.identifier ?? "", effect, event);
    return event;
  }

  async #perform(effect: AsyncEffect, connection: Connection): Promise<ConnectionEvent> {
    const parts = this.#parts;
    const identifier = connection.session?.identifier ?? "";
    if (effect.do === "recordBeat") connection.session?.noteHeartbeat();
    try {
      if (!parts.redisAnswers()) return unavailable(effect);
      switch (effect.do) {
        case "lookUp":
          return await lookUp(parts.hello, effect.peer);
        case "openPairing":
          return await this.#openPairing(effect.peer, connection);
        case "confirmPairing":
          return await confirmPairing(parts.pairConfirm, effect.peer, effect.pairingCode);
        case "grantPairing":
          return await grantPairing(parts.pairConfirm, effect.peer, effect.pairingId, connection.address);
        case "judgeProof":
          return await judgeProof(
            parts.authRequest,
            effect.request,
            effect.peer,
            effect.expected,
            this.#waiter(connection),
          );
        case "recordBeat":
          return await recordBeat(parts, identifier, effect.epoch, effect.requestId);
        case "dispatch":
          return await dispatch(parts, identifier, effect.epoch, effect.message);
        case "reassert": {
          const reassertion = await parts.reconciler.reassert(connection);
          return reassertion === undefined ? { type: "unavailable" } : { type: "reasserted", reassertion };
        }
      }
    } catch (error) {
      if (isOurFault(error)) throw error;
      if (error instanceof UnansweredAppendError && effect.do === "dispatch") {
        return { type: "dispatched", outcome: "doubtful", message: effect.message };
      }
      parts.logger.debug(
        { event: "redis_unanswered", connectionId: connection.connectionId, step: effect.do, err: error },
        "redis did not answer",
      );
      return unavailable(effect);
    }
  }

  expectSession(identifier: string): () => void {
    return this.#parts.hub.expectSession(identifier);
  }

  sessionOpened(connection: Connection, session: Session): void {
    const place = this.#places.get(connection);
    if (place !== undefined) this.#places.set(connection, this.#parts.admission.authenticate(place));
    this.#waiters.remove(connection);
    this.#parts.hub.openSession(connection, session);
    this.#log.sessionOpened(connection, session);
    this.#parts.index.beaten(session.identifier, session.authenticatedAt);
  }

  sessionEnded(connection: Connection, session: { identifier: string; epoch: number }, reason: string): void {
    const { hub, index, meter } = this.#parts;
    meter.sessionEnded(reason);
    this.#log.sessionEnded(connection, session, reason);
    // A newer session of the same follower may be on this node, or be claimed for it now: then it stays in the node's index.
    if (hub.closeSession(connection, session.identifier) && !hub.expectsSession(session.identifier)) {
      index.closed(session.identifier);
    }
    const ending = this.#parts.sessions
      .end(session.identifier, session.epoch, reason)
      // Redis is away: the session stays until a sweep finds that nobody asserts it.
      .catch((error: unknown) =>
        this.#parts.logger.debug({ event: "session_end_unrecorded", err: error }, "a session's end was not recorded"),
      )
      .finally(() => this.#endings.delete(ending));
    this.#endings.add(ending);
  }

  ended(connection: Connection): void {
    const place = this.#places.get(connection);
    if (place !== undefined) this.#parts.admission.leave(place);
    this.#places.delete(connection);
    this.#waiters.remove(connection);
    this.#parts.hub.remove(connection);
    this.#parts.meter.connectionEnded(connection.session !== undefined);
  }

  overRate(): void {
    this.#parts.meter.overRate();
  }

  fault(error: unknown): void {
    this.#parts.meter.fault();
    this.#parts.logger.error(
      { event: "connection_fault", err: error },
      "a connection was closed because of an internal fault",
    );
  }

  /** Resolves when Redis knows of every session that ended so far. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#endings]);
  }

  /** The place first: for a follower that finds none no pairing is opened, and nobody is told of one. */
  async #openPairing(peer: Peer, connection: Connection): Promise<ConnectionEvent> {
    const { admission, hello } = this.#parts;
    const before = this.#places.get(connection);
    const place = before === undefined ? undefined : admission.waitForHuman(before);
    if (place === undefined) return { type: "pairingPoolFull" };
    this.#places.set(connection, place);
    let waits = false;
    try {
      const event = await openPairing(hello, peer, this.#waiter(connection));
      const { opened } = event;
      waits = opened.outcome === "opened" || opened.outcome === "joined";
      // Its socket may be gone meanwhile.
      if ("pairingId" in opened && this.#places.has(connection)) this.#waiters.add(connection, opened.pairingId);
      return event;
    } finally {
      if (!waits && this.#places.has(connection)) this.#places.set(connection, admission.giveUpWaiting(place));
    }
  }

  #waiter(connection: Connection): Waiter {
    return { nodeId: this.#parts.nodeId, connectionId: connection.connectionId, address: connection.address };
  }
}

/** Nothing was changed as far as we know. A heartbeat was noted here, and is told to Redis when it is back. */
function unavailable(effect: AsyncEffect): ConnectionEvent {
  switch (effect.do) {
    case "recordBeat":
      return {
        type: "beatRecorded",
        outcome: "unrecorded",
        ...(effect.requestId === undefined ? {} : { requestId: effect.requestId }),
      };
    case "dispatch":
      return { type: "dispatched", outcome: "overloaded", message: effect.message };
    default:
      return { type: "unavailable" };
  }
}

/** Errors of our own making, as against those of the connection to Redis. */
function isOurFault(error: unknown): boolean {
  return (
    error instanceof RecordError ||
    error instanceof UnsealError ||
    error instanceof TypeError ||
    error instanceof RangeError ||
    error instanceof ReferenceError
  );
}
