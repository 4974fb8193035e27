import type { FollowerEventName, FollowerEvents } from "@yonexus/protocol/client";
import { plainText, remainingText, spanText } from "@yonexus/protocol/operator";

/** The events that are shown, in words or as JSON. What the state machine does in between is not. */
export const SHOWN_EVENTS = [
  "pairing",
  "pair_failed",
  "paired",
  "authenticated",
  "auth_failed",
  "message",
  "gap",
  "status",
  "error_frame",
  "disconnected",
  "stopped",
] as const satisfies readonly FollowerEventName[];

export type ShownEvent = {
  readonly [N in (typeof SHOWN_EVENTS)[number]]: { readonly name: N; readonly value: FollowerEvents[N] };
}[(typeof SHOWN_EVENTS)[number]];

/** An event in words, or undefined when it needs none. @param now unix ms. */
export function eventText(event: ShownEvent, identifier: string, now: number): string | undefined {
  switch (event.name) {
    case "pairing": {
      const { fingerprint, expiresAt, adminNotification } = event.value;
      // Told again while the notice is on its way: one question is enough.
      if (adminNotification === "pending") return undefined;
      return [
        `${identifier} has to be paired. The server's operator was given a code; it is good for ${remainingText(expiresAt * 1000 - now)}.`,
        `  fingerprint  ${plainText(fingerprint)}`,
        "  The operator must see the same fingerprint. Type the code here:",
      ].join("\n");
    }
    case "pair_failed":
      // The answer to the code that was typed says it.
      return event.value.pairingOpen ? undefined : `The pairing ended (${event.value.reason}).`;
    case "paired":
      return "Paired.";
    case "authenticated":
      return `Connected as ${identifier}. Type rule::content to send; Ctrl-C ends.`;
    case "auth_failed":
      return `The node refused the proof (${event.value.reason}).`;
    case "message":
      return `${plainText(event.value.rule)}  ${plainText(event.value.content)}`;
    case "gap": {
      const { fromSeq, toSeq, reason } = event.value;
      const count = toSeq - fromSeq + 1;
      const what = count === 1 ? "One queued message" : `${count} queued messages`;
      return `${what} for ${identifier} will not come (${reason}).`;
    }
    case "status":
      return event.value.status === "online" ? undefined : `The server calls ${identifier} ${event.value.status}.`;
    case "error_frame":
      return `The node refused it: ${event.value.code}, ${plainText(event.value.message)}`;
    case "disconnected": {
      const { code, reason } = event.value;
      const end = `Disconnected (${code} ${plainText(reason)})`;
      return event.value.willReconnect ? `${end}: coming back in ${waitText(event.value.inMs)}.` : `${end}.`;
    }
    case "stopped":
      // The command ends with it, and says so.
      return undefined;
  }
}

function waitText(ms: number): string {
  return ms < 1_000 ? "a moment" : spanText(ms);
}
