import { plainText } from "@yonexus/protocol/operator";
import type { AuditEntry, StatusChange } from "@yonexus/protocol/redis";

/** A change of a follower's status as a line for people. */
export function statusText({ identifier, status, previous, reason, at }: StatusChange): string {
  return `${instantText(at)}  ${identifier}  ${previous} → ${status}  ${plainText(reason)}`;
}

/** What happened to a follower as a line for people. */
export function auditLine(identifier: string, { at, event, details }: AuditEntry): string {
  const shown = Object.entries(details).map(([name, value]) => `${name} ${value}`);
  return `${instantText(at)}  ${identifier}  ${plainText([event, ...shown].join("  "))}`;
}

/** Date and time of day where the person is. @param at unix ms. */
function instantText(at: number): string {
  const date = new Date(at);
  const [month, day, hours, minutes, seconds] = [
    date.getMonth() + 1,
    date.getDate(),
    date.getHours(),
    date.getMinutes(),
    date.getSeconds(),
  ].map((part) => String(part).padStart(2, "0"));
  return `${date.getFullYear()}-${month}-${day} ${hours}:${minutes}:${seconds}`;
}
