import { type Capability, encodeFollowerMessage, PROTOCOL_VERSION } from "../wire/index.ts";
import type { StateKeeper } from "./stateKeeper.ts";

/** The frames that a follower sends, made from what it keeps. */
export class FollowerFrames {
  readonly #identifier: string;
  readonly #capabilities: readonly Capability[];
  readonly #keeper: StateKeeper;

  constructor(identifier: string, capabilities: readonly Capability[], keeper: StateKeeper) {
    this.#identifier = identifier;
    this.#capabilities = capabilities;
    this.#keeper = keeper;
  }

  hello(): string {
    const { publicKey, paired } = this.#keeper;
    return encodeFollowerMessage({
      type: "hello",
      payload: {
        identifier: this.#identifier,
        hasSecret: paired,
        hasKeyPair: publicKey !== undefined,
        ...(publicKey === undefined ? {} : { publicKey }),
        protocolVersion: PROTOCOL_VERSION,
        ...(this.#capabilities.length === 0 ? {} : { capabilities: [...this.#capabilities] }),
      },
    });
  }

  /** @throws {EncodeError} when the code is nothing that the wire can carry. */
  pairConfirm(pairingCode: string): string {
    return encodeFollowerMessage({ type: "pair_confirm", payload: { identifier: this.#identifier, pairingCode } });
  }

  /** Undefined without a secret. `timestamp` is unix seconds. */
  authRequest(timestamp: number): string | undefined {
    const proof = this.#keeper.prove(timestamp);
    if (proof === undefined) return undefined;
    return encodeFollowerMessage({
      type: "auth_request",
      payload: { identifier: this.#identifier, ...proof, proofTimestamp: timestamp },
    });
  }

  heartbeat(): string {
    return encodeFollowerMessage({ type: "heartbeat", payload: { identifier: this.#identifier, status: "alive" } });
  }
}
