/**
 * Why a node closes a connection. The range tells a follower what to do, also for a code it does not know yet:
 * 4000–4499 come back (with full-jitter backoff), 4500–4999 stop until a person acts.
 */
export const CLOSE_CODES = Object.freeze({
  handshake_timeout: { code: 4001, meaning: "The follower did not authenticate in time, or the pairing expired." },
  auth_failed: { code: 4003, meaning: "The proof was refused, or the pairing could not go on." },
  slow_consumer: { code: 4008, meaning: "The follower read too slowly and its send queue was full." },
  heartbeat_timeout: { code: 4009, meaning: "No heartbeat for so long that the follower counts as offline." },
  draining: { code: 4012, meaning: "The node is stopping; another node takes the follower at once." },
  overloaded: { code: 4013, meaning: "The node cannot carry the connection at present." },
  rate_limited: { code: 4029, meaning: "Too many frames, pairing tries or wrong proofs." },
  protocol_violation: { code: 4500, meaning: "The follower broke the protocol repeatedly." },
  unsupported_protocol_version: { code: 4501, meaning: "The node does not speak the version of the hello." },
  identifier_not_allowed: { code: 4503, meaning: "The identifier is not in the allowlist." },
  session_replaced: { code: 4509, meaning: "The same identifier authenticated on another connection." },
  trust_revoked: { code: 4510, meaning: "The trust was cleared; the follower must be paired again." },
  takeover_conflict: { code: 4511, meaning: "Two followers keep taking the same identifier from each other." },
} as const);

/** The name of a close code; also what `disconnect_notice.reason` says before it. */
export type CloseReason = keyof typeof CLOSE_CODES;

const isOwn = (name: string): name is CloseReason => Object.hasOwn(CLOSE_CODES, name);
const reasonsByCode = new Map<number, CloseReason>(
  Object.keys(CLOSE_CODES)
    .filter(isOwn)
    .map((reason) => [CLOSE_CODES[reason].code, reason]),
);

/** Whether the text is the name of a close code. */
export function isCloseReason(text: string): text is CloseReason {
  return isOwn(text);
}

/** The number to close the WebSocket with. */
export function closeCode(reason: CloseReason): number {
  return CLOSE_CODES[reason].code;
}

/** The name of a close code, or undefined for a code that is not of the table. */
export function closeReasonOf(code: number): CloseReason | undefined {
  return reasonsByCode.get(code);
}

/**
 * Whether a follower may come back by itself after a connection closed with this code. Only 4500–4999 forbid it: those
 * and no other codes say that the same attempt would fail again. Codes of the WebSocket standard (1001, 1006, 1011 …) come
 * from networks, balancers and crashes.
 */
export function mayReconnect(code: number): boolean {
  return !(code >= 4500 && code <= 4999);
}
