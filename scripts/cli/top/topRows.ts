import { ageText, lastSeenAt, plainText, spanText } from "@yonexus/protocol/operator";
import type { TopFollower, TopNode, TopRule, TopSnapshot } from "./topSnapshot.ts";

/** Why a row is not as it should be. */
export type RowMood = "good" | "worrying" | "bad";

export const NODE_COLUMNS = ["node", "state", "sessions", "load", "lease"] as const;
export const RULE_COLUMNS = ["rule", "group", "replicas", "backlog", "dead letters"] as const;
export const TOP_FOLLOWER_COLUMNS = ["follower", "status", "changed", "node", "last seen", "queued", "ended"] as const;

/** Characters of a bar that is full. */
const BAR = 10;

/** A node as a row of `NODE_COLUMNS`. */
export function nodeRow({ nodeId, state, sessions, share, leaseAgeMs }: TopNode): string[] {
  const bar = "#".repeat(Math.round(share * BAR)).padEnd(BAR, "·");
  return [
    plainText(nodeId),
    state,
    state === "gone" ? "" : String(sessions),
    state === "gone" ? "" : `${bar} ${Math.round(share * 100)} %`,
    leaseAgeMs === undefined ? "lapsed" : `${(leaseAgeMs / 1_000).toFixed(1)} s`,
  ];
}

export function nodeMood({ state }: TopNode): RowMood {
  return state === "gone" ? "bad" : state === "ok" ? "good" : "worrying";
}

/** A rule as a row of `RULE_COLUMNS`. */
export function ruleRow({ rule, group, replicas, backlog, deadLetters }: TopRule): string[] {
  const held = replicas === 0 ? "nobody" : String(replicas);
  return [plainText(rule), plainText(group), held, String(backlog), deadLetters === 0 ? "" : String(deadLetters)];
}

export function ruleMood({ replicas, backlog, deadLetters }: TopRule): RowMood {
  if (replicas === 0 && backlog > 0) return "bad";
  return deadLetters > 0 || replicas === 0 ? "worrying" : "good";
}

/** A follower as a row of `TOP_FOLLOWER_COLUMNS`. @param now Redis time (ms). */
export function topFollowerRow(follower: TopFollower, now: number): string[] {
  const { identifier, allowed, status, changedAt, node, queued, endReason } = follower;
  const seenAt = lastSeenAt(follower);
  return [
    identifier,
    allowed ? status : `${status}, not allowed`,
    changedAt === undefined ? "" : ageText(changedAt, now),
    status === "offline" ? "" : plainText(node ?? ""),
    seenAt === undefined ? "never" : ageText(seenAt, now),
    queued === 0 ? "" : String(queued),
    status === "offline" ? plainText(endReason ?? "") : "",
  ];
}

export function followerMood({ status }: TopFollower): RowMood {
  return status === "unstable" ? "worrying" : "good";
}

/** The sums, a line each: followers, queues, jobs. */
export function factLines(snapshot: TopSnapshot): string[] {
  const { followers, pairings, deadLetterPlaces, jobs, nodes, coordinators, rules } = snapshot;
  const sessions = nodes.reduce((sum, node) => sum + node.sessions, 0);
  const { online, unstable, offline, notAllowed, paired, counted, known, complete } = followers;
  const backlog = rules.shown.reduce((sum, rule) => sum + rule.backlog, 0);
  return [
    facts("cluster", [
      `${many(sessions, "session")} on ${many(nodes.filter(({ state }) => state !== "gone").length, "node")}`,
      coordinators === 0 ? "NO COORDINATOR" : many(coordinators, "coordinator"),
      pairings === 0 ? "" : `${many(pairings, "pairing")} under way`,
    ]),
    facts("followers", [
      `${known} known${complete ? "" : `, ${counted} counted so far`}: ${online} online, ${unstable} unstable, ${offline} offline`,
      `${paired} paired`,
      notAllowed === 0 ? "" : `${notAllowed} not allowed`,
    ]),
    facts("queues", [
      `${many(followers.waiting, "message")} for ${many(followers.withQueue, "follower")}`,
      `${backlog} from followers in ${rules.shown.length < rules.known ? `${rules.shown.length} of ` : ""}${many(rules.known, "rule")}`,
      deadLetterPlaces === 0 ? "no dead letters" : `dead letters in ${many(deadLetterPlaces, "place")}`,
    ]),
    facts(
      "jobs",
      jobs?.map(({ queue, waiting, delayed, failed }) =>
        [`${queue}: ${waiting} waiting`, `${delayed} delayed`, `${failed} failed`].join(", "),
      ) ?? ["not read yet"],
    ),
  ];
}

function many(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

function facts(name: string, parts: readonly string[]): string {
  return `${name.padEnd(11)}${parts.filter((part) => part !== "").join(" · ")}`;
}

/** How long ago something was read, while it cannot be read anew. */
export function staleText(ms: number): string {
  return `what is shown was read ${spanText(ms)} ago`;
}
