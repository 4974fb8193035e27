import type { Logger } from "@yonexus/protocol/log";
import type { AsyncEffect } from "../session/connectionPorts.ts";
import type { ConnectionEvent } from "../session/event.ts";

/** Whose connection it is. */
interface Subject {
  readonly connectionId: string;
  readonly address: string;
}

/**
 * What a node's log says of its connections. Sessions and pairings are told as they come: they are bounded by who may have them.
 * What a stranger can cause as often as it likes, and each message, is told only where somebody looks for it (`debug`).
 */
export class ConnectionLog {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** A step has ended that a connection asked for. */
  performed({ connectionId, address }: Subject, identifier: string, effect: AsyncEffect, event: ConnectionEvent): void {
    switch (event.type) {
      case "dispatched": {
        if (!this.#logger.isLevelEnabled("debug")) return;
        const { outcome, message, inboxId } = event;
        const facts = { connectionId, identifier, messageId: message.id, rule: message.rule, inboxId, outcome };
        this.#logger.debug({ event: "message_received", ...facts }, "a follower's message was judged");
        return;
      }
      case "lookedUp":
        if (event.lookup.allowed || effect.do !== "lookUp") return;
        this.#refused(connectionId, address, effect.peer.identifier, "not_allowed");
        return;
      case "proofJudged": {
        if (effect.do !== "judgeProof" || event.verdict.outcome === "claimed") return;
        const { verdict } = event;
        const result = verdict.outcome === "refused" ? verdict.reason : verdict.outcome;
        this.#refused(connectionId, address, effect.peer.identifier, result);
        return;
      }
      case "pairingOpened": {
        if (effect.do !== "openPairing") return;
        const { opened } = event;
        const pairingId = "pairingId" in opened ? opened.pairingId : undefined;
        const facts = { connectionId, address, identifier: effect.peer.identifier, pairingId, outcome: opened.outcome };
        if (opened.outcome === "opened")
          this.#logger.info({ event: "pairing_opened", ...facts }, "a pairing was opened");
        else this.#logger.debug({ event: "pairing_asked", ...facts }, "a follower asked to pair");
        return;
      }
      case "pairingConfirmed": {
        if (effect.do !== "confirmPairing") return;
        const facts = { connectionId, address, identifier: effect.peer.identifier, outcome: event.confirmed.outcome };
        if (event.confirmed.outcome === "paired") {
          this.#logger.info({ event: "pairing_done", ...facts, by: "code" }, "a follower is paired");
        } else this.#logger.info({ event: "pairing_code_refused", ...facts }, "a pairing code was refused");
        return;
      }
      case "pairingGranted": {
        if (effect.do !== "grantPairing" || event.granted.outcome !== "paired") return;
        const { pairingId, peer } = effect;
        const facts = { connectionId, address, identifier: peer.identifier, pairingId, by: "approval" };
        this.#logger.info({ event: "pairing_done", ...facts, outcome: "paired" }, "a follower is paired");
        return;
      }
      default:
    }
  }

  sessionOpened(
    { connectionId, address }: Subject,
    { identifier, epoch }: { identifier: string; epoch: number },
  ): void {
    this.#logger.info({ event: "session_opened", connectionId, address, identifier, epoch }, "a session is open");
  }

  sessionEnded(
    { connectionId }: Subject,
    { identifier, epoch }: { identifier: string; epoch: number },
    reason: string,
  ): void {
    this.#logger.info({ event: "session_ended", connectionId, identifier, epoch, reason }, "a session ended");
  }

  #refused(connectionId: string, address: string, identifier: string, result: string): void {
    const facts = { connectionId, address, identifier, result };
    this.#logger.debug({ event: "handshake_refused", ...facts }, "a handshake was refused");
  }
}
