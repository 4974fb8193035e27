import type { FollowerStatus } from "../wire/index.ts";
import type { Listener } from "./emitter.ts";
import { FollowerDriver } from "./followerDriver.ts";
import type { FollowerEventName, FollowerEvents } from "./followerEvents.ts";
import { type FollowerOptions, readOptions } from "./followerOptions.ts";
import type { FollowerState } from "./followerState.ts";
import type { SendOptions, SendResult } from "./sendResult.ts";

/** A follower: it connects to a Yonexus server, is paired once, authenticates, and sends and receives messages. */
export interface Follower {
  /** Where the follower is. Holds no secret. */
  readonly state: FollowerState;
  /** The liveness that the server last told; undefined without a session. */
  readonly status: FollowerStatus | undefined;
  /** What the admin compares when pairing; undefined until the state was opened, which `connect()` does first. */
  readonly fingerprint: string | undefined;
  /**
   * Calls the listener at every such event; returns what removes it. A listener that throws, or whose promise rejects,
   * is reported with `process.emitWarning` (name `FollowerListenerWarning`); the other listeners and the connection go on.
   */
  on<Name extends FollowerEventName>(name: Name, listener: Listener<FollowerEvents[Name]>): () => void;
  /**
   * Sugar for `on("message", …)`. A promise that the listener returns is awaited before the next message that the server keeps
   * is handed out, and before this one is acknowledged; without any listener they stay with the server.
   */
  onMessage(listener: (rule: string, content: string) => unknown): () => void;
  /**
   * Resolves when there is a session, at once when there is one. It stays pending through reconnects, and while a pairing
   * waits for its code (event `pairing`). After a stop it may be called again.
   *
   * @throws {FollowerStoppedError} when the follower must not come back by itself.
   * @throws {StateFileError} when the state file cannot be used.
   * @throws {FollowerClosedError} when the follower is or gets closed.
   */
  connect(): Promise<void>;
  /**
   * Gives the code that the admin passed on, as a person typed it. Resolves when the node accepted it and the secret is
   * saved; authentication follows by itself.
   *
   * @throws {PairFailedError} with the `reason`; `pairingOpen` tells whether to try another code.
   */
  pair(code: string): Promise<void>;
  /**
   * Sends `content` under the rule. Resolves with `reached: "accepted"` when the node has stored it for the rule's handlers; until
   * then it is sent again after each reconnect, in order, and waits when there is no session yet. A node that is overloaded
   * is asked again, and later messages of the rule wait; those that were on their way already may come before it.
   *
   * Where the session has no acks it resolves with `reached: "written"` when the socket took it. A refusal (`UNKNOWN_RULE`,
   * `OVERLOADED`) comes as the event `error_frame` then.
   *
   * @throws {NotConnectedError} before `connect()` and after a stop; when no session came in time; without acks, without a session
   * or when it ended before the bytes were written.
   * @throws {UnknownRuleError} when nobody holds the rule.
   * @throws {IdConflictError} when the id was used for another message.
   * @throws {DeliveryUnknownError} when no answer came in time. Sending it again with its `messageId` is safe.
   * @throws {EncodeError} when the rule or the id is not one.
   * @throws {MessageTooLargeError} when the frame is longer than `maxFrameBytes`.
   * @throws {OverloadedError} when `maxUnanswered` messages or `maxBufferedBytes` wait.
   * @throws {FollowerClosedError} when the follower gets closed before it was sent.
   */
  send(rule: string, content: string, options?: SendOptions): Promise<SendResult>;
  /**
   * Ends everything, for good: a closed follower cannot be connected again. Resolves when the socket is gone and the state given
   * back. A listener that works on a message is waited for, 5 s at the most, so that the message is not handled again.
   */
  close(): Promise<void>;
}

/**
 * Makes a follower. Nothing is opened or connected before `connect()`.
 *
 * @throws {TypeError} for an option that cannot be; it says what the option must be.
 */
export function createFollower(options: FollowerOptions): Follower {
  const follower = new FollowerDriver(readOptions(options));
  const { onCodeNeeded } = options;
  if (onCodeNeeded !== undefined) follower.on("pairing", onCodeNeeded);
  return follower;
}
