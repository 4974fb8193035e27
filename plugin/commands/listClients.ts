import { ageText, lastSeenAt, plainText } from "@yonexus/protocol/operator";
import type { FollowerSummary } from "@yonexus/protocol/redis";
import { type OperatorCommand, table, typed } from "./operatorCommand.ts";

/** A chat shows so many followers a message; a terminal gets them all. */
const CHAT_PAGE = 30;
const TERMINAL_PAGE = 500;
/** A terminal's answer is one text: over this it is asked for in pages too. */
const TERMINAL_MOST = 20_000;

const COLUMNS = ["follower", "status", "last seen", "queued", "paired"] as const;

export const listClients: OperatorCommand = {
  name: "listClients",
  aliases: ["clients", "list"],
  argument: { name: "after", description: "begin after this follower", required: false },
  summary: "all followers: status, last seen, pairing",
  run: async ({ surface, registry }, after) => {
    const cluster = await registry();
    const followers: FollowerSummary[] = [];
    const most = surface === "chat" ? CHAT_PAGE : TERMINAL_MOST;
    let next = after === "" ? undefined : after;
    let now = 0;
    do {
      const page = await cluster.list(
        next,
        Math.min(most - followers.length, surface === "chat" ? CHAT_PAGE : TERMINAL_PAGE),
      );
      followers.push(...page.followers);
      ({ now, next } = { now: page.now, next: page.next });
    } while (next !== undefined && followers.length < most);
    if (followers.length === 0) {
      const text =
        after === undefined
          ? `There are no followers yet: ${typed(surface, "allowClient alpha")} lets one in.`
          : `No follower comes after ${plainText(after)}.`;
      return { text, json: [] };
    }
    const rows = followers.map((follower) => row(follower, now));
    const more = next === undefined ? [] : [`More: ${typed(surface, `listClients ${next}`)}`];
    return { text: [table(surface, COLUMNS, rows), ...more].join("\n"), json: followers };
  },
};

/** Narrower than a terminal's: it has to fit a chat on a phone. */
function row(follower: FollowerSummary, now: number): string[] {
  const seenAt = lastSeenAt(follower);
  const pairing = follower.pendingPairings > 0 ? "waits for a code" : follower.paired ? "yes" : "no";
  return [
    follower.identifier,
    follower.allowed ? follower.status : "not allowed",
    seenAt === undefined ? "never" : ageText(seenAt, now),
    follower.queued === 0 ? "" : String(follower.queued),
    pairing,
  ];
}
