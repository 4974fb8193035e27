import { CLOSE_CODES, type CloseReason, type FollowerStatus } from "../wire/index.ts";

/** What became of a pairing: the admin was told, or cannot be; or an operator's decision made it void. */
export type NoticeResult = "sent" | "failed" | "void";

/**
 * What a node is told on its channel. The scripts write these texts, so the form is theirs: a letter, fields without
 * spaces, and for a message the frame after a line feed. No JSON: one of these is parsed for every routed message.
 */
export type NodeCommand =
  | {
      readonly kind: "deliver";
      readonly identifier: string;
      readonly epoch: number;
      readonly messageId: string;
      /** Who waits for the receipt. */
      readonly senderId: string;
      readonly frame: string;
    }
  /** Close the session of that epoch or an older one. */
  | { readonly kind: "close"; readonly identifier: string; readonly epoch: number; readonly reason: CloseReason }
  | { readonly kind: "status"; readonly identifier: string; readonly epoch: number; readonly status: FollowerStatus }
  | {
      readonly kind: "notice";
      readonly connectionId: string;
      readonly pairingId: string;
      readonly result: NoticeResult;
    }
  /** The node's own, to see that its channel works. */
  | { readonly kind: "canary"; readonly token: string };

/** Reads a text of a node's channel; undefined for one of an unknown form (a newer version's, to be ignored). */
export function parseNodeCommand(text: string): NodeCommand | undefined {
  const lineEnd = text.indexOf("\n");
  const [letter, ...fields] = (lineEnd < 0 ? text : text.slice(0, lineEnd)).split(" ");
  const [first, second, third, fourth] = fields;
  if (first === undefined) return undefined;
  switch (letter) {
    case "m":
      if (second === undefined || third === undefined || fourth === undefined || lineEnd < 0) return undefined;
      return {
        kind: "deliver",
        epoch: Number(first),
        messageId: second,
        senderId: third,
        identifier: fourth,
        frame: text.slice(lineEnd + 1),
      };
    case "x":
      if (second === undefined || third === undefined || !isCloseReason(third)) return undefined;
      return { kind: "close", identifier: first, epoch: Number(second), reason: third };
    case "s":
      if (second === undefined || (third !== "online" && third !== "unstable" && third !== "offline")) return undefined;
      return { kind: "status", identifier: first, epoch: Number(second), status: third };
    case "p":
      if (second === undefined || (third !== "sent" && third !== "failed" && third !== "void")) return undefined;
      return { kind: "notice", connectionId: first, pairingId: second, result: third };
    case "c":
      return { kind: "canary", token: first };
    default:
      return undefined;
  }
}

export function encodeCanary(token: string): string {
  return `c ${token}`;
}

function isCloseReason(text: string): text is CloseReason {
  return Object.hasOwn(CLOSE_CODES, text);
}

/**
 * What became of a routed message on the owner's node.
 * `delivered`: the socket took it. `stale`: the session moved on meanwhile. `overloaded`: its send buffer is full.
 */
export type ReceiptOutcome = "delivered" | "stale" | "overloaded";

export interface Receipt {
  readonly messageId: string;
  readonly outcome: ReceiptOutcome;
}

const OUTCOME_LETTERS = { delivered: "d", stale: "s", overloaded: "o" } as const;
const LETTER_OUTCOMES: Readonly<Record<string, ReceiptOutcome>> = {
  "d ": "delivered",
  "s ": "stale",
  "o ": "overloaded",
};

/** Receipts of one tick for one sender share one publish: a line each. */
export function encodeReceipts(receipts: readonly Receipt[]): string {
  return receipts.map((receipt) => `${OUTCOME_LETTERS[receipt.outcome]} ${receipt.messageId}`).join("\n");
}

export function parseReceipts(text: string): Receipt[] {
  const receipts: Receipt[] = [];
  for (const line of text.split("\n")) {
    const outcome = LETTER_OUTCOMES[line.slice(0, 2)];
    if (outcome !== undefined && line.length > 2) receipts.push({ messageId: line.slice(2), outcome });
  }
  return receipts;
}

/** A follower's status changed. Published as JSON on the events channel by the script that decided it. */
export interface StatusEvent {
  readonly identifier: string;
  readonly status: FollowerStatus;
  readonly previous: FollowerStatus;
  readonly reason: string;
  /** Redis time (ms). */
  readonly at: number;
}
