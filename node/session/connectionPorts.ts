import type { Connection } from "./connection.ts";
import type { ConnectionEvent, Effect } from "./event.ts";
import type { QueueServices } from "./queueDelivery.ts";

/** An authenticated session as its node knows it. Instants of Redis in ms; `heardAt` by this process' steady clock. */
export interface Session {
  readonly identifier: string;
  readonly epoch: number;
  readonly trustVersion: string;
  readonly authenticatedAt: number;
  readonly heardAt: number;
  /** Whether messages are acknowledged, both ways. */
  readonly acks: boolean;
  /** The last one of its queue that needs nothing more, as long as nothing is being delivered from it. */
  readonly queueSettledTo: number;
}

/** The steps that Redis is asked for. */
export type AsyncEffect = Extract<
  Effect,
  { do: "lookUp" | "openPairing" | "confirmPairing" | "judgeProof" | "recordBeat" | "dispatch" | "reassert" }
>;

/** What a connection asks of the node. Each asynchronous effect answers with an event; it throws only for our own faults. */
export interface ConnectionServices {
  perform(effect: AsyncEffect, connection: Connection): Promise<ConnectionEvent>;
  /** A claim for the identifier begins. Call the result when the connection knows how it ended. */
  expectSession(identifier: string): () => void;
  sessionOpened(connection: Connection, session: Session): void;
  /** The session is given up: tell Redis, in the background. */
  sessionEnded(connection: Connection, session: { identifier: string; epoch: number }, reason: string): void;
  /** The socket is gone and nothing more will happen. */
  ended(connection: Connection): void;
  /** Something of ours threw. */
  fault(error: unknown): void;
  /** For the delivery of the follower's queue. */
  readonly queues: QueueServices;
}

export interface ConnectionLimits {
  readonly handshakeTimeoutMs: number;
  readonly maxSendBufferBytes: number;
  readonly inboundRatePerSecond: number;
  readonly inboundBurst: number;
}
