import type { LimitNoticeJob } from "@yonexus/protocol/redis";
import type { OperatorNotice } from "./notifier.ts";

/** The longest part that is taken of a text that came from outside: identifiers, addresses and fingerprints are shorter. */
const MAX_PART = 80;

/** The notice as a Discord message, under 2000 characters. The code stands alone on its line, so that it is easy to copy. */
export function renderMessage(notice: OperatorNotice): string {
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
  const { identifier, fingerprint, address, code } = notice.pairing;
  return [
    "**A follower asks to pair**",
    `Follower: ${codeSpan(identifier)}`,
    `Key fingerprint: ${codeSpan(fingerprint)}`,
    `From: ${codeSpan(address)}`,
    `If you expect it, and it shows the same fingerprint, give it this code within ${minutes(notice.minutesLeft)}:`,
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
  const { identifier, fingerprint, address, code } = notice.pairing;
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
  ].join("\n");
}

/** The notice as one line of JSON. */
export function renderJson(notice: OperatorNotice): string {
  if (notice.kind === "limit") {
    const { identifier, address, limit } = notice.limit;
    return JSON.stringify({ event: "pairing_limit", identifier, address, limit });
  }
  const { identifier, fingerprint, code, expiresAt } = notice.pairing;
  const expiresAtSeconds = Math.floor(expiresAt / 1000);
  return JSON.stringify({ event: "pairing_code", identifier, code, fingerprint, expiresAt: expiresAtSeconds });
}

const LIMIT_TEXTS: Readonly<Record<LimitNoticeJob["limit"], string>> = {
  pending_limit: "pairings from this address that wait for a code",
  address_limit: "pairing notices in an hour from this address",
  identifier_limit: "pairing notices in an hour for this follower",
};

const LIMIT_ADVICE =
  "If that is your follower, let it wait and pair it again. If you do not know the address, somebody else uses its name: block the address.";

function minutes(count: number): string {
  return count === 1 ? "1 minute" : `${count} minutes`;
}

/** Text that Discord shows as it is: nothing in it is markup, a mention, a link or another line. */
function codeSpan(text: string): string {
  return `\`${plain(text).replaceAll("`", "'")}\``;
}

/** One visible line: no control or invisible characters, which could forge lines or steer a terminal. */
function plain(text: string): string {
  const visible = text.replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, " ").trim();
  const short = Array.from(visible).slice(0, MAX_PART).join("");
  return short === "" ? "unknown" : short;
}
