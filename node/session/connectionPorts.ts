import type { Connection } from "./connection.ts";
import type { ConnectionEvent, Effect } from "./event.ts";
import type { QueueServices } from "./queueDelivery.ts";
import type { Session } from "./session.ts";

/** The steps that Redis is asked for. */
export type AsyncEffect = Extract<
  Effect,
  {
    do:
      | "lookUp"
      | "openPairing"
      | "confirmPairing"
      | "grantPairing"
      | "judgeProof"
      | "recordBeat"
      | "dispatch"
      | "reassert";
  }
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
  /** A frame was refused because the follower sends too many. */
  overRate(): void;
  /** Something of ours threw. */
  fault(error: unknown): void;
  /** The time of the cluster: UTC unix seconds. Followers make their proofs by it. */
  readonly clock: { seconds(): number };
  /** For the delivery of the follower's queue. */
  readonly queues: QueueServices;
}

export interface ConnectionLimits {
  readonly handshakeTimeoutMs: number;
  readonly maxSendBufferBytes: number;
  readonly inboundRatePerSecond: number;
  readonly inboundBurst: number;
}
