import type { ViewChanges, ViewState } from "./viewState.ts";

/**
 * What the console's page and a coordinator say to each other over their WebSocket, as JSON. Instants are Redis time in
 * milliseconds; the page learns that time from `tick`. Nothing of what messages say, and no secret, is in any of it.
 */

/** What the page wants to see: one view at a time. */
export type ViewRequest =
  | { readonly view: "overview" }
  | {
      readonly view: "followers";
      /** What the identifiers begin with. */
      readonly prefix: string;
      /** The page begins after this identifier. */
      readonly after: string;
      readonly status: StatusFilter;
    }
  | { readonly view: "follower"; readonly identifier: string }
  | { readonly view: "pairings" }
  | { readonly view: "feed" };

export const STATUS_FILTERS = ["all", "online", "unstable", "offline"] as const;
export type StatusFilter = (typeof STATUS_FILTERS)[number];

/** From the page. */
export interface Watch {
  /** Rises with each: answers to an older one are old. */
  readonly watch: number;
  readonly request: ViewRequest;
}

/** From the coordinator. */
export type LiveMessage =
  | {
      readonly type: "tick";
      readonly now: number;
      /** Pairings that wait for a decision. */
      readonly pairings: number;
      /** Why nothing else comes, in a sentence. */
      readonly trouble?: string;
    }
  | { readonly type: "whole"; readonly watch: number; readonly state: ViewState }
  | { readonly type: "changes"; readonly watch: number; readonly changes: ViewChanges }
  /** `all` of them that are kept, or those since the last ones. */
  | { readonly type: "samples"; readonly all: boolean; readonly samples: readonly Sample[] }
  /** Changes of followers' statuses, oldest first. `missed`: so many before them were not told. */
  | { readonly type: "events"; readonly missed: number; readonly events: readonly FeedEvent[] };

/** Close codes of the WebSocket. */
export const LIVE_CLOSE = { signedOut: 4401, tooMany: 4429 } as const;

export type NodeState = "ready" | "draining" | "late" | "lost" | "stopped";

export type NodeRow = {
  readonly id: string;
  readonly name: string;
  readonly url: string;
  readonly version: string;
  readonly state: NodeState;
  readonly sessions: number;
  /** By its own clock. */
  readonly startedAt: number;
  /** When its lease was last renewed. */
  readonly renewedAt: number;
  /** When it was found gone. */
  readonly goneAt: number | null;
};

export type CoordinatorRow = { readonly id: string; readonly live: boolean; readonly leaseUntil: number };

export type RuleRow = {
  readonly id: string;
  readonly group: string;
  readonly replicas: number;
  readonly backlog: number;
  readonly deadLetters: number;
};

export type OverviewFacts = {
  /** Identifiers that were ever allowed. */
  readonly followers: number;
  readonly sessions: number;
  /** Followers with a queue or with records of messages. */
  readonly queues: number;
  /** Rules and followers that may have dead letters. */
  readonly deadLetterPlaces: number;
  readonly rules: number;
  readonly noticesWaiting: number;
  readonly noticesFailed: number;
  /** How long Redis took to answer this coordinator (ms). */
  readonly redisMs: number | null;
  readonly redisMemory: number | null;
  readonly redisMaxMemory: number | null;
  readonly redisVersion: string;
};

export type MessageMark = { readonly id: string; readonly state: string; readonly at: number };

export type FollowerRow = {
  readonly id: string;
  readonly status: string;
  readonly allowed: boolean;
  readonly paired: boolean;
  readonly pendingPairings: number;
  readonly node: string | null;
  readonly address: string | null;
  /** When it got the status it has. */
  readonly since: number | null;
  readonly lastHeartbeatAt: number | null;
  readonly queued: number;
  readonly queuedBytes: number;
  readonly deadLetters: number;
  /** Its newest messages, the one that changed last first. */
  readonly recent: readonly MessageMark[];
};

export type FollowersFacts = {
  /** The next page begins after this; empty when there is none. */
  readonly next: string;
  /** How many were looked at for this page. */
  readonly searched: number;
};

export type FollowerFacts = {
  readonly known: boolean;
  readonly status: string;
  readonly endReason: string | null;
  readonly allowed: boolean;
  readonly paired: boolean;
  readonly fingerprint: string | null;
  readonly pairedAt: number | null;
  readonly trustClearedAt: number | null;
  readonly trustClearedReason: string | null;
  readonly node: string | null;
  readonly address: string | null;
  readonly since: number | null;
  readonly lastHeartbeatAt: number | null;
  readonly queued: number;
  readonly queuedBytes: number;
  readonly expired: number;
  readonly rejected: number;
  readonly deadLetters: number;
};

/** Something that happened to a follower, or how far a message to it got. */
export type TimelineRow = {
  readonly id: string;
  readonly at: number;
  readonly kind: "audit" | "message";
  /** The event of the audit, or the state of the message. */
  readonly what: string;
  readonly details: Readonly<Record<string, string>>;
};

export type PairingRow = {
  /** The pairing's id. */
  readonly id: string;
  readonly identifier: string;
  readonly fingerprint: string;
  readonly address: string;
  readonly openedAt: number;
  readonly expiresAt: number;
  /** It was let in, and its follower has yet to come for its secret. */
  readonly approvedAt: number | null;
};

/** Who signed in, and what was decided. */
export type AccessRow = {
  readonly id: string;
  readonly at: number;
  readonly event: string;
  readonly details: Readonly<Record<string, string>>;
};

export type FeedEvent = {
  /** Rises by one with each. */
  readonly seq: number;
  readonly identifier: string;
  readonly status: string;
  readonly previous: string;
  readonly reason: string;
  readonly at: number;
};

/** The cluster at an instant. Rates are a second, since the sample before. */
export type Sample = {
  readonly at: number;
  readonly sessions: number;
  readonly commands: number | null;
  readonly statusChanges: number;
  /** Messages from followers, and to them. */
  readonly received: number | null;
  readonly sent: number | null;
  /** Until a follower acked a message that its socket took, on average; until a node reads what it is sent (ms). */
  readonly ackMs: number | null;
  readonly routeMs: number | null;
  /** The longest and the usual answer of Redis to this coordinator since the sample before (ms). */
  readonly redisMaxMs: number | null;
  readonly redisMs: number | null;
};

/** What the page posts to decide of a pairing: exactly what was shown. */
export type Decision = {
  readonly decision: "approve" | "deny";
  readonly identifier: string;
  readonly fingerprint: string;
  readonly pairingId: string;
};

/** Whether it was done, and a sentence that says so. */
export type DecisionResult = { readonly done: boolean; readonly outcome: string; readonly sentence: string };

/** What a page that is signed in needs. */
export type SessionInfo = { readonly csrf: string; readonly by: string; readonly coordinatorId: string };
