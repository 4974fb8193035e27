import type { FollowerStatus } from "../wire/index.ts";
import type { Listener } from "./emitter.ts";
import { FollowerDriver } from "./followerDriver.ts";
import type { FollowerEventName, FollowerEvents } from "./followerEvents.ts";
import { type FollowerOptions, readOptions } from "./followerOptions.ts";
import type { FollowerState } from "./followerState.ts";

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
  /** Sugar for `on("message", …)`. */
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
   * Sends `rule::content`. Resolves when the socket took it; whether a handler got it, the server does not tell. A refusal
   * (`UNKNOWN_RULE`, `OVERLOADED`) comes as the event `error_frame`.
   *
   * @throws {NotConnectedError} without a session, or when it ended before the bytes were written.
   * @throws {EncodeError} when the rule is not one.
   * @throws {MessageTooLargeError} when the frame is longer than `maxFrameBytes`.
   * @throws {OverloadedError} when more than `maxBufferedBytes` wait for the network.
   */
  send(rule: string, content: string): Promise<void>;
  /** Ends everything, for good: a closed follower cannot be connected again. Resolves when the socket is gone and the state given back. */
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
