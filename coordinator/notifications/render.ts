import { shortPairingId } from "@yonexus/protocol/operator";
import type { LimitNoticeJob } from "@yonexus/protocol/redis";
import type { OperatorNotice } from "./notifier.ts";

/** The longest part that is taken of a text that came from outside: identifiers, addresses and fingerprints are shorter. */
const MAX_PART = 80;

/**
 * The notice as a Discord message, under 2000 characters. The code stands alone on its line, so that it is easy to copy.
 * @param hasButtons whether Approve and Deny stand under it.
 */
export function renderMessage(notice: OperatorNotice, hasButtons = false): string {
  if (notice.kind === "limit") {
    const { identifier, address, limit } = notice.limit;
    return [
      "**A follower may not ask for more pairings now**",
      `Follower: ${codeSpan(identifier)}`,
      `From: ${codeSpan(address)}`,
      `Limit: ${LIMIT_TEXTS[limit]}`,
      LIMIT_ADVICE,
    ].join("\n");
  }
  if (notice.kind === "takeover") {
    const { identifier, address, owner } = notice.takeover;
    return [
      "**Followers at two addresses use one identifier**",
      `Follower: ${codeSpan(identifier)}`,
      `Keeps the session: ${codeSpan(owner)}`,
      `Sent away: ${codeSpan(address)}`,
      TAKEOVER_ADVICE,
      ...takeoverCommands(identifier).map(codeSpan),
    ].join("\n");
  }
  const { identifier, fingerprint, address, code } = notice.pairing;
  return [
    "**A follower asks to pair**",
    `Follower: ${codeSpan(identifier)}`,
    `Key fingerprint: ${codeSpan(fingerprint)}`,
    `From: ${codeSpan(address)}`,
    `If you expect it, and it shows the same fingerprint, give it this code within ${minutes(notice.minutesLeft)}${hasButtons ? ", or press Approve" : ""}:`,
    "",
    codeSpan(code),
  ].join("\n");
}

/** The notice as lines on a terminal. */
export function renderTerminal(notice: OperatorNotice): string {
  if (notice.kind === "limit") {
    const { identifier, address, limit } = notice.limit;
    return [
      "",
      "A follower may not ask for more pairings now.",
      `  Follower:    ${plain(identifier)}`,
      `  From:        ${plain(address)}`,
      `  Limit:       ${LIMIT_TEXTS[limit]}`,
      `  ${LIMIT_ADVICE}`,
      "",
    ].join("\n");
  }
  if (notice.kind === "takeover") {
    const { identifier, address, owner } = notice.takeover;
    return [
      "",
      "Followers at two addresses use one identifier.",
      `  Follower:           ${plain(identifier)}`,
      `  Keeps the session:  ${plain(owner)}`,
      `  Sent away:          ${plain(address)}`,
      `  ${TAKEOVER_ADVICE}`,
      ...takeoverCommands(identifier).map((command) => `    ${plain(command)}`),
      "",
    ].join("\n");
  }
  const { identifier, fingerprint, address, code, pairingId } = notice.pairing;
  const id = shortPairingId(pairingId);
  return [
    "",
    "A follower asks to pair.",
    `  Follower:    ${plain(identifier)}`,
    `  Fingerprint: ${plain(fingerprint)}`,
    `  From:        ${plain(address)}`,
    `  If you expect it, and it shows the same fingerprint, give it this code within ${minutes(notice.minutesLeft)}:`,
    "",
    `  ${plain(code)}`,
    "",
    `  or let it in with ${plain(`yonexus approve ${id}`)}, or refuse it with ${plain(`yonexus deny ${id}`)}`,
    "",
  ].join("\n");
}

/** The notice as one line of JSON. */
export function renderJson(notice: OperatorNotice): string {
  if (notice.kind === "limit") {
    const { identifier, address, limit } = notice.limit;
    return JSON.stringify({ event: "pairing_limit", identifier, address, limit });
  }
  if (notice.kind === "takeover") {
    const { identifier, address, owner } = notice.takeover;
    return JSON.stringify({ event: "takeover_conflict", identifier, address, owner });
  }
  const { identifier, fingerprint, code, expiresAt, pairingId } = notice.pairing;
  const id = shortPairingId(pairingId);
  const expiresAtSeconds = Math.floor(expiresAt / 1000);
  return JSON.stringify({ event: "pairing_code", identifier, code, fingerprint, id, expiresAt: expiresAtSeconds });
}

const LIMIT_TEXTS: Readonly<Record<LimitNoticeJob["limit"], string>> = {
  pending_limit: "pairings from this address that wait for a code",
  address_limit: "pairing notices in an hour from this address",
  identifier_limit: "pairing notices in an hour for this follower",
};

const LIMIT_ADVICE =
  "If that is your follower, let it wait and pair it again. If you do not know the address, somebody else uses its name: block the address.";

const TAKEOVER_ADVICE =
  "They kept taking the session from each other. If both are yours, stop one of the two or give it another identifier. If you do not know one of the addresses, somebody has a copy of the follower's key and secret: pair it anew, or shut it out.";

/** What to type when one of the two is a stranger. */
function takeoverCommands(identifier: string): readonly string[] {
  return [`yonexus repair ${identifier}`, `yonexus revoke ${identifier}`];
}

function minutes(count: number): string {
  return count === 1 ? "1 minute" : `${count} minutes`;
}

/** Text that Discord shows as it is: nothing in it is markup, a mention, a link or another line. */
export function codeSpan(text: string): string {
  return `\`${plain(text).replaceAll("`", "'")}\``;
}

/** One visible line: no control or invisible characters, which could forge lines or steer a terminal. */
function plain(text: string): string {
  const visible = text.replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, " ").trim();
  const short = Array.from(visible).slice(0, MAX_PART).join("");
  return short === "" ? "unknown" : short;
}
