import type { CloseReason } from "../wire/index.ts";

/** The close codes that forbid to come back, by name. */
type StoppingCloseReason = Extract<
  CloseReason,
  | "protocol_violation"
  | "unsupported_protocol_version"
  | "identifier_not_allowed"
  | "session_replaced"
  | "trust_revoked"
  | "takeover_conflict"
>;

/** Why a follower stopped and waits for a person. */
export type StopCode =
  | StoppingCloseReason
  /** A close code of 4500–4999 that this version does not know. */
  | "node_refused"
  /** The admin said no to the pairing. */
  | "pairing_rejected"
  /** The state file cannot be used; the message says why. */
  | "state_refused"
  /** The state could not be written. */
  | "state_not_saved"
  /** The connection ended and `reconnect` is false. */
  | "reconnect_off";

const mends: Readonly<Record<StopCode, string>> = Object.freeze({
  protocol_violation: "Update this follower to the version of the server. If it happens again, report it as a bug.",
  unsupported_protocol_version: "Update this follower: the server speaks another version of the protocol.",
  identifier_not_allowed: "Ask the server's operator to add this identifier to the allowlist, then connect again.",
  session_replaced:
    "Another follower connected with this identifier. Stop one of the two or give it another identifier, then connect again.",
  trust_revoked: "The server no longer trusts this follower. Connect again and pair again with the new code.",
  takeover_conflict:
    "Several followers use this identifier and keep pushing each other out, or this one came from other addresses three times in a minute. Stop all but one, wait for a minute, then connect again.",
  node_refused: "Ask the server's operator why the follower was sent away, then connect again.",
  pairing_rejected: "Ask the admin why the pairing was rejected, then connect again.",
  state_refused: "Mend the state file as the reason says, then connect again.",
  state_not_saved:
    "The state could not be written. Make room or mend the permissions of its folder, then connect again; a new pairing may be needed.",
  reconnect_off: "Connect again; this follower does not reconnect by itself.",
});

/** What a person does next, as a sentence. */
export function whatToDo(code: StopCode): string {
  return mends[code];
}

/** The stop code of a close reason; a reason that is not in the list is one of a later version. */
export function stopCodeOf(reason: CloseReason | undefined): StopCode {
  switch (reason) {
    case "protocol_violation":
    case "unsupported_protocol_version":
    case "identifier_not_allowed":
    case "session_replaced":
    case "trust_revoked":
    case "takeover_conflict":
      return reason;
    case "handshake_timeout":
    case "auth_failed":
    case "slow_consumer":
    case "heartbeat_timeout":
    case "draining":
    case "overloaded":
    case "rate_limited":
    case undefined:
      return "node_refused";
  }
}
