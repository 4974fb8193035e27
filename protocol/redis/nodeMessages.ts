import { CLOSE_CODES, type CloseReason } from "../wire/basics.ts";
import type { FollowerStatus } from "../wire/index.ts";

/**
 * What became of a pairing: the admin was told, or cannot be; an operator approved or refused it; or an operator's decision about
 * the follower made it void.
 */
const PAIRING_NEWS = ["sent", "failed", "void", "approved", "denied"] as const;
export type PairingNews = (typeof PAIRING_NEWS)[number];

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
      /** A record is kept of it: the node writes down what became of it, too. */
      readonly recorded: boolean;
      readonly frame: string;
    }
  /** Messages for several of the node's sessions, sent by one process in one tick. */
  | { readonly kind: "batch"; readonly deliveries: readonly Extract<NodeCommand, { kind: "deliver" }>[] }
  /** A message was queued: the text itself, so that a session that has all before it needs no read. Its place is the queue. */
  | {
      readonly kind: "queued";
      readonly identifier: string;
      readonly epoch: number;
      readonly seq: number;
      readonly messageId: string;
      /** Who waits to hear how far it gets; empty when nobody does. */
      readonly senderId: string;
      readonly frame: string;
    }
  /** Queued messages were dropped: the follower is to be told of the gaps. */
  | { readonly kind: "gaps"; readonly identifier: string; readonly epoch: number }
  /** Close the session of that epoch or an older one. */
  | { readonly kind: "close"; readonly identifier: string; readonly epoch: number; readonly reason: CloseReason }
  | { readonly kind: "status"; readonly identifier: string; readonly epoch: number; readonly status: FollowerStatus }
  | {
      readonly kind: "pairing";
      readonly connectionId: string;
      readonly pairingId: string;
      readonly result: PairingNews;
    }
  /** The node's own, to see that its channel works. */
  | { readonly kind: "canary"; readonly token: string };

type Delivery = Extract<NodeCommand, { kind: "deliver" }>;

/** Reads a text of a node's channel; undefined for one of an unknown form (a newer version's, to be ignored). */
export function parseNodeCommand(text: string): NodeCommand | undefined {
  if (text.charAt(1) !== " ") return undefined;
  switch (text.charAt(0)) {
    case "m":
      return parseDelivery(text);
    case "b":
      return parseBatch(text);
    case "q":
      return parseQueued(text);
    default:
      return parseShort(text);
  }
}

/** `m <epoch> <messageId> <senderId> <identifier>[ r]` LF frame. */
function parseDelivery(text: string): Delivery | undefined {
  const lineEnd = text.indexOf("\n");
  const epochEnd = text.indexOf(" ", 2);
  const messageEnd = text.indexOf(" ", epochEnd + 1);
  const senderEnd = text.indexOf(" ", messageEnd + 1);
  const flag = text.indexOf(" ", senderEnd + 1);
  const recorded = flag >= 0 && flag < lineEnd;
  const identifierEnd = recorded ? flag : lineEnd;
  const epoch = wholeNumber(text, 2, epochEnd);
  // A place that was not found is -1, and so before the one it should follow.
  if (epoch < 0 || messageEnd < epochEnd + 2 || senderEnd < messageEnd + 2 || identifierEnd < senderEnd + 2) {
    return undefined;
  }
  if (recorded && text.slice(flag, lineEnd) !== " r") return undefined;
  return {
    kind: "deliver",
    epoch,
    messageId: text.slice(epochEnd + 1, messageEnd),
    senderId: text.slice(messageEnd + 1, senderEnd),
    identifier: text.slice(senderEnd + 1, identifierEnd),
    recorded,
    frame: text.slice(lineEnd + 1),
  };
}

/** `b <senderId>` LF, then for each message `<epoch> <messageId> <length of the frame> <identifier>` LF frame. */
function parseBatch(text: string): NodeCommand | undefined {
  const lineEnd = text.indexOf("\n");
  const senderId = text.slice(2, lineEnd);
  if (lineEnd < 3 || senderId.includes(" ")) return undefined;
  const deliveries: Delivery[] = [];
  for (let at = lineEnd + 1; at < text.length; ) {
    const epochEnd = text.indexOf(" ", at);
    const messageEnd = text.indexOf(" ", epochEnd + 1);
    const lengthEnd = text.indexOf(" ", messageEnd + 1);
    const identifierEnd = text.indexOf("\n", lengthEnd + 1);
    const epoch = wholeNumber(text, at, epochEnd);
    const length = wholeNumber(text, messageEnd + 1, lengthEnd);
    const frameEnd = identifierEnd + 1 + length;
    if (epoch < 0 || length < 0 || messageEnd < epochEnd + 2 || identifierEnd < lengthEnd + 2) return undefined;
    if (frameEnd > text.length) return undefined;
    deliveries.push({
      kind: "deliver",
      epoch,
      messageId: text.slice(epochEnd + 1, messageEnd),
      senderId,
      identifier: text.slice(lengthEnd + 1, identifierEnd),
      recorded: false,
      frame: text.slice(identifierEnd + 1, frameEnd),
    });
    at = frameEnd;
  }
  return deliveries.length === 0 ? undefined : { kind: "batch", deliveries };
}

/** `q <epoch> <seq> <messageId> <senderId or -> <identifier>` LF frame. */
function parseQueued(text: string): NodeCommand | undefined {
  const lineEnd = text.indexOf("\n");
  const epochEnd = text.indexOf(" ", 2);
  const seqEnd = text.indexOf(" ", epochEnd + 1);
  const messageEnd = text.indexOf(" ", seqEnd + 1);
  const senderEnd = text.indexOf(" ", messageEnd + 1);
  const epoch = wholeNumber(text, 2, epochEnd);
  const seq = wholeNumber(text, epochEnd + 1, seqEnd);
  if (epoch < 0 || seq < 0 || messageEnd < seqEnd + 2 || senderEnd < messageEnd + 2 || lineEnd < senderEnd + 2) {
    return undefined;
  }
  const senderId = text.slice(messageEnd + 1, senderEnd);
  return {
    kind: "queued",
    epoch,
    seq,
    messageId: text.slice(seqEnd + 1, messageEnd),
    senderId: senderId === "-" ? "" : senderId,
    identifier: text.slice(senderEnd + 1, lineEnd),
    frame: text.slice(lineEnd + 1),
  };
}

/** Safe integers have at most this many digits. */
const MOST_DIGITS = 16;

/** The digits between two places as a safe integer; -1 when there is anything else. */
function wholeNumber(text: string, from: number, to: number): number {
  if (to <= from || to - from > MOST_DIGITS) return -1;
  let value = 0;
  for (let at = from; at < to; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value <= Number.MAX_SAFE_INTEGER ? value : -1;
}

/** The rest: a line of few fields, and seldom. */
function parseShort(text: string): NodeCommand | undefined {
  const [letter, first, second, third] = text.split(" ", 4);
  if (first === undefined) return undefined;
  switch (letter) {
    case "g":
      if (second === undefined) return undefined;
      return { kind: "gaps", identifier: first, epoch: Number(second) };
    case "x":
      if (second === undefined || third === undefined || !isCloseReason(third)) return undefined;
      return { kind: "close", identifier: first, epoch: Number(second), reason: third };
    case "s":
      if (second === undefined || (third !== "online" && third !== "unstable" && third !== "offline")) return undefined;
      return { kind: "status", identifier: first, epoch: Number(second), status: third };
    case "p": {
      const result = PAIRING_NEWS.find((known) => known === third);
      if (second === undefined || result === undefined) return undefined;
      return { kind: "pairing", connectionId: first, pairingId: second, result };
    }
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
 * What became of a message on its way, told to who waits for it.
 * `delivered`: the socket took it, and no more will be heard. `stale`: the session moved on meanwhile. `overloaded`: its send
 * buffer is full. Of queued messages also `written`: the socket took it, and an ack may follow; `acked`: the follower has it;
 * `expired` and `rejected`: it left the queue so. An expired one that the follower has already may still be acked.
 */
export type ReceiptOutcome = "delivered" | "stale" | "overloaded" | "written" | "acked" | "expired" | "rejected";

export interface Receipt {
  readonly messageId: string;
  readonly outcome: ReceiptOutcome;
}

const OUTCOME_LETTERS = {
  delivered: "d",
  stale: "s",
  overloaded: "o",
  written: "w",
  acked: "a",
  expired: "e",
  rejected: "r",
} as const satisfies Record<ReceiptOutcome, string>;

const LETTER_OUTCOMES = new Map<string, ReceiptOutcome>(
  (Object.keys(OUTCOME_LETTERS) as ReceiptOutcome[]).map((outcome) => [OUTCOME_LETTERS[outcome], outcome]),
);

/** Receipts of one tick for one sender share one publish: a line each. */
export function encodeReceipts(receipts: readonly Receipt[]): string {
  let text = "";
  for (const { outcome, messageId } of receipts) {
    text += `${text === "" ? "" : "\n"}${OUTCOME_LETTERS[outcome]} ${messageId}`;
  }
  return text;
}

export function parseReceipts(text: string): Receipt[] {
  const receipts: Receipt[] = [];
  for (let at = 0; at < text.length; ) {
    const lineEnd = text.indexOf("\n", at);
    const end = lineEnd < 0 ? text.length : lineEnd;
    const outcome = LETTER_OUTCOMES.get(text.charAt(at));
    if (outcome !== undefined && text.charAt(at + 1) === " " && end > at + 2) {
      receipts.push({ messageId: text.slice(at + 2, end), outcome });
    }
    at = end + 1;
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
